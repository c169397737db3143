"""Does an array program compute what its tape says, whatever the shapes, layouts and orders?

The witness is the tape itself, node by node: elementwise ops by the eager kernels, rows by NumPy.
"""

from __future__ import annotations

import math
import pickle
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wengert import ops
from wengert._core.builds import kernels
from wengert.array_programs.memory import Lifetime, place
from wengert.array_programs.plan import ArrayProgram
from wengert.array_programs.tape import Tape, TapeNode
from wengert.array_programs.views import reshaped, whole
from wengert.errors import ShapeError
from wengert.index_keys import Slice, freeze
from wengert.structured import ROWS


class Recorder:
    """A tape in the making, with the value of each node."""

    def __init__(self) -> None:
        self.nodes: list[TapeNode] = []
        self.values: list[Any] = []
        self.inputs: list[int] = []
        self.guards: list[tuple[int, bool]] = []

    def add(self, kind: str, name: str, args: Sequence[int], params: dict[str, Any], value: Any) -> int:
        value = np.asarray(value)
        constant = value if kind == "constant" else None
        position = ("model.py", len(self.nodes) + 1, "model")
        self.nodes.append(
            TapeNode(
                kind, name, tuple(args), tuple(sorted(params.items())), value.shape, value.dtype, constant, position
            )
        )
        self.values.append(value)
        return len(self.nodes) - 1

    def input(self, value: Any) -> int:
        self.inputs.append(self.add("input", "", (), {}, value))
        return self.inputs[-1]

    def constant(self, value: Any) -> int:
        return self.add("constant", "", (), {}, value)

    def op(self, name: str, *args: int) -> int:
        return self.add("op", name, args, {}, kernels.evaluate(name, *[self.values[k] for k in args])[0])

    def row(self, name: str, *args: int, **params: Any) -> int:
        params = {**ROWS[name].defaults, **params}
        return self.add("row", name, args, params, ROWS[name].value(*[self.values[k] for k in args], **params))

    def program(self, *outputs: int, single: bool = False) -> ArrayProgram:
        return ArrayProgram(Tape(self.nodes, self.inputs, list(outputs), self.guards), single)

    def outs(self, *outputs: int, single: bool = False) -> list[Any]:
        """Arrays for the outputs, full of something else."""
        kinds = [
            np.int64 if self.values[k].dtype.kind in "iu" else np.float32 if single else np.float64 for k in outputs
        ]
        return [np.full(self.values[k].shape, 99, kind) for k, kind in zip(outputs, kinds, strict=True)]

    def passed(self) -> list[Any]:
        return [float(v) if v.shape == () else v for v in (self.values[k] for k in self.inputs)]

    def check(self, *outputs: int, single: bool = False, rtol: float = 1e-11) -> ArrayProgram:
        program = self.program(*outputs, single=single)
        outs = self.outs(*outputs, single=single)
        for _ in range(2):  # nothing may be left over from the first run
            assert program.run(self.passed(), outs) == -1
        for k, out in zip(outputs, outs, strict=True):
            expected = self.values[k]
            scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0) if expected.size else 1.0
            np.testing.assert_allclose(out, expected, rtol=rtol, atol=rtol * scale, err_msg=str(self.nodes[k]))
        return program


LENGTHS = (1, 2, 3, 5)
LARGEST = 120_000  # elements of an array, since the witness takes 50 ns for each
SMOOTH = ["add", "sub", "mul", "neg", "tanh", "sin", "square", "abs", "max", "min", "sigmoid", "mul_no_nan", "where"]


