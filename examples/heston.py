"""Which parameters of Heston's model reproduce the prices of options on the DAX of 5 July 2002?

The quotes are those of A. Sepp, "Pricing European-style options under jump diffusion processes with stochastic
volatility" (2003), as the test suite of QuantLib has them (test-suite/hestonmodel.cpp, testDAXCalibration): 13 strikes
and 8 maturities, whose days are rounded to weeks there. It states the answer too: the squared differences of the
implied volatilities, in percent, sum to 177.2.

The price of a call is an integral. The integrand is written for one point of one quote, in real numbers; all points of
all quotes are the lanes of one call, which gives their derivatives in the five parameters as well. Weights sum them up.
"""

from functools import lru_cache
from math import pi
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

import wengert as wg
from nist import model_and_jacobian

PUBLISHED = 177.2
SPOT = 4468.17
DAYS = np.array([13, 41, 75, 165, 256, 345, 524, 703])
RATES = np.array([0.0357, 0.0349, 0.0341, 0.0355, 0.0359, 0.0368, 0.0386, 0.0401])
STRIKES, *COLUMNS = np.loadtxt(Path(__file__).parent / "data" / "dax.txt", unpack=True)
VOLATILITIES = np.stack(COLUMNS, axis=1)  # a row per strike, a column per maturity
NAMES = ("v0", "kappa", "theta", "sigma", "rho")
START = np.array([0.1, 1.0, 0.1, 0.5, -0.5])
BOUNDS = ([1e-4, 1e-3, 1e-4, 1e-3, -0.999], [2, 50, 2, 10, 0.999])


class Complex(NamedTuple):
    """A complex number of two reals, which may be vars."""

    re: object
    im: object


def product(a, b):
    return Complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


def quotient(a, b):
    size = b.re * b.re + b.im * b.im
    return Complex((a.re * b.re + a.im * b.im) / size, (a.im * b.re - a.re * b.im) / size)


def exponential(z):
    return Complex(wg.exp(z.re) * wg.cos(z.im), wg.exp(z.re) * wg.sin(z.im))


def integrand(parameters, x):
    """The real part of ``exp(iuk) phi(u - i/2) / (u^2 + 1/4)`` for x = (u, k, t).

    A. Lewis, "A simple option formula for general jump-diffusion and other exponential Levy processes" (2001), with the
    characteristic function phi as in H. Albrecher et al., "The little Heston trap" (2007), which has no jumps.
    """
    v0, kappa, theta, sigma, rho = parameters
    u, k, t = x
    damping = u * u + 0.25
    a, b = kappa - 0.5 * rho * sigma, -rho * sigma * u
    # d is the root of this; its real part is positive, so the principal branch is smooth
    square = Complex(a * a - b * b + sigma * sigma * damping, 2 * a * b)
    root = wg.sqrt(0.5 * (square.re + wg.hypot(square.re, square.im)))
    d = Complex(root, square.im / (2 * root))
    minus, plus = Complex(a - d.re, b - d.im), Complex(a + d.re, b + d.im)
    g = quotient(minus, plus)
    decay = exponential(Complex(-d.re * t, -d.im * t))
    g_decay = product(g, decay)
    ratio = quotient(Complex(1 - g_decay.re, -g_decay.im), Complex(1 - g.re, -g.im))
    # the variance's share, and the mean reversion's
    share = quotient(product(minus, Complex(1 - decay.re, -decay.im)), Complex(1 - g_decay.re, -g_decay.im))
    log_size, angle = 0.5 * wg.log(ratio.re * ratio.re + ratio.im * ratio.im), wg.atan2(ratio.im, ratio.re)
    level, start = kappa * theta / (sigma * sigma), v0 / (sigma * sigma)
    exponent = level * (minus.re * t - 2 * log_size) + start * share.re
    phase = u * k + level * (minus.im * t - 2 * angle) + start * share.im
    return wg.exp(exponent) * wg.cos(phase) / damping


