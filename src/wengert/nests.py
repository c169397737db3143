"""How are nests (lists, tuples, dicts, ... of numbers and arrays) taken apart and put together?

optree does it. One float, and a plain list or tuple of numbers, are so common and so small that its microsecond per
call would be a third of a small gradient: they are done here. An array counts as its elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

from wengert._core.arrays import VarArray, assemble, elements_of
from wengert._core.inputs import holds_only_numbers
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

    The elements of an array are leaves; so is anything else that is no container, None included.

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
    if kind is np.ndarray or kind is VarArray:
        return list(elements_of(nest)), WithArrays([nest.shape], the_only)
    parts, form = optree.tree_flatten(nest, none_is_leaf=True)
    shapes = [part.shape if isinstance(part, np.ndarray | VarArray) else None for part in parts]
    if all(shape is None for shape in shapes):
        return parts, form.unflatten
    leaves: list[Any] = []
    for part, shape in zip(parts, shapes, strict=True):
        leaves += [part] if shape is None else elements_of(part)
    return leaves, WithArrays(shapes, form.unflatten)


def flatten_like(nest: Any, leaves: list[Any], rebuild: Rebuild, what: str) -> list[Any]:
    """Leaves of a nest that must have the form of another one, which `flatten` took apart before."""
    found, rebuild_found = flatten(nest)
    same = len(found) == len(leaves)
    if same and rebuild_found is not rebuild:
        same = form_of(rebuild, len(leaves)) == form_of(rebuild_found, len(leaves))
    if not same:
        raise ShapeError(f"{what} must have the form and the shapes of what they belong to, but they are {nest!r}")
    return found


def form_of(rebuild: Rebuild, n_leaves: int) -> Any:
    """Something that is equal for nests of the same form and shapes."""
    parts, form = optree.tree_flatten(rebuild([0.0] * n_leaves), none_is_leaf=True)
    return form, [np.shape(part) for part in parts]


def size_of(shape: tuple[int, ...] | None) -> int:
    """Number of leaves; None is the shape of a number."""
    return 1 if shape is None else math.prod(shape)


def matrix(rows: list[list[Any]], rebuild_rows: Rebuild, rebuild_columns: Rebuild, n_columns: int) -> Any:
    """The nest of `rebuild_rows`, with the nest of `rebuild_columns` made of its row in the place of every number.

    Where an array meets an array or a number the result is one array, whose first axes are those of the rows.
    """
    shapes_down, unflatten_down = parts_of(rebuild_rows, len(rows))
    shapes_across, unflatten_across = parts_of(rebuild_columns, n_columns)
    parts, first = [], 0
    for down in shapes_down:
        last, left, blocks = first + size_of(down), 0, []
        for across in shapes_across:
            right = left + size_of(across)
            entries = [entry for row in rows[first:last] for entry in row[left:right]]
            alone = down is None and across is None
            blocks.append(entries[0] if alone else assemble(entries, (down or ()) + (across or ())))
            left = right
        parts.append(unflatten_across(blocks))
        first = last
    return unflatten_down(parts)


def parts_of(rebuild: Rebuild, n_leaves: int) -> tuple[Sequence[tuple[int, ...] | None], Rebuild]:
    """Shapes of the arrays and numbers of a nest, and what puts it together from these."""
    if isinstance(rebuild, WithArrays):
        return rebuild.shapes, rebuild.unflatten
    return [None] * n_leaves, rebuild
