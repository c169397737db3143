"""What is a neural network, written with vars?

Layers, multilayer perceptrons and losses, to be read: a layer is an activation of a matrix product. All of it takes one
sample, (n_in,), or a batch, (n, n_in), at once or recorded. `wengert.training` has the loop around it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from wengert import random, special
from wengert._core import functions
from wengert._core.arrays import VarArray
from wengert._core.var import Var
from wengert.errors import ShapeError, WengertError
from wengert.numpy_rules.arguments import as_array, is_var, shape_of
from wengert.ops import OPS

Array = Any  # of numbers or of vars, or one of them, or a list of them
Activation = Callable[[Any], Any]
Initialiser = Callable[[np.random.Generator, int, int], np.ndarray[Any, Any]]
Key = tuple[int, Any]  # what decides random numbers: see `wengert.random.uniform`


# ---- layers ----


class Module:
    """A part of a network. Its parameters are its attributes that are arrays of vars, and those of its modules."""

    def parameters(self) -> list[VarArray]:
        """The arrays of vars to train, in the order in which the attributes were set."""
        return [getattr(module, name) for module, name in self.places()]

    def places(self) -> Iterator[tuple[Module, str]]:
        """Of each parameter: the module whose attribute it is, and the name."""
        for name, value in vars(self).items():
            if isinstance(value, VarArray):
                yield self, name
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, Module):
                    yield from part.places()

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def with_parameters(self, parameters: Iterable[Any]) -> Self:
        """The same network with other arrays, of numbers or vars, in the place of its parameters.

        So a network becomes a function of them, which can be differentiated and compiled.

        Examples
        --------
        >>> net = wg.nn.MLP(2, [3, 1])
        >>> gradients = wg.grad(lambda p: net.with_parameters(p)([1.0, -1.0]))([p.data for p in net.parameters()])
        >>> [gradient.shape for gradient in gradients]
        [(2, 3), (3,), (3, 1), (1,)]
        """
        memo: dict[int, Any] = {}
        for (module, name), array in zip(self.places(), parameters, strict=True):
            memo[id(getattr(module, name))] = array
        return copy.deepcopy(self, memo)


class Dense(Module):
    """An activation of ``x @ weights + bias``.

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of outputs ("neurons").
    activation : str or callable, default "linear"
        Name of a unary op of `wengert.ops`, or a function of an array of vars.
    initialiser : callable, optional
        What draws the weights: `he` before "relu" and the like, else `glorot`; or any function of a generator, n_in and
        n_out. The bias starts at zero.
    rng, dtype : numpy.random.Generator and dtype, optional
        Source of the weights, by default ``numpy.random.default_rng(0)``; type of the parameters, float64 or float32.

    Examples
    --------
    >>> layer = wg.nn.Dense(2, 1)
    >>> layer.weights.data, layer.bias.data = [[3.0], [-1.0]], [0.5]
    >>> layer([1.0, 2.0]).data, layer(np.ones((4, 2))).shape
    (array([1.5]), (4, 1))
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: str | Activation = "linear",
        initialiser: Initialiser | None = None,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        if min(n_in, n_out) < 1:
            raise ShapeError(f"a layer needs at least one input and one output, but got {n_in} and {n_out}")
        self.activation = activation_named(activation)
        initialiser = initialiser or (he if activation in RECTIFIERS else glorot)
        self.weights = Var(initialiser(rng or np.random.default_rng(0), n_in, n_out).astype(dtype))
        self.bias = Var(np.zeros(n_out, dtype))

    def __call__(self, x: Array) -> Any:
        """Outputs (..., n_out) for inputs (..., n_in)."""
        x, n_in = as_array(x), shape_of(self.weights)[0]
        if shape_of(x)[-1:] != (n_in,):
            raise ShapeError(f"this layer takes {n_in} inputs, but got an array of shape {shape_of(x)}")
        return self.activation(np.matmul(x, self.weights) + self.bias)


class LayerNorm(Module):
    """Each sample shifted and scaled to mean 0 and variance 1, then to what is learned (Ba, Kiros & Hinton 2016).

    Parameters
    ----------
    n : int
        Length of the last axis.
    eps : float, default 1e-5
        Added to the variance, so that equal numbers can be scaled; PyTorch's.
    """

    def __init__(self, n: int, eps: float = 1e-5, dtype: Any = np.float64) -> None:
        self.scale, self.shift, self.eps = Var(np.ones(n, dtype)), Var(np.zeros(n, dtype)), eps

    def __call__(self, x: Array) -> Any:
        """The same shape, (..., n)."""
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return self.scale * (centred / np.sqrt(variance + self.eps)) + self.shift


class Dropout(Module):
    """While training, numbers are zero with probability `rate`, the others scaled up (Srivastava et al. 2014).

    Parameters
    ----------
    rate : float
        From 0 up to, and not including, 1.
    stream : int, default 0
        Layers of different streams draw different numbers.
    """

    def __init__(self, rate: float, stream: int = 0) -> None:
        if not 0.0 <= rate < 1.0:
            raise WengertError(f"a rate of dropout is at least 0 and below 1, got {rate!r}")
        self.rate, self.stream = rate, stream

    def __call__(self, x: Array, key: Key | None = None) -> Any:
        """The same shape; without `key`, which is for use rather than training, the same numbers."""
        if key is None or not self.rate:
            return x
        noise = random.uniform(key, shape_of(x), stream=self.stream)
        return np.where(noise >= self.rate, x / (1.0 - self.rate), 0.0)


