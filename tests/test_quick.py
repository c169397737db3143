"""Do the short ways of eager code give what NumPy gives, in every form that operands have?

Most operations on array leaves are computed and recorded at once (`_core/quick.pyx`). A witness for each is NumPy for
the value, its bits included where NumPy computes it, and central differences for the derivative.
"""

import operator
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert import ShapeError, TracingError, Var
from wengert._core.arrays import VarArray

RANDOM = np.random.default_rng(5)
A, B = RANDOM.uniform(0.5, 2.0, (4, 12)), RANDOM.uniform(0.5, 2.0, (4, 12))
WIDE = RANDOM.uniform(0.5, 2.0, (8, 24))


class Subclass(np.ndarray):
    pass


OTHERS = {  # what may stand on the other side of an operator
    "the same shape": B,
    "a row": B[0],
    "a column": B[:, :1],
    "more axes": WIDE.reshape(4, 4, 12),
    "columns in memory": np.asfortranarray(B),
    "every other": WIDE[::2, ::2],
    "backwards": B[::-1, ::-1],
    "one number, broadcast": np.broadcast_to(2.5, (4, 12)),
    "not aligned": np.frombuffer(bytes(1) + B.tobytes(), np.uint8)[1:].view(np.float64).reshape(4, 12),
    "another order of bytes": B.astype(">f8"),
    "float32": B.astype(np.float32),
    "ints": np.arange(1, 49).reshape(4, 12) % 5 + 1,
    "bools": B > 1.0,
    "without axes": np.array(1.5),
    "one element": np.array([[1.5]]),
    "float": 1.5,
    "int": 2,
    "a long int": 10**30,
    "bool": True,
    "float64": np.float64(1.5),
    "float32 alone": np.float32(1.5),
}
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "//": operator.floordiv,
    "**": operator.pow,
    "<": operator.lt,
    "==": operator.eq,
}
EXACT = ("+", "-", "*", "/", "<", "==")  # NumPy's own % and ** round in another way


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, other):
    f, y = OPERATORS[name], OTHERS[other]
    plain = np.asarray(y, np.float64) if not isinstance(y, np.ndarray) or y.dtype.kind in "biu" else y
    with np.errstate(all="ignore"):
        expected = f(A, plain), f(plain, A)
    for ours, numbers in zip((f(Var(A), y), f(y, Var(A))), expected, strict=True):
        assert ours.shape == numbers.shape
        assert ours.dtype == numbers.dtype.newbyteorder("=")
        values = ours if type(ours) is np.ndarray else ours.data
        if name in EXACT:
            np.testing.assert_array_equal(values, numbers)
        else:
            np.testing.assert_allclose(values, numbers, rtol=1e-15)


@pytest.mark.parametrize("other", [name for name in OTHERS if name not in ("bools", "bool", "a long int")])
@pytest.mark.parametrize("name", ["+", "-", "*", "/", "**"])
def test_slopes_of_operators(name, other):
    f, y = OPERATORS[name], OTHERS[other]
    plain = np.asarray(y, np.float64)
    step = 1e-6
    for ours, g in ((lambda x: f(x, y), lambda x: f(x, plain)), (lambda x: f(y, x), lambda x: f(plain, x))):
        leaf = Var(A)
        ours(leaf).sum().backward()
        where = (2, 5)
        moved = np.zeros_like(A)
        moved[where] = step
        difference = (g(A + moved).sum() - g(A - moved).sum()) / (2 * step)
        assert leaf.grad[where] == pytest.approx(difference, rel=1e-5)


def test_operators_of_a_var_and_an_array():
    s, x = Var(3.0), Var(A)
    ((s * x + x / s) - s).sum().backward()
    np.testing.assert_allclose(x.grad, np.full(A.shape, 3.0 + 1 / 3.0))
    assert s.grad == pytest.approx(A.sum() - A.sum() / 9.0 - A.size)


def test_a_square_is_one_on_its_own():
    np.testing.assert_array_equal((Var(A) ** 2).data, A * A)
    np.testing.assert_array_equal((Var(A) ** 2.0).data, A * A)
    np.testing.assert_array_equal(np.power(Var(A), 2).data, A * A)


