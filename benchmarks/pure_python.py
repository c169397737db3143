"""How fast is reverse mode in plain Python, written for speed?

The same engine as wengert's eager vars (values and slopes at once, a backward loop in recording order) without a line
of Cython: the fair opponent next to micrograd. Only what a perceptron needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

tape: list[Value] = []
"""Everything computed since the last `backward`, in order."""


class Value:
    """A number, its gradient, and what it was computed from: pairs of argument and slope."""

    __slots__ = ("data", "edges", "grad")

    def __init__(self, data: float, edges: tuple[Any, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.edges = edges

    def __add__(self, other: Any) -> Value:
        if type(other) is Value:
            return record(self.data + other.data, (self, 1.0, other, 1.0))
        return record(self.data + other, (self, 1.0))

    def __mul__(self, other: Any) -> Value:
        if type(other) is Value:
            return record(self.data * other.data, (self, other.data, other, self.data))
        return record(self.data * other, (self, other))

    __radd__ = __add__
    __rmul__ = __mul__

    def relu(self) -> Value:
        return record(self.data, (self, 1.0)) if self.data > 0 else record(0.0, (self, 0.0))

    def backward(self) -> None:
        self.grad = 1.0
        for value in reversed(tape):
            edges, grad = value.edges, value.grad
            edges[0].grad += edges[1] * grad
            if len(edges) == 4:
                edges[2].grad += edges[3] * grad
        tape.clear()


def record(data: float, edges: tuple[Any, ...]) -> Value:
    value = Value(data, edges)
    tape.append(value)
    return value


class MLP:
    """The multilayer perceptron of `wengert.nn` and micrograd, with rectifiers; its weights are set from outside."""

    def __init__(self, n_in: int, n_outs: Sequence[int]) -> None:
        sizes = [n_in, *n_outs]
        self.layers = [
            [[Value(0.0) for _ in range(n + 1)] for _ in range(m)] for n, m in zip(sizes, n_outs, strict=False)
        ]

    def __call__(self, x: Sequence[Any]) -> Value:
        for layer in self.layers:
            x = [weighted_sum(neuron, x) for neuron in layer]
            if layer is not self.layers[-1]:
                x = [value.relu() for value in x]
        only: Value = x[0]
        return only

    def parameters(self) -> list[Value]:
        return list(self.all_parameters())

    def all_parameters(self) -> Iterator[Value]:
        for layer in self.layers:
            for neuron in layer:
                yield from neuron


def weighted_sum(neuron: list[Value], x: Sequence[Any]) -> Value:
    """The last of the neuron's values is its bias."""
    total = neuron[-1]
    for weight, number in zip(neuron, x, strict=False):
        total = total + weight * number
    return total
