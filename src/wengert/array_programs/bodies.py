"""Where does a loop of an array program find its argument, and where does it leave its result?

To a graph both are one vector (steps.py). Here the argument is read where its pieces are, without being joined, and of
a carry that nobody looks at but for its last value no more than two are kept.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.array_programs.tape import TapeNode
from wengert.array_programs.values import Row, Value
from wengert.array_programs.views import whole

if TYPE_CHECKING:
    from wengert.array_programs.read import Reading
    from wengert.steps import Steps

# Number of an operand, and an element of it.
Place = tuple[int, int]
# Of an input: its places at the first, second and last step, and how far it goes on from the second.
Way = tuple[Place, Place, Place, int]


def read_loop(reading: Reading, node: TapeNode, x: Value, body: Any) -> Value | None:
    """A loop as a row of the pieces of its argument; the parameters say where its inputs begin in them."""
    is_loop = getattr(body, "length", 0) > 0  # `Steps`: other bodies do not know how often they run
    if not is_loop or reading.dtype != np.float64 or x.view is not None:
        return None
    pieces = pieces_of(reading, x)
    ways = ways_through(reading, pieces, body)
    if ways is None:
        pieces = [x]
        ways = ways_through(reading, pieces, body)
        assert ways is not None
    used = sorted({k for way in ways for k, _ in way[:3]})
    operands = tuple(in_memory(reading, pieces[k]) for k in used)

    def renumbered(place: Place) -> Place:
        return used.index(place[0]), place[1]

    ways = tuple((renumbered(a), renumbered(b), renumbered(c), distance) for a, b, c, distance in ways)
    params = (("steps", body), ("ways", ways))
    return reading.row("loop", operands, params, node.shape, node.dtype, node.position)


def pieces_of(reading: Reading, x: Value) -> list[Value]:
    """What a vector is joined of."""
    view = reading.view_of(x)
    kind, number = view.base
    if kind == "row" and reading.rows[number].name == "concatenate":
        row = reading.rows[number]
        if row.shape == x.shape and view == whole(view.base, row.shape):
            return [piece for operand in row.operands for piece in pieces_of(reading, operand)]
    return [x]


def in_memory(reading: Reading, x: Value) -> Value:
    """A vector of floats that follow each other in memory."""
    x = Value(reading.float_term(x), None, x.shape, reading.dtype)
    view = reading.view_of(x)
    if view.size == math.prod(x.shape) and (view.size == 1 or view.is_whole):
        return x
    return reading.row("copy", (x,), (), x.shape, x.dtype, None)


def ways_through(reading: Reading, pieces: list[Value], body: Steps) -> tuple[Way, ...] | None:
    """Where the inputs of the body are in pieces of the argument, or None if one is not in a single piece.

    Of an input that goes on from row to row, the first and the last row may be in pieces of their own.
    Constant rows that are all alike but for those two are kept once: `pieces` changes.
    """
    starts = [0, *accumulate(math.prod(piece.shape) for piece in pieces)]
    first_got = body.n_constants + body.n_carry
    ways: list[Way] = []

    def find(start: int, stop: int) -> Place | None:
        k = bisect_right(starts, start, hi=len(starts) - 1) - 1
        return (k, start - starts[k]) if stop <= starts[k + 1] else None

    for k, (first, second, last, distance, _) in enumerate(body.tables[0].tolist()):
        size = math.prod(body.body.shapes[k])
        if size == 0:
            ways.append(((0, 0), (0, 0), (0, 0), 0))
        elif k < first_got or body.length == 1:
            place = find(first, first + size)
            if place is None:
                return None
            # What a carry is after the first step is in the result.
            ways.append((place, place, place, 0))
        else:
            low, high = sorted((second, last - distance)) if body.length > 2 else (second, second)
            places = find(first, first + size), find(low, high + size), find(last, last + size)
            if places[0] is None or places[1] is None or places[2] is None:
                return None
            middle = (places[1][0], places[1][1] + second - low)
            ways.append(shared_rows(reading, pieces, (places[0], middle, places[2], distance), size, body.length))
    return tuple(ways)


def shared_rows(reading: Reading, pieces: list[Value], way: Way, size: int, n_steps: int) -> Way:
    """The way of an input whose constant rows are kept once if they are all alike."""
    (number, at), distance = way[1], way[3]
    array = reading.known_array(pieces[number])
    if array is None or n_steps < 4:
        return way
    low, high = sorted((at, at + (n_steps - 3) * distance))
    rows = array[low : high + size].reshape(n_steps - 2, size).view(np.uint64)
    if (rows[1:] != rows[:1]).any():
        return way
    places = []
    for k, start in way[:3]:
        known = reading.known_array(pieces[k])
        if known is None:
            places.append((k, start))
            continue
        places.append((len(pieces), 0))
        pieces.append(reading.constant(known[start : start + size], (size,), reading.dtype))
    return places[0], places[1], places[2], 0


def loop_tables(row: Row, wants_carry: list[bool]) -> dict[str, Any]:
    """A loop as the runner takes it (`loop_t`): counted in bytes.

    Parameters
    ----------
    row : Row
    wants_carry : list of bool
        Of each part of the carry: does somebody look at another than the last?
    """
    params = dict(row.params)
    steps: Steps = params["steps"]
    inputs, outputs, sums = (table.tolist() for table in steps.tables)
    n, result = steps.length, len(row.operands)
    rows = []
    for k, ((first, second, last, distance), place) in enumerate(zip(params["ways"], inputs, strict=True)):
        carry = k - steps.n_constants
        if not 0 <= carry < steps.n_carry:
            rows.append((first, second, last, distance, distance))
            continue
        begin, on, _ = outputs[carry]
        if n > 2 and not wants_carry[carry]:
            # The last two rows take turns, so that the last value is where it belongs.
            end = begin + (n - 1) * on
            outputs[carry] = [end, -on, on] if n % 2 else [end - on, on, -on]
        begin, even, odd = outputs[carry]
        rows.append((first, (result, begin), (result, place[2] if even == odd else end - on), odd, even))
    return {
        "program": steps.body.program,
        "n_steps": n,
        "breath": steps.body.breath,
        "inputs": [(a[0], 8 * a[1], b[0], 8 * b[1], c[0], 8 * c[1], 8 * d, 8 * e) for a, b, c, d, e in rows],
        "outputs": [tuple(8 * number for number in output) for output in outputs],
        "sums": [(k, 8 * place, size) for k, place, size in sums],
    }
