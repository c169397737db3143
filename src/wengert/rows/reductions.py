"""Which structured ops go along axes: sums, products, extremes, running sums, orders?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wengert.index_keys import Slice
from wengert.rows.shapes import INDEX, common_dtype, reduced, running, total_dtype
from wengert.structured import along, axes_of, dtype_of, flipped, reshaped, rows, shape_of, structured, times

Axis = int | tuple[int, ...] | None


def kept(reduced: Any, x: Any, axis: Axis) -> Any:
    """Return what a reduction of x made, with its axes kept as axes of length 1."""
    shape = shape_of(x)
    axes = axes_of(axis, len(shape))
    return reshaped(reduced, tuple(1 if i in axes else n for i, n in enumerate(shape)))


# ---- sums ----
def _sum_adjoint(g: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    g = kept(g, x, axis)
    return g if shape_of(g) == shape_of(x) else rows.broadcast_to(g, shape=shape_of(x))


structured(
    "sum",
    value=lambda x, *, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims), total_dtype(x)),
    vjp=(_sum_adjoint,),
    linear=True,
    doc="Sum over axes.",
)
structured(
    "cumsum",
    value=lambda x, *, axis: np.cumsum(x, axis=axis),
    shape=lambda x, *, axis: (running(x, axis), total_dtype(x)),
    vjp=(lambda g, y, x, *, axis: flipped(rows.cumsum(flipped(g, axis), axis=axis), axis),),
    linear=True,
    doc="Sums of everything up to each place of an axis.",
)


# ---- products, without a division: a factor may be zero ----
def _shifted(x: Any, axis: int, first: float) -> Any:
    """Return x moved up by one place along an axis, with `first` in the free place."""
    shape = shape_of(x)
    slab = np.full((*shape[: axis % len(shape)], 1, *shape[axis % len(shape) + 1 :]), first, dtype_of(x))
    return rows.concatenate(slab, rows.getitem(x, key=along(axis, len(shape), Slice(None, -1, None))), axis=axis)


def _product_before(x: Any, axis: int) -> Any:
    return _shifted(rows.cumprod(x, axis=axis), axis, 1.0)


def product_of_others(x: Any, axis: Axis) -> Any:
    """Return for every element the product of the others along the axes."""
    shape = shape_of(x)
    axes = axes_of(axis, len(shape))
    if not axes or 0 in shape:
        return np.ones(shape, dtype_of(x))
    if len(axes) == 1:
        before = _product_before(x, axes[0])
        return before * flipped(_product_before(flipped(x, axes[0]), axes[0]), axes[0])
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    ordered = tuple(shape[i] for i in order)
    outer = ordered[: len(shape) - len(axes)]
    rest = rows.reshape(rows.transpose(x, axes=order), shape=(*outer, math.prod(ordered[len(outer) :])))
    others = rows.reshape(product_of_others(rest, len(outer)), shape=ordered)
    return rows.transpose(others, axes=tuple(order.index(i) for i in range(len(shape))))


def _cumprod_adjoint(g: Any, y: Any, x: Any, *, axis: int) -> Any:
    # The factor k is in all products from k on: their adjoints, each times the factors after k, are a recurrence.
    if 0 in shape_of(x):
        return g
    after = _shifted(flipped(x, axis), axis, 0.0)
    later = flipped(rows.recurrence(after, flipped(g, axis), axis=axis), axis)
    return times(later, _product_before(x, axis))


def _recurrence(a: npt.NDArray[Any], b: npt.NDArray[Any], *, axis: int) -> npt.NDArray[Any]:
    a, b = np.broadcast_arrays(a, b)
    a = np.moveaxis(a, axis, 0)
    h = np.moveaxis(b, axis, 0).astype(np.result_type(a, b))
    for k in range(1, len(h)):
        h[k] += times(h[k - 1], a[k])
    return np.moveaxis(h, 0, axis)


def _recurrence_adjoint(g: Any, a: Any, axis: int) -> Any:
    if 0 in shape_of(g):
        return g
    return flipped(rows.recurrence(_shifted(flipped(a, axis), axis, 0.0), flipped(g, axis), axis=axis), axis)


structured(
    "prod",
    value=lambda x, *, axis=None, keepdims=False: np.prod(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims), total_dtype(x)),
    vjp=(lambda g, y, x, *, axis, keepdims: times(kept(g, x, axis), product_of_others(x, axis)),),
    doc="Product over axes.",
)
structured(
    "cumprod",
    value=lambda x, *, axis: np.cumprod(x, axis=axis),
    shape=lambda x, *, axis: (running(x, axis), total_dtype(x)),
    vjp=(_cumprod_adjoint,),
    doc="Products of everything up to each place of an axis.",
)
structured(
    "recurrence",
    value=_recurrence,
    shape=lambda a, b, *, axis: (np.broadcast_shapes(shape_of(a), shape_of(b)), common_dtype(a, b)),
    vjp=(
        lambda g, y, a, b, *, axis: (
            times(_recurrence_adjoint(g, a, axis), _shifted(y, axis, 0.0)) if 0 not in shape_of(g) else g
        ),
        lambda g, y, a, b, *, axis: _recurrence_adjoint(g, a, axis),
    ),
    doc="``h[k] = a[k] * h[k - 1] + b[k]`` along an axis, of arrays of one shape; ``h[-1]`` is 0, and zero is strong.",
)


# ---- extremes ----
def _extreme_adjoint(g: Any, x: Any, loses: Any, axis: Axis) -> Any:
    # NaNs lose against nobody: they are not lost on the way back.
    ties = rows.sum(np.where(loses, 0.0, 1.0), axis=axis, keepdims=True)
    return np.where(loses, 0.0, kept(g, x, axis) / rows.cast(ties, dtype=dtype_of(g)))


structured(
    "max",
    value=lambda x, *, axis=None, keepdims=False: np.max(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims, may_be_empty=False), dtype_of(x)),
    vjp=(lambda g, y, x, *, axis, keepdims: _extreme_adjoint(g, x, x < kept(y, x, axis), axis),),
    doc="Largest element along axes.  Ties share the adjoint equally.",
)
structured(
    "min",
    value=lambda x, *, axis=None, keepdims=False: np.min(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims, may_be_empty=False), dtype_of(x)),
    vjp=(lambda g, y, x, *, axis, keepdims: _extreme_adjoint(g, x, x > kept(y, x, axis), axis),),
    doc="Smallest element along axes.  Ties share the adjoint equally.",
)


def _logsumexp(x: npt.NDArray[Any], *, axis: Axis = None, keepdims: bool = False) -> Any:
    x = np.asarray(x, dtype=np.result_type(x, 0.0))
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, x.dtype.type(0))
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        total = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis=axes_of(axis, x.ndim))


def _logsumexp_adjoint(g: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    y = kept(y, x, axis)
    # Where x is y, the weight exp(x - y) is 1; inf - inf would be NaN.
    return times(kept(g, x, axis), np.exp(np.where(x == y, 0.0, x - y)))


structured(
    "logsumexp",
    value=_logsumexp,
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims), common_dtype(x, 0.0)),
    vjp=(_logsumexp_adjoint,),
    doc="``log(sum(exp(x)))`` over axes, shifted by the maximum (Blanchard, Higham & Higham, IMA JNA 41, 2021). "
    "An element that equals an infinite result gets the whole adjoint.",
)

# ---- places, which have no derivative ----
structured(
    "argmax",
    value=lambda x, *, axis=None, keepdims=False: np.argmax(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims, may_be_empty=False), INDEX),
    vjp=(None,),
    doc="Index of the first largest element.",
)
structured(
    "argmin",
    value=lambda x, *, axis=None, keepdims=False: np.argmin(x, axis=axis, keepdims=keepdims),
    shape=lambda x, *, axis=None, keepdims=False: (reduced(x, axis, keepdims, may_be_empty=False), INDEX),
    vjp=(None,),
    doc="Index of the first smallest element.",
)
structured(
    "argsort",
    value=lambda x, *, axis=-1: np.argsort(x, axis=axis, kind="stable"),
    shape=lambda x, *, axis=-1: (running(x, axis), INDEX),
    vjp=(None,),
    doc="Indices that sort along an axis; ties stay in order, NaN comes last.",
)
structured(
    "searchsorted",
    value=lambda a, v, *, side="left": np.searchsorted(a, v, side=side),
    shape=lambda a, v, *, side="left": (shape_of(v), INDEX) if len(shape_of(a)) == 1 else None,
    vjp=(None, None),
    doc="Indices at which v would go into the sorted vector a.",
)
