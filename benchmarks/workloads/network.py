"""What does a small network's gradient cost? The loss of micrograd's demo: MLP(2, [16, 16, 1]) on 100 points.

Rectifiers in the hidden layers, hinge loss, weight decay; all 337 parameters in one vector.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem

SIZES = (2, 16, 16, 1)
PARAMETERS = sum((n + 1) * m for n, m in pairwise(SIZES))
POINTS = 100
DECAY = 1e-4


def hinge(p: Any, x: Any, label: Any, m: Any) -> Any:
    """Loss of one point."""
    values, start = [x[0], x[1]], 0
    for size, width in pairwise(SIZES):
        layer = []
        for _ in range(width):
            total = p[start + size]
            for k in range(size):
                total = total + p[start + k] * values[k]
            layer.append(m.relu(total) if width > 1 else total)
            start += size + 1
        values = layer
    return m.relu(1.0 - label * values[0])


def loss(p: Any, x: Any, labels: Any, m: Any, sum_rows: Callable[..., Any]) -> Any:
    decay = 0.0
    for k in range(PARAMETERS):
        decay = decay + p[k] * p[k]
    total = sum_rows(lambda p, row, label: hinge(p, row, label, m), p, x, labels)
    return total * (1.0 / POINTS) + DECAY * decay


def layers(p: Any) -> list[Any]:
    """The parameters as one matrix per layer: a row per neuron, its bias last."""
    matrices, start = [], 0
    for size, width in pairwise(SIZES):
        matrices.append(p[start : start + width * (size + 1)].reshape(width, size + 1))
        start += width * (size + 1)
    return matrices


def loss_arrays(p: Any, x: Any, labels: Any, m: Any) -> Any:
    first, second, last = layers(p)
    values = m.relu(x @ first[:, :-1].T + first[:, -1])
    values = m.relu(values @ second[:, :-1].T + second[:, -1])
    scores = values @ last[0, :-1] + last[0, -1]
    return m.sum(m.relu(1.0 - labels * scores), axis=-1) / POINTS + DECAY * m.sum(p * p, axis=-1)


def loss_by_hand(p: np.ndarray, x: np.ndarray, labels: np.ndarray) -> Arrays:
    matrices = layers(p)
    inputs = [x]
    for matrix in matrices[:-1]:
        inputs.append(np.maximum(inputs[-1] @ matrix[:, :-1].T + matrix[:, -1], 0))
    last = matrices[-1]
    margins = 1 - labels * (inputs[-1] @ last[0, :-1] + last[0, -1])
    in_sums = np.where(margins > 0, -labels / POINTS, 0)[:, None]
    gradients = []
    for matrix, values in zip(reversed(matrices), reversed(inputs), strict=True):
        gradients.append(np.hstack([in_sums.T @ values, in_sums.sum(0)[:, None]]).ravel())
        in_sums = (in_sums @ matrix[:, :-1]) * (values > 0)
    gradient = np.concatenate(gradients[::-1]) + 2 * DECAY * p
    return np.sum(np.maximum(margins, 0)) / POINTS + DECAY * p @ p, gradient


def data() -> Arrays:
    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, (POINTS, 2))
    return rng.uniform(-1, 1, PARAMETERS), x, np.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0)


NETWORK = Problem(
    name="network",
    title="MLP(2, [16, 16, 1]) on 100 points",
    task="total_gradient",
    data=data,
    scalar=loss,
    arrays=loss_arrays,
    by_hand=loss_by_hand,
)
