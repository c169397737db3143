"""Do the kernels of structured ops compute what the rows' NumPy references do, whatever lies where in memory?"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wengert._core import structured_kernels
from wengert.structured import ROWS, Frozen, freeze

SIZES = st.integers(0, 5)
FILL = 7.25  # what no kernel may leave in its output


def random(draw):
    """One draw instead of many, which take hypothesis long."""
    return np.random.default_rng(draw(st.integers(0, 9999)))


def lay_out(draw, x):
    """The same elements elsewhere in memory: axes in any order, steps of any size and sign."""
    rng = random(draw)
    order = rng.permutation(x.ndim)
    steps = rng.choice([1, 1, 1, 2, -1, -2], x.ndim)
    memory = np.zeros([x.shape[axis] * abs(steps[axis]) for axis in order], x.dtype)
    view = memory.transpose(np.argsort(order))[(..., *(slice(None, None, step) for step in steps))]
    view[...] = x
    return view


def repeated(draw, x):
    """x, some of whose axes are views of one element."""
    rng = random(draw)
    for axis in range(x.ndim):
        if x.shape[axis] and rng.random() < 0.1:
            x = np.broadcast_to(np.take(x, [0], axis), x.shape)
    return x


def compute(draw, name, arrays, **params):
    """The result of a kernel, after a check that there is one and that it leaves its arguments alone."""
    theirs = np.asarray(ROWS[name].value(*arrays, **params))
    shapes = [x.shape for x in arrays] + [theirs.shape]
    numbers = structured_kernels.kernel_params(name, params, shapes)
    assert numbers is not None
    out = lay_out(draw, np.full(theirs.shape, FILL).astype(theirs.dtype))
    inputs = [repeated(draw, lay_out(draw, x)) for x in arrays]
    before = [x.copy() for x in inputs]
    theirs = np.asarray(ROWS[name].value(*inputs, **params))
    structured_kernels.run(name, [*inputs, out], numbers)
    for x, y in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, y)
    return out, theirs


def assert_close(out, theirs, scale=1.0):
    tolerance = (1e-12 if out.dtype == np.float64 else 1e-4) * scale
    np.testing.assert_allclose(out, theirs, rtol=tolerance, atol=tolerance)


def numbers_of(draw, shape, dtype, special=False):
    rng = random(draw)
    x = rng.integers(-4, 5, shape) / 2 + rng.choice([0.0, 0.125], shape)
    if special:
        x = np.where(rng.random(shape) < 0.1, rng.choice([np.nan, np.inf, -np.inf], shape), x)
    return x.astype(dtype)


@st.composite
def arrays(draw, min_dims=0, special=False, **_options):
    shape = draw(st.lists(SIZES, min_size=min_dims, max_size=4))
    return numbers_of(draw, tuple(shape), draw(st.sampled_from([np.float64, np.float32])), special)


def some_axes(draw, ndim):
    if ndim == 0 or draw(st.booleans()):
        return None
    axes = draw(st.lists(st.integers(0, ndim - 1), unique=True, min_size=1))
    axes = tuple(axis - ndim if draw(st.booleans()) else axis for axis in axes)
    return axes[0] if len(axes) == 1 and draw(st.booleans()) else axes


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "logsumexp"])
@given(st.data())
def test_reductions(name, data):
    x = data.draw(arrays(special=True))
    params = {"axis": some_axes(data.draw, x.ndim), "keepdims": data.draw(st.booleans())}
    if name in ("max", "min") and x.size == 0:
        assert structured_kernels.kernel_params(name, params, [x.shape, ()]) is None
        return
    with np.errstate(all="ignore"):
        assert_close(*compute(data.draw, name, [x], **params))


@pytest.mark.parametrize("n", [1, 7, 8, 9, 127, 128, 129, 256, 1000, 12_345])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_long_reductions(n, dtype):
    """A sum along one axis has NumPy's very bits, since it is added in the same order."""
    rng = np.random.default_rng(n)
    for shape in [(n,), (3, n), (n, 3)]:
        x = rng.uniform(0, 1, shape).astype(dtype)
        for axis in range(x.ndim):
            out = np.empty(np.sum(x, axis=axis).shape, dtype)
            for name in ("sum", "max", "min", "prod"):
                params = structured_kernels.kernel_params(name, {"axis": axis}, [x.shape, out.shape])
                structured_kernels.run(name, [x, out], params)
                np.testing.assert_array_equal(out, ROWS[name].value(x, axis=axis))
            structured_kernels.run("logsumexp", [x, out], params)
            assert_close(out, ROWS["logsumexp"].value(x.astype(float), axis=axis), 1e-1)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(st.data())
