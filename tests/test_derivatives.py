"""Are derivatives right when they are nested, mixed, or taken of derivatives, forward and reverse?"""

import gc
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp
from test_ops import MP, N_LEAVES, OPS, PIECES, TAME, points, programs, reverse_sweep, run

import wengert as wg
from wengert import ShapeError, TracingError, Var


def number(x):
    return x.data if type(x) is Var else x


def nodes_of(f, *point):
    """Call a transformed function on leaves, so that it records its derivatives, and give the numbers."""
    result = f(*[Var(x) for x in point])
    return [number(x) for x in result] if isinstance(result, list | tuple) else number(result)


def forward(f, k=0):
    """Derivative in argument k by forward mode."""
    return lambda *x: wg.jvp(f, x, [float(j == k) for j in range(len(x))])[1]


def nested(f, order, kinds=(wg.grad,)):
    for k in range(order):
        f = kinds[k % len(kinds)](f)
    return f


# ---- higher order, one argument ----

SMOOTH = {
    "exp(x*x)": (lambda m, x: m.exp(x * x), 0.7),
    "tanh": (lambda m, x: m.tanh(x), 0.4),
    "power": (lambda m, x: x**2.5, 1.3),
    "cube": (lambda m, x: x**3, -0.7),
    "x**x": (lambda m, x: x**x, 1.2),
    "quotient": (lambda m, x: m.sin(x) / (1 + x * x), 0.9),
    "logaddexp": (lambda m, x: m.log(m.exp(2 * x) + m.exp(-x * x)), 0.3),
    "gaussian": (lambda m, x: m.exp(-x * x / 2) * m.cos(3 * x), 0.6),
    "nest": (lambda m, x: m.sin(m.sin(m.sin(x) + x) * x), 1.1),
    "atanh": (lambda m, x: m.atanh(x / 3) + m.asin(x / 4), 0.8),
}
MIXTURES = {
    "reverse": (wg.grad,),
    "forward": (forward,),
    "forward over reverse": (wg.grad, forward),
    "reverse over forward": (forward, wg.grad),
}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("kinds", MIXTURES.values(), ids=MIXTURES)
@pytest.mark.parametrize("name", SMOOTH)
def test_higher_derivatives(name, kinds, order):
    f, x = SMOOTH[name]
    with mp.workdps(50):
        expected = float(mpmath.diff(lambda t: f(mpmath, t), mp.mpf(x), order))
    derivative = nested(lambda t: f(wg, t), order, kinds)
    assert derivative(x) == pytest.approx(expected, rel=1e-12)
    assert nodes_of(derivative, x) == pytest.approx(expected, rel=1e-12)


def test_derivatives_of_a_polynomial_come_to_an_end():
    f = lambda x: 2 * x**3 - x  # noqa: E731
    assert [nested(f, order)(2.0) for order in range(6)] == [14.0, 23.0, 24.0, 12.0, 0.0, 0.0]


# ---- every op of the table ----


# The other one, polygamma, is in test_special.py.
@pytest.mark.parametrize("name", [name for name in MP if not OPS[name].orders])
def test_second_derivatives_of_each_op(name):
    """All pairs of arguments, reverse over reverse and forward over reverse."""
    row, f = OPS[name], getattr(wg, name)
    rng = np.random.default_rng(row.code)
    for _ in range(6):
        point = [float(rng.uniform(max(low, -2.0) + 0.05, min(high, 2.5) - 0.05)) for low, high in row.domain]
        everything = range(row.arity)
        for i, j in product(everything, everything):
            orders = tuple((k == i) + (k == j) for k in everything)
            with mp.workdps(60):
                expected = float(mpmath.diff(MP[name], tuple(map(mp.mpf, point)), orders))
            reverse = wg.grad(wg.grad(f, i), j)
            tolerance = pytest.approx(expected, rel=1e-11, abs=1e-12)
            assert reverse(*point) == tolerance
            assert forward(wg.grad(f, i), j)(*point) == tolerance
            assert nodes_of(reverse, *point) == tolerance


