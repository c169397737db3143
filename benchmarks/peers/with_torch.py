"""How does PyTorch solve each task? Eager array operations over the whole batch, one thread, double precision."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)


def scan(step: Callable[..., Any], state: Any, rows: np.ndarray) -> Any:
    for row in rows.tolist():
        state = step(state, row)
    return state


FUNCTIONS = SimpleNamespace(
    **{name: getattr(torch, name) for name in ("exp", "log", "sqrt", "sin", "cos", "erf", "sum", "mean", "cumsum")},
    concatenate=torch.cat,
    constant=torch.from_numpy,
    relu=torch.relu,
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
