"""Is what a program cannot compute refused or documented, and does nothing stay broken afterwards?"""

import math
import random
import signal
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

import wengert as wg

OUTSIDE = wg.Var(3.0)
X = np.arange(3.0)


# ---- functions that cannot be recorded ----


def backward_within(x):
    y = x * x
    y.backward()
    return x.grad


REFUSED = {  # function, argument, words of the message
    "None": (lambda x: None, 1.0, "must return real numbers, but returned NoneType"),
    "nothing": (lambda x: [x, None], 1.0, "NoneType"),
    "a string": (lambda x: "text", 1.0, "str 'text'"),
    "a complex number": (lambda x: 1j, 1.0, "complex"),
    "an array of strings": (lambda x: np.array(["a"]), 1.0, "array of <U1"),
    "an array of objects": (lambda x: np.array([None]), 1.0, "array of object"),
    "a generator": (lambda x: (x for _ in range(2)), 1.0, "generator"),
    "a function": (lambda x: lambda: x, 1.0, "function"),
    "float()": (lambda x: float(x) * x, 1.0, "wengert.exp"),
    "int()": (lambda x: int(x) * x, 1.0, "int"),
    "math.exp": (lambda x: math.exp(x), 1.0, "wengert.exp"),
    "float() of an array": (lambda x: float(x), np.ones(1), "lose the derivative"),
    "np.asarray": (lambda x: np.asarray(x) * 2.0, X, "lose the derivatives"),
    "np.array of vars": (lambda x: np.array([x, x]), 1.0, "vars"),
    "np.asarray of a var": (lambda x: np.asarray(x), 1.0, "vars"),
    ".data": (lambda x: x * x.data, 2.0, "freeze"),
    ".data of an array": (lambda x: x * x.data, X, "freeze"),
    "backward()": (backward_within, 2.0, "wengert.grad"),
    "a var from outside": (lambda x: x * OUTSIDE, 2.0, "from outside"),
    "a branch on a var from outside": (lambda x: x if OUTSIDE > 1.0 else -x, 2.0, "from outside"),
    "a function without rule": (lambda x: np.unique(x), X, "np.unique"),
    "a ufunc without rule": (lambda x: np.gcd(x, 2), 2.0, "np.gcd"),
    "compaction": (lambda x: wg.current_graph().compact() or x, 2.0, "records a function"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused(name):
    f, x, words = REFUSED[name]
    c = wg.compile(f)
    for _ in range(2):
        with pytest.raises(wg.TracingError, match=words):
            c(x)
    assert_recording_works()


def assert_recording_works():
    assert wg.compile(lambda x: x * 2.0 if x > 0.0 else x)(3.0) == 6.0
    assert wg.grad(lambda x: x * x)(3.0) == 6.0
    np.testing.assert_array_equal(wg.vmap(lambda x: x + 1.0)(X), X + 1.0)
    x = wg.Var(3.0)
    (x * x).backward()
    assert (x.grad, x.data) == (6.0, 3.0)


# ---- exceptions ----


class Unexpected(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RecursionError, StopIteration, Unexpected])
@pytest.mark.parametrize("where", ["recorded", "mapped", "lanes", "derivative", "within another"])
def test_exceptions_while_recording(error, where):
    """They come out as they are, and leave nothing behind, even while somebody keeps the exception."""
    fails = [True]

    def f(x):
        y = wg.exp(x) * x
        if fails:
            raise error(y)
        return y

    c = {
        "recorded": wg.compile(f),
        "mapped": wg.compile(wg.vmap(f)),
        "lanes": wg.compile(lambda x: np.sum(wg.vmap(f)(x))),
        "derivative": wg.compile(wg.grad(f)),
        "within another": wg.compile(lambda x: 2.0 * wg.compile(f)(x)),
    }[where]
    argument = X if where in ("mapped", "lanes") else 1.0
    size = len(wg.current_graph())
    for _ in range(2):
        with pytest.raises(error) as kept:
            c(argument)
        assert_recording_works()
        del kept
    assert c.cache_info().currsize == 0
    fails.clear()
    wanted = {
        "mapped": X * np.exp(X),
        "lanes": np.sum(X * np.exp(X)),
        "derivative": 2 * math.e,
        "within another": 2 * math.e,
    }
    np.testing.assert_allclose(c(argument), wanted.get(where, math.e), rtol=1e-14)
    wg.current_graph().compact()
    assert len(wg.current_graph()) <= size


def test_an_exception_on_another_path_keeps_the_first():
    def f(x):
        if x > 1.0:
            raise ValueError("too large")
        return x

    single, mapped = wg.compile(f), wg.compile(wg.vmap(f))
    assert single(0.5) == 0.5
    np.testing.assert_array_equal(mapped(np.array([0.5, 0.25])), [0.5, 0.25])
    for call in (lambda: single(2.0), lambda: mapped(np.array([0.5, 2.0]))):
        with pytest.raises(ValueError, match="too large"):
            call()
    assert single(0.5) == 0.5
    assert single.cache_info().paths == mapped.cache_info().paths == 1


def test_a_var_that_escapes_is_of_no_use_later():
    kept = []
    wg.compile(lambda x: kept.append(x * x) or x)(2.0)
    assert kept[0].data == 4.0
    with pytest.raises(wg.TracingError, match="from outside"):
        wg.compile(lambda x: x + kept[0])(2.0)
    assert_recording_works()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_of_a_long_batch(threads):
    """Control-C ends the call soon, and everything works afterwards."""

    def f(x):
        for _ in range(400):
            x = wg.sin(x) * x
        return x

    n = 200_000
    x = np.linspace(0.0, 1.0, n)
    c = wg.compile(wg.vmap(f), threads=threads)
    small = c(x[:1000])
    started = time.perf_counter()
    c(x[: n // 10])
    seconds = 10 * (time.perf_counter() - started)
    timer = threading.Timer(min(0.1, seconds / 4), signal.raise_signal, [signal.SIGINT])
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (the signal must come inside)
            timer.start()
            for _ in range(1000):
                c(x)
    finally:
        timer.join()
    np.testing.assert_array_equal(c(x[:1000]), small)
    assert_recording_works()


# ---- side effects ----


@pytest.mark.parametrize("draw", [random.random, np.random.rand], ids=["random", "numpy"])
def test_random_numbers_from_a_global_generator_are_noticed(draw):
    c = wg.compile(lambda x: x * draw())
    with pytest.warns(wg.FrozenNumberWarning, match="drew random numbers"):
        first = c(2.0)
    assert c(2.0) == first


def test_what_a_function_does_besides_happens_when_it_is_recorded():
    """As the documentation of compile says."""
    log, rng, numbers = [], random.Random(0), iter(range(100))
    factor = 2.0

    def f(x):
        log.append(1)
        return x * factor, rng.random(), next(numbers)

    c = wg.compile(f)
    first = c(3.0)
    factor = 5.0
    assert [c(3.0) for _ in range(3)] == [first] * 3
    assert log == [1]
    assert first[0] == 6.0
    c.cache_clear()
    assert c(3.0)[0] == 15.0
    assert c(3.0)[1] != first[1]
    assert log == [1, 1]


def test_arrays_that_change_after_the_call():
    c = wg.compile(lambda x: (x * 2.0, x))
    x = np.arange(3.0)
    double, same = c(x)
    double, same = c(x)
    x[:] = 7.0
    np.testing.assert_array_equal(double, [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(same, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(c(x)[0], [14.0] * 3)
    again = c(x)[0]
    again[:] = 0.0
    np.testing.assert_array_equal(c(x)[0], [14.0] * 3)
    mapped = wg.compile(wg.vmap(lambda x: x))
    x = np.arange(3.0)
    result = mapped(x)
    x[:] = 7.0
    np.testing.assert_array_equal(result, [0.0, 1.0, 2.0])


# ---- arguments ----


class HasArray:
    """As arrays of other libraries are: hashable by identity, and full of numbers that may change."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(3)


class OwnArithmetic(np.ndarray):
    """As np.matrix, whose product is another one."""


BAD_ARGUMENTS = [
    (1j, "not complex"),
    (np.complex64(1), "not complex"),
    (np.array([1j]), "real numbers, not of complex128"),
    (np.array(["a"]), "real numbers, not of <U1"),
    (np.array([None]), "real numbers, not of object"),
    (np.array([Fraction(1, 2)]), "real numbers, not of object"),
    (np.array(["2020-01-01"], "M8[D]"), "real numbers, not of datetime64"),
    (np.zeros(2, [("a", float)]), "real numbers, not of"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), "plain arrays, not MaskedArray"),
    (np.eye(2).view(OwnArithmetic), "plain arrays, not OwnArithmetic"),
    (HasArray(), "np.asarray"),
    ({1.0, 2.0}, "set is neither"),
    (bytearray(b"abc"), "bytearray is neither"),
    ([1.0, bytearray(b"abc")], "bytearray is neither"),
]


@pytest.mark.parametrize(("argument", "words"), BAD_ARGUMENTS)
def test_arguments_that_are_no_numbers(argument, words):
    with pytest.raises(wg.TracingError, match=words):
        wg.compile(lambda x: 1.0)(argument)
    with pytest.raises(wg.TracingError, match=words):
        wg.vmap(lambda y, x: y, in_axes=(0, None))(X, argument)


def test_classes_of_arrays_are_static():
    assert wg.compile(lambda x, dtype: np.ones(2, dtype) * x)(2.0, np.float64).tolist() == [2.0, 2.0]


def test_memory_maps_are_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert wg.compile(lambda x: np.sum(x))(mapped) == 3.0
    np.testing.assert_array_equal(wg.vmap(lambda x: x * 2.0)(mapped), 2.0 * X)


def test_the_var_of_another_thread():
    made = []
    thread = threading.Thread(target=lambda: made.append(wg.Var(2.0)))
    thread.start()
    thread.join()
    with pytest.raises(wg.TracingError, match="thread"):
        wg.compile(lambda x: x * made[0])(2.0)
    with pytest.raises(wg.TracingError, match=r"thread|outside"):
        wg.compile(lambda x: (x, made[0]))(2.0)
    with pytest.raises(wg.TracingError, match=r"thread|outside"):
        wg.compile(lambda: made[0])()
    assert_recording_works()


# ---- out= ----


def locked(array):
    array.setflags(write=False)
    return array


BAD_OUT = [
    ((np.empty(()), np.empty(4)), wg.ShapeError, "shape"),
    ((np.empty(()), np.empty((3, 1))), wg.ShapeError, "shape"),
    ((np.empty(1), np.empty(3)), wg.ShapeError, "shape"),
    ((np.empty(()), np.empty(3, np.float32)), wg.TracingError, "float64, but the array in out= is float32"),
    ((np.empty(()), np.empty(3, np.int64)), wg.TracingError, "int64"),
    ((np.empty(()), np.empty(3, ">f8")), wg.TracingError, ">f8"),
    ((np.empty(()), locked(np.empty(3))), wg.TracingError, "read-only"),
    ((np.empty(()), [0.0, 0.0, 0.0]), wg.TracingError, "list"),
    ((0.0, np.empty(3)), wg.TracingError, "float"),
    ((np.empty(()),), wg.ShapeError, "form"),
    (np.empty(3), wg.ShapeError, "form"),
    ("text", wg.ShapeError, "form"),
]


@pytest.mark.parametrize(("out", "error", "words"), BAD_OUT)
def test_out_that_does_not_fit(out, error, words):
    """And nothing is written then."""
    c = wg.compile(lambda x: (np.sum(x), x * 2.0))
    first = out[0] if isinstance(out, tuple) else None
    if isinstance(first, np.ndarray):
        first[...] = -1.0
    for _ in range(2):
        with pytest.raises(error, match=words):
            c(X, out=out)
    if isinstance(first, np.ndarray):
        assert np.all(first == -1.0)
    assert c(X)[0] == 3.0


def test_out_of_a_map_that_does_not_fit():
    c = wg.compile(wg.vmap(lambda x: x * 2.0))
    for out, error in (
        (np.empty(4), wg.ShapeError),
        (np.empty(3, np.float32), wg.TracingError),
        ([1.0], wg.TracingError),
    ):
        with pytest.raises(error):
            c(X, out=out)
    target = np.broadcast_to(np.zeros(1), (3,))
    with pytest.raises(wg.TracingError, match="read-only"):
        c(X, out=target)


# ---- programs ----


def test_no_program_for_vars():
    c = wg.compile(lambda x: x)
    with pytest.raises(wg.TracingError, match="numbers, not for vars"):
        c.program(wg.Var(2.0))
    with pytest.raises(wg.TracingError, match="numbers, not for vars"):
        wg.compile(lambda x: c.program(x) and x)(2.0)
