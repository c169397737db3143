"""Which sums of products are products of matrices, and how do these lie in memory?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wengert.array_programs.views import Shape, View, broadcast_strides

LARGEST_INT = 2**31 - 1  # BLAS counts in ints


@dataclass(frozen=True)
class Product:
    """``a @ b`` of stacks of matrices.

    Attributes
    ----------
    m, n, k : int
        Rows and columns of the result, and the length of the sums.
    a, b : (int, int)
        Strides along rows and columns, in elements.
    stack, a_stack, b_stack : tuple of int
        Lengths of the stack, and strides along it.
    """

    m: int
    n: int
    k: int
    a: tuple[int, int]
    b: tuple[int, int]
    stack: Shape
    a_stack: tuple[int, ...]
    b_stack: tuple[int, ...]


def lies_well(view: View, shape: Shape) -> bool:
    """Can BLAS read the last two axes of this array, or its only one, in place?"""
    strides = broadcast_strides(view.shape, view.strides, shape)
    (rows, columns), (row, column) = (1, *shape)[-2:], (0, *strides)[-2:]
    if max(rows, columns, row, column) > LARGEST_INT or any(
        n > 1 and s <= 0 for n, s in ((rows, row), (columns, column))
    ):
        return False
    if rows == 1 or columns == 1:
        return True
    return (column == 1 and row >= columns) or (row == 1 and column >= rows)


def product(a: View, a_shape: Shape, b: View, b_shape: Shape) -> Product:
    """The product of two arrays by NumPy's rules, where both lie well."""
    a_strides = broadcast_strides(a.shape, a.strides, a_shape)
    b_strides = broadcast_strides(b.shape, b.strides, b_shape)
    if len(a_shape) == 1:
        a_shape, a_strides = (1, *a_shape), (0, *a_strides)
    if len(b_shape) == 1:
        b_shape, b_strides = (*b_shape, 1), (*b_strides, 0)
    n_axes = max(len(a_shape), len(b_shape)) - 2
    a_lengths = (1,) * (n_axes + 2 - len(a_shape)) + a_shape[:-2]
    b_lengths = (1,) * (n_axes + 2 - len(b_shape)) + b_shape[:-2]
    stack = tuple(y if x == 1 else x for x, y in zip(a_lengths, b_lengths, strict=True))
    a_stack = broadcast_strides(a_shape[:-2], a_strides[:-2], stack)
    b_stack = broadcast_strides(b_shape[:-2], b_strides[:-2], stack)
    m = a_shape[-2]
    if stack and not any(b_stack):
        # One matrix for all of the stack: its rows are the rows of one large matrix, if they are equally far apart.
        row = a_strides[-2] if m > 1 else a_stack[-1]
        lengths, steps = (*stack, m), (*a_stack, row)
        together = all(s == steps[i + 1] * lengths[i + 1] for i, s in enumerate(a_stack))
        rowwise = a_strides[-1] == 1 and row >= a_shape[-1]
        if together and rowwise and row > 0 and 1 < math.prod(lengths) <= LARGEST_INT:
            m, stack, a_stack, b_stack = math.prod(lengths), (), (), ()
            a_strides = (row, a_strides[-1])
    a_step, b_step = (a_strides[-2], a_strides[-1]), (b_strides[-2], b_strides[-1])
    return Product(m, b_shape[-1], a_shape[-1], a_step, b_step, stack, a_stack, b_stack)
