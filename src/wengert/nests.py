"""How are nests (lists, tuples, dicts, ... of numbers and arrays) taken apart and put together?

trees.py does it. One float or array, and a plain list or tuple of numbers, are so common and so small that its
microsecond per call would be a third of a small gradient: they are done here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import structured, trees
from wengert._core.arrays import VarArray, assemble, elements_of
from wengert._core.inputs import holds_only_numbers
from wengert._core.var import Var
from wengert.errors import ShapeError

Rebuild = Callable[[list[Any]], Any]
"""Puts a nest together from its leaves."""


def the_only(leaves: list[Any]) -> Any:
    return leaves[0]


class WithArrays:
    """Puts a nest together in which arrays are.

    Parameters
    ----------
    shapes : sequence of tuple or None
        Of each array or number: its shape, None for a number.
    unflatten : callable
        Puts the nest together from arrays and numbers.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...] | None], unflatten: Rebuild) -> None:
        self.shapes = shapes
        self.unflatten = unflatten

    def __call__(self, leaves: list[Any]) -> Any:
        parts, start = [], 0
        for shape in self.shapes:
            stop = start + size_of(shape)
            parts.append(leaves[start] if shape is None else assemble(leaves[start:stop], shape))
            start = stop
        return self.unflatten(parts)


def flatten(nest: Any) -> tuple[list[Any], Rebuild]:
    """Leaves of a nest, in order, and the function that puts such a nest together.

    An array is a leaf; so is anything else that is no container, None included.

    Examples
    --------
    >>> leaves, rebuild = flatten({"b": [1.0, 2.0], "a": 3.0})
    >>> leaves, rebuild([10, 20, 30])
    ([3.0, 1.0, 2.0], {'b': [20, 30], 'a': 10})
    """
    kind = type(nest)
    if (kind is list or kind is tuple) and holds_only_numbers(nest):
        return list(nest), kind
    if kind is np.ndarray or kind is VarArray or holds_only_numbers((nest,)):
        return [nest], the_only
    leaves, form = trees.flatten(nest)
    return leaves, form.unflatten


def flatten_numbers(nest: Any) -> tuple[list[Any], Rebuild]:
    """The same, but the elements of an array are the leaves."""
    leaves, rebuild = flatten(nest)
    shapes = [leaf.shape if isinstance(leaf, np.ndarray | VarArray) else None for leaf in leaves]
    if all(shape is None for shape in shapes):
        return leaves, rebuild
    numbers: list[Any] = []
    for leaf, shape in zip(leaves, shapes, strict=True):
        numbers += [leaf] if shape is None else elements_of(leaf)
    return numbers, WithArrays(shapes, rebuild)


def flatten_like(nest: Any, leaves: list[Any], rebuild: Rebuild, what: str) -> list[Any]:
    """Leaves of a nest that must have the form of another one, which `flatten` took apart before."""
    found, rebuild_found = flatten(nest)
    same = [np.shape(leaf) for leaf in found] == [np.shape(leaf) for leaf in leaves]
    if same and rebuild_found is not rebuild:
        same = form_of(rebuild, len(leaves)) == form_of(rebuild_found, len(leaves))
    if not same:
        raise ShapeError(f"{what} must have the form and the shapes of what they belong to, but they are {nest!r}")
    return found


def form_of(rebuild: Rebuild, n_leaves: int) -> Any:
    """Something that is equal for nests of the same form."""
    return trees.structure(rebuild([0.0] * n_leaves))


def size_of(shape: tuple[int, ...] | None) -> int:
    """Number of leaves; None is the shape of a number."""
    return 1 if shape is None else math.prod(shape)


def shape_of(leaf: Any) -> tuple[int, ...] | None:
    """The shape of an array; None is that of a number, and of a 0-d array that is one."""
    return leaf.shape if isinstance(leaf, np.ndarray | VarArray) else None


def stacked(parts: list[Any], shape: tuple[int, ...], part_shape: tuple[int, ...]) -> Any:
    """Numbers or arrays of one shape as one array, whose first axes are `shape`."""
    if not any(isinstance(part, VarArray | Var) for part in parts):
        return np.array(parts).reshape(shape + part_shape)
    if any(isinstance(part, VarArray) and part.is_whole for part in parts):
        rows = [structured.rows.reshape(part, shape=(1, *part_shape)) for part in parts]
        return structured.rows.reshape(structured.rows.concatenate(*rows, axis=0), shape=shape + part_shape)
    elements: list[Any] = []
    for part in parts:
        elements += elements_of(part) if isinstance(part, VarArray | np.ndarray) else [part]
    return assemble(elements, shape + part_shape)
