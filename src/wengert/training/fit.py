"""How is a network trained until it is good enough?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wengert.compiled import compile  # noqa: A004
from wengert.errors import NonFiniteError, ShapeError, WengertError
from wengert.extras import needed
from wengert.nn import Module
from wengert.optim import LBFGS, Adam, Optimizer
from wengert.training.checkpoints import read_checkpoint, write_checkpoint
from wengert.training.diagnosis import describe_non_finite, gradient_norms, warn_of_gradients
from wengert.training.history import Epoch, History
from wengert.training.step import Objective, Step, supervised
from wengert.transforms import value_and_grad

Callback = Callable[[Epoch], object]
Data = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Any]
"""x, y, and weights or None."""


def fit(
    net: Module,
    x: Any,
    y: Any,
    loss: Callable[..., Any] | None = None,
    optimizer: Optimizer | LBFGS | None = None,
    *,
    objective: Objective | None = None,
    weights: Any = None,
    epochs: int = 100,
    batch_size: int = 32,
    seed: int = 0,
    validation: float | tuple[Any, ...] | None = None,
    patience: int | None = None,
    least_gain: float = 0.0,
    largest_norm: float | None = None,
    callbacks: Iterable[Callback] = (),
    progress: bool = False,
    checkpoint: str | Path | None = None,
    threads: int | None = None,
) -> History:
    """Train a network; it keeps what it learned.

    Parameters
    ----------
    net : Module
        Such as `wengert.nn.MLP`. Its dtype is that of the training.
    x, y : array_like, shape (n, ...)
        Samples and targets. Of the network's dtype (labels: of ints) they are not copied.
    loss : callable
        ``loss(predictions, targets, weights)``, such as `wengert.nn.cross_entropy`; or give an `objective`.
    optimizer : Optimizer or LBFGS, optional
        By default ``Adam(lr=1e-3)``. With `LBFGS`, all samples are one batch, and an epoch is an iteration.
    objective : callable, optional
        ``objective(net, x, y, weights, key)``, in the place of `loss`, for what is no comparison of predictions with
        targets; see `supervised`.
    weights : array_like, shape (n,), optional
        Of the samples.
    epochs : int, default 100
        Passes over the data, at most.
    batch_size : int, default 32
    seed : int, default 0
        Of the order of the samples, the choice of the validation data, and the dropout.
    validation : float or tuple of array_like, optional
        A part of the data, between 0 and 1, or other data ``(x, y)`` or ``(x, y, weights)``. The network keeps the
        parameters with the least loss of these.
    patience : int, optional
        End after so many epochs in which the validation loss (without validation data, the loss) did not get less than
        the least before, minus `least_gain`.
    least_gain : float, default 0.0
    largest_norm : float, optional
        What the global norm of a gradient is clipped to.
    callbacks : iterable of callable
        Called with the `Epoch` after each; one that returns True ends the training.
    progress : bool, default False
        Whether to show a bar with the loss and the samples per second.
    checkpoint : path, optional
        A file in which everything is kept after each epoch. If it exists, the training goes on from there, and ends
        with the same bits as if it had not been interrupted.
    threads : int, optional
        By default `wengert.get_num_threads()`; results are the same bits for any number.

    Returns
    -------
    History
        After KeyboardInterrupt, too: then the network has the best parameters so far.

    Raises
    ------
    NonFiniteError
        If a loss is infinite or NaN; it says in which batch, and which layer is the first to give such numbers.
    ShapeError
        If the data have not as many samples as targets and weights, or none at all.
    ProgramFormatError
        If the checkpoint is damaged, or of another training.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 64).reshape(64, 1)
    >>> net = wg.nn.MLP(1, [16, 1], activation="tanh")
    >>> history = wg.training.fit(net, x, x[:, 0] ** 2, wg.nn.squared_loss, wg.optim.Adam(lr=0.02), epochs=200)
    >>> history.losses[-1] < 1e-3, abs(net([0.5]).data - 0.25) < 0.05
    (True, True)
    """
    if (loss is None) == (objective is None):
        raise WengertError("fit() takes a loss or an objective, and not both")
    objective = supervised(loss, has_key=takes_key(net)) if loss is not None else objective
    assert objective is not None
    if batch_size < 1 or epochs < 1:
        raise WengertError(f"fit() needs batch_size and epochs of at least 1, got {batch_size} and {epochs}")
    dtype = np.result_type(*[parameter.dtype for parameter in net.parameters()])
    data = checked(x, y, weights, dtype)
    data, held_out = divided(data, validation, dtype, seed)
    if isinstance(optimizer, LBFGS):
        if checkpoint is not None or largest_norm is not None:
            raise WengertError("L-BFGS takes neither a checkpoint nor a largest norm of gradients")
        return by_lbfgs(net, objective, optimizer, data, held_out, list(callbacks))
    step = Step(
        net,
        objective,
        Adam(lr=1e-3) if optimizer is None else optimizer,
        min(batch_size, len(data[0])),
        largest_norm=largest_norm,
        threads=threads,
        seed=seed,
    )
    loop = Loop(step, data, held_out, epochs, seed, patience, least_gain, list(callbacks))
    return loop.run(progress, None if checkpoint is None else Path(checkpoint))


def takes_key(net: Any) -> bool:
    """Does the network have random layers?"""
    return "key" in type(net).__call__.__annotations__


def checked(x: Any, y: Any, weights: Any, dtype: Any) -> Data:
    """The data as arrays of the network's dtype, contiguous; labels stay ints."""
    x, y = np.ascontiguousarray(x, dtype), np.asarray(y)
    if y.dtype.kind not in "iuf" and y.dtype.kind != "b":
        raise WengertError(f"targets are numbers, not of {y.dtype}; number the classes from 0")
    y = np.ascontiguousarray(y, np.int64 if y.dtype.kind in "iub" else dtype)
    weights = None if weights is None else np.ascontiguousarray(weights, dtype)
    if not len(x) or len(x) != len(y) or (weights is not None and weights.shape != (len(x),)):
        what = "" if weights is None else f", and weights of shape {weights.shape}"
        raise ShapeError(f"there must be as many samples as targets, and at least one; got {len(x)} and {len(y)}{what}")
    if weights is not None and not (np.all(weights >= 0) and 0 < np.sum(weights) < np.inf):
        raise WengertError("weights are finite numbers from 0 up, and not all 0")
    return x, y, weights


