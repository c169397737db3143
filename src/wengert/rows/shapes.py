"""What shape and dtype has the result of a structured op, before it is computed?

The words of which the `shape` of a row is made. Arguments are arrays, Python's numbers, or anything else that has a
shape and a dtype. Where arguments do not fit, a rule raises any error, or gives None: then the value is computed at
once, and its error is NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wengert.structured import axes_of, dtype_of, shape_of

Shape = tuple[int, ...]
Result = tuple[Shape, np.dtype[Any]] | None

INDEX = np.dtype(np.intp)
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def ghost(x: Any) -> npt.NDArray[np.bool_]:
    """An array of the shape of x that takes no memory: to move its elements costs nothing as long as it makes views."""
    return np.broadcast_to(np.False_, shape_of(x))


def common_dtype(*xs: Any) -> np.dtype[Any]:
    """The dtype that holds all of them; numbers are weak."""
    return np.result_type(*[getattr(x, "dtype", x) for x in xs])


def total_dtype(x: Any) -> np.dtype[Any]:
    """That of a sum or product: NumPy adds small integers up in large ones."""
    dtype = dtype_of(x)
    wide = {"b": np.int_, "i": np.int_, "u": np.uint}.get(dtype.kind)
    return dtype if wide is None else np.result_type(dtype, wide)


def matrix_dtype(*xs: Any) -> np.dtype[Any]:
    """That of NumPy's linear algebra."""
    return SINGLE if all(dtype_of(x) == SINGLE for x in xs) else DOUBLE


def same(x: Any) -> Result:
    """The same as that of an argument."""
    return shape_of(x), dtype_of(x)


def checked_axis(axis: int, ndim: int) -> int:
    """An axis, counted from 0."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"there is no axis {axis} of {ndim}")
    return axis % ndim


def reduced(x: Any, axis: int | tuple[int, ...] | None, keepdims: bool, may_be_empty: bool = True) -> Shape:
    """The shape without some axes."""
    shape = shape_of(x)
    axes = axes_of(axis, len(shape))
    if axes != tuple(sorted({checked_axis(k, len(shape)) for k in axes})):
        raise ValueError(f"axes {axis} of an array of {len(shape)}")
    if not may_be_empty and math.prod(shape) == 0:
        raise ValueError("nothing to choose from")
    return tuple(1 if k in axes else n for k, n in enumerate(shape) if keepdims or k not in axes)


def running(x: Any, axis: int) -> Shape:
    """The shape of a running sum."""
    checked_axis(axis, len(shape_of(x)))
    return shape_of(x)


def square(a: Any) -> Shape:
    """The shape of a square matrix, or of a stack of such."""
    shape = shape_of(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError("a matrix is not square")
    return shape


def solution(a: Any, b: Any) -> Shape:
    """The shape of the solution of ``a @ x = b``."""
    matrix, right = square(a), shape_of(b)
    if right[-2 if len(right) > 1 else -1] != matrix[-1]:
        raise ValueError("matrix and right-hand side differ in rows")
    if len(right) == 1:
        return matrix[:-1]
    return (*np.broadcast_shapes(matrix[:-2], right[:-2]), *right[-2:])


def product(a: Any, b: Any) -> Shape:
    """The shape of a matrix product."""
    left, right = shape_of(a), shape_of(b)
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else -1]:
        raise ValueError("matrices do not fit")
    outer = np.broadcast_shapes(left[:-2], right[:-2])
    return (*outer, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def joined(xs: tuple[Any, ...], axis: int) -> Shape:
    """The shape of arrays that are joined along an axis."""
    shapes = [shape_of(x) for x in xs]
    axis = checked_axis(axis, len(shapes[0]))
    if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) != 1 or len(set(map(len, shapes))) != 1:
        raise ValueError("arrays differ in another axis than that along which they are joined")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def written(x: Any, v: Any, key: Any) -> Result:
    """That of x after ``x[key] = v``."""
    there, new = ghost(x)[key].shape, shape_of(v)
    extra = max(len(new) - len(there), 0)
    if any(n != 1 for n in new[:extra]) or np.broadcast_shapes(there, new[extra:]) != there:
        raise ValueError("the values do not fill the place")
    return shape_of(x), common_dtype(x, v)


def may_be_within(indices: Any, n: int) -> bool:
    """Are indices integers of an axis of that length, as far as they are known?"""
    if not isinstance(indices, np.ndarray) or not indices.size:
        return True
    return indices.dtype.kind in "iu" and bool(-n <= np.min(indices) and np.max(indices) < n)


def gathered(x: Any, indices: Any, axis: int) -> Result:
    """That of slices taken along an axis."""
    shape = shape_of(x)
    axis = checked_axis(axis, len(shape))
    if not isinstance(indices, np.ndarray) and not shape_of(indices):
        return None  # one index, which may be anywhere
    if not may_be_within(indices, shape[axis]):
        return None
    return (*shape[:axis], *shape_of(indices), *shape[axis + 1 :]), dtype_of(x)


def gathered_along(x: Any, indices: Any, axis: int) -> Result:
    """That of elements taken along an axis, at an index for each of them."""
    shape, places = shape_of(x), shape_of(indices)
    axis = checked_axis(axis, len(shape))
    if len(places) != len(shape) or not may_be_within(indices, shape[axis]):
        return None
    (before, after), (places_before, places_after) = [(s[:axis], s[axis + 1 :]) for s in (shape, places)]
    outer = np.broadcast_shapes((*before, 1, *after), (*places_before, 1, *places_after))
    return (*outer[:axis], places[axis], *outer[axis + 1 :]), dtype_of(x)


def convolved(a: Any, v: Any, mode: str) -> Result:
    """That of a convolution."""
    (m,), (n,) = shape_of(a), shape_of(v)
    if min(m, n) == 0:
        return None
    return (m + n - 1 if mode == "full" else abs(m - n) + 1,), common_dtype(a, v)
