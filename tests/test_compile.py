"""Are compiled functions called as the functions are, and do they keep apart what is different?"""

import copy
import dataclasses
import functools
import gc
import pickle
import threading
import warnings
import weakref
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import wengert as wg

Pair = namedtuple("Pair", "first second")


def affine(x, y=2.0, *, scale=1.0, shift=0.0):
    return (x * y + shift) * scale


class Calls:
    """How often does a function run?"""

    def __init__(self, f):
        self.f = f
        self.n = 0

    def __call__(self, *args, **kwargs):
        self.n += 1
        return self.f(*args, **kwargs)


# ---- arguments ----


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((3.0,), {}),
        ((3.0, 4.0), {}),
        ((3.0,), {"y": 4.0}),
        ((), {"x": 3.0, "y": 4.0}),
        ((), {"y": 4.0, "x": 3.0}),
        ((3.0,), {"scale": 5.0}),
        ((3.0, 4.0), {"shift": 6.0, "scale": 5.0}),
        ((3,), {"scale": True}),
        ((np.float64(3.0),), {}),
        ((np.array([1.0, 2.0]), np.array([[3.0], [4.0]])), {"shift": 1.0}),
    ],
)
def test_positional_keyword_and_default_arguments(args, kwargs):
    counted = Calls(affine)
    c = wg.compile(counted)
    wanted = affine(*args, **kwargs)
    for _ in range(3):
        np.testing.assert_array_equal(c(*args, **kwargs), wanted)
    assert counted.n == 1


def test_wrong_arguments_fail_as_for_the_function():
    c = wg.compile(affine)
    for args, kwargs in (((), {}), ((1.0, 2.0, 3.0), {}), ((1.0,), {"other": 1.0})):
        with pytest.raises(TypeError, match="affine"):
            c(*args, **kwargs)
    assert c(2.0) == 4.0


NESTS = [
    (1.0, 2.0),
    [1.0, (2.0, [3.0])],
    {"b": 1.0, "a": np.array([2.0, 3.0])},
    OrderedDict(b=1.0, a=2.0),
    Pair(1.0, np.ones((2, 2))),
    [Pair(1.0, {"x": 2.0}), 3.0],
    (),
    {},
    np.zeros((0, 3)),
    np.array(3.0),
]


@pytest.mark.parametrize("nest", NESTS, ids=str)
def test_nests_go_in_and_come_out(nest):
    c = wg.compile(lambda nest: nest)
    for _ in range(2):
        result = c(nest)
        assert type(result) is type(nest)
        np.testing.assert_equal(result, nest)


