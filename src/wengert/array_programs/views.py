"""Where in a buffer are the elements of an array of a program?

A view is a base with an offset and strides, all counted in elements. Every base is laid out in C order, so reshapes,
transposes and slices of it are other views of the same memory, found when a program is planned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Base = tuple[str, int]


@dataclass(frozen=True)
class View:
    """Elements of a base.

    Attributes
    ----------
    base : (str, int)
        What is computed or passed: "input", "constant", "term", "row" or "reduction", and its number.
    offset : int
        Of the first element.
    shape, strides : tuple of int
        An axis along which nothing changes has length 1, whatever the array's length there, and the stride 0.
    """

    base: Base
    offset: int
    shape: Shape
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of different elements."""
        return math.prod(self.shape)

    @property
    def span(self) -> tuple[int, int]:
        """The first element of the base that it may hold, and the one behind the last."""
        ends = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        return self.offset + sum(min(end, 0) for end in ends), self.offset + sum(max(end, 0) for end in ends) + 1

    @property
    def is_whole(self) -> bool:
        """Are these elements one after the other in C order?"""
        return self.strides == whole_strides(self.shape)


def whole_strides(shape: Shape) -> tuple[int, ...]:
    """Strides in C order; 0 along axes of length 1."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step if n != 1 else 0)
        step *= n
    return tuple(reversed(strides))


def whole(base: Base, shape: Shape) -> View:
    """All of a base that has this shape."""
    return View(base, 0, shape, whole_strides(shape))


def broadcast_strides(shape: Shape, strides: tuple[int, ...], to: Shape) -> tuple[int, ...]:
    """Strides of an array that is broadcast to a shape."""
    padded = (0,) * (len(to) - len(shape)) + strides
    lengths = (1,) * (len(to) - len(shape)) + shape
    return tuple(0 if n == 1 else s for n, s in zip(lengths, padded, strict=True))


def narrow(base: Base, offset: int, shape: Shape, strides: tuple[int, ...]) -> View:
    """The view of an array of this layout: axes of stride 0 become 1 long, leading ones of them go."""
    lengths = [1 if s == 0 and n > 1 else n for n, s in zip(shape, strides, strict=True)]
    steps = [0 if n == 1 else s for n, s in zip(lengths, strides, strict=True)]
    while lengths and lengths[0] == 1:
        lengths, steps = lengths[1:], steps[1:]
    return View(base, offset, tuple(lengths), tuple(steps))


def rearranged(view: View, shape: Shape, change: Callable[[Any], Any]) -> View:
    """The view after a basic indexing, transposition or other change that NumPy answers with a view.

    Parameters
    ----------
    view : View
    shape : tuple of int
        Shape of the array, to which the view is broadcast.
    change : callable
        From an ndarray to a view of it.

    Returns
    -------
    View
    """
    # NumPy's own arithmetic of strides, on bytes that nobody reads.
    dummy = np.lib.stride_tricks.as_strided(
        np.empty(1, np.int8), shape, broadcast_strides(view.shape, view.strides, shape)
    )
    result = change(dummy)
    moved = result.__array_interface__["data"][0] - dummy.__array_interface__["data"][0]
    return narrow(view.base, view.offset + (moved if result.size else 0), result.shape, result.strides)


def reshaped(view: View, shape: Shape, to: Shape) -> View | None:
    """The view after a reshape of its array, or None if that has to move elements."""
    old = [(n, s) for n, s in zip(shape, broadcast_strides(view.shape, view.strides, shape), strict=True) if n != 1]
    if math.prod(to) == 0:
        return View(view.base, 0, to, whole_strides(to))
    strides, k = [0] * len(to), 0
    axis = 0
    while axis < len(to):
        if to[axis] == 1:
            axis += 1
            continue
        # As many old axes as make up the next new ones.
        first, n_new, last_old = axis, to[axis], k
        n_old = old[k][0]
        while n_old != n_new:
            if n_old < n_new:
                last_old += 1
                n_old *= old[last_old][0]
            else:
                axis += 1
                n_new *= to[axis]
        if any(old[i][1] != old[i + 1][1] * old[i + 1][0] for i in range(k, last_old)):
            return None
        step = old[last_old][1]
        for i in range(axis, first - 1, -1):
            strides[i] = step
            step *= to[i]
        axis, k = axis + 1, last_old + 1
    return narrow(view.base, view.offset, to, tuple(strides))