@st.composite
def tapes(draw: st.DrawFn, most: int = 12, lengths: tuple[int, ...] = LENGTHS) -> tuple[Recorder, list[int]]:
    """A random tape, and some of its nodes; values stay near 1, and change little with rounding."""
    r = Recorder()
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    base = draw(st.lists(st.sampled_from(lengths), min_size=1, max_size=3))
    for _ in range(draw(st.integers(1, 3))):
        shape = [n if draw(st.booleans()) else 1 for n in base][draw(st.integers(0, len(base))) :]
        r.input(rng.uniform(-1, 1, shape))
    if draw(st.booleans()):
        r.constant(rng.uniform(-1, 1, base))
    r.constant(draw(st.sampled_from([0.0, 1.0, -1.0, 0.5])))
    for _ in range(draw(st.integers(1, most))):
        k = draw(st.integers(0, len(r.nodes) - 1))
        x = r.values[k]
        kind = draw(st.sampled_from(["op", "op", "op", "reduce", "view", "matmul", "row"]))
        if kind == "op":
            name = draw(st.sampled_from(SMOOTH))
            others = [j for j, v in enumerate(r.values) if fits(v.shape, x.shape)]
            args = [k] + [draw(st.sampled_from(others)) for _ in range(ops.OPS[name].arity - 1)]
            if name == "where":
                args = [r.op("gt", k, r.constant(0.123)), *args[1:]]
            if draw(st.booleans()):
                args = args[:1] + args[1:][::-1] if name == "where" else args[::-1]
            shapes = [r.values[j].shape for j in args]
            if fits(*shapes) and math.prod(np.broadcast_shapes(*shapes)) <= LARGEST:
                r.op(name, *args)
        elif kind == "reduce" and x.ndim:
            axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))
            name = draw(st.sampled_from(["sum", "max", "min", "logsumexp"]))
            y = r.row(name, k, axis=draw(st.sampled_from([axes, None, axes[0]])), keepdims=draw(st.booleans()))
            r.op("tanh", y)
        elif kind == "view" and x.ndim and 2 * x.size <= LARGEST:
            view(draw, r, k)
        elif kind == "matmul" and x.ndim and x.size * max(x.shape[-2:]) <= LARGEST:
            y = r.row("transpose", k, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)) if x.ndim > 1 else k
            r.op("tanh", r.row("matmul", *((k, y) if draw(st.booleans()) else (y, k))))
        elif kind == "row" and x.ndim and 2 * x.size <= LARGEST:
            axis = draw(st.integers(0, x.ndim - 1))
            if draw(st.booleans()):
                r.row("cumsum", k, axis=axis)
            else:
                r.row("concatenate", k, k, axis=axis)
    n = len(r.nodes)
    return r, draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))