def test_places_of_extremes(name, data):
    x = data.draw(arrays(min_dims=1, special=True))
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    if x.size == 0:
        assert structured_kernels.kernel_params(name, {"axis": axis}, [x.shape, ()]) is None
        return
    out, theirs = compute(data.draw, name, [x], axis=axis, keepdims=data.draw(st.booleans()))
    np.testing.assert_array_equal(out, theirs)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "recurrence"])
@given(st.data())
def test_accumulations(name, data):
    x = data.draw(arrays(min_dims=1, special=name != "recurrence"))
    others = [numbers_of(data.draw, x.shape, x.dtype)] if name == "recurrence" else []
    with np.errstate(all="ignore"):
        out, theirs = compute(data.draw, name, [x, *others], axis=data.draw(st.integers(-x.ndim, x.ndim - 1)))
        assert_close(out, theirs)


@given(st.data())
def test_argsort(data):
    x = data.draw(arrays(min_dims=1, special=True))
    out, theirs = compute(data.draw, "argsort", [x], axis=data.draw(st.integers(-x.ndim, x.ndim - 1)))
    np.testing.assert_array_equal(out, theirs)


@pytest.mark.parametrize("n", [15, 16, 17, 33, 500, 4096])
def test_long_sorts_are_stable(n):
    x = np.random.default_rng(n).integers(0, n // 4, (2, n)).astype(float)
    out = np.empty((2, n), np.int64)
    structured_kernels.run("argsort", [x, out], [1])
    np.testing.assert_array_equal(out, np.argsort(x, kind="stable"))


@given(st.data())
def test_searchsorted(data):
    a = np.sort(numbers_of(data.draw, data.draw(SIZES), np.float64, special=True))
    v = numbers_of(data.draw, tuple(data.draw(st.lists(SIZES, max_size=3))), np.float64, special=True)
    side = data.draw(st.sampled_from(["left", "right"]))
    theirs = np.asarray(np.searchsorted(a, v, side))
    out = np.empty(theirs.shape, np.int64)
    structured_kernels.run("searchsorted", [a[::-1].copy()[::-1], v, out], [int(side == "right")])
    np.testing.assert_array_equal(out, theirs)


KEYS = [
    2,
    slice(None, None, -2),
    (Ellipsis, 1),
    (slice(1, 3), None, slice(None)),
    [3, 0, 3, -1],
    (slice(None), [1, 1, 0]),
    ([0, 2], slice(None), [1, 0]),
    ([[0], [3]], [[1, 2, 0]]),
    (slice(None), slice(None), np.array([True, False, True, True, False])),
    np.arange(60).reshape(4, 3, 5) % 7 < 2,
    np.zeros((4, 3), bool),
    ([0, 2], [1, 1]),
    [],
    slice(2, 2),
    (1, 2, 3),
    (slice(None), 0, [1, 1, 4]),
]


@pytest.mark.parametrize("key", [freeze(key) for key in KEYS], ids=range(len(KEYS)))
@given(st.data())
def test_keys(key, data):
    x = numbers_of(data.draw, (4, 3, 5), data.draw(st.sampled_from([np.float64, np.float32])))
    out, theirs = compute(data.draw, "getitem", [x], key=key)
    np.testing.assert_array_equal(out, theirs)
    named = theirs.shape
    values = [numbers_of(data.draw, shape, x.dtype) for shape in (named, named[1:], ())]
    g = values[0]
    np.testing.assert_array_equal(*compute(data.draw, "scatter", [g], key=key, shape=x.shape))
    for v in values:
        np.testing.assert_array_equal(*compute(data.draw, "put", [x, v], key=key))
        np.testing.assert_array_equal(*compute(data.draw, "put_add", [x, v], key=key))


def test_whole_rows_are_moved_at_once():
    blocks = [(freeze([3, 0]), 15), (freeze(([0, 1], [2, 0])), 5), (freeze((slice(None), slice(None), [1])), 1)]
    for key, block in blocks:
        assert structured_kernels.kernel_params("getitem", {"key": key}, [(4, 3, 5), ()])[0] == block


@given(st.data())
def test_slices_at_indices(data):
    x = numbers_of(data.draw, (3, 4, 2), data.draw(st.sampled_from([np.float64, np.float32])))
    axis = data.draw(st.integers(-3, 2))
    shape = tuple(data.draw(st.lists(SIZES, max_size=2)))
    n = x.shape[axis]
    indices = random(data.draw).integers(-n, n, shape)
    out, theirs = compute(data.draw, "take", [x, indices], axis=axis)
    np.testing.assert_array_equal(out, theirs)
    g = numbers_of(data.draw, theirs.shape, x.dtype)
    np.testing.assert_array_equal(*compute(data.draw, "take_adjoint", [g, indices], axis=axis, shape=x.shape))


@given(st.data())
def test_elements_at_indices(data):
    shape = [data.draw(st.integers(1, 4)) for _axis in range(3)]
    x = numbers_of(data.draw, tuple(shape), data.draw(st.sampled_from([np.float64, np.float32])))
    axis = data.draw(st.integers(-3, 2))
    n = shape[axis]
    shape[axis] = data.draw(SIZES)
    other = (axis + 1) % 3
    if data.draw(st.booleans()):
        shape[other] = 1
    indices = random(data.draw).integers(-n, n, shape)
    out, theirs = compute(data.draw, "take_along", [x, indices], axis=axis)
    np.testing.assert_array_equal(out, theirs)
    g = numbers_of(data.draw, theirs.shape, x.dtype)
    np.testing.assert_array_equal(*compute(data.draw, "take_along_adjoint", [g, indices], axis=axis, shape=x.shape))


@pytest.mark.parametrize("name", ["take", "take_along", "take_adjoint", "take_along_adjoint"])
@pytest.mark.parametrize("index", [3, -4, 2**40])
def test_an_index_out_of_range_is_refused(name, index):
    small, large = np.zeros(1), np.zeros(3)
    arrays = [small, np.array([index]), large] if "adjoint" in name else [large, np.array([index]), small]
    with pytest.raises(IndexError):
        structured_kernels.run(name, arrays, [0])


@given(st.data())
def test_concatenate(data):
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=4))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    parts = []
    for _part in range(data.draw(st.integers(1, 4))):
        shape[axis] = data.draw(SIZES)
        parts.append(numbers_of(data.draw, tuple(shape), dtype))
    np.testing.assert_array_equal(*compute(data.draw, "concatenate", parts, axis=axis))


