"""Is every structured op right: its value, its rule, and the rules of its rule?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_cases import CASES, SINGULAR, Case, some
from tiny_tape import Recording, nested, plain, weights

from wengert.errors import ShapeError
from wengert.structured import ROWS, fit, freeze, rows, shape_of, thaw, times

ALL = [case for cases in CASES.values() for case in cases]
every_case = pytest.mark.parametrize("case", ALL, ids=str)
differentiated = pytest.mark.parametrize(
    "case", [c for c in ALL if any(ROWS[c.row].has_rule(k) for k in range(len(c.args)))], ids=str
)


def value(case: Case, *args: Any) -> Any:
    """Return the value at arguments, of which matrices that are read as symmetric ones are made so."""
    if case.symmetric:
        args = tuple(0.5 * (a + rows.transpose(a, axes=(*range(len(a.shape) - 2), -1, -2))) for a in args)
    return ROWS[case.row](*args, **case.params)


def where_differentiable(case: Case) -> list[int]:
    return [k for k in range(len(case.args)) if ROWS[case.row].has_rule(k)]


def slopes(case: Case, dtype: Any = np.float64) -> list[Any]:
    """Return the adjoints of the arguments that have a rule, from weights on the result."""
    row = ROWS[case.row]
    args = tuple(
        np.asarray(a, dtype) if isinstance(a, np.ndarray) and row.has_rule(k) else a for k, a in enumerate(case.args)
    )
    y = row(*args, **case.params)
    g = weights(np.shape(y)).astype(dtype)
    params = {**row.defaults, **case.params}
    return [row.adjoint(k, g, y, args, params) for k in where_differentiable(case)]


def differences(f: Any, x: Any, step: float = 1e-3) -> Any:
    """Return the derivatives of a scalar function in the elements of x, by central differences of the sixth order."""
    result = np.empty(np.shape(x))
    for index in np.ndindex(result.shape):
        direction = np.zeros(result.shape)
        direction[index] = step
        d = [f(x + k * direction) - f(x - k * direction) for k in (1, 2, 3)]
        result[index] = (45 * d[0] - 9 * d[1] + d[2]) / (60 * step)
    return result


def numerically(case: Case, k: int, f: Any) -> Any:
    """Return the differences of a function of all arguments in one of them."""
    return differences(lambda x: f(*case.args[:k], x, *case.args[k + 1 :]), case.args[k])


def test_every_row_has_cases() -> None:
    assert set(CASES) == set(ROWS)


@every_case
def test_value(case: Case) -> None:
    got, want = ROWS[case.row](*case.args, **case.params), np.asarray(case.witness(*case.args, **case.params))
    assert np.shape(got) == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


@differentiated
def test_rule_against_differences(case: Case) -> None:
    if case.kink:
        pytest.skip("a kink is near")
    for k, adjoint in zip(where_differentiable(case), slopes(case), strict=True):
        want = numerically(case, k, lambda *args: np.sum(value(case, *args) * weights(np.shape(value(case, *args)))))
        assert np.shape(adjoint) == np.shape(case.args[k])
        np.testing.assert_allclose(adjoint, want, rtol=1e-7, atol=1e-9 * case.rough)


@differentiated
def test_rule_of_the_rule_against_differences(case: Case) -> None:
    if case.kink or max((np.size(a) for a in case.args), default=0) > 40:
        pytest.skip("a kink is near, or too many elements")
    ks = where_differentiable(case)

    def with_floats(*xs: Any) -> Any:
        args = list(case.args)
        for k, x in zip(ks, xs, strict=True):
            args[k] = x
        return value(case, *args)

    xs = [np.asarray(case.args[k]) for k in ks]
    with Recording():
        second = nested(with_floats, 2)(*xs)

        def total(*xs: Any) -> float:
            return sum(float(np.sum(plain(p) * weights(shape_of(p)))) for p in nested(with_floats, 1)(*xs))

        for i, (x, got) in enumerate(zip(xs, second, strict=True)):
            want = differences(lambda x, i=i: total(*xs[:i], x, *xs[i + 1 :]), x)
            np.testing.assert_allclose(plain(got), want, rtol=1e-6, atol=1e-8 * case.rough)


@pytest.mark.parametrize("case", [c for c in ALL if ROWS[c.row].linear], ids=str)
def test_linear_rows_and_their_rules_are_adjoint(case: Case) -> None:
    row = ROWS[case.row]
    args = [some(*np.shape(a)) if row.has_rule(k) else a for k, a in enumerate(case.args)]
    y = row(*args, **case.params)
    g = weights(np.shape(y))
    params = {**row.defaults, **case.params}
    back = [np.sum(args[k] * row.adjoint(k, g, y, tuple(args), params)) for k in where_differentiable(case)]
    np.testing.assert_allclose(np.sum(y * g), sum(back), rtol=1e-12, atol=1e-12)


def layouts(x: Any) -> list[Any]:
    """Return equal arrays in other places of memory: in column order, backwards, every other element."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return [x, x, x]
    flip = (slice(None, None, -1),) * x.ndim
    wide = np.empty(tuple(2 * n for n in x.shape), x.dtype)
    wide[(slice(None, None, 2),) * x.ndim] = x
    return [np.asfortranarray(x), x[flip].copy()[flip], wide[(slice(None, None, 2),) * x.ndim]]


