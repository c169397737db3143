"""How fast are eager vars, beside plain floats and micrograd?

Rosenbrock-10 written with a Python loop, micrograd's demo step (an MLP on 100 points) with micrograd's own network
code, `backward` alone on a graph of a million nodes, and single operations on small arrays beside NumPy's own.
"""

from __future__ import annotations

import gc
import math
import random
import types
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wengert as wg
from wengert.benchmarks.timing import best_in_turns


def rosenbrock(x: Sequence[Any]) -> Any:
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def rosenbrock_figures(rounds: int) -> dict[str, float]:
    """Microseconds of the function on floats, and of its value and gradient by two engines."""
    from micrograd.engine import Value

    x = [0.1 * i for i in range(10)]
    ours = wg.value_and_grad(rosenbrock)

    def with_vars() -> list[float]:
        leaves = [wg.Var(number) for number in x]
        rosenbrock(leaves).backward()
        return [leaf.grad for leaf in leaves]

    def with_micrograd() -> list[float]:
        leaves = [Value(number) for number in x]
        rosenbrock(leaves).backward()
        return [leaf.grad for leaf in leaves]

    expected = with_micrograd()
    for gradient in (ours(x)[1], with_vars()):
        if not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(gradient, expected, strict=True)):
            raise ArithmeticError(f"wengert and micrograd disagree: {gradient} against {expected}")
    best = best_in_turns(
        {
            "plain floats, value only": (lambda: rosenbrock(x), 4000),
            "value_and_grad": (lambda: ours(x), 2000),
            "Var and backward": (with_vars, 2000),
            "micrograd": (with_micrograd, 40),
        },
        rounds,
    )
    return {name: 1e6 * time for name, time in best.items()}


def network_code(value_class: type) -> Any:
    """micrograd's module of networks, as installed, over another class of values."""
    import micrograd.nn

    source = Path(micrograd.nn.__file__).read_text()
    module = types.ModuleType("network")
    engine = "from micrograd.engine import Value"
    if engine not in source:
        raise ImportError("this micrograd's nn.py does not import its engine as version 0.1.0 does")
    vars(module)["Value"] = value_class
    exec(compile(source.replace(engine, ""), micrograd.nn.__file__, "exec"), vars(module))
    return module


def demo_step(value_class: type, n_points: int = 100) -> Callable[[], float]:
    """The step of micrograd's demo: hinge loss and weight decay of MLP(2, [16, 16, 1]), backward, descent."""
    random.seed(1337)
    net = network_code(value_class).MLP(2, [16, 16, 1])
    points = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(n_points)]
    labels = [1 if a * b > 0 else -1 for a, b in points]

    def step() -> float:
        scores = [net([value_class(a), value_class(b)]) for a, b in points]
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores, strict=True)]
        loss = sum(losses) * (1.0 / n_points) + 1e-4 * sum(p * p for p in net.parameters())
        net.zero_grad()
        loss.backward()
        for p in net.parameters():
            p.data -= 0.05 * p.grad
        return float(loss.data)

    return step


def demo_figures(rounds: int) -> dict[str, float]:
    """Milliseconds of one demo step by two engines, micrograd's with the garbage collector on and off."""
    from micrograd.engine import Value

    ours, theirs = demo_step(wg.Var), demo_step(Value)
    for _ in range(2):
        a, b = ours(), theirs()
        if not math.isclose(a, b, rel_tol=1e-9):
            raise ArithmeticError(f"wengert and micrograd disagree: loss {a} against {b}")
    best = best_in_turns({"wengert": (ours, 5), "micrograd": (theirs, 1)}, rounds)
    gc.disable()
    best["micrograd, collector off"] = best_in_turns({"": (theirs, 1)}, 1)[""]
    gc.enable()
    gc.collect()
    return {name: 1e3 * time for name, time in best.items()}


