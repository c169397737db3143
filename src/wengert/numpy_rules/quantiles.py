"""Which numbers stand in the middle of a sample, or at a given part of it?

A quantile is a number, or lies between two neighbours, of the sorted sample.  NumPy's own function, applied to
0, 1, 2, ..., tells at which place, for each of its methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import Array, Axes, as_array, merged, plain, reduced_shape, shape_of
from wengert.numpy_rules.reductions import given
from wengert.numpy_rules.registry import implements, no_rule, unsupported
from wengert.structured import rows

INT = np.dtype(np.intp)


def between(ordered: Array, place: Array) -> Array:
    """The numbers at these places of the last axis, with linear interpolation."""
    lower = np.floor(place)
    part = place - lower
    low = rows.take_along(ordered, rows.cast(lower, dtype=INT), axis=len(shape_of(ordered)) - 1)
    high = rows.take_along(ordered, rows.cast(np.ceil(place), dtype=INT), axis=len(shape_of(ordered)) - 1)
    return np.where(part == 0, low, low + (high - low) * part)


def shaped(found: Array, a: Array, q: np.ndarray[Any, Any], axis: Axes, keepdims: Any) -> Array:
    """The axis of quantiles first, in the shape of q, then what the reduction leaves."""
    return np.reshape(np.moveaxis(found, -1, 0), q.shape + reduced_shape(a, axis, bool(given(keepdims) and keepdims)))


def fractions(name: str, q: Any, **refused: Any) -> np.ndarray[Any, Any]:
    """The asked parts, between 0 and 1."""
    unsupported(name, **refused)
    parts = plain(name, "q", q).astype(float)
    if not np.all((parts >= 0) & (parts <= 1)):
        raise ValueError("quantiles must be in the range [0, 1], percentiles in [0, 100]")
    return parts


@implements("quantile")
def quantile(
    a: Array, q: Any, axis: Axes = None, out: None = None, overwrite_input: bool = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Array:  # fmt: skip
    parts = fractions("quantile", q, out=out, weights=weights, interpolation=interpolation)
    ordered = np.sort(merged(as_array(a), axis), -1)
    length = shape_of(ordered)[-1]
    place = np.quantile(np.arange(float(length)), parts.ravel(), method=method)
    found = between(ordered, np.broadcast_to(place, (*shape_of(ordered)[:-1], place.size)))
    last = ordered[..., -1:]  # NaNs are sorted to the end
    return shaped(np.where(np.isnan(last), last, found), a, parts, axis, keepdims)


@implements("percentile")
def percentile(
    a: Array, q: Any, axis: Axes = None, out: None = None, overwrite_input: bool = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Array:  # fmt: skip
    parts = plain("percentile", "q", q) / 100
    return np.quantile(a, parts, axis, out, False, method, keepdims, weights=weights)


@implements("median")
def median(
    a: Array, axis: Axes = None, out: None = None, overwrite_input: bool = False, keepdims: Any = False
) -> Array:
    return np.quantile(a, 0.5, axis, out, keepdims=keepdims)


@implements("nanquantile")
def nanquantile(
    a: Array, q: Any, axis: Axes = None, out: None = None, overwrite_input: bool = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Array:  # fmt: skip
    parts = fractions("nanquantile", q, out=out, weights=weights, interpolation=interpolation)
    if method != "linear":
        no_rule("nanquantile", f"method={method!r}")
    ordered = np.sort(merged(as_array(a), axis), -1)
    count = np.sum(~np.isnan(ordered), -1, keepdims=True)
    return shaped(between(ordered, parts.ravel() * np.maximum(count - 1, 0)), a, parts, axis, keepdims)


@implements("nanpercentile")
def nanpercentile(
    a: Array, q: Any, axis: Axes = None, out: None = None, overwrite_input: bool = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Array:  # fmt: skip
    parts = plain("nanpercentile", "q", q) / 100
    return np.nanquantile(a, parts, axis, out, False, method, keepdims, weights=weights)


@implements("nanmedian")
def nanmedian(
    a: Array, axis: Axes = None, out: None = None, overwrite_input: bool = False, keepdims: Any = False
) -> Array:
    return np.nanquantile(a, 0.5, axis, out, keepdims=keepdims)
