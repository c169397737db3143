"""Do arrays bear what users do to them: bad input, in-place code, training by hand, threads, copies, nests, branches?

Everything is tried with 4 elements, which go by elements, and with 40, which are one node.
"""

import copy
import dataclasses
import pickle
import tracemalloc
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import wengert as wg
from wengert import ShapeError, TracingError, Var

SIZES = pytest.mark.parametrize("n", [4, 40])
MODES = {
    "leaf": lambda f: lambda *arrays: f(*[Var(a) for a in arrays]),
    "grad": lambda f: wg.grad(lambda *arrays: np.sum(f(*arrays))),
    "compiled": wg.compile,
    "compiled grad": lambda f: wg.compile(wg.grad(lambda *arrays: np.sum(f(*arrays)))),
}
EVERY_MODE = pytest.mark.parametrize("mode", MODES)


def ramp(n):
    return np.arange(1.0, n + 1.0)


def in_a_thread(*work):
    """Run functions side by side, and raise what they raise."""
    with ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(f) for f in work]:
            future.result()


def assert_all_is_well():
    """Recording, sweeping and compiling work, and nothing of what failed is kept."""
    x = ramp(40)
    np.testing.assert_array_equal(wg.grad(lambda a: np.sum(a * a))(x), 2 * x)
    np.testing.assert_array_equal(wg.compile(wg.grad(lambda a: np.sum(a * a)))(x), 2 * x)
    leaf = Var(x)
    (leaf @ leaf).backward()
    np.testing.assert_array_equal(leaf.grad, 2 * x)


# ---- shapes that do not fit ----

MISFITS = {  # a function of an array of shape (n,), and the other shape that its message names
    "add": (lambda x: x + np.ones(7), "(7,)"),
    "matmul": (lambda x: x @ np.ones((7, 2)), "(7, 2)"),
    "dot": (lambda x: np.dot(x, np.ones(3)), "(3,)"),
    "einsum": (lambda x: np.einsum("i,i", x, np.ones(3)), "(3,)"),
    "tensordot": (lambda x: np.tensordot(x, np.ones((3, 2)), axes=1), "(3, 2)"),
    "where": (lambda x: np.where(x > 0, x, np.ones(3)), "(3,)"),
    "stack": (lambda x: np.stack([x, np.ones(3)]), "(3,)"),
    "concatenate": (lambda x: np.concatenate([x, np.ones((2, 3))]), "(2, 3)"),
    "solve": (lambda x: np.linalg.solve(np.eye(3), x), "(3, 3)"),
    "broadcast_to": (lambda x: np.broadcast_to(x, (3,)), "(3,)"),
    "reshape": (lambda x: x.reshape(7, 2), "(7,2)"),
    "assignment": (lambda x: x.__setitem__(slice(0, 3), np.ones(2)), "(2,)"),
    "in place": (lambda x: x.__iadd__(np.ones((3, x.size))), "(3, "),
}


@SIZES
@EVERY_MODE
@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_do_not_fit_are_named(name, mode, n):
    f, shape = MISFITS[name]
    with pytest.raises(ShapeError) as caught:
        MODES[mode](f)(ramp(n))
    message = str(caught.value)
    assert f"({n},)" in message
    assert shape in message
    assert "test_arrays_user" in "".join(str(entry.path) for entry in caught.traceback), "the user's line"
    assert_all_is_well()


@SIZES
@EVERY_MODE
@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: x[100], IndexError),
        (lambda x: x[[0, 100]], IndexError),
        (lambda x: x[0, 0], IndexError),
        (lambda x: x[np.ones(3, bool)], IndexError),
        (lambda x: x["a"], IndexError),
        (lambda x: np.sum(x, axis=3), np.exceptions.AxisError),
        (lambda x: np.swapaxes(x, 0, 1), np.exceptions.AxisError),
    ],
)
def test_indices_and_axes_that_are_not_there(f, error, mode, n):
    with pytest.raises(error):
        MODES[mode](f)(ramp(n))
    assert_all_is_well()


