"""How does a network learn from one batch?

Forward, backward and update are one program, which takes its batch out of the data by index. It reads the parameters
from one set of arrays and writes them to another, and the two change places: so nothing is allocated, and after a step
that went wrong the parameters before it are still there.

A batch of more than `ROWS` samples is cut into parts of so many, whatever the number of threads: each part computes its
share of the gradient, on whatever thread is free, and they are added in their order. So the bits are the same for any
number of threads. A batch that is too small is filled up with samples of weight zero, so that one program serves all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import threads as pool
from wengert.bound import Bound
from wengert.compiled import Compiled, compile  # noqa: A004
from wengert.errors import ShapeError, WengertError
from wengert.nn import Module
from wengert.optim import Optimizer, clip_by_global_norm
from wengert.transforms import value_and_grad

Objective = Callable[[Any, Any, Any, Any, Any], Any]
"""``objective(net, x, y, weights, key)``: the mean over samples, weighted, of what they cost; `key` is for dropout."""

Arrays = tuple[list[Any], list[Any]]
"""Parameters, and what the optimizer remembers of each."""

# Samples of one part of a batch. Products of matrices are as fast from some 200 rows on as with more, and a batch of
# 1024 gives work to four threads.
ROWS = 256


def supervised(loss: Callable[..., Any], has_key: bool = True) -> Objective:
    """The objective that compares what a network predicts with targets, such as ``supervised(nn.squared_loss)``."""

    def objective(net: Any, x: Any, y: Any, weights: Any, key: Any) -> Any:
        return loss(net(x, key) if has_key else net(x), y, weights)

    return objective


class Step:
    """A compiled training step.

    Parameters
    ----------
    net : Module
        What is trained. Its own parameters are where it begins, and are set by `finish`.
    objective : callable
        See `supervised`.
    optimizer : Optimizer
    batch_size : int
        Samples of a step, at most.
    largest_norm : float, optional
        Gradients are clipped so that their global norm is no larger.
    threads : int, optional
        On how many it runs; by default `wengert.get_num_threads()`. The results are the same bits for any number.
    seed : int, default 0
        Of the dropout.

    Examples
    --------
    >>> net = wg.nn.MLP(1, [1])
    >>> objective = wg.training.supervised(wg.nn.squared_loss)
    >>> step = wg.training.Step(net, objective, wg.optim.SGD(lr=0.1), batch_size=4)
    >>> x = np.linspace(-1.0, 1.0, 8).reshape(8, 1)
    >>> losses = [step(x, 3.0 * x[:, 0], np.arange(8)[k % 2 :: 2]) for k in range(200)]
    >>> step.finish()
    >>> round(net([2.0]).data, 6)
    6.0
    """

    def __init__(
        self,
        net: Module,
        objective: Objective,
        optimizer: Optimizer,
        batch_size: int,
        *,
        largest_norm: float | None = None,
        threads: int | None = None,
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise WengertError(f"a batch has at least one sample, got batch_size={batch_size}")
        self.net, self.objective, self.optimizer, self.seed = net, objective, optimizer, seed
        self.batch_size, self.largest_norm = batch_size, largest_norm
        self.threads = None if threads is None else pool.checked_number(threads)
        parameters = [np.array(parameter.data) for parameter in net.parameters()]
        if not parameters:
            raise WengertError("the network has no parameters to train")
        self.dtype = np.result_type(*parameters)
        self.now: Arrays = parameters, [optimizer.start(parameter) for parameter in parameters]
        """Parameters, and what the optimizer remembers of them."""
        self.next: Arrays = (
            [*map(np.empty_like, parameters)],
            [tuple(map(np.empty_like, state)) for state in self.now[1]],
        )
        self.n_parts = math.ceil(batch_size / ROWS)
        self.n_rows = batch_size if self.n_parts == 1 else ROWS
        self.numbers = [np.zeros((), self.dtype) for _ in optimizer.numbers(0)]
        self.count = np.zeros((), self.dtype)
        self.parts = [Part(self.n_rows, parameters, self.dtype) for _ in range(self.n_parts)]
        self.whole: Compiled = compile(self.forward_backward_update, dtype=self.dtype)
        self.of_part: Compiled = compile(self.forward_backward, dtype=self.dtype)
        self.of_update: Compiled = compile(self.update, dtype=self.dtype)
        self.of_loss: Compiled = compile(self.forward, dtype=self.dtype)
        self.bound: dict[Any, tuple[Any, list[Bound]]] = {}

    # ---- what is compiled ----

    def forward(
        self, parameters: Any, x: Any, y: Any, of_samples: Any, index: Any, live: Any, share: Any, key: Any = None
    ) -> Any:
        """The share of a part in the loss."""
        weights = live if of_samples is None else live * of_samples[index]
        return share * self.objective(self.net.with_parameters(parameters), x[index], y[index], weights, key)

    def forward_backward(
        self, parameters: Any, x: Any, y: Any, of_samples: Any, index: Any, live: Any, share: Any, count: Any
    ) -> Any:
        """The share of a part in the loss, and in the gradients."""

        def value(parameters: Any) -> Any:
            return self.forward(parameters, x, y, of_samples, index, live, share, (self.seed, count))

        return value_and_grad(value)(parameters)

    def update(self, parameters: Any, states: Any, gradients: Any, numbers: Any) -> Any:
        """Parameters and states after the step, from the gradients of all parts."""
        total = [sum(of_parts[1:], of_parts[0]) for of_parts in zip(*gradients, strict=True)]
        if self.largest_norm is not None:
            total, _ = clip_by_global_norm(total, self.largest_norm)
        moved = [self.optimizer.update(p, g, s, numbers) for p, g, s in zip(parameters, total, states, strict=True)]
        return [parameter for parameter, _ in moved], [state for _, state in moved]

    def forward_backward_update(
        self, parameters: Any, states: Any, numbers: Any, x: Any, y: Any, *of_part: Any
    ) -> tuple[Any, Any]:
        """Both, of a batch of one part."""
        value, gradients = self.forward_backward(parameters, x, y, *of_part)
        return value, self.update(parameters, states, [gradients], numbers)

    # ---- running it ----

    def __call__(self, x: Any, y: Any, index: Any = None, weights: Any = None) -> float:
        """Learn from the samples `index` of `x` and `y`, by default all; gives their loss before the step.

        Parameters
        ----------
        x, y : ndarray, shape (n, ...)
            The data. Of the network's dtype, and integers for labels, they are read where they are.
        index : array_like of int, optional
            Which samples: at most as many as `batch_size`.
        weights : ndarray, shape (n,), optional
            Of the samples of the data.

        Returns
        -------
        float
        """
        index = np.arange(len(x)) if index is None else np.asarray(index)
        if not 0 < len(index) <= self.n_rows * self.n_parts:
            raise ShapeError(f"a step takes 1 to {self.n_rows * self.n_parts} samples, got {len(index)}")
        calls = self.calls(x, y, weights)
        if not self.share_out(index, weights):
            return 0.0  # of samples without weight nothing is to be learned
        for place, number in zip(self.numbers, self.optimizer.numbers(self.optimizer.count), strict=True):
            place[...] = number
        self.count[...] = self.optimizer.count
        if self.n_parts == 1:
            calls[0]()
        else:
            waiting = iter([call for call, part in zip(calls, self.parts, strict=False) if part.share])

            def take() -> None:
                for call in waiting:
                    call()

            pool.spread(take, self.n_parts, math.inf, self.threads or pool.get_num_threads())
            calls[-1]()
        loss = math.fsum(float(part.loss) for part in self.parts)
        if not math.isfinite(loss):
            return loss
        self.now, self.next = self.next, self.now
        self.optimizer.count += 1
        return loss

    def share_out(self, index: np.ndarray[Any, Any], weights: Any) -> float:
        """Give each part its samples; gives the sum of their weights."""
        if self.n_parts == 1:
            self.parts[0].fill(index)
            return len(index) if weights is None else float(np.sum(weights[index]))
        sums = []
        for k, part in enumerate(self.parts):
            taken = index[k * self.n_rows : (k + 1) * self.n_rows]
            sums.append(float(len(taken) if weights is None else np.sum(weights[taken])))
            if sums[-1]:
                part.fill(taken)
            else:
                part.clear()
        total = math.fsum(sums)
        for part, of_part in zip(self.parts, sums, strict=True):
            part.share[...] = of_part / total if total else 0.0
        return total

    def calls(self, x: Any, y: Any, weights: Any) -> list[Bound]:
        """What computes a step on these data, from the current parameters."""
        key = id(x), id(y), id(weights), id(self.now)
        if key not in self.bound:
            (parameters, states), (new_parameters, new_states) = self.now, self.next
            data = x, y, weights
            if self.n_parts == 1:
                part = self.parts[0]
                out = part.loss, (new_parameters, new_states)
                args = parameters, states, self.numbers, x, y, weights, *part.arguments, self.count
                calls = [self.whole.bind(*args, out=out)]
            else:
                calls = [
                    self.of_part.bind(parameters, x, y, weights, *part.arguments, self.count, out=part.out)
                    for part in self.parts
                ]
                gradients = [part.gradients for part in self.parts]
                calls.append(
                    self.of_update.bind(parameters, states, gradients, self.numbers, out=(new_parameters, new_states))
                )
            if len(self.bound) >= 8:  # data of former calls
                self.bound.clear()
            self.bound[key] = data, calls
        return self.bound[key][1]

    def loss(self, x: Any, y: Any, weights: Any = None) -> float:
        """Mean loss of all samples of some data, without dropout.

        Parameters
        ----------
        x, y, weights : ndarray
            As for a step; there may be any number of samples.

        Returns
        -------
        float
        """
        part = Part(min(ROWS, len(x)), [], self.dtype)
        sums, losses = [], []
        for start in range(0, len(x), len(part.index)):
            index = np.arange(start, min(start + len(part.index), len(x)))
            part.fill(index)
            sums.append(float(len(index) if weights is None else np.sum(weights[index])))
            if sums[-1]:
                losses.append(sums[-1] * float(self.of_loss(self.now[0], x, y, weights, *part.arguments)))
        return math.fsum(losses) / math.fsum(sums)

    def gradients(self, x: Any, y: Any, index: Any, weights: Any = None) -> list[np.ndarray[Any, Any]]:
        """What the next step from these samples would follow, not clipped; computed without compiling."""
        live, one = np.ones(len(index), self.dtype), np.ones((), self.dtype)
        count = self.optimizer.count
        return list(self.forward_backward(self.now[0], x, y, weights, np.asarray(index), live, one, count)[1])

    def finish(self) -> None:
        """Set the parameters of the network to what was learned."""
        for parameter, array in zip(self.net.parameters(), self.now[0], strict=True):
            parameter.data = array


class Part:
    """The samples of a part of a batch, and where its results go."""

    def __init__(self, n_rows: int, parameters: Sequence[np.ndarray[Any, Any]], dtype: Any) -> None:
        self.index = np.zeros(n_rows, np.int64)
        self.live = np.zeros(n_rows, dtype)
        self.share = np.ones((), dtype)
        self.loss = np.zeros((), dtype)
        self.gradients = [np.empty_like(parameter) for parameter in parameters]
        self.arguments = self.index, self.live, self.share
        self.out = self.loss, self.gradients

    def fill(self, index: np.ndarray[Any, Any]) -> None:
        """Take these samples, and for what is left the first of them with weight zero."""
        n = len(index)
        self.index[:n], self.index[n:] = index, index[0]
        self.live[:n], self.live[n:] = 1.0, 0.0

    def clear(self) -> None:
        """Take none: it has no share in the batch."""
        self.loss[...] = 0.0
        for gradient in self.gradients:
            gradient[...] = 0.0