OUTPUTS = {
    "a number": (lambda x: x * 2.0, 4.0),
    "the argument": (lambda x: x, 2.0),
    "a constant": (lambda x: 7.0, 7.0),
    "an int": (lambda x: 7, 7.0),
    "a bool": (lambda x: True, 1.0),
    "a comparison": (lambda x: x > 1.0, 1.0),
    "the same twice": (lambda x: (x * x, x * x, x, x), (4.0, 4.0, 2.0, 2.0)),
    "nothing in a tuple": (lambda x: (), ()),
    "a nest": (lambda x: {"b": [x, (x, {})], "a": ()}, {"b": [2.0, (2.0, {})], "a": ()}),
    "a named tuple": (lambda x: Pair(x, 1.0), Pair(2.0, 1.0)),
    "a constant array": (lambda x: np.arange(3), np.arange(3.0)),
    "an array of no elements": (lambda x: np.zeros((0, 2)), np.zeros((0, 2))),
    "a var that the function made": (lambda x: wg.Var(3.0) * x + wg.Var(1.0), 7.0),
    "a derivative of a constant": (lambda x: wg.grad(lambda t: t * t)(3.0), 6.0),
    "an inner derivative before anything else": (lambda x: wg.grad(lambda t: t * t)(3.0) * x, 12.0),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(name):
    f, wanted = OUTPUTS[name]
    c = wg.compile(f)
    for _ in range(2):
        result = c(2.0)
        assert type(result) is type(wanted)
        np.testing.assert_equal(result, wanted)


def test_functions_without_inputs():
    assert wg.compile(lambda: 3.0)() == 3.0
    assert wg.compile(lambda: wg.grad(lambda t: t**3)(2.0))() == 12.0
    assert wg.compile(lambda n: (n, wg.grad(lambda t: t**n)(2.0)))(3) == (3.0, 12.0)
    assert wg.compile(lambda n: np.full(n, 2.0))(3).tolist() == [2.0, 2.0, 2.0]


def test_inputs_that_are_opened_late():
    """An array's elements become inputs when somebody asks for them, which may be after anything else."""

    def f(x, y):
        slope = wg.grad(lambda t: wg.exp(t))(0.0)
        return slope * x + y[0] * wg.grad(lambda t: t * y[1])(1.0)

    c = wg.compile(f)
    assert c(2.0, np.array([3.0, 4.0])) == 14.0
    assert c(1.0, np.array([5.0, 6.0])) == 31.0


# ---- static arguments ----


def kind(x):
    return {bool: 1.0, int: 2.0, float: 3.0, str: 4.0, type(None): 5.0}.get(type(x), 6.0)


@dataclasses.dataclass(frozen=True)
class Options:
    power: int


def test_static_arguments():
    counted = Calls(lambda x, n, how="up", options=Options(1): x**n * (1.0 if how == "up" else -1.0) + options.power)
    c = wg.compile(counted)
    for _ in range(2):
        assert c(2.0, 3) == 9.0
        assert c(2.0, 2) == 5.0
        assert c(3.0, 2) == 10.0
        assert c(2.0, 3, "down") == -7.0
        assert c(2.0, 3, how="down") == -7.0
        assert c(2.0, 3, options=Options(5)) == 13.0
        assert c(2.0, 3, options=Options(5)) == 13.0
    assert counted.n == 5
    assert c(2.0, 10**30 - 10**30 + 1) == 3.0


def test_equal_static_arguments_of_other_types_are_different():
    c = wg.compile(kind)
    for _ in range(2):
        assert [c(x) for x in (True, 1, "1", None, b"")] == [1.0, 2.0, 4.0, 5.0, 6.0]
        assert wg.compile(lambda x: kind(x["n"]))({"n": 1}) == 2.0
    # A float is a number that changes from call to call: a var.
    assert c(1.0) == 6.0
    assert c.cache_info().currsize == 6


def test_zeros_and_nans_are_numbers_and_no_keys():
    counted = Calls(lambda x: 1.0 / x)
    c = wg.compile(counted)
    assert [c(x) for x in (0.0, -0.0)] == [np.inf, -np.inf]
    assert np.isnan(c(np.nan))
    assert counted.n == 1


def test_functions_as_arguments():
    c = wg.compile(lambda f, x: f(x) + wg.grad(f)(x))
    assert c(wg.exp, 0.0) == 2.0
    assert c(wg.sin, 0.0) == 1.0
    assert c(wg.compile(lambda x: x * x), 3.0) == 15.0


# ---- signatures ----


def test_other_shapes_are_other_programs():
    counted = Calls(lambda x: np.sum(x * np.arange(1.0, x.size + 1.0).reshape(x.shape)))
    c = wg.compile(counted)
    shapes = [(3,), (4,), (0,), (2, 2), (4, 1), (1, 4), (2, 2, 1)]
    for repeat in range(3):
        for k, shape in enumerate(shapes):
            x = np.random.default_rng(k + 10 * repeat).random(shape)
            wanted = np.sum(x * np.arange(1.0, x.size + 1.0).reshape(shape))
            assert c(x) == pytest.approx(wanted, rel=1e-15)
    assert counted.n == len(shapes)


def test_a_number_has_no_axes():
    c = wg.compile(lambda x: x.ndim + 1.0 if hasattr(x, "ndim") else 0.0)
    for _ in range(2):
        assert [c(2.0), c(np.array(2.0)), c(np.array([2.0])), c([2.0])] == [1.0, 1.0, 2.0, 0.0]


LAYOUTS = {
    "as it is": lambda x: x,
    "Fortran": np.asfortranarray,
    "a view backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "every other": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.longdouble, np.int64, np.int8, np.uint16, bool]
)
def test_layouts_and_dtypes(layout, dtype):
    x = LAYOUTS[layout]((np.arange(12) * 7 % 5).reshape(3, 4).astype(dtype))
    weights = np.arange(1.0, 13.0).reshape(3, 4)
    c = wg.compile(lambda x: (np.sum(x * weights), x * 2.0))
    c(np.zeros((3, 4)))  # the quick call is for plain arrays
    for _ in range(2):
        total, double = c(x)
        assert total == np.sum(x.astype(np.float64) * weights)
        np.testing.assert_array_equal(double, 2.0 * x.astype(np.float64))
    assert c.cache_info().currsize == 1


def test_the_cache_is_bounded():
    counted = Calls(lambda x, n: x * n)
    c = wg.compile(counted, maxsize=3)
    for n in range(10):
        assert c(2.0, n) == 2.0 * n
    info = c.cache_info()
    assert (info.currsize, info.maxsize, info.misses, info.paths) == (3, 3, 10, 3)
    assert c(2.0, 7) == 14.0  # moves to the end
    assert c(2.0, 10) == 20.0
    assert c(2.0, 7) == 14.0
    assert c.cache_info().misses == 11
    assert c.cache_info().hits == 2
    c.cache_clear()
    assert c.cache_info() == (0, 0, 3, 0, 0)
    assert c(2.0, 7) == 14.0
    assert c.cache_info().misses == 1
    one = wg.compile(lambda x: np.sum(x), maxsize=1)
    assert [one(np.ones(n)) for n in (1, 2, 3, 2, 1)] == [1.0, 2.0, 3.0, 2.0, 1.0]
    assert one.cache_info().currsize == 1


# ---- calls like those before ----

ALIKE = {  # functions, and calls that must need no second look
    "inputs in another order": (lambda x, a, y: y[0] * a + x[1], [(np.arange(2.0), 3.0, np.arange(3.0) + 1.0)]),
    "unused arguments": (lambda x, a, y: a * 2.0, [(np.arange(2.0), 3.0, np.ones((2, 2)))]),
    "NumPy's numbers": (lambda a, b: a * b, [(np.float64(2.0), 3.0), (2.0, np.float64(4.0))]),
    "two ways": (lambda x: x if x > 0.0 else -x, [(1.0,), (-1.0,)]),
    "four ways": (lambda x: sum([x > k for k in range(3) if x > k]) * x, [(-1.0,), (0.5,), (1.5,), (2.5,)]),
    "some shapes": (lambda x: np.sum(x * 2.0), [(np.ones(2),), (np.ones(3),), (np.ones((2, 2)),), (1.0 * np.ones(1),)]),
    "lanes": (wg.vmap(lambda x: x * 2.0), [(np.ones(3),), (np.ones(5),)]),
}


@pytest.mark.parametrize("name", ALIKE)
def test_calls_like_those_before_are_answered_at_once(name, monkeypatch):
    f, calls = ALIKE[name]
    c = wg.compile(f)
    wanted = [c(*call) for call in calls]
    for call, result in zip(calls, wanted, strict=True):
        np.testing.assert_array_equal(result, f(*call))
    monkeypatch.setattr(c, "resolve", None)
    for _ in range(2):
        for call, result in zip(calls, wanted, strict=True):
            np.testing.assert_array_equal(c(*call), result)
    with pytest.raises(TypeError):
        c(*[str(argument) for argument in calls[0]])
    c.cache_clear()
    with pytest.raises(TypeError):
        c(*calls[0])


# ---- out= ----


def test_out():
    c = wg.compile(lambda x: (np.sum(x), {"double": x * 2.0}, [x * 3.0]))
    x = np.arange(3.0)
    out = (np.empty(()), {"double": np.empty(3)}, [np.empty(6)[::2]])
    for _ in range(2):
        result = c(x, out=out)
        assert result is out
        assert out[0] == 3.0
        np.testing.assert_array_equal(out[1]["double"], [0.0, 2.0, 4.0])
        np.testing.assert_array_equal(out[2][0], [0.0, 3.0, 6.0])
    c(x, out=(None, None, [out[2][0]]))
    assert c(x, out=None)[0] == 3.0


@pytest.mark.parametrize("stride", [1, 2])
def test_out_may_be_an_argument(stride):
    """All results are computed before any is written."""
    c = wg.compile(lambda x, y: (x + y, x - y))
    for _ in range(3):
        x, y = np.arange(4.0), np.ones(4 * stride)[::stride]
        c(x, y, out=(x, y))
        np.testing.assert_array_equal(x, [1.0, 2.0, 3.0, 4.0])
        np.testing.assert_array_equal(y, [-1.0, 0.0, 1.0, 2.0])
    buffer = np.arange(5.0)
    shifted = wg.compile(lambda x: x * 2.0)
    for _ in range(2):
        buffer[:] = np.arange(5.0)
        shifted(buffer[:4], out=buffer[1:])
        np.testing.assert_array_equal(buffer, [0.0, 0.0, 2.0, 4.0, 6.0])


# ---- what can be compiled ----


class Model:
    """With attributes that are called as those of a compiled function."""

    def __init__(self, weight):
        self.weight = self.program = self.resolve = self.record = weight

    def __call__(self, x):
        return self.weight * x

    def method(self, x):
        return self.weight * x + 1.0

    @wg.compile
    def decorated(self, x):
        return self.weight * x + 2.0


def test_callables_of_all_kinds():
    model, other = Model(3.0), Model(5.0)
    assert wg.compile(model)(2.0) == 6.0
    assert wg.compile(model.method)(2.0) == 7.0
    assert wg.compile(functools.partial(affine, scale=10.0))(2.0) == 40.0
    assert wg.compile(functools.partial(affine, 2.0))(3.0) == 6.0
    assert (model.decorated(2.0), other.decorated(2.0), model.decorated(3.0)) == (8.0, 12.0, 11.0)
    assert wg.compile(wg.exp)(0.0) == 1.0
    assert wg.compile(np.exp)(0.0) == 1.0
    assert wg.compile(wg.compile(affine))(3.0) == 6.0
    with pytest.raises(wg.TracingError, match="takes a function"):
        wg.compile(3.0)


def test_a_compiled_function_says_what_it_is():
    c = wg.compile(affine)
    assert c.__name__ == "affine"
    assert c.__wrapped__ is affine
    assert wg.compile(functools.partial(affine, 1.0)).cache_info().currsize == 0


def test_compiled_functions_within_others():
    inner = wg.compile(lambda x: x * x if x > 0.0 else -x)
    outer = wg.compile(lambda x: inner(x) + inner(-x))
    assert [outer(x) for x in (2.0, -3.0)] == [6.0, 12.0]
    assert wg.grad(inner)(3.0) == 6.0
    assert wg.grad(wg.grad(inner))(3.0) == 2.0
    assert wg.compile(wg.grad(inner))(-3.0) == -1.0
    np.testing.assert_array_equal(wg.vmap(inner)(np.array([2.0, -2.0])), [4.0, 2.0])
    assert inner(wg.Var(3.0)).data == 9.0
    with pytest.raises(wg.TracingError, match="out="):
        inner(wg.Var(3.0), out=np.empty(()))


def test_recursion_of_a_compiled_function():
    @wg.compile
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert [power(2.0, n) for n in (0, 1, 5)] == [1.0, 2.0, 32.0]

    @wg.compile
    def halve(x):
        return halve(x / 2.0) if x > 1.0 else x

    assert [halve(x) for x in (8.0, 0.5, 3.0)] == [1.0, 0.5, 0.75]


def test_pickles_and_copies():
    for c in (wg.compile(affine, dtype=np.float32, threads=2, max_paths=3, maxsize=5), decorated):
        c(2.0)
        again = pickle.loads(pickle.dumps(c))
        assert again(3.0) == c(3.0)
        assert (again.dtype, again.threads, again.max_paths, again.maxsize) == (
            c.dtype,
            c.threads,
            c.max_paths,
            c.maxsize,
        )
        assert copy.copy(c) is copy.deepcopy(c) is c
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    mapped = wg.compile(wg.vmap(affine))
    mapped(np.ones(2))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mapped))(np.ones(2)), [2.0, 2.0])


