"""Does a function with a derivative rule of the user's own have that derivative, in every mode and to any order?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import wengert as wg

eager_and_compiled = pytest.mark.parametrize("way", [lambda f: f, wg.compile], ids=["eager", "compiled"])
sizes = pytest.mark.parametrize("n", [3, 50])


@wg.custom_vjp
def square(x: Any) -> Any:
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * g * x,))


@wg.custom_jvp
def sine(x: Any) -> Any:
    return np.sin(x)


sine.defjvp(lambda x, t: (sine(x[0]), np.cos(x[0]) * t[0]))


@wg.custom_vjp
def tripled_slope(x: Any) -> Any:
    """The rule is wrong on purpose, so that it shows who was asked."""
    return x * x


tripled_slope.defvjp(lambda x: (x * x, x), lambda x, g: (6.0 * g * x,))


@eager_and_compiled
@sizes
@pytest.mark.parametrize(("f", "plain"), [(square, np.square), (sine, np.sin)], ids=["vjp", "jvp"])
def test_a_true_rule_changes_nothing(way: Any, n: int, f: Any, plain: Any) -> None:
    x, direction = np.linspace(-1.0, 2.0, n), np.cos(np.arange(n))

    def ours(x: Any, f: Any = f) -> Any:
        return np.sum(f(x) * f(x * x))

    def theirs(x: Any) -> Any:
        return ours(x, plain)

    assert_allclose(f(x), plain(x))
    assert_allclose(way(ours)(x), theirs(x), rtol=1e-13)
    assert_allclose(way(wg.grad(ours))(x), wg.grad(theirs)(x), rtol=1e-12)
    assert_allclose(
        way(lambda x: wg.jvp(ours, (x,), (direction,))[1])(x), wg.jvp(theirs, (x,), (direction,))[1], rtol=1e-12
    )
    assert_allclose(way(lambda x: wg.hvp(ours, x, direction))(x), wg.hvp(theirs, x, direction), rtol=1e-11, atol=1e-12)
    third = lambda g: wg.grad(lambda x: np.sum(wg.grad(lambda x: np.sum(wg.grad(g)(x) ** 2))(x)))  # noqa: E731
    assert_allclose(way(third(ours))(x), third(theirs)(x), rtol=1e-10, atol=1e-10)


@eager_and_compiled
def test_the_rule_is_what_counts(way: Any) -> None:
    assert way(wg.grad(tripled_slope))(2.0) == 12.0
    assert way(lambda x: wg.jvp(tripled_slope, (x,), (1.0,))[1])(2.0) == 12.0
    assert way(wg.grad(wg.grad(tripled_slope)))(2.0) == 6.0
    in_a_scan = lambda x: wg.scan(lambda s, y: (s + tripled_slope(y * x), None), 0.0, np.array([1.0, 2.0]))[0]  # noqa: E731
    assert way(in_a_scan)(2.0) == 20.0
    assert way(wg.grad(in_a_scan))(2.0) == 60.0
    assert way(wg.grad(wg.checkpoint(tripled_slope)))(2.0) == 12.0
    assert way(wg.grad(lambda x: wg.while_loop(lambda s: s < 10.0, tripled_slope, x)))(2.0) == 12.0 * 24.0


@eager_and_compiled
def test_nests_and_what_is_kept(way: Any) -> None:
    @wg.custom_vjp
    def f(d: Any, scale: Any) -> Any:
        return {"sum": d["a"] + scale * np.sum(d["b"]), "b": d["b"] * 1.0}

    def backward(kept: Any, g: Any) -> Any:
        scale, (name, b) = kept
        assert name == "b"
        return {"a": g["sum"], "b": scale * g["sum"] + g["b"]}, g["sum"] * np.sum(b)

    f.defvjp(lambda d, scale: (f.f(d, scale), (scale, ("b", d["b"]))), backward)

    def loss(a: Any, b: Any, scale: Any) -> Any:
        out = f({"a": a, "b": b}, scale)
        return out["sum"] * out["sum"] + np.sum(out["b"])

    b = np.arange(4.0)
    got = way(wg.grad(loss, (0, 1, 2)))(1.0, b, 2.0)
    total = 1.0 + 2.0 * 6.0
    assert got[0] == 2 * total
    assert_allclose(got[1], 2 * total * 2.0 + np.ones(4))
    assert got[2] == 2 * total * 6.0


@eager_and_compiled
def test_arguments_that_are_no_numbers(way: Any) -> None:
    static = wg.custom_vjp(lambda how, x: how(x), nondiff_argnums=(0,))
    static.defvjp(lambda how, x: (how(x), x), lambda how, x, g: (g * how(x),))
    assert way(wg.grad(lambda x: static(np.exp, x)))(0.0) == 1.0
    assert static(np.exp, 0.0) == 1.0


def test_a_rule_may_use_derivatives_itself() -> None:
    """The root of x = cos(a x), by iteration, whose derivative is that of the implicit function."""

    @wg.custom_vjp
    def root(a: Any) -> Any:
        return wg.while_loop(lambda x: abs(x - np.cos(a * x)) > 1e-15, lambda x: 0.5 * (x + np.cos(a * x)), 0.5)

    def backward(kept: Any, g: Any) -> Any:
        a, x = kept
        in_x, in_a = wg.grad(lambda x, a: x - np.cos(a * x), (0, 1))(x, a)
        return (-g * in_a / in_x,)

    root.defvjp(lambda a: ((x := root.f(a)), (a, x)), backward)
    x = root(1.0)
    slope = -x * np.sin(x) / (1 + np.sin(x))
    # The sweep goes on after the rule has made sweeps of its own.
    f = lambda a: np.sin(a) * root(a * a) * a  # noqa: E731
    wanted = np.cos(1.0) * x + np.sin(1.0) * (x + 2 * slope)
    assert wg.grad(f)(1.0) == pytest.approx(wanted, rel=1e-12)
    assert wg.compile(wg.grad(f))(1.0) == pytest.approx(wanted, rel=1e-12)


def test_the_check_finds_a_wrong_rule() -> None:
    assert square.check(1.5) < 1e-8
    assert sine.check(np.array([0.3, 0.4])) < 1e-8
    with pytest.raises(wg.WengertError, match="wrong derivative of output 0"):
        tripled_slope.check(1.5)


def test_vars_from_outside_are_refused() -> None:
    def through(b: Any) -> Any:
        f = wg.custom_vjp(lambda x: x * b)
        f.defvjp(lambda x: (x * b, None), lambda _, g: (g,))
        return f(b)

    for way in (wg.grad(through), wg.compile(wg.grad(through))):
        with pytest.raises(wg.TracingError, match="pass it as an argument"):
            way(2.0)

    def through_arrays(b: Any) -> Any:
        f = wg.custom_vjp(lambda x: np.sum(x * b))
        f.defvjp(lambda x: (np.sum(x * b), None), lambda _, g: (g,))
        return f(2.0 * b[0])

    with pytest.raises(wg.TracingError, match="pass it as an argument"):
        wg.grad(through_arrays)(np.ones(40))


def test_wrong_rules_are_refused() -> None:
    bare = wg.custom_vjp(np.sin)
    with pytest.raises(wg.TracingError, match="defvjp"):
        wg.grad(bare)(1.0)
    bare.defvjp(lambda x: np.sin(x), lambda x, g: (g,))
    with pytest.raises(wg.TracingError, match="kept"):
        wg.grad(bare)(1.0)
    bare.defvjp(lambda x: (np.sin(x), x), lambda x, g: g)
    with pytest.raises(wg.TracingError, match="tuple"):
        wg.grad(bare)(1.0)
    bare.defvjp(lambda x: (np.sin(x), x), lambda x, g: (g, g))
    with pytest.raises(wg.ShapeError):
        wg.grad(bare)(1.0)
    bare.defvjp(lambda x: (np.sin(x), x), lambda x, g: (np.ones(3) * g,))
    with pytest.raises(wg.ShapeError, match=r"\(3,\)"):
        wg.grad(bare)(1.0)
    with pytest.raises(wg.TracingError, match="defjvp"):
        wg.grad(wg.custom_jvp(np.sin))(1.0)
    assert bare(1.0) == np.sin(1.0)
