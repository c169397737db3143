"""What does the risk of a book of European options cost? Price, five Greeks and gamma of every option.

F. Black and M. Scholes, Journal of Political Economy 81 (1973). Inputs of an option are spot, strike, time to expiry,
rate and volatility.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem

SQRT_HALF = 0.5**0.5


def call(x: Any, m: Any) -> Any:
    return call_price(x[0], x[1], x[2], x[3], x[4], m)


def call_arrays(x: Any, m: Any) -> Any:
    return call_price(x[..., 0], x[..., 1], x[..., 2], x[..., 3], x[..., 4], m)


def call_price(spot: Any, strike: Any, time: Any, rate: Any, volatility: Any, m: Any) -> Any:
    spread = volatility * m.sqrt(time)
    d1 = (m.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / spread
    d2 = d1 - spread
    return spot * normal_cdf(d1, m) - strike * m.exp(-rate * time) * normal_cdf(d2, m)


def normal_cdf(x: Any, m: Any) -> Any:
    return 0.5 * (1.0 + m.erf(x * SQRT_HALF))


def greeks_by_hand(x: np.ndarray) -> Arrays:
    """The closed forms of the textbooks."""
    from scipy.special import ndtr

    spot, strike, time, rate, volatility = x.T
    root = np.sqrt(time)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / (volatility * root)
    d2 = d1 - volatility * root
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2 * np.pi)
    delta, above, discounted = ndtr(d1), ndtr(d2), strike * np.exp(-rate * time)
    vega = spot * density * root
    in_time = spot * density * volatility / (2 * root) + rate * discounted * above
    gradient = np.stack([delta, -discounted / strike * above, in_time, discounted * time * above, vega], axis=1)
    return spot * delta - discounted * above, gradient, density / (spot * volatility * root)


def book(options: int = 100_000) -> np.ndarray:
    rng = np.random.default_rng(4)
    return rng.uniform((60, 60, 0.1, 0.0, 0.1), (140, 140, 3.0, 0.08, 0.6), (options, 5))


BLACK_SCHOLES = Problem(
    name="black_scholes",
    title="Black-Scholes book, 100,000 options, 5 Greeks and gamma",
    task="greeks",
    data=lambda: (book(),),
    scalar=call,
    arrays=call_arrays,
    by_hand=greeks_by_hand,
)