# ---- matrices ----

SINGULAR, INDEFINITE = np.ones((3, 3)), -np.eye(3)
MATRICES = {
    "inv": (np.linalg.inv, SINGULAR),
    "solve": (lambda a: np.linalg.solve(a, np.ones(3)), SINGULAR),
    "cholesky": (np.linalg.cholesky, INDEFINITE),
    "a stack": (np.linalg.inv, np.stack([np.eye(3), SINGULAR])),
    "not square": (np.linalg.inv, np.ones((2, 3))),
}


@EVERY_MODE
@pytest.mark.parametrize("name", MATRICES)
def test_matrices_that_numpy_refuses(name, mode):
    f, bad = MATRICES[name]
    with pytest.raises(np.linalg.LinAlgError):
        f(bad)
    with pytest.raises(np.linalg.LinAlgError):
        MODES[mode](f)(bad)
    assert_all_is_well()


@pytest.mark.parametrize("name", ["inv", "solve", "cholesky", "a stack"])
def test_a_program_survives_a_matrix_that_it_refuses(name):
    f, bad = MATRICES[name]
    good = np.broadcast_to(2.0 * np.eye(3), bad.shape).copy()
    c = wg.compile(wg.value_and_grad(lambda a: np.sum(f(a))))
    before = c(good)
    with pytest.raises(np.linalg.LinAlgError, match="test_arrays_user"):
        c(bad)
    after = c(good)
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])
    assert c.cache_info().paths == 1


def test_derivative_that_does_not_exist():
    """The determinant of a singular matrix has a derivative; its logarithm has none."""
    assert wg.compile(np.linalg.det)(SINGULAR) == 0.0
    with pytest.raises(np.linalg.LinAlgError):
        wg.grad(lambda a: np.linalg.slogdet(a)[1])(SINGULAR)
    assert_all_is_well()


# ---- sizes ----


@SIZES
@EVERY_MODE
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.broadcast_to(x[0], (2**40, 2**40)),
        lambda x: np.broadcast_to(x, (2**62, x.size)),
        lambda x: np.broadcast_to(x, (-1, x.size)),
        lambda x: x.reshape(-1, -1),
        lambda x: x.reshape(2**40, 2**40),
        lambda x: np.repeat(x, -1),
    ],
)
def test_sizes_that_no_array_has(f, mode, n):
    with pytest.raises((ShapeError, ValueError)):
        MODES[mode](f)(ramp(n))
    assert_all_is_well()


@SIZES
@EVERY_MODE
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.repeat(x, 10**13),
        lambda x: np.tile(x, 10**13),
        lambda x: x[:, None] * np.broadcast_to(1.0, (1, 10**12)),
        lambda x: np.exp(np.broadcast_to(x, (10**13, x.size))),
    ],
    ids=["repeat", "tile", "product", "broadcast"],
)
def test_memory_that_is_not_there(f, mode, n):
    with pytest.raises(MemoryError):
        MODES[mode](f)(ramp(n))
    assert_all_is_well()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (40, 0), (2, 0, 3)])
def test_arrays_without_elements(shape):
    x = np.zeros(shape)
    for transform in (wg.value_and_grad, lambda f: wg.compile(wg.value_and_grad(f))):
        value, gradient = transform(lambda a: np.sum(np.exp(a) * 2.0) + np.prod(a))(x)
        assert value == 1.0
        np.testing.assert_array_equal(gradient, x, strict=True)
    leaf = Var(x)
    np.sum(leaf * leaf).backward()
    np.testing.assert_array_equal(leaf.grad, x, strict=True)
    for f in (np.max, np.argmin):
        for mode in MODES.values():
            with pytest.raises(ValueError, match=r"zero-size|empty"):
                mode(f)(x)
    product = wg.compile(lambda a: a @ np.zeros((0, 3)))(np.zeros((40, 0)))
    np.testing.assert_array_equal(product, np.zeros((40, 3)), strict=True)