@pytest.mark.parametrize("name", PIECES)
def test_recorded_slopes_of_each_piece(name):
    """First derivatives as nodes, reverse and forward; the second ones are zero but where a product hides."""
    f = getattr(wg, name)
    for point, _, slopes in PIECES[name]:
        everything = range(len(point))
        assert nodes_of(wg.grad(f, tuple(everything)), *point) == [float(s) for s in slopes]
        assert [nodes_of(forward(f, k), *point) for k in everything] == [float(s) for s in slopes]
        if name not in ("leaky_relu", "elu", "mul_no_nan"):
            assert np.all(np.array(wg.hessian(f, tuple(everything))(*point)) == 0.0)


def test_second_derivatives_of_parametrised_pieces():
    everything = (0, 1)
    assert wg.hessian(wg.leaky_relu, everything)(-2.0, 0.25) == ((0.0, 1.0), (1.0, 0.0))
    assert wg.hessian(wg.leaky_relu, everything)(2.0, 0.25) == ((0.0, 0.0), (0.0, 0.0))
    e = math.exp(-1.0)
    np.testing.assert_allclose(wg.hessian(wg.elu, everything)(-1.0, 0.5), ((0.5 * e, e), (e, 0.0)), rtol=1e-15)
    assert wg.hessian(wg.mul_no_nan, everything)(2.0, 3.0) == ((0.0, 1.0), (1.0, 0.0))


@pytest.mark.parametrize("name", [name for name in OPS if not OPS[name].orders])
def test_recorded_slope_equals_the_kernels(name):
    """Bit for bit: the recipe has the steps of the formula."""
    row, f = OPS[name], getattr(wg, name)
    rng = np.random.default_rng(row.code)
    for _ in range(20):
        point = [float(rng.uniform(max(low, -9.0), min(high, 9.0))) for low, high in row.domain]
        everything = tuple(range(row.arity))
        assert nodes_of(wg.grad(f, everything), *point) == [*wg.grad(f, everything)(*point)]


# ---- the classic traps ----


