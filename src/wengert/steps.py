"""What does a loop compute, and what is its derivative?

A vector from a vector, so that any loop is one row of one argument (`rows.bodies`). Its body takes constants, a carry
and what the step gets, and gives the next carry, what the step gives, and terms of sums over the steps:

    argument: constants | first carry | what the steps get, one block for each input
    result:   carry after each step, one block for each part | what the steps give, alike | sums

A block has a row for each step, in the order of the data: a reversed loop begins with its last row. The derivative of a
loop is a loop of the same kind in the opposite direction, whose body is the adjoint of the body: constants get sums,
sums are constants. So derivatives nest to any order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wengert._core.arrays import VarArray, assemble
from wengert._core.loops import run_steps
from wengert._core.var import Var
from wengert.body_tapes import Body, apart, record_body
from wengert.index_keys import Slice
from wengert.structured import ROWS

Shape = tuple[int, ...]


def packed(leaves: Iterable[Any]) -> Any:
    """Numbers and arrays as one vector."""
    parts: list[Any] = []
    numbers: list[Any] = []
    for leaf in [*leaves, None]:
        shape = () if leaf is None else np.shape(leaf)
        if leaf is not None and shape == ():
            numbers.append(leaf if isinstance(leaf, Var) else float(leaf))
            continue
        if numbers:
            parts.append(assemble(numbers, (len(numbers),)))
            numbers = []
        if leaf is not None and math.prod(shape):
            parts.append(leaf if len(shape) == 1 else ROWS.reshape(leaf, shape=(math.prod(shape),)))
    if not parts:
        return np.zeros(0)
    return parts[0] if len(parts) == 1 else ROWS.concatenate(*parts, axis=0)


def part(vector: Any, start: int, shape: Shape) -> Any:
    """A number or array of a vector."""
    if shape == ():
        return vector[start] if isinstance(vector, VarArray) else float(vector[start])
    size = math.prod(shape)
    if size == 0:
        return np.zeros(shape)
    return ROWS.reshape(stretch(vector, start, start + size), shape=shape)


def stretch(vector: Any, start: int, stop: int) -> Any:
    """A part of a vector as a vector."""
    if start == 0 and stop == vector.shape[0]:
        return vector
    return ROWS.getitem(vector, key=(Slice(start, stop, None),))


def starts_of(sizes: Iterable[int], start: int = 0) -> list[int]:
    """Where each of several pieces begins that follow each other; and last, where they end."""
    result = [start]
    for size in sizes:
        result.append(result[-1] + size)
    return result


@dataclass(frozen=True, eq=False)
class Steps:
    """A loop of a known number of steps.

    Attributes
    ----------
    body : Body
        Inputs: constants, carry, what the step gets. Outputs: carry, what the step gives, terms of sums.
    n_constants, n_carry, n_sums : int
        How many inputs and outputs of each kind; the others are what steps get and give.
    length : int
    reverse : bool
        Does it begin with the last row?
    wanted : tuple of bool
        Of each input: may somebody ask for its adjoint?
    """

    body: Body
    n_constants: int
    n_carry: int
    n_sums: int
    length: int
    reverse: bool
    wanted: tuple[bool, ...]
    like: Steps | None = None
    """A loop that differs in its length at most, and keeps the derivatives of all such."""

    def of_length(self, n: int) -> Steps:
        """The same loop of another length."""
        return self if n == self.length else replace(self, length=n, like=self.like or self)

    # ---- where things are, in elements ----

    @functools.cached_property
    def input_starts(self) -> list[int]:
        """Of each input, in the argument; and last its length."""
        first = self.n_constants + self.n_carry
        sizes = map(math.prod, self.body.shapes)
        return starts_of(size * (self.length if k >= first else 1) for k, size in enumerate(sizes))

    @functools.cached_property
    def output_starts(self) -> list[int]:
        """Of each output, in the result; and last its length."""
        shapes = self.body.output_shapes
        last = len(shapes) - self.n_sums
        return starts_of(math.prod(shape) * (self.length if k < last else 1) for k, shape in enumerate(shapes))

    @functools.cached_property
    def tables(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """What `run_steps` takes, with distances in elements from the argument and the result for addresses.

        Of the inputs that are parts of the carry only the first step reads the argument.
        """
        sign, n = (-1 if self.reverse else 1), self.length
        begin = n - 1 if self.reverse else 0
        inputs, outputs, sums = [], [], []
        n_outputs = len(self.body.output_shapes)
        for k, shape in enumerate(self.body.shapes):
            size = math.prod(shape)
            start, carry = self.input_starts[k], k - self.n_constants
            if carry < 0:
                inputs.append((start, start, start, 0, 0))
                continue
            step = sign * size
            first = start if carry < self.n_carry else start + begin * size
            second = self.output_starts[carry] + begin * size if carry < self.n_carry else first + step
            inputs.append((first, second, second + (n - 2) * step, step, step))
        for k, shape in enumerate(self.body.output_shapes):
            size, start = math.prod(shape), self.output_starts[k]
            if k < n_outputs - self.n_sums:
                outputs.append((start + begin * size, sign * size, sign * size))
            else:
                outputs.append((0, 0, 0))
                sums.append((k, start, size))
        return tuple(np.array(table, np.intp).reshape(-1, m) for table, m in ((inputs, 5), (outputs, 3), (sums, 3)))  # type: ignore[return-value]

    @property
    def n_result(self) -> int:
        """Length of the result."""
        return self.output_starts[-1]

    # ---- value ----

    def value(self, x: Any) -> NDArray[Any]:
        """Run the loop on numbers."""
        given = np.ascontiguousarray(x, np.float64)
        y = np.zeros(self.output_starts[-1])
        if self.length:
            first, last = self.n_constants, self.n_constants + self.n_carry
            here, there = given.ctypes.data, y.ctypes.data
            inputs, outputs, sums = (8 * table for table in self.tables)
            inputs[:, :3] += here
            inputs[first:last, 1:3] += there - here
            outputs[:, 0] += there
            sums[:, 0] //= 8
            sums[:, 2] //= 8
            scratch = [np.empty(count) for count in sums[:, 2]]
            outputs[sums[:, 0], 0] = [term.ctypes.data for term in scratch]
            sums[:, 1] += there
            run_steps(self.body.program, self.length, inputs, outputs, sums, self.body.breath)
        return y.astype(np.float32) if np.asarray(x).dtype == np.float32 else y

    # ---- what is in the result ----

    def carry(self, y: Any, k: int) -> Any:
        """A part of the last carry; there must be a step."""
        shape = self.body.output_shapes[k]
        row = 0 if self.reverse else self.length - 1
        return part(y, self.output_starts[k] + row * math.prod(shape), shape)

    def given(self, y: Any, k: int) -> Any:
        """What output `k` was in each step."""
        return part(y, self.output_starts[k], (self.length, *self.body.output_shapes[k]))

    # ---- derivative ----

    def adjoint(self, g: Any, y: Any, x: Any) -> Any:
        """Adjoint of the argument, given that of the result."""
        if not self.length:
            return np.zeros(self.input_starts[-1])
        first, last, n_outputs = self.n_constants, self.n_constants + self.n_carry, len(self.body.output_shapes)
        ends = self.output_starts
        begin_sums = ends[n_outputs - self.n_sums]
        previous = []
        for k in range(self.n_carry):
            size = math.prod(self.body.output_shapes[k])
            begin = stretch(x, self.input_starts[first + k], self.input_starts[first + k] + size)
            if self.reverse:
                previous += [stretch(y, ends[k] + size, ends[k + 1]), begin]
            else:
                previous += [begin, stretch(y, ends[k], ends[k + 1] - size)]
        argument = packed(
            [
                stretch(x, 0, self.input_starts[first]),
                stretch(g, begin_sums, ends[-1]),
                np.zeros(sum(math.prod(shape) for shape in self.body.output_shapes[: self.n_carry])),
                *previous,
                stretch(x, self.input_starts[last], self.input_starts[-1]),
                stretch(g, 0, begin_sums),
            ]
        )
        back = self.backward
        result = ROWS.call(argument, body=back)
        begin, end = back.output_starts[self.n_carry], back.output_starts[-1]
        begin_sums = back.output_starts[len(back.body.output_shapes) - back.n_sums]
        return packed(
            [
                stretch(result, begin_sums, end),
                *[back.carry(result, k) for k in range(self.n_carry)],
                stretch(result, begin, begin_sums),
            ]
        )

    @functools.cached_property
    def backward(self) -> Steps:
        """The loop that computes adjoints.

        Constants: those of this one, adjoints of the sums. Carry: adjoint of the carry. Each step gets the carry before
        it, what it got, and the adjoints of what it gave.
        """
        if self.like is not None:
            return self.like.backward.of_length(self.length)
        shapes, output_shapes = self.body.shapes, self.body.output_shapes
        first, last, n_given = self.n_constants, self.n_constants + self.n_carry, len(output_shapes) - self.n_sums
        chosen = [
            k
            for k, (one, k_carry) in enumerate(zip(self.wanted, range(-first, len(shapes)), strict=False))
            if one or 0 <= k_carry < self.n_carry
        ]
        ones = [np.ones(shape) if shape else 1.0 for shape in output_shapes]
        examples = self.body.examples

        def adjoint_of_step(given: list[Any]) -> list[Any]:
            rest = iter(given)

            def take(n: int) -> list[Any]:
                return [next(rest) for _ in range(n)]

            constants, of_sums, of_carry, carry = take(first), take(self.n_sums), take(self.n_carry), take(self.n_carry)
            got, of_given = take(len(shapes) - last), take(n_given)
            inputs = [*constants, *carry, *got]

            for k in range(self.n_carry):
                of_given[k] = of_given[k] + of_carry[k]
            found = dict(zip(chosen, self.body.pulled(inputs, chosen, [*of_given, *of_sums]), strict=True))
            all_found = [found[k] if k in found else np.zeros(shape) for k, shape in enumerate(shapes)]
            return [*all_found[first:last], *all_found[last:], *all_found[:first]]

        with apart():  # a sweep may be under way in the graph of this thread
            body, outside = record_body(
                adjoint_of_step,
                [
                    *examples[:first],
                    *ones[n_given:],
                    *ones[: self.n_carry],
                    *examples[first:last],
                    *examples[last:],
                    *ones[:n_given],
                ],
            )
        assert not outside
        wanted = (
            *self.wanted[:first],
            *[True] * (self.n_sums + 2 * self.n_carry),
            *self.wanted[last:],
            *[True] * n_given,
        )
        return Steps(body, first + self.n_sums, self.n_carry, first, self.length, not self.reverse, wanted)

    def __repr__(self) -> str:
        return f"<{self.length} steps of {self.body.program!r}>"
