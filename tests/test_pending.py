"""Is a value that was not computed while recording the right one, for whoever asks, and does nobody else compute it?"""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from row_cases import CASES, Case

import wengert as wg
from wengert import ops
from wengert._core import elementwise, pending
from wengert.errors import ShapeError
from wengert.structured import ROWS, Structured

ALL = [case for cases in CASES.values() for case in cases]


@pytest.fixture(autouse=True)
def every_array_waits() -> Iterator[None]:
    """Small arrays wait too."""
    before = pending.wait_from(1)
    yield
    pending.wait_from(before)


class Shaped:
    """What is known of an array that is not computed."""

    def __init__(self, x: Any) -> None:
        self.shape, self.dtype = x.shape, x.dtype


def hidden(case: Case, dtype: Any) -> list[Any]:
    """The arguments as a recording knows them: arrays that rules are asked of have shapes only."""
    row = ROWS[case.row]
    return [
        Shaped(x) if isinstance(x, np.ndarray) and row.has_rule(k) else x for k, x in enumerate(of_type(case, dtype))
    ]


def of_type(case: Case, dtype: Any) -> list[Any]:
    return [np.asarray(x, dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in case.args]


# ---- shapes ----


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_shape_rule_foresees_the_value(case: Case, dtype: Any) -> None:
    row = ROWS[case.row]
    args = of_type(case, dtype)
    params = {**row.defaults, **case.params}
    foreseen = row.foreseen(*hidden(case, dtype), **params)
    if foreseen is not None:
        value = row.value(*args, **params)
        assert foreseen[0] == np.shape(value)
        if isinstance(value, (np.ndarray, np.generic)):
            assert foreseen[1] == value.dtype


def test_every_shape_rule_has_a_case_that_it_foresees() -> None:
    foreseen = {
        case.row
        for case in ALL
        if ROWS[case.row].foreseen(*hidden(case, np.float64), **{**ROWS[case.row].defaults, **case.params})
    }
    assert foreseen == {name for name in CASES if ROWS[name].shape is not None}


DTYPES = [np.float64, np.float32, np.float16, np.int8, np.int64, np.uint16, np.bool_]


@pytest.mark.parametrize("name", ["add", "exp", "lt", "logical_not", "where"])
@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_elementwise_results_are_foreseen(name: str, first: Any, second: Any) -> None:
    row = ops.OPS[name]
    arrays = [np.ones((2, 1), first), np.ones((1, 3), second), np.ones(3, first)][: row.arity]
    want = elementwise.apply(row.code, *arrays)
    seen: list[tuple[Any, Any]] = []

    def f(x: Any) -> Any:
        made = [ROWS.cast(np.reshape(x[: a.size], a.shape), dtype=a.dtype) for a in arrays]
        y = getattr(wg, name)(*made)
        seen.append((y.shape, y.dtype))
        return np.sum(ROWS.cast(y, dtype=np.dtype(np.float64)))

    wg.compile(f)(np.ones(6))
    assert seen == [(want.shape, want.dtype)]


# ---- who asks gets the value that an eager call gives ----


def by_branch(x: Any) -> Any:
    y = np.exp(x) @ x
    return y * 2.0 if np.sum(x * x) > 1.0 else y


def by_branch_on_an_element(x: Any) -> Any:
    s = np.sin(x)
    return s[1] * x[0] if s[2] < 0.5 else np.sum(x)


def by_branch_on_a_number_made_of_numbers(x: Any) -> Any:
    norm = wg.sqrt(np.sum(x * x))
    scaled = wg.where(norm > 1.0, norm, 2.0 * norm) - 0.5
    total = np.sum(x / scaled)
    while abs(total) < 10.0:
        total = total * 2.0
    return total


def by_branches_one_after_the_other(x: Any) -> Any:
    y = x
    for _ in range(3):
        y = np.cos(y) if np.max(y) > np.mean(y) + 0.1 else np.tanh(y)
    return np.sum(y * x)


def by_all_and_any(x: Any) -> Any:
    if np.all(x > -100.0) and not np.any(np.isnan(np.exp(x))):
        return np.sum(np.log1p(x * x))
    return np.sum(x)


def by_an_array_of_one(x: Any) -> Any:
    return np.sum(x) if (np.sum(x, keepdims=True) > 0.0) else np.prod(x)


def by_a_loop(x: Any) -> Any:
    carry, ys = wg.scan(lambda c, row: (c + wg.sin(row) * c, c), np.sum(x) / 10.0, np.cos(x))
    return carry + np.sum(ys)


def by_an_open_loop(x: Any) -> Any:
    return wg.while_loop(lambda c: c < 100.0, lambda c: c * 2.0 + 1.0, np.sum(np.exp(x)))


def by_a_checkpoint(x: Any) -> Any:
    return np.sum(wg.checkpoint(lambda a: np.exp(np.sin(a)))(x * x))


def by_lanes(x: Any) -> Any:
    rows = np.outer(x, np.cos(x))
    return np.sum(wg.vmap(lambda row: np.sum(np.linalg.solve(np.eye(5) * 2.0 + np.outer(row, row), row)))(rows))


def by_recorded_integers(x: Any) -> Any:
    y = np.sin(x)
    return y[np.argmax(y)] + np.sum(np.sort(y)[::2]) + np.sum(np.take(x, np.argsort(y)) * x)


def by_a_slope(x: Any) -> Any:
    return np.sum(wg.grad(lambda a: np.sum(np.exp(a) * a))(x) * x)


def by_a_curvature(x: Any) -> Any:
    h = wg.hessian(lambda a: np.sum(np.exp(a[:2] * a[1:3])) * np.sum(a))(x)
    return np.linalg.det(h + 10.0 * np.eye(5)) if np.sum(h) > 0.0 else np.sum(h)


@wg.custom_vjp
def doubled(x: Any) -> Any:
    return 2.0 * x


doubled.defvjp(lambda x: (2.0 * x, np.sin(x)), lambda kept, g: (g * kept,))


def by_a_rule_of_ones_own(x: Any) -> Any:
    y = doubled(np.exp(x))
    return np.sum(y) if y[0] > 0.0 else np.sum(x)


ASKING = [f for name, f in sorted(globals().items()) if name.startswith("by_")]
X = np.random.default_rng(5).uniform(0.2, 1.3, 5)


@pytest.mark.parametrize("f", ASKING, ids=lambda f: f.__name__)
def test_values_and_branches_are_those_of_an_eager_call(f: Callable[[Any], Any]) -> None:
    c = wg.compile(f)
    for x in (X, -X, 3.0 * X):
        want = f(wg.Var(x))
        np.testing.assert_allclose(c(x), getattr(want, "data", want), rtol=1e-13)


@pytest.mark.parametrize("f", ASKING, ids=lambda f: f.__name__)
def test_gradients_are_those_of_an_eager_call(f: Callable[[Any], Any]) -> None:
    c = wg.compile(wg.value_and_grad(f))
    for x in (X, -X):
        value, slope = c(x)
        want, eager = wg.value_and_grad(f)(x)
        np.testing.assert_allclose(value, want, rtol=1e-13)
        np.testing.assert_allclose(slope, eager, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", ASKING, ids=lambda f: f.__name__)
def test_what_waits_changes_no_program(f: Callable[[Any], Any]) -> None:
    waiting = str(wg.compile(wg.value_and_grad(f)).program(X))
    pending.wait_from(2**62)
    assert str(wg.compile(wg.value_and_grad(f)).program(X)) == waiting


def test_a_branch_computes_its_value_bit_for_bit() -> None:
    numbers = np.random.default_rng(1).normal(size=100)
    want = float(np.sum(wg.exp(numbers) * wg.sin(numbers)))
    taken = []

    def f(x: Any) -> Any:
        total = np.sum(wg.exp(x) * wg.sin(x))
        taken.append(bool(total == want))
        return total

    wg.compile(f)(numbers)
    assert taken == [True]


# ---- who does not ask ----


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that are computed; planning a program tries views out."""
    names: list[str] = []
    value = Structured.value

    def noted(self: Structured, *args: Any, **params: Any) -> Any:
        if self.name not in ("reshape", "getitem", "transpose", "broadcast_to"):
            names.append(self.name)
        return value(self, *args, **params)

    monkeypatch.setattr(Structured, "value", noted)
    return names


def program_of(f: Callable[..., Any], *args: Any) -> Any:
    return wg.compile(f).program(*args)


def test_nobody_computes_what_nobody_asks_for(computed: list[str]) -> None:
    program_of(wg.value_and_grad(lambda x: np.sum(np.linalg.solve(x @ x.T, x)) * np.max(x)), np.eye(6) + 0.1)
    assert computed == []


def test_a_branch_computes_what_it_needs_and_nothing_else(computed: list[str]) -> None:
    def f(x: Any) -> Any:
        y = np.cumsum(x)
        z = np.linalg.inv(np.outer(x, x) + np.eye(5))
        return np.sum(z) if y[3] > 0.0 else np.sum(y)

    program_of(f, X)
    assert computed == ["cumsum"]


def test_what_was_computed_is_not_computed_again(computed: list[str]) -> None:
    def f(x: Any) -> Any:
        y = np.cumsum(x)
        for k in range(5):
            if y[k] > 1e9:
                return x[0]
        return np.sum(y)

    program_of(f, X)
    assert computed.count("cumsum") == 1


def test_a_long_chain_does_not_recurse() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(3000):
            y = y + x
        return np.sum(y) if y[0] > 0.0 else np.sum(x)

    x = np.ones(40)
    assert wg.compile(f)(x) == 3001.0 * 40


def test_recording_a_chain_holds_none_of_its_values() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x) + 1.0
        return np.sum(x)

    x = np.zeros(1_000_000)
    program_of(wg.grad(f), x[:50])  # what is imported late does not count
    tracemalloc.start()
    try:
        program_of(wg.grad(f), x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * x.nbytes


# ---- what is not as it should be ----


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x[:3] + x[:4]),
        lambda x: np.sum(x.reshape(2, 5) @ x.reshape(2, 5)),
        lambda x: np.sum(np.reshape(x, (3, 4))),
        lambda x: np.sum(np.einsum("ij,jk->ik", x.reshape(2, 5), x.reshape(2, 5))),
        lambda x: np.sum(np.concatenate([x.reshape(2, 5), x.reshape(5, 2)])),
        lambda x: np.sum(np.linalg.solve(x.reshape(2, 5), x[:2])),
        lambda x: np.sum(np.linalg.solve(x[:9].reshape(3, 3), x[:2])),
        lambda x: np.linalg.det(x.reshape(2, 5)),
        lambda x: np.sum(np.sum(x, axis=1)),
        lambda x: np.sum(np.sum(x.reshape(2, 5), axis=(0, 0))),
        lambda x: np.max(x[:0]),
        lambda x: np.sum(x[np.array([0, 10])]),
        lambda x: np.sum(np.take(x, np.array([0, 10]))),
        lambda x: np.sum(x.reshape(2, 5)[2]),
        lambda x: np.sum(wg.at(x)[np.array([1, 2])].set(x[:3])),
        lambda x: np.sum(np.cumsum(x, axis=1)),
        lambda x: np.sum(np.transpose(x.reshape(2, 5), (0, 0))),
        lambda x: np.sum(np.broadcast_to(x, (3, 4))),
    ],
)
def test_errors_are_those_of_values_that_do_not_wait(f: Callable[[Any], Any]) -> None:
    x = np.linspace(1.0, 2.0, 10)
    errors = []
    for n in (1, 2**62):
        pending.wait_from(n)
        with pytest.raises((ShapeError, ValueError, IndexError, np.linalg.LinAlgError)) as caught:
            wg.compile(f)(x)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.linalg.solve(a, a[0])),
        lambda a: np.sum(np.linalg.inv(a)),
        lambda a: np.sum(np.linalg.cholesky(a - 5.0)),
    ],
)
def test_a_singular_matrix_raises_in_the_run(f: Callable[[Any], Any]) -> None:
    c = wg.compile(wg.value_and_grad(f))
    singular = np.ones((4, 4))
    with pytest.raises(np.linalg.LinAlgError):
        c(singular)
    with pytest.raises(np.linalg.LinAlgError):
        c(singular)  # when it is recorded already


def test_an_index_that_is_computed_may_be_wrong_in_the_run_only() -> None:
    c = wg.compile(lambda x: np.sum(np.take(x, ROWS.cast(np.floor(x), dtype=np.dtype(np.int64)))))
    x = np.array([0.0, 1.0, 2.0, 1.0] * 12)
    assert c(x) == np.sum(x[x.astype(int)])
    for bad in (x + 100.0, x - 100.0):
        with pytest.raises(IndexError):
            wg.compile(lambda x: np.sum(np.take(x, ROWS.cast(np.floor(x), dtype=np.dtype(np.int64)))))(bad)
        with pytest.raises(IndexError):
            c(bad)


# ---- vars that outlive their recording ----


def test_vars_that_outlive_a_recording_have_their_values() -> None:
    left: list[Any] = []

    def f(x: Any) -> Any:
        y = np.exp(x)
        total = np.sum(y)
        left[:] = [x, y, total, wg.log(total), y[1]]
        return total * 2.0

    x = np.linspace(0.0, 1.0, 40)
    wg.compile(f)(x)
    whole, y, total, logarithm, element = left
    before = x.copy()
    x[:] = 7.0
    np.testing.assert_array_equal(whole.data, before)
    np.testing.assert_array_equal(y.data, wg.exp(before))
    assert total.data == np.sum(wg.exp(before))
    assert logarithm.data == wg.log(total.data)
    assert element.data == y.data[1]
    assert (logarithm * 2.0).data == 2.0 * logarithm.data


def test_the_value_shows_in_repr_while_recording() -> None:
    seen: list[str] = []

    def f(x: Any) -> Any:
        total = np.sum(x * x)
        seen.append(repr(total))
        return total

    wg.compile(f)(np.full(40, 2.0))
    assert "160.0" in seen[0]


def test_threads_record_at_once() -> None:
    results: dict[int, Any] = {}

    def work(k: int) -> None:
        x = np.linspace(0.1, 1.0 + k, 50)
        for _ in range(20):
            results[k] = wg.compile(wg.value_and_grad(by_branches_one_after_the_other))(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        want, slope = wg.value_and_grad(by_branches_one_after_the_other)(np.linspace(0.1, 1.0 + k, 50))
        np.testing.assert_allclose(results[k][0], want, rtol=1e-13)
        np.testing.assert_allclose(results[k][1], slope, rtol=1e-10)