class MLP(Module):
    """Multilayer perceptron: dense layers one after the other, the last one linear.

    Parameters
    ----------
    n_in : int
    n_outs : sequence of int
        Number of outputs of each layer.
    activation : str or callable, default "relu"
        Of every layer but the last; as for `Dense`.
    seed : int, default 0
        Of the weights; the same seed gives the same network.
    dropout, layer_norm : float and bool, default 0.0 and False
        After each layer but the last: the rate of a `Dropout`, and whether there is a `LayerNorm`.
    initialiser, dtype
        As for `Dense`.

    Examples
    --------
    >>> net = wg.nn.MLP(2, [16, 16, 1], activation="tanh")
    >>> sum(p.size for p in net.parameters())
    337
    >>> one, two = net([0.5, -1.0]), net([[0.5, -1.0], [2.0, 3.0]])
    >>> one.shape, two.shape, bool(abs(one.data - two.data[0]) < 1e-14)
    ((), (2,), True)
    """

    def __init__(
        self,
        n_in: int,
        n_outs: Sequence[int],
        activation: str | Activation = "relu",
        seed: int = 0,
        *,
        dropout: float = 0.0,
        layer_norm: bool = False,
        initialiser: Initialiser | None = None,
        dtype: Any = np.float64,
    ) -> None:
        if not n_outs:
            raise ShapeError("a network needs at least one layer, but got no numbers of outputs")
        activation_named(activation)  # which may be refused, also if no layer has it
        rng = np.random.default_rng(seed)
        self.layers: list[Any] = []
        for k, (size, width) in enumerate(zip([n_in, *n_outs], n_outs, strict=False)):
            is_last = k == len(n_outs) - 1
            self.layers.append(Dense(size, width, "linear" if is_last else activation, initialiser, rng, dtype))
            if layer_norm and not is_last:
                self.layers.append(LayerNorm(width, dtype=dtype))
            if dropout and not is_last:
                self.layers.append(Dropout(dropout, stream=k))
        self.has_one_output = n_outs[-1] == 1

    def __call__(self, x: Array, key: Key | None = None) -> Any:
        """Outputs (..., n_out) for inputs (..., n_in); (...) if there is one. `key` is for dropout, while training."""
        for layer in self.layers:
            x = layer(x, key) if isinstance(layer, Dropout) else layer(x)
        return x[..., 0] if self.has_one_output else x


# ---- how activations are named, and weights drawn ----

RECTIFIERS = ("relu", "silu", "gelu", "softplus")


def linear(x: Any) -> Any:
    """The activation that does nothing."""
    return x


def activation_named(activation: str | Activation) -> Activation:
    if callable(activation):
        return activation
    if activation == "linear":
        return linear
    if activation not in OPS or OPS[activation].arity - len(OPS[activation].defaults) != 1:
        raise WengertError(f"there is no activation {activation!r}; give 'linear', a unary op's name or a function")
    return getattr(functions, activation)  # type: ignore[no-any-return]


def he(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Normal with variance ``2 / n_in`` (He et al., "Delving deep into rectifiers", 2015), (n_in, n_out)."""
    return rng.normal(0.0, math.sqrt(2.0 / n_in), (n_in, n_out))


def glorot(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Uniform in +-``sqrt(6 / (n_in + n_out))`` (Glorot & Bengio, "Understanding the difficulty...", 2010)."""
    bound = math.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_in, n_out))


