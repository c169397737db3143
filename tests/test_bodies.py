"""Do loops give the values and derivatives of the same loops unrolled, to any order and in every mode?"""

from __future__ import annotations

import dataclasses
import gc
import pickle
import signal
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import wengert as wg

RNG = np.random.default_rng(7)
W, X, H = RNG.normal(size=(4, 4)) / 2, RNG.normal(size=(5, 4)), RNG.normal(size=4)
BIG_W, BIG_X, BIG_H = RNG.normal(size=(14, 14)) / 4, RNG.normal(size=(6, 14)), RNG.normal(size=14)


def unrolled(f: Any, init: Any, xs: Any, length: int | None = None, reverse: bool = False) -> Any:
    """`wg.scan` by a Python loop, for xs that are an array or None, and ys that are numbers or arrays."""
    n = len(xs) if xs is not None else length
    carry, ys = init, [None] * n
    for k in range(n)[::-1] if reverse else range(n):
        carry, ys[k] = f(carry, None if xs is None else xs[k])
    return carry, None if any(y is None for y in ys) else np.stack(ys)


def rnn(loop: Any, reverse: bool = False) -> Any:
    def value(w: Any, xs: Any, h: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            h, total = carry["h"], carry["total"]
            new = np.tanh(w @ h + x)
            return {"h": new, "total": total + np.sum(h * x)}, new * new

        carry, ys = loop(step, {"h": h, "total": 0.5}, xs, None, reverse)
        return np.sum(np.sin(carry["h"])) + carry["total"] * np.sum(ys[1:])

    return value


def polynomial(loop: Any, reverse: bool = False) -> Any:
    """Of scalars only, which come from outside, as xs and as the carry."""

    def value(w: Any, xs: Any, h: Any) -> Any:
        a, b = w[0, 1], w[1, 0]
        total, ys = loop(lambda p, x: (a * p * x[0] + b * np.sin(p), p * x[1] + a), h[0], xs, None, reverse)
        return total * total + ys[1] * ys[0] - ys[-1]

    return value


def linear_algebra(loop: Any, reverse: bool = False) -> Any:
    def value(w: Any, xs: Any, h: Any) -> Any:
        def step(p: Any, x: Any) -> Any:
            p = w @ p @ w.T + np.eye(len(h)) + np.outer(x, x)
            return p, np.linalg.slogdet(p)[1] + x @ np.linalg.solve(p, h)

        p, ys = loop(step, np.outer(h, h) + np.eye(len(h)), xs, None, reverse)
        return np.trace(p) + np.sum(ys)

    return value


BODIES = [rnn, polynomial, linear_algebra]
SIZES = {"small": (W, X, H), "whole": (BIG_W, BIG_X, BIG_H)}
every_body = pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
both_ways = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


@every_body
@both_ways
@pytest.mark.parametrize("size", SIZES)
def test_scan_is_the_loop(body: Any, reverse: bool, size: str) -> None:
    args = SIZES[size]
    looped, wanted = body(wg.scan, reverse), body(unrolled, reverse)
    assert_allclose(looped(*args), wanted(*args), rtol=1e-12)
    assert_allclose(wg.compile(looped)(*args), wanted(*args), rtol=1e-12)
    gradients = wg.grad(wanted, (0, 1, 2))(*args)
    for way in (wg.grad(looped, (0, 1, 2)), wg.compile(wg.grad(looped, (0, 1, 2)))):
        for got, want in zip(way(*args), gradients, strict=True):
            assert_allclose(got, want, rtol=1e-9, atol=1e-11)


@every_body
@both_ways
def test_scan_in_forward_mode_and_twice(body: Any, reverse: bool) -> None:
    args, direction = (W, X, H), (W + 1.0, X * X, np.cos(H))
    looped, wanted = body(wg.scan, reverse), body(unrolled, reverse)
    assert_allclose(wg.jvp(looped, args, direction), wg.jvp(wanted, args, direction), rtol=1e-9)
    want = wg.hessian(lambda h: wanted(W, X, h))(H)
    assert_allclose(wg.hessian(lambda h: looped(W, X, h))(H), want, rtol=1e-8, atol=1e-9)
    assert_allclose(wg.compile(wg.hessian(lambda h: looped(W, X, h)))(H), want, rtol=1e-8, atol=1e-9)
    want = wg.hvp(lambda w: wanted(w, X, H), W, direction[0])
    assert_allclose(wg.hvp(lambda w: looped(w, X, H), W, direction[0]), want, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_scan_is_that_of_jax(size: str) -> None:
    jax = pytest.importorskip("jax")
    args = SIZES[size]

    def step(np_: Any, w: Any) -> Any:
        return lambda h, x: ((new := np_.tanh(w @ h) * x + h), np_.sum(new * x))

    def theirs(w: Any, xs: Any, h: Any) -> Any:
        h, ys = jax.lax.scan(step(jax.numpy, w), h, xs)
        return jax.numpy.sum(h) + jax.numpy.sum(ys * ys)

    def ours(w: Any, xs: Any, h: Any) -> Any:
        h, ys = wg.scan(step(np, w), h, xs)
        return np.sum(h) + np.sum(ys * ys)

    with jax.enable_x64(True):
        wanted = jax.grad(theirs, (0, 1, 2))(*args)
    for got, want in zip(wg.grad(ours, (0, 1, 2))(*args), wanted, strict=True):
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def geometric(a: Any, n: int = 10) -> Any:
    return wg.scan(lambda carry, _: ((carry[0] * a, carry[1] + carry[0]), None), (1.0, 0.0), length=n)[0][1]


eager_and_compiled = pytest.mark.parametrize("way", [lambda f: f, wg.compile], ids=["eager", "compiled"])


@eager_and_compiled
def test_geometric_series(way: Any) -> None:
    series, f = np.polynomial.Polynomial(np.ones(10)), geometric
    for _ in range(4):
        assert way(f)(1.25) == pytest.approx(series(1.25), rel=1e-12)
        series, f = series.deriv(), wg.grad(f)


# ---- the edges of scan ----


@dataclasses.dataclass
class State:
    position: Any
    speed: Any


def test_nests_come_back_as_they_went_in() -> None:
    def step(state: Any, x: Any) -> Any:
        new = State(state[0].position + x["dt"] * state[0].speed, state[0].speed * 0.5)
        return (new, None), [x["dt"], {"v": new.speed}]

    init, xs = (State(np.zeros(2), np.ones(2)), None), {"dt": np.array([1.0, 2.0])}
    (state, nothing), ys = wg.scan(step, init, xs)
    assert nothing is None
    assert isinstance(state, State)
    assert_allclose(state.position, [2.0, 2.0])
    assert_allclose(ys[0], [1.0, 2.0])
    assert_allclose(ys[1]["v"], [[0.5, 0.5], [0.25, 0.25]])


@eager_and_compiled
def test_no_step_at_all(way: Any) -> None:
    def last(h: Any) -> Any:
        carry, ys = wg.scan(lambda c, x: (c * x, c + x), h, np.zeros((0, 3)))
        assert ys.shape == (0, 3)
        return np.sum(carry)

    assert way(last)(np.ones(3)) == 3.0
    assert_allclose(way(wg.grad(last))(np.ones(3)), np.ones(3))
    assert way(wg.grad(lambda a: geometric(a, 0)))(2.0) == 0.0


@eager_and_compiled
def test_scan_in_scan(way: Any) -> None:
    def f(a: Any) -> Any:
        def outer(total: Any, x: Any) -> Any:
            inner, _ = wg.scan(lambda p, y: (p * a + x * y, None), total, np.array([1.0, 2.0]))
            return inner, None

        return wg.scan(outer, 1.0, np.array([3.0, 4.0]))[0]

    def plain(a: Any) -> Any:
        total = 1.0
        for x in (3.0, 4.0):
            for y in (1.0, 2.0):
                total = total * a + x * y
        return total

    for _ in range(3):
        assert way(f)(0.7) == pytest.approx(plain(0.7), rel=1e-12)
        f, plain = wg.grad(f), wg.grad(plain)


def test_a_gradient_within_a_step() -> None:
    def descent(loop: Any) -> Any:
        def f(rate: Any, a: Any) -> Any:
            loss = lambda x: np.sum(np.cos(a * x))  # noqa: E731
            x, _ = loop(lambda x, _: (x - rate * wg.grad(loss)(x), None), a, None, 4)
            return loss(x)

        return f

    ours, plain = descent(wg.scan), descent(unrolled)
    a = np.array([0.3, 0.7])
    assert_allclose(ours(0.1, a), plain(0.1, a), rtol=1e-14)
    for got, want in zip(wg.grad(ours, (0, 1))(0.1, a), wg.grad(plain, (0, 1))(0.1, a), strict=True):
        assert_allclose(got, want, rtol=1e-12)
    assert_allclose(wg.compile(wg.grad(ours))(0.1, a), wg.grad(plain)(0.1, a), rtol=1e-12)


def test_arrays_from_outside_that_are_first_used_in_the_body() -> None:
    table = RNG.normal(size=(3, 40))

    def f(a: Any, b: Any) -> Any:
        return wg.scan(lambda s, x: (s + np.sum(a * x) * b[1], None), 0.0, table)[0]

    a, b = RNG.normal(size=40), np.array([1.0, 2.0])
    for way in (wg.grad(f, (0, 1)), wg.compile(wg.grad(f, (0, 1)))):
        for got, want in zip(way(a, b), (2.0 * table.sum(0), [0.0, table.sum(0) @ a]), strict=True):
            assert_allclose(got, want, rtol=1e-12)


@eager_and_compiled
@pytest.mark.parametrize("n", [5, 40])
def test_steps_that_get_an_index(way: Any, n: int) -> None:
    def f(a: Any) -> Any:
        def step(carry: Any, i: Any) -> Any:
            total, b = carry
            return (total * 0.5 + b[i] * i, b), b[i]

        (total, _), picked = wg.scan(step, (0.0, a), np.arange(n), reverse=True)
        return total + np.sum(picked * picked)

    a = np.cos(np.arange(n))
    assert way(f)(a) == pytest.approx(np.sum(a * np.arange(n) * 0.5 ** np.arange(n)) + a @ a, rel=1e-12)
    assert_allclose(way(wg.grad(f))(a), np.arange(n) * 0.5 ** np.arange(n) + 2 * a, rtol=1e-12)


def test_a_map_within_a_step() -> None:
    table = np.array([0.5, 1.5])

    def f(a: Any) -> Any:
        return wg.scan(
            lambda s, x: (s + np.sum(wg.vmap(np.sin)(table)) + np.sum(wg.vmap(np.sin)(x * a)), None),
            0.0,
            np.ones((2, 3)),
        )[0]

    a = np.array([0.1, 0.2, 0.3])
    assert f(a) == pytest.approx(2 * np.sum(np.sin(table)) + 2 * np.sum(np.sin(a)))
    assert_allclose(wg.grad(f)(a), 2 * np.cos(a))


def test_indices_from_outside() -> None:
    def f(x: Any) -> Any:
        order = np.argsort(x)
        return wg.scan(lambda s, t: (s * 0.5 + np.sum(x[order][:2] * t), None), 0.0, np.ones((3, 2)))[0]

    x = np.linspace(-1, 1, 40)[::-1].copy()
    wanted = np.zeros(40)
    wanted[-2:] = 1.75
    assert_allclose(wg.grad(f)(x), wanted)
    assert_allclose(wg.compile(wg.grad(f))(x), wanted)


def test_leaves_get_gradients_through_a_scan() -> None:
    w, b = wg.Var(np.full(40, 2.0)), wg.Var(3.0)
    out, _ = wg.scan(lambda s, x: (s * b + np.sum(w * x), None), 1.0, np.ones((2, 40)))
    out.backward()
    assert_allclose(w.grad, np.full(40, 4.0))
    assert b.grad == pytest.approx(2 * 3.0 + 80.0)


def test_nan_and_infinity_pass_and_zero_is_strong() -> None:
    assert np.isnan(wg.scan(lambda c, x: (c + x, None), 0.0, np.array([1.0, np.nan]))[0])
    slope = wg.grad(
        lambda a: wg.scan(lambda c, x: (wg.where(x > 0, wg.log(c * x), c), None), a, np.array([0.0, 0.0]))[0]
    )
    assert slope(2.0) == 1.0


def test_single_precision() -> None:
    f = lambda a: wg.scan(lambda c, x: (c * a + x, c), np.float32(1.0) * a, BIG_X.astype(np.float32)[:, 0])[0]  # noqa: E731
    c = wg.compile(wg.value_and_grad(lambda a: f(a)), dtype=np.float32)
    value, slope = c(0.5)
    wanted = wg.value_and_grad(f)(0.5)
    assert (value, slope) == pytest.approx(wanted, rel=1e-5)


def test_a_program_with_a_scan_is_pickled() -> None:
    c = wg.compile(wg.grad(rnn(wg.scan)))
    wanted = c(W, X, H)
    program = pickle.loads(pickle.dumps(c.program(W, X, H)))
    out = np.empty_like(W)
    assert program.run([W, X, H], [out]) < 0
    assert_allclose(out, wanted)


def test_threads_run_one_scan_at_once() -> None:
    c = wg.compile(wg.grad(rnn(wg.scan)))
    wanted, found = c(W, X, H), []
    workers = [threading.Thread(target=lambda: found.extend(c(W, X, H) for _ in range(50))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 150
    assert all(np.array_equal(one, wanted) for one in found)


def test_the_graph_forgets_bodies() -> None:
    f = wg.grad(rnn(wg.scan))
    f(W, X, H)
    gc.collect()
    graph = wg.current_graph()
    graph.compact()
    before = len(graph)
    for _ in range(3):
        f(W, X, H)
    gc.collect()
    graph.compact()
    assert len(graph) == before


# ---- what scan refuses ----


def test_a_carry_keeps_its_shape() -> None:
    with pytest.raises(wg.ShapeError, match=r"\(3,\).*\(6,\)"):
        wg.scan(lambda c, x: (np.concatenate([c, c]), None), np.zeros(3), np.zeros(2))
    with pytest.raises(wg.ShapeError, match="form"):
        wg.scan(lambda c, x: ((c, c), None), np.zeros(3), np.zeros(2))
    with pytest.raises(wg.ShapeError, match=r"\(\).*\(3,\)"):
        wg.while_loop(lambda c: c < 3.0, lambda c: c + np.zeros(3), 0.0)


@pytest.mark.parametrize(
    ("xs", "length"), [(None, None), (1.0, None), (np.zeros(3), 4), ([np.zeros(3), np.zeros(2)], None), (None, -1)]
)
def test_the_number_of_steps_must_be_clear(xs: Any, length: Any) -> None:
    with pytest.raises(wg.ShapeError):
        wg.scan(lambda c, x: (c, None), 0.0, xs, length)


def test_wrong_bodies_are_refused() -> None:
    with pytest.raises(wg.TracingError, match="carry, y"):
        wg.scan(lambda c, x: c, 0.0, np.zeros(2))
    with pytest.raises(wg.TracingError, match="where"):
        wg.scan(lambda c, x: (c if c > x else x, None), 0.0, np.zeros(2))
    with pytest.raises(wg.TracingError, match="str"):
        wg.scan(lambda c, x: (c, None), "no number", np.zeros(2))
    with pytest.raises(wg.TracingError, match="truth value"):
        wg.while_loop(lambda c: c > 0.0, lambda c: c - 1.0, np.ones(3))
    assert wg.grad(lambda a: a * a)(3.0) == 6.0  # the thread's graph is as before


def test_an_error_within_a_step_arrives() -> None:
    def f(a: Any) -> Any:
        return wg.scan(lambda m, _: (np.linalg.inv(m) * a, None), np.eye(3), length=2)[0][0, 0]

    assert f(1.0) == 1.0
    with pytest.raises(np.linalg.LinAlgError):
        wg.compile(f)(0.0)
    with pytest.raises(np.linalg.LinAlgError):
        f(0.0)
    assert f(2.0) == 1.0


# ---- while ----


def newton(a: Any) -> Any:
    return wg.while_loop(lambda x: abs(x * x - a) > 1e-13 * a, lambda x: (x + a / x) / 2.0, 1.0)


@eager_and_compiled
def test_newtons_square_root(way: Any) -> None:
    for a in (9.0, 2.0, 1e4):
        assert way(newton)(a) == pytest.approx(a**0.5, rel=1e-13)
        assert way(wg.grad(newton))(a) == pytest.approx(0.5 * a**-0.5, rel=1e-9)
        assert way(wg.grad(wg.grad(newton)))(a) == pytest.approx(-0.25 * a**-1.5, rel=1e-6)
        assert way(lambda x: wg.jvp(newton, (x,), (1.0,))[1])(a) == pytest.approx(0.5 * a**-0.5, rel=1e-9)


def test_one_program_takes_any_number_of_steps() -> None:
    c = wg.compile(
        wg.value_and_grad(
            lambda a, n: wg.while_loop(
                lambda s: s["k"] < n, lambda s: {"k": s["k"] + 1.0, "p": s["p"] * a}, {"k": 0.0, "p": 1.0}
            )["p"]
        )
    )
    for n in (0.0, 1.0, 7.0, 200.0):
        assert c(0.99, n) == pytest.approx((0.99**n, n * 0.99 ** (n - 1)), rel=1e-11)
    assert c.cache_info().paths == 1


def test_while_on_arrays_is_the_loop() -> None:
    def ours(w: Any, h: Any) -> Any:
        return np.sum(wg.while_loop(lambda h: np.sum(h * h) > 0.01, lambda h: np.tanh(w @ h), h) * h)

    def plain(w: Any, h: Any) -> Any:
        x = h
        while np.sum(x * x) > 0.01:
            x = np.tanh(w @ x)
        return np.sum(x * h)

    for w, h in ((W, H), (BIG_W, BIG_H)):
        assert_allclose(ours(w, h), plain(w, h), rtol=1e-12)
        for way in (wg.grad(ours, (0, 1)), wg.compile(wg.grad(ours, (0, 1)))):
            for got, want in zip(way(w, h), wg.grad(plain, (0, 1))(w, h), strict=True):
                assert_allclose(got, want, rtol=1e-9, atol=1e-13)
    assert_allclose(wg.hessian(lambda h: ours(W, h))(H), wg.hessian(lambda h: plain(W, h))(H), rtol=1e-8, atol=1e-10)


def test_a_condition_with_vars_from_outside() -> None:
    def f(a: Any, limit: Any) -> Any:
        return wg.while_loop(lambda c: (c < limit) & (c > 0.0), lambda c: c * a, 1.0)

    assert wg.grad(f, (0, 1))(2.0, 100.0) == (7 * 2.0**6, 0.0)
    assert wg.compile(wg.grad(f, (0, 1)))(2.0, 100.0) == (7 * 2.0**6, 0.0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on this system")
def test_an_endless_loop_is_interrupted() -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            wg.while_loop(lambda c: c >= 0.0, lambda c: c + 1.0, 0.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, old)
    assert newton(9.0) == pytest.approx(3.0)


# ---- lanes ----


@pytest.mark.parametrize("n", [1, 20])
def test_every_lane_has_its_own_loop(n: int) -> None:
    rows = np.linspace(0.2, 1.0, 3 * n).reshape(3, n)

    def looped(y: Any) -> Any:
        return np.sum(wg.scan(lambda c, x: (np.tanh(c * y + x), None), y, np.array([0.1, 0.2]))[0])

    def halved(y: Any) -> Any:
        return wg.while_loop(lambda s: s > 0.5, lambda s: s * 0.5, 4.0 * np.sum(y * y))

    for f in (looped, halved, wg.checkpoint(looped)):
        for g in (f, wg.grad(f)):
            wanted = np.stack([g(row) for row in rows])
            assert_allclose(wg.vmap(g)(rows), wanted, rtol=1e-12)
            assert_allclose(wg.compile(wg.vmap(g))(rows), wanted, rtol=1e-12)
        summed = wg.grad(lambda x: np.sum(wg.vmap(f)(x)))  # noqa: B023
        assert_allclose(summed(rows), wanted, rtol=1e-12)


# ---- checkpoint, stop_gradient ----


@every_body
def test_checkpoint_changes_nothing(body: Any) -> None:
    f = body(unrolled)
    again = wg.checkpoint(f)
    assert again(W, X, H) == f(W, X, H)
    for way in (wg.grad(again, (0, 1, 2)), wg.compile(wg.grad(again, (0, 1, 2)))):
        for got, want in zip(way(W, X, H), wg.grad(f, (0, 1, 2))(W, X, H), strict=True):
            assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    assert_allclose(wg.hessian(lambda h: again(W, X, h))(H), wg.hessian(lambda h: f(W, X, h))(H), rtol=1e-8, atol=1e-9)


def test_checkpoint_keeps_the_arguments_only() -> None:
    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x) * 1.5
        return x

    def nodes(g: Any) -> int:
        x = wg.Var(np.ones(100))
        before = len(wg.current_graph())
        y = g(x)
        wg.current_graph().compact()
        return len(y.graph) - before

    assert nodes(wg.checkpoint(f)) < 10 < nodes(f)


def test_checkpoint_and_scan_see_vars_from_outside() -> None:
    def f(a: Any, b: Any) -> Any:
        return wg.checkpoint(lambda x: np.sum(x * b) * a)(np.arange(40.0))

    got = wg.grad(f, (0, 1))(2.0, np.ones(40))
    assert got[0] == 780.0
    assert_allclose(got[1], 2.0 * np.arange(40.0))


@pytest.mark.parametrize("n", [3, 40])
def test_stop_gradient_of_arrays(n: int) -> None:
    x = np.linspace(0.5, 1.5, n)
    f = lambda x: np.sum(wg.stop_gradient(x * x) * x)  # noqa: E731
    in_a_loop = lambda x: wg.scan(lambda s, y: (s + wg.stop_gradient(y * y) * y, None), 0.0, x)[0]  # noqa: E731
    for g in (f, in_a_loop):
        assert_allclose(wg.grad(g)(x), x * x)
        assert_allclose(wg.compile(wg.grad(g))(x), x * x)
        assert_allclose(wg.compile(g)(x), np.sum(x**3))


# ---- the hint ----


def test_a_long_loop_gets_a_hint_with_its_line() -> None:
    def long(x: Any) -> Any:
        for _ in range(10_001):
            x = x * 0.999 + 0.1
        return x

    line = long.__code__.co_firstlineno + 2
    with pytest.warns(wg.LongLoopWarning, match=rf"line {line} of .*test_bodies.py.*scan"):
        wg.compile(long)(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wg.compile(lambda x: wg.scan(lambda c, _: (c * 0.999 + 0.1, None), x, length=10_001)[0])(1.0)
