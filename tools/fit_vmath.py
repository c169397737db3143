"""Where do the polynomial coefficients of vmath come from?

Each row of FITS is a function on an interval; mpmath's Chebyshev fit (within a small factor of the minimax polynomial)
gives its coefficients, constant first.  Run `python tools/fit_vmath.py` to rewrite
`src/wengert/_core/vmath/coefficients.h`; a test runs it and compares.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp

HEADER = Path(__file__).parent.parent / "src/wengert/_core/vmath/coefficients.h"


class Fit(NamedTuple):
    name: str  # of the C array
    function: Callable[[Any], Any]  # of an mpmath number
    interval: tuple[Any, Any]
    terms: int
    why: str  # what the polynomial stands for, printed beside it


# ---- exponential, logarithm, power, hyperbolic, logistic ----
EXP_LOG_FITS: list[Fit] = [
    Fit("EXP_TAIL", lambda r: mp.hyp1f1(1, 3, r) / 2, (-0.3466, 0.3466), 11, "(exp(r) - 1 - r) / r^2"),
    Fit(
        "EXP2_TAIL",
        lambda r: mp.ln(2) ** 2 * mp.hyp1f1(1, 3, r * mp.ln(2)) / 2,
        (-0.5, 0.5),
        11,
        "(2^r - 1 - r*ln2) / r^2",
    ),
    Fit(
        "EXP_DD_TAIL",
        lambda r: mp.hyp1f1(1, 5, r) / 24,
        (-0.3466, 0.3466),
        10,
        "(exp(r) - 1 - r - r^2/2 - r^3/6) / r^4",
    ),
    Fit("LOG_TAIL", lambda z: mp.hyp2f1(1, 1.5, 2.5, z) * 2 / 3, (0, 0.02944), 7, "(2*atanh(s)/s - 2) / z, z = s^2"),
    Fit(
        "LOG_DD_TAIL",
        lambda z: mp.hyp2f1(1, 3.5, 4.5, z) / 7,
        (0, 0.02944),
        9,
        "(atanh(s)/s - 1 - z/3 - z^2/5) / z^3, z = s^2",
    ),
    Fit("SINH_TAIL", lambda z: mp.hyper([1], [2, 2.5], z / 4) / 6, (0, 1), 7, "(sinh(x)/x - 1) / z, z = x^2"),
]

# ---- trigonometric, inverse trigonometric, error function, roots ----
TRIG_ERF_FITS: list[Fit] = [
    Fit("SIN_TAIL", lambda z: -mp.hyper([1], [2, 2.5], -z / 4) / 6, (0, 0.6175), 6, "(sin(r)/r - 1) / z, z = r^2"),
    Fit("COS_TAIL", lambda z: mp.hyper([1], [2.5, 3], -z / 4) / 24, (0, 0.6175), 6, "(cos(r) - 1 + z/2) / z^2"),
    Fit("ATAN_TAIL", lambda z: -mp.hyp2f1(1, 1.5, 2.5, -z) / 3, (0, 0.1717), 11, "(atan(t)/t - 1) / z, z = t^2"),
    Fit(
        "ERF_TAIL", lambda z: 2 / mp.sqrt(mp.pi) * mp.hyp1f1(0.5, 1.5, -z) - 1, (0, 0.7657), 12, "erf(x)/x - 1, z = x^2"
    ),
    Fit("LOG_ERFC", lambda d: mp.log(mp.erfc(0.875 + d)), (0, 2.625), 21, "log(erfc(0.875 + d))"),
    Fit(
        "ERFCX_TAIL",
        lambda t: (lambda x: (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x))(4 * (1 + t) / (1 - t)) - 1.125,
        (-1, 0.75),
        24,
        "(1 + 2x) exp(x^2) erfc(x) - 1.125 in t = (x - 4)/(x + 4)",
    ),
    Fit("CBRT_START", lambda m: 1 / mp.cbrt(m), (1, 8), 6, "m^(-1/3)"),
]


# ---- gamma function ----
def shifted(w: Any) -> Any:
    """The argument in [1, 3] that gamma.h maps to w."""
    return mp.mpf(1.75) * (1 + w) / (1 - w)


def log_gamma_near(w: Any) -> Any:
    y = shifted(w)
    return mp.loggamma(y) / ((y - 1) * (y - 2)) - 0.4375


def digamma_near(w: Any) -> Any:
    y = shifted(w)
    return mp.digamma(y) / (y - mp.findroot(mp.digamma, 1.4616321449683623)) - 0.859375


def trigamma_near(w: Any) -> Any:
    y = shifted(w)
    return y * mp.psi(1, y) - 1.3359375


def log_gamma_far(z: Any) -> Any:
    x = 1 / mp.sqrt(z)
    return x * (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def digamma_far(z: Any) -> Any:
    x = 1 / mp.sqrt(z)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / z


def trigamma_far(z: Any) -> Any:
    x = 1 / mp.sqrt(z)
    return (mp.psi(1, x) - 1 / x - z / 2) * x / z


def sinc_tail(z: Any) -> Any:
    r = mp.pi * mp.sqrt(z)
    return (mp.sin(r) / r - 1) / z


def cotangent_tail(z: Any) -> Any:
    r = mp.pi * mp.sqrt(z)
    return (r * mp.cot(r) - 1) / z


NEAR, FAR, HALF = (-0.27273, 0.26316), (0, mp.mpf(1) / 9), (0, 0.25)
GAMMA_FITS: list[Fit] = [
    Fit("GAMMALN_NEAR", log_gamma_near, NEAR, 20, "log(gamma(y)) / (y - 1) / (y - 2) - 0.4375, w = (y - 1.75)/(y + 1.75)"),
    Fit("GAMMALN_FAR", log_gamma_far, FAR, 11, "x * (log(gamma(x)) - Stirling's formula), z = 1/x^2"),
    Fit("DIGAMMA_NEAR", digamma_near, (-0.27273, 0.17648), 20, "digamma(y) / (y - its zero) - 0.859375 in w"),
    Fit("DIGAMMA_FAR", digamma_far, (0, 0.16), 15, "(log(x) - 1/(2x) - digamma(x)) / z, z = 1/x^2"),
    Fit("TRIGAMMA_NEAR", trigamma_near, NEAR, 22, "y * trigamma(y) - 1.3359375 in w"),
    Fit("TRIGAMMA_FAR", trigamma_far, FAR, 13, "(trigamma(x) - 1/x - z/2) * x / z, z = 1/x^2"),
    Fit("SINC_PI_TAIL", sinc_tail, HALF, 9, "(sin(pi r)/(pi r) - 1) / z, z = r^2"),
    Fit("COT_PI_TAIL", cotangent_tail, HALF, 16, "(pi r cot(pi r) - 1) / z, z = r^2"),
]

FITS = EXP_LOG_FITS + TRIG_ERF_FITS + GAMMA_FITS


def text_of(fit: Fit) -> str:
    """The C array of one fit, with the largest error of the fit on its interval."""
    coefficients, error = mp.chebyfit(fit.function, list(fit.interval), fit.terms, error=True)
    numbers = ", ".join(float(c).hex() for c in reversed(coefficients))
    body = textwrap.fill(numbers, 116, initial_indent="    ", subsequent_indent="    ")
    return (
        f"/* {fit.why}; fit error {mp.nstr(error, 2)} */\nstatic const double {fit.name}[{fit.terms}] = {{\n{body}}};\n"
    )


def generate() -> str:
    with mp.workdps(60):
        body = "\n".join(text_of(fit) for fit in FITS)
    return (
        "/* Generated by tools/fit_vmath.py: do not edit. */\n"
        "#ifndef WENGERT_VMATH_COEFFICIENTS_H\n#define WENGERT_VMATH_COEFFICIENTS_H\n\n" + body + "\n#endif\n"
    )


if __name__ == "__main__":
    HEADER.write_text(generate())
    sys.stdout.write(f"wrote {len(FITS)} polynomials to {HEADER.name}\n")