def test_perturbations_are_not_confused():
    assert wg.grad(lambda x: x * wg.grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert wg.grad(lambda x: x * forward(lambda y: x + y)(1.0))(3.0) == 1.0
    assert forward(lambda x: x * wg.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert forward(lambda x: x * forward(lambda y: x * y)(2.0))(3.0) == 6.0
    assert wg.grad(lambda x: wg.grad(lambda y: x * y * y)(x) * x)(3.0) == 3 * 2 * 3.0**2


def test_closure_over_a_leaf():
    x = Var(3.0)
    value, slope = wg.value_and_grad(lambda t: x * t * t)(2.0)
    assert (value.data, slope.data) == (12.0, 12.0)
    (slope * slope).backward()  # (4 x)^2
    assert x.grad == 96.0


def test_closure_over_a_leaf_that_is_not_used():
    x = Var(3.0)
    unused = []
    assert type(wg.grad(lambda t: unused.append(x * t) or t * t)(2.0)) is float


def test_derivative_at_a_leaf_is_differentiable():
    x = Var(2.0)
    slope = wg.grad(lambda t: t**3)(x)
    slope.backward()
    assert (slope.data, x.grad) == (12.0, 12.0)


def test_derivative_in_a_branch():
    def f(x):
        slope = wg.grad(lambda t: t * t * t)(x)
        return slope * x if slope > 10.0 else slope

    assert wg.grad(f)(2.0) == 36.0
    assert wg.grad(f)(1.0) == 6.0


def test_derivative_in_a_loop():
    def newton(a):
        """Square root of a, by Newton's method with a derivative of ours."""
        x = a
        for _ in range(6):
            x = x - (x * x - a) / wg.grad(lambda t: t * t - a)(x)
        return x

    assert newton(2.0) == pytest.approx(math.sqrt(2.0), rel=1e-15)
    assert wg.grad(newton)(2.0) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
    assert wg.grad(wg.grad(newton))(2.0) == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-13)


def test_inner_derivative_of_an_outer_argument_twice():
    """An input that stands for a var stands for it in both places."""
    assert wg.grad(lambda x: wg.grad(lambda p: p[0] * p[1])([x, x])[0])(5.0) == 1.0
    assert wg.grad(lambda x: sum(wg.grad(lambda p: p[0] ** 2 * p[1])([x, x])))(5.0) == pytest.approx(6 * 5.0)


def test_inner_identity():
    assert wg.grad(lambda x: wg.value_and_grad(lambda t: t)(x)[0] * x)(3.0) == 6.0
    assert wg.grad(lambda x: wg.vjp(lambda t: t, x)[1](x)[0] * x)(3.0) == 6.0


def test_inner_function_without_inputs():
    assert wg.grad(lambda x: wg.value_and_grad(lambda empty: x * x)([])[0])(3.0) == 6.0


def test_backward_through_what_an_inner_transform_returned():
    """Inputs of a transform that has returned forbid nothing any more."""
    x = Var(3.0)
    square = wg.value_and_grad(lambda t: t * t)(x)[0]

    def f(t):
        square.backward()
        return t

    assert wg.grad(f)(1.0) == 1.0
    assert x.grad == 6.0


def test_inputs_of_another_thread():
    with ThreadPoolExecutor(1) as pool:
        foreign = pool.submit(Var, 1.0).result()
    with pytest.raises(TracingError, match="thread"):
        wg.grad(lambda x: x)(foreign)
    with pytest.raises(TracingError, match="thread"):
        wg.jvp(lambda x: x * x, (1.0,), (foreign,))
    value, pullback = wg.vjp(lambda x: x * x, 3.0)
    with ThreadPoolExecutor(1) as pool, pytest.raises(TracingError, match="thread"):
        pool.submit(pullback, 1.0).result()
    assert (value, pullback(1.0)) == (9.0, (6.0,))


# ---- zero is strong ----


def safe_log(x):
    return wg.where(x > 0, wg.log(x), 0.0)


def test_branch_not_taken_is_an_exact_zero():
    for order in range(1, 5):
        assert nested(safe_log, order)(0.0) == 0.0
        assert nested(safe_log, order)(-1.0) == 0.0
        assert nodes_of(nested(safe_log, order), 0.0) == 0.0
        assert nested(safe_log, order, (wg.grad, forward))(0.0) == 0.0
    assert wg.grad(wg.grad(safe_log))(2.0) == -0.25


def test_zero_times_infinity():
    f = lambda x: wg.sqrt(x) * 0.0 + wg.relu(-wg.log(x)) * 0.0  # noqa: E731
    assert wg.grad(f)(0.0) == 0.0
    assert nodes_of(wg.grad(f), 0.0) == 0.0
    assert nodes_of(forward(lambda x: wg.where(x == 0.0, 1.0, wg.sqrt(x))), 0.0) == 0.0
    g = lambda x, y: wg.sqrt(x) * y  # noqa: E731
    assert nodes_of(wg.grad(g, (0, 1)), 0.0, 0.0) == [0.0, 0.0]
    assert nodes_of(forward(g), 0.0, 0.0) == 0.0


def test_infinite_and_nan_slopes_are_not_lost():
    assert nodes_of(wg.grad(wg.sqrt), 0.0) == math.inf
    assert wg.grad(wg.grad(wg.log))(0.0) == -math.inf
    assert math.isnan(wg.grad(wg.grad(lambda x: x * x * x))(math.nan))
    assert math.isnan(nodes_of(wg.grad(lambda x: x * math.nan), 2.0))
    assert nodes_of(wg.grad(lambda x: x * math.inf), 2.0) == math.inf


# ---- jvp and vjp ----


def test_jvp_of_nests():
    value, tangent = wg.jvp(lambda p, s: {"y": p["a"] * s, "z": [p["b"], 1.0]}, ({"a": 2.0, "b": 3.0}, 5.0),
                            ({"a": 1.0, "b": 10.0}, 100.0))  # fmt: skip
    assert (value, tangent) == ({"y": 10.0, "z": [3.0, 1.0]}, {"y": 205.0, "z": [10.0, 0.0]})


def test_vjp_of_nests():
    value, pullback = wg.vjp(lambda p, s: {"y": p["a"] * s, "z": [p["b"], 1.0]}, {"a": 2.0, "b": 3.0}, 5.0)
    assert value == {"y": 10.0, "z": [3.0, 1.0]}
    assert pullback({"y": 1.0, "z": [0.0, 7.0]}) == ({"a": 5.0, "b": 0.0}, 2.0)
    assert pullback({"y": 2.0, "z": [1.0, 0.0]}) == ({"a": 10.0, "b": 1.0}, 4.0)


def test_vjp_takes_no_arguments_and_constants():
    assert wg.vjp(lambda: 3.0)[1](1.0) == ()
    assert wg.vjp(lambda x: [3.0, 4.0], 1.0)[1]([1.0, 1.0]) == (0.0,)
    assert wg.jvp(lambda x: [3.0, x], (1.0,), (5.0,)) == ([3.0, 1.0], [0.0, 5.0])


def test_output_that_appears_twice():
    def f(x):
        y = x * x
        return [y, y, x]

    assert wg.vjp(f, 3.0)[1]([1.0, 10.0, 100.0]) == (166.0,)
    assert nodes_of(lambda x: wg.vjp(f, x)[1]([1.0, 10.0, 100.0])[0], 3.0) == 166.0


def test_pullback_outlives_the_call_and_compaction():
    value, pullback = wg.vjp(lambda x: wg.sin(x) * x, 2.0)
    graph = wg.current_graph()
    for _ in range(2):
        graph.compact()
        assert pullback(1.0) == (math.sin(2.0) + 2.0 * math.cos(2.0),)
        assert pullback(Var(1.0))[0].data == math.sin(2.0) + 2.0 * math.cos(2.0)
    assert value == 2.0 * math.sin(2.0)


def test_pullback_in_an_outer_derivative():
    """The value and the derivative of x^2 at x, times a cotangent that depends on the outer argument too."""

    def f(x):
        _, pullback = wg.vjp(lambda t: t * t, x)
        return pullback(x * x)[0]  # 2 x^3

    assert wg.grad(f)(3.0) == 54.0
    _, pullback = wg.vjp(lambda t: t * t, 3.0)
    assert wg.grad(lambda c: pullback(c)[0])(1.0) == 6.0


def test_tangent_that_depends_on_the_outer_argument():
    assert wg.grad(lambda x: wg.jvp(lambda t: t**3, (x,), (x,))[1])(2.0) == 36.0
    assert wg.grad(lambda v: wg.jvp(lambda t: t**3, (2.0,), (v,))[1])(5.0) == 12.0


def test_bad_directions():
    f = lambda x: x  # noqa: E731
    for primals, tangents in (((1.0,), (1.0, 2.0)), (([1.0, 2.0],), ([1.0],)), ((1.0,), ([1.0],)),
                              ((np.ones(2),), (np.ones((2, 1)),)), (({"a": 1.0},), ({"b": 1.0},))):  # fmt: skip
        with pytest.raises(ShapeError, match="tangents"):
            wg.jvp(f, primals, tangents)
    with pytest.raises(ShapeError, match="cotangents"):
        wg.vjp(f, 1.0)[1]([1.0])
    for bad in ("a", None, 1j):
        with pytest.raises(TracingError):
            wg.jvp(f, (1.0,), (bad,))
        with pytest.raises(TracingError):
            wg.vjp(f, 1.0)[1](bad)
    with pytest.raises(TracingError, match="primals"):
        wg.jvp(f, 1.0, 1.0)
    with pytest.raises(TracingError, match="mode"):
        wg.jacobian(f, mode="sideways")


def outputs_of(steps):
    return lambda inputs: run(steps, inputs, lambda name: getattr(wg, name))[N_LEAVES:]


@settings(max_examples=300, deadline=None)
@given(programs(sorted(OPS)), points)
def test_random_program_has_one_jacobian(steps, point):
    """Reverse and forward, as numbers and as nodes, against the chain rule in plain Python."""
    f = outputs_of(steps)
    values = [*point, *f(list(point))]
    assume(np.all(np.abs(values) < 1e30))
    adjoints, scales = reverse_sweep(steps, values)
    assume(np.all(scales < 1e30))
    x = list(point)
    leaves = [Var(t) for t in x]
    for mode in ("reverse", "forward"):
        last_row = wg.jacobian(f, mode=mode)(x)[-1]
        recorded = [number(d) for d in wg.jacobian(f, mode=mode)(leaves)[-1]]
        assert np.all(np.abs(last_row - adjoints) <= 1e-11 * scales)
        assert np.all(np.abs(recorded - adjoints) <= 1e-11 * scales)


def scales_of_second_derivatives(steps, point):
    """How large the terms of second derivatives may be; a large scale means an ill-conditioned program."""
    nodes = run(steps, point, lambda name: getattr(wg, name))
    return reverse_sweep(steps, nodes)[1].max() ** 2 * len(nodes)


@settings(max_examples=150, deadline=None)
@given(programs(TAME), points)
def test_random_smooth_program_has_the_exact_hessian(steps, point):
    f = lambda inputs: outputs_of(steps)(inputs)[-1]  # noqa: E731
    scale = scales_of_second_derivatives(steps, list(point))
    assume(scale < 1e8)
    hessian = np.array(wg.hessian(f)(list(point)))
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12 * scale, rtol=0)
    forward_hessian = wg.jacobian(wg.jacobian(f, mode="forward"), mode="forward")(list(point))
    np.testing.assert_allclose(hessian, forward_hessian, atol=1e-12 * scale, rtol=0)
    with mp.workdps(60):
        step = mp.mpf(10) ** -15
        for i, j in ((0, 0), (0, 1), (1, 2)):
            total = mp.mpf(0)
            for s, t in product((1, -1), repeat=2):
                shifted = [mp.mpf(x) + s * step * (k == i) + t * step * (k == j) for k, x in enumerate(point)]
                total += s * t * run(steps, shifted, MP.get)[-1]
            assert abs(hessian[i, j] - float(total / (4 * step * step))) <= 1e-11 * scale


