"""How are the arguments of NumPy's functions read, when vars may be among them?"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from wengert.errors import ShapeError, TracingError
from wengert.structured import freeze, rows

Array = Any
"""An ndarray, a number, or a var of any shape."""

Axes = Any
"""None for all axes, an integer, or a tuple of integers."""

T = TypeVar("T")


def is_var(x: Any) -> bool:
    """Is it an array that is not NumPy's own?"""
    return hasattr(x, "__array_function__") and not isinstance(x, np.ndarray)


def has_var(x: Any) -> bool:
    """Is it a var, or a nest of lists and tuples with one?"""
    return any(map(has_var, x)) if isinstance(x, list | tuple) else is_var(x)


def as_array(x: Any) -> Array:
    """An array or a var as it is; numbers and nests of lists as an array, of vars if there is one among them."""
    if hasattr(x, "__array_function__"):
        return x
    if isinstance(x, list | tuple) and has_var(x):
        return np.stack([as_array(part) for part in x])
    return np.asarray(x)


def plain(function: str, name: str, x: Any) -> np.ndarray[Any, Any]:
    """An argument that must not be a var, as an ndarray."""
    if has_var(x):
        raise TracingError(f"np.{function} takes no var as {name}=: the result's form or elements would depend on it")
    return np.asarray(x)


def shape_of(x: Array) -> tuple[int, ...]:
    """Lengths of the axes."""
    shape: tuple[int, ...] | None = getattr(x, "shape", None)
    return np.shape(x) if shape is None else shape


def dtype_of(x: Array) -> np.dtype[Any]:
    """Type of the elements."""
    return np.dtype(x.dtype) if hasattr(x, "dtype") else np.asarray(x).dtype if not is_var(x) else np.dtype(float)


def size_of(x: Array) -> int:
    """Number of elements."""
    return math.prod(shape_of(x))


def one_axis(axis: int, ndim: int) -> int:
    """An axis, counted from the front."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def lengths_of(shape: Any) -> tuple[int, ...]:
    """The lengths that an argument `shape` means: integers, or a single one."""
    return (operator.index(shape),) if hasattr(shape, "__index__") else tuple(map(operator.index, shape))


def all_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes meant by NumPy's `axis`, counted from the front: all for None."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, int):
        return (one_axis(axis, ndim),)
    axes = tuple(one_axis(k, ndim) for k in (axis if isinstance(axis, Iterable) else (axis,)))
    if len(set(axes)) != len(axes):
        raise ValueError(f"an axis is repeated in {axis}")
    return axes


def length_along(x: Array, axis: Axes) -> int:
    """Number of elements that a reduction over `axis` brings together."""
    shape = shape_of(x)
    return math.prod(shape[k] for k in all_axes(axis, len(shape)))


def reduced_shape(x: Array, axis: Axes, keepdims: bool) -> tuple[int, ...]:
    """Shape of a reduction over `axis`."""
    shape = shape_of(x)
    axes = all_axes(axis, len(shape))
    return tuple(1 if k in axes else n for k, n in enumerate(shape) if keepdims or k not in axes)


def merged(x: Array, axis: Axes) -> Array:
    """The array with the reduced axes moved to the end and made one."""
    shape = shape_of(x)
    axes = all_axes(axis, len(shape))
    kept = [k for k in range(len(shape)) if k not in axes]
    moved = np.transpose(x, (*kept, *axes)) if (*kept, *axes) != tuple(range(len(shape))) else x
    return np.reshape(moved, (*(shape[k] for k in kept), length_along(x, axes)))


def with_axis(axis: int, ndim: int, key: Any) -> tuple[Any, ...]:
    """A key that indexes one axis and leaves the others."""
    return (slice(None),) * one_axis(axis, ndim) + (key,)


def require_shape(fits: bool, function: str, *arrays: Array) -> None:
    """Raise a ShapeError that names the shapes, unless they fit."""
    if not fits:
        shapes = " and ".join(str(shape_of(x)) for x in arrays)
        raise ShapeError(f"np.{function}: arrays of shape {shapes} do not fit")


def only(parts: Sequence[T]) -> T | tuple[T, ...]:
    """A single result by itself, several as a tuple."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def part_of(x: Array, key: Any) -> Array:
    """``x[key]``, of a var too."""
    return rows.getitem(x, key=freeze(key))
