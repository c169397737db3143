"""Does every row of the op table mean what it says, in every build, recorded or not?"""

from itertools import combinations, product
from math import inf, isnan, nan
from zlib import crc32

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp

import wengert as wg
from wengert import reference
from wengert._core import builds
from wengert.ops import NODES_WITHOUT_OP, OPS

ROWS = list(OPS.values())
BUILDS = builds.available_builds()
FMA_BUILDS = [build for build in BUILDS if build != "baseline"]
SPECIAL = [nan, inf, -inf, 0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, 2.0, -3.0, 0.5, 1e300, -1e300]

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_build = pytest.mark.parametrize("build", BUILDS)

# The reference's product x * erfc(-x / sqrt(2)) loses 2 * x**2 half-units to the rounding of its argument.
# SciPy's ndtr and log_ndtr do likewise; C's lgamma and SciPy's digamma and zeta cancel below 0.
VALUE_RTOL = {"gelu": 2e-13, "ndtr": 1e-13, "log_ndtr": 1e-13, "polygamma": 1e-12, "trigamma": 1e-12}
VALUE_ATOL = {"gammaln": 1e-14, "digamma": 1e-13}
SLOPE_RTOL = {"trigamma": 1e-11, "polygamma": 1e-11}
SLOPE_ATOL = {"gammaln": 1e-12, "digamma": 1e-12}
# Below 0 two terms cancel in ours, too: the error is small against them.
MP_ATOL = {"gammaln": 2e-15, "digamma": 1e-13}
MP_RTOL = {"polygamma": 4e-15, "trigamma": 1e-15}

# The smooth ops once more, in other words: witnesses that share no formula with the table.
MP = {
    "add": mpmath.fadd, "sub": mpmath.fsub, "mul": mpmath.fmul, "div": mpmath.fdiv, "neg": mpmath.fneg,
    "pow": mpmath.power, "square": lambda x: x**2, "reciprocal": lambda x: x**-1, "sqrt": mpmath.sqrt,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), "hypot": mpmath.hypot,
    "exp": mpmath.exp, "exp2": lambda x: mpmath.power(2, x), "expm1": mpmath.expm1,
    "log": mpmath.log, "log2": lambda x: mpmath.log(x, 2), "log10": mpmath.log10, "log1p": mpmath.log1p,
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos,
    "atan": mpmath.atan, "atan2": mpmath.atan2, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh,
    "asinh": mpmath.asinh, "acosh": mpmath.acosh, "atanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)), "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.ncdf(x), "erf": mpmath.erf, "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "ndtr": mpmath.ncdf, "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "logit": lambda x: mpmath.log(x / (1 - x)), "log_expit": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
    "gammaln": lambda x: mpmath.log(abs(mpmath.gamma(x))), "digamma": mpmath.digamma,
    "trigamma": lambda x: mpmath.psi(1, x), "polygamma": lambda n, x: mpmath.psi(int(n), x),
    "xlogy": lambda x, y: x * mpmath.log(y), "xlog1py": lambda x, y: x * mpmath.log(1 + y),
    "deg2rad": mpmath.radians, "rad2deg": mpmath.degrees,
}  # fmt: skip

