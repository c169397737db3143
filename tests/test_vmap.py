"""Does a mapped function give for every lane what the function gives, whatever the arrays look like?"""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg

Point = namedtuple("Point", "x y")


def stacked(f, columns, axis=0):
    """What a plain loop over lanes gives, a number or array per lane."""
    return np.stack([np.asarray(f(*lane)) for lane in zip(*columns, strict=True)], axis)


def kernel(x, y):
    """A few operations of every kind, on a vector and a number."""
    total = x[0] * 0.0
    for k in range(len(x)):
        total = total + wg.exp(-abs(x[k])) * y / (1.0 + x[k] * x[k])
    return total, x * y, wg.where(x[0] > y, x[0], y)


# ---- axes ----


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out_axis", [0, 1, 2, -1, -2, -3])
def test_any_axis_in_and_out(axis, out_axis):
    x = np.random.default_rng(0).random((3, 4, 5))
    f = wg.vmap(lambda m: m * 2.0 + m[0, 0], in_axes=axis, out_axes=out_axis)
    lanes = np.moveaxis(x, axis, 0)
    np.testing.assert_array_equal(f(x), np.stack([m * 2.0 + m[0, 0] for m in lanes], out_axis))


def test_axes_of_nests_and_keywords():
    def f(p, q, *, scale):
        return {"a": p["x"] * q[0] + scale, "b": [p["y"][1], q[1]]}

    p = {"x": np.arange(3.0), "y": np.arange(6.0).reshape(2, 3)}
    q = (10.0, np.arange(3.0))
    mapped = wg.vmap(f, in_axes=({"x": 0, "y": 1}, (None, 0)), out_axes={"a": 0, "b": [0, -1]})
    for c in (mapped, wg.compile(mapped)):
        result = c(p, q, scale=np.array([1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(result["a"], [1.0, 12.0, 23.0])
        np.testing.assert_array_equal(result["b"][0], [3.0, 4.0, 5.0])
        np.testing.assert_array_equal(result["b"][1], [0.0, 1.0, 2.0])
    prefix = wg.vmap(lambda p, c: p.x + p.y * c, in_axes=[0, None])
    np.testing.assert_array_equal(prefix(Point(np.ones(3), np.arange(3.0)), 2.0), [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(wg.vmap(lambda p, n: p * n, in_axes=(0, None))(np.ones(2), 3), [3.0, 3.0])


def test_outputs_that_are_the_same_for_all_lanes():
    f = wg.vmap(lambda x, p: (p * 2.0, 3.0, np.ones(2), x), in_axes=(0, None))
    result = f(np.arange(3.0), 5.0)
    np.testing.assert_array_equal(result[0], [10.0] * 3)
    np.testing.assert_array_equal(result[1], [3.0] * 3)
    np.testing.assert_array_equal(result[2], np.ones((3, 2)))
    f = wg.vmap(lambda x, p: (p * 2.0, np.ones(2) * p, x), in_axes=(0, None), out_axes=(None, None, 0))
    for n in (3, 0):
        result = f(np.arange(float(n)), 5.0)
        assert result[0] == 10.0
        np.testing.assert_array_equal(result[1], [5.0, 5.0])
        assert result[2].shape == (n,)


def test_outputs_without_lanes_must_be_the_same():
    message = "must be the same for all lanes"
    x = np.array([1.0, -1.0, 2.0])
    with pytest.raises(wg.TracingError, match=message):
        wg.vmap(lambda x: x, out_axes=None)(x)
    with pytest.raises(wg.TracingError, match=message):
        wg.vmap(lambda x: 1.0 if x > 0.0 else 2.0, out_axes=None)(x)
    same = wg.vmap(lambda x: (1.0, x) if x > 0.0 else (1.0, -x), out_axes=(None, 0))
    assert same(x)[0] == 1.0
    seldom = wg.compile(wg.vmap(lambda x: 1.0 if x > 0.0 else 2.0, out_axes=None), max_paths=1)
    seldom(np.ones(2))
    with pytest.warns(wg.TooManyPathsWarning), pytest.raises(wg.TracingError, match=message):
        seldom(x)


def test_a_lane_that_escapes_is_refused():
    seen = []

    def f(x):
        wg.vmap(lambda e: seen.append(e * 2.0) or e)(x)
        return seen.pop()

    with pytest.raises(wg.TracingError, match="must be the same for all lanes"):
        wg.compile(f)(np.ones(3))


BAD_CALLS = [
    ({}, (3.0,), wg.ShapeError, "cannot be mapped"),
    ({}, (np.array(3.0),), wg.ShapeError, "cannot be mapped"),
    ({}, ("text",), wg.ShapeError, "str cannot be mapped"),
    ({"in_axes": 1}, (np.ones(3),), wg.ShapeError, "no axis 1"),
    ({"in_axes": -2}, (np.ones(3),), wg.ShapeError, "no axis -2"),
    ({"in_axes": 0.5}, (np.ones(3),), wg.TracingError, "ints or None"),
    ({"in_axes": None}, (np.ones(3),), wg.TracingError, "at least one"),
    ({"in_axes": (None,)}, (np.ones(3),), wg.TracingError, "at least one"),
    ({"in_axes": (0, 0)}, (np.ones(3),), wg.TracingError, "2 entries for 1"),
    ({"in_axes": ({"a": 0},)}, ({"b": np.ones(3)},), wg.TracingError, "does not fit"),
    ({"out_axes": (0, 0)}, (np.ones(3),), wg.TracingError, "does not fit"),
    ({"out_axes": 1}, (np.ones(3),), ValueError, "axis"),
]


@pytest.mark.parametrize(("options", "args", "error", "message"), BAD_CALLS)
def test_axes_that_do_not_fit(options, args, error, message):
    with pytest.raises(error, match=message):
        wg.vmap(lambda x: x, **options)(*args)


def test_numbers_of_lanes_that_differ():
    mapped = wg.vmap(lambda x, y: x + y)
    for f in (mapped, wg.compile(mapped), wg.compile(lambda x, y: np.sum(mapped(x, y)))):
        for _ in range(2):
            with pytest.raises(wg.ShapeError, match="same number of lanes"):
                f(np.ones(3), np.ones(4))
        f(np.ones(3), np.ones(3))
        with pytest.raises(wg.ShapeError, match="same number of lanes"):
            f(np.ones(3), np.ones(4))


# ---- any number of lanes ----


def test_one_program_for_any_number_of_lanes():
    c = wg.compile(wg.vmap(wg.value_and_grad(lambda x: x[0] * wg.exp(x[1]))))
    for n in (3, 1, 0, 2, 7, 8, 9, 63, 64, 65, 255, 256, 257, 1000, 300_001):
        x = np.random.default_rng(n).random((n, 2))
        value, gradient = c(x)
        assert value.shape == (n,)
        assert gradient.shape == (n, 2)
        np.testing.assert_allclose(value, x[:, 0] * np.exp(x[:, 1]), rtol=1e-14)
        np.testing.assert_allclose(gradient, np.stack([np.exp(x[:, 1]), value], 1), rtol=1e-14)
    assert c.cache_info().misses == 1
    assert c.cache_info().paths == 1


def test_no_lanes_first_and_branches():
    c = wg.compile(wg.vmap(lambda x, p: x if p > 0.0 else (-x if x > 0.0 else x), in_axes=(0, None)))
    assert c(np.ones(0), -1.0).shape == (0,)
    np.testing.assert_array_equal(c(np.array([1.0, -2.0]), -1.0), [-1.0, -2.0])
    np.testing.assert_array_equal(c(np.array([1.0, -2.0]), 1.0), [1.0, -2.0])
    assert c(np.ones(0), 1.0).shape == (0,)
    uniform = wg.vmap(lambda x, p: p if p > 0.0 else -3.0 * p, (0, None), None)
    assert uniform(np.ones(3), 2.0) == 2.0
    assert uniform(np.ones(0), -2.0) == 6.0
    assert str(wg.compile(wg.vmap(lambda x: x * 2.0)).program(np.ones(0))).startswith("program of 1 instructions")


@given(st.integers(1, 600), st.integers(1, 9), st.integers(0, 3), st.booleans())
@settings(max_examples=40)
def test_every_lane_has_the_bits_of_a_single_call(n, width, threads, single):
    """Wherever in a block it stands, and whatever its neighbours are."""
    dtype = np.float32 if single else np.float64
    x, y = (np.random.default_rng(n).standard_normal(shape) for shape in ((n, width), n))
    mapped = wg.compile(wg.vmap(kernel), threads=threads + 1, dtype=dtype)(x, y)
    alone = wg.compile(kernel, dtype=dtype)
    for k in {0, n // 2, n - 1}:
        for together, one in zip(mapped, alone(x[k], float(y[k])), strict=True):
            np.testing.assert_array_equal(together[k], one)


# ---- layouts ----

LAYOUTS = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "every other": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "part of wider rows": lambda x: np.hstack([x, x])[:, : x.shape[1]],
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "the same row again and again": lambda x: np.broadcast_to(x[:1], x.shape),
    "a field of records": lambda x: np.rec.fromarrays([x, x], names="a,b").view(np.ndarray)["a"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.uint8, bool])
def test_layouts_and_dtypes(layout, dtype):
    x = (np.arange(70 * 5) * 11 % 7).reshape(70, 5).astype(dtype)
    array = LAYOUTS[layout](x)
    before = array.copy()
    c = wg.compile(wg.vmap(lambda x: (x[0] * 2.0 + x[4], x * x)))
    values, squares = c(array)
    plain = before.astype(np.float64)
    np.testing.assert_array_equal(values, plain[:, 0] * 2.0 + plain[:, 4])
    np.testing.assert_array_equal(squares, plain**2)
    np.testing.assert_array_equal(array, before)
    columns = wg.compile(wg.vmap(lambda x: x[0] - x[69], in_axes=1))(array)
    np.testing.assert_array_equal(columns, plain[0] - plain[69])


@pytest.mark.parametrize("threads", [1, 2])
def test_out_in_any_layout_also_over_the_arguments(threads):
    c = wg.compile(wg.vmap(lambda x: (np.sum(x), x[::-1] * 2.0)), threads=threads)
    n = 1000
    wanted = np.arange(3.0 * n).reshape(n, 3)
    x = wanted.copy()
    out = (np.empty(2 * n)[::2], x)
    assert c(x, out=out) is out
    np.testing.assert_array_equal(out[0], wanted.sum(1))
    np.testing.assert_array_equal(x, 2.0 * wanted[:, ::-1])
    moved = wg.compile(wg.vmap(lambda x: x * 2.0, out_axes=1))
    target = np.empty((3, n), order="F")
    moved(wanted, out=target)
    np.testing.assert_array_equal(target, 2.0 * wanted.T)
    buffer = np.arange(n + 1.0)
    wg.compile(wg.vmap(lambda x: x + 1.0), threads=threads)(buffer[:-1], out=buffer[1:])
    np.testing.assert_array_equal(buffer, [0.0, *np.arange(1.0, n + 1.0)])


# ---- sums over lanes ----


def sample_loss(p, x, y):
    hidden = wg.tanh(p["w"][0] * x[0] + p["w"][1] * x[1] + p["b"])
    return (hidden - y) ** 2


def batch(n):
    rng = np.random.default_rng(n)
    return {"w": rng.standard_normal(2), "b": 0.3}, rng.standard_normal((n, 2)), rng.standard_normal(n)


def mean_loss(p, x, y):
    return np.mean(wg.vmap(sample_loss, in_axes=(None, 0, 0))(p, x, y))


def by_hand(p, x, y):
    """The mean of the losses and its gradient, with NumPy."""
    hidden = np.tanh(x @ p["w"] + p["b"])
    slopes = 2.0 * (hidden - y) * (1.0 - hidden**2) / len(y)
    return np.mean((hidden - y) ** 2), {"b": slopes.sum(), "w": slopes @ x}


def test_the_mean_over_samples_with_shared_parameters():
    c = wg.compile(wg.value_and_grad(mean_loss))
    for n in (5, 1, 300, 4096):
        p, x, y = batch(n)
        value, gradient = c(p, x, y)
        wanted, slopes = by_hand(p, x, y)
        assert type(value) is type(gradient["b"]) is float
        assert value == pytest.approx(wanted, rel=1e-12)
        assert gradient["b"] == pytest.approx(slopes["b"], rel=1e-10)
        np.testing.assert_allclose(gradient["w"], slopes["w"], rtol=1e-10)
    assert c.cache_info().misses == 1
    n_instructions = c.program(*batch(4096)).n_instructions
    assert n_instructions < 60
    # Without compile, it is called lane by lane.
    p, x, y = batch(5)
    value, gradient = wg.value_and_grad(mean_loss)(p, x, y)
    wanted, slopes = by_hand(p, x, y)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(gradient["w"], slopes["w"], rtol=1e-10)


def test_a_loss_that_is_not_linear_in_the_sums():
    """Its derivative needs the sums before the lanes run once more."""

    def spread(p, x):
        values = wg.vmap(lambda p, e: wg.sin(p * e), in_axes=(None, 0))(p, x)
        mean = np.mean(values)
        return wg.log(np.mean((values - mean) ** 2)) + wg.exp(mean)

    x, p = np.linspace(-1.0, 2.0, 700), 1.3
    values, slopes = np.sin(p * x), x * np.cos(p * x)
    variance = np.var(values)
    wanted = np.log(variance) + np.exp(values.mean())
    slope = 2 * np.mean((values - values.mean()) * slopes) / variance + np.exp(values.mean()) * slopes.mean()
    assert wg.compile(spread)(p, x) == pytest.approx(wanted, rel=1e-12)
    for threads in (1, 3):
        value, derivative = wg.compile(wg.value_and_grad(spread), threads=threads)(p, x)
        assert value == pytest.approx(wanted, rel=1e-12)
        assert derivative == pytest.approx(slope, rel=1e-10)
    h = 1e-5
    second = wg.compile(wg.grad(wg.grad(spread)))(p, x)
    first = wg.compile(wg.grad(spread))
    assert second == pytest.approx((first(p + h, x) - first(p - h, x)) / (2 * h), rel=1e-6)


SUMS = {
    "of varying terms": (lambda p, x: np.sum(wg.vmap(lambda e: e * p)(x)), lambda p, x: p * x.sum()),
    "of uniform terms": (lambda p, x: np.sum(wg.vmap(lambda e: p * p)(x)), lambda p, x: len(x) * p * p),
    "of constants": (lambda p, x: np.sum(wg.vmap(lambda e: 2.0)(x)), lambda p, x: 2.0 * len(x)),
    "mean of constants": (lambda p, x: np.mean(wg.vmap(lambda e: 2.0)(x)), lambda p, x: 2.0),
    "of vectors": (lambda p, x: np.sum(wg.vmap(lambda e: np.ones(3) * e)(x)), lambda p, x: 3.0 * x.sum()),
    "of vectors along the lanes": (
        lambda p, x: np.sum(wg.vmap(lambda e: np.arange(3.0) * e)(x), axis=0),
        lambda p, x: np.arange(3.0) * x.sum(),
    ),
    "mean of vectors": (lambda p, x: np.mean(wg.vmap(lambda e: np.arange(3.0) * e)(x)), lambda p, x: x.mean()),
    "by method": (lambda p, x: wg.vmap(lambda e: e * p)(x).sum(), lambda p, x: p * x.sum()),
    "mean by method": (lambda p, x: wg.vmap(lambda e: e * p)(x).mean(axis=-1), lambda p, x: p * x.mean()),
    "of arithmetic": (
        lambda p, x: np.sum((2.0 - wg.vmap(lambda e: e * p)(x) ** 2) / 3.0),
        lambda p, x: np.sum((2.0 - (x * p) ** 2) / 3.0),
    ),
    "of a function": (lambda p, x: np.sum(np.exp(-wg.vmap(lambda e: e)(x))), lambda p, x: np.exp(-x).sum()),
    "of a sum with a var": (lambda p, x: np.sum(wg.vmap(lambda e: e)(x) * p + p), lambda p, x: np.sum(x * p + p)),
    "of two maps": (
        lambda p, x: np.sum(wg.vmap(lambda e: e * p)(x) * wg.vmap(wg.exp)(x)),
        lambda p, x: np.sum(x * p * np.exp(x)),
    ),
    "of a map of a map": (
        lambda p, x: np.sum(wg.vmap(lambda e: e * e)(wg.vmap(lambda e: e + p)(x))),
        lambda p, x: np.sum((x + p) ** 2),
    ),
    "in a map": (
        lambda p, x: np.sum(wg.vmap(lambda e, m: e * m, in_axes=(0, None))(x, np.sum(wg.vmap(lambda e: e)(x)))),
        lambda p, x: x.sum() ** 2,
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    f, by_numpy = SUMS[name]
    c = wg.compile(f)
    for n in (0, 4, 1, 1000)["mean" in name :]:
        x = np.linspace(-1.0, 3.0, n)
        np.testing.assert_allclose(c(1.5, x), by_numpy(1.5, x), rtol=1e-12)
        assert np.shape(c(1.5, x)) == np.shape(by_numpy(1.5, x))
    assert c.cache_info().misses == 1


@pytest.mark.parametrize("name", SUMS)
def test_derivatives_of_sums(name):
    f, by_numpy = SUMS[name]
    x, h = np.linspace(-1.0, 3.0, 9), 1e-6
    slope = (by_numpy(1.5 + h, x) - by_numpy(1.5 - h, x)) / (2 * h)
    np.testing.assert_allclose(wg.compile(wg.jacobian(f, mode="reverse"))(1.5, x), slope, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(wg.compile(wg.jacobian(f, mode="forward"))(1.5, x), slope, rtol=1e-7, atol=1e-8)


def test_sum_and_lanes_together():
    def f(p, x):
        values = wg.vmap(lambda e: e * p)(x)
        return values, np.sum(values), values / np.sum(values)

    c = wg.compile(f)
    for n in (3, 5, 700):
        x = np.arange(1.0, n + 1.0)
        values, total, shares = c(2.0, x)
        np.testing.assert_array_equal(values, 2.0 * x)
        assert total == 2.0 * x.sum()
        np.testing.assert_array_equal(shares, values / total)
    out = (np.empty(3), np.empty(()), np.empty(3))
    assert c(2.0, np.arange(3.0), out=out) is out
    assert out[1] == 6.0
    assert c.cache_info().misses == 1


REFUSED = {
    "an element": lambda v: v[0],
    "iteration": lambda v: sum(v),
    "length": lambda v: np.sum(v) / len(v),
    "shape": lambda v: np.sum(v) / v.shape[0],
    "a branch": lambda v: 1.0 if v > 0.0 else 2.0,
    "another axis": lambda v: np.sum(v, axis=1),
    "a function that mixes lanes": lambda v: np.sort(v),
    "cumulative sums": lambda v: np.cumsum(v),
    "largest": lambda v: np.max(v),
    "an array as operand": lambda v: np.sum(v * np.arange(3.0)),
    "lanes with more axes": lambda v: np.sum(v * wg.vmap(lambda e: np.ones(3) * e)(np.arange(3.0))),
    "an array": lambda v: np.asarray(v),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lanes_cannot_do_is_refused(name):
    with pytest.raises((wg.TracingError, wg.ShapeError)):
        wg.compile(lambda x: REFUSED[name](wg.vmap(lambda e: e * 2.0)(x)))(np.arange(3.0))


# ---- threads ----


def test_the_number_of_threads_changes_no_bit():
    p, x, y = batch(50_000)

    def f(p, x, y):
        return mean_loss(p, x, y), wg.vmap(lambda x, y: wg.exp(x[0]) / y)(x, y)

    results = [wg.compile(wg.value_and_grad(mean_loss), threads=n)(p, x, y) for n in (1, 2, 7)]
    both = [wg.compile(f, threads=n)(p, x, y) for n in (1, 2, 7)]
    single = [wg.compile(f, threads=n, dtype=np.float32)(p, x, y) for n in (1, 2, 7)]
    for other in (1, 2):
        assert results[0][0] == results[other][0]
        assert results[0][1]["b"] == results[other][1]["b"]
        np.testing.assert_array_equal(results[0][1]["w"], results[other][1]["w"])
        for all_of_them in (both, single):
            assert all_of_them[0][0] == all_of_them[other][0]
            np.testing.assert_array_equal(all_of_them[0][1], all_of_them[other][1])


# ---- maps within maps, and within derivatives ----


def test_maps_within_maps():
    x, y = np.arange(3.0), np.arange(4.0) + 1.0
    outer = wg.vmap(wg.vmap(lambda a, b: a * b + 1.0, in_axes=(None, 0)), in_axes=(0, None))
    for f in (outer, wg.compile(outer), wg.compile(lambda x, y: outer(x, y))):
        np.testing.assert_array_equal(f(x, y), np.outer(x, y) + 1.0)
    m = np.arange(24.0).reshape(2, 3, 4)
    rows = wg.vmap(wg.vmap(lambda v: np.sum(v * v)))
    np.testing.assert_array_equal(rows(m), (m * m).sum(2))
    columns = wg.vmap(wg.vmap(lambda v: v[0] - v[1], in_axes=1, out_axes=0), in_axes=0, out_axes=1)
    np.testing.assert_array_equal(columns(m), (m[:, 0] - m[:, 1]).T)


def test_two_maps_with_other_numbers_of_lanes():
    def f(x, y):
        return np.sum(wg.vmap(lambda e: e * 2.0)(x)) + np.sum(wg.vmap(wg.exp)(y))

    c = wg.compile(f)
    for n, m in ((3, 4), (3, 3), (4, 3), (5, 5), (3, 4)):
        assert c(np.ones(n), np.zeros(m)) == 2.0 * n + m
    gradient = wg.compile(wg.grad(lambda x, y: f(x, y), argnums=(0, 1)))
    for n, m in ((3, 3), (3, 4)):
        x_slopes, y_slopes = gradient(np.ones(n), np.zeros(m))
        np.testing.assert_array_equal(x_slopes, 2.0 * np.ones(n))
        np.testing.assert_array_equal(y_slopes, np.ones(m))


def test_gradients_per_lane():
    """The gradient of every lane in the shared parameters, not of their sum."""
    p, x, y = batch(6)
    per_lane = wg.vmap(wg.grad(sample_loss), in_axes=(None, 0, 0))
    for f in (per_lane, wg.compile(per_lane), wg.compile(lambda p, x, y: per_lane(p, x, y))):
        gradient = f(p, x, y)
        assert gradient["w"].shape == (6, 2)
        for k in range(6):
            alone = wg.grad(sample_loss)(p, x[k], y[k])
            np.testing.assert_allclose(gradient["w"][k], alone["w"], rtol=1e-13)
            assert gradient["b"][k] == pytest.approx(alone["b"], rel=1e-13)


def test_derivatives_of_every_kind_in_lanes():
    def f(v):
        return v[0] ** 2 * wg.exp(v[1]) + v[1] ** 3

    x = np.random.default_rng(0).random((20, 2))
    a, b = x.T
    hessians = np.array([[2 * np.exp(b), 2 * a * np.exp(b)], [2 * a * np.exp(b), a**2 * np.exp(b) + 6 * b]])
    np.testing.assert_allclose(wg.vmap(wg.hessian(f))(x), np.moveaxis(hessians, 2, 0), rtol=1e-13)
    np.testing.assert_allclose(wg.vmap(wg.jacobian(lambda v: v * v[0]))(x)[:, 0, 0], 2 * a, rtol=1e-14)
    pushed = wg.vmap(lambda v: wg.jvp(f, (v,), (np.array([1.0, 0.0]),))[1])(x)
    np.testing.assert_allclose(pushed, 2 * a * np.exp(b), rtol=1e-13)
    products = wg.vmap(lambda v, d: wg.hvp(f, v, d))(x, np.ones((20, 2)))
    np.testing.assert_allclose(products, hessians.sum(1).T, rtol=1e-13)


def test_derivatives_through_maps():
    """In the mapped arrays themselves, with and without compile."""
    x = np.linspace(0.0, 1.0, 5)
    gradient = wg.grad(lambda x: np.sum(wg.vmap(lambda e: e**3)(x)))
    for f in (gradient, wg.compile(gradient)):
        np.testing.assert_allclose(f(x), 3 * x**2, rtol=1e-14)
    jacobian = wg.jacobian(wg.vmap(wg.exp))
    for f in (jacobian, wg.compile(jacobian)):
        np.testing.assert_allclose(f(x), np.diag(np.exp(x)), rtol=1e-14)


def test_arrays_from_outside():
    """What a function has from elsewhere is as it was when it was recorded."""
    table = np.arange(4.0)

    def f(p):
        return np.sum(wg.vmap(lambda p, e: p * e, in_axes=(None, 0))(p, table))

    c = wg.compile(wg.value_and_grad(f))
    assert c(2.0) == (12.0, 6.0)
    table[:] = 0.0
    assert c(3.0) == (18.0, 6.0)
    mixed = wg.compile(lambda x: np.sum(wg.vmap(lambda a, b: a * b)(x, np.arange(3.0))))
    assert mixed(np.ones(3)) == 3.0
    with pytest.raises(wg.ShapeError, match="same number of lanes"):
        mixed(np.ones(4))


def test_lanes_that_see_how_long_their_arrays_are():
    c = wg.compile(wg.vmap(lambda x, w: np.sum(x) / len(x) + x.shape[0] + w.size, in_axes=(0, None)))
    for width, n in ((2, 3), (5, 3), (2, 7)):
        x = np.random.default_rng(width).random((n, width))
        np.testing.assert_allclose(c(x, np.ones(n)), x.mean(1) + width + n, rtol=1e-14)
    assert c.cache_info().misses == 3
