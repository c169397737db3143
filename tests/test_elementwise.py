"""Do elementwise ops on arrays give what the eager kernels give, element by element, with NumPy's shapes and dtypes?"""

import threading
from fractions import Fraction
from itertools import product
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from wengert._core import builds, elementwise
from wengert.errors import ShapeError, TracingError
from wengert.ops import OPS

SPECIAL = [nan, inf, -inf, 0.0, -0.0, 5e-324, 1e-310, 1.0, -1.0, 2.5, -3.0, 1e300, 1e6, 3e-46]
LOGICAL = {"lt", "le", "gt", "ge", "eq", "ne", "logical_and", "logical_or", "logical_xor", "logical_not"}

every_op = pytest.mark.parametrize("name", OPS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])


def apply(name, *arguments):
    return elementwise.apply(OPS[name].code, *arguments)


def expected(name, dtype, *arguments):
    """What the eager kernels of scalars give, rounded to the type."""
    arrays = [np.asarray(a, dtype).astype(np.float64) for a in arguments]
    with np.errstate(all="ignore"):
        value = builds.kernels.evaluate(name, *arrays)[0].astype(dtype)
    return value.astype(bool) if name in LOGICAL else value


def assert_same(ours, theirs):
    """Equal in shape, type and every bit; any NaN is as good as another."""
    assert type(ours) is np.ndarray
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_array_equal(ours, theirs)
    if ours.dtype != bool:
        np.testing.assert_array_equal(np.signbit(ours[ours == 0]), np.signbit(theirs[theirs == 0]))


def numbers(rng, shape, dtype):
    """Mostly of moderate size, some special."""
    x = rng.uniform(-4, 4, shape)
    with np.errstate(over="ignore"):
        return np.where(rng.random(shape) < 0.1, rng.choice(SPECIAL, shape), x).astype(dtype)


@every_dtype
@every_op
def test_special_values_and_every_length(name, dtype):
    columns = np.array(list(product(SPECIAL[:: OPS[name].arity], repeat=OPS[name].arity))).T
    with np.errstate(over="ignore"):
        columns = columns.astype(dtype)
    assert_same(apply(name, *columns), expected(name, dtype, *columns))
    for n in [*range(20), 511, 512, 513, 1500]:
        arguments = [column[np.arange(n) % len(column)] for column in columns]
        assert_same(apply(name, *arguments), expected(name, dtype, *arguments))


@every_dtype
@every_op
def test_every_operand_may_be_a_number(name, dtype):
    rng = np.random.default_rng(1)
    for fixed in product([False, True], repeat=OPS[name].arity):
        arguments = [float(rng.uniform(0, 3)) if f else numbers(rng, (3, 7), dtype) for f in fixed]
        result = apply(name, *arguments)
        # The condition of `where` does not choose the type of the values.
        chosen = [isinstance(a, np.ndarray) for a in arguments][name == "where" :]
        if any(chosen):
            assert_same(result, expected(name, dtype, *arguments))
        else:
            assert_same(result, expected(name, np.float64, *arguments))


