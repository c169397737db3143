"""What is each elementwise op: its value, its slopes, its domain and its kinks?

One row per op, and nothing about an op is written anywhere else.  The formulas are ordinary lambdas over three kinds
of names, which each reader of the table binds in its own way:

* ``vexp``, ``vsin``, ...: the primitive functions of vmath.  Only values use them.
* ``exp``, ``sin``, ...: the ops themselves.  Only slopes use them, so that a slope is again made of ops.
* ``where(c, a, b)``, comparisons, ``&`` and ``|`` of comparisons, arithmetic, and the constants below.

The readers: ``wengert.reference`` (NumPy scalars and complex numbers, slow, defines what is correct),
``tools/lower_ops.py`` (writes the Cython kernels and functions), and the tests (mpmath).

Conventions.  A slope is the partial derivative in one argument, as a function of the arguments and of the value ``y``.
At a kink the slope is the one of PyTorch and is listed in ``kinks``; NaN arguments give NaN values.  A function of a
domain narrower than the real line gives NaN outside, as C does.
"""

# The names in the lambdas belong to the readers of the table, not to this module.
# mypy: disable-error-code="name-defined"
# ruff: noqa: F821, E731

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, nan, pi

Interval = tuple[float, float]
REAL: Interval = (-inf, inf)

LN2 = 0.6931471805599453
LN10 = 2.302585092994046
SQRT_HALF = 0.7071067811865476
TWO_OVER_SQRT_PI = 1.1283791670955126
ONE_OVER_SQRT_PI = 0.5641895835477563
ONE_OVER_SQRT_TWO_PI = 0.3989422804014327
SQRT_TWO_OVER_PI = 0.7978845608028654
RADIAN = 180 / pi
DEGREE = pi / 180
NAN = nan


@dataclass(frozen=True)
class Fused:
    """A superinstruction: op `outer` whose argument number `at` is op `inner`, rounded as the two.

    Its arguments are those of `inner`, then the other one of `outer`, if there is one.
    """

    code: int
    name: str
    outer: str
    inner: str
    at: int


