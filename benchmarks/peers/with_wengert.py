"""How does wengert solve each task? The idioms of its README."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as wg

FUNCTIONS = wg


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