@every_case
def test_layouts_and_single_precision(case: Case) -> None:
    row = ROWS[case.row]
    params = {**row.defaults, **case.params}
    want = row(*case.args, **params)
    for args in zip(*map(layouts, case.args), strict=True):
        np.testing.assert_allclose(row(*args, **params), want, rtol=1e-11, atol=1e-11)
    if any(not isinstance(a, np.ndarray) for a in case.args) or case.row == "cast":
        return
    single = [np.asarray(a, np.float32) if row.has_rule(k) else a for k, a in enumerate(case.args)]
    for k, adjoint in zip(where_differentiable(case), slopes(case, np.float32), strict=True):
        assert adjoint.dtype == np.float32, k
    if where_differentiable(case):
        got = row(*single, **params)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3)


# ---- what numbers cannot tell, and bad input ----
def rule(name: str, *args: Any, k: int = 0, g: Any = None, **params: Any) -> Any:
    row = ROWS[name]
    params = {**row.defaults, **params}
    y = row(*args, **params)
    return row.adjoint(k, np.ones(np.shape(y)) if g is None else g, y, args, params)


def test_ties_share() -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(rule("max", x, axis=1), [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_array_equal(rule("min", x, axis=1), [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_array_equal(rule("max", np.array([1.0, np.nan])), [0.5, 0.5])


def test_logsumexp_of_infinities() -> None:
    inf = np.inf
    x = np.array([[-inf, 0.0, -inf], [inf, 0.0, -inf], [-inf, -inf, -inf], [1e300, -1e300, 1e300]])
    np.testing.assert_array_equal(rows.logsumexp(x, axis=1), [0.0, inf, -inf, 1e300])
    with np.errstate(invalid="ignore", under="ignore"):
        weights = rule("logsumexp", x[:3], axis=1)
    np.testing.assert_array_equal(weights, [[0, 1, 0], [1, 0, 0], [1, 1, 1]])
    assert rows.logsumexp(np.zeros(0)) == -inf
    assert np.isnan(rows.logsumexp(np.array([np.nan, 1.0])))


def test_zero_is_strong() -> None:
    inf = np.inf
    np.testing.assert_array_equal(times(np.array([0.0, 2.0, inf]), np.array([inf, 3.0, 0.0])), [0, 6, 0])
    x = np.array([[inf, 2.0, np.nan], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(rule("prod", x, g=np.array([0.0, 1.0]), axis=1), [[0, 0, 0], [6, 3, 2]])
    np.testing.assert_array_equal(rule("cumprod", x, g=np.array([[0, 0, 0], [1, 0, 0]]), axis=1), [[0] * 3, [1, 0, 0]])
    np.testing.assert_array_equal(rule("eigh", np.eye(2), g=np.array([[1.0, 1], [0, 0], [0, 0]])), np.eye(2))


def test_the_last_writer_gets_the_adjoint() -> None:
    adjoint = rule("put", np.zeros(3), np.ones(4), k=1, key=freeze([1, 1, 0, 1]), g=np.array([5.0, 7.0, 9.0]))
    np.testing.assert_array_equal(adjoint, [0, 0, 5, 7])


@pytest.mark.parametrize("a", [*SINGULAR, some(3, 3), some(2, 2)], ids=lambda a: str(a.tolist()))
def test_third_derivative_of_a_determinant(a: Any) -> None:
    def f(x: Any) -> Any:
        return rows.det(x)

    with Recording(), np.errstate(all="ignore"):
        got = plain(nested(f, 3)(a)[0])
        want = differences(lambda x: float(np.sum(plain(nested(f, 2)(x)[0]) * weights(a.shape))), a, step=1e-2)
    if np.all(np.linalg.det(a) != 0):
        np.testing.assert_allclose(got, want, atol=1e-7)
    else:
        assert not np.all(np.isfinite(got))


MISFITS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("matmul", (np.ones((2, 3)), np.ones((2, 3))), {}, r"matmul of shapes \(2, 3\) and \(2, 3\)"),
    ("matmul", (1.0, np.ones(3)), {}, r"matmul of shapes \(\) and \(3,\)"),
    ("einsum", (np.ones((2, 3)), np.ones(2)), {"subscripts": "ij,j"}, r"\(2, 3\) and \(2,\)"),
    ("einsum", (np.ones((2, 3)),), {"subscripts": "ijk"}, r"ijk.* 2"),
    ("einsum", (np.ones(2),), {"subscripts": "i,i"}, "2 operands, not 1"),
    ("concatenate", (np.ones((2, 3)), np.ones(2)), {"axis": 0}, r"\(2, 3\) and \(2,\)"),
    ("reshape", (np.ones(6),), {"shape": (4,)}, r"\(6,\).*\(4,\)"),
    ("broadcast_to", (np.ones(2),), {"shape": (3,)}, r"\(2,\).*\(3,\)"),
    ("solve", (np.eye(3), np.ones(2)), {}, r"\(3, 3\) and \(2,\)"),
    ("solve_triangular", (np.eye(3), np.ones(2)), {"lower": True, "trans": False}, r"\(3, 3\) and \(2,\)"),
    ("put", (np.ones(3), np.ones(2)), {"key": freeze(slice(None))}, r"\(3,\) and \(2,\)"),
    ("max", (np.ones((0, 2)),), {"axis": 0}, r"\(0, 2\)"),
    ("convolve", (np.ones(0), np.ones(2)), {}, r"\(0,\) and \(2,\)"),
]


@pytest.mark.parametrize(("name", "args", "params", "message"), MISFITS, ids=lambda x: x if isinstance(x, str) else "")
def test_misfits_name_the_shapes(name: str, args: Any, params: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        ROWS[name](*args, **params)


@pytest.mark.parametrize("name", ["inv", "cholesky", "solve", "solve_triangular"])
def test_singular_matrices_do_what_numpy_does(name: str) -> None:
    args: tuple[Any, ...] = (np.zeros((2, 2)),) + ((np.ones(2),) if name.startswith("solve") else ())
    params = {"lower": True, "trans": False} if name == "solve_triangular" else {}
    with pytest.raises(np.linalg.LinAlgError, match=r"\(2, 2\)"):
        ROWS[name](*args, **params)


@pytest.mark.parametrize("name", ["inv", "cholesky", "det", "logabsdet", "cofactors", "eigh"])
def test_matrices_must_be_square(name: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=r"\(2, 3\)"):
        ROWS[name](np.ones((2, 3)))


def test_indices_and_axes_out_of_range() -> None:
    with pytest.raises(IndexError):
        rows.getitem(np.ones(3), key=3)
    with pytest.raises(IndexError):
        rows.take(np.ones(3), 0.5, axis=0)
    with pytest.raises(np.exceptions.AxisError):
        rows.sum(np.ones(3), axis=1)
    with pytest.raises(TypeError, match="sum takes arrays and numbers, not object"):
        rows.sum(object())
    with pytest.raises(AttributeError, match="'summ'"):
        _ = rows.summ


def test_not_a_number_stays_one() -> None:
    a = np.stack([np.full((2, 2), np.nan), np.array([[0.0, 0.0], [0.0, 1.0]])])
    np.testing.assert_array_equal(rows.cofactors(a)[0], a[0])
    np.testing.assert_allclose(rows.cofactors(a)[1], [[1, 0], [0, 0]], atol=1e-15)
    assert np.isnan(rows.cofactors_adjoint(a, a[1])[0]).all()
    np.testing.assert_array_equal(
        rows.solve_triangular(np.eye(2), np.array([np.nan, 1]), lower=False, trans=False)[1], 1
    )


@pytest.mark.parametrize("key", [0, np.int64(2), slice(1, np.int64(3)), [0, 1], (None, ..., [True, False]), True, []])
def test_frozen_keys(key: Any) -> None:
    frozen = freeze(key)
    assert hash(frozen) == hash(freeze(key))
    assert frozen == freeze(key) == freeze(frozen)
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(x[thaw(frozen)], x[key])


def test_frozen_arrays_are_told_apart_and_copied() -> None:
    array = np.array([1, 2])
    frozen = freeze(array)
    array[0] = 5
    assert thaw(frozen).tolist() == [1, 2]
    assert not thaw(frozen).flags.writeable
    assert frozen != freeze(np.array([1, 2], np.int32))
    assert frozen != freeze(np.array([[1, 2]]))
    assert freeze(np.array(True)) != freeze(1)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 3), (4, 1, 1), (4, 2, 3)])
def test_fit_undoes_broadcasting(shape: tuple[int, ...]) -> None:
    x, g = some(*shape), some(4, 2, 3)
    np.testing.assert_allclose(np.sum(np.broadcast_to(x, (4, 2, 3)) * g), np.sum(x * fit(g, shape)))
    assert np.shape(fit(g, shape)) == shape
