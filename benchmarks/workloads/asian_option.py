"""What do pathwise derivatives of a path-dependent option cost? One row is one path, all 36 inputs vary.

The arithmetic Asian call on a stock in the Black-Scholes model; inputs are spot, strike, rate, volatility and the 32
normal numbers that move the stock over one year.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Problem

STEPS = 32
DT = 1.0 / STEPS


def payoff(x: Any, m: Any) -> Any:
    spot, strike, rate, volatility = x[0], x[1], x[2], x[3]
    drift = (rate - 0.5 * volatility * volatility) * DT
    spread = volatility * DT**0.5
    total = 0.0
    for k in range(STEPS):
        spot = spot * m.exp(drift + spread * x[4 + k])
        total = total + spot
    return m.exp(-rate) * m.relu(total / STEPS - strike)


def payoff_arrays(x: Any, m: Any) -> Any:
    spot, strike, rate, volatility, normals = x[..., 0], x[..., 1], x[..., 2], x[..., 3], x[..., 4:]
    drift = (rate - 0.5 * volatility * volatility) * DT
    spread = volatility * DT**0.5
    logs = m.cumsum(drift[..., None] + spread[..., None] * normals, axis=-1)
    return m.exp(-rate) * m.relu(spot * m.mean(m.exp(logs), axis=-1) - strike)


def paths(rows: int = 50_000) -> np.ndarray:
    rng = np.random.default_rng(2)
    market = rng.uniform((80, 90, 0.0, 0.1), (120, 110, 0.06, 0.4), (rows, 4))
    return np.hstack([market, rng.standard_normal((rows, STEPS))])


ASIAN_OPTION = Problem(
    name="asian_option",
    title="Asian option, 32 steps, 36 inputs, 50,000 paths",
    task="gradients",
    data=lambda: (paths(),),
    scalar=payoff,
    arrays=payoff_arrays,
)