# The others are made of pieces: (value, slopes) on each side of the kink, at points inside a piece.
PIECES = {
    "mod": [((7.5, 2.0), 1.5, (1, -3)), ((-7.5, 2.0), 0.5, (1, 4)), ((7.5, -2.0), -0.5, (1, 4))],
    "floordiv": [((7.5, 2.0), 3.0, (0, 0)), ((-7.5, 2.0), -4.0, (0, 0)), ((1.0, 0.1), 9.0, (0, 0))],
    "relu": [((2.0,), 2.0, (1,)), ((-2.0,), 0.0, (0,))],
    "leaky_relu": [((2.0, 0.25), 2.0, (1, 0)), ((-2.0, 0.25), -0.5, (0.25, -2.0))],
    "elu": [((2.0, 0.25), 2.0, (1, 0)), ((-np.log(2), 0.5), -0.25, (0.25, -0.5))],
    "abs": [((2.0,), 2.0, (1,)), ((-2.0,), 2.0, (-1,))],
    "sign": [((2.0,), 1.0, (0,)), ((-2.0,), -1.0, (0,)), ((0.0,), 0.0, (0,))],
    "floor": [((2.5,), 2.0, (0,)), ((-2.5,), -3.0, (0,))],
    "ceil": [((2.5,), 3.0, (0,)), ((-2.5,), -2.0, (0,))],
    "round": [((2.4,), 2.0, (0,)), ((2.5,), 2.0, (0,)), ((3.5,), 4.0, (0,)), ((-2.6,), -3.0, (0,))],
    "trunc": [((2.5,), 2.0, (0,)), ((-2.5,), -2.0, (0,))],
    "fmin": [((1.0, 2.0), 1, (1, 0)), ((2.0, 1.0), 1, (0, 1)), ((nan, 1.0), 1, (0, 1)), ((1.0, nan), 1, (1, 0))],
    "fmax": [((1.0, 2.0), 2, (0, 1)), ((2.0, 1.0), 2, (1, 0)), ((nan, 1.0), 1, (0, 1)), ((1.0, nan), 1, (1, 0))],
    "copysign": [((2.0, -3.0), -2.0, (-1, 0)), ((-2.0, -0.0), -2.0, (1, 0)), ((-2.0, 3.0), 2.0, (-1, 0))],
    "heaviside": [((-1.0, 0.25), 0.0, (0, 0)), ((0.0, 0.25), 0.25, (0, 1)), ((1.0, 0.25), 1.0, (0, 0))],
    "isnan": [((nan,), 1.0, (0,)), ((inf,), 0.0, (0,)), ((1.0,), 0.0, (0,))],
    "isfinite": [((nan,), 0.0, (0,)), ((-inf,), 0.0, (0,)), ((1.7e308,), 1.0, (0,)), ((0.0,), 1.0, (0,))],
    "isinf": [((nan,), 0, (0,)), ((-inf,), 1, (0,)), ((inf,), 1, (0,)), ((1.7e308,), 0, (0,)), ((0.0,), 0, (0,))],
    "signbit": [((-0.0,), 1.0, (0,)), ((0.0,), 0.0, (0,)), ((-inf,), 1.0, (0,)), ((5.0,), 0.0, (0,))],
    "min": [((1.0, 2.0), 1.0, (1, 0)), ((2.0, 1.0), 1.0, (0, 1))],
    "max": [((1.0, 2.0), 2.0, (0, 1)), ((2.0, 1.0), 2.0, (1, 0))],
    "where": [((1.0, 2.0, 3.0), 2.0, (0, 1, 0)), ((0.0, 2.0, 3.0), 3.0, (0, 0, 1)), ((nan, 2.0, 3.0), 2.0, (0, 1, 0))],
    "mul_no_nan": [((2.0, 3.0), 6.0, (3, 2)), ((0.0, inf), 0.0, (inf, 0)), ((-inf, 0.0), 0.0, (0, -inf))],
    "stop_gradient": [((2.0,), 2.0, (0,))],
    "logical_not": [((2.0,), 0.0, (0,)), ((0.0,), 1.0, (0,))],
}  # fmt: skip
TRUTH = {"lt": "100", "le": "110", "gt": "001", "ge": "011", "eq": "010", "ne": "101"}
for name, truth in TRUTH.items():
    PIECES[name] = [((1.0, b), float(t), (0, 0)) for b, t in zip((2.0, 1.0, 0.5), truth, strict=True)]
for name, truth in {"logical_and": "0001", "logical_or": "0111", "logical_xor": "0110"}.items():
    PIECES[name] = [(ab, float(t), (0, 0)) for ab, t in zip(product((0.0, 2.0), repeat=2), truth, strict=True)]


def ordinary_arguments(row, n=400):
    """Random points of moderate size inside the domain, one array per argument."""
    rng = np.random.default_rng(crc32(row.name.encode()))
    points = [rng.uniform(max(low, -9.0), min(high, 9.0), n) for low, high in row.domain]
    return [np.floor(x) if k in row.orders else x for k, x in enumerate(points)]


