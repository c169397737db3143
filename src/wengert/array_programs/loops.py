"""In which loops does a group of elementwise terms run over strided arrays?

The axes of a group are joined where all its arrays allow it. What remains is a nest of rows and an inner axis, cut into
chunks of some rows or of a part of one row. An array of a group is *flat* if its elements of a chunk are at equal
distances; else it is read *row* by row, or *gathered* into a contiguous buffer of the chunk (scattered, if written),
which fits the first-level cache. Along an inner axis on which nothing changes it is *fixed*: a pool entry for each row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wengert.array_programs.views import Shape

FLAT, ROW, GATHER, FIXED = range(4)
# Rows that are shorter share a chunk, since beginning a chunk costs some 100 ns.
SHORTEST_ROW = 128
# A chunk that needs buffers has so many elements, or at least one row.
CHUNK = 1024
# Without buffers a chunk is only cut for the sake of the sums of its blocks, which take memory.
LONGEST_CHUNK = 1 << 22


@dataclass
class Loops:
    """The nest of one group.

    Attributes
    ----------
    shape : tuple of int
        The joined axes.
    strides : list of tuple of int
        Of each array along them.
    modes : list of int
        FLAT, ROW, GATHER or FIXED, of each array.
    rows : int
        Rows of a chunk; 1 if chunks are parts of rows.
    chunk : int
        Elements of a row in a chunk, at most.
    """

    shape: Shape
    strides: list[tuple[int, ...]]
    modes: list[int]
    rows: int
    chunk: int

    def still(self, k: int) -> bool:
        """Are all chunks of an array alike?"""
        period = first_in(self.shape[:-1], self.rows)
        return self.rows > 1 and not any(self.strides[k][:period])

    def nest(self, k: int) -> tuple[int, Shape, tuple[int, ...]]:
        """The rows of an array that is gathered: how many of the group's are one, lengths and strides of outer axes.

        Rows are one if their elements go on at the same distance, as far as a chunk consists of whole such rows.
        """
        axis, in_one, inner = len(self.shape) - 2, 1, self.shape[-1]
        steps = self.strides[k]
        while axis >= first_in(self.shape[:-1], self.rows) and steps[axis] == steps[-1] * inner * in_one:
            in_one *= self.shape[axis]
            axis -= 1
        lengths, (strides,) = joined(self.shape[: axis + 1], [steps[: axis + 1]])
        return in_one, lengths, strides


def first_in(outer: Shape, rows: int) -> int:
    """The first of the last outer axes of which a chunk of so many rows holds a multiple."""
    axis, size = len(outer), 1
    while axis > 0 and rows % (size * outer[axis - 1]) == 0:
        axis -= 1
        size *= outer[axis]
    return axis


def rows_of_chunk(outer: Shape, most: int) -> int:
    """Rows of a chunk: as many as may be, but a multiple of the last outer axes, so that chunks repeat each other."""
    size = 1
    for n in reversed(outer):
        if size * n > most:
            break
        size *= n
    return min(max(most // size, 1) * size, math.prod(outer))


def joined(shape: Shape, arrays: list[tuple[int, ...]]) -> tuple[Shape, list[tuple[int, ...]]]:
    """The axes of length 1 dropped, and neighbours joined where they are one axis for every array."""
    axes = [k for k, n in enumerate(shape) if n != 1]
    lengths: list[int] = []
    steps: list[list[int]] = [[] for _ in arrays]
    for k in axes:
        if lengths and all(s[-1] == a[k] * shape[k] for s, a in zip(steps, arrays, strict=True)):
            lengths[-1] *= shape[k]
            for s, a in zip(steps, arrays, strict=True):
                s[-1] = a[k]
        else:
            lengths.append(shape[k])
            for s, a in zip(steps, arrays, strict=True):
                s.append(a[k])
    return tuple(lengths), [tuple(s) for s in steps]


def is_flat(shape: Shape, strides: tuple[int, ...]) -> bool:
    """Are the elements at equal distances?"""
    return all(strides[k] == strides[k + 1] * shape[k + 1] for k in range(len(shape) - 1))


def plan_loops(
    shape: Shape,
    read: list[tuple[int, ...]],
    stored: list[tuple[int, ...]],
    folded: list[tuple[int, ...]],
) -> Loops:
    """The loops of a group.

    Parameters
    ----------
    shape : tuple of int
        Of the group; no axis is empty, and not all are of length 1.
    read, stored, folded : list of tuple of int
        Strides of the arrays. A reduction is folded with stride 0 along its axes. Row by row it has the mode ROW: it
        is folded into a row, by an instruction, or to a number for each row.
    """
    lengths, strides = joined(shape, read + stored + folded)
    inner = lengths[-1]
    by_rows = len(lengths) == 1 or inner >= SHORTEST_ROW
    modes = []
    for k, steps in enumerate(strides):
        j = k - len(read) - len(stored)
        if j >= 0:
            modes.append(ROW if by_rows else GATHER)
        elif is_flat(lengths, steps):
            modes.append(FLAT)
        elif not by_rows:
            modes.append(GATHER)
        elif k < len(read) and steps[-1] == 0:
            modes.append(FIXED)
        else:
            modes.append(ROW)
    rows = 1 if by_rows else rows_of_chunk(lengths[:-1], CHUNK // inner)
    chunk = min(inner, CHUNK if GATHER in modes else LONGEST_CHUNK)
    return Loops(lengths, strides, modes, rows, chunk)
