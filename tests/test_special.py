"""Do wengert's special functions say what SciPy's and mpmath's do, below zero and at poles too, recorded or not?"""

from math import inf, isnan, nan

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

import wengert as wg
from wengert import special
from wengert._core import builds
from wengert.ops import OPS

BUILDS = builds.available_builds()
every_build = pytest.mark.parametrize("build", BUILDS)


def evaluate(build, name, *arguments):
    return builds.load(build).evaluate(name, *arguments)[0]


# ---- below zero, where two terms cancel: the error is small against the larger of them ----


def below_zero(n=60):
    rng = np.random.default_rng(7)
    fractions = np.concatenate([rng.uniform(0, 1, n), 2.0 ** rng.uniform(-40, -1, n), [0.5]])
    points = -np.concatenate([fractions, fractions + 1, fractions + 2, fractions + 30, fractions + 1e6])
    return points[points != np.rint(points)]


def largest_terms(name, x):
    """The terms whose sum the functions are below zero, in size."""
    r = abs(x - mp.nint(x))
    if name == "gammaln":
        return max(abs(mp.loggamma(-x)), abs(mp.log(abs(x))), abs(mp.log(r)))
    return max(abs(mp.digamma(1 - x)), mp.pi / mp.tan(mp.pi * r), 1 / r)


REFLECTED = {
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))) if x > -200 else mp.re(mp.loggamma(x)),
    "digamma": mp.digamma,
}


@every_build
@pytest.mark.parametrize("name", REFLECTED)
def test_error_below_zero_is_small_against_the_terms(name, build):
    points = below_zero()
    with mp.workdps(50):
        for x, value in zip(points, evaluate(build, name, points), strict=True):
            error = abs(mp.mpf(float(value)) - REFLECTED[name](mp.mpf(float(x))))
            assert error <= 2.0**-51 * largest_terms(name, mp.mpf(float(x))), x


@every_build
def test_gammaln_is_right_beside_its_zeros_below_zero(build):
    """As far as the rounding of 1 allows."""
    for start in (-2.4570247382208006, -2.7476826467274127, -3.1435808883499800, -3.9552942848585978):
        points = start + np.spacing(start) * np.arange(-50, 50)
        with mp.workdps(50):
            exact = np.array([float(mp.log(abs(mp.gamma(mp.mpf(float(x)))))) for x in points])
        assert np.max(np.abs(evaluate(build, "gammaln", points) - exact)) < 2.0**-51


@every_build
@pytest.mark.parametrize(("n", "ulps"), [(1, 4), (2, 8), (3, 8), (5, 16), (20, 32), (170, 128)])
def test_polygamma_matches_mpmath(n, ulps, build):
    rng = np.random.default_rng(n)
    points = np.concatenate([rng.uniform(0.5, 40, 40), 2.0 ** rng.uniform(-3, 8, 40), -rng.uniform(0.3, 9, 20)])
    with mp.workdps(50):
        for x, value in zip(points, evaluate(build, "polygamma", n, points), strict=True):
            exact = mp.psi(n, mp.mpf(float(x)))
            r = abs(mp.mpf(float(x)) - mp.nint(float(x)))
            size = abs(exact) if x > 0 else mp.factorial(n) / r ** (n + 1)
            if mp.mpf(2) ** -1000 < size < mp.mpf(2) ** 1020:
                assert abs(mp.mpf(float(value)) - exact) <= ulps * 2.0**-53 * size, x


# ---- poles, ends, and what is no number ----

ENDS = {
    "gammaln": [(0.0, inf), (-0.0, inf), (-3.0, inf), (inf, inf), (-inf, inf), (5e-324, 744.4400719213812)],
    "digamma": [(0.0, -inf), (-0.0, inf), (-3.0, nan), (inf, inf), (-inf, nan), (1e308, 709.1962086421661)],
    "trigamma": [(0.0, inf), (-3.0, inf), (inf, 0.0), (-inf, nan), (1e-200, inf), (1e200, 1e-200)],
    "ndtr": [(0.0, 0.5), (inf, 1.0), (-inf, 0.0), (-1e308, 0.0)],
    "log_ndtr": [(0.0, np.log(0.5)), (inf, 0.0), (-inf, -inf), (-1e200, -inf), (-1e100, -5e199)],
    "logit": [(0.0, -inf), (0.5, 0.0), (1.0, inf), (2.0, nan), (5e-324, -744.4400719213812)],
    "log_expit": [(0.0, np.log(0.5)), (inf, 0.0), (-inf, -inf), (-1e300, -1e300)],
    "erfcx": [(0.0, 1.0), (inf, 0.0), (-inf, inf), (1e300, 5.641895835477563e-301)],
}


@every_build
@pytest.mark.parametrize("name", ENDS)
def test_ends(name, build):
    for x, value in ENDS[name]:
        assert evaluate(build, name, x) == pytest.approx(value, rel=1e-15, nan_ok=True), x


BINARY_ENDS = {
    "polygamma": [
        ((2, 0.0), -inf), ((2, -0.0), inf), ((3, -0.0), inf), ((2, -1.0), nan), ((3, -1.0), inf), ((2, inf), 0.0),
        ((2, -inf), nan), ((0.5, 1.0), nan), ((-1, 1.0), nan), ((171, 1.0), nan), ((0, 1.0), -0.5772156649015329),
        ((170, 1.0), -7.257415615307999e306),
    ],
    "xlogy": [((0, 0), 0.0), ((0, -1), 0.0), ((0, inf), 0.0), ((0, nan), nan), ((1, 0), -inf), ((1, -1), nan)],
    "xlog1py": [((0, -1), 0.0), ((0, -2), 0.0), ((0, inf), 0.0), ((0, nan), nan), ((1, -1), -inf), ((1, -2), nan)],
}  # fmt: skip


