"""Is an equal operation recorded once while a function is compiled, and nothing else taken for equal?"""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import bits, eager, numbers, run, straight

import wengert as wg

OPS = [row for row in wg.ops.OPS.values() if row.name != "mul_no_nan"]
# What they make of integers are integers, or halves where two are equal: exact, so that no order of sums can be told.
EXACT = ("add", "sub", "mul", "neg", "square", "max", "min", "where", "lt", "relu", "abs")


def nodes_of(f, *arguments):
    """The numbers of the nodes that a function returns while it is recorded, and how many it recorded."""
    seen = []

    def watched(*x):
        before = len(wg.current_graph())
        results = f(*x)
        seen.append(([result.node for result in results], len(wg.current_graph()) - before))
        return results

    wg.compile(watched)(*arguments)
    return seen[0]


def determinant(x):
    """Of a matrix, row after row, by expansion along its first row, every minor anew."""
    n = math.isqrt(len(x))

    def minor(row, columns):
        if not columns:
            return 1.0
        parts = [x[n * row + c] * minor(row + 1, [d for d in columns if d != c]) for c in columns]
        return sum(part if k % 2 == 0 else -part for k, part in enumerate(parts))

    return minor(0, list(range(n)))


# ---- what is shared ----


@pytest.mark.parametrize("row", OPS, ids=lambda row: row.name)
def test_every_op_is_recorded_once(row):
    function = getattr(wg, row.name)
    x = [1.25, 0.5, 2.0][: row.arity]
    (first, again), n_nodes = nodes_of(lambda *x: [function(*x), function(*x)], *x)
    assert first == again
    assert n_nodes == (2 if row.arity == 3 else 1)


@pytest.mark.parametrize("row", [row for row in OPS if row.arity == 2], ids=lambda row: row.name)
def test_constants_are_equal_if_their_bits_are(row):
    function = getattr(wg, row.name)
    (a, b, c, d, e, f), _ = nodes_of(
        lambda x: [function(x, 0.0), function(x, -0.0), function(x, 0), function(0.0, x), function(-0.0, x), -x], 1.5
    )
    assert a == c
    assert len({a, b, d, e, f}) == 5


def test_a_constant_that_is_no_number_is_shared_too():
    (a, b, c), _ = nodes_of(lambda x: [x + np.nan, x + np.nan, x + np.inf], 1.0)
    assert a == b != c


def test_the_var_is_the_same_object():
    kept = []

    def f(x):
        kept.append(x * x is x * x)
        y = x * x
        kept.append(y is x * x)
        return y

    wg.compile(f)(3.0)
    assert kept == [True, True]


def test_operands_in_another_order_are_another_node():
    (a, b), _ = nodes_of(lambda x, y: [x - y, y - x], 1.0, 1.0)
    assert a != b


@pytest.mark.parametrize("row", [row for row in OPS if row.arity < 3][:20], ids=lambda row: row.name)
def test_eager_operations_are_recorded_as_they_come(row):
    x = [wg.Var(1.25), wg.Var(0.5)][: row.arity]
    function = getattr(wg, row.name)
    first, again = function(*x), function(*x)
    assert first is not again
    assert first.node != again.node


def test_two_recordings_do_not_share():
    outer = wg.Var(2.0)
    kept = []

    def f(x):
        kept.append(outer * 3.0)
        return x

    for k in range(2):
        wg.compile(lambda x, k=k: f(x) + k)(1.0)
    assert kept[0] is not kept[1]


def test_thousands_of_nodes_are_all_found_again():
    def f(x):
        first = [x * k for k in range(1, 3000)] + [wg.sin(x * k) for k in range(1, 3000)]
        again = [x * k for k in range(1, 3000)] + [wg.sin(x * k) for k in range(1, 3000)]
        assert all(a is b for a, b in zip(first, again, strict=True))
        return [sum(first)]

    _, n_nodes = nodes_of(f, 0.5)
    assert n_nodes == 2 * 2999 + 2 * 2999 - 1 + 1  # and the sum, which begins with 0 + x


@pytest.mark.parametrize("n", [3, 5, 7])
def test_a_recursion_records_what_is_different(n):
    _, n_nodes = nodes_of(lambda x: [determinant(x)], np.eye(n).ravel() + 1.0)
    # The inputs, which are opened late; and of every minor of k rows at most k products, signs and sums.
    assert n_nodes <= n * n + 3 * n * 2 ** (n - 1)


# ---- it stays right ----


@given(straight, st.tuples(numbers, numbers, numbers))
@settings(max_examples=200)
def test_values_of_what_is_said_twice_bit_for_bit(statements, point):
    def f(*x):
        return [*run(statements, x), *run(statements[::-1], x), *run(statements, x)]

    expected = 2 * [*eager(statements, point), *eager(statements[::-1], point)]
    assert bits(wg.compile(f)(*point)) == bits(expected[:9])