def divided(data: Data, validation: Any, dtype: Any, seed: int) -> tuple[Data, Data | None]:
    """The data to learn from, and those to validate with."""
    if validation is None:
        return data, None
    if isinstance(validation, tuple):
        return data, checked(validation[0], validation[1], validation[2] if len(validation) > 2 else None, dtype)
    x, y, weights = data
    n_held_out = math.ceil(validation * len(x)) if 0.0 < validation < 1.0 else 0
    if not 0 < n_held_out < len(x):
        raise WengertError(f"validation is a part of the data between 0 and 1, or other data; got {validation!r}")
    order = np.random.default_rng([seed, 0]).permutation(len(x))

    def part(which: Any) -> Data:
        return x[which], y[which], None if weights is None else weights[which]

    return part(np.sort(order[n_held_out:])), part(np.sort(order[:n_held_out]))


@dataclass
class Patience:
    """Has it not got better for too long?"""

    n_epochs: int | None
    """How long is too long; None for never."""
    least_gain: float
    least: float = math.inf
    since: int = 0
    """Epochs without gain."""

    def see(self, epoch: Epoch) -> None:
        """Take note of the next epoch."""
        if epoch.monitored < self.least - self.least_gain:
            self.least, self.since = epoch.monitored, 0
        else:
            self.since += 1

    @property
    def is_over(self) -> bool:
        """Is it time to stop?"""
        return self.n_epochs is not None and self.since >= self.n_epochs