def test_in_place():
    x = y = Var(A)
    x += B
    x *= 2.0
    x -= Var(B)
    x /= 4
    np.testing.assert_array_equal(x.data, ((A + B) * 2.0 - B) / 4)
    assert y is x
    numbers = A.copy()
    with pytest.raises(TracingError, match="out="):
        numbers += Var(A)


def test_constants_are_as_they_were():
    x, constant = Var(A), B.copy()
    y = (x * constant).sum()
    constant[...] = 7.0
    y.backward()
    np.testing.assert_array_equal(x.grad, B)


def test_a_subclass_is_its_array():
    np.testing.assert_array_equal((Var(A) + B.view(Subclass)).data, A + B)
    np.testing.assert_array_equal((Var(A) @ B.T.view(Subclass)).data, A @ B.T)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty(shape):
    x = Var(np.zeros(shape))
    assert (x + x).shape == (x * 2.0).shape == np.exp(x).shape == shape
    assert x.sum().data == 0.0
    assert x.T.shape == shape[::-1]
    assert x.ravel().shape == (0,)
    assert x.reshape(0, 7).shape == (0, 7)
    with pytest.raises(ValueError, match="zero-size"):
        x.max()


# ---- functions and methods ----

FUNCTIONS = {  # of arrays of shape (4, 12) and (12, 4)
    "exp": lambda x, y: np.exp(x),
    "negative": lambda x, y: -x,
    "abs": lambda x, y: abs(x),
    "sqrt": lambda x, y: np.sqrt(x),
    "maximum": lambda x, y: np.maximum(x, 1.0),
    "isnan": lambda x, y: np.isnan(x),
    "sum": lambda x, y: x.sum(),
    "sum, an axis": lambda x, y: x.sum(axis=0),
    "sum, the last": lambda x, y: x.sum(-1),
    "sum, keepdims": lambda x, y: x.sum(1, keepdims=True),
    "sum, axes": lambda x, y: x.sum(axis=(0, 1)),
    "sum, no axes": lambda x, y: x.sum(axis=()),
    "sum, initial": lambda x, y: x.sum(initial=2.0),
    "sum, where": lambda x, y: x.sum(where=A > 1.0),
    "sum, dtype": lambda x, y: x.sum(dtype=np.float32),
    "np.sum": lambda x, y: np.sum(x),
    "np.sum, by name": lambda x, y: np.sum(a=x, axis=1),
    "np.sum, an axis": lambda x, y: np.sum(x, 1),
    "np.sum, a NumPy axis": lambda x, y: np.sum(x, np.int64(1)),
    "max": lambda x, y: x.max(),
    "min": lambda x, y: x.min(axis=1),
    "np.amax": lambda x, y: np.max(x, axis=0, keepdims=True),
    "mean": lambda x, y: x.mean(),
    "mean, an axis": lambda x, y: np.mean(x, axis=-1, keepdims=True),
    "mean, axes": lambda x, y: np.mean(x, axis=(0, 1)),
    "matmul": lambda x, y: x @ y,
    "matmul, transposed": lambda x, y: x.T @ y.T,
    "matmul, an array": lambda x, y: x @ B.T,
    "matmul, of an array": lambda x, y: B.T @ x,
    "np.matmul": lambda x, y: np.matmul(x, y),
    "vectors": lambda x, y: x[0] @ y[:, 0],
    "dot": lambda x, y: x.dot(y),
    "dot, a number": lambda x, y: np.dot(x, 2.0),
    "np.dot": lambda x, y: np.dot(x[1], y),
    "reshape": lambda x, y: x.reshape(6, 8),
    "reshape, a tuple": lambda x, y: x.reshape((2, -1)),
    "reshape, a list": lambda x, y: x.reshape([2, 24]),
    "reshape, NumPy's integers": lambda x, y: x.reshape(np.int64(48)),
    "reshape, columns": lambda x, y: x.reshape(6, 8, order="F"),
    "reshape, many axes": lambda x, y: x.reshape((1,) * 9 + (48,)),
    "reshape, of a transposed": lambda x, y: x.T.reshape(48),
    "np.reshape": lambda x, y: np.reshape(x, (8, 6)),
    "np.reshape, order": lambda x, y: np.reshape(x, (8, 6), "F"),
    "ravel": lambda x, y: x.ravel(),
    "np.ravel": lambda x, y: np.ravel(x, "F"),
    "where": lambda x, y: np.where(A > 1.0, x, y.T),
    "where, a number": lambda x, y: np.where(A > 1.0, 2.0, x),
    "where, of a row": lambda x, y: np.where(A[:, :1] > 1.0, x, B[0]),
    "concatenate": lambda x, y: np.concatenate([x, y.T]),
    "concatenate, an axis": lambda x, y: np.concatenate((x, B, y.T), 1),
    "concatenate, from behind": lambda x, y: np.concatenate([x, y.T], -1),
    "concatenate, another type": lambda x, y: np.concatenate([x, B.astype(np.float32)], axis=0),
    "concatenate, flat": lambda x, y: np.concatenate([x, y], None),
    "T": lambda x, y: x.T,
    "np.transpose": lambda x, y: np.transpose(x),
    "np.transpose, axes": lambda x, y: np.transpose(x.reshape(2, 2, 12), (1, 2, 0)),
    "np.transpose, of axes": lambda x, y: np.transpose(x, axes=(0, 1)),
}
KEYS = {
    "int": 1,
    "negative": -1,
    "slice": slice(1, 3),
    "backwards": slice(None, None, -1),
    "two ints": (1, 2),
    "column": (slice(None), 3),
    "new axis": (None, 1),
    "ellipsis": (Ellipsis, 0),
    "all": Ellipsis,
    "none": None,
    "nothing": (),
    "empty": slice(2, 2),
    "numbers as slices": (1, 2, None),
    "slice of these": slice(1, 2, None),
    "NumPy's integer": np.int64(2),
    "NumPy's integers as edges": slice(np.int64(1), np.int64(3)),
    "bool": True,
    "list": [0, 2],
    "tuple in a tuple": ((0, 1), (2, 3)),
    "mask": A > 1.0,
}
FUNCTIONS |= {f"[{name}]": lambda x, y, key=key: x[key] for name, key in KEYS.items()}


