"""How does a network tell classes apart, in scikit-learn's words?"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from wengert import nn
from wengert.sklearn.base import BaseMLP, Loss, is_number


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """Classifier with a multilayer perceptron, for labels or sets of labels.

    It minimizes the cross-entropy. Inputs are taken as they are: put a `StandardScaler` before it.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Neurons of each layer but the last; ``()`` is logistic regression.
    activation : str or callable, default "relu"
        Scikit-learn's "identity", "logistic", "tanh" and "relu", or as for `wengert.nn.Dense`, such as "gelu".
    solver : {"adam", "sgd", "rmsprop", "lbfgs"}, default "adam"
        See `wengert.optim`. "lbfgs" takes all samples at once, and suits small data.
    alpha : float, default 1e-4
        Weight decay: ``alpha / 2`` times the sum of squared weights, over the samples of a batch, is added to the loss.
    batch_size : int or "auto", default "auto"
        Samples of a step; "auto" is 200. Not for "lbfgs".
    learning_rate_init : float or callable, default 1e-3
        Or a schedule, such as `wengert.optim.cosine`. Not for "lbfgs".
    max_iter : int, default 200
        Passes over the data, at most; for "lbfgs", iterations.
    random_state : int, RandomState or None, default None
        Of the weights, the order of samples, the dropout and the validation data.
    tol, n_iter_no_change : float, default 1e-4; int, default 10
        It ends after more than so many passes in a row that did not make the loss less than the least before, minus
        `tol`; "lbfgs", where no element of the gradient is larger than `tol`.
    verbose : bool, default False
        Whether to show a progress bar, which needs tqdm.
    warm_start : bool, default False
        Whether `fit` begins where the last one ended.
    momentum, nesterovs_momentum : float, default 0.9; bool, default True
        For "sgd".
    early_stopping, validation_fraction : bool, default False; float, default 0.1
        Whether to hold out a part of the data, look at its loss in the place of that of all, and keep the network with
        the least. Not for "lbfgs".
    class_weight : {None, "balanced"} or dict, default None
        Weights of classes: "balanced" gives each the same sum; classes that a dict does not name have weight 1. Not for
        sets of labels.
    dropout : float, default 0.0
        See `wengert.nn.MLP`. Not for "lbfgs".
    layer_norm : bool, default False
        See `wengert.nn.MLP`.
    dtype : {"float64", "float32"}, default "float64"
        Of all that is computed. With "float32" large networks train twice as fast.

    Attributes
    ----------
    classes_ : ndarray
        Labels; for sets of labels, the numbers of their columns.
    net_ : wengert.nn.MLP
        The network, for use with the rest of wengert. To predict after its parameters were changed by hand, make a
        `wengert.training.Predictor` of it.
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and bias of each dense layer.
    loss_curve_, loss_, best_loss_ : list of float, float, float
        Loss in each pass, the last, and the least (with early stopping, of the validation data).
    validation_loss_curve_ : list of float or None
    n_iter_, n_outputs_, n_layers_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If a parameter or the data cannot be meant.
    NonFiniteError
        If the loss becomes infinite or NaN.

    Notes
    -----
    Sparse X is never dense as a whole but for "lbfgs": it is copied batch by batch, and predicted block by block. That
    saves memory, not time: a batch is multiplied as a dense matrix.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from wengert.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(solver="lbfgs", alpha=1.0, random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
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
        class_weight: Any = None,
        dropout: float = 0.0,
        layer_norm: bool = False,
        dtype: Any = "float64",
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init, max_iter, random_state, tol,
            verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, n_iter_no_change,
            dropout, layer_norm, dtype,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803  (scikit-learn's name)
        """Learn.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)
        y : array_like, shape (n,) or (n, n_labels)
            Labels; or of each label 1 if the sample has it, else 0.
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        MLPClassifier
            Itself.
        """
        is_first = not (self.warm_start and hasattr(self, "net_"))
        if is_first:
            self._given_classes: Any = None
        return self.learn(X, y, sample_weight, is_first)

    @available_if(lambda self: self.solver != "lbfgs")  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Learn more: one pass over some data.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like, optional
            All labels that there are; needed in the first call, unless y are sets of labels.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        is_first = not hasattr(self, "net_")
        if is_first:
            is_multilabel = type_of_target(y).startswith("multilabel")
            if classes is None and not is_multilabel:
                raise ValueError("the first call of partial_fit needs classes=, all labels that there are")
            self._given_classes = None if is_multilabel else np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} is not what the first call was given: {self.classes_}")
        if isinstance(self.class_weight, str):
            raise ValueError("partial_fit sees no class as a whole: for class_weight='balanced', give a dict instead")
        return self.learn_once(X, y, sample_weight, is_first)

    # ---- what y means ----

    def targets(self, y: Any, weights: Any, is_first: bool) -> tuple[np.ndarray[Any, Any], Any]:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        is_multilabel = kind.startswith("multilabel")
        if kind == "multiclass-multioutput":
            raise ValueError("y has several columns that are no 0 and 1: fit one classifier to each column")
        if is_first:
            self.multilabel_ = is_multilabel
        elif is_multilabel != self.multilabel_:
            raise ValueError("y was one label per sample before and is sets of labels now, or the other way round")
        if is_multilabel:
            return self.targets_of_sets(y, weights, is_first)
        y = column_or_1d(y, warn=True)
        if is_first:
            self.classes_ = np.unique(y) if self._given_classes is None else self._given_classes
            if len(self.classes_) < 2:
                raise ValueError(f"y has one class only, {self.classes_[0]!r}; a classifier needs at least two")
        codes = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = self.classes_[codes] != y
        if unknown.any():
            raise ValueError(f"y has classes that were not there before: {np.unique(y[unknown])}")
        return codes.astype(np.int64), self.weighted(codes, weights)

    def targets_of_sets(self, y: Any, weights: Any, is_first: bool) -> tuple[np.ndarray[Any, Any], Any]:
        """The same for sets of labels."""
        if self.class_weight is not None:
            raise ValueError("class_weight is for one label per sample; for sets of labels, give sample_weight")
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y, dtype=self.dtype)
        if is_first:
            self.classes_ = np.arange(y.shape[1])
        elif y.shape[1] != len(self.classes_):
            raise ValueError(f"y has {y.shape[1]} labels, but had {len(self.classes_)} before")
        return y, weights

    def weighted(self, codes: np.ndarray[Any, Any], weights: Any) -> Any:
        """Weights of the samples, by their own and those of their classes."""
        if self.class_weight is None:
            return weights
        n_classes = len(self.classes_)
        weights = np.ones(len(codes), self.dtype) if weights is None else weights
        if isinstance(self.class_weight, dict):
            unknown = [c for c in self.class_weight if c not in self.classes_.tolist()]
            if unknown:
                raise ValueError(f"class_weight names classes that y does not have: {unknown}")
            if not all(is_number(weight) for weight in self.class_weight.values()):
                raise ValueError(f"weights of classes must be numbers of at least 0; got {self.class_weight}")
            of_classes = np.array([self.class_weight.get(c, 1.0) for c in self.classes_.tolist()])
        elif isinstance(self.class_weight, str) and self.class_weight == "balanced":
            sums = np.bincount(codes, weights, n_classes)
            of_classes = np.divide(sums.sum(), n_classes * sums, where=sums > 0.0, out=np.zeros(n_classes))
        else:
            raise ValueError(f"class_weight must be None, 'balanced' or a dict; got {self.class_weight!r}")
        return (weights * of_classes[codes]).astype(self.dtype)

    def loss_function(self) -> Loss:
        return nn.binary_cross_entropy if self.multilabel_ or self.n_outputs_ == 1 else nn.cross_entropy

    def n_outputs_to_add(self) -> int:
        return self.n_outputs_ if self.multilabel_ else 1

    def n_outputs_of_network(self, y: np.ndarray[Any, Any]) -> int:
        return 1 if len(self.classes_) == 2 and not self.multilabel_ else len(self.classes_)

    def strata(self, y: np.ndarray[Any, Any]) -> Any:
        return None if self.multilabel_ else y

    # ---- predicting ----

    def decision_function(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """Logits: of two classes the log-odds of the second, else what softmax, or for sets sigmoid, is taken of.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,) or (n, n_classes)
        """
        return self.outputs(X)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """Labels of samples; of sets of labels, 0 and 1.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n,) or (n, n_labels)
        """
        logits = self.outputs(X)
        if self.multilabel_:
            return (logits > 0.0).astype(int)
        chosen = np.argmax(logits, axis=1) if logits.ndim > 1 else (logits > 0.0).astype(int)
        return np.asarray(self.classes_[chosen])

    def predict_proba(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """Probabilities of the classes, or of each label.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n, n_classes)
        """
        return self.of_logits(self.outputs(X), expit, softmax)

    def predict_log_proba(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """Logarithms of the probabilities, which do not underflow.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n, n_classes)
        """
        return self.of_logits(self.outputs(X), log_expit, log_softmax)

    def of_logits(self, logits: np.ndarray[Any, Any], of_each: Any, of_all: Any) -> np.ndarray[Any, Any]:
        """A function of each by itself, or of all classes."""
        if self.multilabel_:
            return np.asarray(of_each(logits))
        if logits.ndim > 1:
            return np.asarray(of_all(logits, axis=1))
        return np.stack([of_each(-logits), of_each(logits)], axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
