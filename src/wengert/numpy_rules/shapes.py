"""Where do the elements of an array go: NumPy's functions that reshape, move, repeat and select by place?

Axes are moved and cut by strided rows, which cost nothing in a program.  What has no strided form (delete, rot90 of
odd axes, reflecting pads, ...) is done to an array of the elements' positions by NumPy itself, and then gathered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.errors import ShapeError
from wengert.numpy_rules.arguments import (
    Array,
    all_axes,
    as_array,
    dtype_of,
    has_var,
    lengths_of,
    one_axis,
    only,
    part_of,
    plain,
    require_shape,
    shape_of,
    size_of,
    with_axis,
)
from wengert.numpy_rules.registry import implements, no_rule
from wengert.structured import freeze, rows


def gathered(function: Callable[..., Any], x: Array, *args: Any, **kwargs: Any) -> Array:
    """What a function that only moves elements makes of an array: it is applied to their positions."""
    positions = function(np.arange(size_of(x)).reshape(shape_of(x)), *args, **kwargs)
    return part_of(rows.reshape(x, shape=(size_of(x),)), positions)


# ---- form ----


@implements("reshape")
def reshape(a: Array, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    x = as_array(a)
    lengths = lengths_of(shape)
    if lengths.count(-1) == 1:
        others = -math.prod(lengths)
        if not others or size_of(x) % others:
            raise ShapeError(f"np.reshape: an array of shape {shape_of(x)} does not fill the shape {lengths}")
        lengths = tuple(size_of(x) // others if n == -1 else n for n in lengths)
    if order == "F":
        return np.transpose(rows.reshape(np.transpose(x), shape=lengths[::-1]))
    return rows.reshape(x, shape=lengths)


@implements("ravel")
def ravel(a: Array, order: str = "C") -> Array:
    return np.reshape(a, -1, order="F" if order == "F" else "C")


@implements("transpose")
def transpose(a: Array, axes: Sequence[int] | None = None) -> Array:
    x = as_array(a)
    ndim = len(shape_of(x))
    order = tuple(range(ndim))[::-1] if axes is None else all_axes(axes, ndim)
    if len(order) != ndim:
        raise ValueError(f"axes {axes} are not those of an array of shape {shape_of(x)}")
    return rows.transpose(x, axes=order)


@implements("matrix_transpose linalg.matrix_transpose")
def matrix_transpose(x: Array, /) -> Array:
    return np.swapaxes(x, -1, -2)


@implements("swapaxes")
def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    order = list(range(len(shape_of(a))))
    axis1, axis2 = one_axis(axis1, len(order)), one_axis(axis2, len(order))
    order[axis1], order[axis2] = axis2, axis1
    return np.transpose(a, order)


@implements("moveaxis")
def moveaxis(a: Array, source: Any, destination: Any) -> Array:
    ndim = len(shape_of(a))
    sources, destinations = all_axes(source, ndim), all_axes(destination, ndim)
    if len(sources) != len(destinations):
        raise ValueError("source and destination must have the same number of axes")
    order = [k for k in range(ndim) if k not in sources]
    for to, k in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, k)
    return np.transpose(a, order)


@implements("rollaxis")
def rollaxis(a: Array, axis: int, start: int = 0) -> Array:
    rolled = np.rollaxis(
        np.broadcast_to(0, range(len(shape_of(a)))), axis, start
    )  # the length of each axis is its number
    return np.transpose(a, rolled.shape)


@implements("expand_dims")
def expand_dims(a: Array, axis: Any) -> Array:
    x = as_array(a)
    old = shape_of(x)
    new = all_axes(axis, len(old) + (len(axis) if isinstance(axis, tuple | list) else 1))
    lengths = iter(old)
    return rows.reshape(x, shape=tuple(1 if k in new else next(lengths) for k in range(len(old) + len(new))))


@implements("squeeze")
def squeeze(a: Array, axis: Any = None) -> Array:
    x = as_array(a)
    return rows.reshape(x, shape=np.squeeze(np.broadcast_to(0, shape_of(x)), axis).shape)


@implements("atleast_1d")
def atleast_1d(*arys: Array) -> Any:
    return only([at_least(x, np.atleast_1d) for x in arys])


@implements("atleast_2d")
def atleast_2d(*arys: Array) -> Any:
    return only([at_least(x, np.atleast_2d) for x in arys])


@implements("atleast_3d")
def atleast_3d(*arys: Array) -> Any:
    return only([at_least(x, np.atleast_3d) for x in arys])


def at_least(x: Array, function: Callable[[Any], Any]) -> Array:
    x = as_array(x)
    shape = function(np.broadcast_to(0, shape_of(x))).shape
    return x if shape == shape_of(x) else rows.reshape(x, shape=shape)


@implements("broadcast_to")
def broadcast_to(array: Array, shape: Any, subok: bool = False) -> Array:
    lengths = lengths_of(shape)
    return array if shape_of(array) == lengths else rows.broadcast_to(array, shape=lengths)


@implements("broadcast_arrays")
def broadcast_arrays(*args: Array, subok: bool = False) -> tuple[Array, ...]:
    arrays = [as_array(x) for x in args]
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(np.broadcast_to(x, shape) for x in arrays)


@implements("meshgrid")
def meshgrid(*xi: Array, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    lengths = [size_of(x) for x in xi]
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = [1, 0]
    elif indexing not in ("xy", "ij"):
        raise ValueError("indexing must be 'xy' or 'ij'")
    shape = [lengths[k] for k in places]
    grid = [np.reshape(x, [n if places[axis] == k else 1 for axis, n in enumerate(shape)]) for k, x in enumerate(xi)]
    return tuple(grid) if sparse else tuple(np.broadcast_to(x, shape) for x in grid)


# ---- moving and repeating ----


@implements("flip")
def flip(m: Array, axis: Any = None) -> Array:
    x = as_array(m)
    axes = all_axes(axis, len(shape_of(x)))
    return part_of(x, tuple(slice(None, None, -1 if k in axes else None) for k in range(len(shape_of(x)))))


@implements("fliplr")
def fliplr(m: Array) -> Array:
    require_shape(len(shape_of(m)) >= 2, "fliplr", m)
    return np.flip(m, 1)


@implements("flipud")
def flipud(m: Array) -> Array:
    require_shape(len(shape_of(m)) >= 1, "flipud", m)
    return np.flip(m, 0)


@implements("rot90")
def rot90(m: Array, k: int = 1, axes: Sequence[int] = (0, 1)) -> Array:
    first, second = all_axes(axes, len(shape_of(m)))
    if k % 4 == 2:
        return np.flip(m, (first, second))
    turned = np.swapaxes(m, first, second) if k % 4 else m
    return np.flip(turned, first if k % 4 == 1 else second) if k % 4 else turned


@implements("roll")
def roll(a: Array, shift: Any, axis: Any = None) -> Array:
    x = as_array(a)
    if axis is None:
        return np.reshape(np.roll(np.ravel(x), int(np.sum(shift)), 0), shape_of(x))
    shifts, axes = np.broadcast_arrays(plain("roll", "shift", shift), axis)
    for by, k in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        length, ndim = shape_of(x)[k], len(shape_of(x))
        if length and by % length:
            cut = length - by % length
            ends = [part_of(x, with_axis(k, ndim, part)) for part in (slice(cut, None), slice(None, cut))]
            x = np.concatenate(ends, k)
    return x if x is not a else np.copy(a)


@implements("repeat")
def repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    x, axis = (np.ravel(a), 0) if axis is None else (as_array(a), axis)
    return np.take(x, np.repeat(np.arange(shape_of(x)[axis]), plain("repeat", "repeats", repeats)), axis)


@implements("tile")
def tile(A: Array, reps: Any) -> Array:  # noqa: N803  (NumPy's name)
    x = as_array(A)
    times = lengths_of(reps)
    ndim = max(len(times), len(shape_of(x)))
    shape = (1,) * (ndim - len(shape_of(x))) + shape_of(x)
    times = (1,) * (ndim - len(times)) + times
    spread = np.reshape(x, [n for length in shape for n in (1, length)])
    spread = np.broadcast_to(spread, [n for pair in zip(times, shape, strict=True) for n in pair])
    return np.reshape(spread, [t * n for t, n in zip(times, shape, strict=True)])


@implements("resize")
def resize(a: Array, new_shape: Any) -> Array:
    return gathered(np.resize, a, new_shape) if size_of(a) else np.zeros(new_shape, dtype_of(a))


@implements("pad")
def pad(array: Array, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    x = as_array(array)
    shape = shape_of(x)
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        if kwargs.get("reflect_type", "even") != "even":
            no_rule("pad", "reflect_type='odd'")
        return gathered(np.pad, x, pad_width, mode)
    if mode != "constant":
        no_rule("pad", f"mode={mode!r}")
    filled = kwargs.get("constant_values", 0)
    # NumPy's own padding tells where the old elements go, and which of the constants stands where.
    places = np.pad(np.ones(shape, bool), pad_width)
    inside = tuple(slice(k.min(), k.max() + 1) if k.size else slice(0, 0) for k in np.nonzero(places))
    if not size_of(x):
        return np.full(places.shape, plain("pad", "constant_values", filled), dtype_of(x))
    if has_var(filled):
        no_rule("pad", "constant_values= of vars")
    frame = np.pad(np.zeros(shape, dtype_of(x)), pad_width, constant_values=filled)
    inside = tuple(slice(int(part.start), int(part.stop)) for part in inside)
    return rows.put(frame, x, key=freeze(inside))


@implements("lib.stride_tricks.sliding_window_view")
def sliding_window_view(
    x: Array, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Array:
    return gathered(np.lib.stride_tricks.sliding_window_view, x, window_shape, axis)


# ---- diagonals and triangles ----


@implements("diag")
def diag(v: Array, k: int = 0) -> Array:
    x = as_array(v)
    if len(shape_of(x)) == 2:
        return np.diagonal(x, k)
    if len(shape_of(x)) != 1:
        raise ValueError(f"np.diag needs one or two axes, got an array of shape {shape_of(x)}")
    n = shape_of(x)[0]
    steps = np.arange(n)
    key = freeze((steps + max(-k, 0), steps + max(k, 0)))
    return rows.scatter(x, key=key, shape=(n + abs(k), n + abs(k)))


@implements("diagflat")
def diagflat(v: Array, k: int = 0) -> Array:
    return np.diag(np.ravel(as_array(v)), k)


@implements("diagonal")
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    x = np.moveaxis(as_array(a), (axis1, axis2), (-2, -1))
    n_rows, n_columns = shape_of(x)[-2:]
    steps = np.arange(max(0, min(n_rows + min(offset, 0), n_columns - max(offset, 0))))
    return part_of(x, (Ellipsis, steps + max(-offset, 0), steps + max(offset, 0)))


@implements("linalg.diagonal")
def linalg_diagonal(x: Array, /, *, offset: int = 0) -> Array:
    return np.diagonal(x, offset, -2, -1)


def below(x: Array, k: int) -> np.ndarray[Any, Any]:
    """Where the elements up to diagonal k are.  NumPy makes a matrix of a vector: each row is the vector."""
    n_rows, n_columns = (shape_of(x) * 2)[-2:]
    return np.tri(n_rows, n_columns, k, dtype=bool)


@implements("tril")
def tril(m: Array, k: int = 0) -> Array:
    x = as_array(m)
    return np.where(below(x, k), x, np.zeros((), dtype_of(x)))


@implements("triu")
def triu(m: Array, k: int = 0) -> Array:
    x = as_array(m)
    return np.where(below(x, k - 1), np.zeros((), dtype_of(x)), x)
