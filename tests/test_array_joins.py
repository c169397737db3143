"""Are arrays read and written in place, and computed where they are joined, without a change of any number?

The witnesses are NumPy, the same function without a program, and loops that are unrolled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg

# Around eight lanes, the width of a block, and FEW elements that are recorded one by one.
LENGTHS = (33, 39, 40, 41, 100, 255, 256, 257, 511, 513, 1000, 1031)


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(0.5, 2.0, shape)


def eager(f: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """The value without a program, by the same functions of this package."""
    return f(*[wg.Var(x) for x in arrays]).data


CHAINS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda x: np.exp(x) * x - 1.0,
    "shifted": lambda x: x[1:] * x[:-1],
    "reversed": lambda x: x[::-1] * x + 2.0,
    "every second": lambda x: np.sqrt(x[::2]) / 3.0,
    "largest": lambda x: np.max(x * 1.5),
    "smallest": lambda x: np.min(x),
    "several folds": lambda x: np.max(x) - np.min(-x),
    "stored and folded": lambda x: (x * x) / np.max(x * x),
    "columns": lambda x: np.reshape(np.concatenate([x, x * 2.0, -x]), (-1, 3))[:, 1] * 2.0,
}


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", CHAINS)
def test_every_length_in_place(name: str, n: int) -> None:
    f, x = CHAINS[name], data(n)
    np.testing.assert_array_equal(wg.compile(f)(x), eager(f, x))


@pytest.mark.parametrize("n", LENGTHS)
def test_sums_of_every_length(n: int) -> None:
    x = data(n)
    total, largest = wg.compile(lambda x: (np.sum(np.log(x)), np.max(np.log(x))))(x)
    np.testing.assert_allclose(total, np.sum(np.log(x)), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(largest, np.max(np.log(x)), rtol=1e-15)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 40, 99])
def test_extremes_of_special_numbers(number: float, at: int) -> None:
    x = data(100)
    x[at] = number
    largest, smallest = wg.compile(lambda x: (np.max(x), np.min(x)))(x)
    np.testing.assert_array_equal([largest, smallest], [np.max(x), np.min(x)])


SHAPES = ((50, 2), (40, 3), (30, 5, 2), (20, 7), (9, 8), (12, 9), (11, 50), (7, 100), (3, 4, 50, 2), (1031, 5))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_short_rows(shape: tuple[int, ...]) -> None:
    """Broadcast, gathered and folded along every axis."""
    x, last, first = data(*shape), data(shape[-1]), data(shape[0], *[1] * (len(shape) - 1))

    def f(x: Any, last: Any, first: Any) -> Any:
        y = (x * last) / first
        swapped = np.swapaxes(np.swapaxes(x, 0, -1) * 2.0, 0, -1) - x
        return [y, swapped, *[(np.sum(y, axis), np.max(y, axis), np.min(y, axis)) for axis in range(len(shape))]]

    for mine, expected in zip(wg.compile(f)(x, last, first), f(x, last, first), strict=True):
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "ends": lambda x, y: np.concatenate([x[:1], x[1:] * y[:-1]]) * 2.0 + y,
    "two stages": lambda x, y: np.concatenate(
        [x[:1], x[1:] * (y + 0.5 * np.concatenate([x[:1], x[1:] * y[:-1]]))[:-1]]
    ),
    "different cuts": lambda x, y: np.concatenate([x[:40], y[40:]]) * np.concatenate([y[:7], x[7:]]),
    "swallowed": lambda x, y: np.exp(np.concatenate([x[:50], np.zeros(len(x) - 50)]) - y),
    "part twice": lambda x, y: np.concatenate([x[:50] * y[:50], x[:50] * y[:50], x[100:]]) * y,
    "both kept": lambda x, y: (lambda z: np.concatenate([z[:-1] * y[1:], z[:1]]) + z)(x * y),
    "nested": lambda x, y: np.concatenate([np.concatenate([x[:9], y[9:60]]) * 2.0, x[60:]]) - y,
    "rows": lambda x, y: np.ravel(np.concatenate([x[None] * y, y[None] - x])),
    "many": lambda x, y: np.concatenate([x[k : k + 1] for k in range(len(x))]) * y,
    "differences": lambda x, y: np.diff(x, prepend=1.0) * y,
}


@pytest.mark.parametrize("name", JOINS)
def test_joined_vectors(name: str) -> None:
    """Values are those of vars, bit for bit; derivatives those of the sweep, to second order."""
    f, x, y = JOINS[name], data(110), data(110)[::-1].copy()
    np.testing.assert_array_equal(wg.compile(f)(x, y), eager(f, x, y))

    def cost(x: Any, y: Any) -> Any:
        return np.sum(np.sin(f(x, y)))

    gradient = wg.grad(cost, argnums=(0, 1))
    for a, b in zip(wg.compile(gradient)(x, y), gradient(x, y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    product = lambda x, y, v: wg.jvp(lambda x: wg.grad(cost)(x, y), (x,), (v,))[1]  # noqa: E731
    np.testing.assert_allclose(wg.compile(product)(x, y, np.cos(x)), product(x, y, np.cos(x)), rtol=1e-11, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=4),
    st.lists(st.sampled_from(["add", "multiply", "subtract", "maximum"]), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_random_joins(sizes: list[int], ops: list[str], random: Any) -> None:
    n = sum(sizes) + 33
    cuts = np.cumsum(sizes)
    starts = [random.randrange(0, n - size + 1) for size in [*sizes, n - sum(sizes)]]

    def f(x: Any) -> Any:
        lengths = [*sizes, n - int(cuts[-1])]
        y = np.concatenate([x[a : a + size] for a, size in zip(starts, lengths, strict=True)])
        for k, op in enumerate(ops):
            y = getattr(np, op)(y, x * (k + 2.0) if k % 2 else np.concatenate([y[5:], x[:5]]))
        return y

    x = data(n)
    np.testing.assert_array_equal(wg.compile(f)(x), eager(f, x))
    gradient = wg.grad(lambda x: np.sum(f(x) * np.cos(x)))
    np.testing.assert_allclose(wg.compile(gradient)(x), gradient(x), rtol=1e-12, atol=1e-12)


def loop(x: Any, y: Any, n: int, reverse: bool, history: bool) -> Any:
    def step(carry: Any, row: Any) -> Any:
        z, total = carry
        new = np.concatenate([row[:1], row[1:] * z[:-1]]) * 0.7 + np.sin(z) * y
        return (new, total + np.sum(new)), new * 2.0

    (last, total), rows = wg.scan(step, (y * 0.5, 0.25), x, reverse=reverse)
    return (np.sum(rows * rows[::-1]) if history else 0.0) + np.sum(last) * total


def unrolled(x: Any, y: Any, n: int, reverse: bool, history: bool) -> Any:
    z, total, rows = y * 0.5, 0.25, []
    for k in range(n)[:: -1 if reverse else 1]:
        z = np.concatenate([x[k][:1], x[k][1:] * z[:-1]]) * 0.7 + np.sin(z) * y
        total = total + np.sum(z)
        rows.append(z * 2.0)
    both = np.stack(rows[:: -1 if reverse else 1])
    return (np.sum(both * both[::-1]) if history else 0.0) + np.sum(z) * total


@pytest.mark.parametrize("history", [False, True], ids=["last", "history"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8])
def test_loops_read_and_write_in_place(n: int, reverse: bool, history: bool) -> None:
    """Of every parity and few steps, since a carry that nobody reads takes turns between two rows."""
    x, y = data(n, 41), data(41)
    compiled = wg.compile(wg.value_and_grad(lambda x, y: loop(x, y, n, reverse, history), argnums=(0, 1)))
    value, slopes = wg.value_and_grad(lambda x, y: unrolled(x, y, n, reverse, history), argnums=(0, 1))(x, y)
    for _ in range(2):  # nothing may be left over from the first run
        mine, my_slopes = compiled(x, y)
        np.testing.assert_allclose(mine, value, rtol=1e-12)
        for a, b in zip(my_slopes, slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_failing_step_of_a_loop_is_reported() -> None:
    def f(a: Any) -> Any:
        return wg.scan(lambda z, m: (z + np.sum(np.linalg.solve(m, np.ones(6))), None), 0.0, a)[0]

    a = np.stack([np.eye(6) * (k + 1.0) for k in range(5)])
    compiled = wg.compile(wg.grad(f))
    np.testing.assert_allclose(compiled(a), wg.grad(f)(a))
    a[3] = 0.0
    with pytest.raises(np.linalg.LinAlgError):
        compiled(a)
    a[3] = np.eye(6)
    np.testing.assert_allclose(compiled(a), wg.grad(f)(a))