def orthogonal(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray[Any, Any]:
    """Orthonormal rows or columns, evenly distributed: Q of a normal matrix (Saxe, McClelland & Ganguli 2014)."""
    q, r = np.linalg.qr(rng.normal(size=(max(n_in, n_out), min(n_in, n_out))))
    q *= np.sign(np.diagonal(r))  # or Q is not evenly distributed (Mezzadri 2007)
    return q if n_in >= n_out else q.T


# ---- losses: the mean over samples, weighted if one likes, of what each sample costs ----


def squared_loss(predictions: Array, targets: Array, weights: Array = None) -> Any:
    """Mean of ``(prediction - target)**2``.

    Parameters
    ----------
    predictions, targets : array_like or vars, shape (n,) or (n, n_out)
    weights : array_like, shape (n,), optional
        Of the samples: one with weight 2 counts as if it were there twice.

    Examples
    --------
    >>> wg.nn.squared_loss([wg.Var(1.0), wg.Var(3.0)], [0.0, 1.0]).data
    2.5
    """
    error = difference(predictions, targets)
    return mean(error * error, weights)


def absolute_loss(predictions: Array, targets: Array, weights: Array = None) -> Any:
    """Mean of ``|prediction - target|``; arguments as for `squared_loss`."""
    return mean(np.abs(difference(predictions, targets)), weights)


def huber_loss(predictions: Array, targets: Array, weights: Array = None, delta: float = 1.0) -> Any:
    """Mean of ``e**2 / 2`` for errors up to `delta`, beyond it ``delta * (|e| - delta / 2)`` (Huber 1964)."""
    size = np.abs(difference(predictions, targets))
    near = np.minimum(size, delta)
    return mean(near * (size - 0.5 * near), weights)


def quantile_loss(predictions: Array, targets: Array, weights: Array = None, q: float | Sequence[float] = 0.5) -> Any:
    """Mean of ``max(q * e, (q - 1) * e)`` with ``e = target - prediction`` (Koenker & Bassett 1978).

    For several quantiles, `q` is a sequence and predictions (n, len(q)) are held against targets (n,).
    """
    level = np.asarray(q, np.float64)
    targets = np.expand_dims(as_array(targets), -1) * np.ones(level.shape) if level.ndim else targets
    error = -difference(predictions, targets)
    return mean(np.maximum(level * error, (level - 1.0) * error), weights)


def hinge_loss(scores: Array, labels: Array, weights: Array = None) -> Any:
    """Mean of ``max(0, 1 - label * score)``, for labels -1 and 1 (Rosasco et al. 2004)."""
    scores, labels = pair(scores, labels)
    return mean(functions.relu(1.0 - labels * scores), weights)


def cross_entropy(logits: Array, labels: Array, weights: Array = None, class_weights: Array = None) -> Any:
    """Mean of minus the log of the softmax probability of the true class.

    Parameters
    ----------
    logits : array_like or vars, shape (n, n_classes)
    labels : array_like of int, shape (n,)
        Numbers of the classes, from 0.
    weights, class_weights : array_like, shapes (n,) and (n_classes,), optional
        Of samples and of classes.

    Raises
    ------
    ShapeError
        If a label is not the number of a class.

    Notes
    -----
    ``logsumexp(logits) - logits[label]``, which neither overflows nor takes the log of zero.

    Examples
    --------
    >>> round(wg.nn.cross_entropy([[wg.Var(0.0), wg.Var(0.0)]], [1]).data, 6)
    0.693147
    """
    logits, labels = as_array(logits), as_array(labels)
    check_lengths(logits, labels)
    n_classes = shape_of(logits)[-1]
    if not is_var(labels):
        for label in np.unique(labels):
            if not (0 <= label < n_classes and label == int(label)):
                raise ShapeError(f"label {label} is not a class of 0 to {n_classes - 1}")
        labels = labels.astype(np.intp)
    costs = special.logsumexp(logits, axis=-1) - np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    if class_weights is not None:
        of_samples = np.take_along_axis(as_array(class_weights), labels, 0)
        weights = of_samples if weights is None else of_samples * as_array(weights)
    return mean(costs, weights)


def binary_cross_entropy(logits: Array, labels: Array, weights: Array = None) -> Any:
    """Mean of ``log(1 + exp(x)) - label * x``: minus the log probability of labels 0, 1 if x is the log-odds of 1."""
    logits, labels = pair(logits, labels)
    return mean(functions.softplus(logits) - labels * logits, weights)


def poisson_loss(log_rates: Array, counts: Array, weights: Array = None) -> Any:
    """Mean of ``exp(x) - count * x``: minus the log probability of counts, up to what does not depend on x."""
    log_rates, counts = pair(log_rates, counts)
    return mean(np.exp(log_rates) - counts * log_rates, weights)


def gaussian_loss(predictions: Array, targets: Array, weights: Array = None) -> Any:
    """Mean of ``(log v + (target - m)**2 / v) / 2`` for predictions (..., 2) of m and log v (Nix & Weigend 1994)."""
    means, log_variances = predictions[..., 0], predictions[..., 1]
    error = difference(means, targets)
    return mean(0.5 * (log_variances + error * error * np.exp(-log_variances)), weights)


def pair(predictions: Array, targets: Array) -> tuple[Any, Any]:
    """Both as arrays of one shape."""
    predictions, targets = as_array(predictions), as_array(targets)
    check_lengths(predictions, targets)
    if shape_of(predictions) != shape_of(targets):
        raise ShapeError(f"targets of shape {shape_of(targets)} do not fit predictions of {shape_of(predictions)}")
    return predictions, targets


def check_lengths(predictions: Any, targets: Any) -> None:
    n_predictions, n_targets = ((*shape_of(x), 1)[0] for x in (predictions, targets))
    if len(shape_of(targets)) and (n_predictions != n_targets or not n_targets):
        raise ShapeError(f"a loss needs as many targets as predictions, but got {n_targets} and {n_predictions}")


def difference(predictions: Array, targets: Array) -> Any:
    predictions, targets = pair(predictions, targets)
    return predictions - targets


def mean(costs: Any, weights: Array) -> Any:
    """Mean over the samples, which are the first axis."""
    if weights is None:
        return np.mean(costs)
    weights = as_array(weights)
    if len(shape_of(costs)) > 1:
        costs = np.mean(costs, axis=tuple(range(1, len(shape_of(costs)))))
    return np.sum(weights * costs) / np.sum(weights)