@every_build
@pytest.mark.parametrize("name", BINARY_ENDS)
def test_ends_in_two_arguments(name, build):
    for point, value in BINARY_ENDS[name]:
        assert evaluate(build, name, *point) == pytest.approx(value, rel=1e-14, nan_ok=True), point


# ---- derivatives of every order ----

ORDERS = {
    "gammaln": mpmath.loggamma, "digamma": mpmath.digamma, "ndtr": mpmath.ncdf,
    "log_ndtr": lambda x: mp.log(mp.ncdf(x)), "logit": lambda x: mp.log(x / (1 - x)),
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x), "log_expit": lambda x: -mp.log1p(mp.exp(-x)),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_higher_order(name, order):
    f = getattr(wg, name)
    for _ in range(order):
        f = wg.grad(f)
    for x in (0.3, 0.71):
        with mp.workdps(60):
            exact = float(mp.diff(ORDERS[name], mp.mpf(x), order))
        assert f(x) == pytest.approx(exact, rel=1e-11)
        assert wg.compile(f)(x) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("x", [-5.0, -30.0, -1e3, -1e8])
def test_log_ndtr_has_two_good_derivatives_far_on_the_left(x):
    """Where density and distribution underflow."""
    with mp.workdps(60):
        z = mp.mpf(x)
        mills = mp.sqrt(2 / mp.pi) / (mp.hyperu(0.5, 0.5, z * z / 2) / mp.sqrt(mp.pi))
        first, second = float(mills), float(-mills * (z + mills))
    assert wg.grad(wg.log_ndtr)(x) == pytest.approx(first, rel=1e-14)
    assert wg.grad(wg.grad(wg.log_ndtr))(x) == pytest.approx(second, rel=1e-9)


@given(st.floats(-1e300, 1e300))
def test_slope_of_log_ndtr_is_never_nan(x):
    assert not isnan(wg.grad(wg.log_ndtr)(x))


def test_xlogy_has_the_gradient_of_an_entropy():
    """Also where a probability is 0."""
    entropy = lambda p: -wg.xlogy(p, p)  # noqa: E731
    assert wg.grad(entropy)(0.25) == pytest.approx(-(np.log(0.25) + 1))
    assert wg.grad(lambda x: wg.xlogy(0.0, x))(0.0) == 0.0
    assert wg.grad(wg.xlogy)(0.0, 2.0) == np.log(2.0)


# ---- SciPy's own functions ----


@pytest.mark.parametrize("row", [row for row in OPS.values() if row.scipy], ids=lambda row: row.name)
def test_ufunc_of_scipy_records_the_same_op(row):
    ufunc = getattr(scipy.special, row.scipy)
    point = [0.5, 2.0][: row.arity]
    y = ufunc(*map(wg.Var, point))
    assert y.graph.op[y.node] == row.code
    assert y.data == pytest.approx(float(ufunc(*point)), rel=1e-14)
    gradient = wg.grad(lambda x: np.sum(ufunc(x, *point[1:])))(np.array([0.5, 0.25]))
    assert gradient.tolist() == [wg.grad(lambda x: ufunc(x, *point[1:]))(x) for x in (0.5, 0.25)]


def test_ufunc_of_scipy_without_a_rule_is_refused_by_name():
    with pytest.raises(wg.TracingError, match="jv"):
        scipy.special.jv(1.0, wg.Var(2.0))


@pytest.mark.parametrize("name", special.__all__)
def test_names_are_those_of_scipy(name):
    assert callable(getattr(scipy.special, name))


# ---- sums of exponentials ----

MATRIX = np.array([[1.0, -2.0, 0.5], [1000.0, 1001.0, -1000.0]])
SUMS = {"logsumexp": (special.logsumexp, scipy.special.logsumexp), "softmax": (special.softmax, scipy.special.softmax),
        "log_softmax": (special.log_softmax, scipy.special.log_softmax)}  # fmt: skip


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("name", SUMS)
def test_sums_match_scipy(name, axis):
    ours, theirs = SUMS[name]
    np.testing.assert_allclose(ours(MATRIX, axis=axis), theirs(MATRIX, axis=axis), rtol=1e-14)
    assert np.shape(ours(MATRIX, axis=axis)) == np.shape(theirs(MATRIX, axis=axis))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_logsumexp_with_weights_and_kept_axes(axis):
    weights = np.array([[2.0, 0.0, 0.5], [1.0, 3.0, 0.0]])
    keywords = {"axis": axis, "b": weights, "keepdims": True}
    np.testing.assert_allclose(
        special.logsumexp(MATRIX, **keywords), scipy.special.logsumexp(MATRIX, **keywords), rtol=1e-14
    )


@pytest.mark.parametrize("row", [[-inf, -inf], [inf, 1.0], [-inf, 1.0], [nan, 1.0], [1e308, 1e308]])
def test_logsumexp_of_infinities(row):
    with np.errstate(all="ignore"):
        assert special.logsumexp(np.array(row)) == pytest.approx(scipy.special.logsumexp(row), nan_ok=True)


@pytest.mark.parametrize("name", SUMS)
def test_derivatives_of_sums(name):
    pytest.importorskip("wengert.structured", reason="np.max of vars is a row of that table")
    f = lambda x: np.sum(np.sin(SUMS[name][0](x, axis=1)))  # noqa: E731
    x, step = MATRIX / 100, 1e-6
    gradient = wg.grad(f)(x)
    for k in np.ndindex(x.shape):
        moved = np.where(np.indices(x.shape) == np.reshape(k, (2, 1, 1)), step, 0.0).min(axis=0)
        assert gradient[k] == pytest.approx((f(x + moved) - f(x - moved)) / (2 * step), rel=1e-6, abs=1e-8)
