"""Do functions of NumPy arrays get their derivatives as arrays, and never lose one?"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert import ShapeError, TracingError, Var
from wengert._core.arrays import VarArray

X = np.array([0.5, -1.5, 2.0])
M = np.array([[1.0, 2.0, -1.0], [0.5, 3.0, 4.0]])


def values(x):
    """Numbers of an array of vars, a var, or numbers."""
    return x.data if type(x) in (VarArray, Var) else x


def of_leaves(array):
    """The array with a var in the place of every number."""
    array = np.asarray(array, float)
    return VarArray([Var(x) for x in array.ravel().tolist()], array.shape)


# ---- what goes in and comes out ----

ARRAYS = {
    "vector": X,
    "matrix": M,
    "0-d": np.array(2.5),
    "empty": np.zeros(0),
    "empty matrix": np.zeros((0, 3)),
    "one": np.ones((1, 1, 1)),
    "integers": np.arange(4),
    "bools": np.array([True, False]),
    "float32": np.array([0.5, 0.25], np.float32),
    "unsigned": np.array([3, 4], np.uint8),
    "not contiguous": np.arange(12.0).reshape(3, 4)[::2, ::-1],
    "columns first": np.asfortranarray(M),
    "other bytes": X.astype(X.dtype.newbyteorder()),
    "read-only": np.broadcast_to(2.0, (2, 2)),
    "misaligned": np.frombuffer(b"x" + X.tobytes(), np.uint8)[1:].view(np.float64),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_gradient_is_an_array_of_the_same_shape(name):
    x = ARRAYS[name]
    gradient = wg.grad(lambda a: np.sum(a * a) if np.ndim(values(a)) else a * a)(x)
    assert type(gradient) is np.ndarray
    dtype = np.float32 if x.dtype == np.float32 else np.float64
    np.testing.assert_array_equal(gradient, 2.0 * x.astype(dtype), strict=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_jacobian_has_the_axes_of_output_then_input(name):
    x = ARRAYS[name]
    for mode in ("forward", "reverse"):
        jacobian = wg.jacobian(lambda a: 3.0 * a, mode=mode)(x)
        np.testing.assert_array_equal(jacobian, 3.0 * np.eye(x.size).reshape(x.shape + x.shape))


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([1j]), np.array([None]), np.array([1.0], object)])
def test_arrays_of_no_numbers(bad):
    with pytest.raises(TracingError, match="real number"):
        wg.grad(lambda x: 0.0)(bad)


@pytest.mark.parametrize(
    "special", [np.ma.masked_array(X, [0, 1, 0]), M.view(np.recarray)], ids=lambda x: type(x).__name__
)
def test_arrays_with_rules_of_their_own(special):
    with pytest.raises(TracingError, match="asarray"):
        wg.grad(lambda x: np.sum(x))(special)
    with pytest.raises(TracingError):
        wg.grad(lambda w: np.sum(special * w))(2.0)


def test_nests_with_arrays():
    p = {"w": M, "b": [1.0, X]}
    value, gradient = wg.value_and_grad(lambda p: np.sum(p["w"] @ p["b"][1]) * p["b"][0])(p)
    assert value == np.sum(M @ X)
    np.testing.assert_array_equal(gradient["w"], np.broadcast_to(X, M.shape))
    assert gradient["b"][0] == np.sum(M @ X)
    np.testing.assert_array_equal(gradient["b"][1], M.sum(axis=0))


def test_jacobian_of_nests_with_arrays():
    f = lambda p: {"y": p["x"] * p["s"], "t": p["s"] ** 2}  # noqa: E731
    for mode in ("forward", "reverse"):
        jacobian = wg.jacobian(f, mode=mode)({"x": X, "s": 3.0})
        np.testing.assert_array_equal(jacobian["y"]["x"], 3.0 * np.eye(3))
        np.testing.assert_array_equal(jacobian["y"]["s"], X)
        np.testing.assert_array_equal(jacobian["t"]["x"], np.zeros(3))
        assert jacobian["t"]["s"] == 6.0
        assert type(jacobian["t"]["s"]) is float


def test_jvp_and_vjp_of_arrays():
    f = lambda x: M @ np.sin(x)  # noqa: E731
    value, tangent = wg.jvp(f, (X,), (np.ones(3),))
    np.testing.assert_allclose(value, M @ np.sin(X), rtol=1e-15)
    np.testing.assert_allclose(tangent, M @ np.cos(X), rtol=1e-15)
    value, pullback = wg.vjp(f, X)
    np.testing.assert_allclose(pullback(np.array([1.0, 10.0]))[0], np.array([1.0, 10.0]) @ M * np.cos(X), rtol=1e-15)
    with pytest.raises(ShapeError, match="cotangents"):
        pullback(np.ones(3))


def test_hessian_of_a_matrix():
    hessian = wg.hessian(lambda m: np.sum(m * m * m))(M)
    assert hessian.shape == (2, 3, 2, 3)
    np.testing.assert_array_equal(hessian.reshape(6, 6), np.diag(6 * M.ravel()))
    np.testing.assert_array_equal(wg.hvp(lambda m: np.sum(m**3), M, np.ones((2, 3))), 6 * M)


def test_array_from_outside_makes_vars():
    w = Var(2.0)
    gradient = wg.grad(lambda x: np.sum(x * x) * w)(X)
    assert type(gradient) is VarArray
    np.testing.assert_array_equal(gradient.data, 4.0 * X)
    gradient.sum().backward()
    assert w.grad == 2.0 * X.sum()


def test_output_that_is_an_array_leads_to_jacobian():
    for f in (lambda x: x, lambda x: x.data):
        with pytest.raises(TracingError, match=r"wengert\.jacobian"):
            wg.grad(f)(X)


def test_constant_array_as_output():
    np.testing.assert_array_equal(wg.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))


# ---- elements ----

KEYS = [
    0, -1, 2, np.int64(1), slice(None), slice(1, None), slice(None, None, -1), slice(0, 0), Ellipsis, None, [0, 2],
    np.array([2, 0, 0]), np.array([True, False, True]), (slice(None), None), (np.newaxis, 1),
]  # fmt: skip
MATRIX_KEYS = [
    0, -1, (0, 1), (1, -1), (slice(None), 0), (0, slice(1, 3)), (slice(None, None, -1), slice(None)), ([0, 1], [2, 0]),
    np.array([[True, False, True], [False, True, False]]), (Ellipsis, 1), (np.int64(1), 2), (slice(0, 0), 1),
]  # fmt: skip


@pytest.mark.parametrize(("array", "key"), [(X, k) for k in KEYS] + [(M, k) for k in MATRIX_KEYS], ids=str)
def test_elements_are_those_of_numpy(array, key):
    found, expected = of_leaves(array)[key], array[key]
    assert np.shape(values(found)) == np.shape(expected)
    np.testing.assert_array_equal(values(found), expected)
    assert type(found) in ((Var,) if np.ndim(expected) == 0 else (VarArray, np.ndarray))
    if np.size(expected):
        assert type(found) is not np.ndarray


@pytest.mark.parametrize("key", [3, -4, (0, 0), 2**70, "a", 1.0, [5]])
def test_elements_that_are_not_there(key):
    with pytest.raises((IndexError, TypeError)):
        of_leaves(X)[key]


def test_element_by_a_var_is_refused():
    x = of_leaves(X)
    with pytest.raises(TracingError):
        x[x[0]]


def test_assignment_gives_the_array_another_value():
    def f(x):
        y = x * 1.0
        y[0] = x[1] * x[2]
        y[1:] += 1.0
        return np.sum(y * y)

    a, b, c = X
    wanted = [0.0, 2 * a * 0 + 2 * b * c * c + 2 * (b + 1), 2 * c * b * b + 2 * (c + 1)]
    np.testing.assert_allclose(wg.grad(f)(X), wanted, rtol=1e-14)
    np.testing.assert_allclose(wg.compile(wg.grad(f))(X), wanted, rtol=1e-14)


def test_a_vector_is_a_sequence():
    x = of_leaves(X)
    assert (len(x), x.shape, x.ndim, x.size) == (3, (3,), 1, 3)
    assert list(x) == [*x.flat]
    assert all(a is b for a, b in zip(x, x.flat, strict=True))
    first, *rest = x
    assert (first.data, [v.data for v in rest]) == (0.5, [-1.5, 2.0])
    assert 2.0 in x
    assert 7.0 not in x
    assert [row.data.tolist() for row in of_leaves(M)] == M.tolist()
    assert repr(x) == f"VarArray({X!r})"
    with pytest.raises(TypeError):
        hash(x)


def test_form():
    m = of_leaves(M)
    np.testing.assert_array_equal(m.T.data, M.T)
    np.testing.assert_array_equal(m.reshape(3, 2).data, M.reshape(3, 2))
    np.testing.assert_array_equal(m.reshape((3, -1)).data, M.reshape(3, 2))
    np.testing.assert_array_equal(np.reshape(m, -1).data, M.ravel())
    np.testing.assert_array_equal(m.ravel().data, M.ravel())
    np.testing.assert_array_equal(np.transpose(m).data, M.T)
    np.testing.assert_array_equal(m.copy().data, M)
    assert (np.shape(m), np.ndim(m), np.size(m)) == ((2, 3), 2, 6)
    with pytest.raises(ValueError, match="reshape"):
        m.reshape(4, 2)
    with pytest.raises(ShapeError):
        VarArray([1.0], (2,))


def test_truth():
    x = of_leaves(X)
    assert x[:1]
    assert not of_leaves(np.zeros((1, 1)))
    for several in (x, x[:0] if type(x[:0]) is VarArray else VarArray([], (0,)), x > 0.0):
        with pytest.raises(ValueError, match="ambiguous"):
            bool(several)


def test_conversions_are_refused():
    x = of_leaves(X)
    for convert in (np.array, np.asarray, float, lambda x: np.array([x, x]), lambda x: np.ones(3).__setitem__(0, x)):
        with pytest.raises((TracingError, ValueError)):
            convert(x)


# ---- arithmetic ----

BINARY = [
    "a + b", "a - b", "a * b", "a / b", "a % b", "a // b", "abs(a) ** b", "a < b", "a <= b", "a > b", "a >= b",
    "a == b", "a != b", "(a > 0) & (b > 0)", "(a > 0) | (b > 0)", "np.maximum(a, b)", "np.arctan2(a, b)",
    "np.where(a > b, a, b)", "np.divmod(a, b)[0]", "np.logaddexp(a, b)",
]  # fmt: skip
UNARY = ["-a", "+a", "abs(a)", "np.exp(a)", "np.sin(a)", "np.square(a)", "~(a > 0)", "a ** 2", "np.tanh(a)"]
OTHERS = {"vector": np.array([2.0, 0.5, 1.5]), "number": 1.5, "column": np.array([[2.0], [0.5]]), "row": M[:1] + 2.5}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("code", BINARY)
def test_arithmetic_is_that_of_numpy(code, other):
    a, b = X, OTHERS[other]
    leaves = of_leaves(b) if np.ndim(b) else Var(b)
    expected = np.asarray(eval(code, {"a": a, "b": b, "np": np}), float)
    for left, right in ((of_leaves(a), b), (a, leaves), (of_leaves(a), leaves)):
        found = eval(code, {"a": left, "b": right, "np": np})
        assert type(found) in (VarArray, np.ndarray)
        np.testing.assert_allclose(values(found), expected, rtol=1e-15, strict=True)


@pytest.mark.parametrize("code", UNARY)
def test_unary_arithmetic_is_that_of_numpy(code):
    found = eval(code, {"a": of_leaves(M), "np": np})
    expected = np.asarray(eval(code, {"a": M, "np": np}), float)
    np.testing.assert_allclose(found.data, expected, rtol=1e-15, strict=True)


def test_functions_of_the_table_take_arrays():
    np.testing.assert_allclose(wg.exp(of_leaves(X)).data, np.exp(X), rtol=1e-15)
    np.testing.assert_allclose(wg.exp(X), np.exp(X), rtol=1e-15)
    np.testing.assert_allclose(wg.relu(M), np.maximum(M, 0))
    np.testing.assert_allclose(wg.add(Var(1.0), X).data, 1.0 + X)
    np.testing.assert_allclose(wg.where(of_leaves(X) > 0, X, 0.0).data, np.where(X > 0, X, 0.0))
    np.testing.assert_allclose(wg.where(X > 0, Var(2.0), X).data, np.where(X > 0, 2.0, X))
    np.testing.assert_allclose(wg.where(Var(1.0), X, 0.0).data, X)
    np.testing.assert_allclose(wg.leaky_relu(of_leaves(X)).data, np.where(X > 0, X, 0.01 * X))


@pytest.mark.parametrize("operand", [Var(2.0), np.float64(2.0), 2, True, np.array(2.0)], ids=repr)
def test_scalars_on_both_sides(operand):
    two = float(values(operand))
    x = of_leaves(X)
    np.testing.assert_array_equal((operand * x).data, two * X)
    np.testing.assert_array_equal((x - operand).data, X - two)
    np.testing.assert_array_equal((operand - x).data, two - X)
    np.testing.assert_array_equal((operand / x).data, two / X)


def test_number_by_zero_is_infinite():
    quotient = VarArray([Var(1.0), 1.0], (2,)) / np.zeros(2)
    assert quotient.data.tolist() == [math.inf, math.inf]


def test_shapes_that_do_not_fit():
    for code in ("x + np.ones(4)", "np.ones(2) * x", "x @ np.ones(4)", "np.ones((3, 2)) @ x", "wg.add(x, np.ones(2))"):
        with pytest.raises(ValueError, match="shape"):
            eval(code, {"x": of_leaves(X), "np": np, "wg": wg})


@pytest.mark.parametrize("bad", ["a", None, 1j, object(), np.array("a"), np.array([1j, 2.0, 3.0])], ids=repr)
def test_arithmetic_with_no_numbers(bad):
    with pytest.raises(TypeError):
        of_leaves(X) * bad


# ---- sums and products ----


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, 2, (0, 1), (0, -1), (), (2, 0, 1)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_along_axes(name, axis, keepdims):
    a = np.arange(24.0).reshape(2, 3, 4) ** 2
    expected = getattr(a, name)(axis=axis, keepdims=keepdims)
    x = of_leaves(a)
    for found in (getattr(x, name)(axis=axis, keepdims=keepdims), getattr(np, name)(x, axis=axis, keepdims=keepdims)):
        assert np.shape(values(found)) == np.shape(expected)
        np.testing.assert_allclose(values(found), expected, rtol=1e-15)


def test_sums_by_other_names():
    x = of_leaves(M)
    np.testing.assert_array_equal(np.add.reduce(x).data, M.sum(axis=0))
    np.testing.assert_array_equal(np.add.reduce(x, axis=1).data, M.sum(axis=1))
    assert sum(of_leaves(X)).data == X.sum()
    assert values(np.sum(VarArray([], (0,)))) == 0.0
    with pytest.raises(np.exceptions.AxisError):
        x.sum(axis=2)


PRODUCTS = [(X, X), (M, X), (X, M.T), (M, M.T), (M.T, M), (np.zeros((2, 0)), np.zeros((0, 3)))]


@pytest.mark.parametrize(("a", "b"), PRODUCTS, ids=lambda a: str(a.shape))
def test_matrix_products(a, b):
    expected = a @ b
    for left, right in ((of_leaves(a), b), (a, of_leaves(b)), (of_leaves(a), of_leaves(b))):
        for found in (left @ right, np.dot(left, right), np.matmul(left, right)):
            np.testing.assert_allclose(values(found), expected, rtol=1e-15)
            assert np.shape(values(found)) == expected.shape
    np.testing.assert_allclose(values(of_leaves(a).dot(b)), expected, rtol=1e-15)


def test_product_with_a_scalar():
    np.testing.assert_array_equal(np.dot(of_leaves(X), 2.0).data, 2.0 * X)
    np.testing.assert_array_equal(of_leaves(X).dot(2.0).data, 2.0 * X)
    for code in ("x @ 2.0", "2.0 @ x", "np.matmul(x, 2.0)"):
        with pytest.raises((TypeError, ValueError)):
            eval(code, {"x": of_leaves(X), "np": np})


def test_derivative_of_a_quadratic_form():
    a = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(wg.grad(lambda x: x @ a @ x)(X), (a + a.T) @ X, rtol=1e-15)
    np.testing.assert_allclose(wg.hessian(lambda x: x @ (a @ x))(X), a + a.T, rtol=1e-15)
    np.testing.assert_allclose(wg.grad(lambda m: np.sum(m @ X))(M), np.broadcast_to(X, M.shape), rtol=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_arrays_and_lists_have_the_same_gradient(point):
    def f(x):
        return sum(wg.sin(t) * t for t in x) + wg.exp(x[0]) * x[-1]

    assert wg.grad(f)(np.array(point)).tolist() == wg.grad(f)(point)


def test_check_grad_of_arrays():
    assert wg.check_grad(lambda x: wg.sin(x) * np.exp(x) + M @ x @ M, X) < 1e-12
    assert wg.check_grad(lambda p: np.sum(wg.gelu(p["m"])), {"m": M}) < 1e-7


def test_complex_arrays_go_through_the_reference():
    z = X + 1j
    np.testing.assert_allclose(wg.exp(z), np.exp(z), rtol=1e-15)
    np.testing.assert_allclose(wg.mul(z, 2.0), 2.0 * z, rtol=1e-15)


# ---- everything else is refused by name ----

REFUSED = {
    "np.unique(x)": "unique", "np.linalg.svd(np.outer(x, x))": "svd", "np.fft.fft(x)": "fft",
    "np.save('file', x)": "save",
    "np.exp(x, out=np.zeros(3))": "exp", "np.add.at(x, 0, 1.0)": "add.at", "np.dot(x, x, np.zeros(()))": "dot",
    "np.add.reduceat(x, [0, 1])": "reduceat", "np.nonzero(x)": "nonzero", "pow(x, 2, 3)": "modulus",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_what_has_no_rule_is_refused_by_name(code):
    with pytest.raises(TracingError, match=REFUSED[code]):
        eval(code, {"x": of_leaves(X), "np": np})


@pytest.mark.parametrize("n", [3, 40])  # by elements, and whole
def test_arrays_that_an_inner_function_finds_outside(n):
    """They are opened within it, later than its own inputs, and yet are not its own."""
    x = np.linspace(1.0, 2.0, n)
    inner = {
        "grad": lambda b: wg.grad(lambda a: a * np.sum(b * b))(2.0),
        "jvp": lambda b: wg.jvp(lambda a: a * np.sum(b * b), (2.0,), (1.0,))[1],
        "vjp": lambda b: wg.vjp(lambda a: a * np.sum(b * b), 2.0)[1](1.0)[0],
        "value": lambda b: wg.value_and_grad(lambda a: a * np.sum(b * b))(1.0)[0],
        "array": lambda b: np.sum(wg.grad(lambda a: np.sum(a * b * b))(np.ones(n))),
        "twice": lambda b: wg.grad(lambda c: wg.grad(lambda a: a * c * np.sum(b * b))(2.0))(1.0),
    }
    for f in inner.values():
        np.testing.assert_allclose(wg.grad(f)(x), 2.0 * x)
    np.testing.assert_allclose(wg.jacobian(wg.grad(lambda a, b: a * a * b[1]), 1)(3.0, x), 6.0 * (np.arange(n) == 1))
    assert wg.grad(lambda a: a * a)(2.0) == 4.0
