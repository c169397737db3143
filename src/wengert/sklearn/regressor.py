"""How does a network predict numbers, in scikit-learn's words?"""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from wengert import nn
from wengert.sklearn.base import BaseMLP, Loss, is_number

LOSSES = ("squared_error", "absolute_error", "huber", "poisson", "quantile")


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """Regressor with a multilayer perceptron, for one or several numbers per sample.

    Inputs and targets are taken as they are: put a `StandardScaler` before it, and if the spread of the targets is far
    from 1, a `TransformedTargetRegressor` around it.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter, random_state, tol, verbose,
    warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, n_iter_no_change, dropout,
    layer_norm, dtype
        As for `MLPClassifier`.
    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default "squared_error"
        Half the square, the absolute value or Huber's function of the error; the negative log-likelihood of counts,
        whose expected value is the exponential of what the network gives; or what is least at a quantile. With several
        targets, the sum over them.
    quantile : float, default 0.5
        Which, for the loss "quantile".
    delta : float, default 1.0
        Up to which error the loss "huber" is quadratic.

    Attributes
    ----------
    net_, coefs_, intercepts_, loss_curve_, loss_, best_loss_, validation_loss_curve_, n_iter_, n_outputs_, n_layers_,
    n_features_in_, feature_names_in_
        As for `MLPClassifier`.

    Raises
    ------
    ValueError
        If a parameter or the data cannot be meant.
    NonFiniteError
        If the loss becomes infinite or NaN.

    Notes
    -----
    The bias of the last layer begins where a constant prediction has the least loss: at the mean of the targets, its
    logarithm, or a quantile.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from wengert.sklearn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> upper = MLPRegressor((16,), loss="quantile", quantile=0.9, solver="lbfgs", max_iter=50, random_state=0)
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):  # 50 iterations are few
    ...     above = y > upper.fit(X, y).predict(X)
    >>> 0.05 < float(above.mean()) < 0.15
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: str = "squared_error",
        quantile: float = 0.5,
        delta: float = 1.0,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate_init: Any = 1e-3,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dropout: float = 0.0,
        layer_norm: bool = False,
        dtype: Any = "float64",
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter, random_state, tol,
            verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, n_iter_no_change,
            dropout, layer_norm, dtype,
        )  # fmt: skip
        self.loss = loss
        self.quantile = quantile
        self.delta = delta

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803  (scikit-learn's name)
        """Learn.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)
        y : array_like, shape (n,) or (n, n_outputs)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self.learn(X, y, sample_weight, not (self.warm_start and hasattr(self, "net_")))

    @available_if(lambda self: self.solver != "lbfgs")  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Learn more: one pass over some data.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self.learn_once(X, y, sample_weight, not hasattr(self, "net_"))

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """Numbers for samples.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,) or (n, n_outputs)
        """
        outputs = self.outputs(X)
        return np.exp(outputs) if self.loss == "poisson" else outputs

    # ---- what y means ----

    def check_parameters(self) -> None:
        super().check_parameters()
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        if not is_number(self.quantile, above=0.0, below=1.0):
            raise ValueError(f"quantile must be a number between 0 and 1; got {self.quantile!r}")
        if not is_number(self.delta, above=0.0):
            raise ValueError(f"delta must be a positive number; got {self.delta!r}")

    def targets(self, y: Any, weights: Any, is_first: bool) -> tuple[np.ndarray[Any, Any], Any]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        with np.errstate(over="ignore"):  # see below
            y = np.asarray(y, self.dtype)
        if not is_first and self.n_outputs_of_network(y) != self.n_outputs_:
            raise ValueError(f"y has {self.n_outputs_of_network(y)} columns, but had {self.n_outputs_} before")
        if not np.isfinite(y).all():
            raise ValueError(f"y holds numbers that are infinite in {self.dtype}")
        if self.loss == "poisson" and not ((y >= 0.0).all() and (y > 0.0).any(axis=0).all()):
            raise ValueError("the loss 'poisson' is for counts: no target may be negative, and some must be positive")
        return y, weights

    def loss_function(self) -> Loss:
        of_name: dict[str, Loss] = {
            "squared_error": lambda *pair: 0.5 * nn.squared_loss(*pair),
            "absolute_error": nn.absolute_loss,
            "huber": partial(nn.huber_loss, delta=self.delta),
            "poisson": nn.poisson_loss,
            "quantile": partial(nn.quantile_loss, q=self.quantile),
        }
        return of_name[self.loss]

    def n_outputs_of_network(self, y: np.ndarray[Any, Any]) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def first_bias(self, y: np.ndarray[Any, Any], weights: Any) -> Any:
        if self.loss in ("squared_error", "poisson"):
            mean = np.average(y, axis=0, weights=weights)
            return np.log(np.maximum(mean, np.finfo(y.dtype).tiny)) if self.loss == "poisson" else mean
        level = self.quantile if self.loss == "quantile" else 0.5
        return [weighted_quantile(column, weights, level) for column in y.reshape(len(y), -1).T]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def weighted_quantile(y: np.ndarray[Any, Any], weights: Any, level: float) -> Any:
    """The least of some numbers such that it and those below it have this part of all weight."""
    order = np.argsort(y)
    sums = np.cumsum(np.ones(len(y)) if weights is None else weights[order], dtype=np.float64)
    return y[order][np.searchsorted(sums, level * sums[-1])]