@st.composite
def layouts(draw, shape):
    """How an array of this shape lies in memory: order of axes, steps, and whether it is repeated."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 1, 2, -1, -3, 0])) for _axis in shape]
    return order, steps


def lay_out(rng, shape, dtype, order, steps):
    inside = np.argsort(order)
    sizes = [shape[axis] * max(abs(steps[axis]), 1) for axis in order]
    base = numbers(rng, sizes, dtype).transpose(inside)
    key = tuple(slice(0, 1) if step == 0 else slice(None, None, step) for step in steps)
    view = base[key]
    return np.broadcast_to(
        view, [size if step == 0 else n for size, n, step in zip(shape, view.shape, steps, strict=True)]
    )


@given(st.data())
def test_any_shapes_strides_and_types(data):
    name = data.draw(st.sampled_from(["add", "sub", "pow", "lt", "where", "exp", "sin", "atan2", "leaky_relu"]))
    side = data.draw(st.sampled_from([4, 40, 200]))
    shapes = data.draw(
        mutually_broadcastable_shapes(
            num_shapes=OPS[name].arity, min_dims=0, max_dims=4 if side == 4 else 2, max_side=side
        )
    ).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    types = [data.draw(st.sampled_from([np.float64, np.float32, np.bool_])) for _shape in shapes]
    arrays = [
        lay_out(rng, shape, dtype, *data.draw(layouts(shape))) for shape, dtype in zip(shapes, types, strict=True)
    ]
    deciding = types[name == "where" :]
    dtype = np.float32 if np.float32 in deciding and np.float64 not in deciding else np.float64
    if name == "where":
        arrays[0] = arrays[0] != 0
    assert_same(apply(name, *arrays), expected(name, dtype, *arrays))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((3, 4, 5)).transpose(2, 0, 1), np.zeros((3, 4, 5)).transpose(2, 0, 1)),
        (np.zeros((3, 4)).T, np.zeros(3)),
        (np.zeros((3, 1, 4)), np.zeros((2, 1))),
        (np.zeros((2, 3, 4), order="F"), 1.0),
        (np.zeros((1, 3, 1, 2)).transpose(3, 2, 1, 0), np.zeros((2, 1, 3, 1))),
    ],
    ids=["transposed", "row", "outer", "fortran", "ones"],
)
def test_results_lie_in_memory_as_those_of_numpy(x, y):
    assert apply("add", x, y).strides == np.add(x, y).strides


@pytest.mark.parametrize(
    "kind", ["int8", "uint16", "int32", "int64", "uint64", "float16", "bool", ">f8", ">f4", "f4", "f8"]
)
@pytest.mark.parametrize("other", [None, 1.5, np.float32(1.5), np.float64(1.5), np.ones(2, np.float32), np.ones(2)])
def test_types_are_those_of_numpy(kind, other):
    x = np.array([1, 0], kind)
    result = apply("exp", x) if other is None else apply("add", x, other)
    theirs = np.exp(x, dtype=None if x.dtype.itemsize > 2 else float) if other is None else np.add(x, other)
    if theirs.dtype == np.float16:  # which we do not have
        theirs = theirs.astype(np.float64)
    assert result.dtype == theirs.dtype.newbyteorder("=")
    np.testing.assert_allclose(result, theirs, rtol=1e-6)


def test_elements_may_lie_anywhere_in_memory():
    rows = np.zeros(9, np.dtype([("flag", np.int8), ("x", np.float64), ("y", np.float32)]))
    rows["x"], rows["y"] = np.arange(9), np.arange(9) / 8
    assert not rows["x"].flags.aligned
    assert_same(apply("mul", rows["x"], rows["y"]), rows["x"] * rows["y"])
    shifted = np.frombuffer(bytes(8 * 20 + 4), np.float32)[1:].view(np.float64)
    assert_same(apply("cos", shifted), np.ones(20))


def test_a_condition_is_true_however_small():
    condition = np.array([1e-300, 0.0, nan, -0.0, inf])
    result = apply("where", condition, np.ones(5, np.float32), 2.0)
    assert_same(result, np.array([1, 2, 1, 2, 1], np.float32))


def test_python_numbers_are_weak_and_numpy_scalars_are_not():
    x = np.ones(3, np.float32)
    assert [apply("mul", x, y).dtype for y in (2, 2.0, True, Fraction(1, 3))] == [np.float32] * 4
    assert apply("mul", x, np.float64(2)).dtype == np.float64
    assert_same(apply("mul", x, 0.1), x * np.float32(0.1))


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (0, 1), (1, 1, 1), (2,) * 12, (1,) * 32], ids=str)
def test_shapes_without_length(shape):
    assert_same(apply("add", np.ones(shape), np.ones(())), np.asarray(np.ones(shape) + 1))
    assert_same(apply("lt", np.ones(shape), 2.0), np.ones(shape, bool))
    assert_same(apply("where", np.ones(shape, bool), 3.0, np.zeros(shape[-1:])), np.full(shape, 3.0))


def test_a_shape_that_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(4,\)"):
        apply("add", np.ones((2, 3)), np.ones(4))
    with pytest.raises(ValueError, match=r"big|large|dimension"):
        apply("add", np.broadcast_to(1.0, (2**40, 1)), np.broadcast_to(1.0, 2**40))


@pytest.mark.parametrize(
    "x",
    [
        np.array("a"),
        np.array([None]),
        np.ones(2, complex),
        np.ones(2, np.longdouble),
        np.zeros(2, "M8[s]"),
        "a",
        [1.0],
        None,
    ],
    ids=str,
)
def test_what_is_no_real_number_is_refused(x):
    with pytest.raises(TracingError):
        apply("add", x, 1.0)


def test_op_and_number_of_arguments_are_checked():
    for code, n in [(-1, 1), (0, 1), (10_000, 2), (OPS["add"].code, 1), (OPS["exp"].code, 2), (len(OPS) + 50, 3)]:
        with pytest.raises(TypeError, match="no elementwise op"):
            elementwise.apply(code, *[1.0] * n)


def test_arguments_stay_and_threads_do_not_meet():
    """Large arrays are worked on without the GIL."""
    x = np.linspace(0.1, 3, 100_000)
    x.setflags(write=False)
    before = x.copy()
    results = [None] * 4

    def work(k):
        results[k] = apply("log", apply("mul", x, x))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(x, before)
    for result in results:
        assert_same(result, expected("log", np.float64, x * x))