@dataclass
class Loop:
    """Epochs, one after the other."""

    step: Step
    data: Data
    held_out: Data | None
    epochs: int
    seed: int
    patience: int | None
    least_gain: float
    callbacks: list[Callback]

    def run(self, progress: bool, checkpoint: Path | None) -> History:
        """All epochs; the network has the parameters in the end."""
        history, best = History(), None
        if checkpoint is not None and checkpoint.exists():
            history, best = read_checkpoint(checkpoint, self.step, self.settings())
        patience = Patience(self.patience, self.least_gain)
        for epoch in history.epochs:
            patience.see(epoch)
        least = history.best.monitored if history.epochs else math.inf
        n = len(self.data[1])
        bar: Any = nullcontext()
        if progress:
            tqdm = needed("tqdm.auto", "a progress bar", "nn").tqdm
            bar = tqdm(total=self.epochs * n, initial=len(history.epochs) * n, unit=" samples", unit_scale=True)
        with bar as shown:
            try:
                while len(history.epochs) < self.epochs and not patience.is_over:
                    epoch = self.one_epoch(len(history.epochs) + 1, shown)
                    history.epochs.append(epoch)
                    patience.see(epoch)
                    if epoch.monitored < least:
                        least, best = epoch.monitored, [array.copy() for array in self.step.now[0]]
                    if checkpoint is not None:
                        write_checkpoint(checkpoint, self.step, history, best, self.settings())
                    if True in [callback(epoch) for callback in self.callbacks]:  # all of them are called
                        history.stopped = "callback"
                        break
            except KeyboardInterrupt:
                history.stopped = "interrupted"
            except NonFiniteError:
                self.finish(best)
                raise
        if history.stopped == "epochs" and patience.is_over:
            history.stopped = "early"
        self.finish(best if self.held_out is not None or history.stopped == "interrupted" else None)
        return history

    def finish(self, best: list[Any] | None) -> None:
        """Give the network its parameters: these, or the current ones."""
        self.step.finish()
        for parameter, array in zip(self.step.net.parameters(), best or [], strict=False):
            parameter.data = array

    def one_epoch(self, number: int, bar: Any) -> Epoch:
        """One pass over the data."""
        n, weights = len(self.data[1]), self.data[2]
        size = self.step.batch_size
        start = time.perf_counter()
        order = np.random.default_rng([self.seed, number]).permutation(n)
        losses, sums = [], []
        norms = None
        for k, first in enumerate(range(0, n, size)):
            index = order[first : first + size]
            batch = self.batch(index)
            if k == 0 and number & (number - 1) == 0:
                norms = gradient_norms(self.step, *batch)
                warn_of_gradients(self.step, norms, number)
            loss = self.step(*batch)
            if not math.isfinite(loss):
                where = f"in batch {k + 1} of epoch {number}"
                raise NonFiniteError(describe_non_finite(self.step, *batch, where, loss))
            sums.append(float(len(index) if weights is None else np.sum(weights[index])))
            losses.append(loss * sums[-1])
            if bar is not None:
                bar.update(len(index))
                if bar.n - bar.last_print_n == 0 or k == 0:
                    bar.set_postfix(loss=f"{loss:.4g}", epoch=number, refresh=False)
        seconds = time.perf_counter() - start
        mean = math.fsum(losses) / math.fsum(sums)
        return Epoch(number, mean, self.validation_loss(), seconds, n / seconds, norms)

    def batch(self, index: np.ndarray[Any, Any]) -> tuple[Any, Any, Any, Any]:
        """What the step takes to learn from some samples: x, y, which of these, and weights."""
        x, y, weights = self.data
        return x, y, index, weights

    def validation_loss(self) -> float | None:
        """Loss of the data that are held out, if there are any."""
        return None if self.held_out is None else self.step.loss(*self.held_out)

    def settings(self) -> dict[str, Any]:
        """What two runs must have in common if one is to go on where the other was."""
        return {
            "samples": len(self.data[1]),
            "validation samples": 0 if self.held_out is None else len(self.held_out[1]),
            "batch_size": self.step.batch_size,
            "seed": self.seed,
            "optimizer": type(self.step.optimizer).__name__,
            "shapes": [list(array.shape) for array in self.step.now[0]],
            "dtype": self.step.dtype.name,
        }


def by_lbfgs(
    net: Module,
    objective: Objective,
    optimizer: LBFGS,
    data: Data,
    held_out: Data | None,
    callbacks: list[Callback],
) -> History:
    """Train with all samples at once."""

    def value(parameters: Any, x: Any, y: Any, weights: Any) -> Any:
        return objective(net.with_parameters(parameters), x, y, weights, None)

    def of_data(call: Any, parameters: Any, data: Data) -> Any:
        x, y, weights = data
        return call(parameters, x, y, np.ones(len(x), x.dtype) if weights is None else weights)

    dtype = data[0].dtype
    both, only_value = compile(value_and_grad(value), dtype=dtype), compile(value, dtype=dtype)
    history, best, least, latest, reached = History(), None, math.inf, time.perf_counter(), 0.0

    def after(parameters: Any, loss: float) -> None:
        nonlocal best, least, latest
        validation = None if held_out is None else float(of_data(only_value, parameters, held_out))
        seconds, latest = time.perf_counter() - latest, time.perf_counter()
        epoch = Epoch(len(history.epochs) + 1, loss, validation, seconds, len(data[0]) / seconds)
        history.epochs.append(epoch)
        if epoch.monitored < least:
            least, best = epoch.monitored, parameters
        if True in [callback(epoch) for callback in callbacks]:
            history.stopped = "callback"
            raise StopIteration

    start = [np.array(parameter.data) for parameter in net.parameters()]
    try:
        found = optimizer.minimize(lambda parameters: of_data(both, parameters, data), start, after)
        history.stopped = "converged" if found.converged else history.stopped
        last, reached = found.parameters, found.value
    except KeyboardInterrupt:
        history.stopped, last = "interrupted", start
    if not math.isfinite(reached):
        raise NonFiniteError("the loss is not finite; the targets or the samples may be too large: scale them")
    chosen = best if best is not None and (held_out is not None or history.stopped == "interrupted") else last
    for parameter, array in zip(net.parameters(), chosen, strict=True):
        parameter.data = array
    return history
