"""What does a tape compute, with nothing said twice?

Elementwise nodes become terms, on the smallest shape that they vary over; rows that only rearrange become views; rows
that only add up or compare become reductions; what is left is computed by rows. Equal things are one thing, and what
depends on constants alone is computed now.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wengert._core.array_code import KIND_CONSTANT, KIND_LANES, KIND_UNIFORM, ArrayTerms
from wengert._core.builds import kernels
from wengert.array_programs.bodies import read_loop
from wengert.array_programs.contractions import einsum, matmul, sum_of_products
from wengert.array_programs.joins import join, on_pieces
from wengert.array_programs.tape import Tape, TapeNode
from wengert.array_programs.values import CODE, INDEXED, Reduction, Row, Value
from wengert.array_programs.views import Shape, View, narrow, rearranged, reshaped, whole, whole_strides
from wengert.index_keys import Slice, thaw
from wengert.structured import ROWS

# What is its first argument, but for its derivative.
ALIASES = ("stop_gradient", "custom")


class Reading:
    """What a tape computes.

    Attributes
    ----------
    terms : ArrayTerms
    shapes : list of tuple of int
        Of each term: the shape over which it varies, without leading axes of length 1.
    views : list of View
        Of each leaf by its number.
    rows, reductions : list
        What leaves may be based on.
    constants : list of ndarray
    outputs : list of Value
    guards : list of (int, int, bool)
        Term, number and expected truth value.
    """

    def __init__(self, tape: Tape, single: bool) -> None:
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.terms = ArrayTerms()
        self.shapes: list[Shape] = []
        self.views: list[View] = []
        self.rows: list[Row] = []
        self.reductions: list[Reduction] = []
        self.constants: list[NDArray[Any]] = []
        self.positions = [None, *[node.position for node in tape.nodes]]
        self.origin = 0
        self.leaves: dict[View, int] = {}
        self.cut_up: set[int] = set()  # terms of whose elements there are views, so that they are stored
        self.zeros: set[tuple[int, int]] = set()  # parts of joined vectors that are zeros of a derivative
        self.known: dict[Any, int] = {}
        values: list[Value] = []
        numbers = {node: k for k, node in enumerate(tape.inputs)}
        for k, node in enumerate(tape.nodes):
            self.origin = k + 1
            if k in numbers:
                values.append(self.based(("input", numbers[k]), node.shape, node.dtype))
            elif node.kind == "constant":
                values.append(self.constant(node.constant, node.shape, node.dtype))
            elif node.name in ALIASES:
                values.append(values[node.args[0]])
            elif node.kind == "op":
                values.append(self.apply(node.name, [values[a] for a in node.args], node))
            else:
                values.append(self.read_row(node, [values[a] for a in node.args]))
        self.outputs = [values[k] for k in tape.outputs]
        self.guards = []
        seen = set()
        for number, (k, outcome) in enumerate(tape.guards):
            t = self.float_term(values[k])
            if self.terms.describe(t)[0] != KIND_CONSTANT and t not in seen:
                seen.add(t)
                self.guards.append((t, number, bool(outcome)))

    # ---- terms ----

    def shape_of(self, t: int) -> Shape:
        """The shape over which a term varies."""
        while len(self.shapes) < len(self.terms):
            kind, arguments, _, _ = self.terms.describe(len(self.shapes))
            if kind in (KIND_LANES, KIND_UNIFORM):
                self.shapes.append(self.views[arguments[0]].shape)
            else:
                shape = np.broadcast_shapes(*[self.shapes[a] for a in arguments]) if arguments else ()
                self.shapes.append(shape)
        return self.shapes[t]

    def number_of(self, t: int) -> float | None:
        """The constant that a term is, if it is one."""
        kind, _, number, _ = self.terms.describe(t)
        return number if kind == KIND_CONSTANT else None

    def leaf(self, view: View) -> int:
        """The term of a view of floats."""
        kind, number = view.base
        if kind == "constant" and view.size == 1:
            return self.terms.constant(float(self.constants[number].reshape(-1)[view.offset]))
        if kind == "term" and view == whole(view.base, self.shape_of(number)):
            return number
        if kind == "term":
            self.cut_up.add(number)
        if view not in self.leaves:
            self.leaves[view] = len(self.views)
            self.views.append(view)
        t = self.terms.leaf(self.leaves[view], view.size != 1)
        self.shape_of(t)
        return t

    def based(self, base: tuple[str, int], shape: Shape, dtype: np.dtype[Any]) -> Value:
        """The value of all of a base."""
        view = narrow(base, 0, shape, whole_strides(shape))
        if dtype.kind in "iu":
            return Value(-1, view, shape, dtype)
        return Value(self.leaf(view), None, shape, dtype)

    def constant(self, number: Any, shape: Shape, dtype: np.dtype[Any]) -> Value:
        """The value of a constant; equal elements are one number."""
        integer = np.dtype(dtype).kind in "iu"
        spread = np.broadcast_to(number, shape)
        if not integer and spread.size and not any(spread.strides):
            return Value(self.terms.constant(float(self.dtype.type(spread.flat[0]))), None, shape, dtype)
        array = np.ascontiguousarray(spread, np.int64 if integer else self.dtype)
        as_bytes = array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
        if not integer and array.size and np.all(as_bytes == as_bytes[0]):
            return Value(self.terms.constant(float(array.reshape(-1)[0])), None, shape, dtype)
        key = ("constant", array.shape, array.dtype.char, array.tobytes())
        if key not in self.known:
            self.known[key] = len(self.constants)
            self.constants.append(array.copy())
        return self.based(("constant", self.known[key]), shape, dtype)

    def float_term(self, value: Value) -> int:
        """The term of a value; integers are converted."""
        if value.view is None:
            return value.term
        if value.view.base[0] == "constant":
            array = self.fetch(value)
            return self.constant(array, value.shape, self.dtype).term
        return self.row("to_float", (value,), (), value.shape, self.dtype, None).term

    def apply(self, name: str, values: list[Value], node: TapeNode) -> Value:
        """The value of an elementwise op."""
        arguments = [self.float_term(v) for v in values]
        joined = on_pieces(self, name, arguments, node)
        return joined or Value(self.term(name, *arguments), None, node.shape, node.dtype)

    def term(self, name: str, *arguments: int) -> int:
        """The term of an elementwise op of terms."""
        arrays = [self.constant_array(a) for a in arguments]
        if all(array is not None for array in arrays) and any(self.shape_of(a) for a in arguments):
            y = kernels.evaluate(name, *arrays)[0]
            return self.constant(y, y.shape, self.dtype).term
        t = self.terms.apply(CODE[name], list(arguments), self.origin)
        self.shape_of(t)
        return t

    def constant_array(self, t: int) -> NDArray[Any] | None:
        """What a term is, if it is a constant."""
        kind, arguments, number, _ = self.terms.describe(t)
        if kind == KIND_CONSTANT:
            return np.asarray(number)
        if kind == KIND_LANES and self.views[arguments[0]].base[0] == "constant":
            view = self.views[arguments[0]]
            return self.fetch(Value(-1, view, view.shape, self.dtype))
        return None

    def fetch(self, value: Value) -> NDArray[Any]:
        """The elements of a value that is a view of a constant."""
        assert value.view is not None
        base = self.constants[value.view.base[1]].reshape(-1)[value.view.offset :]
        strides = tuple(s * base.itemsize for s in value.view.strides)
        array = np.lib.stride_tricks.as_strided(base, value.view.shape, strides)
        return np.array(np.broadcast_to(array, value.shape))

    def known_array(self, value: Value) -> NDArray[Any] | None:
        """What a value is, if it is a constant."""
        if value.view is None:
            array = self.constant_array(value.term)
            return None if array is None else np.array(np.broadcast_to(array, value.shape), value.dtype)
        return self.fetch(value) if value.view.base[0] == "constant" else None

    def is_leaf(self, t: int) -> bool:
        """Is a term read from memory?"""
        return self.terms.describe(t)[0] in (KIND_LANES, KIND_UNIFORM)

    def view_of(self, value: Value) -> View:
        """Where the elements of a value are, or will be."""
        return value.view if value.view is not None else self.view_of_term(value.term)

    def view_of_term(self, t: int) -> View:
        """Where the elements of a term are, or will be."""
        kind, arguments, _, _ = self.terms.describe(t)
        if kind in (KIND_LANES, KIND_UNIFORM):
            return self.views[arguments[0]]
        return whole(("term", t), self.shape_of(t))

    # ---- rows ----

    def row(
        self, name: str, operands: tuple[Value, ...], params: Any, shape: Shape, dtype: Any, position: Any
    ) -> Value:
        """The value of a row that gets a step of its own."""
        made = Row(name, operands, params, shape, dtype, position)
        key = ("row", name, operands, params)
        number = self.known.setdefault(key, len(self.rows))
        if number == len(self.rows):
            self.rows.append(made)
        return self.based(("row", number), shape, dtype)

    def read_row(self, node: TapeNode, operands: list[Value]) -> Value:
        """The value of a row: constant, rearranged, reduced, or computed by a step."""
        params = {**ROWS[node.name].defaults, **dict(node.params)} if node.name in ROWS else dict(node.params)
        arrays = [self.known_array(v) for v in operands]
        if operands and all(array is not None for array in arrays) and node.name != "assemble":
            y = ROWS[node.name].value(*arrays, **params)
            return self.constant(y, node.shape, node.dtype)
        if node.name in INDEXED and operands[1].view is None and operands[1].dtype.kind in "iu":
            indices = operands[1]
            operands[1] = self.row("to_int", (indices,), (), indices.shape, np.dtype(np.int64), node.position)
        if node.name == "assemble":
            operands = [Value(self.float_term(v), None, (), self.dtype) for v in operands]
            if operands and all(v == operands[0] for v in operands):
                return Value(operands[0].term, None, node.shape, node.dtype)
        reader: Callable[..., Value | None] | None = READERS.get(node.name)
        value = reader(self, node, *operands, **params) if reader else None
        if value is not None:
            return value
        return self.row(node.name, tuple(operands), node.params, node.shape, node.dtype, node.position)

    def viewed(self, value: Value, view: View, node: TapeNode) -> Value:
        if value.view is not None:
            return Value(-1, view, node.shape, node.dtype)
        return Value(self.leaf(view), None, node.shape, node.dtype)

    def rearrange(self, node: TapeNode, x: Value, change: Callable[[Any], Any]) -> Value | None:
        """A row that NumPy answers with a view."""
        if x.view is None and self.shape_of(x.term) == () and 0 not in node.shape:
            return Value(x.term, None, node.shape, node.dtype)
        return self.viewed(x, rearranged(self.view_of(x), x.shape, change), node)

    def transpose(self, node: TapeNode, x: Value, axes: Any) -> Value | None:
        return self.rearrange(node, x, lambda array: array.transpose(axes))

    def broadcast(self, node: TapeNode, x: Value, shape: Any) -> Value | None:
        return Value(x.term, x.view, node.shape, node.dtype)

    def take_key(self, node: TapeNode, x: Value, key: Any) -> Value | None:
        """Basic indexing; indices that are arrays are left to the row."""
        parts = key if type(key) is tuple else (key,)  # a Slice is a tuple, too, but of one part
        if all(part is None or part is Ellipsis or type(part) in (int, Slice) for part in parts):
            # The ellipsis makes a view of a single element too.
            full = thaw(key if Ellipsis in parts else (*parts, Ellipsis))
            return self.rearrange(node, x, lambda array: array[full])
        return None

    def scatter(self, node: TapeNode, x: Value, key: Any, shape: Any) -> Value | None:
        """A stretch of a vector between zeros."""
        parts = key if type(key) is tuple and type(key) is not Slice else (key,)
        if len(node.shape) != 1 or len(parts) != 1 or type(parts[0]) is not Slice or x.dtype.kind != "f":
            return None
        start, stop, step = thaw(parts[0]).indices(node.shape[0])
        if step != 1 or stop - start < 1 or x.shape != (stop - start,):
            return None
        zero = self.terms.constant(0.0)
        around = [Value(zero, None, (n,), x.dtype) for n in (start, node.shape[0] - stop)]
        operands = [v for v in (around[0], x, around[1]) if v.shape != (0,)]
        return join(self, operands, [k for k, v in enumerate(operands) if v is not x], node)

    def reshape(self, node: TapeNode, x: Value, shape: Any) -> Value | None:
        return self.reshape_to(x, node.shape)

    def reshape_to(self, x: Value, shape: Shape) -> Value:
        """A value in another shape; its elements are moved to C order first where strides cannot say it."""
        if x.shape == shape or (x.view is None and self.shape_of(x.term) == () and 0 not in shape):
            return Value(x.term, x.view, shape, x.dtype)
        view = reshaped(self.view_of(x), x.shape, shape)
        if view is None:
            y = self.row("copy", (x,), (), x.shape, x.dtype, None)
            view = reshaped(self.view_of(y), y.shape, shape)
            assert view is not None
        return Value(-1, view, shape, x.dtype) if x.view is not None else Value(self.leaf(view), None, shape, x.dtype)

    def cast(self, node: TapeNode, x: Value, dtype: Any) -> Value | None:
        """Between bools and floats of the program, and from integers to them."""
        if node.dtype.kind == "b":
            return Value(self.term("ne", self.float_term(x), self.terms.constant(0.0)), None, node.shape, node.dtype)
        if node.dtype == self.dtype and x.dtype.kind != "f":
            return Value(self.float_term(x), None, node.shape, node.dtype)
        if node.dtype == np.int64 and x.dtype.kind == "f":
            return self.row("to_int", (x,), (), node.shape, node.dtype, node.position)
        # A program computes in one type, except for what is rounded on purpose.
        one_type = node.dtype.kind == x.dtype.kind == "f" and (node.dtype == self.dtype or self.dtype == np.float32)
        return Value(x.term, x.view, node.shape, node.dtype) if one_type or node.dtype == x.dtype else None

    # ---- reductions ----

    def reduced(self, kind: str, t: int, shape: Shape, axes: tuple[int, ...], position: Any) -> int:
        """The term of a term, broadcast to `shape`, reduced over axes that stay with length 1."""
        varies_over = (1,) * (len(shape) - len(self.shape_of(t))) + self.shape_of(t)
        # Along an axis where nothing changes, a sum is a product, and the largest is any.
        times = math.prod(shape[k] for k in axes if varies_over[k] == 1)
        real = tuple(k for k in axes if varies_over[k] != 1)
        as_product = sum_of_products(self, t, varies_over, real, position) if kind == "sum" else None
        if as_product is not None:
            t = as_product
        elif real:
            kept = tuple(1 if k in real else n for k, n in enumerate(varies_over))
            key = (kind, t, tuple(k - len(shape) for k in real))
            number = self.known.setdefault(key, len(self.reductions))
            if number == len(self.reductions):
                skipped = len(shape) - len(self.shape_of(t))
                made = Reduction(kind, t, tuple(k - skipped for k in real), kept[skipped:], position)
                self.reductions.append(made)
            t = self.leaf(narrow(("reduction", number), 0, kept, whole_strides(kept)))
        if kind == "sum" and times != 1:
            t = self.term("mul", t, self.terms.constant(float(times)))
        return t

    def without_axes(self, t: int, shape: Shape, axes: tuple[int, ...], node: TapeNode) -> Value:
        """Drop axes of length 1 of a term, if the row does."""
        kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
        return self.reshape_to(Value(t, None, kept, node.dtype), node.shape)

    def reduce(self, node: TapeNode, x: Value, axis: Any, keepdims: Any) -> Value | None:
        if x.view is not None or x.dtype.kind != "f" or 0 in x.shape:
            return None
        axes = all_axes(axis, len(x.shape))
        t = self.reduced(node.name, x.term, x.shape, axes, node.position)
        return self.without_axes(t, x.shape, axes, node)

    def logsumexp(self, node: TapeNode, x: Value, axis: Any, keepdims: Any) -> Value | None:
        """The largest, taken out before the sum if it is finite (Blanchard, Higham & Higham, IMA JNA 41, 2021)."""
        if x.view is not None or x.dtype.kind != "f" or 0 in x.shape:
            return None
        axes = all_axes(axis, len(x.shape))
        most = self.reduced("max", x.term, x.shape, axes, node.position)
        powers = self.term("exp", self.term("sub", x.term, self.finite_or_zero(most)))
        total = self.reduced("sum", powers, x.shape, axes, node.position)
        shift = self.finite_or_zero(self.without_axes(most, x.shape, axes, node).term)
        y = self.term("add", self.term("log", self.without_axes(total, x.shape, axes, node).term), shift)
        return Value(y, None, node.shape, node.dtype)

    def finite_or_zero(self, t: int) -> int:
        zero = self.terms.constant(0.0)
        return self.term("where", self.term("lt", self.term("abs", t), self.terms.constant(math.inf)), t, zero)


def all_axes(axis: Any, n_dims: int) -> tuple[int, ...]:
    """The axes that a reduction is over, counted from 0."""
    if axis is None:
        return tuple(range(n_dims))
    return tuple(sorted(k % n_dims for k in (axis if isinstance(axis, tuple) else (axis,))))


READERS: dict[str, Callable[..., Value | None]] = {
    "reshape": Reading.reshape,
    "transpose": Reading.transpose,
    "broadcast_to": Reading.broadcast,
    "getitem": Reading.take_key,
    "scatter": Reading.scatter,
    "matmul": matmul,
    "einsum": einsum,
    "call": read_loop,
    "cast": Reading.cast,
    "sum": Reading.reduce,
    "max": Reading.reduce,
    "min": Reading.reduce,
    "logsumexp": Reading.logsumexp,
}