def fits(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def view(draw: st.DrawFn, r: Recorder, k: int) -> None:
    """Append a row that rearranges node `k`."""
    x = r.values[k]
    name = draw(st.sampled_from(["reshape", "transpose", "broadcast_to", "getitem"]))
    if name == "reshape":
        shape = draw(st.sampled_from([(-1,), (1, -1), (-1, 1), x.shape[::-1]]))
        r.row("reshape", k, shape=np.reshape(x, shape).shape)
    elif name == "transpose":
        r.row("transpose", k, axes=tuple(draw(st.permutations(range(x.ndim)))))
    elif name == "broadcast_to":
        r.row("broadcast_to", k, shape=(2, *x.shape))
    else:
        keys = [Slice(None, None, -1), Slice(1, None, None), Slice(None, None, 2), 0, None, Ellipsis]
        first = draw(st.sampled_from(keys))
        if not (first == 0 and x.shape[0] == 0):
            r.row("getitem", k, key=(first,))


@settings(max_examples=150, deadline=None)
@given(tapes())
def test_random_tapes(made: tuple[Recorder, list[int]]) -> None:
    recorder, outputs = made
    recorder.check(*outputs)


@settings(max_examples=50, deadline=None)
@given(tapes())
def test_random_tapes_in_float32(made: tuple[Recorder, list[int]]) -> None:
    recorder, outputs = made
    recorder.check(*outputs, single=True, rtol=3e-4)


@settings(max_examples=50, deadline=None)
@given(tapes(most=6, lengths=(1, 3, 150, 700)))
def test_random_tapes_of_long_arrays(made: tuple[Recorder, list[int]]) -> None:
    recorder, outputs = made
    recorder.check(*outputs)


# ---- one by one ----


def random(*shape: int) -> Any:
    return np.random.default_rng(math.prod(shape)).normal(size=shape)


def test_empty_arrays() -> None:
    r = Recorder()
    x, w = r.input(random(0, 3)), r.input(random(3))
    y = r.op("exp", r.op("mul", x, w))
    total = r.row("sum", y, axis=0)
    all_of_it = r.row("sum", y, axis=None)
    shown = r.row("reshape", y, shape=(3, 0))
    r.check(y, total, all_of_it, shown, r.row("matmul", w, r.row("transpose", x)), r.op("add", total, w))


def test_numbers_alone() -> None:
    r = Recorder()
    a, b = r.input(2.0), r.input(-3.0)
    r.check(r.op("mul", a, r.op("exp", b)), a, r.constant(4.0), r.row("broadcast_to", b, shape=(2, 2)))


def test_numbers_become_an_array_and_elements_numbers() -> None:
    r = Recorder()
    a, x = r.input(2.0), r.input(random(3))
    y = r.op("exp", r.op("mul", x, a))
    second = r.row("getitem", y, key=(1,))
    # A row of the core, which is not in the table.
    parts = (a, second, r.constant(7.0), r.op("square", second), r.row("argmax", y), r.row("max", y))
    value = np.reshape([r.values[k] for k in parts], (2, 3))
    made = r.add("row", "assemble", parts, {"shape": (2, 3)}, value)
    r.check(made, r.row("sum", made, axis=0), second)


def test_integers() -> None:
    r = Recorder()
    x, k = r.input(random(4, 5)), r.input(np.array([3, 0, 3]))
    most = r.row("argmax", x, axis=1)
    rows = r.row("take", x, k, axis=0)
    halves = r.op("mul", most, r.constant(0.5))
    later = r.add("op", "add", (k, r.constant(1)), {}, r.values[k] + 1)
    order = r.row("argsort", x, axis=-1)
    r.check(
        most, rows, halves, order, r.row("take", x, later, axis=1), r.row("take_along", x, order, axis=1),
        r.row("getitem", x, key=freeze((np.array([1, 2]), slice(None, 2)))), r.row("getitem", order, key=(2,)),
        r.row("cast", k, dtype=np.dtype(float)), r.row("cast", x, dtype=np.dtype(bool)),
    )  # fmt: skip


def test_layouts_of_inputs_and_outputs() -> None:
    r = Recorder()
    x = r.input(random(4, 6))
    y = r.op("exp", x)
    total = r.row("sum", x, axis=1)
    program = r.program(y, total)
    values = r.values[x]
    for given_x in (
        values, np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2], values[::-1].copy()[::-1],
        values.astype(np.float128), values.tolist(),
    ):  # fmt: skip
        wide, reverse = np.zeros((4, 12)), np.zeros(4)
        assert program.run([given_x], [wide[:, ::2], reverse[::-1]]) == -1
        np.testing.assert_allclose(wide[:, ::2], r.values[y], rtol=1e-14)
        assert not wide[:, 1::2].any()
        np.testing.assert_allclose(reverse[::-1], r.values[total], rtol=1e-14)


def test_outputs_may_lie_where_inputs_are() -> None:
    r = Recorder()
    x, w = r.input(random(40, 6)), r.input(random(6))
    y, total = r.op("add", r.op("mul", x, r.row("sum", x, axis=0)), w), r.row("sum", x, axis=0)
    given_x, given_w = r.values[x].copy(), r.values[w].copy()
    assert r.program(y, total).run([given_x, given_w], [given_x, given_w]) == -1
    np.testing.assert_allclose(given_x, r.values[y], rtol=1e-12)
    np.testing.assert_allclose(given_w, r.values[total], rtol=1e-12, atol=1e-14)


def test_arrays_of_other_sizes_are_refused() -> None:
    r = Recorder()
    x = r.input(random(4))
    program = r.program(r.op("exp", x))
    with pytest.raises(ShapeError, match="4 elements"):
        program.run([np.zeros(5)], [np.zeros(4)])
    with pytest.raises(ShapeError, match="4 elements"):
        program.run([np.zeros(4)], [np.zeros(3)])
    with pytest.raises(TypeError, match="1 inputs"):
        program.run([], [np.zeros(4)])
    frozen = np.zeros(4)
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        program.run([np.zeros(4)], [frozen])


def guarded() -> tuple[Recorder, int]:
    r = Recorder()
    x, a = r.input(random(3, 3)), r.input(2.0)
    inverse = r.row("inv", x)
    total = r.row("sum", r.op("mul", x, a), axis=None)
    r.guards = [(r.op("gt", a, r.constant(1.0)), True), (r.op("lt", total, r.constant(1e6)), True)]
    return r, inverse


