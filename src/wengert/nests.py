"""How are nests (lists, tuples, dicts, ... of numbers) taken apart and put together?

optree does it. One float, and a plain list or tuple of numbers, are so common and so small that its microsecond per
call would be a third of a small gradient: they are done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optree

from wengert._core.inputs import holds_only_numbers

Rebuild = Callable[[list[Any]], Any]
"""Puts a nest together from its leaves."""


def the_only(leaves: list[Any]) -> Any:
    return leaves[0]


def flatten(nest: Any) -> tuple[list[Any], Rebuild]:
    """Leaves of a nest, in order, and the function that puts such a nest together.

    Anything that is no container is a leaf, None included.

    Examples
    --------
    >>> leaves, rebuild = flatten({"b": [1.0, 2.0], "a": 3.0})
    >>> leaves, rebuild([10, 20, 30])
    ([3.0, 1.0, 2.0], {'b': [20, 30], 'a': 10})
    """
    kind = type(nest)
    if (kind is list or kind is tuple) and holds_only_numbers(nest):
        return list(nest), kind
    if holds_only_numbers((nest,)):
        return [nest], the_only
    leaves, form = optree.tree_flatten(nest, none_is_leaf=True)
    return leaves, form.unflatten
