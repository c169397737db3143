"""What is a neural network, written with vars?

Neurons, layers and multilayer perceptrons for one sample at a time, and the losses to train them with. It is meant to
be read: a layer is a list of neurons, a neuron is a weighted sum and an activation.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wengert._core import functions
from wengert._core.var import Var
from wengert.errors import ShapeError, WengertError
from wengert.ops import OPS

Number = float | Var
Activation = Callable[[Any], Any]


class Module:
    """Something with parameters."""

    def parameters(self) -> list[Var]:
        """The vars to train, in a fixed order."""
        raise NotImplementedError(f"{type(self).__name__} must say what its parameters are")

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters():
            parameter.zero_grad()


class Neuron(Module):
    """An activation of a weighted sum of the inputs plus a bias.

    Parameters
    ----------
    n_in : int
        Number of inputs.
    activation : str or callable, default "relu"
        Name of a unary op of `wengert.ops`, "linear", or a function of a var.
    spread : float, optional
        Standard deviation of the normal distribution that the weights are drawn from. By default
        ``sqrt(2 / n_in)`` (He et al., "Delving deep into rectifiers", 2015). The bias starts at zero.
    rng : random.Random, optional
        Source of the weights, by default ``random.Random(0)``.

    Examples
    --------
    >>> neuron = wg.nn.Neuron(2, activation="linear")
    >>> neuron.weights[0].data, neuron.weights[1].data, neuron.bias.data = 3.0, -1.0, 0.5
    >>> neuron([1.0, 2.0]).data
    1.5
    """

    def __init__(
        self,
        n_in: int,
        activation: str | Activation = "relu",
        spread: float | None = None,
        rng: random.Random | None = None,
    ) -> None:
        rng = rng or random.Random(0)
        if spread is None:
            spread = math.sqrt(2 / n_in) if n_in else 0.0
        self.weights = [Var(rng.gauss(0.0, spread)) for _ in range(n_in)]
        self.bias = Var(0.0)
        self.activation = activation_named(activation)

    def __call__(self, x: Sequence[Number]) -> Var:
        """Output for one sample: `n_in` numbers or vars in, one var out."""
        if len(x) != len(self.weights):
            raise ShapeError(f"this neuron takes {len(self.weights)} inputs, but got {len(x)}")
        total = self.bias
        for weight, number in zip(self.weights, x, strict=True):
            total = total + weight * number
        return self.activation(total)  # type: ignore[no-any-return]

    def parameters(self) -> list[Var]:
        return [*self.weights, self.bias]


class Layer(Module):
    """Neurons side by side.

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of neurons.
    activation, rng
        As for `Neuron`. With "relu" the weights have the spread of He et al., else ``sqrt(2 / (n_in + n_out))``
        (Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010).

    Examples
    --------
    >>> len(wg.nn.Layer(3, 2).parameters()), len(wg.nn.Layer(3, 2)([1.0, 2.0, 3.0]))
    (8, 2)
    """

    def __init__(
        self, n_in: int, n_out: int, activation: str | Activation = "relu", rng: random.Random | None = None
    ) -> None:
        rng = rng or random.Random(0)
        spread = None if activation == "relu" else math.sqrt(2 / (n_in + n_out))
        self.neurons = [Neuron(n_in, activation, spread, rng) for _ in range(n_out)]

    def __call__(self, x: Sequence[Number]) -> list[Var]:
        """Outputs for one sample: `n_in` numbers or vars in, a list of `n_out` vars out."""
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Var]:
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]


class MLP(Module):
    """Multilayer perceptron: layers one after the other, the last one linear.

    Parameters
    ----------
    n_in : int
        Number of inputs.
    n_outs : sequence of int
        Number of neurons of each layer.
    activation : str or callable, default "relu"
        Of every layer but the last; as for `Neuron`.
    seed : int, default 0
        Seed of the weights; the same seed gives the same network.

    Examples
    --------
    >>> net = wg.nn.MLP(2, [16, 16, 1], activation="tanh")
    >>> len(net.parameters())
    337
    >>> net([0.5, -1.0]).data == wg.nn.MLP(2, [16, 16, 1], activation="tanh")([0.5, -1.0]).data
    True
    """

    def __init__(self, n_in: int, n_outs: Sequence[int], activation: str | Activation = "relu", seed: int = 0) -> None:
        if not n_outs or min(n_in, *n_outs) < 1:
            raise ShapeError(f"every layer needs at least one neuron and one input, but got {n_in} and {list(n_outs)}")
        rng = random.Random(seed)
        sizes = [n_in, *n_outs]
        activations = [activation] * (len(n_outs) - 1) + ["linear"]
        self.layers = [Layer(a, b, kind, rng) for a, b, kind in zip(sizes, n_outs, activations, strict=False)]

    def __call__(self, x: Sequence[Number]) -> Any:
        """Output for one sample: a var, or a list of vars if the last layer has more than one neuron."""
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Var]:
        return [parameter for layer in self.layers for parameter in layer.parameters()]


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


# ---- losses: the mean over samples of what each sample costs ----


def squared_loss(predictions: Sequence[Any], targets: Sequence[float]) -> Any:
    """Mean of ``(prediction - target)**2``.

    Parameters
    ----------
    predictions : sequence of Var
    targets : sequence of float
        As many.

    Returns
    -------
    Var

    Examples
    --------
    >>> wg.nn.squared_loss([wg.Var(1.0), wg.Var(3.0)], [0.0, 1.0]).data
    2.5
    """
    return mean((prediction - target) ** 2 for prediction, target in pairs(predictions, targets))


def hinge_loss(scores: Sequence[Any], labels: Sequence[float]) -> Any:
    """Mean of ``max(0, 1 - label * score)`` (Rosasco et al. 2004).

    Parameters
    ----------
    scores : sequence of Var
    labels : sequence of {-1, 1}
        As many.

    Returns
    -------
    Var

    Examples
    --------
    >>> wg.nn.hinge_loss([wg.Var(0.5), wg.Var(2.0)], [1, 1]).data
    0.25
    """
    return mean(functions.relu(1 - label * score) for score, label in pairs(scores, labels))


def cross_entropy(logits: Sequence[Sequence[Any]], labels: Sequence[int]) -> Any:
    """Mean of minus the log of the softmax probability of the true class.

    Parameters
    ----------
    logits : sequence of sequence of Var
        For each sample, one per class.
    labels : sequence of int
        For each sample, the number of its class, from 0.

    Returns
    -------
    Var

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
    costs = []
    for row, label in pairs(logits, labels):
        if not 0 <= label < len(row):
            raise ShapeError(f"label {label} is not a class of 0 to {len(row) - 1}")
        costs.append(functools.reduce(functions.logaddexp, row) - row[label])
    return mean(costs)


def pairs(predictions: Sequence[Any], targets: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    if len(predictions) != len(targets) or not len(targets):
        raise ShapeError(f"a loss needs as many targets as predictions, but got {len(targets)} and {len(predictions)}")
    return zip(predictions, targets, strict=True)


def mean(costs: Iterable[Any]) -> Any:
    """Mean of some vars, without a node for a first zero."""
    terms = list(costs)
    return functools.reduce(functions.add, terms) / len(terms)
