"""What are NumPy's functions of single elements that are no ufuncs: rounding, replacing NaNs, telling numbers apart?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import Array, as_array, shape_of
from wengert.numpy_rules.registry import constant, implements, unsupported


@implements("round around")
def round(a: Array, decimals: int = 0, out: None = None) -> Array:  # noqa: A001
    """A step function: its derivative is 0."""
    unsupported("round", out=out)
    if decimals == 0:
        return np.rint(a)
    scale = 10.0 ** abs(decimals)
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


@implements("fix")
def fix(x: Array, out: None = None) -> Array:
    unsupported("fix", out=out)
    return np.trunc(x)


@implements("nan_to_num")
def nan_to_num(x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    """The replaced elements are constants."""
    a = as_array(x)
    largest = float(np.finfo(getattr(a, "dtype", np.float64)).max)
    a = np.where(np.isnan(a), nan, a)
    a = np.where(a == np.inf, largest if posinf is None else posinf, a)
    return np.where(a == -np.inf, -largest if neginf is None else neginf, a)


@implements("sinc")
def sinc(x: Array) -> Array:
    """Near 0 by its series, as the derivatives of a quotient of two zeros are lost to rounding there."""
    y = np.multiply(math.pi, x)
    square = np.square(y)
    near = square < 0.25
    # At 1/4 the first term left out is 2e-20.
    series: Array = 0.0
    for k in range(8, -1, -1):
        series = series * square + (-1) ** k / math.factorial(2 * k + 1)
    far = np.where(near, 1.0, y)
    return np.where(near, series, np.sin(far) / far)


@implements("angle")
def angle(z: Array, deg: bool = False) -> Array:
    """0 or pi, by the sign."""
    turned = np.arctan2(0.0, z)
    return turned * (180.0 / math.pi) if deg else turned


@constant("imag")
def imag(val: Array) -> Array:
    return np.zeros_like(val)


@constant("isreal")
def isreal(x: Array) -> Array:
    return np.ones(shape_of(x), bool)


@constant("iscomplex")
def iscomplex(x: Array) -> Array:
    return np.zeros(shape_of(x), bool)


@constant("isrealobj")
def isrealobj(x: Array) -> bool:
    return True


@constant("iscomplexobj")
def iscomplexobj(x: Array) -> bool:
    return False


@constant("isposinf")
def isposinf(x: Array, out: None = None) -> Array:
    unsupported("isposinf", out=out)
    return as_array(x) == np.inf


@constant("isneginf")
def isneginf(x: Array, out: None = None) -> Array:
    unsupported("isneginf", out=out)
    return as_array(x) == -np.inf


@constant("isclose")
def isclose(a: Array, b: Array, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    x, y = as_array(a), as_array(b)
    close = (np.abs(x - y) <= atol + rtol * np.abs(y)) & np.isfinite(y) | (x == y)
    return close | (np.isnan(x) & np.isnan(y)) if equal_nan else close


@constant("allclose")
def allclose(a: Array, b: Array, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@constant("array_equal")
def array_equal(a1: Array, a2: Array, equal_nan: bool = False) -> Array:
    x, y = as_array(a1), as_array(a2)
    if shape_of(x) != shape_of(y):
        return False
    equal = x == y
    return np.all(equal | (np.isnan(x) & np.isnan(y)) if equal_nan else equal)


@constant("array_equiv")
def array_equiv(a1: Array, a2: Array) -> Array:
    x, y = as_array(a1), as_array(a2)
    try:
        np.broadcast_shapes(shape_of(x), shape_of(y))
    except ValueError:
        return False
    return np.all(x == y)