def test_the_first_failed_guard_is_told() -> None:
    r, inverse = guarded()
    program, (x, a) = r.program(inverse), r.passed()
    out = [np.zeros((3, 3))]
    assert program.run([x, a], out) == -1
    assert program.run([x, 0.0], out) == 0
    assert program.run([x + 1e9, 2.0], out) == 1
    assert program.run([x + 1e9, 1.0], out) == 0


def test_a_singular_matrix_raises_with_its_line_unless_a_guard_failed() -> None:
    r, inverse = guarded()
    program, (_, a) = r.program(inverse), r.passed()
    out = [np.zeros((3, 3))]
    with pytest.raises(np.linalg.LinAlgError, match=r"line 3 of model\.py"):
        program.run([np.ones((3, 3)), a], out)
    assert program.run([np.ones((3, 3)), 1.0], out) == 0
    r.check(inverse)


def test_an_index_out_of_range_raises_with_its_line() -> None:
    r = Recorder()
    x, k = r.input(random(4, 5)), r.input(np.array([3, 0, 3]))
    program = r.program(r.row("take", x, k, axis=0))
    out = [np.zeros((3, 5))]
    with pytest.raises(IndexError, match=r"line 3 of model\.py"):
        program.run([r.values[x], np.array([0, 4, 0])], out)
    assert program.run(r.passed(), out) == -1


def test_too_many_axes_are_refused() -> None:
    r = Recorder()
    x = r.input(np.ones((2, *[1] * 15, 2)))
    r.check(r.op("exp", x))
    with pytest.raises(ShapeError, match="at most 16 axes"):
        r.program(r.row("cumsum", x, axis=0))


def test_sums_of_nothing_but_repetition() -> None:
    r = Recorder()
    x = r.input(random(3))
    wide = r.row("broadcast_to", x, shape=(7, 3))
    r.check(r.row("sum", wide, axis=0), r.row("max", wide, axis=0), r.row("sum", wide), r.row("logsumexp", wide))


STEPS = st.sampled_from([None, Slice(None, None, -1), Slice(None, None, 2), Slice(1, None, None)])


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(*[st.sampled_from([1, 2, 7, 40])] * 3),
    st.sampled_from([(), (1,), (3,), (2, 3)]),
    st.sampled_from([(), (1,), (3,), (2, 3)]),
    st.tuples(*[st.tuples(st.booleans(), STEPS, STEPS, st.booleans())] * 2),
    st.booleans(),
)
def test_products_of_matrices_in_any_layout(
    lengths: tuple[int, int, int],
    a_stack: tuple[int, ...],
    b_stack: tuple[int, ...],
    layouts: tuple[tuple[bool, Any, Any, bool], ...],
    single: bool,
) -> None:
    m, n, k = lengths
    r = Recorder()
    operands = []
    for stack, shape, (is_transposed, rows, columns, is_vector) in (
        (a_stack, (m, k), layouts[0]), (b_stack, (k, n), layouts[1]),
    ):  # fmt: skip
        whole_shape = [2 * length + 1 for length in (shape[::-1] if is_transposed else shape)]
        x = r.input(random(*stack, *whole_shape))
        if is_transposed:
            x = r.row("transpose", x, axes=(*range(len(stack)), len(stack) + 1, len(stack)))
        full = (Slice(None, None, None),) * len(stack)
        x = r.row("getitem", x, key=(*full, rows or Slice(0, None, None), columns or Slice(0, None, None)))
        x = r.row("getitem", x, key=(*full, Slice(0, shape[0], None), Slice(0, shape[1], None)))
        if is_vector and not stack:
            x = r.row("getitem", x, key=(0,) if stack is a_stack and not operands else (Slice(None, None, None), 0))
        operands.append(x)
    r.check(r.row("matmul", *operands), single=single, rtol=1e-4 if single else 1e-11)


