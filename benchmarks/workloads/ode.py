"""What does a gradient through long vectors' Runge-Kutta steps cost? GradBench's (and cmpad's) problem ``ode``.

dy_0/dt = x_0 and dy_i/dt = x_i y_(i-1), from zero to time 2; the output is the last y. As many steps as unknowns, since
with few steps that derivative is exactly zero (and GradBench's own sizes have few).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Cpp, Problem

TIME = 2.0


def last(x: Any, m: Any) -> Any:
    steps = len(x)
    h = TIME / steps

    def rates(y: Any) -> Any:
        return m.concatenate([x[:1], x[1:] * y[:-1]])

    def step(y: Any) -> Any:
        k1 = rates(y)
        k2 = rates(y + 0.5 * h * k1)
        k3 = rates(y + 0.5 * h * k2)
        k4 = rates(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return m.repeat(step, m.constant(np.zeros(steps)), steps)[-1]


def last_columns(x: Any, m: Any) -> Any:
    ca, n = m.casadi, x.shape[0]
    h = TIME / n
    y, factors = ca.SX.sym("y", n), ca.SX.sym("x", n)

    def rates(y: Any) -> Any:
        return ca.vertcat(factors[0], factors[1:] * y[:-1])

    k1 = rates(y)
    k2 = rates(y + 0.5 * h * k1)
    k3 = rates(y + 0.5 * h * k2)
    k4 = rates(y + h * k3)
    step = ca.Function("step", [y, factors], [y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])
    return step.mapaccum(n)(ca.DM.zeros(n), ca.repmat(x, 1, n))[-1, -1]


def points(n: int) -> np.ndarray:
    """Near n / 2e: the last y is about the product of all x times 2^n / n!, which would soon underflow."""
    return n / (2 * np.e) * np.random.default_rng(31337).uniform(0.95, 1.05, n)


def problem(n: int) -> Problem:
    return Problem(
        name=f"ode_{n}",
        title=f"Runge-Kutta, {n} unknowns and steps",
        task="array_gradient",
        data=lambda: (points(n),),
        arrays=last,
        columns=last_columns,
        cpp=Cpp("ode", (n, n), ((), (n,))),
    )


ODE = tuple(map(problem, (100, 1000)))
