"""What becomes of the elements along axes: NumPy's sums, products, extremes, means, spreads and running totals?

``where=`` replaces what it masks by the neutral element.  The functions that ignore NaN do the same with NaNs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import (
    Array,
    Axes,
    all_axes,
    as_array,
    dtype_of,
    is_var,
    length_along,
    one_axis,
    reduced_shape,
    require_shape,
    shape_of,
)
from wengert.numpy_rules.registry import constant, implements, no_rule, unsupported
from wengert.structured import rows

NONE = getattr(np, "_NoValue", None)
"""What NumPy's own methods hand on for arguments that are not given."""


def given(x: Any) -> bool:
    """Is an optional argument there?"""
    return x is not NONE and x is not None


def params(x: Array, axis: Axes, keepdims: Any) -> dict[str, Any]:
    """The parameters of a row that reduces."""
    plain_axis = None if axis is None else all_axes(axis, len(shape_of(x)))
    return {"axis": plain_axis, "keepdims": bool(given(keepdims) and keepdims)}


def prepared(a: Array, dtype: Any, where: Any, neutral: Array) -> Array:
    """The summands: of the asked type, the neutral element where the mask says no."""
    x = as_array(a)
    if given(dtype):
        x = rows.cast(x, dtype=np.dtype(dtype))
    return x if where is True or not given(where) else np.where(np.broadcast_to(where, shape_of(x)), x, neutral)


# ---- sums, products, extremes ----


@implements("sum")
def sum(  # noqa: A001
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None,
    keepdims: Any = False, initial: Array = NONE, where: Any = True,
) -> Array:  # fmt: skip
    if out is not None:
        no_rule("sum", "out=")
    x = prepared(a, dtype, where, 0)
    total = rows.sum(x, **params(x, axis, keepdims))
    return total + initial if given(initial) else total


@implements("prod")
def prod(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None,
    keepdims: Any = False, initial: Array = NONE, where: Any = True,
) -> Array:  # fmt: skip
    if out is not None:
        no_rule("prod", "out=")
    x = prepared(a, dtype, where, 1)
    product = rows.prod(x, **params(x, axis, keepdims))
    return product * initial if given(initial) else product


def extreme(name: str, row: Callable[..., Array], of_two: Callable[..., Array]) -> Callable[..., Array]:
    """np.max or np.min, from its row and the ufunc of two arguments."""

    def found(
        a: Array, axis: Axes = None, out: None = None, keepdims: Any = False, initial: Array = NONE, where: Any = True
    ) -> Array:
        if out is not None:
            no_rule(name, "out=")
        if not (where is True or not given(where) or given(initial)):
            raise ValueError(f"np.{name} with where= needs initial=, which stands for what is masked")
        x = prepared(a, None, where, initial)
        if given(initial) and not length_along(x, axis):
            return np.broadcast_to(initial, reduced_shape(x, axis, bool(given(keepdims) and keepdims)))
        result = row(x, **params(x, axis, keepdims))
        return of_two(result, initial) if given(initial) else result

    return found


max = implements("max amax")(extreme("max", rows.max, np.maximum))  # noqa: A001
min = implements("min amin")(extreme("min", rows.min, np.minimum))  # noqa: A001


@implements("ptp")
def ptp(a: Array, axis: Axes = None, out: None = None, keepdims: Any = False) -> Array:
    unsupported("ptp", out=out)
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


# ---- truth ----


@constant("all")
def all(a: Array, axis: Axes = None, out: None = None, keepdims: Any = False, *, where: Any = True) -> Array:  # noqa: A001
    unsupported("all", out=out)
    x = prepared(as_array(a) == 0, None, where, False)
    return rows.sum(x, **params(x, axis, keepdims)) == 0


@constant("any")
def any(a: Array, axis: Axes = None, out: None = None, keepdims: Any = False, *, where: Any = True) -> Array:  # noqa: A001
    unsupported("any", out=out)
    x = prepared(as_array(a) != 0, None, where, False)
    return rows.sum(x, **params(x, axis, keepdims)) != 0