@dataclass(frozen=True)
class Op:
    """One elementwise op; see `op` for the fields."""

    code: int
    name: str
    value: Callable[..., object]
    slopes: tuple[Callable[..., object], ...]
    doc: str
    infix: str
    numpy: str
    scipy: str
    domain: tuple[Interval, ...]
    orders: tuple[int, ...]
    defaults: tuple[float, ...]
    commutes: bool
    kinks: dict[tuple[float, ...], tuple[float, ...]] = field(hash=False)

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return len(self.slopes)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments, as the lambda of the value has them."""
        return self.value.__code__.co_varnames[: self.arity]


OPS: dict[str, Op] = {}
"""The table: every op by name, in the order of their codes."""

NODES_WITHOUT_OP = ("none", "leaf", "input", "pair", "lane", "lane_sum", "structured", "element")
"""The first codes belong to nodes that no op computes; see `_core/graph.pxd`."""


def op(
    name: str,
    value: Callable[..., object],
    *slopes: Callable[..., object],
    doc: str,
    infix: str = "",
    numpy: str = "",
    scipy: str = "",
    domain: tuple[Interval, ...] = (),
    orders: tuple[int, ...] = (),
    defaults: tuple[float, ...] = (),
    commutes: bool = False,
    kinks: dict[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Op:
    """Add a row to the table.

    Parameters
    ----------
    name : str
        Name in Python (``wengert.exp``), in listings and in the kernels.
    value : callable
        The value as a function of the arguments.
    *slopes : callable
        One per argument: the partial derivative as a function of the arguments and the value ``y``.
    doc : str
        What it computes, in a sentence, with its source where the formula is not obvious.
    infix : str
        Python's operator for it, if it has one.
    numpy : str
        Name of NumPy's ufunc for it, if it has one and is called differently; "-" if there is none.
    scipy : str
        Name of the ufunc of `scipy.special` for it, if there is one.
    domain : tuple of (low, high)
        For each argument the closed interval on which the value is a real number.
    orders : tuple of int
        Which arguments are orders: for other than integers the value is NaN, and their slope is NaN everywhere.
    defaults : tuple of float
        Default values of the last arguments.
    commutes : bool
        May the two arguments be swapped without changing a bit?
    kinks : dict
        Arguments at which a slope jumps, and the slopes taken there.
    """
    row = Op(
        code=len(NODES_WITHOUT_OP) + len(OPS),
        name=name,
        value=value,
        slopes=slopes,
        doc=doc,
        infix=infix,
        numpy=numpy or name,
        scipy=scipy,
        domain=domain or (REAL,) * len(slopes),
        orders=orders,
        defaults=defaults,
        commutes=commutes,
        kinks=kinks or {},
    )
    OPS[name] = row
    return row


ZERO = lambda a, b, y: 0

# ---- arithmetic ----
op("add", lambda a, b: a + b, lambda a, b, y: 1, lambda a, b, y: 1, commutes=True, infix="+", doc="Sum.")
op("sub", lambda a, b: a - b, lambda a, b, y: 1, lambda a, b, y: -1, infix="-", numpy="subtract", doc="Difference.")
op(
    "mul",
    lambda a, b: a * b,
    lambda a, b, y: b,
    lambda a, b, y: a,
    commutes=True,
    infix="*",
    numpy="multiply",
    doc="Product.",
)
op("div", lambda a, b: a / b, lambda a, b, y: 1 / b, lambda a, b, y: -y / b, infix="/", numpy="divide", doc="Quotient.")
op("neg", lambda x: -x, lambda x, y: -1, infix="-", numpy="negative", doc="Negative.")
op(
    "pow",
    lambda a, b: vpow(a, b),
    # b * 0**(b - 1) would be 0 * inf at b == 0, where the power is the constant 1.
    lambda a, b, y: where(b == 0, 0, b * pow(a, b - 1)),
    # 0**b is the constant 0 for b > 0; PyTorch takes 0 at b == 0 too.
    lambda a, b, y: where((a == 0) & (b >= 0), 0, y * log(a)),
    infix="**",
    numpy="power",
    domain=((0, inf), REAL),
    doc="Real power, with the special cases of C's pow (negative bases with integer exponents included).",
)
op(
    "mod",
    lambda a, b: vmod(a, b),
    lambda a, b, y: 1,
    lambda a, b, y: -floordiv(a, b),
    infix="%",
    numpy="remainder",
    kinks={(4, 2): (1, -2)},
    doc="Remainder with the sign of the divisor, as Python's ``%``.",
)
op(
    "floordiv",
    # Not floor(a / b): 1 / 0.1 rounds up to 10, but 0.1 goes into 1 only 9 times.
    lambda a, b: vfloordiv(a, b),
    ZERO,
    ZERO,
    infix="//",
    numpy="floor_divide",
    kinks={(4, 2): (0, 0)},
    doc="Largest integer not above the quotient, as Python's ``//``.",
)
op(
    "mul_no_nan",
    lambda a, b: where((a == 0) | (b == 0), 0, a * b),
    lambda a, b, y: b,
    lambda a, b, y: a,
    numpy="-",
    commutes=True,
    doc="Product in which a factor of zero wins, also over infinity and NaN: the chain rule's, where zero is strong.",
)
op("square", lambda x: x * x, lambda x, y: 2 * x, infix="**2", doc="Square.")
op("reciprocal", lambda x: 1 / x, lambda x, y: -y * y, doc="Reciprocal.")
op("sqrt", lambda x: vsqrt(x), lambda x, y: 0.5 / y, domain=((0, inf),), doc="Square root.")
op("cbrt", lambda x: vcbrt(x), lambda x, y: 1 / (3 * y * y), scipy="cbrt", doc="Cube root.")
op(
    "hypot",
    lambda a, b: vhypot(a, b),
    lambda a, b, y: where(y == 0, 0, a / y),
    lambda a, b, y: where(y == 0, 0, b / y),
    kinks={(0, 0): (0, 0)},
    doc="``sqrt(a*a + b*b)`` without overflow or underflow on the way.",
)

# ---- exponentials and logarithms ----
op("exp", lambda x: vexp(x), lambda x, y: y, doc="Exponential.")
op("exp2", lambda x: vexp2(x), lambda x, y: LN2 * y, scipy="exp2", doc="Power of two.")
op("expm1", lambda x: vexpm1(x), lambda x, y: exp(x), scipy="expm1", doc="``exp(x) - 1``, accurate for small x.")
op("log", lambda x: vlog(x), lambda x, y: 1 / x, domain=((0, inf),), doc="Natural logarithm.")
op("log2", lambda x: vlog2(x), lambda x, y: 1 / (LN2 * x), domain=((0, inf),), doc="Logarithm to base 2.")
op("log10", lambda x: vlog10(x), lambda x, y: 1 / (LN10 * x), domain=((0, inf),), doc="Logarithm to base 10.")
op(
    "log1p",
    lambda x: vlog1p(x),
    lambda x, y: 1 / (1 + x),
    scipy="log1p",
    domain=((-1, inf),),
    doc="``log(1 + x)``, accurate near 0.",
)
op(
    "logaddexp",
    lambda a, b: vlogaddexp(a, b),
    # sigmoid(a - b) is exp(a - y); the tie is written out because inf - inf is NaN.
    lambda a, b, y: where(a == b, 0.5, sigmoid(a - b)),
    lambda a, b, y: where(a == b, 0.5, sigmoid(b - a)),
    doc="``log(exp(a) + exp(b))`` as max + log1p(exp(-|a - b|)) (Blanchard, Higham & Higham, IMA JNA 41, 2021).",
)

# ---- trigonometric ----
op("sin", lambda x: vsin(x), lambda x, y: cos(x), doc="Sine of an angle in radians.")
op("cos", lambda x: vcos(x), lambda x, y: -sin(x), doc="Cosine of an angle in radians.")
op("tan", lambda x: vtan(x), lambda x, y: 1 + y * y, doc="Tangent of an angle in radians.")
op(
    "asin",
    lambda x: vasin(x),
    lambda x, y: 1 / sqrt((1 - x) * (1 + x)),
    numpy="arcsin",
    domain=((-1, 1),),
    doc="Inverse sine, in radians.",
)
op(
    "acos",
    lambda x: vacos(x),
    lambda x, y: -1 / sqrt((1 - x) * (1 + x)),
    numpy="arccos",
    domain=((-1, 1),),
    doc="Inverse cosine, in radians.",
)
op("atan", lambda x: vatan(x), lambda x, y: 1 / (1 + x * x), numpy="arctan", doc="Inverse tangent, in radians.")
op(
    "atan2",
    lambda a, b: vatan2(a, b),
    # Dividing twice by the radius keeps large and small arguments in range.
    lambda a, b, y: where(hypot(a, b) == 0, 0, b / hypot(a, b) / hypot(a, b)),
    lambda a, b, y: where(hypot(a, b) == 0, 0, -a / hypot(a, b) / hypot(a, b)),
    numpy="arctan2",
    kinks={(0, 0): (0, 0)},
    doc="Angle of the point (b, a), in radians.",
)

# ---- hyperbolic ----
op("sinh", lambda x: vsinh(x), lambda x, y: cosh(x), doc="Hyperbolic sine.")
op("cosh", lambda x: vcosh(x), lambda x, y: sinh(x), doc="Hyperbolic cosine.")
op("tanh", lambda x: vtanh(x), lambda x, y: 1 - y * y, doc="Hyperbolic tangent.")
op("asinh", lambda x: vasinh(x), lambda x, y: 1 / hypot(1, x), numpy="arcsinh", doc="Inverse hyperbolic sine.")
op(
    "acosh",
    lambda x: vacosh(x),
    lambda x, y: 1 / (sqrt(x - 1) * sqrt(x + 1)),
    numpy="arccosh",
    domain=((1, inf),),
    doc="Inverse hyperbolic cosine.",
)
op(
    "atanh",
    lambda x: vatanh(x),
    lambda x, y: 1 / ((1 - x) * (1 + x)),
    numpy="arctanh",
    domain=((-1, 1),),
    doc="Inverse hyperbolic tangent.",
)

# ---- activations ----
op(
    "sigmoid",
    lambda x: vsigmoid(x),
    lambda x, y: y * (1 - y),
    numpy="-",
    scipy="expit",
    doc="``1 / (1 + exp(-x))``, the logistic function.",
)
op(
    "softplus",
    lambda x: vsoftplus(x),
    lambda x, y: sigmoid(x),
    numpy="-",
    doc="``log(1 + exp(x))`` as max(x, 0) + log1p(exp(-|x|)) (Maechler, Rmpfr vignette log1mexp, 2012).",
)
op(
    "log_expit",
    lambda x: -vsoftplus(-x),
    lambda x, y: sigmoid(-x),
    numpy="-",
    scipy="log_expit",
    doc="Logarithm of the logistic function, ``-softplus(-x)``.",
)
op(
    "logit",
    lambda x: vlogit(x),
    lambda x, y: 1 / (x * (1 - x)),
    numpy="-",
    scipy="logit",
    domain=((0, 1),),
    doc="``log(x / (1 - x))``, the inverse of the logistic function.",
)
op(
    "relu",
    lambda x: where(x <= 0, 0, x),
    lambda x, y: where(x <= 0, 0, 1),
    numpy="-",
    kinks={(0,): (0,)},
    doc="Rectifier ``max(x, 0)``.",
)
op(
    "leaky_relu",
    lambda x, alpha: where(x <= 0, alpha * x, x),
    lambda x, alpha, y: where(x <= 0, alpha, 1),
    lambda x, alpha, y: where(x <= 0, x, 0),
    numpy="-",
    defaults=(0.01,),
    kinks={(0, 0.25): (0.25, 0)},
    doc="Rectifier with slope `alpha` for negative x.",
)
op(
    "elu",
    lambda x, alpha: where(x <= 0, alpha * vexpm1(x), x),
    lambda x, alpha, y: where(x <= 0, alpha * exp(x), 1),
    lambda x, alpha, y: where(x <= 0, expm1(x), 0),
    numpy="-",
    defaults=(1.0,),
    kinks={(0, 0.25): (0.25, 0)},
    doc="Exponential linear unit, ``alpha * expm1(x)`` for negative x (Clevert et al. 2016).",
)
op(
    "gelu",
    lambda x: vgelu(x),
    # Beyond 40 the density is below the smallest double, and infinity times zero is NaN.
    lambda x, y: (
        0.5 * erfc(-SQRT_HALF * x) + where((x < -40) | (x > 40), 0, ONE_OVER_SQRT_TWO_PI * x * exp(-0.5 * x * x))
    ),
    numpy="-",
    doc="Gaussian error linear unit, x times the normal distribution function (Hendrycks & Gimpel 2016).",
)
op(
    "silu",
    lambda x: vsilu(x),
    # Beyond 40 the sigmoid is 1 to the last bit, and infinity times zero is NaN.
    lambda x, y: where(x > 40, 1, sigmoid(x) + y * (1 - sigmoid(x))),
    numpy="-",
    doc="``x * sigmoid(x)``, also called swish (Elfwing et al. 2018).",
)

# ---- error function and normal distribution ----
op(
    "erf",
    lambda x: verf(x),
    lambda x, y: TWO_OVER_SQRT_PI * exp(-x * x),
    numpy="-",
    scipy="erf",
    doc="Error function.",
)
op(
    "erfc",
    lambda x: verfc(x),
    lambda x, y: -TWO_OVER_SQRT_PI * exp(-x * x),
    numpy="-",
    scipy="erfc",
    doc="Complementary error function ``1 - erf(x)``.",
)
op(
    "erfcx",
    lambda x: verfcx(x),
    # 2xy - 2/sqrt(pi) cancels for large x: from 50 on the asymptotic series of DLMF 7.12.1, term by term.
    lambda x, y: where(
        x > 50,
        (((((324.84375 / (x * x) - 59.0625) / (x * x) + 13.125) / (x * x) - 3.75) / (x * x) + 1.5) / (x * x) - 1)
        * (ONE_OVER_SQRT_PI / x / x),
        2 * x * y - TWO_OVER_SQRT_PI,
    ),
    numpy="-",
    scipy="erfcx",
    doc="Scaled complementary error function ``exp(x**2) * erfc(x)``.",
)
op(
    "ndtr",
    lambda x: vndtr(x),
    lambda x, y: ONE_OVER_SQRT_TWO_PI * exp(-0.5 * x * x),
    numpy="-",
    scipy="ndtr",
    doc="Distribution function of the standard normal distribution.",
)
op(
    "log_ndtr",
    lambda x: vlog_ndtr(x),
    # density / ndtr(x), on the left without the factor exp(-x*x/2) of both; for no x does erfcx overflow.
    lambda x, y: where(
        x > 0, ONE_OVER_SQRT_TWO_PI * exp(-0.5 * x * x - y), SQRT_TWO_OVER_PI / erfcx(where(x > 0, 0, -SQRT_HALF * x))
    ),
    numpy="-",
    scipy="log_ndtr",
    doc="Logarithm of the distribution function of the standard normal distribution.",
)

# ---- gamma function ----
op(
    "gammaln",
    lambda x: vgammaln(x),
    lambda x, y: digamma(x),
    numpy="-",
    scipy="gammaln",
    doc="Logarithm of the absolute value of the gamma function.",
)
op(
    "digamma",
    lambda x: vdigamma(x),
    lambda x, y: trigamma(x),
    numpy="-",
    scipy="psi",
    doc="Derivative of the logarithm of the gamma function.",
)
op(
    "trigamma",
    lambda x: vtrigamma(x),
    lambda x, y: polygamma(2, x),
    numpy="-",
    doc="Second derivative of the logarithm of the gamma function.",
)
op(
    "polygamma",
    lambda n, x: vpolygamma(n, x),
    lambda n, x, y: NAN,
    lambda n, x, y: polygamma(n + 1, x),
    numpy="-",
    domain=((0, 170), REAL),
    orders=(0,),
    doc="Derivative of order n of `digamma`, for integers n up to 170.",
)

# ---- products with logarithms ----
# At x = 0 the slope in x is that of the constant 0 where the logarithm is no number, as in pow.
op(
    "xlogy",
    lambda x, y: where((x == 0) & (y == y), 0, x * vlog(y)),
    lambda x, y, value: where((x == 0) & (y <= 0), 0, log(y)),
    lambda x, y, value: where(x == 0, 0, x / y),
    numpy="-",
    scipy="xlogy",
    domain=(REAL, (0, inf)),
    kinks={(0, 0): (0, 0)},
    doc="``x * log(y)``, and 0 for x = 0 whatever y is.",
)
op(
    "xlog1py",
    lambda x, y: where((x == 0) & (y == y), 0, x * vlog1p(y)),
    lambda x, y, value: where((x == 0) & (y <= -1), 0, log1p(y)),
    lambda x, y, value: where(x == 0, 0, x / (1 + y)),
    numpy="-",
    scipy="xlog1py",
    domain=(REAL, (-1, inf)),
    kinks={(0, -1): (0, 0)},
    doc="``x * log(1 + y)``, and 0 for x = 0 whatever y is.",
)

# ---- pieces ----
op(
    "abs",
    lambda x: vfabs(x),
    lambda x, y: sign(x),
    numpy="absolute",
    kinks={(0,): (0,)},
    doc="Absolute value.",
)
op(
    "sign",
    lambda x: where(x > 0, 1, where(x < 0, -1, where(x == 0, 0, x))),
    lambda x, y: 0,
    kinks={(0,): (0,)},
    doc="-1, 0 or 1.",
)
op("floor", lambda x: vfloor(x), lambda x, y: 0, kinks={(2,): (0,)}, doc="Largest integer not above x.")
op("ceil", lambda x: vceil(x), lambda x, y: 0, kinks={(2,): (0,)}, doc="Smallest integer not below x.")
op("trunc", lambda x: vtrunc(x), lambda x, y: 0, kinks={(2,): (0,)}, doc="Nearest integer towards zero.")
op(
    "round",
    lambda x: vround(x),
    lambda x, y: 0,
    numpy="rint",
    kinks={(2.5,): (0,)},
    doc="Nearest integer, ties to the even one.",
)
# A NaN fails both comparisons of a slope and gets the slope 1, so that it is not lost on the way back.
op(
    "min",
    lambda a, b: where((a <= b) | (a != a), a, b),
    lambda a, b, y: where(a > b, 0, where(a == b, 0.5, 1)),
    lambda a, b, y: where(b > a, 0, where(a == b, 0.5, 1)),
    numpy="minimum",
    kinks={(1, 1): (0.5, 0.5)},
    doc="Smaller of two numbers; NaN if one of them is.",
)
op(
    "max",
    lambda a, b: where((a >= b) | (a != a), a, b),
    lambda a, b, y: where(a < b, 0, where(a == b, 0.5, 1)),
    lambda a, b, y: where(b < a, 0, where(a == b, 0.5, 1)),
    numpy="maximum",
    kinks={(1, 1): (0.5, 0.5)},
    doc="Larger of two numbers; NaN if one of them is.",
)
# Of equal numbers the first is taken, as in PyTorch.
op(
    "fmin",
    lambda a, b: where((a <= b) | (b != b), a, b),
    lambda a, b, y: where((a <= b) | (b != b), 1, 0),
    lambda a, b, y: where((a <= b) | (b != b), 0, 1),
    kinks={(1, 1): (1, 0)},
    doc="Smaller of two numbers; the other one if one is NaN.",
)
op(
    "fmax",
    lambda a, b: where((a >= b) | (b != b), a, b),
    lambda a, b, y: where((a >= b) | (b != b), 1, 0),
    lambda a, b, y: where((a >= b) | (b != b), 0, 1),
    kinks={(1, 1): (1, 0)},
    doc="Larger of two numbers; the other one if one is NaN.",
)
op(
    "copysign",
    lambda a, b: vcopysign(a, b),
    lambda a, b, y: sign(a) * copysign(1, b),
    ZERO,
    kinks={(0, 1): (0, 0), (2, 0): (1, 0)},
    doc="Magnitude of the first number with the sign of the second.",
)
op(
    "heaviside",
    lambda x, h: where(x > 0, 1, where(x < 0, 0, where(x == 0, h, x))),
    ZERO,
    lambda x, h, y: where(x == 0, 1, 0),
    kinks={(0, 0.5): (0, 1)},
    doc="0 for negative x, 1 for positive x, and `h` at 0.",
)
op("deg2rad", lambda x: DEGREE * x, lambda x, y: DEGREE, doc="Degrees to radians.")
op("rad2deg", lambda x: RADIAN * x, lambda x, y: RADIAN, doc="Radians to degrees.")
op(
    "where",
    lambda condition, a, b: where(condition != 0, a, b),
    lambda condition, a, b, y: 0,
    lambda condition, a, b, y: where(condition != 0, 1, 0),
    lambda condition, a, b, y: where(condition != 0, 0, 1),
    numpy="-",
    kinks={(1, 2, 3): (0, 1, 0), (0, 2, 3): (0, 0, 1)},
    doc="`a` where the condition is true, else `b`; the other branch gets an exact zero, never NaN.",
)

op(
    "stop_gradient",
    lambda x: x,
    lambda x, y: 0,
    numpy="-",
    doc="x itself, a constant to every derivative.",
)

# ---- comparisons: 1 if true, else 0; constant on both sides of the step ----
op("lt", lambda a, b: where(a < b, 1, 0), ZERO, ZERO, infix="<", numpy="less", doc="``a < b``.")
op("le", lambda a, b: where(a <= b, 1, 0), ZERO, ZERO, infix="<=", numpy="less_equal", doc="``a <= b``.")
op("gt", lambda a, b: where(a > b, 1, 0), ZERO, ZERO, infix=">", numpy="greater", doc="``a > b``.")
op("ge", lambda a, b: where(a >= b, 1, 0), ZERO, ZERO, infix=">=", numpy="greater_equal", doc="``a >= b``.")
op("eq", lambda a, b: where(a == b, 1, 0), ZERO, ZERO, commutes=True, infix="==", numpy="equal", doc="``a == b``.")
op("ne", lambda a, b: where(a != b, 1, 0), ZERO, ZERO, commutes=True, infix="!=", numpy="not_equal", doc="``a != b``.")
op(
    "logical_and",
    lambda a, b: where((a != 0) & (b != 0), 1, 0),
    ZERO,
    ZERO,
    commutes=True,
    infix="&",
    doc="Both are true.",
)
op(
    "logical_or",
    lambda a, b: where((a != 0) | (b != 0), 1, 0),
    ZERO,
    ZERO,
    commutes=True,
    infix="|",
    doc="At least one is true.",
)
op(
    "logical_xor",
    lambda a, b: where((a != 0) != (b != 0), 1, 0),
    ZERO,
    ZERO,
    commutes=True,
    doc="Exactly one is true.",
)
op("logical_not", lambda x: where(x == 0, 1, 0), lambda x, y: 0, infix="~", doc="The contrary.")
op("isnan", lambda x: where(x != x, 1, 0), lambda x, y: 0, doc="1 if x is not a number, else 0.")
op("isfinite", lambda x: where(x - x == 0, 1, 0), lambda x, y: 0, doc="1 if x is neither infinite nor NaN, else 0.")
op("isinf", lambda x: where((x != 0) & (x + x == x), 1, 0), lambda x, y: 0, doc="1 if x is infinite, else 0.")
op("signbit", lambda x: where(vcopysign(1, x) < 0, 1, 0), lambda x, y: 0, doc="1 if x is negative or -0.0, else 0.")

# ---- superinstructions: pairs that stand one after the other in gradients, worth one pass over memory less ----
FUSED: dict[str, Fused] = {}
"""Every superinstruction by name; their codes follow those of the ops."""

for outer, inner, at in (
    ("add", "mul", 0),
    ("sub", "mul", 0),
    ("sub", "mul", 1),
    ("mul", "mul", 0),
    ("mul", "add", 0),
    ("mul", "sub", 0),
    ("add", "add", 0),
    ("add", "mul_no_nan", 0),
    ("sub", "mul_no_nan", 0),
    ("sub", "mul_no_nan", 1),
    ("mul_no_nan", "mul", 0),
    ("add", "square", 0),
    ("sub", "square", 0),
    ("sub", "square", 1),
    ("square", "sub", 0),
):
    name = f"{outer}_{inner}" if at == 0 else f"{outer}_of_{inner}"
    FUSED[name] = Fused(len(NODES_WITHOUT_OP) + len(OPS) + len(FUSED), name, outer, inner, at)