@wg.compile
def decorated(x):
    return x + 1.0


# ---- float32 ----


def test_single_precision():
    """Every operation rounds to float32, as NumPy does it."""

    def f(x):
        y = x[0]
        for k in range(1, len(x)):
            y = (y * x[k] + x[k - 1]) / (x[k] - 3.0) - y * y
        return y, x * x[0]

    x = np.random.default_rng(0).random((7, 5)).astype(np.float32)
    single, mapped = wg.compile(f, dtype=np.float32), wg.compile(wg.vmap(f), dtype="float32")
    together = mapped(x)
    assert together[0].dtype == together[1].dtype == np.float32
    for k, row in enumerate(x):
        with np.errstate(all="ignore"):
            value, array = f(row)
        alone = single(row)
        assert alone[0] == together[0][k] == value
        assert type(alone[0]) is float
        np.testing.assert_array_equal(alone[1], array)
        np.testing.assert_array_equal(together[1][k], array)
        assert single(row.astype(np.float64))[0] == value
    out = (np.empty((), np.float32), np.empty(5, np.float32))
    assert single(x[0], out=out)[1] is out[1]
    assert out[0] == together[0][0]
    with pytest.raises(wg.TracingError, match="float32"):
        single(x[0], out=(np.empty(()), np.empty(5)))