BAD_ARRAYS = [
    np.array(["a"] * 40), np.array([None] * 40), np.array([1.0] * 40, object), np.array([1j] * 40),
    np.array(["2020-01-01"] * 40, "M8[D]"), np.zeros(40, [("a", float)]),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_ARRAYS, ids=lambda a: str(a.dtype))
def test_arrays_of_no_real_numbers(bad):
    for use in (Var, wg.grad(np.sum), wg.compile(np.sum)):
        with pytest.raises(TracingError, match="real numbers"):
            use(bad)
    for use in (lambda a: a * bad, lambda a: np.concatenate([a, bad]), lambda a: np.where(a > 0, a, bad)):
        for mode in MODES.values():
            with pytest.raises(TypeError):
                mode(use)(ramp(40))
    assert_all_is_well()


# ---- arrays that change after they were used ----


@SIZES
def test_arrays_are_copied_when_they_are_used(n):
    for use in (lambda w, a: w * a, lambda w, a: np.concatenate([w, w * a]), lambda w, a: np.where(a > 0, w * a, w)):
        a, w = ramp(n), Var(np.ones(n))
        before = a.copy()
        y = np.sum(use(w, a) ** 2)
        a[:] = -7.0
        y.backward()
        np.testing.assert_array_equal(w.grad, wg.grad(lambda v, use=use, b=before: np.sum(use(v, b) ** 2))(np.ones(n)))
    index, w = np.array([0, 1, 1]), Var(ramp(n))
    y = np.sum(w[index])
    index[:] = 3
    y.backward()
    assert w.grad[:4].tolist() == [1.0, 2.0, 0.0, 0.0]
    a = ramp(n)
    leaf = Var(a)
    a[:] = 0.0
    np.testing.assert_array_equal(leaf.data, ramp(n))


@SIZES
def test_programs_have_the_arrays_of_their_recording(n):
    a = ramp(n)
    c = wg.compile(wg.grad(lambda x: np.sum(x * a) + np.sum(x[np.arange(2)])))
    before = c(np.ones(n))
    a[:] = 0.0
    np.testing.assert_array_equal(c(np.ones(n)), before)


@SIZES
def test_results_are_the_callers_own(n):
    x = ramp(n)
    for f in (wg.compile(lambda a: a), wg.compile(lambda a: a[::-1]), wg.compile(wg.grad(np.sum)), wg.grad(np.sum)):
        first = f(x)
        kept = first.copy()
        first[:] = np.nan
        np.testing.assert_array_equal(f(x), kept)
    one, two = wg.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(x, x)
    one[:] = np.nan
    np.testing.assert_array_equal(two, np.ones(n))
    value, tangent = wg.jvp(lambda a: a, (x,), (x,))
    value[:] = tangent[:] = np.nan
    np.testing.assert_array_equal(x, ramp(n))


# ---- assignment ----


def assigned(x):
    y = x.copy()
    y[0] = 5.0
    y += x
    y[1] = 0.0
    return np.sum(y * y)


def without_assignment(x):
    y = np.concatenate([np.array([5.0]), x[1:]]) + x
    return np.sum(np.concatenate([y[:1], np.zeros(1), y[2:]]) ** 2)


def argument_assigned(x):
    x[0] = x[1] * 2.0
    x *= 3.0
    x[x > 10.0] = 0.0
    x[1:3] -= x[2:4]
    return np.sum(x**2)


def argument_not_assigned(x):
    y = np.concatenate([x[1:2] * 2.0, x[1:]]) * 3.0
    y = np.where(y > 10.0, 0.0, y)
    return np.sum(np.concatenate([y[:1], y[1:3] - y[2:4], y[3:]]) ** 2)


@SIZES
@pytest.mark.parametrize(
    ("f", "same"),
    [(assigned, without_assignment), (argument_assigned, argument_not_assigned)],
    ids=["copy", "argument"],
)
def test_assignment_is_as_in_numpy(f, same, n):
    x = ramp(n)
    wanted, gradient = wg.value_and_grad(same)(x)
    assert f(x.copy()) == wanted  # by NumPy
    for transform in (wg.value_and_grad, lambda g: wg.compile(wg.value_and_grad(g))):
        value, found = transform(f)(x)
        assert value == wanted
        np.testing.assert_allclose(found, gradient, rtol=1e-15)
        np.testing.assert_array_equal(x, ramp(n), "the caller's array is not written")
    np.testing.assert_allclose(wg.hessian(f)(x), wg.hessian(same)(x), rtol=1e-15)


