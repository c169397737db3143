"""Does a compiled function take the branch that the function would have taken, on every input?"""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import bits, branching, eager, numbers, run

import wengert as wg

# ---- whatever Python has ----


def halvings(x):
    while x > 1.0:
        x = x / 2.0
    return x * x


def bisection(target):
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) * 0.5
        if middle * middle == target:
            break
        if middle * middle < target:
            low = middle
        else:
            high = middle
    return low + 0.0 * target


def ackermann_like(x, depth=6):
    if depth == 0 or x < 0.0:
        return x
    return ackermann_like(x - 1.0, depth - 1) * 2.0


def first_above(x):
    total = 0.0
    for k in range(10):
        total = total + x * k
        if total > 20.0:
            break
    else:
        return -total
    return total


def clipped(x):
    return max(min(x, 2.0), -2.0)


def chained(x):
    return x * 3.0 if -1.0 < x <= 1.0 else x


def either(x):
    return 1.0 * x if (x < -1.0 or x > 1.0) and x != 3.0 else -x


def middle_of_three(x):
    return sorted([x, 1.0, x * x])[1]


def truthy(x):
    return x + 1.0 if x else x - 1.0


def in_a_list(x):
    return x * 5.0 if x in [1.0, 2.0] else x


def raises_for_some(x):
    if x > 2.0:
        raise ValueError("too large")
    return x * 2.0


FUNCTIONS = [
    halvings,
    bisection,
    ackermann_like,
    first_above,
    clipped,
    chained,
    either,
    middle_of_three,
    truthy,
    in_a_list,
]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 7.5, -2.5, 100.0, 1e-3, 2.25]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_plain_python_branches_replay(f):
    compiled, mapped = wg.compile(f), wg.compile(wg.vmap(f))
    wanted = [float(f(x)) for x in POINTS]
    for _ in range(2):
        assert bits(compiled(x) for x in POINTS) == bits(wanted)
        assert bits(mapped(np.array(POINTS))) == bits(wanted)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients_follow_the_branches(f):
    compiled, mapped = wg.compile(wg.value_and_grad(f)), wg.compile(wg.vmap(wg.value_and_grad(f)))
    values, slopes = mapped(np.array(POINTS))
    for k, x in enumerate(POINTS):
        value, slope = wg.value_and_grad(f)(x)
        assert compiled(x) == pytest.approx((value, slope), rel=1e-14)
        assert (values[k], slopes[k]) == pytest.approx((value, slope), rel=1e-14)


def test_derivative_of_a_derivative_in_a_branch():
    def f(x):
        slope = wg.grad(lambda t: t**3 if t > 0.0 else t**2)(x)
        return slope * x if slope > 1.0 else -slope

    for x in (2.0, -2.0, 0.1, -0.1):
        slope = 3 * x**2 if x > 0 else 2 * x
        curvature = 6 * x if x > 0 else 2.0
        wanted = slope + curvature * x if slope > 1 else -curvature
        assert wg.grad(f)(x) == pytest.approx(wanted)
        assert wg.compile(wg.grad(f))(x) == pytest.approx(wanted)
    compiled = wg.compile(wg.grad(f))
    assert [compiled(x) for x in (2.0, -2.0, 0.1)] == pytest.approx([3 * 4 + 12 * 2.0, -2.0, -0.6])


def test_another_path_may_raise_and_return_another_nest():
    c = wg.compile(raises_for_some)
    assert c(1.0) == 2.0
    for _ in range(2):
        with pytest.raises(ValueError, match="too large"):
            c(3.0)
    assert c(1.5) == 3.0
    other = wg.compile(lambda x: (x, x) if x > 0.0 else {"a": x})
    assert other(1.0) == (1.0, 1.0)
    assert other(-1.0) == {"a": -1.0}
    assert other(2.0) == (2.0, 2.0)
    with pytest.raises(wg.TracingError, match="different forms"):
        wg.vmap(lambda x: (x, x) if x > 0.0 else x)(np.array([1.0, -1.0]))


def test_paths_that_need_other_shapes():
    """One way only maps an array, the other looks at its elements: what fits the one may not fit the other."""

    def f(p, x):
        if p > 0.0:
            return np.sum(wg.vmap(lambda e: e * 2.0)(x))
        return x[0] - x[-1] + len(x)

    c = wg.compile(f)
    for p in (1.0, -1.0):
        for n in (3, 5, 1, 3):
            x = np.arange(1.0, n + 1.0)
            assert c(p, x) == (2.0 * x.sum() if p > 0 else 1.0 - n + n)


