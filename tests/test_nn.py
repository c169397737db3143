"""Do networks and losses compute what their formulas say, one sample or many, at once or compiled?"""

import math

import numpy as np
import pytest

import wengert as wg
from wengert import nn


def numbers(module):
    return [parameter.data for parameter in module.parameters()]


def value_of(x):
    return x.data if hasattr(x, "data") and not isinstance(x, np.ndarray) else x


# ---- networks ----

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "linear": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def numpy_mlp(net, x, activation):
    """The same network in matrices."""
    for k, layer in enumerate(net.layers):
        x = x @ layer.weights.data + layer.bias.data
        if k < len(net.layers) - 1:
            x = activation(x)
    return x[..., 0] if x.shape[-1] == 1 else x


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[1], [3], [4, 1], [5, 40, 3]])
@pytest.mark.parametrize("shape", [(3,), (1, 3), (7, 3), (0, 3), (2, 5, 3)])
def test_mlp_is_matrices_and_activations(name, sizes, shape):
    net = nn.MLP(3, sizes, activation=name, seed=7)
    x = np.random.default_rng(0).normal(size=shape)
    expected = numpy_mlp(net, x, ACTIVATIONS[name])
    np.testing.assert_allclose(value_of(net(x)), expected, rtol=1e-12, atol=1e-13)
    compiled = wg.compile(lambda parameters, x: net.with_parameters(parameters)(x))
    np.testing.assert_allclose(compiled(numbers(net), x), expected, rtol=1e-12, atol=1e-13)
    assert sum(p.size for p in net.parameters()) == sum((a + 1) * b for a, b in zip([3, *sizes], sizes, strict=False))


def test_one_sample_may_be_a_list_and_one_output_is_a_var():
    net = nn.MLP(2, [16, 16, 1])
    y = net([0.5, -1.0])
    assert type(y) is wg.Var
    y.backward()
    assert any(np.any(parameter.grad) for parameter in net.parameters())
    net.zero_grad()
    assert not any(np.any(parameter.grad) for parameter in net.parameters())
    x = wg.Var(0.5)
    net([x, -1.0]).backward()
    assert x.grad == pytest.approx(wg.grad(lambda x: net([x, -1.0]))(0.5).data, rel=1e-14)