@SIZES
def test_masks(n):
    """Where values are known they select; in a program, whose shapes are fixed, they only choose."""

    def selected(x):
        x[x > 3.0] *= 2.0
        part = x[(x > 1.0) & (x < 5.0)]
        return np.sum(part**2)

    x = ramp(n)
    wanted = np.where(x > 3.0, 2.0 * x, x)
    inside = (wanted > 1.0) & (wanted < 5.0)
    value, gradient = wg.value_and_grad(selected)(x)
    assert value == np.sum(wanted[inside] ** 2)
    np.testing.assert_array_equal(gradient, np.where(inside, 2.0 * wanted * np.where(x > 3.0, 2.0, 1.0), 0.0))
    with pytest.raises(TracingError, match=r"numpy\.where"):
        wg.compile(selected)(x)
    m = np.arange(40.0).reshape(2, 20)
    np.testing.assert_array_equal(wg.grad(lambda a: np.sum(a[0, a[1] > 30.0]))(m), [[0.0] * 11 + [1.0] * 9, [0.0] * 20])


@SIZES
def test_two_names_of_one_array(n):
    """As of an ndarray: an in-place operator is seen under both names. A slice is a value of its own."""

    def two_names(x):
        other, part = x, x[:2]
        x += 1.0
        return np.sum(x * other) + 10.0 * np.sum(part)

    found = wg.grad(two_names)(ramp(n))
    np.testing.assert_array_equal(found, 2.0 * (ramp(n) + 1.0) + np.where(np.arange(n) < 2, 10.0, 0.0))


@SIZES
def test_vars_cannot_be_put_into_numbers(n):
    def element(x):
        y = np.zeros(n)
        y[0] = x[0]

    def whole(x):
        y = np.zeros(n)
        y[:] = x

    def added(x):
        y = np.zeros(n)
        y += x

    for f in (element, whole, added):
        for mode in MODES.values():
            with pytest.raises(TracingError):
                mode(f)(ramp(n))
    assert_all_is_well()


# ---- leaves ----