ARRAY = np.linspace(0.5, 2.0, 100)
MASK = ARRAY > 1.0
OPERATIONS: dict[str, Callable[..., Any]] = {
    "x + y": lambda x, y, m: x + y,
    "x * 2.0": lambda x, y, m: x * 2.0,
    "-x": lambda x, y, m: -x,
    "x ** 2": lambda x, y, m: x**2,
    "np.exp(x)": lambda x, y, m: np.exp(x),
    "np.add(x, y)": lambda x, y, m: np.add(x, y),
    "np.maximum(x, 0.0)": lambda x, y, m: np.maximum(x, 0.0),
    "np.sum(x)": lambda x, y, m: np.sum(x),
    "x.sum()": lambda x, y, m: x.sum(),
    "m.sum(axis=0)": lambda x, y, m: m.sum(axis=0),
    "x.max()": lambda x, y, m: x.max(),
    "x.mean()": lambda x, y, m: x.mean(),
    "x @ y": lambda x, y, m: x @ y,
    "m @ m": lambda x, y, m: m @ m,
    "np.dot(x, y)": lambda x, y, m: np.dot(x, y),
    "x.reshape(10, 10)": lambda x, y, m: x.reshape(10, 10),
    "m.ravel()": lambda x, y, m: m.ravel(),
    "x[3]": lambda x, y, m: x[3],
    "x[3:7]": lambda x, y, m: x[3:7],
    "m[:, 1]": lambda x, y, m: m[:, 1],
    "m.T": lambda x, y, m: m.T,
    "np.transpose(m)": lambda x, y, m: np.transpose(m),
    "np.where(mask, x, y)": lambda x, y, m: np.where(MASK, x, y),
    "np.concatenate([x, y])": lambda x, y, m: np.concatenate([x, y]),
    "x + array": lambda x, y, m: x + ARRAY,
    "array * x": lambda x, y, m: ARRAY * x,
}
"""Functions of two vectors of 100 elements and a matrix of 10 by 10."""


def operation_figures(rounds: int) -> dict[str, tuple[float, float]]:
    """Microseconds of one operation on arrays of 100 elements: NumPy's, and ours, which records it."""
    arrays = ARRAY, ARRAY[::-1].copy(), ARRAY.reshape(10, 10)
    leaves = [wg.Var(array) for array in arrays]
    figures = {}
    for name, operation in OPERATIONS.items():
        runs = {"numpy": (partial(operation, *arrays), 1000), "wengert": (partial(operation, *leaves), 1000)}
        best = best_in_turns(runs, rounds)
        figures[name] = 1e6 * best["numpy"], 1e6 * best["wengert"]
    return figures


def backward_figures(rounds: int, n_leaves: int = 125_000) -> dict[str, float]:
    """Nanoseconds per node of `backward` alone, on Rosenbrock's graph and on a chain, of a million nodes each."""
    figures = {}
    leaves = [wg.Var(0.001 * i) for i in range(n_leaves)]
    output = rosenbrock(leaves)
    nodes = len(output.graph.sort([output]))
    figures["Rosenbrock"] = 1e9 * best_in_turns({"": (output.backward, 1)}, 3 * rounds)[""] / nodes
    output, leaves = wg.Var(1.0), leaves[:1]
    for _ in range(nodes // 2):
        output = output * 0.9999 + leaves[0]
    nodes = len(output.graph.sort([output]))
    figures["chain"] = 1e9 * best_in_turns({"": (output.backward, 1)}, 3 * rounds)[""] / nodes
    del output
    wg.current_graph().compact()  # the next measurement starts with small buffers, as it would in a process of its own
    return figures


def aftermath_figures(rounds: int, n_nodes: int = 1_000_000) -> dict[str, float]:
    """Microseconds of the gradient of x*x, before and after the thread recorded a large graph and held many vars."""

    def small() -> None:
        x = wg.Var(1.0)
        (x * x).backward()

    figures = {"before": 1e6 * best_in_turns({"": (small, 100)}, rounds)[""]}
    many = [wg.Var(1.0) for _ in range(n_nodes)]
    output = sum(many)
    output.backward()
    del output, many
    figures["after"] = 1e6 * best_in_turns({"": (small, 100)}, rounds)[""]
    wg.current_graph().compact()
    return figures


def node_bytes() -> dict[str, int]:
    """Bytes of a scalar node: while recording, and with the adjoint that the first `backward` adds."""
    graph = wg.current_graph()
    recorded = sum(getattr(graph, name).itemsize for name in ("op", "arg0", "arg1", "value", "slope0", "slope1"))
    recorded += 4  # the place of its var
    return {"recording": recorded, "after backward": recorded + graph.adjoint.itemsize}
