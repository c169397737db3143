"""How does JAX solve each task? Compiled by jit, mapped over rows by vmap, in double precision.

Batches lie in JAX's own arrays before the clock starts; a single call is handed a NumPy array, as its users have one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wengert.benchmarks.workloads.training import RATE

jax.config.update("jax_enable_x64", True)

NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sum", "mean", "cumsum", "max", "min", "einsum", "stack", "where")


def cross_entropy(logits: Any, labels: Any) -> Any:
    picked = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - picked)


FUNCTIONS = SimpleNamespace(
    **{name: getattr(jnp, name) for name in NAMES},
    concatenate=jnp.concatenate,
    constant=jnp.asarray,
    cross_entropy=cross_entropy,
    erf=jax.scipy.special.erf,
    fill=lambda shape, index, values: jnp.zeros(shape).at[index].set(values),
    fold=lambda step, state, rows: jax.lax.scan(lambda state, row: (step(state, row), None), state, rows)[0],
    relu=jax.nn.relu,
    repeat=lambda step, state, count: jax.lax.scan(lambda state, _: (step(state), None), state, length=count)[0],
    scan=lambda step, state, rows: jax.lax.scan(lambda state, row: (step(state, row), None), state, rows)[0],
    sigmoid=jax.nn.sigmoid,
    softplus=jax.nn.softplus,
)


def warm_up() -> None:
    """Start JAX's machinery, which is no part of anybody's first call."""
    jax.jit(jax.value_and_grad(lambda x: x * x))(1.0)[0].block_until_ready()


def forget() -> None:
    jax.clear_caches()


def sum_rows(f: Callable[..., Any], shared: Any, *data: Any) -> Any:
    return jnp.sum(jax.vmap(f, in_axes=(None, *[0] * len(data)))(shared, *data))


def compiled(f: Callable[..., Any], *arguments: Any) -> Any:
    c = jax.jit(f)
    # Every output comes from one execution, so waiting for the first is waiting for all.
    return lambda: wait(c(*arguments)), lambda results: tuple(np.asarray(result) for result in results)


def wait(results: Any) -> Any:
    results[0].block_until_ready()
    return results


def gradient(f: Callable[..., Any], x: np.ndarray) -> Any:
    return compiled(jax.value_and_grad(f), x)


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    return compiled(jax.vmap(jax.value_and_grad(f)), jnp.asarray(x))


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    first = jnp.eye(x.shape[1])[0]

    def of_one(row: Any) -> Any:
        (price, gradient), (_, slopes) = jax.jvp(jax.value_and_grad(f), (row,), (first,))
        return price, gradient, slopes[0]

    return compiled(jax.vmap(of_one), jnp.asarray(x))


def matrix(f: Callable[..., Any]) -> Callable[[Any], Any]:
    in_x = jax.jacfwd(lambda x: jnp.stack(list(f(x))))
    return lambda x: (in_x(x),)


def jacobian(f: Callable[..., Any], x: np.ndarray) -> Any:
    return compiled(matrix(f), x)


def jacobians(f: Callable[..., Any], x: np.ndarray) -> Any:
    return compiled(jax.vmap(matrix(f)), jnp.asarray(x))


def total_gradient(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    return compiled(jax.value_and_grad(f), jnp.asarray(p), *map(jnp.asarray, data))


def array_gradient(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    call, read = compiled(jax.value_and_grad(f), jax.tree.map(jnp.asarray, p), *map(jnp.asarray, data))
    return call, lambda results: read(jax.tree.leaves(results))


def curvature(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    def both(p: Any, *data: Any) -> Any:
        return jax.jvp(lambda p: jax.grad(f)(p, *data), (p,), (jnp.ones_like(p),))

    return compiled(both, jnp.asarray(p), *map(jnp.asarray, data))


def elementwise(f: Callable[..., Any], x: np.ndarray) -> Any:
    return compiled(lambda x: (f(x),), jnp.asarray(x))


def observed_jacobians(f: Callable[..., Any], *tables: np.ndarray) -> Any:
    def matrices(cameras: Any, points: Any, weights: Any, features: Any, camera: Any, point: Any) -> Any:
        of_one = jax.jacrev(lambda *arguments: jnp.stack(f(*arguments)), argnums=(0, 1, 2))
        return jax.vmap(of_one)(cameras[camera], points[point], weights, features)

    return compiled(matrices, *map(jnp.asarray, tables))


def training_step(f: Callable[..., Any], p: Any, x: np.ndarray, labels: np.ndarray, index: np.ndarray) -> Any:
    def step(p: Any, x: Any, labels: Any, index: Any) -> Any:
        loss, slopes = jax.value_and_grad(f)(p, x[index], labels[index])
        return loss, tuple(array - RATE * slope for array, slope in zip(p, slopes, strict=True))

    # The old parameters are given up, so that the new ones can have their memory.
    c = jax.jit(step, donate_argnums=0)
    now = jax.tree.map(jnp.array, p)
    data = [jnp.asarray(array) for array in (x, labels, index)]

    def call() -> Any:
        nonlocal now
        loss, now = c(now, *data)
        loss.block_until_ready()
        now[0].block_until_ready()
        return loss, now

    return call, lambda results: tuple(np.array(array) for array in jax.tree.leaves(results))