def sloped(row):
    """The arguments in which it has slopes."""
    return [k for k in range(row.arity) if k not in row.orders]


def special_arguments(row):
    return [np.array(column) for column in zip(*product(SPECIAL, repeat=row.arity), strict=True)]


def same_bits(a, b):
    """Equal, the signs of zeros included; any NaN is as good as another."""
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a)[a == 0], np.signbit(b)[a == 0])


def referred(function, arguments):
    """A function of the reference over arrays."""
    return np.array([function(*point) for point in zip(*arguments, strict=True)]).T


def mp_slope(name, point, k):
    """A derivative by central differences in 60 digits: 40 of them are right."""
    step = mp.mpf(10) ** -20

    def at(shift):
        return MP[name](*[mp.mpf(x) + shift * (j == k) for j, x in enumerate(point)])

    with mp.workdps(60):
        return float((at(step) - at(-step)) / (2 * step))


# ---- the table itself ----


def test_codes_count_through_the_table():
    assert [row.code for row in ROWS] == list(range(len(NODES_WITHOUT_OP), len(NODES_WITHOUT_OP) + len(ROWS)))


def test_every_op_has_a_witness():
    assert {*MP, *PIECES} == set(OPS)
    assert not set(MP) & set(PIECES)


@pytest.mark.parametrize("row", [row for row in ROWS if row.arity == 2], ids=lambda row: row.name)
def test_arguments_commute_where_the_table_says_so(row):
    """To the last bit, except for what a NaN carries; and no op that would commute is forgotten."""
    pairs = np.array(list(product(SPECIAL, repeat=2)))
    there, back = (builds.kernels.evaluate(row.name, a, b)[0] for a, b in (pairs.T, pairs.T[::-1]))
    same = (there.view(np.int64) == back.view(np.int64)) | (np.isnan(there) & np.isnan(back))
    if row.commutes:
        assert same.all()
    else:
        assert row.name in ("hypot", "logaddexp", "min", "max") or not same.all()


@every_row
def test_row_is_documented_and_public(row):
    assert row.doc.endswith(".")
    assert row.name in wg.__all__
    assert row.doc in getattr(wg, row.name).__doc__


# ---- values ----


@every_build
@every_row
def test_values_match_the_reference(row, build):
    arguments = ordinary_arguments(row)
    ours = builds.load(build).evaluate(row.name, *arguments)[0]
    theirs = referred(lambda *point: reference.value(row.name, *point), arguments)
    rtol, atol = VALUE_RTOL.get(row.name, 1e-14), VALUE_ATOL.get(row.name, 0)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


@every_build
@every_row
def test_special_values_match_the_reference(row, build):
    arguments = special_arguments(row)
    ours = builds.load(build).evaluate(row.name, *arguments)[0]
    theirs = referred(lambda *point: reference.value(row.name, *point), arguments)
    for point, mine, their in zip(zip(*arguments, strict=True), ours, theirs, strict=True):
        assert mine == pytest.approx(their, rel=1e-14, abs=0, nan_ok=True), point
        assert their != 0 or np.signbit(mine) == np.signbit(their), point


@pytest.mark.parametrize("name", MP)
def test_values_match_mpmath(name):
    arguments = [column[:60] for column in ordinary_arguments(OPS[name])]
    ours = builds.kernels.evaluate(name, *arguments)[0]
    with mp.workdps(40):
        exact = [float(MP[name](*map(mp.mpf, point))) for point in zip(*arguments, strict=True)]
    rtol, atol = MP_RTOL.get(name, 5e-16), MP_ATOL.get(name, 0)  # two ulp at most
    np.testing.assert_allclose(ours, exact, rtol=rtol, atol=atol)


OUTSIDE = [
    (row.name, [*[0.75] * k, bound + side * 0.5, *[0.75] * (row.arity - k - 1)])
    for row in ROWS
    for k, bounds in enumerate(row.domain)
    for bound, side in zip(bounds, (-1, 1), strict=True)
    if np.isfinite(bound)
]


