"""How does HIPS autograd solve each task? NumPy code over the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import elementwise_grad, grad, make_vjp, value_and_grad
from autograd.scipy.special import erf


def scan(step: Callable[..., Any], state: Any, rows: np.ndarray) -> Any:
    for row in rows.tolist():
        state = step(state, row)
    return state


def fold(step: Callable[..., Any], state: Any, rows: Any) -> Any:
    for row in rows:
        state = step(state, row)
    return state


def repeat(step: Callable[[Any], Any], state: Any, count: int) -> Any:
    for _ in range(count):
        state = step(state)
    return state


def fill(shape: tuple[int, ...], index: tuple[Any, ...], values: Any) -> Any:
    """Zeros with values at an index. Arrays cannot be written into here, so the places pick from the values and a 0."""
    places = np.zeros(shape[1:], dtype=int)
    places[index[1:]] = 1 + np.arange(values.shape[1])
    return anp.concatenate([np.zeros((shape[0], 1)), values], axis=1)[:, places]


NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sum", "mean", "cumsum", "max", "min", "einsum", "stack", "where")

FUNCTIONS = SimpleNamespace(
    **{name: getattr(anp, name) for name in NAMES},
    concatenate=anp.concatenate,
    constant=np.asarray,
    erf=erf,
    fill=fill,
    fold=fold,
    relu=lambda x: anp.maximum(x, 0.0),
    repeat=repeat,
    scan=scan,
    sigmoid=lambda x: 1.0 / (1.0 + anp.exp(-x)),
    softplus=lambda x: anp.logaddexp(0.0, x),
)


def read(results: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(result) for result in results)


def gradient(f: Callable[..., Any], x: np.ndarray, *data: np.ndarray) -> Any:
    both = value_and_grad(f)
    return lambda: both(x, *data), read


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    ones = np.ones(len(x))

    def call() -> Any:
        backward, values = make_vjp(f)(x)
        return values, backward(ones)

    return call, read


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    ones = np.ones(len(x))
    in_x = elementwise_grad(f)

    def call() -> Any:
        backward, gradients = make_vjp(in_x)(x)
        first = np.zeros_like(x)
        first[:, 0] = ones
        return f(x), gradients, backward(first)[:, 0]

    return call, read


total_gradient = gradient


def array_gradient(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    both = value_and_grad(f)
    return lambda: both(p, *data), read_nest


def read_nest(results: Any) -> tuple[np.ndarray, ...]:
    value, slopes = results
    return read((value, *slopes) if isinstance(slopes, tuple) else results)


def curvature(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    def call() -> Any:
        backward, gradient = make_vjp(grad(f))(p, *data)
        return gradient, backward(np.ones_like(p))

    return call, read


def elementwise(f: Callable[..., Any], x: np.ndarray) -> Any:
    return lambda: (f(x),), read


def observed_jacobians(f: Callable[..., Any], *tables: np.ndarray) -> Any:
    """In columns, since an output of one observation depends on no other's inputs: a sweep back for each output."""
    cameras, points, weights, features, camera, point = tables

    def call() -> Any:
        inputs = (cameras[camera].T, points[point].T, weights)
        backward, outputs = make_vjp(lambda inputs: anp.stack(f(*inputs, features.T)))(inputs)
        return [backward(seed) for seed in np.repeat(np.eye(2)[:, :, None], outputs.shape[1], axis=2)]

    return call, read_columns


def read_columns(rows: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.stack([slopes.T for slopes in column], axis=1) for column in zip(*rows, strict=True))