@settings(max_examples=100, deadline=None)
@given(programs(TAME), points, st.tuples(*[st.floats(-2, 2)] * N_LEAVES), st.floats(-2, 2))
def test_pulled_and_pushed_derivatives_agree(steps, point, direction, weight):
    f = outputs_of(steps)
    x, v = list(point), list(direction)
    values, tangents = wg.jvp(f, (x,), (v,))
    assume(max(map(abs, values)) < 1e4)
    again, pullback = wg.vjp(f, x)
    weights = [weight + k for k in range(len(values))]
    (adjoints,) = pullback(weights)
    assert again == values
    scale = sum(reverse_sweep(steps, [*x, *values])[1]) * (abs(weight) + len(values)) * 10
    assert np.dot(weights, tangents) == pytest.approx(np.dot(adjoints, v), abs=1e-11 * scale)


# ---- Hessians ----


def rosenbrock(x):
    return sum(100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2 for k in range(len(x) - 1))


def rosenbrock_hessian(x):
    n = len(x)
    h = np.zeros((n, n))
    for k in range(n - 1):
        h[k, k] += 1200 * x[k] ** 2 - 400 * x[k + 1] + 2
        h[k + 1, k + 1] += 200
        h[k, k + 1] = h[k + 1, k] = -400 * x[k]
    return h


