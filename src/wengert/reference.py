"""What does an op mean, computed slowly?

The table of ops read with NumPy's scalars: IEEE arithmetic without exceptions, every primitive from NumPy or the C
library, not from vmath.  Kernels are tested against it.  The same formulas accept complex numbers as far as they are
analytic, which is what the complex step of `wengert.check_grad` needs; the others raise TypeError there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from wengert import ops


def real(function: Callable[..., float]) -> Callable[..., Any]:
    """A primitive that is not analytic, or not known to NumPy for complex numbers."""

    def primitive(*arguments: Any) -> Any:
        if any(isinstance(a, complex | np.complexfloating) for a in arguments):
            raise TypeError("this op has no complex value")
        return np.float64(function(*arguments))

    return primitive


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


def power(a: Any, b: Any) -> Any:
    """C's pow; NumPy's takes a square root for the exponent 1/2, which differs at minus infinity."""
    if not (isinstance(a, np.floating) and isinstance(b, np.floating)):
        return np.power(a, b)
    odd = math.isfinite(b) and math.fmod(b, 2) in (-1, 1)
    infinity = np.copysign(np.inf, a) if odd else np.float64(np.inf)
    try:
        return np.float64(math.pow(a, b))
    except OverflowError:
        return infinity
    except ValueError:
        return infinity if a == 0 else np.float64(np.nan)


def softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x) if isinstance(x, np.floating) else np.log1p(np.exp(x))


def logaddexp(a: Any, b: Any) -> Any:
    real_arguments = isinstance(a, np.floating) and isinstance(b, np.floating)
    return np.logaddexp(a, b) if real_arguments else np.log(np.exp(a) + np.exp(b))


def gammaln(x: Any) -> Any:
    """C's lgamma, of which Python makes an error at the poles."""
    return np.inf if x <= 0 and x == np.floor(x) else math.lgamma(x)


def from_scipy(name: str) -> Callable[..., Any]:
    """A primitive of `scipy.special`, which takes long to import and is seldom needed here."""

    def primitive(*arguments: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*arguments)

    return real(primitive)


def polygamma(n: Any, x: Any) -> Any:
    """SciPy's, where it follows C: by NaN for an order that is none, by the sign of zero at the pole there."""
    if not (0 <= n <= 170 and n == np.floor(n)) or x == -np.inf or (n % 2 == 0 and x < 0 and x == np.floor(x)):
        return np.nan
    if n % 2 == 0 and x == 0:
        return np.copysign(np.inf, -x)
    return from_scipy("polygamma")(n, x)


PRIMITIVES: dict[str, Callable[..., Any]] = {
    "where": where,
    "vpow": power, "vmod": real(np.mod), "vfloordiv": real(np.floor_divide),
    "vsqrt": np.sqrt, "vcbrt": real(np.cbrt), "vhypot": real(np.hypot),
    "vexp": np.exp, "vexp2": np.exp2, "vexpm1": np.expm1,
    "vlog": np.log, "vlog2": np.log2, "vlog10": np.log10, "vlog1p": np.log1p, "vlogaddexp": logaddexp,
    "vsin": np.sin, "vcos": np.cos, "vtan": np.tan,
    "vasin": np.arcsin, "vacos": np.arccos, "vatan": np.arctan, "vatan2": real(np.arctan2),
    "vsinh": np.sinh, "vcosh": np.cosh, "vtanh": np.tanh,
    "vasinh": np.arcsinh, "vacosh": np.arccosh, "vatanh": np.arctanh,
    "vsigmoid": lambda x: 1 / (1 + np.exp(-x)), "vsoftplus": softplus,
    # A factor of exactly zero beats the infinity of the other at minus infinity.
    "vsilu": lambda x: -0.0 if x == -np.inf else x / (1 + np.exp(-x)),
    "vgelu": real(lambda x: -0.0 if x == -np.inf else 0.5 * x * math.erfc(-x * ops.SQRT_HALF)),
    "verf": real(math.erf), "verfc": real(math.erfc),
    "verfcx": from_scipy("erfcx"), "vndtr": from_scipy("ndtr"), "vlog_ndtr": from_scipy("log_ndtr"),
    "vlogit": lambda x: 2 * np.arctanh(2 * x - 1) if 0.25 < x.real < 0.75 else np.log(x) - np.log1p(-x),
    "vgammaln": real(gammaln), "vdigamma": real(lambda x: polygamma(0, x)),
    "vtrigamma": real(lambda x: polygamma(1, x)), "vpolygamma": real(polygamma),
    "vfabs": real(np.fabs), "vfloor": real(np.floor), "vceil": real(np.ceil), "vround": real(np.rint),
    "vtrunc": real(np.trunc), "vcopysign": real(np.copysign),
}  # fmt: skip


def bind(formula: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    """Give the free names of a formula of the table their meaning."""
    constants = {name: number for name, number in vars(ops).items() if isinstance(number, float)}
    return FunctionType(formula.__code__, {**constants, **names})


VALUES = {row.name: bind(row.value, PRIMITIVES) for row in ops.OPS.values()}
SLOPES = {row.name: [bind(s, {**VALUES, "where": where}) for s in row.slopes] for row in ops.OPS.values()}


def scalars(arguments: tuple[Any, ...]) -> list[Any]:
    return [np.complex128(a) if isinstance(a, complex | np.complexfloating) else np.float64(a) for a in arguments]


def value(name: str, *arguments: float | complex) -> Any:
    """Value of an op, a Python float or complex.

    Examples
    --------
    >>> value("relu", -2.0), value("square", 1 + 2j)
    (0.0, (-3+4j))
    """
    with np.errstate(all="ignore"):
        result = VALUES[name](*scalars(arguments))
    return complex(result) if isinstance(result, np.complexfloating) else float(result)


def slopes(name: str, *arguments: float) -> list[float]:
    """Slopes of an op, one per argument.

    Examples
    --------
    >>> slopes("mul", 2.0, 3.0)
    [3.0, 2.0]
    """
    numbers = scalars(arguments)
    with np.errstate(all="ignore"):
        y = VALUES[name](*numbers)
        return [float(slope(*numbers, y)) for slope in SLOPES[name]]