@constant("count_nonzero")
def count_nonzero(a: Array, axis: Axes = None, *, keepdims: bool = False) -> Array:
    x = as_array(a) != 0
    return rows.sum(x, **params(x, axis, keepdims))


# ---- means and spreads ----


def count(x: Array, axis: Axes, keepdims: Any, where: Any) -> Array:
    """How many elements a mean is of."""
    if where is True or not given(where):
        return length_along(x, axis)
    return np.sum(np.broadcast_to(where, shape_of(x)), axis, keepdims=keepdims)


@implements("mean")
def mean(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, keepdims: Any = False, *, where: Any = True
) -> Array:
    if out is not None:
        no_rule("mean", "out=")
    x = as_array(a)
    return sum(x, axis, dtype, keepdims=keepdims, where=where) / count(x, axis, keepdims, where)


def variance(
    name: str, a: Array, axis: Axes, dtype: Any, out: None, ddof: Array, keepdims: Any, where: Any, mean: Array,
    correction: Any
) -> Array:  # fmt: skip
    """Mean of the squared distances from the mean."""
    unsupported(name, out=out)
    x = prepared(a, dtype, True, 0)
    centre = mean if given(mean) else np.mean(x, axis, keepdims=True, where=where)
    squares = np.sum(np.square(x - centre), axis, keepdims=keepdims, where=where)
    return squares / np.maximum(count(x, axis, keepdims, where) - (correction if given(correction) else ddof), 0)


