"""What do all Greeks of a Monte Carlo price cost? 252 daily steps of a basket of three correlated stocks.

The price is the mean over scenarios of the discounted call on the average of the basket over all days. Inputs are
spots, volatilities, correlations, rate and strike, shared by all scenarios; the normal numbers are data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem

DAYS = 252
DT = 1.0 / DAYS
STOCKS = 3
SCENARIOS = 2000
PARAMETERS = np.array([100.0, 95.0, 110.0, 0.2, 0.25, 0.3, 0.5, 0.3, 0.4, 0.03, 101.0])


def steps(p: Any, m: Any) -> list[Any]:
    """Drift and the row of the Cholesky factor, times volatility, for one day of each stock."""
    vol0, vol1, vol2, cor01, cor02, cor12, rate = p[3], p[4], p[5], p[6], p[7], p[8], p[9]
    low11 = m.sqrt(1.0 - cor01 * cor01)
    low21 = (cor12 - cor02 * cor01) / low11
    low22 = m.sqrt(1.0 - cor02 * cor02 - low21 * low21)
    drifts = [(rate - 0.5 * vol * vol) * DT for vol in (vol0, vol1, vol2)]
    scale = DT**0.5
    factors = [vol0 * scale, vol1 * cor01 * scale, vol1 * low11 * scale]
    factors += [vol2 * cor02 * scale, vol2 * low21 * scale, vol2 * low22 * scale]
    return drifts + factors


def scenario(shared: Any, normals: Any, m: Any) -> Any:
    """Undiscounted payoff of one scenario."""
    spot0, spot1, spot2, drift0, drift1, drift2, f00, f10, f11, f20, f21, f22, strike = shared
    total = 0.0
    for day in range(DAYS):
        z0, z1, z2 = normals[STOCKS * day], normals[STOCKS * day + 1], normals[STOCKS * day + 2]
        spot0 = spot0 * m.exp(drift0 + f00 * z0)
        spot1 = spot1 * m.exp(drift1 + f10 * z0 + f11 * z1)
        spot2 = spot2 * m.exp(drift2 + f20 * z0 + f21 * z1 + f22 * z2)
        total = total + (spot0 + spot1 + spot2)
    return m.relu(total / (DAYS * STOCKS) - strike)


def price(p: Any, normals: Any, m: Any, sum_rows: Callable[..., Any]) -> Any:
    shared = [p[0], p[1], p[2], *steps(p, m), p[10]]
    total = sum_rows(lambda shared, row: scenario(shared, row, m), shared, normals)
    return m.exp(-p[9]) * total / SCENARIOS


def price_arrays(p: Any, normals: Any, m: Any) -> Any:
    drift0, drift1, drift2, f00, f10, f11, f20, f21, f22 = steps(p, m)
    z0, z1, z2 = normals[:, 0::STOCKS], normals[:, 1::STOCKS], normals[:, 2::STOCKS]
    moves = (drift0 + f00 * z0, drift1 + f10 * z0 + f11 * z1, drift2 + f20 * z0 + f21 * z1 + f22 * z2)
    averages = [p[k] * m.mean(m.exp(m.cumsum(moves[k], axis=-1)), axis=-1) for k in range(STOCKS)]
    basket = (averages[0] + averages[1] + averages[2]) / STOCKS
    return m.exp(-p[9]) * m.sum(m.relu(basket - p[10]), axis=-1) / SCENARIOS


def data() -> Arrays:
    return PARAMETERS, np.random.default_rng(3).standard_normal((SCENARIOS, DAYS * STOCKS))


ASIAN_BASKET = Problem(
    name="asian_basket",
    title="Asian basket, 252 steps, 3 stocks, 11 Greeks over 2000 scenarios",
    task="total_gradient",
    data=data,
    scalar=price,
    arrays=price_arrays,
)
