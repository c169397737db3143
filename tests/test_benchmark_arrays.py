"""Do the benchmark's problems in arrays say what their sources say, and do all peers differentiate them alike?

The measure is a complex step through the function on NumPy arrays; values come from closed forms and from SciPy.
"""

import importlib
import importlib.util
import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial.transform import Rotation

from wengert.benchmarks.peers import PEERS, NotDoneError, form, solve
from wengert.benchmarks.workloads import bundle, chain, gmm, kmeans, llsq, lse, lstm, minors, ode
from wengert.benchmarks.workloads.problem import Cpp

STEP = 1e-30  # of complex steps: nothing cancels, so it may be as small as one likes


def fold(step, state, rows):
    for row in rows:
        state = step(state, row)
    return state


def fill(shape, index, values):
    result = np.zeros(shape, values.dtype)
    result[index] = values
    return result


NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sum", "max", "min", "einsum", "where", "concatenate")
NUMPY = SimpleNamespace(
    **{name: getattr(np, name) for name in NAMES},
    constant=np.asarray,
    fill=fill,
    fold=fold,
    repeat=lambda step, state, count: fold(lambda state, _: step(state), state, range(count)),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
)


def one_camera_unturned():
    """Its rotation is zero, where the formula has 0 / 0."""
    cameras, *others = bundle.data(2, 3, 5)
    cameras[0, :3] = 0
    return cameras, *others


# Small enough for a test, and of sizes that no vector divides.
SMALL = {
    small.name: small
    for small in (
        gmm.problem(3, 4, 11),
        lstm.problem(2, 6),
        llsq.problem(70),
        lse.problem(37),
        kmeans.problem(5, 67),
        ode.problem(7),
        replace(bundle.problem(2, 3, 5), data=one_camera_unturned),
        minors.problem(4),
        replace(chain.CHAIN, data=lambda: (np.linspace(-3, 3, 41),), cpp=Cpp("chain", (41,), ((41,),))),
    )
}
PEERS_IN_ARRAYS = ("cpp", "numexpr", "casadi", "jax_arrays", "torch", "autograd", "wengert")
PAIRS = [(peer, name) for peer in PEERS_IN_ARRAYS for name in SMALL if form(PEERS[peer], SMALL[name])]


def nudged(arrays, directions):
    return tuple(array + 1j * STEP * direction for array, direction in zip(arrays, directions, strict=True))