# ---- matrices ----


@given(st.data())
def test_matmul(data):
    lengths = st.sampled_from([0, 1, 2, 5, 9, 40])
    m, k, n = data.draw(lengths), data.draw(lengths), data.draw(lengths)
    stack = data.draw(st.sampled_from([((), ()), ((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0,), (1,))]))
    a_shape = data.draw(st.sampled_from([(k,), (*stack[0], m, k)]))
    b_shape = data.draw(st.sampled_from([(k,), (*stack[1], k, n)]))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    a, b = numbers_of(data.draw, a_shape, dtype), numbers_of(data.draw, b_shape, dtype)
    assert_close(*compute(data.draw, "matmul", [a, b]), 10)


@pytest.mark.parametrize("layout", ["rows", "columns", "every other", "last first", "repeated"])
@pytest.mark.parametrize("shape", [(130, 260, 140), (300, 200, 1), (1, 200, 300), (1, 1000, 1)])
def test_large_products(layout, shape):
    m, k, n = shape
    rng = np.random.default_rng(0)
    views = {
        "rows": lambda x: x,
        "columns": np.asfortranarray,
        "every other": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
        "last first": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
        "repeated": lambda x: np.broadcast_to(x[:, :1], x.shape),
    }
    a, b, out = views[layout](rng.normal(size=(m, k))), views[layout](rng.normal(size=(k, n))), np.empty((m, n))
    structured_kernels.run("matmul", [a, b, out], [])
    assert_close(out, a @ b)
    if layout != "repeated":
        other = views[layout](np.empty((m, n)))
        structured_kernels.run("matmul", [a, b, other], [])
        assert_close(other, a @ b)


def regular(draw, shape, dtype):
    """Matrices that are far from singular."""
    x = numbers_of(draw, shape, dtype)
    return x + 12 * np.eye(shape[-1], dtype=dtype) if shape[-1] else x


@given(st.data())
def test_solutions(data):
    n, columns = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 4))
    stacks = data.draw(st.sampled_from([((), ()), ((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0,), (1,))]))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    a = regular(data.draw, (*stacks[0], n, n), dtype)
    b = numbers_of(data.draw, data.draw(st.sampled_from([(n,), (*stacks[1], n, columns)])), dtype)
    name = data.draw(st.sampled_from(["solve", "solve_triangular"]))
    params = {"lower": data.draw(st.booleans()), "trans": data.draw(st.booleans())} if name != "solve" else {}
    out, theirs = compute_regular(data.draw, name, [a, b], **params)
    assert_close(out, theirs)


def compute_regular(draw, name, arrays, **params):
    """As compute, without making the matrix singular by repeating rows."""
    theirs = np.asarray(ROWS[name].value(*arrays, **params))
    numbers = structured_kernels.kernel_params(name, params, [x.shape for x in arrays] + [theirs.shape])
    out = lay_out(draw, np.full(theirs.shape, FILL, theirs.dtype))
    structured_kernels.run(name, [*(lay_out(draw, x) for x in arrays), out], numbers)
    return out, theirs


