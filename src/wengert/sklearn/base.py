"""What do the two estimators have in common?

Everything but the meaning of y: parameters in scikit-learn's words become a network, an objective and an optimizer;
`wengert.training` trains; predictions go through one compiled forward pass.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from wengert import optim
from wengert.errors import WengertError
from wengert.nn import MLP, Dense, activation_named
from wengert.sklearn.batches import Batches, Memory, SparseLoop, dense
from wengert.training.fit import fit
from wengert.training.history import Epoch, History
from wengert.training.predict import ROWS, Predictor
from wengert.training.step import ROWS as ROWS_OF_STEP
from wengert.training.step import Step

Loss = Callable[[Any, Any, Any], Any]

SOLVERS = ("adam", "sgd", "rmsprop", "lbfgs")
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}
"""Scikit-learn's names of activations that have another one here."""

# Rows of a sparse matrix that are dense at a time: 100 blocks of the predictor, enough work for any number of threads.
MANY_ROWS = 100 * ROWS


class Cost:
    """What is minimized: the loss, added over outputs, and in training the penalty on weights.

    The penalty is scikit-learn's: ``alpha / 2`` times the sum of the squares of all weights (not of biases), over the
    number of samples of the batch, or the sum of their weights.
    """

    def __init__(self, loss: Loss, n_outputs: int, alpha: float, batch_size: int | None) -> None:
        self.loss, self.n_outputs, self.alpha = loss, n_outputs, alpha
        self.only_training = batch_size is not None
        # Each part of a batch adds its own; a batch as a whole, as L-BFGS takes it, is one part.
        self.n_parts = 1 if batch_size is None else math.ceil(batch_size / ROWS_OF_STEP)

    def __call__(self, net: MLP, x: Any, y: Any, weights: Any, key: Any) -> Any:
        cost = self.n_outputs * self.loss(net(x, key), y, weights)
        if not self.alpha or (self.only_training and key is None):
            return cost
        squares: Any = sum(np.sum(layer.weights * layer.weights) for layer in dense_layers(net))
        return cost + (0.5 * self.alpha / self.n_parts) * squares / np.sum(weights)


def dense_layers(net: MLP) -> list[Dense]:
    return [layer for layer in net.layers if isinstance(layer, Dense)]


class NoChange:
    """Scikit-learn's rule to end: for so many epochs, none was better than the best before it by `tol`."""

    def __init__(self, n_epochs: int, tol: float) -> None:
        self.n_epochs, self.tol = n_epochs, tol
        self.least, self.since = math.inf, 0

    def __call__(self, epoch: Epoch) -> bool:
        self.since = self.since + 1 if epoch.monitored > self.least - self.tol else 0
        self.least = min(self.least, epoch.monitored)
        return self.since > self.n_epochs


def is_number(x: Any, above: float = -math.ulp(0.0), below: float = math.inf) -> bool:
    """Is it a number in this open interval?"""
    return isinstance(x, numbers.Real) and not isinstance(x, bool) and above < float(x) < below


def is_int(x: Any) -> bool:
    """Is it an int of at least 1?"""
    return isinstance(x, numbers.Integral) and not isinstance(x, bool) and int(x) >= 1


