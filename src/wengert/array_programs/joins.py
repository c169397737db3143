"""How does an elementwise op act on a vector that is joined of pieces?

On each piece, and what comes out is joined: so the pieces are computed in the loops around them and the vector is not
stored, unless something else reads it. Slices of vectors and their adjoints, which are vectors between zeros, meet in
such ops.
"""

from __future__ import annotations

import itertools
import math
from itertools import accumulate
from typing import TYPE_CHECKING

from wengert._core.array_code import KIND_CONSTANT
from wengert.array_programs.tape import TapeNode
from wengert.array_programs.values import CODE, Value
from wengert.array_programs.views import rearranged, whole

if TYPE_CHECKING:
    from wengert.array_programs.read import Reading

NAMES = {code: name for name, code in CODE.items()}
# Each piece becomes a loop of its own, which takes some 30 ns to begin.
MOST_PIECES = 4


def on_pieces(reading: Reading, name: str, arguments: list[int], node: TapeNode) -> Value | None:
    """The value of an op of terms as a vector joined of pieces, if an argument is one."""
    if len(node.shape) != 1 or node.dtype.kind != "f":
        return None
    n = node.shape[0]
    joined = [cuts_of(reading, t) for t in arguments]
    cuts = sorted({cut for one in joined for cut in one} | {0, n})
    if len(cuts) == 2 or len(cuts) > MOST_PIECES + 1:
        return None
    if not all(reading.shape_of(t) in ((), (n,)) and can_cut(reading, t) for t in arguments):
        return None
    operands, zeros = [], []
    for k, (start, stop) in enumerate(itertools.pairwise(cuts)):
        pieces = [piece(reading, t, start, stop) for t in arguments]
        t = of_zeros(reading, name, pieces)
        if t is None:
            zeros.append(k)
        operands.append(Value(reading.terms.constant(0.0) if t is None else t, None, (stop - start,), node.dtype))
    return join(reading, operands, zeros, node)


def join(reading: Reading, operands: list[Value], zeros: list[int], node: TapeNode) -> Value:
    """A vector joined of pieces, some of which are nothing but zeros that a derivative put there."""
    value = reading.row("concatenate", tuple(operands), (("axis", 0),), node.shape, node.dtype, node.position)
    reading.zeros.update((reading.view_of(value).base[1], k) for k in zeros)
    return value


def row_of(reading: Reading, t: int) -> int:
    """The number of the row that joins all of a vector, or -1."""
    if not reading.is_leaf(t):
        return -1
    view = reading.view_of_term(t)
    if view.base[0] != "row" or reading.rows[view.base[1]].name != "concatenate":
        return -1
    shape = reading.rows[view.base[1]].shape
    return view.base[1] if len(shape) == 1 and view == whole(view.base, shape) else -1


def cuts_of(reading: Reading, t: int) -> list[int]:
    """Where the pieces of a vector begin and end."""
    row = row_of(reading, t)
    if row < 0:
        return []
    return [0, *accumulate(math.prod(v.shape) for v in reading.rows[row].operands)]


def is_there(reading: Reading, t: int) -> bool:
    """Is a term a number, or stored anyway?"""
    return reading.shape_of(t) == () or reading.is_leaf(t) or t in reading.cut_up


def can_cut(reading: Reading, t: int) -> bool:
    """Is a part of a vector to be had without storing what would not be stored else?"""
    return is_there(reading, t) or all(is_there(reading, a) for a in reading.terms.describe(t)[1])


def piece(reading: Reading, t: int, start: int, stop: int) -> int | None:
    """A part of a vector, or None if it is nothing but such zeros."""
    shape = reading.shape_of(t)
    if shape == ():
        return t
    row = row_of(reading, t)
    if row >= 0:
        for k, (first, end) in enumerate(itertools.pairwise(cuts_of(reading, t))):
            if first <= start and stop <= end:
                if (row, k) in reading.zeros:
                    return None
                return part(reading, reading.rows[row].operands[k].term, start - first, stop - first)
    return part(reading, t, start, stop)


def part(reading: Reading, t: int, start: int, stop: int) -> int:
    """A part of a term."""
    shape = reading.shape_of(t)
    if shape in ((), (stop - start,)):
        return t
    if not is_there(reading, t):
        code, arguments, _, _ = reading.terms.describe(t)
        parts = [part(reading, a, start, stop) for a in arguments]
        return reading.term(NAMES[code], *parts)
    return reading.leaf(rearranged(reading.view_of_term(t), shape, lambda array: array[start:stop]))


def of_zeros(reading: Reading, name: str, pieces: list[int | None]) -> int | None:
    """The op on pieces, where None is a zero that a derivative put there: the sum of it and another is that other."""
    if None in pieces:
        known = [t for t in pieces if t is not None]
        if not known or name == "mul_no_nan":
            return None if name in ("add", "sub", "neg", "mul_no_nan") else computed(reading, name, pieces)
        if name == "add" or (name == "sub" and pieces[1] is None):
            return known[0]
        if name == "mul" and is_finite(reading, known[0]):
            return None
    return computed(reading, name, pieces)


def computed(reading: Reading, name: str, pieces: list[int | None]) -> int:
    return reading.term(name, *[reading.terms.constant(0.0) if t is None else t for t in pieces])


def is_finite(reading: Reading, t: int) -> bool:
    kind, _, number, _ = reading.terms.describe(t)
    return kind == KIND_CONSTANT and math.isfinite(number)