def check_gradient(problem, data, results):
    """Value, and the gradients times random directions."""
    wanted = max(problem.wanted, 1)
    rng = np.random.default_rng(0)
    directions = [rng.standard_normal(array.shape) for array in data[:wanted]]
    moved = problem.arrays(*problem.arguments((*nudged(data[:wanted], directions), *data[wanted:])), NUMPY)
    value, *gradients = results
    np.testing.assert_allclose(value, moved.real, rtol=1e-12)
    slope = sum(np.sum(gradient * direction) for gradient, direction in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(slope, moved.imag / STEP, rtol=1e-10)


def check_curvature(problem, data, results):
    """The gradient times a random direction; the Hessian counts twice the points of each centroid."""
    centroids, points = data
    direction = np.random.default_rng(0).standard_normal(centroids.shape)
    moved = problem.arrays(centroids + 1j * STEP * direction, points, NUMPY)
    np.testing.assert_allclose(np.sum(results[0] * direction), moved.imag / STEP, rtol=1e-10)
    nearest = np.argmin(np.sum((points[:, None] - centroids) ** 2, axis=2), axis=1)
    counts = 2.0 * np.bincount(nearest, minlength=len(centroids))
    np.testing.assert_allclose(results[1], np.broadcast_to(counts[:, None], centroids.shape), rtol=1e-12)


def check_jacobians(problem, data, results):
    """Each observation's slopes times a random direction of its camera, point and weight."""
    cameras, points, weights, features, camera, point = data
    inputs = (cameras[camera].T, points[point].T, weights)
    rng = np.random.default_rng(0)
    directions = [rng.standard_normal(array.shape) for array in inputs]
    moved = np.array(problem.arrays(*nudged(inputs, directions), features.T, NUMPY))
    slopes = [np.einsum("pac,cp->ap", matrix, step) for matrix, step in zip(results[:2], directions[:2], strict=True)]
    np.testing.assert_allclose(sum(slopes) + results[2].T * directions[2], moved.imag / STEP, rtol=1e-9, atol=1e-9)


def check_values(problem, data, results):
    np.testing.assert_allclose(results[0], problem.arrays(*data, np), rtol=1e-12)


CHECKS = {
    "array_gradient": check_gradient,
    "gradient": check_gradient,
    "curvature": check_curvature,
    "observed_jacobians": check_jacobians,
    "elementwise": check_values,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(("peer", "name"), PAIRS)
def test_peers_that_are_installed_differentiate_as_a_complex_step(peer, name):
    if PEERS[peer].package and not importlib.util.find_spec(PEERS[peer].package):
        pytest.skip(f"{PEERS[peer].package} is not installed")
    if peer == "cpp" and not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("no C++ compiler is installed")
    problem = SMALL[name]
    data = problem.data()
    try:
        module = importlib.import_module(f"wengert.benchmarks.peers.{PEERS[peer].module}")
        call, read = solve(PEERS[peer], problem, module, data)
    except NotDoneError as refusal:
        pytest.skip(str(refusal))
    call()
    CHECKS[problem.task](problem, data, read(call()))  # of the second call: nothing is left over from the first


def test_mixture_is_one_of_normal_distributions():
    """More points change the likelihood only, which SciPy knows; the prior is that of Wishart's distribution."""
    alpha, mu, q, l, x = gmm.data(3, 4, 11)  # noqa: E741
    few, all_points = (gmm.log_posterior((alpha, mu, q, l), points, NUMPY) for points in (x[:4], x))
    terms = []
    for k in range(4):
        root = np.diag(np.exp(q[k]))
        root[[1, 2, 2], [0, 0, 1]] = l[k]
        terms.append(alpha[k] + stats.multivariate_normal.logpdf(x[4:], mu[k], np.linalg.inv(root.T @ root)))
    expected = np.sum(special.logsumexp(terms, axis=0) - special.logsumexp(alpha))
    np.testing.assert_allclose(all_points - few, expected, rtol=1e-10)
    normaliser = 0.5 * 4 * 3 * math.log(2) + special.multigammaln(0.5 * 4, 3)
    np.testing.assert_allclose(gmm.wishart_constant(3), -normaliser, rtol=1e-12)


def test_steps_of_runge_and_kutta_are_exact_for_four_unknowns():
    x = np.array([0.3, 0.5, 0.7, 1.1])
    np.testing.assert_allclose(ode.last(x, NUMPY), np.prod(x) * ode.TIME**4 / 24, rtol=1e-13)


def test_cameras_turn_points_as_rotations_do():
    turn, point = np.array([0.2, -0.4, 0.1]), np.array([1.0, 2.0, 3.0])
    expected = Rotation.from_rotvec(turn).apply(point)
    np.testing.assert_allclose(np.array(bundle.rotated(turn, point, np)), expected, rtol=1e-13)


def test_determinants_by_minors_are_determinants():
    for x in (np.random.default_rng(0).standard_normal(n * n) for n in (2, 3, 6)):
        matrix = x.reshape(2 * [math.isqrt(len(x))])
        assert minors.determinant(x, np) == pytest.approx(np.linalg.det(matrix), rel=1e-12)
        assert minors.determinant_by_levels(x, NUMPY) == pytest.approx(np.linalg.det(matrix), rel=1e-12)


def test_fit_of_a_polynomial_finds_its_coefficients():
    t = np.linspace(-1, 1, 70)
    x, powers, _ = llsq.data(70)
    assert llsq.half_squares(x, powers, np.polynomial.Polynomial(x)(t), np) == pytest.approx(0, abs=1e-20)


def test_numexpr_is_told_the_same_chain():
    x = np.linspace(-3, 3, 41)
    words = {"exp": np.exp, "sqrt": np.sqrt, "x": x}
    np.testing.assert_allclose(eval(chain.EXPRESSION, words), chain.chain(x, np), rtol=1e-14)
