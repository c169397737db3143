"""How does PyTorch solve each task? Eager array operations over the whole batch, one thread, double precision."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from wengert.benchmarks.workloads.training import RATE

torch.set_num_threads(1)


def scan(step: Callable[..., Any], state: Any, rows: np.ndarray) -> Any:
    for row in rows.tolist():
        state = step(state, row)
    return state


def fold(step: Callable[..., Any], state: Any, rows: Any) -> Any:
    for row in rows.unbind():
        state = step(state, row)
    return state


def repeat(step: Callable[[Any], Any], state: Any, count: int) -> Any:
    for _ in range(count):
        state = step(state)
    return state


def fill(shape: tuple[int, ...], index: tuple[Any, ...], values: Any) -> Any:
    """Zeros with values at an index."""
    result = torch.zeros(shape, dtype=values.dtype)
    result[tuple(torch.from_numpy(part) if isinstance(part, np.ndarray) else part for part in index)] = values
    return result


NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf", "sum", "mean", "cumsum", "einsum", "stack", "where")

FUNCTIONS = SimpleNamespace(
    **{name: getattr(torch, name) for name in NAMES},
    concatenate=torch.cat,
    constant=torch.from_numpy,
    cross_entropy=torch.nn.functional.cross_entropy,
    fill=fill,
    fold=fold,
    max=torch.amax,
    min=torch.amin,
    relu=torch.relu,
    repeat=repeat,
    scan=scan,
    sigmoid=torch.sigmoid,
    softplus=torch.nn.functional.softplus,
)


def warm_up() -> None:
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    torch.autograd.grad(torch.sum(x * x), x)


def read(results: Any) -> tuple[np.ndarray, ...]:
    return tuple(result.detach().numpy() for result in results)


def gradient(f: Callable[..., Any], x: np.ndarray, *data: np.ndarray) -> Any:
    variable = torch.from_numpy(x).requires_grad_()
    constants = [torch.from_numpy(array) for array in data]

    def call() -> Any:
        value = f(variable, *constants)
        return value, *torch.autograd.grad(value, variable)

    return call, read


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    variable = torch.from_numpy(x).requires_grad_()

    def call() -> Any:
        values = f(variable)
        return values, *torch.autograd.grad(values.sum(), variable)

    return call, read


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    variable = torch.from_numpy(x).requires_grad_()

    def call() -> Any:
        prices = f(variable)
        (gradients,) = torch.autograd.grad(prices.sum(), variable, create_graph=True)
        (second,) = torch.autograd.grad(gradients[:, 0].sum(), variable)
        return prices, gradients, second[:, 0]

    return call, read


def jacobian(f: Callable[..., Any], x: np.ndarray) -> Any:
    matrix = torch.func.jacfwd(f)
    tensor = torch.from_numpy(x)
    return lambda: (matrix(tensor),), read


def jacobians(f: Callable[..., Any], x: np.ndarray) -> Any:
    matrices = torch.func.vmap(torch.func.jacfwd(f))
    tensor = torch.from_numpy(x)
    return lambda: (matrices(tensor),), read


total_gradient = gradient


def array_gradient(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    constants = [torch.from_numpy(array) for array in data]
    leaves = [torch.from_numpy(array).requires_grad_() for array in (p if isinstance(p, tuple) else (p,))]
    parameters = tuple(leaves) if isinstance(p, tuple) else leaves[0]

    def call() -> Any:
        value = f(parameters, *constants)
        return value, *torch.autograd.grad(value, leaves)

    return call, read


def curvature(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    variable = torch.from_numpy(p).requires_grad_()
    constants = [torch.from_numpy(array) for array in data]

    def call() -> Any:
        (gradient,) = torch.autograd.grad(f(variable, *constants), variable, create_graph=True)
        return gradient, *torch.autograd.grad(gradient.sum(), variable)

    return call, read


def elementwise(f: Callable[..., Any], x: np.ndarray) -> Any:
    tensor = torch.from_numpy(x)
    return lambda: (f(tensor),), read


def observed_jacobians(f: Callable[..., Any], *tables: np.ndarray) -> Any:
    """In columns, since an output of one observation depends on no other's inputs: a sweep back for each output."""
    cameras, points, weights, features, camera, point = map(torch.from_numpy, tables)

    def call() -> Any:
        inputs = [columns.requires_grad_() for columns in (cameras[camera].T, points[point].T, weights.detach())]
        outputs = f(*inputs, features.T)
        return [torch.autograd.grad(output.sum(), inputs, retain_graph=True) for output in outputs]

    return call, read_columns


def read_columns(rows: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.stack([slopes.numpy().T for slopes in column], axis=1) for column in zip(*rows, strict=True))


def training_step(f: Callable[..., Any], p: Any, x: np.ndarray, labels: np.ndarray, index: np.ndarray) -> Any:
    parameters = [torch.tensor(array, requires_grad=True) for array in p]
    rows, targets, batch = map(torch.from_numpy, (x, labels, index))
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def call() -> Any:
        optimizer.zero_grad()
        loss = f(parameters, rows[batch], targets[batch])
        loss.backward()
        optimizer.step()
        return loss, *parameters

    return call, lambda results: tuple(np.array(array) for array in read(results))