@st.composite
def exact_programs(draw):
    statements = []
    for _ in range(draw(st.integers(2, 10))):
        row = wg.ops.OPS[draw(st.sampled_from(EXACT))]
        operands = st.integers(-4, -1) | st.sampled_from([1.0, 2.0, -3.0])
        statements.append(("call", row.name, draw(st.lists(operands, min_size=row.arity, max_size=row.arity))))
    return statements


@given(exact_programs(), st.lists(st.integers(-2, 2), min_size=3, max_size=3))
@settings(max_examples=300)
def test_derivatives_of_what_is_said_twice_are_exact(statements, point):
    """Against derivatives without a program, where nothing is shared."""

    def f(x, y, z):
        values = [*run(statements, (x, y, z)), x, *run(statements, (x, y, z))]
        return sum(a * b for a, b in zip(values, values[::-1], strict=True))

    point = [float(x) for x in point]
    expected = wg.value_and_grad(f, argnums=(0, 1, 2))(*point)
    if np.all(np.abs(expected[1]) < 2.0**40) and abs(expected[0]) < 2.0**40:
        assert wg.compile(wg.value_and_grad(f, argnums=(0, 1, 2)))(*point) == expected


@pytest.mark.parametrize("n", [2, 4, 6])
def test_gradient_of_a_determinant(n):
    matrix = np.random.default_rng(n).uniform(size=(n, n)) + np.eye(n)
    value, gradient = wg.compile(wg.value_and_grad(determinant))(matrix.ravel())
    assert value == pytest.approx(np.linalg.det(matrix), rel=1e-12)
    np.testing.assert_allclose(gradient.reshape(n, n), value * np.linalg.inv(matrix).T, rtol=1e-9, atol=1e-12)


def test_hessian_of_a_determinant_against_central_differences():
    matrix = np.random.default_rng(1).uniform(size=(4, 4)) + np.eye(4)
    hessian = wg.compile(wg.hessian(determinant))(matrix.ravel())
    step, expected = 1e-5, np.empty((16, 16))
    for k in range(16):
        there, back = matrix.ravel().copy(), matrix.ravel().copy()
        there[k] += step
        back[k] -= step
        slopes = [np.linalg.det(x.reshape(4, 4)) * np.linalg.inv(x.reshape(4, 4)).T.ravel() for x in (there, back)]
        expected[:, k] = (slopes[0] - slopes[1]) / (2 * step)
    np.testing.assert_allclose(hessian, expected, atol=1e-8)


def test_choices_between_the_same_by_other_conditions():
    def f(x, y, c, d):
        return wg.where(c > 0, x, y) + 10.0 * wg.where(d > 0, x, y) + 100.0 * wg.where(c > 0, 1.0, y)

    c = wg.compile(wg.value_and_grad(f, argnums=(0, 1)))
    for signs in [(1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0)]:
        first, second = signs[0] > 0, signs[1] > 0
        value = (2.0 if first else 3.0) + 10.0 * (2.0 if second else 3.0) + 100.0 * (1.0 if first else 3.0)
        in_x = 1.0 * first + 10.0 * second
        assert c(2.0, 3.0, *signs) == (value, (in_x, 11.0 - in_x + 100.0 * (not first)))


def test_a_leaf_that_changes_is_another_number():
    def f(x):
        v = wg.Var(2.0)
        first = v * x
        v.data = 5.0
        return first, v * x

    seen = []

    def watched(x):
        first, second = f(x)
        seen.append(first is second)
        return second > 12.0, second

    assert wg.compile(watched)(3.0) == (1.0, 15.0)
    assert seen == [False]


def test_branches_on_the_same_comparison():
    def f(x, y):
        first = x if x * y > 1.0 else -x
        second = y if x * y > 1.0 else -y
        return first + 10.0 * second

    c = wg.compile(f)
    for x, y in [(2.0, 3.0), (0.5, 0.5), (2.0, 0.25), (-2.0, -3.0)]:
        assert c(x, y) == f(x, y)


# ---- functions within the function ----


def cubic(x):
    return x * x * x


def test_derivatives_within_share_nothing_with_their_inputs():
    def f(x):
        y = x * x
        first = wg.grad(lambda z: z * z * x)(x)  # 2 x^2
        second = wg.grad(lambda z: z * z * x)(x)
        third = wg.grad(lambda z: x * x * z)(x)  # x^2
        return y + first + 10.0 * second + 100.0 * third

    c = wg.compile(wg.value_and_grad(f))
    for x in (1.0, 3.0):
        assert c(x) == (x * x * (1 + 2 + 20 + 100), 2 * x * 123)


def test_nested_derivatives():
    f = wg.grad(wg.grad(wg.grad(lambda x: cubic(x) * cubic(x))))
    c = wg.compile(lambda x: f(x) + f(x) * f(x))
    for x in (1.0, 2.0):
        assert c(x) == 120 * x**3 + (120 * x**3) ** 2