def weighted(value):
    """A number made of all elements, each with a weight of its own."""
    weights = 1.0 + np.arange(np.prod(np.shape(value))) / 7.0
    return np.sum(value * weights.reshape(np.shape(value)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    f = FUNCTIONS[name]
    x, y = Var(A), Var(B.T.copy())
    ours, numbers = f(x, y), f(A, B.T.copy())
    assert np.shape(ours) == np.shape(numbers)
    if isinstance(ours, np.ndarray):
        np.testing.assert_array_equal(ours, numbers)
        return
    exact = name not in ("exp", "sum, where", "sum, dtype", "mean, axes")  # our own exp; sums in another order
    np.testing.assert_allclose(ours.data, numbers, rtol=0.0 if exact else 1e-6)
    if ours.size == 0:
        return
    weighted(ours).backward()
    recorded = x.grad
    # The general way does the same: it is taken while a function is recorded for a program.
    compiled = wg.compile(wg.grad(lambda x, y: weighted(f(x, y))))(A, B.T.copy())
    np.testing.assert_allclose(recorded, compiled, rtol=1e-14)
    step = 1e-6
    moved = np.zeros_like(A)
    moved[1, 2] = step
    difference = (weighted(f(A + moved, B.T.copy())) - weighted(f(A - moved, B.T.copy()))) / (2 * step)
    tolerance = 1e-5 if name != "sum, dtype" else 1.0
    assert recorded[1, 2] == pytest.approx(difference, rel=tolerance, abs=1e-7)


@pytest.mark.parametrize("step", [1, 2, -1, -3])
@pytest.mark.parametrize("other", [1, 3, -1])
def test_products_of_vectors_have_the_bits_of_matmul(step, other):
    for n in (0, 1, 7, 33, 100, 1001):
        x, y = Var(RANDOM.normal(size=3 * n))[::step][:n], Var(RANDOM.normal(size=3 * n))[::other][:n]
        assert (x @ y).data == np.matmul(x.data, y.data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_keys(data):
    edge = st.none() | st.integers(-6, 6)
    part = (
        st.integers(-3, 2)
        | st.builds(slice, edge, edge, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))
        | st.none()
        | st.just(Ellipsis)
    )
    key = tuple(data.draw(st.lists(part, max_size=4)))
    x = np.arange(3.0 * 4 * 5).reshape(3, 4, 5)
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(IndexError):
            Var(x)[key]
        return
    leaf = Var(x)
    found = leaf[key]
    np.testing.assert_array_equal(found.data, expected)
    if expected.size:
        weighted(found).backward()
        counts = np.zeros_like(x)
        counts[key] = (1.0 + np.arange(expected.size) / 7.0).reshape(expected.shape)
        np.testing.assert_array_equal(leaf.grad, counts)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dtypes_stay(dtype):
    x = Var(A.astype(dtype))
    for y in (x + x, x * 2.0, 2 - x, np.exp(x), x.T, x[1:], x.reshape(48), x.sum(0), x @ x.T, x.mean(0), x.max(1)):
        assert type(y) is VarArray
        assert y.dtype == dtype


ERRORS = {
    "+": (lambda x: x + np.ones(7), ShapeError, r"\(4, 12\).*\(7,\)"),
    "of two vars": (lambda x: x * Var(np.ones(7)), ShapeError, r"\(4, 12\).*\(7,\)"),
    "np.add": (lambda x: np.add(x, Var(np.ones(7))), ShapeError, r"\(4, 12\).*\(7,\)"),
    "@": (lambda x: x @ x, ShapeError, r"\(4, 12\).*\(4, 12\)"),
    "@ with a number": (lambda x: x @ 2.0, TypeError, "unsupported"),
    "concatenate": (lambda x: np.concatenate([x, Var(np.ones((2, 3)))]), ShapeError, r"\(4, 12\).*\(2, 3\)"),
    "concatenate, an axis": (lambda x: np.concatenate([x, x], 2), np.exceptions.AxisError, "axis 2"),
    "dot": (lambda x: x[0] @ np.ones(5), ShapeError, r"\(12,\).*\(5,\)"),
    "reshape": (lambda x: x.reshape(7, 7), ShapeError, r"\(4, 12\)"),
    "reshape, -1": (lambda x: x.reshape(7, -1), ShapeError, r"\(4, 12\)"),
    "index": (lambda x: x[9], IndexError, "out of bounds"),
    "too many indices": (lambda x: x[1, 2, 3], IndexError, "too many"),
    "axis": (lambda x: x.sum(axis=2), np.exceptions.AxisError, "axis 2"),
    "out": (lambda x: x.sum(out=np.empty(())), TracingError, "out="),
    "string": (lambda x: x + "text", TypeError, "str"),
    "complex": (lambda x: x * 1j, TracingError, "complex"),
    "object": (lambda x: x + np.array([None] * 12), TracingError, "object"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        f(Var(A))


def test_nothing_warns():
    x = Var(np.array([1e308, 1e308, -np.inf, np.nan]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan((x[:2] @ x[2:]).data)
        assert x[:2].sum().data == np.inf
        assert np.isnan(x.mean().data)
        np.add.reduce([1.0])  # and everything outside is as it was
    with pytest.warns(RuntimeWarning):
        np.add.reduce(np.array([1e308, 1e308]))


def test_a_thread_takes_no_array_of_another():
    x, raised = Var(A), []

    def add():
        for f in (lambda: x + x, lambda: x.sum(), lambda: x[1:], lambda: x.T, lambda: x @ x.T):
            try:
                f()
            except TracingError as error:
                raised.append(error)

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    assert len(raised) == 5


def test_memory_of_a_loop_is_bounded():
    x = Var(A)
    for k in range(20_000):
        x[k % 4 :]
        x * float(k)
    assert len(x.graph) < 10_000