@every_build
@pytest.mark.parametrize(("name", "point"), OUTSIDE)
def test_outside_the_domain_is_nan(name, point, build):
    assert isnan(builds.load(build).evaluate(name, *point)[0])


@pytest.mark.parametrize("name", PIECES)
@every_build
def test_pieces(name, build):
    for point, value, slopes in PIECES[name]:
        results = builds.load(build).evaluate(name, *point)
        assert [float(x) for x in results] == pytest.approx([value, *slopes], rel=1e-15), point


# ---- slopes ----


@every_build
@every_row
def test_slopes_match_the_reference(row, build):
    for arguments in (ordinary_arguments(row), special_arguments(row)):
        ours = builds.load(build).evaluate(row.name, *arguments)[1:]
        theirs = referred(lambda *point: reference.slopes(row.name, *point), arguments)
        for mine, their in zip(ours, theirs, strict=True):
            # 1 - y*y and y*(1 - y) carry the last bit of y: an absolute error.
            rtol, atol = SLOPE_RTOL.get(row.name, 1e-13), SLOPE_ATOL.get(row.name, 1e-15)
            np.testing.assert_allclose(mine, their, rtol=rtol, atol=atol)


# These jump too often for differences, or have a slope that is no derivative: test_pieces has them.
NO_DIFFERENCES = ("mod", "floordiv", "stop_gradient")


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in NO_DIFFERENCES], ids=lambda row: row.name)
def test_slopes_match_numerical_ones(row):
    """Against the complex step through the reference where the op is analytic, else against differences."""
    arguments = [column[:60] for column in ordinary_arguments(row)]
    ours = builds.kernels.evaluate(row.name, *arguments)[1:]
    for point, *slopes in zip(zip(*arguments, strict=True), *ours, strict=True):
        for k, slope in [(k, slopes[k]) for k in sloped(row)]:
            try:
                stepped = [x + 1e-30j * (j == k) for j, x in enumerate(point)]
                expected = complex(reference.value(row.name, *stepped)).imag / 1e-30
            except TypeError:
                expected = mp_slope(row.name, point, k) if row.name in MP else piecewise_slope(row, point, k)
            assert slope == pytest.approx(expected, rel=1e-12, abs=SLOPE_ATOL.get(row.name, 1e-15)), (point, k)


def piecewise_slope(row, point, k, step=2.0**-20):
    above, below = (reference.value(row.name, *[x + s * (j == k) for j, x in enumerate(point)]) for s in (step, -step))
    return (above - below) / (2 * step)


@pytest.mark.parametrize("name", MP)
def test_slopes_match_mpmath(name):
    arguments = [column[:20] for column in ordinary_arguments(OPS[name])]
    ours = builds.kernels.evaluate(name, *arguments)[1:]
    for point, *slopes in zip(zip(*arguments, strict=True), *ours, strict=True):
        expected = [mp_slope(name, point, k) for k in sloped(OPS[name])]
        given = [slopes[k] for k in sloped(OPS[name])]
        assert given == pytest.approx(expected, rel=1e-13, abs=SLOPE_ATOL.get(name, 1e-15)), point


def test_slope_in_an_order_is_nan():
    """Nobody mistakes it for a derivative that is zero."""
    for row in ROWS:
        slopes = builds.kernels.evaluate(row.name, *ordinary_arguments(row))[1:]
        assert [k for k, slope in enumerate(slopes) if np.isnan(slope).all()] == list(row.orders)


