"""Is every structured op right: its value, its rule, and the rules of its rule?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from row_cases import CASES, SINGULAR, Case, jax_rows, minors, some
from tiny_tape import Recording, nested, plain, weighed, weights

from wengert.errors import ShapeError
from wengert.structured import ROWS, fit, freeze, rows, thaw, times

# Vars know no warnings; what is not finite is looked at.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ALL = [case for cases in CASES.values() for case in cases]
every_case = pytest.mark.parametrize("case", ALL, ids=str)


def of_order(order: int) -> Any:
    """Return a parametrisation over cases that have so many derivatives."""
    with_rule = [c for c in ALL if c.orders >= order and any(ROWS[c.row].has_rule(k) for k in range(len(c.args)))]
    return pytest.mark.parametrize("case", with_rule, ids=str)


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


def by_differentiable(case: Case) -> tuple[Any, list[Any]]:
    """Return the value as a function of the arguments that have a rule, and these arguments."""
    ks = where_differentiable(case)

    def f(*xs: Any) -> Any:
        args = list(case.args)
        for k, x in zip(ks, xs, strict=True):
            args[k] = x
        return value(case, *args)

    return f, [np.asarray(case.args[k]) for k in ks]


@of_order(1)
def test_rule_against_differences(case: Case) -> None:
    f, xs = by_differentiable(case)
    for i, (x, adjoint) in enumerate(zip(xs, slopes(case), strict=True)):
        want = differences(lambda x, i=i: np.sum(f(*xs[:i], x, *xs[i + 1 :]) * weights(np.shape(f(*xs)))), x)
        assert np.shape(adjoint) == x.shape
        np.testing.assert_allclose(adjoint, want, rtol=1e-7, atol=1e-9 * case.rough)


@of_order(2)
def test_rule_of_the_rule_against_differences(case: Case) -> None:
    f, xs = by_differentiable(case)
    with Recording():

        def total(*xs: Any) -> float:
            return sum(float(np.sum(weighed(plain(p)))) for p in nested(f, 1)(*xs))

        for i, (x, got) in enumerate(zip(xs, nested(f, 2)(*xs), strict=True)):
            want = differences(lambda x, i=i: total(*xs[:i], x, *xs[i + 1 :]), x)
            np.testing.assert_allclose(plain(got), want, rtol=1e-6, atol=1e-8 * case.rough)


DEEP = [("prod", -3), ("cumprod", 4), ("logsumexp", 0), ("solve", 0), ("cholesky", 1), ("recurrence", -3), ("eigh", 2)]


@pytest.mark.parametrize("case", [CASES[name][i] for name, i in DEEP], ids=str)
def test_third_derivatives_against_differences(case: Case) -> None:
    f, xs = by_differentiable(case)
    with Recording():

        def total(*xs: Any) -> float:
            return sum(float(np.sum(weighed(plain(p)))) for p in nested(f, 2)(*xs))

        for i, (x, got) in enumerate(zip(xs, nested(f, 3)(*xs), strict=True)):
            want = differences(lambda x, i=i: total(*xs[:i], x, *xs[i + 1 :]), x)
            np.testing.assert_allclose(plain(got), want, rtol=1e-5, atol=1e-6)


# JAX compiles every op of every shape, so it sees three small cases of each row.
SMALL = [c for cases in CASES.values() for c in [c for c in cases if 0 < np.size(c.args[0]) < 10 and c.orders > 1][:3]]


@pytest.mark.parametrize("case", [c for c in SMALL if ROWS[c.row].has_rule(0)], ids=str)
def test_rule_of_the_rule_against_jax(case: Case) -> None:
    jax = pytest.importorskip("jax")
    row = jax_rows(jax).get(case.row)
    if row is None:
        pytest.skip("JAX has no such function")
    f, xs = by_differentiable(case)
    with Recording():
        got = [plain(part) for part in nested(f, 2)(*xs)]
    with jax.enable_x64(True):

        def value_in_jax(*xs: Any) -> Any:
            args = list(case.args)
            for k, x in zip(where_differentiable(case), xs, strict=True):
                args[k] = 0.5 * (x + x.swapaxes(-1, -2)) if case.symmetric else x
            return row(*args, **case.params)

        def gradient(f: Any) -> Any:
            def total(*xs: Any) -> Any:
                parts = f(*xs)
                return sum(weighed(p).sum() for p in (parts if isinstance(parts, tuple) else (parts,)))

            return jax.grad(total, argnums=tuple(range(len(xs))))

        want = gradient(gradient(value_in_jax))(*map(jax.numpy.asarray, xs))
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", [c for c in ALL if ROWS[c.row].linear], ids=str)
def test_linear_rows_and_their_rules_are_adjoint(case: Case) -> None:
    row = ROWS[case.row]
    args = [some(*np.shape(a)) if row.has_rule(k) else a for k, a in enumerate(case.args)]
    y = row(*args, **case.params)
    g = weights(np.shape(y))
    params = {**row.defaults, **case.params}
    back = [np.sum(args[k] * row.adjoint(k, g, y, tuple(args), params)) for k in where_differentiable(case)]
    np.testing.assert_allclose(np.sum(y * g), sum(back), rtol=1e-12, atol=1e-12)


@st.composite
def einsums(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """Draw subscripts of any kind that NumPy takes, and operands."""
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    outer = draw(st.lists(st.integers(1, 2), max_size=2))
    terms, operands = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.text("abcd", max_size=3))
        # Only a letter that stands once in its term may have length 1 where the others are longer.
        shape = [1 if letters.count(x) == 1 and draw(st.integers(0, 4)) == 0 else sizes[x] for x in letters]
        dots = draw(st.sampled_from(["", "..."]))
        if dots:
            skip = draw(st.integers(0, len(outer)))
            shape = [*outer[skip:], *shape]
        terms.append(dots + letters)
        operands.append(some(*shape))
    text = ",".join(terms)
    used = sorted(set(text) - set(",."))
    if draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(used), unique=True)) if used else []
        text += "->" + ("..." if "." in text else "") + "".join(chosen)
    return text, operands


@given(einsums())
def test_einsum_is_linear_in_each_operand(drawn: tuple[str, list[Any]]) -> None:
    text, operands = drawn
    y = rows.einsum(*operands, subscripts=text)
    np.testing.assert_allclose(y, np.einsum(text, *operands, optimize=False), atol=1e-12)
    g = weights(np.shape(y))
    for k, x in enumerate(operands):
        adjoint = ROWS["einsum"].adjoint(k, g, y, tuple(operands), {"subscripts": text})
        assert np.shape(adjoint) == x.shape
        np.testing.assert_allclose(np.sum(x * adjoint), np.sum(y * g), rtol=1e-10, atol=1e-10)


def test_a_large_einsum_takes_the_way_through_blas() -> None:
    a, b = some(40, 50), some(50, 40)
    np.testing.assert_allclose(rows.einsum(a, b, subscripts="ij,jk"), np.dot(a, b), rtol=1e-12, atol=1e-12)


SHAPE = (3, 1, 4, 2)


@given(st.one_of(hnp.basic_indices(SHAPE, allow_newaxis=True, allow_ellipsis=True), hnp.integer_array_indices(SHAPE)))
def test_scatter_is_the_adjoint_of_getitem(key: Any) -> None:
    x = some(*SHAPE)
    y = rows.getitem(x, key=freeze(key))
    np.testing.assert_array_equal(y, x[key])
    g = weights(np.shape(y))
    back = rows.scatter(g, key=freeze(key), shape=SHAPE)
    np.testing.assert_allclose(np.sum(y * g), np.sum(x * back), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rows.put_add(x, g, key=freeze(key)), x + back)


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
    if any(not isinstance(a, np.ndarray) for a in case.args) or case.row in ("cast", "custom"):
        return
    single = [np.asarray(a, np.float32) if row.has_rule(k) else a for k, a in enumerate(case.args)]
    for k, adjoint in zip(where_differentiable(case), slopes(case, np.float32), strict=True):
        assert getattr(adjoint, "dtype", np.float32) == np.float32, k
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
    np.testing.assert_array_equal(rule("logsumexp", x[:3], axis=1), [[0, 1, 0], [1, 0, 0], [1, 1, 1]])
    assert rows.logsumexp(np.zeros(0)) == -inf
    assert np.isnan(rows.logsumexp(np.array([np.nan, 1.0])))


def test_zero_is_strong() -> None:
    inf = np.inf
    np.testing.assert_array_equal(times(np.array([0.0, 2.0, inf]), np.array([inf, 3.0, 0.0])), [0, 6, 0])
    x = np.array([[inf, 2.0, np.nan], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(rule("prod", x, g=np.array([0.0, 1.0]), axis=1), [[0, 0, 0], [6, 3, 2]])
    np.testing.assert_array_equal(rule("cumprod", x, g=np.array([[0, 0, 0], [1, 0, 0]]), axis=1), [[0] * 3, [1, 0, 0]])
    y = np.array([[np.nan, 1.0], [5.0, -inf]])
    np.testing.assert_array_equal(rule("logsumexp", y, g=np.array([0.0, 2.0]), axis=1), [[0, 0], [2, 0]])
    np.testing.assert_array_equal(rule("eigh", np.eye(2), g=np.array([[1.0, 1], [0, 0], [0, 0]])), np.eye(2))


def test_the_last_writer_gets_the_adjoint() -> None:
    adjoint = rule("put", np.zeros(3), np.ones(4), k=1, key=freeze([1, 1, 0, 1]), g=np.array([5.0, 7.0, 9.0]))
    np.testing.assert_array_equal(adjoint, [0, 0, 5, 7])


@pytest.mark.parametrize("a", [*SINGULAR, some(3, 3), some(2, 2)], ids=lambda a: str(a.tolist()))
def test_third_derivative_of_a_determinant(a: Any) -> None:
    def f(x: Any) -> Any:
        return rows.det(x)

    with Recording():
        got = plain(nested(f, 3)(a)[0])
        want = differences(lambda x: float(np.sum(weighed(plain(nested(f, 2)(x)[0])))), a, step=1e-2)
    if np.all(np.linalg.det(a) != 0):
        np.testing.assert_allclose(got, want, atol=1e-7)
    else:
        assert not np.all(np.isfinite(got))


MISFITS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("matmul", (np.ones((2, 3)), np.ones((2, 3))), {}, r"matmul of shapes \(2, 3\) and \(2, 3\)"),
    ("matmul", (1.0, np.ones(3)), {}, r"matmul of shapes \(\) and \(3,\)"),
    ("einsum", (np.ones((2, 3)), np.ones(2)), {"subscripts": "ij,j"}, r"\(2, 3\) and \(2,\)"),
    ("einsum", (np.ones((2, 3)),), {"subscripts": "ijk"}, r"ijk.*\[2\]"),
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


@pytest.mark.parametrize("smallest", [1e-8, 1e-13, 1e-16])
def test_cofactors_of_nearly_singular_matrices(smallest: float) -> None:
    u, _, vt = np.linalg.svd(some(4, 4))
    a = (u * np.array([2.0, 1.0, 0.5, smallest])) @ vt
    np.testing.assert_allclose(rows.cofactors(a), minors(a), rtol=0, atol=1e-13)


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