class BaseMLP(BaseEstimator):  # type: ignore[misc]
    """An estimator with a network; see `MLPClassifier` for its parameters."""

    def __init__(
        self,
        hidden_layer_sizes: Any,
        activation: Any,
        solver: str,
        alpha: float,
        batch_size: int | str,
        learning_rate_init: Any,
        max_iter: int,
        random_state: Any,
        tol: float,
        verbose: bool,
        warm_start: bool,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        n_iter_no_change: int,
        dropout: float,
        layer_norm: bool,
        dtype: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.dtype = dtype

    _batches: Batches | None
    """What `partial_fit` learns with."""
    _memory: Memory | None
    """What its optimizer remembers, from a pickle."""

    # ---- what an estimator says of y ----

    def targets(self, y: Any, weights: Any, is_first: bool) -> tuple[np.ndarray[Any, Any], Any]:
        """Numbers to hold predictions against, and the weights of the samples."""
        raise NotImplementedError

    def loss_function(self) -> Loss:
        raise NotImplementedError

    def n_outputs_of_network(self, y: np.ndarray[Any, Any]) -> int:
        raise NotImplementedError

    def first_bias(self, y: np.ndarray[Any, Any], weights: Any) -> Any:
        """Where the bias of the last layer begins; None for zero."""
        return None

    def strata(self, y: np.ndarray[Any, Any]) -> Any:
        """What the validation data should have as large a part of as all data."""
        return None

    # ---- training ----

    def learn(self, x: Any, y: Any, sample_weight: Any, is_first: bool) -> Self:
        """Fit."""
        self.check_parameters()
        x, y, weights, seed = self.checked(x, y, sample_weight, is_first)
        if is_first:
            self.start(x, y, weights, seed)
        self._batches = self._memory = None
        held_out: Any = None
        if self.early_stopping and self.solver != "lbfgs":
            (x, y, weights), held_out = self.divided(x, y, weights, seed)
        size = self.size_of_batches(len(y))
        try:
            history = self.train(x, y, weights, held_out, size, seed)
        finally:
            self._predictor = Predictor(self.net_)
        self.loss_curve_ = history.losses
        self.validation_loss_curve_ = history.validation_losses if held_out is not None else None
        self.n_iter_ = len(history.epochs)
        self.loss_ = history.losses[-1] if history.losses else math.nan
        self.best_loss_ = history.best.monitored if history.epochs else math.nan
        if history.stopped == "epochs":
            what = f"not converged after {self.n_iter_} iterations; more (max_iter) or a larger learning rate may help"
            warnings.warn(what, ConvergenceWarning, stacklevel=3)
        elif history.stopped == "interrupted":
            warnings.warn(f"interrupted after {self.n_iter_} iterations; this is the best so far", stacklevel=3)
        return self

    def train(self, x: Any, y: Any, weights: Any, held_out: Any, size: int, seed: int) -> History:
        """All epochs."""
        if self.solver == "lbfgs":
            optimizer = optim.LBFGS(max_iter=self.max_iter, tolerance=self.tol)
            cost = self.cost(None)
            return fit(self.net_, dense(x), y, objective=cost, optimizer=optimizer, weights=weights, seed=seed)
        no_change = NoChange(self.n_iter_no_change, self.tol)
        if hasattr(x, "toarray"):
            step = self.step(size, seed)
            loop = SparseLoop(step, (x, y, weights), held_out, self.max_iter, seed, None, 0.0, [no_change])
            return loop.run(bool(self.verbose), None)
        return fit(
            self.net_,
            x,
            y,
            objective=self.cost(size),
            optimizer=self.optimizer(),
            weights=weights,
            epochs=self.max_iter,
            batch_size=size,
            seed=seed,
            validation=held_out,
            callbacks=[no_change],
            progress=bool(self.verbose),
        )

    def learn_once(self, x: Any, y: Any, sample_weight: Any, is_first: bool) -> Self:
        """Fit for one epoch."""
        self.check_parameters()
        x, y, weights, seed = self.checked(x, y, sample_weight, is_first)
        if is_first:
            self.start(x, y, weights, seed)
            self.loss_curve_, self.n_iter_, self.best_loss_ = [], 0, math.inf
            self._batches = self._memory = None
        size = self.size_of_batches(len(y))
        batches = self._batches
        if batches is None or size > batches.step.batch_size:
            memory = self._memory if batches is None else batches.memory
            batches = self._batches = Batches(self.step(size, seed), x, y)
            if memory is not None:
                batches.memory = memory
        order = np.random.default_rng([seed, self.n_iter_]).permutation(len(y))
        try:
            self.loss_ = batches.learn(x, y, weights, order)
        finally:
            batches.step.finish()
            self._predictor = Predictor(self.net_)
        self.loss_curve_.append(self.loss_)
        self.best_loss_ = min(self.best_loss_, self.loss_)
        self.n_iter_ += 1
        return self

    def checked(self, x: Any, y: Any, sample_weight: Any, is_first: bool) -> tuple[Any, Any, Any, int]:
        """The data as numbers, and a seed."""
        x, y = validate_data(self, x, y, accept_sparse="csr", dtype=self.dtype, multi_output=True, reset=is_first)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, dtype=self.dtype, ensure_non_negative=True)
        y, weights = self.targets(y, weights, is_first)
        if weights is not None and not weights.any():
            raise ValueError("every sample has weight zero, so there is nothing to learn from")
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return x, y, weights, int(seed)

    def start(self, x: Any, y: np.ndarray[Any, Any], weights: Any, seed: int) -> None:
        """Make the network."""
        n_outputs = self.n_outputs_of_network(y)
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=int)).tolist()
        self.net_ = MLP(
            x.shape[1],
            [*hidden, n_outputs],
            ACTIVATIONS.get(self.activation, self.activation) if isinstance(self.activation, str) else self.activation,
            seed,
            dropout=self.dropout,
            layer_norm=self.layer_norm,
            dtype=self.dtype,
        )
        self.n_outputs_, self.n_layers_ = n_outputs, len(hidden) + 2
        bias = self.first_bias(y, weights)
        if bias is not None:
            self.net_.layers[-1].bias.data = np.asarray(bias, self.dtype).reshape(n_outputs)

    def divided(self, x: Any, y: Any, weights: Any, seed: int) -> tuple[Any, Any]:
        """The data to learn from, and those to validate with."""
        parts = train_test_split(
            np.arange(len(y)), test_size=self.validation_fraction, random_state=seed, stratify=self.strata(y)
        )
        if weights is not None and not all(weights[part].any() for part in parts):
            raise ValueError("early_stopping leaves no sample of positive weight on one side of the split")
        learned, held_out = ((x[i], y[i], None if weights is None else weights[i]) for i in map(np.sort, parts))
        return learned, held_out

    def size_of_batches(self, n: int) -> int:
        return min(200 if self.batch_size == "auto" else int(self.batch_size), n)

    def cost(self, batch_size: int | None) -> Cost:
        return Cost(self.loss_function(), self.n_outputs_to_add(), self.alpha, batch_size)

    def n_outputs_to_add(self) -> int:
        """Over how many outputs the loss is a mean, but should be a sum."""
        return self.n_outputs_

    def step(self, size: int, seed: int) -> Step:
        return Step(self.net_, self.cost(size), self.optimizer(), size, seed=seed)

    def optimizer(self) -> optim.Optimizer:
        rate = self.learning_rate_init
        if self.solver == "adam":
            return optim.Adam(lr=rate)
        if self.solver == "rmsprop":
            return optim.RMSprop(lr=rate)
        return optim.SGD(lr=rate, momentum=self.momentum, nesterov=self.nesterovs_momentum and self.momentum > 0.0)

    def check_parameters(self) -> None:
        """Raise ValueError if a parameter cannot be meant."""
        sizes = np.asarray(self.hidden_layer_sizes)
        rate = self.learning_rate_init
        wanted = {
            "hidden_layer_sizes": (
                sizes.ndim < 2 and all(is_int(size) for size in sizes.ravel().tolist()),
                "an int or a sequence of ints of at least 1",
            ),
            "solver": (self.solver in SOLVERS, f"one of {', '.join(SOLVERS)}"),
            "alpha": (is_number(self.alpha), "a number of at least 0"),
            "batch_size": (self.batch_size == "auto" or is_int(self.batch_size), "'auto' or an int of at least 1"),
            "learning_rate_init": (
                callable(rate) or is_number(rate, above=0.0),
                "a positive number, or a schedule of wengert.optim",
            ),
            "max_iter": (is_int(self.max_iter), "an int of at least 1"),
            "tol": (is_number(self.tol), "a number of at least 0"),
            "momentum": (is_number(self.momentum, below=1.0), "a number from 0 up to, and not including, 1"),
            "validation_fraction": (
                is_number(self.validation_fraction, above=0.0, below=1.0),
                "a number between 0 and 1",
            ),
            "n_iter_no_change": (is_int(self.n_iter_no_change), "an int of at least 1"),
            "dropout": (
                is_number(self.dropout, below=1.0) and not (self.dropout and self.solver == "lbfgs"),
                "a number from 0 up to, and not including, 1; and 0 for the solver lbfgs",
            ),
            "dtype": (self.dtype in ("float64", "float32", np.float64, np.float32), "float64 or float32"),
        }
        for name, (holds, what) in wanted.items():
            if not holds:
                raise ValueError(f"{name} must be {what}; got {getattr(self, name)!r}")
        try:
            activation_named(ACTIVATIONS.get(self.activation, self.activation))
        except (WengertError, TypeError) as error:
            raise ValueError(f"activation: {error}") from error

    # ---- predicting ----

    def outputs(self, x: Any) -> np.ndarray[Any, Any]:
        """What the network gives, (n,) or (n, n_outputs)."""
        check_is_fitted(self, "_predictor")
        x = validate_data(self, x, accept_sparse="csr", dtype=self.dtype, reset=False)
        if not hasattr(x, "toarray"):
            return np.asarray(self._predictor(x))
        starts = range(0, x.shape[0], MANY_ROWS)
        return np.concatenate([self._predictor(dense(x[start : start + MANY_ROWS])) for start in starts])

    @property
    def coefs_(self) -> list[np.ndarray[Any, Any]]:
        """Weights of each dense layer, (n_in, n_out)."""
        return [np.array(layer.weights.data) for layer in dense_layers(self.net_)]

    @property
    def intercepts_(self) -> list[np.ndarray[Any, Any]]:
        """Bias of each dense layer."""
        return [np.array(layer.bias.data) for layer in dense_layers(self.net_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> Any:
        """Without what is compiled; what the optimizer of `partial_fit` remembers stays."""
        state = super().__getstate__().copy()
        batches = state.get("_batches")
        if batches is not None:
            state["_memory"] = batches.memory
        if "net_" in state:
            state["_batches"] = state["_predictor"] = None
        return state

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        if "net_" in state:
            self._predictor = Predictor(self.net_)