@pytest.mark.parametrize(("name", "point", "slopes"), [(r.name, p, s) for r in ROWS for p, s in r.kinks.items()])
@every_build
def test_slopes_at_kinks_are_those_of_the_table(name, point, slopes, build):
    assert tuple(builds.load(build).evaluate(name, *point)[1:]) == slopes


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.1), (6.0, 0.1), (-1.0, 0.1), (7.0, 0.7), (5.0, 2.0), (-5.5, 2.0)])
def test_slope_of_mod_is_the_quotient(a, b):
    """Also where a / b rounds up to an integer that a does not reach."""
    assert builds.kernels.evaluate("mod", a, b)[2] == -(a // b)


# ---- builds ----


@every_row
def test_builds_with_fma_agree_bit_for_bit(row):
    if len(FMA_BUILDS) < 2:
        pytest.skip("one build with FMA on this machine")
    for arguments in (ordinary_arguments(row), special_arguments(row)):
        results = [builds.load(build).evaluate(row.name, *arguments) for build in FMA_BUILDS]
        for one, other in combinations(results, 2):
            assert all(map(same_bits, one, other))


@every_row
def test_baseline_build_agrees_to_rounding(row):
    arguments = ordinary_arguments(row)
    for one, other in combinations([builds.load(build).evaluate(row.name, *arguments) for build in BUILDS], 2):
        for mine, their in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, their, rtol=1e-14, atol=1e-15)


def test_unknown_build_is_refused():
    with pytest.raises(ImportError, match="sse9"):
        builds.load("sse9")


# ---- recorded ----


@every_row
def test_recorded_value_and_slopes_are_the_kernels(row):
    """With vars in any of the places, and numbers in the others."""
    places = range(row.arity)
    choices = [c for size in places for c in combinations(places, size + 1)]
    rows = [*zip(*(column[:10] for column in ordinary_arguments(row)), strict=True)]
    rows += [*zip(*special_arguments(row), strict=True)][:: 1 + len(SPECIAL) ** row.arity // 60]
    for point in rows:
        value, *slopes = builds.kernels.evaluate(row.name, *point)
        assert same_bits(np.array(getattr(wg, row.name)(*point)), value)
        for chosen in choices:
            arguments = [wg.Var(x) if k in chosen else x for k, x in enumerate(point)]
            y = getattr(wg, row.name)(*arguments)
            assert same_bits(np.array(y.data), value), point
            y.backward()
            for k in chosen:
                assert same_bits(np.array(arguments[k].grad), slopes[k] + 0.0), (point, k)


@pytest.mark.parametrize("row", [r for r in ROWS if r.numpy != "-"], ids=lambda row: row.name)
def test_numpy_function_records_the_same_op(row):
    ufunc = getattr(np, row.numpy)
    point = [2.0 if row.name == "acosh" else 0.5] + [2.0] * (row.arity - 1)
    for vars_at in [c for size in range(row.arity) for c in combinations(range(row.arity), size + 1)]:
        for number in (float, np.float64, np.float32, np.array):
            y = ufunc(*[wg.Var(x) if k in vars_at else number(x) for k, x in enumerate(point)])
            assert y.graph.op[y.node] == row.code
            assert y.data == getattr(wg, row.name)(*point)


OPERANDS = {"logical_and": np.True_, "logical_or": np.True_}
MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}  # 1 < v is v > 1 to Python


@pytest.mark.parametrize("row", [r for r in ROWS if r.infix], ids=lambda row: row.name)
def test_operator_records_the_op(row):
    names = {"v": wg.Var(3.0), "i": 3, "f": 3.0, "n": OPERANDS.get(row.name, np.float64(3.0))}
    if row.name == "square":
        expressions = ["v**2", "v**2.0"]
    elif row.arity == 1:
        expressions = [f"{row.infix}v"]
    else:
        expressions = [f"{one} {row.infix} {other}" for one, other in ("vv", "vi", "vf", "vn", "iv", "fv", "nv")]
    for expression in expressions:
        y = eval(expression, names)
        assert type(y) is wg.Var, expression
        codes = {row.code, OPS[MIRRORED.get(row.name, row.name)].code}
        assert y.graph.op[y.node] in codes, expression
        assert y._op in {OPS[name].infix for name in (row.name, MIRRORED.get(row.name, row.name))}


@pytest.mark.parametrize("row", [r for r in ROWS if r.defaults], ids=lambda row: row.name)
def test_defaults_are_those_of_the_table(row):
    function = getattr(wg, row.name)
    assert function(-1.5) == function(-1.5, *row.defaults)
    assert function(wg.Var(-1.5)).data == function(-1.5)