# ---- too many ways ----


def steps(x):
    n = 0
    while x > n:
        n += 1
    return x * n


def test_more_paths_than_are_kept():
    c = wg.compile(steps, max_paths=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [c(x) for x in (0.5, 1.5, 2.5)] == [0.5, 3.0, 7.5]
    assert c.cache_info().paths == 3
    with pytest.warns(wg.TooManyPathsWarning, match="steps.*max_paths"):
        assert c(5.5) == 33.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # told once
        assert c(6.5) == 45.5
        assert c(1.5) == 3.0
    assert c.cache_info().paths == 3


def test_more_paths_in_lanes_than_are_kept():
    x = np.linspace(-1.0, 9.0, 50)
    mapped = wg.compile(wg.vmap(lambda x: {"y": steps(x), "z": (x, 2.0)}), max_paths=2)
    with pytest.warns(wg.TooManyPathsWarning):
        result = mapped(x)
    np.testing.assert_array_equal(result["y"], [steps(float(e)) for e in x])
    np.testing.assert_array_equal(result["z"][0], x)
    np.testing.assert_array_equal(result["z"][1], 2.0)


def test_eager_evaluation_has_the_arithmetic_of_vars():
    """1 / 0 is infinity there too, and exp has the same bits."""

    def f(x):
        return np.exp(x / 3.0) + 1.0 / (x - x) if x > 1.0 else x

    c = wg.compile(f, max_paths=1)
    assert c(0.0) == 0.0
    with pytest.warns(wg.TooManyPathsWarning):
        assert c(2.0) == math.inf
    g = wg.compile(lambda x: np.exp(x / 3.0) if x > 1.0 else x, max_paths=1)
    g(0.0)
    with pytest.warns(wg.TooManyPathsWarning):
        assert g(2.0) == wg.exp(2.0 / 3.0)


def test_lanes_within_a_function_that_go_different_ways():
    def f(p, x):
        return np.mean(wg.vmap(lambda p, e: p * e if e > 0.0 else e * e, in_axes=(None, 0))(p, x))

    c = wg.compile(wg.value_and_grad(f))
    assert c(2.0, np.array([1.0, 2.0, 3.0])) == (4.0, 2.0)
    assert c(2.0, np.array([-1.0, -2.0])) == (2.5, 0.0)
    with pytest.warns(wg.TooManyPathsWarning, match="cannot be replayed"):
        assert c(2.0, np.array([1.0, -2.0])) == (3.0, 0.5)


def test_a_function_that_is_never_twice_the_same_is_not_replayed_wrongly():
    outcomes = iter([True, False] * 100)

    def f(x):
        return x + 1.0 if (x > 0.0) == next(outcomes) else x - 1.0

    c = wg.compile(f, max_paths=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wg.TooManyPathsWarning)
        assert all(c(x) in (x + 1.0, x - 1.0) for x in (1.0, -1.0, 2.0, -2.0))


# ---- at random ----


@given(branching, st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=8))
@settings(max_examples=250)
def test_random_branches_replay_bit_for_bit(statements, points):
    wanted = [eager(statements, point) for point in points]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wg.TooManyPathsWarning)
        single = wg.compile(lambda *x: run(statements, x), max_paths=5)
        for point, one in zip(points, wanted, strict=True):
            assert bits(single(*point)) == bits(one)
        for point, one in zip(points, wanted, strict=True):
            assert bits(single(*point)) == bits(one)
        # The number of results may differ from path to path, but not from lane to lane.
        if len({len(one) for one in wanted}) == 1:
            mapped = wg.compile(wg.vmap(lambda *x: run(statements, x)), max_paths=5)
            columns = mapped(*np.array(points).T)
            for k, one in enumerate(wanted):
                assert bits(column[k] for column in columns) == bits(one)


def test_paths_are_found_by_several_threads_at_once():
    def f(x):
        y = steps(x)
        return y if y < 10.0 else -y

    c, mapped = wg.compile(f), wg.compile(wg.vmap(f), threads=2)
    x = np.linspace(-2.0, 12.0, 400)
    wanted = [f(float(e)) for e in x]

    def work(seed):
        order = np.random.default_rng(seed).permutation(len(x))
        alone = np.empty(len(x))
        for k in order:
            alone[k] = c(float(x[k]))
        together = np.empty(len(x))
        together[order] = mapped(x[order])
        return alone, together

    with ThreadPoolExecutor(6) as threads:
        for alone, together in threads.map(work, range(12)):
            np.testing.assert_array_equal(alone, wanted)
            np.testing.assert_array_equal(together, wanted)
