"""How are rules differentiated, in a hundred plain lines?

An independent tape for tests of the rows: nodes meet NumPy's protocols as vars do, and the adjoints are nodes again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import structured
from wengert.structured import ROWS, Structured, fit, times

_numbers = itertools.count()


class Node(np.lib.mixins.NDArrayOperatorsMixin):
    """An array, and for each argument that it was computed from what leads the adjoint back to it."""

    def __init__(self, value: Any, pulls: list[tuple[Node, Callable[[Any], Any]]] | None = None) -> None:
        self.value, self.pulls, self.number = value, pulls or [], next(_numbers)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.asarray(self.value).dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any) -> Node:
        assert method == "__call__"
        return elementwise(ufunc, SLOPES[ufunc], *args)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Node:
        assert function is np.where
        assert not kwargs
        return elementwise(np.where, WHERE, *args)


def plain(x: Any) -> Any:
    """Return the value of a node, or what is none."""
    return x.value if isinstance(x, Node) else x


def elementwise(function: Any, slopes: Any, *args: Any) -> Node:
    """Record an elementwise function; `slopes` has functions of the adjoint, the result and the arguments."""
    y = Node(function(*map(plain, args)))
    for arg, slope in zip(args, slopes, strict=True):
        if isinstance(arg, Node) and slope is not None:
            y.pulls.append((arg, lambda g, arg=arg, slope=slope: fit(slope(g, y, *args), arg.shape)))
    return y


SLOPES: dict[Any, Any] = {
    np.add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    np.subtract: (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    np.multiply: (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    np.divide: (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    np.negative: (lambda g, y, a: -g,),
    np.exp: (lambda g, y, a: g * y,),
    np.less: (None, None),
    np.greater: (None, None),
    np.equal: (None, None),
}
WHERE = (None, lambda g, y, c, a, b: np.where(c, g, 0.0), lambda g, y, c, a, b: np.where(c, 0.0, g))
TIMES = (lambda g, y, a, b: times(g, b), lambda g, y, a, b: times(g, a))


def record(row: Structured, args: tuple[Any, ...], params: dict[str, Any]) -> Node:
    """Record an application of a row."""
    y = Node(row.value(*map(plain, args), **params))
    for k, arg in enumerate(args):
        if isinstance(arg, Node) and row.has_rule(k):
            y.pulls.append((arg, lambda g, k=k: row.adjoint(k, g, y, args, params)))
    return y


def gradient(output: Any, inputs: list[Node]) -> list[Any]:
    """Return the adjoints of the inputs in a sum over the output."""
    adjoints: dict[int, Any] = {}
    open_nodes: dict[int, Node] = {}
    if isinstance(output, Node):
        adjoints[output.number] = np.ones(output.shape)
        open_nodes[output.number] = output
    wanted = {node.number for node in inputs}
    while open_nodes:
        node = open_nodes.pop(max(open_nodes))
        g = adjoints[node.number] if node.number in wanted else adjoints.pop(node.number)
        for arg, pull in node.pulls:
            part = pull(g)
            assert getattr(part, "shape", ()) == arg.shape
            adjoints[arg.number] = adjoints[arg.number] + part if arg.number in adjoints else part
            open_nodes[arg.number] = arg
    return [adjoints.get(node.number, np.zeros(node.shape)) for node in inputs]


def nested(f: Callable[..., Any], order: int) -> Callable[..., list[Any]]:
    """Return the gradient of `f`, of its gradient's sum, and so on."""

    def derivative(*args: Any) -> list[Any]:
        nodes = [Node(arg) for arg in args]
        result = nested(f, order - 1)(*nodes) if order > 1 else [f(*nodes)]
        total: Any = 0.0
        for part in result:
            total = total + ROWS.sum(part * weights(part.shape))
        return gradient(total, nodes)

    return derivative


def weights(shape: tuple[int, ...]) -> Any:
    """Return numbers by which parts of different elements can be told apart."""
    return np.cos(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


class Recording:
    """For as long as it is open, rows record nodes of this tape."""

    def __enter__(self) -> None:
        self.before = structured.recorder, structured.strong_product
        compute = structured._strong_product

        def product(a: Any, b: Any) -> Any:
            if isinstance(a, Node) or isinstance(b, Node):
                return elementwise(compute, TIMES, a, b)
            return compute(a, b)

        structured.recorder, structured.strong_product = record, product

    def __exit__(self, *error: object) -> None:
        structured.recorder, structured.strong_product = self.before
