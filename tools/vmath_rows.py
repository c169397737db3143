"""Which functions does vmath have, on which arguments are they measured, and what are their special values?

`ROWS` has one row per function.  `tools/vmath_errors.py` measures them, `tests/test_vmath.py` tests them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

from vmath_intervals import (
    LEAST,
    MOST,
    Interval,
    around,
    cancelling_logaddexp,
    close_pairs,
    even,
    magnitudes,
    near,
    pairs,
    points,
    powers_in_range,
)

# 160 bits leave 2^-107 of an ulp; the reference that cancels raises it itself.
mp.mp.prec = 160

INF, NAN, PI = math.inf, math.nan, math.pi


class Row(NamedTuple):
    name: str  # of the op, without vmath's `v`
    reference: Callable[..., Any]  # of mpmath numbers
    intervals: tuple[Interval, ...]
    special: tuple[tuple[Any, float], ...]  # argument, or pair of arguments, and the exact value


# ---- references ----


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def gelu(x: Any) -> Any:
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


def cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


def logaddexp(a: Any, b: Any) -> Any:
    """The two terms cancel to 2^-120 of themselves at most."""
    with mp.extraprec(150):
        return max(a, b) + mp.log1p(mp.exp(min(a, b) - max(a, b)))


def erfcx(x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x) if x < 1000 else mp.hyperu(0.5, 0.5, x * x) / mp.sqrt(mp.pi)


def log_ndtr(x: Any) -> Any:
    return mp.log1p(-mp.ncdf(-x)) if x > -1 else mp.log(erfcx(-x / mp.sqrt(2)) / 2) - x * x / 2


def logit(x: Any) -> Any:
    return mp.log(x / (1 - x))


def gammaln(x: Any) -> Any:
    return mp.log(abs(mp.gamma(x))) if x < 3 else mp.loggamma(x)


def polygamma(n: Any, x: Any) -> Any:
    return mp.psi(int(n), x)


# ---- special values ----

# C23 Annex F.10.4.4, as (x, y) and pow(x, y), for a sample of its y.
POW_SPECIAL: tuple[tuple[Any, float], ...] = (
    *(((zero, y), math.copysign(INF, zero)) for zero in (0.0, -0.0) for y in (-1.0, -3.0)),
    *(((zero, y), INF) for zero in (0.0, -0.0) for y in (-2.0, -0.5, -INF, -(2.0**53), -MOST)),
    *(((zero, y), zero) for zero in (0.0, -0.0) for y in (1.0, 3.0, 2.0**53 - 1)),
    *(((zero, y), 0.0) for zero in (0.0, -0.0) for y in (2.0, 0.5, INF, 2.0**53, LEAST)),
    *(((-1.0, y), 1.0) for y in (INF, -INF, 2.0**53, MOST)),
    *(((1.0, y), 1.0) for y in (0.0, -2.5, INF, -INF, NAN, MOST)),
    *(((x, zero), 1.0) for x in (0.0, -0.0, -2.5, INF, -INF, NAN, MOST) for zero in (0.0, -0.0)),
    *(((x, y), NAN) for x in (-2.0, -0.5, -MOST, -LEAST) for y in (0.5, -1.5, 2.0**51 + 0.5)),
    *(((x, INF), 0.0 if abs(x) < 1 else INF) for x in (0.5, -0.5, LEAST, 2.0, -2.0, MOST, 1 - 2**-53, 1 + 2**-52)),
    *(((x, -INF), INF if abs(x) < 1 else 0.0) for x in (0.5, -0.5, LEAST, 2.0, -2.0, MOST, 1 - 2**-53, 1 + 2**-52)),
    *(((-INF, y), value) for y, value in ((-3.0, -0.0), (-2.0, 0.0), (-0.5, 0.0), (3.0, -INF), (2.0, INF), (0.5, INF))),
    *(((INF, y), 0.0 if y < 0 else INF) for y in (-3.0, -0.5, -INF, LEAST, 3.0, INF)),
    *(((x, y), NAN) for x, y in ((NAN, 1.0), (NAN, INF), (2.0, NAN), (-INF, NAN), (NAN, NAN), (0.0, NAN))),
    *(((float(x), float(y)), float(x**y)) for x in (-7, -3, -2, 2, 3, 5, 10, 12) for y in range(1, 15)),
    *(((2.0, float(y)), math.ldexp(1.0, y)) for y in range(-1074, 1024, 7)),
    *(((x * x, 0.5), x) for x in (3.0, 1.5, 1e3, 12345678.0)),
    *(((x, y), value) for x, y, value in ((-2.0, 1024.0, INF), (-2.0, 1025.0, -INF), (-2.0, -1077.0, -0.0))),
)

# C23 Annex F.10.1.4, as (y, x) and atan2(y, x).
ATAN2_SPECIAL: tuple[tuple[Any, float], ...] = tuple(
    ((math.copysign(y, sign), x), math.copysign(value, sign))
    for sign in (1.0, -1.0)
    for y, x, value in (
        *((0.0, x, PI) for x in (-0.0, -1.0, -INF, -LEAST)),
        *((0.0, x, 0.0) for x in (0.0, 1.0, INF, LEAST)),
        *((y, zero, PI / 2) for y in (1.0, LEAST, MOST) for zero in (0.0, -0.0)),
        *((y, -INF, PI) for y in (1.0, LEAST, MOST)),
        *((y, INF, 0.0) for y in (1.0, LEAST, MOST)),
        *((INF, x, PI / 2) for x in (0.0, -0.0, 1.0, -1.0, MOST, -MOST)),
        *((INF, -INF, 3 * PI / 4), (INF, INF, PI / 4), (1.0, 1.0, PI / 4), (1.0, -1.0, 3 * PI / 4)),
        *((y, x, NAN) for y, x in ((1.0, NAN), (NAN, 1.0), (INF, NAN), (NAN, INF), (0.0, NAN), (NAN, 0.0))),
    )
)

ODD_ZEROS: tuple[tuple[Any, float], ...] = ((0.0, 0.0), (-0.0, -0.0), (LEAST, LEAST), (-LEAST, -LEAST), (NAN, NAN))
ODD_ENDS: tuple[tuple[Any, float], ...] = (*ODD_ZEROS, (INF, INF), (-INF, -INF))
LOG_ENDS: tuple[tuple[Any, float], ...] = (
    *((0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-LEAST, NAN), (-INF, NAN), (NAN, NAN)),
)
PERIODIC: tuple[tuple[Any, float], ...] = ((INF, NAN), (-INF, NAN), (NAN, NAN))

# ---- rows ----

HALF_PI_MULTIPLES = [float(k * mp.pi / 2) for k in (*range(-40, 0), *range(1, 41))]
LARGE_HALF_PI_MULTIPLES = [float(3**k * mp.pi / 2) for k in range(4, 640, 3)]
# The double nearest to a multiple of pi/2, relative to its size (Muller, Elementary Functions, 3rd ed., 11.2).
NEAREST_HALF_PI_MULTIPLE = 6381956970095103 * 2.0**797
TRIG_INTERVALS = (
    even(-PI, PI),
    even(-1e5, 1e5),
    magnitudes(LEAST, 1),
    magnitudes(1, MOST),
    near(2.0**20, -(2.0**20)),
    near(*HALF_PI_MULTIPLES, reach=30)._replace(label="next to k pi/2 up to 20 pi"),
    points("nearest to 3^k pi/2", [*LARGE_HALF_PI_MULTIPLES, NEAREST_HALF_PI_MULTIPLE]),
)
LOG_INTERVALS = (
    even(0.5, 2),
    near(1, math.sqrt(0.5), math.sqrt(2)),
    around(1, 2**-52, 0.3),
    magnitudes(LEAST, 2.0**-1000, (1,)),
    magnitudes(2.0**-1000, MOST, (1,)),
)
EVERYWHERE = (even(-3, 3), magnitudes(LEAST, 1), magnitudes(1, MOST))
# log(2^-1074), log(2^-1022) and log(2^1024): where exp underflows to 0, underflows gradually, overflows.
LEAST_LOG, NORMAL_LOG, MOST_LOG = -745.13321910194, -708.396418532264, 709.782712893384
LOGISTIC_INTERVALS = (even(-4, 4), even(-40, 40), even(-760, -700), magnitudes(LEAST, 700), near(NORMAL_LOG, LEAST_LOG))
PLANE = (
    pairs(even(-4, 4), even(-4, 4)),
    pairs(magnitudes(1e-9, 1e9), magnitudes(1e-9, 1e9)),
    pairs(magnitudes(LEAST, MOST), magnitudes(LEAST, MOST)),
    pairs(magnitudes(LEAST, 1e-300), magnitudes(LEAST, 1e-300)),
)

ROWS = (
    Row(
        "exp",
        mp.exp,
        (even(-1, 1), even(-746, 710), magnitudes(LEAST, 1), near(LEAST_LOG, NORMAL_LOG, MOST_LOG)),
        (
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (710.0, INF),
            (-746.0, 0.0),
            (MOST, INF),
            (-MOST, 0.0),
            (NAN, NAN),
        ),
    ),
    Row(
        "exp2",
        partial(mp.power, 2),
        (
            even(-1, 1),
            even(-1076, 1025),
            magnitudes(LEAST, 1),
            near(-1075, -1022, 1024),
            points("k + 1/2", np.arange(-1076, 1025) + 0.5),
        ),
        (
            *((float(k), math.ldexp(1.0, k)) for k in range(-1074, 1024)),
            (INF, INF),
            (-INF, 0.0),
            (1024.0, INF),
            (-1076.0, 0.0),
            (NAN, NAN),
        ),
    ),
    Row(
        "expm1",
        mp.expm1,
        (
            even(-1, 1),
            even(-40, 40),
            even(40, 710),
            magnitudes(LEAST, 1),
            near(-0.34657359, 0.34657359, 1.0397208),
            near(MOST_LOG),
        ),
        (*ODD_ZEROS, (INF, INF), (-INF, -1.0), (-40.0, -1.0), (710.0, INF), (MOST, INF), (-MOST, -1.0)),
    ),
    Row("log", mp.log, LOG_INTERVALS, LOG_ENDS),
    Row(
        "log2",
        lambda x: mp.log(x, 2),
        LOG_INTERVALS,
        (*LOG_ENDS, *((math.ldexp(1.0, k), float(k)) for k in range(-1074, 1024))),
    ),
    Row("log10", mp.log10, LOG_INTERVALS, (*LOG_ENDS, *((float(10**k), float(k)) for k in range(23)))),
    Row(
        "log1p",
        mp.log1p,
        (
            even(-1, 2),
            magnitudes(LEAST, 1),
            magnitudes(1, MOST, (1,)),
            around(-1, 2**-53, 0.5, (1,)),
            near(math.sqrt(2) - 1, math.sqrt(0.5) - 1),
        ),
        (*ODD_ZEROS, (INF, INF), (-1.0, -INF), (-2.0, NAN), (-INF, NAN)),
    ),
    Row(
        "pow",
        mp.power,
        (
            powers_in_range(magnitudes(1e-3, 1e3, (1,))),
            powers_in_range(magnitudes(LEAST, MOST, (1,))),
            powers_in_range(around(1, 2**-52, 0.5)),
            pairs(even(0, 10), even(-10, 10)),
            pairs(even(-10, 10), points("integers", range(-200, 200))),
            pairs(magnitudes(LEAST, MOST, (1,)), magnitudes(LEAST, 1e-3)),
        ),
        POW_SPECIAL,
    ),
    Row("sinh", mp.sinh, (even(-2, 2), even(-712, 712), magnitudes(LEAST, 1), near(1, 710.4758600739439)), ODD_ENDS),
    Row(
        "cosh",
        mp.cosh,
        (even(-2, 2), even(-712, 712), magnitudes(LEAST, 1), near(710.4758600739439)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (NAN, NAN)),
    ),
    Row(
        "tanh",
        mp.tanh,
        (even(-1, 1), even(-21, 21), magnitudes(LEAST, 1), near(0.1732868, 0.5198604, 19.06)),
        (*ODD_ZEROS, (INF, 1.0), (-INF, -1.0), (MOST, 1.0), (-25.0, -1.0)),
    ),
    Row("asinh", mp.asinh, (*EVERYWHERE, near(2.0**28, 2.0**-28)), ODD_ENDS),
    Row(
        "acosh",
        mp.acosh,
        (even(1, 4), around(1, 2**-52, 1, (1,)), magnitudes(4, MOST, (1,)), near(2.0**28)),
        ((1.0, 0.0), (INF, INF), (0.5, NAN), (-1.0, NAN), (-INF, NAN), (NAN, NAN)),
    ),
    Row(
        "atanh",
        mp.atanh,
        (even(-1, 1), magnitudes(LEAST, 1 - 2**-53), around(1, 2**-53, 0.1, (-1,)), near(2.0**-28)),
        (*ODD_ZEROS, (1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN)),
    ),
    Row(
        "sigmoid",
        sigmoid,
        LOGISTIC_INTERVALS,
        ((0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (MOST, 1.0), (-MOST, 0.0), (NAN, NAN)),
    ),
    Row(
        "softplus",
        lambda x: mp.log1p(mp.exp(x)),
        LOGISTIC_INTERVALS,
        ((INF, INF), (-INF, 0.0), (MOST, MOST), (-MOST, 0.0), (1e3, 1e3), (NAN, NAN)),
    ),
    Row(
        "silu",
        lambda x: x * sigmoid(x),
        LOGISTIC_INTERVALS,
        ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (MOST, MOST), (-MOST, -0.0), (NAN, NAN)),
    ),
    Row(
        "logaddexp",
        logaddexp,
        (
            pairs(even(-50, 50), even(-50, 50)),
            pairs(points("0", [0.0]), even(-760, 0)),
            close_pairs(even(-10, 10), magnitudes(1e-18, 1)),
            cancelling_logaddexp(3),
            cancelling_logaddexp(2**40),
            pairs(magnitudes(LEAST, 1e-290), even(-750, -660)),
            pairs(magnitudes(1, MOST), magnitudes(1, MOST)),
        ),
        (
            *(((a, b), max(a, b)) for a in (INF, -INF) for b in (INF, -INF, 0.0, 1.5, -MOST)),
            *((pair, NAN) for pair in ((NAN, 0.0), (0.0, NAN), (NAN, INF), (-INF, NAN), (NAN, NAN))),
            ((MOST, -MOST), MOST),
        ),
    ),
    Row("sin", mp.sin, TRIG_INTERVALS, (*ODD_ZEROS, *PERIODIC)),
    Row("cos", mp.cos, TRIG_INTERVALS, ((0.0, 1.0), (-0.0, 1.0), (LEAST, 1.0), *PERIODIC)),
    Row("tan", mp.tan, TRIG_INTERVALS, (*ODD_ZEROS, *PERIODIC)),
    Row(
        "asin",
        mp.asin,
        (even(-1, 1), magnitudes(LEAST, 1), around(1, 2**-53, 0.5, (-1,)), near(0.5, -0.5)),
        (*ODD_ZEROS, (1.0, PI / 2), (-1.0, -PI / 2), (1.5, NAN), (INF, NAN)),
    ),
    Row(
        "acos",
        mp.acos,
        (
            even(-1, 1),
            magnitudes(LEAST, 1),
            around(1, 2**-53, 0.5, (-1,)),
            around(-1, 2**-53, 0.5, (1,)),
            near(0.5, -0.5),
        ),
        ((1.0, 0.0), (-1.0, PI), (0.0, PI / 2), (1.5, NAN), (-INF, NAN), (NAN, NAN)),
    ),
    Row(
        "atan",
        mp.atan,
        (*EVERYWHERE, near(math.sqrt(2) - 1, 1, math.sqrt(2) + 1)),
        (*ODD_ZEROS, (INF, PI / 2), (-INF, -PI / 2), (1.0, PI / 4)),
    ),
    Row("atan2", mp.atan2, (*PLANE, close_pairs(even(-4, 4), magnitudes(1e-16, 1))), ATAN2_SPECIAL),
    Row(
        "erf",
        mp.erf,
        (even(-1, 1), even(-6.5, 6.5), magnitudes(LEAST, 1), near(0.875, -0.875, 1, -1, 6)),
        (*ODD_ZEROS[:2], (INF, 1.0), (-INF, -1.0), (MOST, 1.0), (NAN, NAN)),
    ),
    Row(
        "erfc",
        mp.erfc,
        (even(-6.5, 1), even(1, 26), even(26, 28), magnitudes(LEAST, 1), near(0.75, 26.543258, 27.226)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (MOST, 0.0), (-MOST, 2.0), (NAN, NAN)),
    ),
    Row(
        "gelu",
        gelu,
        (even(-1, 1), even(-10, 10), even(-39, -10), magnitudes(LEAST, 30), near(-1, -37.5, -38.4)),
        ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (MOST, MOST), (-MOST, -0.0), (NAN, NAN)),
    ),
    Row(
        "cbrt",
        cbrt,
        (even(-8, 8), magnitudes(LEAST, MOST), near(1, 2, 4, 8, -8, 2.0**-1022)),
        (*((float(k**3), float(k)) for k in range(-2000, 2000, 7)), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)),
    ),
    Row(
        "hypot",
        mp.hypot,
        PLANE,
        (
            *(
                ((sign * 3.0 * scale, 4.0 * scale), 5.0 * scale)
                for sign in (1, -1)
                for scale in (1.0, 2.0**-1074, 2.0**1020)
            ),
            *((pair, INF) for pair in ((INF, NAN), (NAN, -INF), (-INF, 1.0), (MOST, MOST))),
            *((pair, NAN) for pair in ((NAN, 0.0), (1.0, NAN))),
            *(((-0.0, x), abs(x)) for x in (0.0, -0.0, LEAST, -MOST)),
        ),
    ),
    Row(
        "erfcx",
        erfcx,
        (even(-6, 6), even(-27, -6), even(6, 60), magnitudes(LEAST, 1), magnitudes(1, MOST, (1,)), near(28, -26.6287)),
        ((0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, INF), (-27.0, INF), (-MOST, INF), (NAN, NAN)),
    ),
    Row(
        "ndtr",
        mp.ncdf,
        (even(-1, 1), even(-9, 9), even(-39, -9), magnitudes(LEAST, 30), near(-1, 1, -37.5, -38.4)),
        ((0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (MOST, 1.0), (-MOST, 0.0), (NAN, NAN)),
    ),
    Row(
        "log_ndtr",
        log_ndtr,
        (
            even(-2, 2),
            even(-60, 39),
            magnitudes(LEAST, 1),
            magnitudes(1, 2.0**511, (-1,)),
            near(0.75, -1, 37.5, 38.4, -39.6),
        ),
        ((INF, -0.0), (-INF, -INF), (MOST, -0.0), (-MOST, -INF), (NAN, NAN)),
    ),
    Row(
        "logit",
        logit,
        (even(0, 1), magnitudes(LEAST, 0.5, (1,)), around(1, 2**-53, 0.5, (-1,)), around(0.5, 2**-54, 0.25), near(0.5)),
        ((0.0, -INF), (-0.0, -INF), (1.0, INF), (0.5, 0.0), (1.5, NAN), (-0.5, NAN), (INF, NAN), (NAN, NAN)),
    ),
    Row(
        "gammaln",
        gammaln,
        (even(0, 4), even(4, 200), magnitudes(LEAST, 1, (1,)), magnitudes(1, 2.5e305, (1,)), near(1, 2, 3)),
        (
            *((float(-k), INF) for k in range(200)),
            *((x, INF) for x in (-0.0, INF, -INF, MOST, -MOST)),
            *((1.0, 0.0), (2.0, 0.0), (NAN, NAN)),
        ),
    ),
    Row(
        "digamma",
        mp.digamma,
        (
            even(0, 4),
            even(4, 200),
            magnitudes(LEAST, 1, (1,)),
            magnitudes(1, MOST, (1,)),
            near(1, 1.4616321449683623, 2.5),
        ),
        (
            *((float(-k), NAN) for k in range(1, 200)),
            *((0.0, -INF), (-0.0, INF), (INF, INF), (-INF, NAN), (-MOST, NAN), (NAN, NAN)),
        ),
    ),
    Row(
        "trigamma",
        partial(mp.psi, 1),
        (even(0, 4), even(4, 200), magnitudes(LEAST, 1), magnitudes(1, MOST, (1,)), near(1, 3)),
        (
            *((float(-k), INF) for k in range(200)),
            *((-0.0, INF), (INF, 0.0), (-INF, NAN), (-MOST, INF), (NAN, NAN)),
        ),
    ),
)