def test_rosenbrock():
    x = np.linspace(-1.0, 2.0, 7)
    expected = rosenbrock_hessian(x)
    np.testing.assert_allclose(wg.hessian(rosenbrock)(x), expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(wg.hessian(rosenbrock)(x.tolist()), expected, rtol=1e-13, atol=1e-12)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(wg.jacobian(wg.grad(rosenbrock), mode=mode)(x), expected, rtol=1e-13, atol=1e-12)
    v = np.cos(x)
    np.testing.assert_allclose(wg.hvp(rosenbrock, x, v), expected @ v, rtol=1e-13)
    third = wg.jacobian(wg.hessian(rosenbrock))(x)
    assert third.shape == (7, 7, 7)
    assert third[2, 2, 2] == pytest.approx(2400 * x[2])
    assert third[2, 3, 2] == pytest.approx(-400.0)
    assert third[2, 4, 2] == 0.0


def test_hessian_of_several_arguments_and_nests():
    f = lambda p, s: p["a"] ** 2 * s + p["b"] * s * s  # noqa: E731
    assert wg.hessian(f, (0, 1))({"a": 2.0, "b": 3.0}, 5.0) == (
        {"a": ({"a": 10.0, "b": 0.0}, 4.0), "b": ({"a": 0.0, "b": 0.0}, 10.0)},
        ({"a": 4.0, "b": 10.0}, 6.0),
    )


def test_jacobian_modes_agree():
    wide, tall = (lambda v: [sum(v)]), (lambda x: [x, wg.sin(x), x * x])
    for mode in (None, "forward", "reverse"):
        assert wg.jacobian(wide, mode=mode)([1.0, 2.0, 3.0]) == [[1.0, 1.0, 1.0]]
        assert wg.jacobian(tall, mode=mode)(2.0) == [1.0, float(wg.cos(2.0)), 4.0]
        assert wg.jacobian(lambda v: [], mode=mode)([1.0]) == []
        assert wg.jacobian(lambda v: [3.0], mode=mode)([]) == [[]]


# ---- size ----


@pytest.mark.parametrize(("kind", "n"), [(wg.grad, 1_000_000), (forward, 300_000)], ids=["reverse", "forward"])
def test_deep_chains(kind, n):
    """No recursion, and memory in proportion to the nodes."""

    def chain(x):
        for _ in range(n // 2):
            x = wg.sin(x) * 1.0000001
        return x

    def record():
        x = Var(0.5)
        derivative = kind(chain)(x)
        return derivative.data, kind(chain)(0.5), x.graph.nbytes

    with ThreadPoolExecutor(1) as pool:
        recorded, expected, nbytes = pool.submit(record).result()
    assert recorded == pytest.approx(expected, rel=1e-9)
    assert nbytes < 500 * n  # 48 bytes per node; 4.5 nodes expected per node, then the next power of two


def test_calls_do_not_grow_the_graph():
    def run_calls():
        x = Var(2.0)
        peaks = []
        for _ in range(3):
            for _ in range(1000):
                wg.grad(wg.grad(power))(2.0)
                wg.hvp(rosenbrock, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0])
                derivative = wg.grad(power)(x)
            peaks.append(x.graph.capacity)
        return derivative.data, peaks

    with ThreadPoolExecutor(1) as pool:
        derivative, peaks = pool.submit(run_calls).result()
    assert derivative == 5.0 * 2.0**4
    assert max(peaks) <= 8192


def power(x):
    return x * x * x * x * x


def test_finalizers_may_record():
    """The collector runs when it likes; it must not move nodes in the midst of a derivative."""

    class Recording:
        def __init__(self):
            self.me = self

        def __del__(self):
            for _ in range(50):
                Var(1.0) * 2.0

    thresholds = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(300):
            Recording()
            assert wg.grad(wg.grad(power))(2.0) == 160.0
            assert wg.hvp(rosenbrock, [1.0, 2.0], [1.0, 0.0]) == [402.0, -400.0]
    finally:
        gc.set_threshold(*thresholds)
