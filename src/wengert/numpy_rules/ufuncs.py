"""How are the ufuncs computed that are no op of the table, and what do methods like ``np.add.reduce`` do?

An op's row may have less than NumPy's ufunc: what is composed here agrees with it in every value, NaN and the signs
of zeros included, where the comment on it does not say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert._core.var import UFUNCS
from wengert.numpy_rules.arguments import Array, as_array, has_var, shape_of
from wengert.numpy_rules.reductions import given, params, prepared
from wengert.numpy_rules.registry import UFUNC_COMPOSITES, UFUNC_REFUSED, composite, no_rule, refuse, unsupported
from wengert.structured import rows


@composite("positive conjugate")
def positive(x: Array, /) -> Array:
    return np.copy(x)


@composite("logaddexp2")
def logaddexp2(x1: Array, x2: Array, /) -> Array:
    """Up to rounding of the arguments."""
    return np.logaddexp(x1 * math.log(2.0), x2 * math.log(2.0)) / math.log(2.0)


@composite("ldexp")
def ldexp(x1: Array, x2: Any, /) -> Array:
    if has_var(x2):
        no_rule("ldexp", "a var as exponent; take x1 * np.exp2(x2)")
    half = np.asarray(x2) // 2  # in two steps, as 2**x2 alone may overflow
    return x1 * np.ldexp(1.0, half) * np.ldexp(1.0, x2 - half)


# ---- pieces ----


@composite("fmod")
def fmod(x1: Array, x2: Array, /) -> Array:
    size = np.abs(x2)
    rest = np.where(x1 < 0, -np.remainder(-x1, size), np.remainder(x1, size))
    return np.where((x1 == 0) & (size > 0), x1, rest)


@composite("modf")
def modf(x: Array, /) -> tuple[Array, Array]:
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0.0, x - whole), x), whole


@composite("divmod")
def divmod(x1: Array, x2: Array, /) -> tuple[Array, Array]:  # noqa: A001
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite("_core.umath.clip")
def clip(x: Array, low: Array, high: Array, /) -> Array:
    return np.clip(x, low, high)


# ---- what is refused ----

OF_INTEGERS = "of integers, which are constants: compute it from x.data"
OF_STRINGS = "of strings"
OF_FORMAT = "it depends on the number's format, not on the number"

refuse("gcd lcm left_shift right_shift bitwise_count", OF_INTEGERS, UFUNC_REFUSED)
refuse("frexp nextafter spacing", OF_FORMAT, UFUNC_REFUSED)
refuse("isnat", "of dates", UFUNC_REFUSED)
refuse("_core.umath._ones_like", "NumPy's own; take np.ones_like", UFUNC_REFUSED)
STRING_UFUNCS = (
    "_center _expandtabs _expandtabs_length _ljust _lstrip_chars _lstrip_whitespace _partition _partition_index "
    "_replace _rjust _rpartition _rpartition_index _rstrip_chars _rstrip_whitespace _slice _strip_chars "
    "_strip_whitespace _zfill count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace "
    "istitle isupper rfind rindex startswith str_len"
)
refuse(" ".join(f"_core.umath.{name}" for name in STRING_UFUNCS.split()), OF_STRINGS, UFUNC_REFUSED)


# ---- methods ----

Reducers = dict[np.ufunc, Callable[..., Any]]
REDUCTIONS: Reducers = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
TRUTHS: Reducers = {np.logical_and: np.all, np.logical_or: np.any}
TOTALS: Reducers = {np.add: np.cumsum, np.multiply: np.cumprod}


def reduce(
    ufunc: np.ufunc, array: Array, /, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Array = None, where: Any = True,
) -> Array:  # fmt: skip
    """``ufunc.reduce``: over the first axis unless told otherwise."""
    name = f"{ufunc.__name__}.reduce"
    unsupported(name, out=out)
    x = prepared(array, dtype, True, 0)
    options: dict[str, Any] = {"keepdims": keepdims, "where": where}
    if ufunc in TRUTHS:
        unsupported(name, initial=initial if given(initial) else None)
        return TRUTHS[ufunc](x, axis, **options)
    if given(initial):
        options["initial"] = initial
    if ufunc in REDUCTIONS:
        return REDUCTIONS[ufunc](x, axis, **options)
    unsupported(name, initial=options.get("initial"))
    return rows.logsumexp(prepared(x, None, where, -np.inf), **params(x, axis, keepdims))


def accumulate(ufunc: np.ufunc, array: Array, /, axis: int = 0, dtype: Any = None, out: Any = None) -> Array:
    """``ufunc.accumulate``: running totals along the first axis unless told otherwise."""
    return TOTALS[ufunc](array, axis, dtype, out)


def outer(ufunc: np.ufunc, a: Array, b: Array, /, **kwargs: Any) -> Any:
    """``ufunc.outer``: every element of a with every element of b."""
    unsupported(f"{ufunc.__name__}.outer", **kwargs)
    x, y = as_array(a), as_array(b)
    return ufunc(np.reshape(x, shape_of(x) + (1,) * len(shape_of(y))), y)


METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    **{(ufunc, "reduce"): partial(reduce, ufunc) for ufunc in (*REDUCTIONS, *TRUTHS, np.logaddexp)},
    **{(ufunc, "accumulate"): partial(accumulate, ufunc) for ufunc in TOTALS},
    **{
        (ufunc, "outer"): partial(outer, ufunc)
        for ufunc in (*UFUNCS, *UFUNC_COMPOSITES)
        if ufunc.nin == 2 and not ufunc.signature
    },
}
"""Methods of ufuncs; all others are refused by name."""
