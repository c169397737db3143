"""What does a training step cost? Forward, backward and an update by gradient descent, of a batch taken by index.

Rectifiers in the hidden layers. The data lie ready; the index says which rows make the batch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem

RATE = 0.01


def forward(p: Any, x: Any, m: Any) -> Any:
    """Outputs of the last layer; `p` holds the weights and the bias of each layer in turn."""
    for k in range(0, len(p), 2):
        x = x @ p[k] + p[k + 1]
        if k < len(p) - 2:
            x = m.relu(x)
    return x


def cross_entropy(p: Any, x: Any, labels: Any, m: Any) -> Any:
    return m.cross_entropy(forward(p, x, m), labels)


def hinge(p: Any, x: Any, labels: Any, m: Any) -> Any:
    return m.mean(m.relu(1.0 - labels * forward(p, x, m)[:, 0]))


def step_by_hand(p: Any, x: Any, labels: Any, index: Any) -> Arrays:
    """Loss before the step, and the parameters after it, which replace those before."""
    inputs, labels = [x[index]], labels[index]
    n = len(index)
    for k in range(0, len(p), 2):
        inputs.append(inputs[-1] @ p[k] + p[k + 1])
        if k < len(p) - 2:
            np.maximum(inputs[-1], 0, out=inputs[-1])
    out = inputs.pop()
    if out.shape[1] == 1:
        margins = 1 - labels * out[:, 0]
        loss = np.mean(np.maximum(margins, 0))
        slopes = (np.where(margins > 0, -labels, 0) / n)[:, None].astype(out.dtype)
    else:
        out -= out.max(axis=1, keepdims=True)
        slopes = np.exp(out)
        sums = slopes.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(sums[:, 0]) - out[np.arange(n), labels])
        slopes /= sums
        slopes[np.arange(n), labels] -= 1
        slopes /= n
    for k in range(len(p) - 2, -1, -2):
        before = (slopes @ p[k].T) * (inputs[k // 2] > 0) if k else None
        p[k] -= RATE * (inputs[k // 2].T @ slopes)
        p[k + 1] -= RATE * slopes.sum(axis=0)
        slopes = before
    return loss, *p


def problem(sizes: tuple[int, ...], batch: int, dtype: Any, rows: int) -> Problem:
    """A network of these sizes."""
    n_parameters = 2 * (len(sizes) - 1)

    def data() -> Arrays:
        rng = np.random.default_rng(8)
        p = []
        for a, b in pairwise(sizes):
            p += [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(dtype), np.zeros(b, dtype)]
        x = rng.normal(size=(rows, sizes[0])).astype(dtype)
        labels = rng.integers(0, sizes[-1], rows) if sizes[-1] > 1 else np.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0)
        return *p, x, labels, rng.permutation(rows)[:batch]

    name = "float32" if dtype == np.float32 else "float64"
    return Problem(
        name="train_" + "_".join(map(str, sizes)),
        title=f"Training step {'-'.join(map(str, sizes))}, batch {batch}, {name}",
        task="training_step",
        data=data,
        arrays=cross_entropy if sizes[-1] > 1 else hinge,
        by_hand=step_by_hand,
        wanted=n_parameters,
        tolerance=1e-4 if dtype == np.float32 else 1e-9,
    )


TRAINING = (
    problem((2, 16, 16, 1), 100, np.float64, 100),
    problem((64, 64, 10), 32, np.float32, 1797),
    problem((64, 128, 10), 128, np.float32, 1797),
    problem((784, 128, 10), 128, np.float32, 4096),
    problem((784, 512, 512, 10), 1024, np.float32, 4096),
)