def test_seed_decides_the_weights():
    same, other = nn.MLP(2, [4, 1], seed=3), nn.MLP(2, [4, 1], seed=4)
    for a, b in zip(numbers(nn.MLP(2, [4, 1], seed=3)), numbers(same), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(numbers(same)[0], numbers(other)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_that_of_the_parameters(dtype):
    net = nn.MLP(2, [4, 1], dtype=dtype, layer_norm=True)
    assert {parameter.dtype for parameter in net.parameters()} == {np.dtype(dtype)}


SPREADS = [(nn.he, 2 / 200), (nn.glorot, 2 / 300), (nn.orthogonal, 1 / 200)]


@pytest.mark.parametrize(("initialiser", "variance"), SPREADS)
def test_weights_have_the_stated_spread(initialiser, variance):
    weights = initialiser(np.random.default_rng(0), 200, 100)
    assert weights.shape == (200, 100)
    assert np.var(weights) == pytest.approx(variance, rel=0.03)  # 20000 draws: one standard error is 1 %
    assert abs(np.mean(weights)) < 4 * math.sqrt(variance / weights.size)


def test_glorot_is_bounded_and_orthogonal_is_orthogonal():
    rng = np.random.default_rng(0)
    assert np.abs(nn.glorot(rng, 30, 20)).max() <= math.sqrt(6 / 50)
    for n_in, n_out in [(5, 5), (7, 3), (3, 7)]:
        q = nn.orthogonal(rng, n_in, n_out)
        product = q.T @ q if n_in >= n_out else q @ q.T
        np.testing.assert_allclose(product, np.eye(min(n_in, n_out)), atol=1e-14)


def test_relu_layers_begin_as_he_has_it_and_others_as_glorot():
    for activation, initialiser in [("relu", nn.he), ("tanh", nn.glorot), ("linear", nn.glorot)]:
        layer = nn.Dense(6, 5, activation, rng=np.random.default_rng(1))
        np.testing.assert_array_equal(layer.weights.data, initialiser(np.random.default_rng(1), 6, 5))
        assert not layer.bias.data.any()


def test_activation_may_be_a_function():
    layer = nn.Dense(1, 1, activation=lambda v: v * v)
    layer.weights.data = [[3.0]]
    assert layer([2.0]).data.tolist() == [36.0]


def test_gradient_of_a_network_is_the_numerical_one():
    net = nn.MLP(2, [3, 2], activation="tanh", seed=1, layer_norm=True)
    x = np.array([[0.5, -1.0], [1.5, 0.2]])
    wg.check_grad(lambda p: nn.cross_entropy(net.with_parameters(p)(x), [0, 1]), numbers(net))


def test_with_parameters_leaves_the_network_alone():
    net = nn.MLP(2, [3, 1], dropout=0.5, layer_norm=True)
    before = [array.copy() for array in numbers(net)]
    zeros = [np.zeros_like(array) for array in before]
    assert net.with_parameters(zeros)([1.0, 2.0]) == 0.0
    for a, b in zip(numbers(net), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="zip"):
        net.with_parameters(zeros[:-1])


def test_layer_norm_is_its_formula():
    rng = np.random.default_rng(0)
    layer, x = nn.LayerNorm(6), rng.normal(3.0, 2.0, (4, 6))
    layer.scale.data, layer.shift.data = rng.normal(size=6), rng.normal(size=6)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(x).data, normal * layer.scale.data + layer.shift.data, rtol=1e-13)
    np.testing.assert_array_equal(layer(np.full((2, 6), 7.0)).data, np.tile(layer.shift.data, (2, 1)))


def test_dropout_keeps_the_mean_and_is_decided_by_its_key():
    x = np.full((200, 100), 2.0)
    layer = nn.Dropout(0.25)
    y = layer(x, key=(0, 1))
    assert set(np.unique(y)) == {0.0, 2.0 / 0.75}
    assert np.mean(y == 0.0) == pytest.approx(0.25, abs=0.015)  # 20000 draws: one standard error is 0.003
    np.testing.assert_array_equal(y, layer(x, key=(0, 1)))
    for other in (layer(x, key=(0, 2)), layer(x, key=(1, 1)), nn.Dropout(0.25, stream=1)(x, key=(0, 1))):
        assert 0.5 < np.mean(y == other) < 0.75  # 0.625 if they are independent
    assert layer(x) is x


def test_dropout_draws_anew_at_every_replay():
    net = nn.MLP(3, [50, 1], dropout=0.5)
    parameters = numbers(net)
    compiled = wg.compile(lambda x, count: net.with_parameters(parameters)(x, (0, count)))
    x = np.ones((4, 3))
    outputs = [compiled(x, count) for count in (1.0, 2.0, 1.0)]
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert np.all(outputs[0] != outputs[1])
    np.testing.assert_allclose(outputs[1], net(x, (0, 2)).data, rtol=1e-13)


def test_gradient_passes_through_dropout_where_numbers_do():
    x = np.linspace(1.0, 2.0, 40)
    kept = nn.Dropout(0.5)(x, key=(0, 0)) != 0.0
    gradient = wg.grad(lambda x: np.sum(nn.Dropout(0.5)(x, key=(0, 0))))(x)
    np.testing.assert_array_equal(gradient, np.where(kept, 2.0, 0.0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.MLP(0, [1]), wg.ShapeError, "at least one input"),
        (lambda: nn.MLP(2, []), wg.ShapeError, "at least one layer"),
        (lambda: nn.MLP(2, [3, 0]), wg.ShapeError, "at least one input and one output"),
        (lambda: nn.MLP(2, [1])([1.0]), wg.ShapeError, "takes 2 inputs"),
        (lambda: nn.MLP(2, [1])(np.ones((4, 3))), wg.ShapeError, r"takes 2 inputs.*\(4, 3\)"),
        (lambda: nn.MLP(2, [1])(1.0), wg.ShapeError, "takes 2 inputs"),
        (lambda: nn.MLP(2, [1])([1.0, "2"]), (wg.WengertError, TypeError), "."),
        (lambda: nn.Dense(2, 1, "softmax"), wg.WengertError, "no activation 'softmax'"),
        (lambda: nn.Dense(2, 1, "add"), wg.WengertError, "no activation 'add'"),
        (lambda: nn.Dropout(1.0), wg.WengertError, "below 1"),
        (lambda: nn.Dropout(-0.1), wg.WengertError, "at least 0"),
    ],
)
def test_bad_networks_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- losses ----

