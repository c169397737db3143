"""Do networks, losses and descent compute what their formulas say?"""

import math
import random

import numpy as np
import pytest

import wengert as wg
from wengert import nn


def numbers(module):
    return [parameter.data for parameter in module.parameters()]


# ---- networks ----


def numpy_mlp(net, x, activation):
    """The same network in matrices."""
    for k, layer in enumerate(net.layers):
        weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
        x = weights @ x + [neuron.bias.data for neuron in layer.neurons]
        if k < len(net.layers) - 1:
            x = activation(x)
    return x


@pytest.mark.parametrize(
    ("name", "activation"), [("relu", lambda x: np.maximum(x, 0)), ("tanh", np.tanh), ("linear", lambda x: x)]
)
@pytest.mark.parametrize("sizes", [[1], [3], [4, 1], [5, 4, 3]])
def test_mlp_is_matrices_and_activations(name, activation, sizes):
    net = nn.MLP(3, sizes, activation=name, seed=7)
    x = [0.3, -1.2, 2.0]
    y = net(x)
    outputs = [y.data] if sizes[-1] == 1 else [output.data for output in y]
    np.testing.assert_allclose(outputs, numpy_mlp(net, np.array(x), activation), rtol=1e-13)
    assert len(net.parameters()) == sum((a + 1) * b for a, b in zip([3, *sizes], sizes, strict=False))


def test_seed_decides_the_weights():
    assert numbers(nn.MLP(2, [4, 1], seed=3)) == numbers(nn.MLP(2, [4, 1], seed=3))
    assert numbers(nn.MLP(2, [4, 1], seed=3)) != numbers(nn.MLP(2, [4, 1], seed=4))


@pytest.mark.parametrize(("activation", "spread"), [("relu", math.sqrt(2 / 100)), ("tanh", math.sqrt(2 / 150))])
def test_weights_have_the_stated_spread(activation, spread):
    layer = nn.Layer(100, 50, activation, random.Random(0))
    weights = [w.data for neuron in layer.neurons for w in neuron.weights]
    assert np.std(weights) == pytest.approx(spread, rel=0.03)  # 5000 draws: one standard error is 1 %
    assert all(neuron.bias.data == 0.0 for neuron in layer.neurons)


def test_activation_may_be_a_function():
    neuron = nn.Neuron(1, activation=lambda v: v * v)
    neuron.weights[0].data = 3.0
    assert neuron([2.0]).data == 36.0


def test_gradient_of_a_network_is_the_numerical_one():
    net = nn.MLP(2, [3, 2], activation="tanh", seed=1)

    def loss(parameters):
        for layer in net.layers:
            for neuron in layer.neurons:
                *neuron.weights, neuron.bias = (parameters.pop(0) for _ in range(len(neuron.weights) + 1))
        return nn.cross_entropy([net([0.5, -1.0]), net([1.5, 0.2])], [0, 1])

    wg.check_grad(lambda parameters: loss([*parameters]), numbers(net))


def test_zero_grad_reaches_every_parameter():
    net = nn.MLP(2, [3, 1], activation="tanh")
    net([1.0, 2.0]).backward()
    assert any(parameter.grad for parameter in net.parameters())
    net.zero_grad()
    assert not any(parameter.grad for parameter in net.parameters())


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.MLP(0, [1]), wg.ShapeError),
        (lambda: nn.MLP(2, []), wg.ShapeError),
        (lambda: nn.MLP(2, [3, 0]), wg.ShapeError),
        (lambda: nn.MLP(2, [1])([1.0]), wg.ShapeError),
        (lambda: nn.MLP(2, [1])([1.0, 2.0, 3.0]), wg.ShapeError),
        (lambda: nn.MLP(2, [1])([1.0, "2"]), wg.TracingError),
        (lambda: nn.Neuron(2, "softmax"), wg.WengertError),
        (lambda: nn.Neuron(2, "add"), wg.WengertError),
        (lambda: nn.Module().parameters(), NotImplementedError),
    ],
)
def test_bad_networks_are_refused(make, error):
    with pytest.raises(error):
        make()


# ---- losses ----

PREDICTIONS, TARGETS, SIGNS = [0.5, -2.0, 3.0], [1.0, -1.0, 0.5], [1, -1, -1]
LOGITS, LABELS = [[1.0, -0.5, 2.0], [0.0, 3.0, -1.0], [800.0, 0.0, -800.0]], [2, 0, 1]


def test_squared_loss():
    loss = nn.squared_loss([wg.Var(p) for p in PREDICTIONS], TARGETS)
    assert loss.data == pytest.approx(np.mean((np.array(PREDICTIONS) - TARGETS) ** 2), rel=1e-15)


def test_hinge_loss():
    loss = nn.hinge_loss([wg.Var(p) for p in PREDICTIONS], SIGNS)
    assert loss.data == pytest.approx(np.mean(np.maximum(0, 1 - np.array(SIGNS) * PREDICTIONS)), rel=1e-15)


def test_cross_entropy_and_its_gradient():
    """Softmax minus the true class, over the number of samples; logits of 800 do not overflow."""
    logits = [[wg.Var(x) for x in row] for row in LOGITS]
    loss = nn.cross_entropy(logits, LABELS)
    loss.backward()
    shifted = np.array(LOGITS) - np.max(LOGITS, axis=1, keepdims=True)
    softmax = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    assert loss.data == pytest.approx(-np.mean(log_softmax[range(3), LABELS]), rel=1e-14)
    gradient = [[x.grad for x in row] for row in logits]
    np.testing.assert_allclose(gradient, (softmax - np.eye(3)[LABELS]) / 3, atol=1e-15)


@pytest.mark.parametrize("loss", [nn.squared_loss, nn.hinge_loss, nn.cross_entropy])
@pytest.mark.parametrize(("predictions", "targets"), [([], []), ([[0.0]], [0, 0]), ([[0.0], [0.0]], [0])])
def test_losses_refuse_what_does_not_pair(loss, predictions, targets):
    with pytest.raises(wg.ShapeError, match=f"{len(targets)} and {len(predictions)}"):
        loss(predictions, targets)


@pytest.mark.parametrize("label", [-1, 3])
def test_cross_entropy_refuses_unknown_classes(label):
    with pytest.raises(wg.ShapeError, match=str(label)):
        nn.cross_entropy([LOGITS[0]], [label])


# ---- descent ----


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_follows_its_formula(momentum):
    x, y = wg.Var(2.0), wg.Var(-1.0)
    sgd = wg.optim.SGD([x, y], lr=0.1, momentum=momentum)
    point, velocity = np.array([2.0, -1.0]), np.zeros(2)
    for _ in range(20):
        sgd.zero_grad()
        (x * x + 3.0 * x * y + 2.0 * y * y).backward()
        sgd.step()
        velocity = momentum * velocity + [2 * point[0] + 3 * point[1], 3 * point[0] + 4 * point[1]]
        point = point - 0.1 * velocity
    assert [x.data, y.data] == pytest.approx(list(point), rel=1e-12)


@pytest.mark.parametrize("options", [{"lr": -1.0}, {"lr": math.nan}, {"lr": 0.1, "momentum": 1.0}])
def test_sgd_refuses_what_cannot_descend(options):
    with pytest.raises(wg.WengertError, match="SGD needs"):
        wg.optim.SGD([wg.Var(1.0)], **options)
    with pytest.raises(wg.WengertError, match="no parameters"):
        wg.optim.SGD([], lr=0.1)
