"""What are NumPy's functions of sampled functions: differences, integrals, interpolation, polynomials, grids?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import (
    Array,
    Axes,
    all_axes,
    as_array,
    dtype_of,
    one_axis,
    part_of,
    require_shape,
    shape_of,
    size_of,
    with_axis,
)
from wengert.numpy_rules.reductions import NONE, given
from wengert.numpy_rules.registry import implements, no_rule, unsupported
from wengert.structured import rows

# ---- differences and sums ----


def ends(x: Array, axis: int) -> tuple[Array, Array]:
    """All but the last along an axis, and all but the first."""
    ndim = len(shape_of(x))
    return part_of(x, with_axis(axis, ndim, slice(None, -1))), part_of(x, with_axis(axis, ndim, slice(1, None)))


@implements("diff")
def diff(a: Array, n: int = 1, axis: int = -1, prepend: Array = NONE, append: Array = NONE) -> Array:
    x = as_array(a)
    shape, axis = shape_of(x), one_axis(axis, len(shape_of(x)))
    edges = []
    for edge in (prepend, append):
        edge = as_array(edge) if given(edge) else None
        if edge is not None and not shape_of(edge):
            edge = np.broadcast_to(edge, (*shape[:axis], 1, *shape[axis + 1 :]))
        edges.append([] if edge is None else [edge])
    if edges[0] or edges[1]:
        x = np.concatenate([*edges[0], x, *edges[1]], axis)
    if n < 0:
        raise ValueError(f"the order of a difference is at least 0, got {n}")
    for _ in range(n):
        first, second = ends(x, axis)
        x = second != first if dtype_of(x).kind == "b" else second - first
    return x


@implements("ediff1d")
def ediff1d(ary: Array, to_end: Array = None, to_begin: Array = None) -> Array:
    steps = np.diff(np.ravel(as_array(ary)))
    around = [None if edge is None else np.ravel(as_array(edge)) for edge in (to_begin, to_end)]
    return np.concatenate([x for x in (around[0], steps, around[1]) if x is not None])


@implements("gradient")
def gradient(f: Array, *varargs: Any, axis: Axes = None, edge_order: int = 1) -> Any:
    x = as_array(f)
    axes = all_axes(axis, len(shape_of(x)))
    spacings = [as_array(h) for h in varargs] or [np.asarray(1.0)]
    if len(spacings) == 1 and not shape_of(spacings[0]):
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError("np.gradient takes no spacing, one, or one for each axis")
    if edge_order not in (1, 2):
        raise ValueError("np.gradient takes edge_order 1 or 2")
    found = [slopes_along(x, k, h, edge_order) for k, h in zip(axes, spacings, strict=True)]
    return found[0] if len(axes) == 1 else tuple(found)


def slopes_along(f: Array, axis: int, spacing: Array, edge_order: int) -> Array:
    """Central differences inside, one-sided ones at the ends; the spacing is a number or the coordinates."""
    n = shape_of(f)[axis]
    require_shape(n > edge_order, "gradient", f)
    f = np.moveaxis(f, axis, -1)
    if shape_of(spacing):
        require_shape(shape_of(spacing) == (n,), "gradient", f, spacing)
        steps = np.diff(spacing)
    else:
        steps = np.broadcast_to(spacing, (n - 1,))
    h, k = part_of(steps, slice(None, -1)), part_of(steps, slice(1, None))
    before, at, after = (part_of(f, (Ellipsis, slice(i, n - 2 + i))) for i in range(3))
    if shape_of(spacing):
        inside = -k / (h * (h + k)) * before + (k - h) / (h * k) * at + h / (k * (h + k)) * after
    else:
        inside = (after - before) / (2.0 * spacing)
    left, right = one_sided(f, steps, edge_order, 1), one_sided(np.flip(f, -1), np.flip(steps), edge_order, -1)
    return np.moveaxis(np.concatenate((left, inside, right), -1), -1, axis)


def one_sided(f: Array, steps: Array, order: int, sign: int) -> Array:
    """The slope in the first point, from the first two or three."""
    first, second = (part_of(f, (Ellipsis, slice(k, k + 1))) for k in range(2))
    h = part_of(steps, 0) * sign
    if order == 1:
        return (second - first) / h
    k, third = part_of(steps, 1) * sign, part_of(f, (Ellipsis, slice(2, 3)))
    return -(2.0 * h + k) / (h * (h + k)) * first + (h + k) / (h * k) * second - h / (k * (h + k)) * third


@implements("trapezoid trapz")
def trapezoid(y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1) -> Array:
    f = as_array(y)
    axis = one_axis(axis, len(shape_of(f)))
    if x is not None:
        points = as_array(x)
        dx = np.diff(points, axis=0 if len(shape_of(points)) == 1 else axis)
        if len(shape_of(points)) == 1:
            dx = np.reshape(dx, [-1 if k == axis else 1 for k in range(len(shape_of(f)))])
    first, second = ends(f, axis)
    return np.sum(dx * (second + first) / 2.0, axis)


@implements("unwrap")
def unwrap(p: Array, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Array:
    x = as_array(p)
    steps = np.diff(x, axis=axis)
    half = period / 2
    wrapped = np.mod(steps + half, period) - half
    wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    smooth = np.abs(steps) < (half if discont is None else max(discont, half))
    jumps = np.cumsum(np.where(smooth, 0.0, wrapped - steps), axis)
    first = part_of(x, with_axis(axis, len(shape_of(x)), slice(0, 1)))
    return np.concatenate((first, ends(x, axis)[1] + jumps), axis)


@implements("interp")
def interp(x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: Any = None) -> Array:
    at, points, heights = as_array(x), as_array(xp), as_array(fp)
    unsupported("interp", period=period)
    require_shape(shape_of(points) == shape_of(heights) and len(shape_of(points)) == 1, "interp", points, heights)
    n = size_of(points)
    if n == 0:
        raise ValueError("np.interp needs at least one point")
    first, last = part_of(heights, 0), part_of(heights, n - 1)
    if n == 1:
        inside = np.broadcast_to(first, shape_of(at))
    else:
        cell = np.clip(np.searchsorted(points, at, "right") - 1, 0, n - 2)
        x0, x1, y0, y1 = (np.take(z, k) for z in (points, heights) for k in (cell, cell + 1))
        inside = y0 + (y1 - y0) / (x1 - x0) * (at - x0)
    low, high = part_of(points, 0), part_of(points, n - 1)
    inside = np.where(at > high, last if right is None else right, np.where(at == high, last, inside))
    return np.where(at < low, first if left is None else left, inside)


# ---- grids ----


@implements("linspace")
def linspace(
    start: Array, stop: Array, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    first, last = as_array(start), as_array(stop)
    parts = num - 1 if endpoint else num
    span = last - first
    steps = np.reshape(np.arange(float(num)), (num,) + (1,) * len(shape_of(span)))
    points = first + span * (steps / parts if parts > 0 else steps)
    if endpoint and num > 1:
        points = np.where(steps == num - 1, last, points)  # exactly
    points = np.moveaxis(points if dtype is None else rows.cast(points, dtype=np.dtype(dtype)), 0, axis)
    return (points, span / parts if parts > 0 else np.nan) if retstep else points


@implements("logspace")
def logspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    base: Array = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    exponents = np.linspace(start, stop, num, endpoint, axis=axis)
    base = as_array(base)
    powers = (np.expand_dims(base, axis) if shape_of(base) else base) ** exponents
    return powers if dtype is None else rows.cast(powers, dtype=np.dtype(dtype))


@implements("geomspace")
def geomspace(
    start: Array, stop: Array, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Array:
    first, last = as_array(start), as_array(stop)
    sign = np.sign(first)
    points = np.linspace(np.log(first * sign), np.log(last * sign), num, endpoint)
    powers = np.moveaxis(sign * np.exp(points), 0, axis)
    return powers if dtype is None else rows.cast(powers, dtype=np.dtype(dtype))


# ---- polynomials: coefficients from the highest power down ----


@implements("polyval")
def polyval(p: Any, x: Array) -> Array:
    at, coefficients = as_array(x), as_array(p)
    value = np.zeros(shape_of(at))
    for k in range(size_of(coefficients)):
        value = value * at + part_of(coefficients, k)
    return value


@implements("vander")
def vander(x: Array, N: int | None = None, increasing: bool = False) -> Array:  # noqa: N803  (NumPy's name)
    at = as_array(x)
    require_shape(len(shape_of(at)) == 1, "vander", at)
    powers = np.arange(size_of(at) if N is None else N)
    return np.expand_dims(at, 1) ** (powers if increasing else powers[::-1])


@implements("polyfit")
def polyfit(
    x: Array, y: Array, deg: int, rcond: Any = None, full: bool = False, w: Array = None, cov: Any = False
) -> Array:
    unsupported("polyfit", full=full or None, cov=cov or None)
    at, heights = as_array(x), as_array(y)
    left = np.vander(at, int(deg) + 1)
    if w is not None:
        weights = as_array(w)
        left = left * np.expand_dims(weights, 1)
        heights = heights * (np.expand_dims(weights, 1) if len(shape_of(heights)) == 2 else weights)
    scale = np.sqrt(np.sum(np.square(left), 0))
    tolerance = size_of(at) * float(np.finfo(float).eps) if rcond is None else rcond
    found = np.linalg.pinv(left / scale, rcond=tolerance) @ heights
    return found / (np.expand_dims(scale, 1) if len(shape_of(heights)) == 2 else scale)


def aligned(a1: Any, a2: Any) -> tuple[Array, Array]:
    """Two polynomials with as many coefficients."""
    a, b = np.atleast_1d(as_array(a1)), np.atleast_1d(as_array(a2))
    length = max(size_of(a), size_of(b))
    return np.pad(a, (length - size_of(a), 0)), np.pad(b, (length - size_of(b), 0))


@implements("polyadd")
def polyadd(a1: Any, a2: Any) -> Array:
    a, b = aligned(a1, a2)
    return a + b


@implements("polysub")
def polysub(a1: Any, a2: Any) -> Array:
    a, b = aligned(a1, a2)
    return a - b


@implements("polymul")
def polymul(a1: Any, a2: Any) -> Array:
    """Leading zeros stay, which NumPy removes: the length must not depend on values."""
    return np.convolve(np.atleast_1d(as_array(a1)), np.atleast_1d(as_array(a2)))


@implements("polyder")
def polyder(p: Any, m: int = 1) -> Array:
    x = as_array(p)
    for _ in range(m):
        x = part_of(x, slice(None, -1)) * np.arange(max(size_of(x) - 1, 0), 0, -1)
    return x


@implements("polyint")
def polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    x = as_array(p)
    constants = np.broadcast_to(np.ravel(as_array(0.0 if k is None else k)), (m,)) if m else ()
    for order in range(m):
        x = np.append(x / np.arange(size_of(x), 0, -1), part_of(constants, order))
    return x


@implements("poly")
def poly(seq_of_zeros: Any) -> Array:
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if len(shape_of(zeros)) != 1:
        no_rule("poly", "a matrix")
    found: Array = np.ones(1)
    for k in range(size_of(zeros)):
        found = np.append(found, 0.0) - np.append(0.0, found * part_of(zeros, k))
    return found
