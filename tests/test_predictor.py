"""Does a compiled forward pass give what the network gives, whatever the number of samples?"""

import pickle

import numpy as np
import pytest

import wengert as wg
from wengert._core.blas_choice import running_kernels
from wengert.training import Predictor
from wengert.training.predict import ROWS

RNG = np.random.default_rng(0)
NETS = [
    wg.nn.MLP(5, [7, 3], activation="tanh"),
    wg.nn.MLP(5, [33, 17, 1], activation="gelu", layer_norm=True),
    wg.nn.MLP(64, [64, 1]),
    wg.nn.MLP(64, [128, 10], dropout=0.5, dtype=np.float32),
    wg.nn.MLP(2, [1]),
]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("n", [0, 1, 2, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS + 7])
def test_it_gives_what_the_network_gives(net, n):
    x = RNG.normal(size=(n, net.layers[0].weights.shape[0]))
    predicted = Predictor(net)(x)
    assert predicted.dtype == net.layers[0].weights.dtype
    tolerance = 1e-12 if predicted.dtype == np.float64 else 1e-4
    expected = np.array([net(row).data for row in x]).reshape(predicted.shape)
    np.testing.assert_allclose(predicted, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("net", NETS)
def test_one_sample_is_a_number_or_a_vector(net):
    x = RNG.normal(size=net.layers[0].weights.shape[0])
    predicted = Predictor(net)(x.tolist())
    assert type(predicted) is (float if net.has_one_output else np.ndarray)
    np.testing.assert_allclose(predicted, net(x).data, rtol=1e-4)


@pytest.mark.parametrize("net", NETS)
def test_a_row_has_the_same_bits_in_a_batch_of_any_size(net):
    predict = Predictor(net)
    x = RNG.normal(size=(3 * ROWS, net.layers[0].weights.shape[0]))
    whole = predict(x)
    for n in [*range(1, 20), 100, 200]:
        np.testing.assert_array_equal(predict(x[:n]), whole[:n])


@pytest.mark.parametrize("net", [net for net in NETS if net.layers[0].weights.dtype == "float64"])
def test_a_row_has_the_same_bits_in_any_place(net):
    if running_kernels() is None:
        pytest.skip("known of the kernels of OpenBLAS only")
    predict = Predictor(net)
    x = RNG.normal(size=(2 * ROWS, net.layers[0].weights.shape[0]))
    whole = predict(x)
    for _ in range(20):
        index = RNG.choice(len(x), RNG.integers(1, len(x)))
        np.testing.assert_array_equal(predict(x[index]), whole[index])


def test_bits_do_not_depend_on_threads():
    net = wg.nn.MLP(64, [128, 128, 10])
    x = RNG.normal(size=(4000, 64))
    np.testing.assert_array_equal(Predictor(net, threads=1)(x), Predictor(net, threads=4)(x))


def test_it_is_for_the_parameters_of_its_making():
    net = wg.nn.MLP(3, [16, 2])
    predict = Predictor(net)
    before = predict(np.ones(3))
    net.layers[0].weights.data = np.zeros((3, 16))
    np.testing.assert_array_equal(predict(np.ones(3)), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(predict))(np.ones(3)), before)


def test_other_ways_through_branches_are_followed():
    net = wg.nn.MLP(3, [64, 1], activation=lambda x: x if x[0] > 0.0 else -2.0 * x)
    predict = Predictor(net)
    for x in RNG.normal(size=(10, 3)):
        assert predict(x) == pytest.approx(net(x).data, rel=1e-12)


def test_samples_that_are_not_contiguous_are_copied():
    net = wg.nn.MLP(3, [16, 2])
    x = RNG.normal(size=(3, 50))
    np.testing.assert_array_equal(Predictor(net)(x.T), Predictor(net)(np.ascontiguousarray(x.T)))


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: Predictor(wg.nn.MLP(3, [2]))(np.ones(4)), wg.ShapeError, "3 inputs"),
        (lambda: Predictor(wg.nn.MLP(3, [2]))(np.ones((2, 4))), wg.ShapeError, "3 inputs"),
        (lambda: Predictor(wg.nn.MLP(3, [2]))(np.ones((2, 2, 3))), wg.ShapeError, r"\(2, 2, 3\)"),
        (lambda: Predictor(wg.nn.MLP(3, [2]))(["a", "b", "c"]), ValueError, "convert"),
        (lambda: Predictor(wg.nn.Dropout(0.5)), wg.WengertError, "no parameters"),
        (lambda: Predictor(wg.nn.MLP(3, [2]), threads=0), wg.TracingError, "threads"),
    ],
)
def test_bad_use_is_refused(make, error, what):
    with pytest.raises(error, match=what):
        make()