def black(volatility, quote):
    """Price of a call over its forward by F. Black (1976), for quote = (k, t)."""
    k, t = quote
    spread = volatility * t**0.5
    upper, lower = k / spread + 0.5 * spread, k / spread - 0.5 * spread
    return 0.5 * wg.erfc(-upper / 2**0.5) - wg.exp(-k) * 0.5 * wg.erfc(-lower / 2**0.5)


price_and_vega = wg.compile(wg.vmap(wg.value_and_grad(black)))


def calls(k, t, nodes=96):
    """For calls with ``k = log(F / K)`` and maturities t: the function that gives prices over F and their Jacobian."""
    z, weights = np.polynomial.legendre.leggauss(nodes)
    # From (-1, 1) to (0, inf); a short maturity has a wide integrand. With 96 nodes prices are right to 1e-9 here.
    scale = 6 / np.sqrt(t)[:, None]
    u, weights = scale * (1 + z) / (1 - z), scale * 2 * weights / (1 - z) ** 2
    points = np.stack(np.broadcast_arrays(u, k[:, None], t[:, None]), axis=-1).reshape(-1, 3)
    factor = -np.exp(-k / 2) / pi
    over_points = model_and_jacobian(integrand)

    def prices(parameters):
        values, gradients = over_points(parameters, points)
        jacobian = np.einsum("qn,qnp->qp", weights, gradients.reshape(*weights.shape, -1))
        return 1 + factor * np.sum(weights * values.reshape(weights.shape), axis=1), factor[:, None] * jacobian

    return prices


def implied_volatilities(prices, k, t):
    """Volatilities for which Black's formula gives the prices, by Newton's method, and the slopes (vegas) there."""
    quotes = np.stack([k, t], axis=-1)
    # From the inflection of the price (S. Manaster and G. Koehler, 1982) Newton's steps do not overshoot.
    volatilities = np.maximum(np.sqrt(2 * np.abs(k) / t), 0.05)
    for _ in range(50):
        values, vegas = price_and_vega(volatilities, quotes)
        step = (prices - values) / vegas
        volatilities = volatilities + step
        if np.all(np.abs(step) < 1e-12):
            break
    return volatilities, vegas


def calibrate():
    """Fit the five parameters to the 104 quotes; what least_squares returns, in percent of volatility."""
    t = np.round(DAYS / 7) * 7 / 365
    forwards = SPOT * np.exp(np.interp(t * 365, DAYS, RATES) * t)
    k = np.log(forwards / STRIKES[:, None]).ravel()
    maturities = np.broadcast_to(t, VOLATILITIES.shape).ravel()
    prices = calls(k, maturities)

    @lru_cache(maxsize=1)  # the solver asks for the residuals and then for the Jacobian
    def at(parameters):
        values, jacobian = prices(np.array(parameters))
        volatilities, vegas = implied_volatilities(values, k, maturities)
        # The volatility is the root of black(v) = price, so its derivatives are those of the price over the vega.
        return 100 * (volatilities - VOLATILITIES.ravel()), 100 * jacobian / vegas[:, None]

    return least_squares(lambda p: at(tuple(p))[0], START, jac=lambda p: at(tuple(p))[1], bounds=BOUNDS, x_scale="jac")


def main():
    """Print the parameters, the fit and how it compares with the published one."""
    found = calibrate()
    print("parameter   start  fitted")
    for name, start, value in zip(NAMES, START, found.x, strict=True):
        print(f"{name:9}{start:8.2f}{value:9.5f}")
    print(f"sum of squares {2 * found.cost:.3f} in {found.nfev} evaluations; published: {PUBLISHED}")
    print("differences of implied volatilities in percent, a row per strike, a column per maturity")
    for strike, row in zip(STRIKES, found.fun.reshape(VOLATILITIES.shape), strict=True):
        print(f"{strike:6.0f}" + "".join(f"{difference:7.2f}" for difference in row))


if __name__ == "__main__":
    main()