@pytest.mark.parametrize("dtype", ["int32", "float16", "complex128", object])
def test_other_precisions_do_not_exist(dtype):
    with pytest.raises(wg.TracingError, match="float64 or float32"):
        wg.compile(affine, dtype=dtype)


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"threads": 1.5}, {"max_paths": 0}, {"maxsize": 0}, {"maxsize": "3"}]
)
def test_options_that_make_no_sense(options):
    with pytest.raises(wg.TracingError, match="at least 1"):
        wg.compile(affine, **options)


# ---- memory ----


def test_nothing_is_kept_alive():
    c = wg.compile(wg.value_and_grad(lambda x, y: np.sum(x * y) if y > 0.0 else np.sum(x)))
    size = len(wg.current_graph())
    references = []
    for y in (1.0, -1.0, 1.0):
        x = np.ones(5)
        value, gradient = c(x, y)
        references += [weakref.ref(x), weakref.ref(gradient)]
        del x, value, gradient
    assert [reference() for reference in references] == [None] * 6
    assert len(wg.current_graph()) == size


def test_a_compiled_function_dies_with_its_last_reference():
    def f(x):
        return x * 2.0

    function = weakref.ref(f)
    c = wg.compile(f)
    c(1.0)
    compiled = weakref.ref(c)
    del f, c
    gc.collect()
    assert compiled() is function() is None


