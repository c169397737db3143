"""Which sums of products become products of matrices, which a sum over the elements of one loop?"""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.array_programs.products import LARGEST_INT, lies_well
from wengert.array_programs.tape import TapeNode
from wengert.array_programs.values import CODE, Value
from wengert.array_programs.views import Shape, rearranged
from wengert.rows.einsum import explicit

if TYPE_CHECKING:
    from wengert.array_programs.read import Reading


def matmul(reading: Reading, node: TapeNode, a: Value, b: Value) -> Value | None:
    """A product of matrices; those that lie badly are copied first."""
    if a.view is not None or b.view is not None or max(*a.shape, *b.shape) > LARGEST_INT:
        return None
    if a.shape[-1] == 1:
        # Nothing to sum: an elementwise product.
        left = a if len(a.shape) > 1 else reading.reshape_to(a, (1, 1))
        right = b if len(b.shape) > 1 else reading.reshape_to(b, (1, 1))
        y = reading.term("mul", left.term, right.term)
        wide = np.broadcast_shapes(left.shape, right.shape)
        return reading.reshape_to(Value(y, None, wide, node.dtype), node.shape)
    return matrix_product(reading, a, b, node.shape, node.position)


def matrix_product(reading: Reading, a: Value, b: Value, shape: Shape, position: Any) -> Value:
    operands = []
    for value in (a, b):
        if not lies_well(reading.view_of(value), value.shape):
            value = reading.row("copy", (value,), (), value.shape, value.dtype, position)
        operands.append(value)
    return reading.row("product", tuple(operands), (), shape, reading.dtype, position)


def einsum(reading: Reading, node: TapeNode, *operands: Value, subscripts: str) -> Value | None:
    """A sum of products, as one of matrices or as one over the elements of the largest operand."""
    labels, output = explicit(subscripts, [len(x.shape) for x in operands])
    if any(len(set(mine)) < len(mine) for mine in labels) or any(x.view is not None for x in operands):
        return None
    size: dict[str, int] = {}
    for mine, x in zip(labels, operands, strict=True):
        for letter, n in zip(mine, x.shape, strict=True):
            size[letter] = max(size.get(letter, 1), n)
    if len(operands) == 2 and 0 not in size.values():
        a, b = (unit_free(reading, x, mine, size) for x, mine in zip(operands, labels, strict=True))
        value = contract(reading, a, b, output, size, node.shape, node.position)
        if value is not None:
            return value
    if set(size) != set(output) and math.prod(size.values()) > max(math.prod(x.shape) for x in operands):
        return None  # a sum over an array larger than any operand
    order = output + "".join(letter for letter in size if letter not in output)
    terms = [spread(reading, x, mine, order).term for x, mine in zip(operands, labels, strict=True)]
    y = terms[0]
    for t in terms[1:]:
        y = reading.term("mul", y, t)
    shape = tuple(size[letter] for letter in order)
    if 0 in shape:
        return None
    axes = tuple(range(len(output), len(order)))
    t = reading.reduced("sum", y, shape, axes, node.position)
    return reading.reshape_to(Value(t, None, shape[: len(output)] + (1,) * len(axes), node.dtype), node.shape)


def spread(reading: Reading, x: Value, labels: str, order: str) -> Value:
    """An operand with its axes in this order, and axes of length 1 for labels that it lacks."""
    axes = [labels.index(letter) for letter in order if letter in labels]
    ordered = moved(reading, x, axes)
    lengths = iter(ordered.shape)
    return reading.reshape_to(ordered, tuple(next(lengths) if letter in labels else 1 for letter in order))


def unit_free(reading: Reading, x: Value, labels: str, size: dict[str, int]) -> tuple[Value, str]:
    """An operand without the axes along which it is broadcast or of length 1."""
    kept = "".join(letter for letter, n in zip(labels, x.shape, strict=True) if n != 1)
    return reading.reshape_to(x, tuple(size[letter] for letter in kept)), kept


def contract(
    reading: Reading,
    a: tuple[Value, str],
    b: tuple[Value, str],
    output: str,
    size: dict[str, int],
    shape: Shape,
    position: Any,
) -> Value | None:
    """Two operands as matrices, if something is summed, and each has an axis of its own."""
    (x, of_x), (y, of_y) = a, b
    shared = [letter for letter in of_x if letter in of_y]
    stack = [letter for letter in shared if letter in output]
    summed = [letter for letter in shared if letter not in output]
    left = [letter for letter in of_x if letter not in of_y]
    right = [letter for letter in of_y if letter not in of_x]
    n = [math.prod(size[letter] for letter in group) for group in (left, summed, right)]
    if (
        not summed
        or not left
        or not right
        or max(n) > LARGEST_INT
        or any(letter not in output for letter in left + right)
    ):
        return None
    lengths = tuple(size[letter] for letter in stack)
    matrix = reading.reshape_to(
        moved(reading, x, [of_x.index(k) for k in stack + left + summed]), (*lengths, n[0], n[1])
    )
    other = reading.reshape_to(
        moved(reading, y, [of_y.index(k) for k in stack + summed + right]), (*lengths, n[1], n[2])
    )
    z = matrix_product(reading, matrix, other, (*lengths, n[0], n[2]), position)
    made = stack + left + right
    z = reading.reshape_to(z, tuple(size[letter] for letter in made))
    z = moved(reading, z, [made.index(letter) for letter in output if letter in made])
    return reading.reshape_to(z, shape)


def moved(reading: Reading, x: Value, axes: list[int]) -> Value:
    """A value with its axes in another order."""
    shape = tuple(x.shape[k] for k in axes)
    if axes == list(range(len(axes))) or reading.shape_of(x.term) == ():
        return Value(x.term, None, shape, x.dtype)
    view = rearranged(reading.view_of(x), x.shape, lambda array: array.transpose(axes))
    return Value(reading.leaf(view), None, shape, x.dtype)


def sum_of_products(reading: Reading, t: int, shape: Shape, axes: tuple[int, ...], position: Any) -> int | None:
    """The sum of an elementwise product as one of matrices, where that saves the array of products."""
    kind, arguments, _, _ = reading.terms.describe(t)
    if kind == CODE["neg"]:
        y = sum_of_products(reading, arguments[0], shape, axes, position)
        return None if y is None else reading.term("neg", y)
    if kind != CODE["mul"]:
        return None
    letters = string.ascii_letters[: len(shape)]
    size = dict(zip(letters, shape, strict=True))
    operands = []
    for a in arguments:
        mine = reading.shape_of(a)
        value = Value(a, None, mine, reading.dtype)
        operands.append(unit_free(reading, value, letters[len(shape) - len(mine) :], size))
    output = "".join(letter for k, letter in enumerate(letters) if k not in axes)
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    made = contract(reading, operands[0], operands[1], output, size, tuple(size[k] for k in output), position)
    return None if made is None else reading.reshape_to(made, kept).term