@pytest.mark.parametrize(
    "subscripts",
    [
        "ij,jk->ik", "ij,kj->ki", "bij,bjk->bik", "ij,j->i", "i,ij,j->", "ij,ij->", "ij,ij->j", "i,j->ij", "ijk->kij",
        "ijk->i", "bhik,bhjk->bhij", "ij,kl->", "ii->i", "ij,jk,kl->il", "i,i,i->i", "i...,...->i...", "bi,bij->bj",
    ],
)  # fmt: skip
@pytest.mark.parametrize("single", [False, True])
def test_einsums(subscripts: str, single: bool) -> None:
    r = Recorder()
    size = {letter: 2 + k for k, letter in enumerate("bhijkl.")}
    size["l"] = size["i"]
    terms = subscripts.replace("...", ".").partition("->")[0].split(",")
    shapes = [tuple(size[letter] for letter in term) for term in terms]
    operands = [r.input(random(*shape)) for shape in shapes]
    y = r.row("einsum", *operands, subscripts=subscripts)
    r.check(y, r.op("tanh", y), single=single, rtol=1e-4 if single else 1e-11)


def test_sums_of_products_make_no_array_of_products() -> None:
    r = Recorder()
    x, w = r.input(random(50, 40, 1)), r.input(random(50, 1, 30))
    outer = r.op("mul", x, w)
    program = r.check(
        r.row("sum", outer, axis=0), r.row("sum", r.op("neg", outer), axis=0, keepdims=True), r.row("sum", outer)
    )
    assert program.n_bytes < 50 * 40 * 30 * 8


def test_nans_and_infinities_go_through_extremes() -> None:
    for special in (np.nan, np.inf, -np.inf):
        r = Recorder()
        values = random(6, 4)
        values[1, 2] = special
        values[3] = special
        x = r.input(values)
        y = r.op("mul", x, r.constant(2.0))
        outputs = [r.row(name, y, axis=axis) for name in ("max", "min", "logsumexp") for axis in (0, 1, None)]
        with np.errstate(all="ignore"):
            r.check(*outputs)


def test_equal_work_is_done_once() -> None:
    r = Recorder()
    x, w = r.input(random(5, 5)), r.input(random(5, 5))
    products = [r.row("matmul", x, w) for _ in range(2)]
    y = r.op("add", *products)
    again = r.op("add", products[1], products[0])
    twice = r.row("transpose", r.row("transpose", y))
    program = r.check(r.op("sub", twice, r.op("mul", again, r.constant(0.5))))
    assert program.n_steps == 2


def test_pickled_programs_run() -> None:
    r = Recorder()
    x = r.input(random(50, 3))
    y = r.row("cumsum", r.op("exp", x), axis=0)
    outs, again = r.outs(y), r.outs(y)
    program = r.program(y)
    program.run(r.passed(), outs)
    pickle.loads(pickle.dumps(program)).run(r.passed(), again)
    np.testing.assert_array_equal(outs[0], again[0])


def test_threads_share_a_program() -> None:
    r = Recorder()
    x = r.input(random(300, 30))
    y = r.op("exp", r.op("sub", x, r.row("max", x, axis=1, keepdims=True)))
    total = r.row("sum", y, axis=0)
    program = r.program(y, total)

    def run(k: int) -> Any:
        outs = r.outs(y, total)
        for _ in range(20):
            program.run([r.values[x] + k], outs)
        return outs

    with ThreadPoolExecutor(4) as pool:
        for k, outs in enumerate(pool.map(run, range(4))):
            alone = r.outs(y, total)
            program.run([r.values[x] + k], alone)
            for a, b in zip(outs, alone, strict=True):
                np.testing.assert_array_equal(a, b)