def test_training_by_hand():
    """A least-squares fit that reaches NumPy's answer, and takes no more memory however long it goes on."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    found, peaks, lengths = [], [], []

    def train():
        w, b = Var(np.zeros(3)), Var(0.0)
        for _ in range(4):  # each time the buffers are full and compacted at least once
            tracemalloc.reset_peak()
            for _ in range(1000):
                loss = np.mean((x @ w + b - y) ** 2)
                w.zero_grad()
                b.zero_grad()
                loss.backward()
                w.data -= 0.2 * w.grad
                b.data -= 0.2 * b.grad
                lengths.append(len(wg.current_graph()))
            peaks.append(tracemalloc.get_traced_memory()[1])
        found.extend([*w.data, b.data])

    tracemalloc.start()
    try:
        in_a_thread(train)  # in a graph of its own
    finally:
        tracemalloc.stop()
    wanted = np.linalg.lstsq(np.column_stack([x, np.ones(60)]), y, rcond=None)[0]
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert max(lengths) <= 4096  # the graph's first capacity; a step has 6
    assert max(peaks[2:]) < 1.1 * max(peaks[:2])


@SIZES
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_data_and_grad_of_a_leaf(n, dtype):
    w = Var(ramp(n).astype(dtype))
    assert w.dtype == w.data.dtype == w.grad.dtype == dtype
    np.testing.assert_array_equal(w.grad, np.zeros(n))
    for k in (1, 2):
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad, 2.0 * k * ramp(n))
    assert w.grad.dtype == dtype
    w.zero_grad()
    np.testing.assert_array_equal(w.grad, np.zeros(n))
    w.grad = np.ones(n)
    w.data = -ramp(n)
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, 1.0 - 2.0 * ramp(n))
    assert w.data.dtype == dtype
    for name in ("data", "grad"):
        with pytest.raises(ShapeError):
            setattr(w, name, np.ones(n + 1))
    computed = w * 2.0
    for name in ("data", "grad"):
        with pytest.raises(TracingError, match="leaf"):
            setattr(computed, name, np.ones(n))
    with pytest.raises(ValueError, match="read-only"):
        computed.data[0] = 1.0


@SIZES
def test_backward_of_arrays(n):
    w = Var(ramp(n))
    y = w**3
    with pytest.raises(ShapeError, match="gradient="):
        y.backward()
    with pytest.raises(ShapeError, match="gradient="):
        y.backward(np.ones(n + 1))
    y.backward(ramp(n))
    np.testing.assert_allclose(w.grad, 3.0 * ramp(n) ** 3, rtol=1e-15)
    np.testing.assert_array_equal(y.grad, ramp(n))


@SIZES
def test_copies(n):
    w = Var(ramp(n))
    for made in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        np.testing.assert_array_equal(made.data, w.data, strict=True)
        np.sum(made * made).backward()
        np.testing.assert_array_equal(made.grad, 2.0 * ramp(n))
        np.testing.assert_array_equal(w.grad, np.zeros(n))
        made.data[0] = 9.0
        assert w.data[0] == 1.0
    for refuse in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TracingError, match="copy"):
            refuse(w * 2.0)
    first = w * 1.0
    second = first.copy()
    second[0] = 0.0
    assert (first.data[0], second.data[0]) == (1.0, 0.0)


@SIZES
def test_pickled_programs(n):
    x = ramp(n)
    c = wg.compile(wg.value_and_grad(lambda a: np.sum(np.exp(-a) * a)))
    program = c.program(x)
    assert str(pickle.loads(pickle.dumps(program))) == str(program)


# ---- threads ----


@SIZES
def test_threads(n):
    """An array belongs to the thread that made it; a program to nobody."""
    w, c = Var(ramp(n)), wg.compile(wg.grad(lambda a: np.sum(np.sin(a) * a)))
    wanted = wg.grad(lambda a: np.sum(np.sin(a) * a))(ramp(n))
    errors, results = [], []

    def work():
        for use in (lambda: w * 2.0, lambda: w[0], lambda: np.sum(w), lambda: w.sum().backward()):
            with pytest.raises(TracingError, match="another thread") as caught:
                use()
            errors.append(caught.value)
        for _ in range(200):
            results.append(c(ramp(n)))
            mine = Var(w.data)
            np.sum(np.sin(mine) * mine).backward()
            results.append(mine.grad)

    in_a_thread(*[work] * 4)
    assert (len(errors), len(results)) == (16, 1600)
    for result in results:
        np.testing.assert_allclose(result, wanted, rtol=1e-14)


# ---- precision ----


@SIZES
def test_float32(n):
    x = ramp(n).astype(np.float32) / n
    gradient = wg.grad(lambda a: np.sum(np.exp(a) * 2.0))(x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, 2.0 * np.exp(x), rtol=1e-6)
    single = wg.compile(wg.grad(lambda a: np.sum(np.exp(a) * 2.0)), dtype=np.float32)(x)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, 2.0 * np.exp(x), rtol=1e-6)
    assert (Var(x) * 2.0).data.dtype == np.float32
    assert (Var(x) * np.ones(n)).data.dtype == np.float64


# ---- nests ----

Layer = namedtuple("Layer", "weights offset")


@dataclasses.dataclass
class Model:
    layers: list
    scale: float
    name: str = "plain"


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0

    def __post_init__(self):
        if not isinstance(self.x, float):
            raise TypeError("only floats")


@SIZES
def test_nests_of_arrays(n):
    p = {"first": Layer(ramp(n), 1.0), "rest": [np.ones((2, n)), (np.array(3.0),)]}

    def f(p):
        hidden = p["first"].weights * p["first"].offset
        return np.sum(p["rest"][0] @ hidden) * p["rest"][1][0]

    for transform in (wg.grad, lambda g: wg.compile(wg.grad(g))):
        gradient = transform(f)(p)
        assert type(gradient["first"]) is Layer
        np.testing.assert_array_equal(gradient["first"].weights, np.full(n, 6.0))
        assert gradient["first"].offset == 6.0 * ramp(n).sum()
        np.testing.assert_array_equal(gradient["rest"][0], 3.0 * np.tile(ramp(n), (2, 1)))
        assert gradient["rest"][1][0] == 2.0 * ramp(n).sum()


@SIZES
def test_dataclasses_are_nests(n):
    def f(model, at):
        return model.scale * np.sum(model.layers[0].weights * at.x) + at.y

    model, at = Model([Layer(ramp(n), 0.5)], 2.0), Point(3.0, 4.0)
    for transform in (wg.compile, lambda g: g):
        assert transform(f)(model, at) == 6.0 * ramp(n).sum() + 4.0
        found = transform(wg.grad(f, argnums=1))(model, at)
        assert found == Point(2.0 * ramp(n).sum(), 1.0)
    made = wg.compile(lambda x: Model([x * 2.0], x[0]))
    with pytest.raises(TracingError, match="str"):
        made(ramp(n))
    shifted = wg.compile(lambda p: dataclasses.replace(p, layers=[p.layers[0] * 2.0]).layers)
    np.testing.assert_array_equal(shifted(Model([ramp(n)], 1.0))[0], 2.0 * ramp(n))
    over_lanes = wg.compile(wg.vmap(lambda p: p.x * p.y))
    lanes = object.__new__(Point)
    object.__setattr__(lanes, "x", ramp(n))
    object.__setattr__(lanes, "y", ramp(n))
    np.testing.assert_array_equal(over_lanes(lanes), ramp(n) ** 2)


# ---- branches ----


def branching(x):
    if np.max(x) > 10.0 and np.any(x < 0.0):
        return np.sum(x * x)
    while np.linalg.norm(x) > 1.0:
        x = x / 2.0
    return np.sum(x) if np.argmax(x) == 0 else -np.sum(x)


@SIZES
def test_branches_on_arrays(n):
    """The branch that each call takes, whatever the calls before took."""
    c, eager = wg.compile(wg.value_and_grad(branching)), wg.value_and_grad(branching)
    points = [ramp(n), -ramp(n), ramp(n) / 100.0, np.where(ramp(n) > 2, 20.0, -1.0) * ramp(n), ramp(n)[::-1].copy()]
    for k in [*range(5), *range(5), 3, 0, 4, 2, 2, 1]:
        (value, gradient), (wanted, wanted_gradient) = c(points[k]), eager(points[k])
        assert value == wanted == branching(points[k])
        np.testing.assert_allclose(gradient, wanted_gradient, rtol=1e-14)
    assert c.cache_info().paths == (4 if n == 4 else 5)  # of 4 elements none is larger than 10


def test_truth_of_several_elements():
    for mode in MODES.values():
        for f in (lambda x: x if x > 0 else -x, lambda x: x if x else -x):
            with pytest.raises(ValueError, match="ambiguous"):
                mode(f)(ramp(40))
    assert_all_is_well()


# ---- integers ----


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("n_rows", [5, 100])
@SIZES
def test_integers_that_come_in_are_indices(n, n_rows, dtype):
    """Others at the next call, as indices and as numbers, on either side of an assignment."""

    def f(x, weights, index):
        chosen = x[index]
        return np.sum(weights * chosen**2 * (1.0 + index)), chosen[0]

    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=n_rows), rng.normal(size=n)
    c = wg.compile(wg.grad(lambda *args: f(*args)[0]))
    for _ in range(3):
        index = rng.integers(0, n_rows, n).astype(dtype)
        expected = np.zeros(n_rows)
        np.add.at(expected, index, 2 * weights * x[index] * (1.0 + index))
        np.testing.assert_allclose(c(x, weights, index), expected, rtol=1e-13, atol=1e-15)
        values = wg.compile(f)(x, weights, index)
        np.testing.assert_allclose(values, f(x, weights, index), rtol=1e-13)
    assert c.cache_info().paths == 1


@SIZES
def test_rows_by_index_in_several_axes(n):
    x = np.random.default_rng(0).normal(size=(7, 3))
    index = np.arange(n) % 7
    c = wg.compile(lambda x, index: x[index])
    np.testing.assert_array_equal(c(x, index), x[index])
    np.testing.assert_array_equal(c(x, index[::-1].copy()), x[index[::-1]])
    np.testing.assert_array_equal(c(x, -1 - index), x[-1 - index])
    with pytest.raises(IndexError):
        c(x, index + 1 if n > 6 else index + 7)


def test_integers_are_exact_beyond_what_floats_hold():
    big = np.array([2**53 + 1, 2**53 + 3] * 20)
    c = wg.compile(lambda index, labels: labels[index], dtype=np.float32)
    assert c.program(np.arange(40), big) is not None
    x = np.zeros(2**24 + 3, np.float32)
    x[-2:] = 1.0, 2.0
    last = wg.compile(lambda x, index: x[index], dtype=np.float32)
    np.testing.assert_array_equal(last(x, np.full(40, len(x) - 2)), np.ones(40))


@SIZES
def test_floats_after_integers_are_another_recording(n):
    c = wg.compile(lambda x: np.sum(x / 2.0))
    assert c(np.arange(n)) == np.sum(np.arange(n) / 2)
    assert c(np.arange(n) + 0.5) == np.sum(np.arange(n) / 2 + 0.25)
    g = wg.compile(wg.grad(lambda x: np.sum(x**2)))
    np.testing.assert_array_equal(g(np.arange(n)), 2.0 * np.arange(n))
    index_of_floats = wg.compile(lambda x, index: x[index])
    assert index_of_floats(np.arange(float(n)), np.zeros(n, int)).shape == (n,)
    with pytest.raises((TracingError, IndexError)):
        index_of_floats(np.arange(float(n)), np.zeros(n))


def test_numbers_may_come_as_arrays_without_axes():
    c = wg.compile(lambda x, a: x * a)
    assert c(np.array(3.0), 2.0) == 6.0
    np.testing.assert_array_equal(c(np.arange(40.0), np.array(2.0)), 2.0 * np.arange(40.0))
    np.testing.assert_array_equal(c(np.arange(40.0), np.array(3.0, np.float32)), 3.0 * np.arange(40.0))


# ---- calls bound to their arrays ----


@SIZES
def test_bound_calls_read_and_write_the_same_arrays(n):
    x, a, y, total = ramp(n), np.array(2.0), np.empty(n), np.empty(())
    call = wg.compile(lambda x, a: (a * x, {"total": np.sum(x)})).bind(x, a, out=(y, {"total": total}))
    np.testing.assert_array_equal(y, 2.0 * ramp(n))
    x[:], a[...] = x + 1.0, 3.0
    out = call()
    assert out[0] is y
    np.testing.assert_array_equal(y, 3.0 * (ramp(n) + 1.0))
    assert total == np.sum(ramp(n) + 1.0)


@SIZES
def test_bound_calls_follow_branches(n):
    x, y = ramp(n), np.empty(n)
    call = wg.compile(lambda x: x if np.sum(x) > 0.0 else -2.0 * x).bind(x, out=y)
    for sign in (1.0, -1.0, 1.0):
        x[:] = sign * ramp(n)
        np.testing.assert_array_equal(call(), x if sign > 0 else -2.0 * x)


def test_bound_calls_check_what_they_are_given():
    c = wg.compile(lambda x: 2.0 * x)
    with pytest.raises(ShapeError):
        c.bind(ramp(40), out=np.empty(39))
    with pytest.raises(TracingError):
        c.bind(ramp(40), out=np.empty(40, np.float32))