def test_zero_adjoint_is_strong():
    """The branch that was not taken gets an exact zero, also where its own slope is infinite."""
    x = wg.Var(0.0)
    wg.where(x > 0, wg.log(x), x).backward()
    assert x.grad == 1.0


# ---- random programs ----

N_LEAVES = 3


@st.composite
def programs(draw, names):
    """A list of (op name, numbers of earlier nodes); the first nodes are leaves, and nodes are shared."""
    steps = []
    for k in range(draw(st.integers(1, 12))):
        row = OPS[draw(st.sampled_from(names))]
        # Arguments near the end make deep programs, those anywhere make shared nodes.
        some = st.one_of(st.integers(max(0, N_LEAVES + k - 3), N_LEAVES + k - 1), st.integers(0, N_LEAVES + k - 1))
        steps.append((row.name, tuple(draw(some) for _ in range(row.arity))))
    return steps


def run(steps, leaves, functions):
    nodes = list(leaves)
    for name, arguments in steps:
        nodes.append(functions(name)(*[nodes[k] for k in arguments]))
    return nodes


def reverse_sweep(steps, values):
    """Adjoints of the leaves by the chain rule in plain Python, and with absolute values a scale of their errors."""
    adjoints, scales = np.zeros(len(values)), np.zeros(len(values))
    adjoints[-1] = scales[-1] = 1.0
    for number, (name, arguments) in reversed([*enumerate(steps, N_LEAVES)]):
        if adjoints[number] or scales[number]:
            for k, slope in zip(arguments, reference.slopes(name, *[values[k] for k in arguments]), strict=True):
                adjoints[k] += slope * adjoints[number] if slope and adjoints[number] else 0.0
                scales[k] += (abs(slope) + 1) * scales[number]
    return adjoints[:N_LEAVES], scales[:N_LEAVES]


points = st.tuples(*[st.floats(-4, 4).map(lambda x: round(x, 3))] * N_LEAVES)


@settings(max_examples=400, deadline=None)
@given(programs(sorted(OPS)), points)
def test_random_program_has_the_reference_value_and_gradient(steps, point):
    leaves = [wg.Var(x) for x in point]
    nodes = run(steps, leaves, lambda name: getattr(wg, name))
    values = [v.data for v in nodes]
    assume(np.all(np.abs(values) < 1e30))
    for (name, arguments), value in zip(steps, values[N_LEAVES:], strict=True):
        # Against the reference at our own arguments: a last bit before a floor or a comparison changes everything.
        expected = reference.value(name, *[values[k] for k in arguments])
        assert value == pytest.approx(expected, rel=1e-11, abs=1e-300), name
    adjoints, scales = reverse_sweep(steps, values)
    assume(np.all(scales < 1e30))
    nodes[-1].backward()
    as_inputs = wg.grad(lambda inputs: run(steps, inputs, lambda name: getattr(wg, name))[-1])([*point])
    for leaf, derivative, adjoint, scale in zip(leaves, as_inputs, adjoints, scales, strict=True):
        assert abs(leaf.grad - adjoint) <= 1e-11 * scale
        assert abs(derivative - adjoint) <= 1e-11 * scale


TAME = ["add", "sub", "mul", "sin", "cos", "tanh", "sigmoid", "atan", "asinh", "erf", "softplus", "silu", "gelu"]


@settings(max_examples=100, deadline=None)
@given(programs(TAME), points)
def test_random_smooth_program_has_the_exact_gradient(steps, point):
    leaves = [wg.Var(x) for x in point]
    nodes = run(steps, leaves, lambda name: getattr(wg, name))
    assume(max(abs(v.data) for v in nodes) < 1e4)
    nodes[-1].backward()
    _, scales = reverse_sweep(steps, [v.data for v in nodes])
    with mp.workdps(60):
        for k, leaf in enumerate(leaves):
            step = mp.mpf(10) ** -20
            above, below = (
                run(steps, [mp.mpf(x) + s * (j == k) for j, x in enumerate(point)], MP.get)[-1] for s in (step, -step)
            )
            assert abs(leaf.grad - float((above - below) / (2 * step))) <= 1e-10 * scales[k]