def test_memory_is_as_much_as_stated() -> None:
    r = Recorder()
    x = r.input(random(1000, 50))
    y = r.op("exp", x)
    z = r.op("div", y, r.row("sum", y, axis=0))
    program = r.program(r.row("sum", r.op("square", z), axis=1))
    outs, passed = [np.empty(1000)], r.passed()
    tracemalloc.start()
    program.run(passed, outs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Its one array of the size of x, some chunks and slots; Python's own objects of the call are small.
    assert 1000 * 50 * 8 < program.n_bytes < 1000 * 50 * 8 + 100_000
    assert abs(peak - program.n_bytes) < 10_000


def test_too_little_memory_leaves_everything_intact() -> None:
    n = 1 << 24
    float64 = np.dtype(float)

    def node(kind: str, name: str, args: tuple[int, ...], *shape: int) -> TapeNode:
        return TapeNode(kind, name, args, (("axis", 0), ("keepdims", False)) if kind == "row" else (), shape, float64)

    nodes = [
        node("input", "", (), n, 1), node("input", "", (), n), node("op", "hypot", (0, 1), n, n),
        node("row", "max", (2,), n), node("op", "div", (2, 3), n, n), node("row", "max", (4,), n),
    ]  # fmt: skip
    program = ArrayProgram(Tape(nodes, [0, 1], [5], []))
    x, y = np.ones((n, 1)), np.ones(n)
    for _ in range(2):
        with pytest.raises(MemoryError, match="bytes"):
            program.run([x, y], [y])
    assert y.min() == y.max() == 1.0


def test_an_interrupt_is_noticed_while_a_program_runs() -> None:
    r = Recorder()
    x = y = r.input(random(1))
    for _ in range(100):
        y = r.op("exp", r.op("sin", y))
    n = 2_000_000
    nodes = [TapeNode(v.kind, v.name, v.args, v.params, (n,), v.dtype) for v in r.nodes]
    program = ArrayProgram(Tape(nodes, [x], [y], []))
    out = np.full(n, 99.0)
    threading.Timer(0.02, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        program.run([np.ones(n)], [out])
    assert out[-1] == 99.0


def test_a_listing_shows_steps_with_their_lines() -> None:
    r, inverse = guarded()
    z = r.row("matmul", inverse, r.op("exp", inverse))
    program = r.program(z)
    text = str(program)
    for part in ("inv input 0 (3, 3)", "exp s0", "product", "guard 1: ", "is true", "line 3 of model.py", "sum of s"):
        assert part in text
    assert program.n_instructions == text.count(" = exp") + text.count(" = mul") + 2 + 2
    flops = program.cost()["flops"]
    # exp and the sum of products of 9, the two guards with their comparisons, and the matrix product.
    assert flops == 9 + 2 * 9 + 2 + 2 * 27


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20), st.integers(0, 20)), max_size=30))
def test_buffers_that_live_together_lie_apart(made: list[tuple[int, int, int]]) -> None:
    buffers = [Lifetime(n, min(a, b), max(a, b)) for n, a, b in made]
    offsets, size = place(buffers)
    for k, (x, at) in enumerate(zip(buffers, offsets, strict=True)):
        assert at % 64 == 0
        assert at + x.n_bytes <= size
        for y, other in zip(buffers[:k], offsets[:k], strict=True):
            alive_together = x.first <= y.last and y.first <= x.last
            assert not alive_together or at + x.n_bytes <= other or other + y.n_bytes <= at


@given(st.permutations([2, 3, 4, 1]), st.sampled_from([(24,), (6, 4), (2, 12), (4, 6), (2, 3, 4), (1, 24, 1)]))
def test_reshapes_without_moving_are_numpys(shape: list[int], to: tuple[int, ...]) -> None:
    array = np.arange(24).reshape(shape)
    for axes in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 2, 3)):
        moved = array.transpose(axes)
        try:
            expected: Any = np.reshape(moved, to, copy=False)
        except ValueError:
            expected = None
        strides = tuple(s // array.itemsize if n != 1 else 0 for s, n in zip(moved.strides, moved.shape, strict=True))
        view_of = type(whole(("input", 0), ()))(("input", 0), 0, moved.shape, strides)
        made = reshaped(view_of, moved.shape, to)
        assert (made is None) == (expected is None)
        if made is not None:
            steps = [s // array.itemsize for s, n in zip(expected.strides, to, strict=True) if n != 1]
            assert [s for s, n in zip(made.strides, made.shape, strict=True) if n != 1] == steps


def test_nobody_waits_for_scipy_who_multiplies_no_matrices():
    """Importing SciPy's BLAS takes as long as all the rest."""
    code = "import sys, numpy as np, wengert as wg; wg.compile(lambda x: np.sum(x * x))(np.ones(50))"
    code += "; assert not any(name.startswith('scipy') for name in sys.modules)"
    code += "; wg.compile(lambda x: x @ x)(np.ones((20, 20))); assert 'scipy.linalg' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