@implements("var")
def var(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Array = NONE, correction: Any = NONE,
) -> Array:  # fmt: skip
    return variance("var", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@implements("std")
def std(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Array = NONE, correction: Any = NONE,
) -> Array:  # fmt: skip
    return np.sqrt(variance("std", a, axis, dtype, out, ddof, keepdims, where, mean, correction))


@implements("average")
def average(
    a: Array, axis: Axes = None, weights: Array = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    x = as_array(a)
    if weights is None:
        result = np.mean(x, axis, keepdims=keepdims)
        total = np.asarray(length_along(x, axis), dtype=dtype_of(result))
    else:
        w, axes = as_array(weights), all_axes(axis, len(shape_of(x)))
        if shape_of(w) != shape_of(x):
            require_shape(axis is not None and shape_of(w) == tuple(shape_of(x)[k] for k in axes), "average", x, w)
            order = np.argsort(axes).tolist()
            spread = [shape_of(x)[k] if k in axes else 1 for k in range(len(shape_of(x)))]
            w = np.broadcast_to(np.reshape(np.transpose(w, order), spread), shape_of(x))
        total = np.sum(w, axis, keepdims=keepdims)
        result = np.sum(x * w, axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, shape_of(result))) if returned else result


@implements("cov")
def cov(
    m: Array, y: Array = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Array = None, aweights: Array = None, *, dtype: Any = None,
) -> Array:  # fmt: skip
    x = joint(m, y, rowvar) if dtype is None else rows.cast(joint(m, y, rowvar), dtype=np.dtype(dtype))
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = [as_array(w) for w in (fweights, aweights) if w is not None]
    w = weights[0] * weights[-1] if len(weights) == 2 else weights[0] if weights else np.ones(shape_of(x)[1])
    total = np.sum(w)
    centred = x - np.sum(x * w, 1, keepdims=True) / total
    lost = ddof * np.sum(w * aweights) / total if aweights is not None else ddof
    return np.squeeze((centred * w) @ np.transpose(centred) / (total - lost))


def joint(m: Array, y: Array, rowvar: bool) -> Array:
    """One variable per row: those of m, then those of y."""
    parts = [np.atleast_2d(x) for x in (as_array(m), *([] if y is None else [as_array(y)]))]
    turned = [np.transpose(x) if not rowvar and shape_of(x)[0] != 1 else x for x in parts]
    return np.concatenate(turned, 0) if len(turned) > 1 else turned[0]


@implements("corrcoef")
def corrcoef(x: Array, y: Array = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Not clipped to -1 and 1, where NumPy removes a rounding error and we would lose a slope."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if not shape_of(c):
        return c / c
    spread = np.sqrt(np.diag(c))
    return c / np.expand_dims(spread, 1) / np.expand_dims(spread, 0)


# ---- without NaNs ----


@implements("nansum")
def nansum(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None,
    keepdims: Any = False, initial: Array = NONE, where: Any = True,
) -> Array:  # fmt: skip
    return np.sum(np.where(np.isnan(a), 0, a), axis, dtype, out, keepdims, initial=initial, where=where)


@implements("nanprod")
def nanprod(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None,
    keepdims: Any = False, initial: Array = NONE, where: Any = True,
) -> Array:  # fmt: skip
    return np.prod(np.where(np.isnan(a), 1, a), axis, dtype, out, keepdims, initial=initial, where=where)


@implements("nancumsum")
def nancumsum(a: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype, out)


@implements("nancumprod")
def nancumprod(a: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype, out)


def present(a: Array, where: Any) -> Array:
    """Where the numbers are that a function without NaNs looks at."""
    numbers = np.asarray(a) == a if not is_var(a) else a == a
    return numbers if where is True or not given(where) else np.logical_and(numbers, where)


@implements("nanmean")
def nanmean(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, keepdims: Any = False, *, where: Any = True
) -> Array:
    return np.mean(as_array(a), axis, dtype, out, keepdims, where=present(a, where))


@implements("nanvar")
def nanvar(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Array = NONE, correction: Any = NONE,
) -> Array:  # fmt: skip
    return variance("nanvar", a, axis, dtype, out, ddof, keepdims, present(a, where), mean, correction)


@implements("nanstd")
def nanstd(
    a: Array, axis: Axes = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Array = NONE, correction: Any = NONE,
) -> Array:  # fmt: skip
    return np.sqrt(variance("nanstd", a, axis, dtype, out, ddof, keepdims, present(a, where), mean, correction))


def nan_extreme(name: str, function: Callable[..., Array], neutral: float) -> Callable[..., Array]:
    """np.nanmax or np.nanmin; NaN for a slice of NaNs alone."""

    def found(
        a: Array, axis: Axes = None, out: None = None, keepdims: Any = False, initial: Array = NONE, where: Any = True
    ) -> Array:
        unsupported(name, out=out)
        numbers = present(a, where)
        result = function(np.where(numbers, a, neutral), axis, keepdims=keepdims, initial=initial)
        return result if given(initial) else np.where(np.any(numbers, axis, keepdims=keepdims), result, np.nan)

    return found


nanmax = implements("nanmax")(nan_extreme("nanmax", max, -np.inf))
nanmin = implements("nanmin")(nan_extreme("nanmin", min, np.inf))


# ---- running totals ----


def running(name: str, row: Callable[..., Array]) -> Callable[..., Array]:
    """np.cumsum or np.cumprod, from its row."""

    def found(a: Array, axis: int | None = None, dtype: Any = None, out: None = None) -> Array:
        unsupported(name, out=out)
        x = prepared(a, dtype, True, 0)
        x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
        return row(x, axis=one_axis(axis, len(shape_of(x))))

    return found


cumsum = implements("cumsum")(running("cumsum", rows.cumsum))
cumprod = implements("cumprod")(running("cumprod", rows.cumprod))


def cumulative(name: str, function: Callable[..., Array], first: float) -> Callable[..., Array]:
    """np.cumulative_sum or np.cumulative_prod, which may begin with the neutral element."""

    def found(
        x: Array, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Array:
        ndim = len(shape_of(x))
        if axis is None and ndim > 1:
            raise ValueError(f"np.{name} of an array of {ndim} axes needs axis=")
        axis = one_axis(axis or 0, ndim)
        totals = function(x, axis, dtype, out)
        if not include_initial:
            return totals
        start = np.full((*shape_of(x)[:axis], 1, *shape_of(x)[axis + 1 :]), first, dtype_of(totals))
        return np.concatenate((start, totals), axis)

    return found


cumulative_sum = implements("cumulative_sum")(cumulative("cumulative_sum", cumsum, 0))
cumulative_prod = implements("cumulative_prod")(cumulative("cumulative_prod", cumprod, 1))
