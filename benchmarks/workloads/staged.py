"""What does a tiny expression cost per row, when there is hardly any arithmetic to hide behind?

The expression of Stanford's course CS231n on staged backpropagation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem


def staged(x: Any, m: Any) -> Any:
    a, b = x[0], x[1]
    return (a + m.sigmoid(b)) / (m.sigmoid(a) + (a + b) ** 2)


def staged_arrays(x: Any, m: Any) -> Any:
    a, b = x[..., 0], x[..., 1]
    return (a + m.sigmoid(b)) / (m.sigmoid(a) + (a + b) ** 2)


def staged_by_hand(x: np.ndarray) -> Arrays:
    a, b = x[:, 0], x[:, 1]
    sigmoid_a, sigmoid_b = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    over = 1 / (sigmoid_a + (a + b) ** 2)
    value = (a + sigmoid_b) * over
    in_a = over * (1 - value * (sigmoid_a * (1 - sigmoid_a) + 2 * (a + b)))
    in_b = over * (sigmoid_b * (1 - sigmoid_b) - value * 2 * (a + b))
    return value, np.stack([in_a, in_b], axis=1)


STAGED = Problem(
    name="staged",
    title="(x+s(y))/(s(x)+(x+y)^2), 100,000 rows",
    task="gradients",
    data=lambda: (np.random.default_rng(1).uniform(-3, 3, (100_000, 2)),),
    scalar=staged,
    arrays=staged_arrays,
    by_hand=staged_by_hand,
)
