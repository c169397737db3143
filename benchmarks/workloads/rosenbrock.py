"""How does cost grow on the optimiser's favourite valley, from one call to a batch, from 10 inputs to 1000?

H. H. Rosenbrock, The Computer Journal 3 (1960), in the chained form of many inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem


def rosenbrock(x: Any, m: Any) -> Any:
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def rosenbrock_arrays(x: Any, m: Any) -> Any:
    head, tail = x[..., :-1], x[..., 1:]
    return m.sum(100 * (tail - head**2) ** 2 + (1 - head) ** 2, axis=-1)


def rosenbrock_by_hand(x: np.ndarray) -> Arrays:
    head = x[..., :-1]
    valley, slope = x[..., 1:] - head * head, 1 - head
    gradient = np.zeros_like(x)
    gradient[..., :-1] = -400 * head * valley - 2 * slope
    gradient[..., 1:] += 200 * valley
    return np.sum(100 * valley * valley + slope * slope, axis=-1), gradient


def points(*shape: int) -> np.ndarray:
    """Around the walls of the valley."""
    return np.random.default_rng(0).uniform(-1.5, 1.5, shape)


def problem(name: str, title: str, task: str, *shape: int, first_call: bool = False) -> Problem:
    return Problem(
        name=name,
        title=title,
        task=task,
        data=lambda: (points(*shape),),
        scalar=rosenbrock,
        arrays=rosenbrock_arrays,
        by_hand=rosenbrock_by_hand,
        first_call=first_call,
    )


ROSENBROCK_10_CALL = problem("rosenbrock_10_call", "Rosenbrock-10, one call", "gradient", 10)
ROSENBROCK_10_INTO = problem("rosenbrock_10_into", "Rosenbrock-10, one call into buffers", "gradient_into", 10)
ROSENBROCK_10 = problem("rosenbrock_10", "Rosenbrock-10, 100,000 rows", "gradients", 100_000, 10)
ROSENBROCK_100 = problem("rosenbrock_100", "Rosenbrock-100, 10,000 rows", "gradients", 10_000, 100)
ROSENBROCK_1000 = problem("rosenbrock_1000", "Rosenbrock-1000, first gradient", "gradient", 1000, first_call=True)