RNG = np.random.default_rng(3)
N = 6
PREDICTIONS, TARGETS = RNG.normal(size=N), RNG.normal(size=N)
PAIRS, PAIRS_OF_TARGETS = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2))
SIGNS, COUNTS, BITS = np.array([1, -1, -1, 1, 1, -1]), np.array([0, 3, 1, 0, 2, 5]), np.array([0, 1, 1, 0, 1, 0])
LOGITS, LABELS = RNG.normal(size=(N, 3)), np.array([2, 0, 1, 1, 2, 0])
WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 1.0, 1.0])


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def pinball(q):
    def cost(p, t):
        e = t - p
        return np.where(e >= 0, q * e, (q - 1) * e)

    return cost


# Each with predictions, targets, and what every sample costs.
LOSSES = {
    "squared": (nn.squared_loss, PREDICTIONS, TARGETS, lambda p, t: (p - t) ** 2),
    "squared of pairs": (nn.squared_loss, PAIRS, PAIRS_OF_TARGETS, lambda p, t: ((p - t) ** 2).mean(1)),
    "absolute": (nn.absolute_loss, PREDICTIONS, TARGETS, lambda p, t: np.abs(p - t)),
    "huber": (
        lambda p, t, w=None: nn.huber_loss(p, t, w, delta=0.7),
        PREDICTIONS,
        TARGETS,
        lambda p, t: np.where(np.abs(p - t) <= 0.7, 0.5 * (p - t) ** 2, 0.7 * (np.abs(p - t) - 0.35)),
    ),
    "hinge": (nn.hinge_loss, PREDICTIONS, SIGNS, lambda p, t: np.maximum(0, 1 - t * p)),
    "median": (nn.quantile_loss, PREDICTIONS, TARGETS, lambda p, t: np.abs(p - t) / 2),
    "quantile": (lambda p, t, w=None: nn.quantile_loss(p, t, w, q=0.9), PREDICTIONS, TARGETS, pinball(0.9)),
    "quantiles": (
        lambda p, t, w=None: nn.quantile_loss(p, t, w, q=(0.1, 0.8)),
        PAIRS,
        TARGETS,
        lambda p, t: (pinball(0.1)(p[:, 0], t) + pinball(0.8)(p[:, 1], t)) / 2,
    ),
    "poisson": (nn.poisson_loss, PREDICTIONS, COUNTS, lambda p, t: np.exp(p) - t * p),
    "gaussian": (
        nn.gaussian_loss,
        PAIRS,
        TARGETS,
        lambda p, t: 0.5 * p[:, 1] + (t - p[:, 0]) ** 2 / (2 * np.exp(p[:, 1])),
    ),
    "cross entropy": (nn.cross_entropy, LOGITS, LABELS, lambda p, t: -log_softmax(p)[np.arange(N), t]),
    "binary": (
        nn.binary_cross_entropy,
        PREDICTIONS,
        BITS,
        lambda p, t: -(t * np.log(sigmoid(p)) + (1 - t) * np.log(1 - sigmoid(p))),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_their_formulas(name):
    loss, predictions, targets, costs = LOSSES[name]
    assert loss(predictions, targets) == pytest.approx(np.mean(costs(predictions, targets)), rel=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_vars_lists_and_programs_give_the_same(name):
    loss, predictions, targets, _ = LOSSES[name]
    expected = float(loss(predictions, targets))
    assert loss(wg.Var(predictions), targets).data == pytest.approx(expected, rel=1e-14)
    of_lists = predictions.tolist() if predictions.ndim == 1 else predictions
    vars_ = [wg.Var(x) for x in of_lists] if predictions.ndim == 1 else wg.Var(predictions)
    assert loss(vars_, targets.tolist()).data == pytest.approx(expected, rel=1e-14)
    assert wg.compile(loss)(predictions, targets) == pytest.approx(expected, rel=1e-14)
    wg.check_grad(lambda p: loss(p, targets), predictions)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_counts_like_so_many_samples(name):
    loss, predictions, targets, _ = LOSSES[name]
    times = WEIGHTS.astype(int)
    repeated = loss(np.repeat(predictions, times, axis=0), np.repeat(targets, times, axis=0))
    assert loss(predictions, targets, WEIGHTS) == pytest.approx(float(repeated), rel=1e-13)
    compiled = wg.compile(wg.value_and_grad(loss))
    assert compiled(predictions, targets, WEIGHTS)[0] == pytest.approx(float(repeated), rel=1e-13)


def test_cross_entropy_and_its_gradient():
    """Softmax minus the true class, over the number of samples; logits of 800 do not overflow."""
    given = [[1.0, -0.5, 2.0], [0.0, 3.0, -1.0], [800.0, 0.0, -800.0]]
    logits = [[wg.Var(x) for x in row] for row in given]
    loss = nn.cross_entropy(logits, [2, 0, 1])
    loss.backward()
    assert loss.data == pytest.approx(-np.mean(log_softmax(np.array(given))[range(3), [2, 0, 1]]), rel=1e-14)
    gradient = [[x.grad for x in row] for row in logits]
    np.testing.assert_allclose(gradient, (np.exp(log_softmax(np.array(given))) - np.eye(3)[[2, 0, 1]]) / 3, atol=1e-15)


def test_class_weights_are_weights_of_the_samples():
    of_classes = np.array([1.0, 2.0, 0.5])
    expected = nn.cross_entropy(LOGITS, LABELS, of_classes[LABELS] * WEIGHTS)
    assert nn.cross_entropy(LOGITS, LABELS, WEIGHTS, of_classes) == pytest.approx(float(expected), rel=1e-14)
    compiled = wg.compile(lambda logits, labels: nn.cross_entropy(logits, labels, None, of_classes))
    plain = nn.cross_entropy(LOGITS, LABELS, of_classes[LABELS])
    assert compiled(LOGITS, LABELS) == pytest.approx(float(plain), rel=1e-14)


@pytest.mark.parametrize("extreme", [700.0, -700.0, 1e30, -1e30])
@pytest.mark.parametrize("label", [0, 1])
def test_losses_from_logits_do_not_overflow(extreme, label):
    assert nn.binary_cross_entropy([extreme], [label]) == pytest.approx(max(0.0, extreme * (1 - 2 * label)))
    assert nn.cross_entropy([[0.0, extreme]], [label]) == pytest.approx(max(0.0, extreme * (1 - 2 * label)))


@pytest.mark.parametrize("loss", [nn.squared_loss, nn.hinge_loss, nn.cross_entropy, nn.poisson_loss])
@pytest.mark.parametrize(("predictions", "targets"), [([], []), ([[0.0]], [0, 0]), ([[0.0], [0.0]], [0])])
def test_losses_refuse_what_does_not_pair(loss, predictions, targets):
    with pytest.raises(wg.ShapeError, match=f"{len(targets)} and {len(predictions)}"):
        loss(predictions, targets)


def test_losses_refuse_to_broadcast():
    with pytest.raises(wg.ShapeError, match=r"\(3,\) do not fit predictions of \(3, 1\)"):
        nn.squared_loss(np.ones((3, 1)), np.ones(3))


@pytest.mark.parametrize("label", [-1, 2, 0.5])
def test_cross_entropy_refuses_unknown_classes(label):
    with pytest.raises(wg.ShapeError, match=str(label)):
        nn.cross_entropy([[1.0, 2.0]], [label])
