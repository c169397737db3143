"""How are batches learned from that must be copied out of the data first?

Sparse rows, of which only those of a batch are ever dense; and data that come in pieces of any length, which so are
learned from by one program.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from wengert.errors import NonFiniteError
from wengert.optim import State
from wengert.training.diagnosis import describe_non_finite
from wengert.training.fit import Loop
from wengert.training.step import ROWS, Step

Memory = tuple[int, list[State]]
"""What an optimizer remembers: the number of its steps, and arrays of each parameter."""


def dense(rows: Any) -> Any:
    """Rows as an array."""
    return rows.toarray() if hasattr(rows, "toarray") else rows


class Batches:
    """A step, and arrays of one batch that it learns from.

    Parameters
    ----------
    step : Step
    x, y : ndarray or sparse array
        Data like those to come.
    """

    def __init__(self, step: Step, x: Any, y: np.ndarray[Any, Any]) -> None:
        self.step = step
        self.x = np.zeros((step.batch_size, x.shape[1]), step.dtype)
        self.y = np.zeros((step.batch_size, *y.shape[1:]), y.dtype)
        self.weights = np.ones(step.batch_size, step.dtype)
        self.index = np.arange(step.batch_size)

    def take(self, x: Any, y: Any, index: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
        """Copy samples; gives what a step takes."""
        n = len(index)
        self.x[:n], self.y[:n] = dense(x[index]), y[index]
        self.weights[:n] = 1.0 if weights is None else weights[index]
        return self.x, self.y, self.index[:n], self.weights

    def learn(self, x: Any, y: Any, weights: Any, order: np.ndarray[Any, Any]) -> float:
        """One pass over the data; gives their mean loss."""
        losses, sums = [], []
        size = self.step.batch_size
        for k, first in enumerate(range(0, len(order), size)):
            batch = self.take(x, y, order[first : first + size], weights)
            loss = self.step(*batch)
            if not math.isfinite(loss):
                raise NonFiniteError(describe_non_finite(self.step, *batch, f"in batch {k + 1}", loss))
            sums.append(float(np.sum(self.weights[batch[2]])))
            losses.append(loss * sums[-1])
        return math.fsum(losses) / math.fsum(sums) if any(sums) else 0.0

    @property
    def memory(self) -> Memory:
        """What the optimizer remembers."""
        return self.step.optimizer.count, [tuple(map(np.copy, states)) for states in self.step.now[1]]

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self.step.optimizer.count, states = memory
        for mine, theirs in zip(self.step.now[1], states, strict=True):
            for array, values in zip(mine, theirs, strict=True):
                np.copyto(array, values)


class SparseLoop(Loop):
    """Epochs over sparse samples."""

    @cached_property
    def batches(self) -> Batches:
        return Batches(self.step, *self.data[:2])

    def batch(self, index: np.ndarray[Any, Any]) -> tuple[Any, Any, Any, Any]:
        x, y, weights = self.data
        return self.batches.take(x, y, index, weights)

    def validation_loss(self) -> float | None:
        if self.held_out is None:
            return None
        x, y, weights = self.held_out
        weights = np.ones(len(y)) if weights is None else weights
        losses, sums = [], []
        for start in range(0, len(y), ROWS):
            part = slice(start, start + ROWS)
            sums.append(float(np.sum(weights[part])))
            if sums[-1]:
                of_part = self.step.loss(dense(x[part]), y[part], weights[part].astype(self.step.dtype))
                losses.append(sums[-1] * of_part)
        return math.fsum(losses) / math.fsum(sums)
