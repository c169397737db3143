"""How does wengert solve each task? The idioms of its README."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import wengert as wg
from wengert.benchmarks.workloads.training import RATE

FUNCTIONS = wg


def fold(step: Callable[..., Any], state: Any, rows: Any) -> Any:
    return wg.scan(lambda state, row: (step(state, row), ()), state, rows)[0]


def repeat(step: Callable[[Any], Any], state: Any, count: int) -> Any:
    return wg.scan(lambda state, _: (step(state), ()), state, None, length=count)[0]


NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sum", "mean", "cumsum", "max", "min", "einsum", "stack")

# NumPy itself; loops of many like steps by `wg.scan`.
ARRAY_FUNCTIONS = SimpleNamespace(
    **{name: getattr(np, name) for name in NAMES},
    concatenate=np.concatenate,
    constant=np.asarray,
    cross_entropy=wg.nn.cross_entropy,
    fill=lambda shape, index, values: wg.at(np.zeros(shape))[index].set(values),
    fold=fold,
    repeat=repeat,
    relu=wg.relu,
    where=wg.where,
    sigmoid=lambda x: 1.0 / (1.0 + np.exp(-x)),
)


def use_threads(threads: int) -> None:
    wg.set_num_threads(threads)


def sum_rows(f: Callable[..., Any], shared: Any, *data: Any) -> Any:
    return np.sum(wg.vmap(f, in_axes=(None, *[0] * len(data)))(shared, *data))


def gradient(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(wg.value_and_grad(f))
    return lambda: c(x), read


def gradient_into(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(wg.value_and_grad(f))
    out = (np.empty(()), np.empty_like(x))
    return lambda: c(x, out=out), lambda _: read(out)


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(wg.vmap(wg.value_and_grad(f)))
    return lambda: c(x), read


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    first = np.eye(x.shape[1])[0]

    def of_one(row: Any) -> Any:
        (price, gradient), (_, slopes) = wg.jvp(wg.value_and_grad(f), (row,), (first,))
        return price, gradient, slopes[0]

    c = wg.compile(wg.vmap(of_one))
    return lambda: c(x), read


def jacobian(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(wg.jacobian(f))
    return lambda: c(x), lambda rows: (np.stack([np.asarray(row) for row in rows]),)


def jacobians(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(wg.vmap(wg.jacobian(f)))
    return lambda: c(x), lambda rows: (np.stack([np.asarray(row) for row in rows], axis=1),)


def total_gradient(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    c = wg.compile(wg.value_and_grad(f))
    return lambda: c(p, *data), read


def read(results: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(result) for result in results)


def array_gradient(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    c = wg.compile(wg.value_and_grad(f))
    return lambda: c(p, *data), read_nest


def read_nest(results: Any) -> tuple[np.ndarray, ...]:
    value, slopes = results
    return read((value, *slopes) if isinstance(slopes, tuple) else results)


def curvature(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    c = wg.compile(lambda p, *data: wg.jvp(lambda p: wg.grad(f)(p, *data), (p,), (np.ones_like(p),)))
    return lambda: c(p, *data), read


def elementwise(f: Callable[..., Any], x: np.ndarray) -> Any:
    c = wg.compile(f)
    return lambda: (c(x),), read


def observed_jacobians(f: Callable[..., Any], *tables: np.ndarray) -> Any:
    cameras, points, weights, features, camera, point = tables
    c = wg.compile(wg.vmap(wg.jacobian(f, argnums=(0, 1, 2))))
    return lambda: c(cameras[camera], points[point], weights, features), read_rows


def read_rows(rows: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.stack([np.asarray(slopes) for slopes in column], axis=1) for column in zip(*rows, strict=True))


class Layers(wg.nn.Module):
    """What is trained: arrays, as the problem has them."""

    def __init__(self, arrays: Any) -> None:
        self.names = [f"array{k}" for k in range(len(arrays))]
        for name, array in zip(self.names, arrays, strict=True):
            setattr(self, name, wg.Var(array))


def training_step(f: Callable[..., Any], p: Any, x: np.ndarray, labels: np.ndarray, index: np.ndarray) -> Any:
    def objective(net: Any, x: Any, y: Any, weights: Any, key: Any) -> Any:
        return f([getattr(net, name) for name in net.names], x, y)

    step = wg.training.Step(Layers(p), objective, wg.optim.SGD(lr=RATE), len(index))
    return lambda: step(x, labels, index), lambda loss: (np.asarray(loss), *map(np.array, step.now[0]))