@pytest.mark.parametrize("name", ["inv", "det", "logabsdet", "signdet", "cholesky"])
@given(st.data())
def test_functions_of_matrices(name, data):
    n = data.draw(st.integers(0, 6))
    shape = (*data.draw(st.sampled_from([(), (3,), (2, 2), (0,)])), n, n)
    a = regular(data.draw, shape, data.draw(st.sampled_from([np.float64, np.float32])))
    if name == "cholesky":
        a = a @ np.swapaxes(a, -1, -2)
    elif data.draw(st.booleans()):
        a = a[..., ::-1, :].copy()  # rows are exchanged
    out, theirs = compute_regular(data.draw, name, [a])
    assert_close(out, theirs, 100)


def test_what_numpy_refuses():
    singular, indefinite = np.ones((2, 2, 2)), np.array([[1.0, 2.0], [2.0, 1.0]])
    out, one = np.empty((2, 2, 2)), np.empty(2)
    for name, arrays, params in [
        ("solve", [singular, singular, out], []),
        ("inv", [singular, out], []),
        ("cholesky", [indefinite, out[0]], []),
        ("solve_triangular", [np.array([[1.0, 0.0], [1.0, 0.0]]), np.ones(2), one], [1, 0]),
    ]:
        with pytest.raises(np.linalg.LinAlgError):
            structured_kernels.run(name, arrays, params)
    for name, value in [("det", 0.0), ("logabsdet", -np.inf), ("signdet", 0.0)]:
        structured_kernels.run(name, [singular, one], [])
        np.testing.assert_array_equal(one, [value, value])


def test_only_the_lower_triangle_is_read():
    a = np.array([[4.0, np.nan], [2.0, 5.0]])
    out = np.empty((2, 2))
    structured_kernels.run("cholesky", [a, out], [])
    np.testing.assert_array_equal(out, [[2, 0], [1, 2]])
    structured_kernels.run("solve_triangular", [a, np.array([4.0, 7.0]), out[0]], [1, 0])
    np.testing.assert_array_equal(out[0], [1, 1])


def test_a_nan_stays_in_its_matrix():
    """No lane of a stack sees another one."""
    a = np.stack([np.eye(3) * 2, np.full((3, 3), np.nan), np.eye(3)])
    out = np.empty(3)
    structured_kernels.run("det", [a, out], [])
    np.testing.assert_allclose(out, [8, np.nan, 1])


def test_forms_without_a_kernel():
    shapes = [(2,) * 9, (2,) * 9]
    assert structured_kernels.kernel_params("cumsum", {"axis": 0}, shapes) is None
    assert structured_kernels.kernel_params("eigh", {}, [(2, 2), (3, 2)]) is None
    assert structured_kernels.kernel_params("matmul", {}, [(2**31, 1), (1, 1), (2**31, 1)]) is None
    key = freeze([0, 1])
    assert structured_kernels.kernel_params("put", {"key": key}, [(3,), (1, 2), (3,)]) is None


def test_every_kernel_belongs_to_a_row_and_is_tested():
    assert {*ROWS, "take_integers"} >= structured_kernels.KERNEL_NAMES  # of a row, of another type
    text = Path(__file__).read_text()
    assert not [name for name in structured_kernels.KERNEL_NAMES if f'"{name}"' not in text]
    assert isinstance(freeze([1]), Frozen)


# ---- random numbers ----


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1, -5])
@pytest.mark.parametrize("stream", [0, 7])
@pytest.mark.parametrize("count", [0.0, 3.0, 2.0**40, -1.0])
def test_random_numbers_are_numpys(dtype, seed, stream, count):
    for shape in ((), (1,), (4,), (5, 3), (0, 2), (1000,)):
        theirs = ROWS["uniform"].value(dtype(count), seed=seed, stream=stream, shape=shape)
        params = {"seed": seed, "stream": stream, "shape": shape}
        out = np.full(shape, FILL, dtype)
        counter = np.array(count, dtype)
        numbers = structured_kernels.kernel_params("uniform", params, [(), shape])
        structured_kernels.run("uniform", [counter, out], numbers)
        np.testing.assert_array_equal(out, theirs.astype(dtype))


@pytest.mark.parametrize("count", [np.nan, np.inf, 1e300])
def test_random_numbers_need_a_counter(count):
    with pytest.raises(IndexError):
        structured_kernels.run("uniform", [np.array(count), np.zeros(3)], [0, 0])


def test_integers_are_taken_as_they_are():
    x, index = np.array([2**53 + 1, -1, 2**62 + 3]), np.array([2, 0, -2, 2])
    out = np.zeros(4, np.int64)
    structured_kernels.run("take_integers", [x, index, out], [0])
    np.testing.assert_array_equal(out, x[index])