def test_nodes_that_were_dropped_are_not_found():
    """The body of a loop is dropped at its end, and other nodes get the numbers of its nodes."""
    kept = []

    def f(x, y):
        def step(carry, _):
            for k in range(8, 40):
                carry = carry + 0.0 * wg.cos(carry * k)
            inside = wg.sin(x * 7.0)
            kept.append(inside.node)
            return carry + inside, None

        last, _ = wg.scan(step, y, None, length=2)
        kept.append(len(wg.current_graph()))
        for k in (7, 5, 6):
            last = last + wg.sin(x * k)
        return last

    expected = 0.5 + 3.0 * math.sin(0.25 * 7) + math.sin(0.25 * 5) + math.sin(0.25 * 6)
    assert wg.compile(f)(0.25, 0.5) == pytest.approx(expected, rel=1e-15)
    assert kept[0] >= kept[-1]  # it was dropped


def test_what_a_choice_chose_is_part_of_it():
    def f(x, y, c, d):
        return [wg.where(condition, x, y) for condition in (c, d)]

    _, n_nodes = nodes_of(f, 1.0, 2.0, 1.0, 0.0)
    assert n_nodes == 4
    _, n_nodes = nodes_of(f, 1.0, 2.0, 1.0, 1.0)
    assert n_nodes == 3


def test_a_body_does_not_share_with_what_is_around():
    shared = []

    def f(x, y):
        around = x * y

        def step(carry, _):
            shared.append(x * y is around)
            return carry * (x * y) + wg.sin(x * y), x * y

        last, every = wg.scan(step, x, None, length=4)
        return last + around + np.sum(every) + x * y

    def plain(x, y):
        carry = x
        for _ in range(4):
            carry = carry * (x * y) + wg.sin(x * y)
        return carry + 6.0 * (x * y)

    expected, slopes = wg.value_and_grad(plain, argnums=(0, 1))(0.7, 1.3)
    for transformed in (wg.value_and_grad(f, argnums=(0, 1)), wg.compile(wg.value_and_grad(f, argnums=(0, 1)))):
        value, gradient = transformed(0.7, 1.3)
        assert value == pytest.approx(expected, rel=1e-14)
        assert gradient == pytest.approx(slopes, rel=1e-13)
    assert shared
    assert not any(shared)


def test_lanes_and_what_is_uniform():
    def f(w, rows):
        return w * w + np.sum(wg.vmap(lambda row: row * (w * w) + row * (w * w))(rows)) + w * w

    rows = np.array([1.0, 2.0, 3.0])
    c = wg.compile(wg.value_and_grad(f))
    for w in (2.0, -3.0):
        assert c(w, rows) == (14.0 * w * w, 28.0 * w)


# ---- the order of uniform code ----


def instructions(program):
    """The ops of a program in their order."""
    return [line.split(" = ")[1].split()[0] for line in str(program).splitlines() if " = " in line]


def changes(names):
    return sum(a != b for a, b in pairwise(names))


def test_irregular_code_is_sorted_and_regular_code_is_not():
    matrix = np.random.default_rng(0).uniform(size=49)
    c = wg.compile(wg.value_and_grad(determinant))
    c(matrix)
    names = instructions(c.program(matrix))
    assert len(names) > 1000
    assert changes(names) < len(names) / 4

    def regular(x):
        return sum(100.0 * (x[k + 1] - x[k] ** 2) ** 2 + wg.exp(1.0 - x[k]) for k in range(99))

    c = wg.compile(wg.value_and_grad(regular))
    x = np.linspace(0.0, 1.0, 100)
    c(x)
    names = instructions(c.program(x))
    assert changes(names) > len(names) / 2


@pytest.mark.parametrize("seed", range(12))
def test_long_random_functions_bit_for_bit(seed):
    """Long enough to be sorted in more than one window, with guards that fail at other points."""
    rng = np.random.default_rng(seed)
    rows = [row for row in OPS if row.name not in ("signbit", "copysign")]  # which see the sign of a NaN
    statements = []
    for _ in range(4000):
        row = rows[rng.integers(len(rows))]
        arguments = [int(-rng.integers(1, 60)) if rng.random() < 0.9 else float(rng.normal()) for _ in range(row.arity)]
        statements.append(("call", row.name, arguments))

    def f(*x):
        values = [*x]
        for start in range(0, len(statements), 200):
            for statement in statements[start : start + 200]:
                values.append(run([statement], values)[-1])
            if values[-1] > values[-2]:
                values.append(values[-1] + 1.0)
        return values[60:]

    c = wg.compile(f)
    for point in rng.normal(size=(3, 60)):
        results = f(*[wg.Var(float(x)) for x in point])
        expected = [result.data if isinstance(result, wg.Var) else float(result) for result in results]
        assert bits(c(*map(float, point))) == bits(expected)
    assert c.program(*map(float, point)).n_instructions > 2048
