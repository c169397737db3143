"""What is a nest: which objects hold others?

Tuples, lists, dicts and whatever else optree knows, named tuples among them; and dataclasses, which nobody has to
register: their fields are the parts. None is a leaf.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from typing import Any

import optree

NAMESPACE = "wengert"
"""In which dataclasses are registered, so that other users of optree see them as before."""

registering = threading.Lock()


def flatten(nest: Any) -> tuple[list[Any], Any]:
    """Leaves of a nest, in order, and its form, whose `unflatten` puts such a nest together.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> leaves, form = flatten([Line(2.0, 1.0), None])
    >>> leaves, form.unflatten([20.0, 10.0, 0.0])
    ([2.0, 1.0, None], [Line(slope=20.0, offset=10.0), 0.0])
    """
    leaves, form = optree.tree_flatten(nest, none_is_leaf=True, namespace=NAMESPACE)
    while any(register_if_dataclass(leaf) for leaf in leaves):  # one kind after the other
        leaves, form = optree.tree_flatten(nest, none_is_leaf=True, namespace=NAMESPACE)
    return leaves, form


def leaves_of(nest: Any) -> list[Any]:
    """Leaves of a nest, in order."""
    return flatten(nest)[0]


def structure(nest: Any) -> Any:
    """Something that is equal for nests of the same form."""
    return flatten(nest)[1]


def broadcast_prefix(prefix: Any, nest: Any) -> list[Any]:
    """For each leaf of a nest the leaf of another nest, whose leaves may stand for whole parts of the first."""
    flatten(nest)
    return optree.broadcast_prefix(prefix, nest, none_is_leaf=True, namespace=NAMESPACE)


def register_if_dataclass(leaf: Any) -> bool:
    """Is it an instance of a dataclass, which is a nest from now on?"""
    kind = type(leaf)
    if not hasattr(kind, "__dataclass_fields__"):
        return False
    names = tuple(field.name for field in dataclasses.fields(kind))

    def rebuild(_: Any, parts: Iterable[Any]) -> Any:
        # The fields as they are: __init__ may want numbers, and compute others from them.
        made = object.__new__(kind)
        for name, part in zip(names, parts, strict=True):
            object.__setattr__(made, name, part)
        return made

    def parts_of(nest: Any) -> tuple[list[Any], None, tuple[str, ...]]:
        return [getattr(nest, name) for name in names], None, names

    with registering:
        if optree.register_pytree_node.get(kind, namespace=NAMESPACE) is None:
            optree.register_pytree_node(kind, parts_of, rebuild, namespace=NAMESPACE)
    return True