# ---- many threads ----


def test_one_program_in_many_threads():
    """Short calls, long calls, recordings: all of them at once."""

    def f(x):
        y = x[0]
        for k in range(300):
            y = wg.sin(y) + x[k % len(x)]
        return y, x * 2.0

    c = wg.compile(wg.value_and_grad(lambda x: f(x)[0]))
    points = np.random.default_rng(0).random((40, 6))
    wanted = [wg.value_and_grad(lambda x: f(x)[0])(x) for x in points]
    started = threading.Barrier(6)

    def work(seed):
        started.wait()
        rng = np.random.default_rng(seed)
        out = (np.empty(()), np.empty(6))
        for k in rng.integers(0, len(points), 300):
            value, gradient = c(points[k]) if k % 2 else c(points[k], out=out)
            assert value == wanted[k][0]
            np.testing.assert_allclose(gradient, wanted[k][1], rtol=1e-13)
        return wg.compile(f)(points[seed])[0]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(work, range(6))) == [value for value, _ in wanted[:6]]
    assert c.cache_info().misses == 1


def test_signatures_are_found_by_several_threads_at_once():
    counted = Calls(lambda x, n: np.sum(x) * n)
    c = wg.compile(counted, maxsize=64)

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            n, length = (int(k) for k in rng.integers(1, 6, 2))
            assert c(np.ones(length), n) == length * n
            c.cache_info()

    with ThreadPoolExecutor(6) as threads, warnings.catch_warnings():
        list(threads.map(work, range(6)))
    assert counted.n == 25
