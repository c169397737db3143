"""What does the gradient through an ODE solver cost? A fit of predators and prey, 1000 steps of Runge-Kutta.

The equations of Lotka (1925) and Volterra (1926); the loss is the mean squared distance of the solution to measurements
at every step. Inputs are the four rates and the two initial values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Problem

STEPS = 1000
DT = 0.02
TRUTH = np.array([1.1, 0.4, 0.1, 0.4, 10.0, 5.0])
GUESS = np.array([1.0, 0.45, 0.12, 0.5, 9.0, 6.0])


def rates(prey: Any, predators: Any, p: Any) -> tuple[Any, Any]:
    both = prey * predators
    return p[0] * prey - p[1] * both, p[2] * both - p[3] * predators


def step(prey: Any, predators: Any, p: Any) -> tuple[Any, Any]:
    """The classical fourth-order step."""
    a1, b1 = rates(prey, predators, p)
    a2, b2 = rates(prey + 0.5 * DT * a1, predators + 0.5 * DT * b1, p)
    a3, b3 = rates(prey + 0.5 * DT * a2, predators + 0.5 * DT * b2, p)
    a4, b4 = rates(prey + DT * a3, predators + DT * b3, p)
    return prey + DT / 6 * (a1 + 2 * a2 + 2 * a3 + a4), predators + DT / 6 * (b1 + 2 * b2 + 2 * b3 + b4)


def measurements() -> np.ndarray:
    """Solution of the true parameters, with one per cent of noise."""
    prey, predators = TRUTH[4], TRUTH[5]
    rows = []
    for _ in range(STEPS):
        prey, predators = step(prey, predators, TRUTH)
        rows.append((prey, predators))
    return np.array(rows) * (1 + 0.01 * np.random.default_rng(8).standard_normal((STEPS, 2)))


MEASURED = measurements()


def loss(p: Any, m: Any) -> Any:
    prey, predators, total = p[4], p[5], 0.0
    for measured_prey, measured_predators in MEASURED.tolist():
        prey, predators = step(prey, predators, p)
        total = total + (prey - measured_prey) ** 2 + (predators - measured_predators) ** 2
    return total / STEPS


def loss_scan(p: Any, m: Any) -> Any:
    """The same for peers with a loop of their own."""

    def advance(state: Any, measured: Any) -> Any:
        prey, predators = step(state[0], state[1], p)
        return prey, predators, state[2] + (prey - measured[0]) ** 2 + (predators - measured[1]) ** 2

    return m.scan(advance, (p[4], p[5], 0.0 * p[4]), MEASURED)[2] / STEPS


LOTKA_VOLTERRA = Problem(
    name="lotka_volterra",
    title="Lotka-Volterra, 1000 Runge-Kutta steps, one call",
    task="gradient",
    data=lambda: (GUESS,),
    scalar=loss,
    arrays=loss_scan,
    tolerance=1e-7,  # rounding errors of a thousand steps
)
