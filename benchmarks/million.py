"""What do a million gradients of the README's first example cost? `python -m wengert.benchmarks.million`, with JAX.

JAX's batch lies in JAX's own memory before the clock starts, as in the benchmark of all peers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as wg
from wengert.benchmarks import timing
from wengert.benchmarks.worker import ONE_THREAD

ROUNDS = 7
FEW = 20_000  # rows for plain Python, whose time is proportional


def rosenbrock(x: Any) -> Any:
    return sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(len(x) - 1))


def by_hand(x: list[float]) -> tuple[float, list[float]]:
    """Value and gradient in plain Python, derived by hand."""
    value, gradient = 0.0, [0.0] * len(x)
    for i in range(len(x) - 1):
        step, rest = x[i + 1] - x[i] ** 2, 1.0 - x[i]
        value += 100.0 * step * step + rest * rest
        gradient[i] -= 400.0 * step * x[i] + 2.0 * rest
        gradient[i + 1] += 200.0 * step
    return value, gradient


def first_and_best(run: Callable[[Any], Any], few: Any, x: Any) -> tuple[float, float]:
    """Seconds of the first call, for a thousand rows, and of the best one for all."""
    first = timing.seconds(lambda: run(few))
    run(x)
    return first, min(timing.seconds(lambda: run(x)) for _ in range(ROUNDS))


def main() -> None:
    os.environ.update(ONE_THREAD)  # one thread, before JAX is imported
    import jax

    jax.config.update("jax_enable_x64", True)
    timing.pin()
    wg.set_num_threads(1)
    x = np.random.default_rng(0).normal(size=(1_000_000, 10))
    ours = first_and_best(wg.compile(wg.vmap(wg.value_and_grad(rosenbrock))), x[:1000], x)
    compiled = jax.jit(jax.vmap(jax.value_and_grad(rosenbrock)))
    theirs = first_and_best(lambda rows: jax.block_until_ready(compiled(rows)), *map(jax.device_put, (x[:1000], x)))
    rows = x[:FEW].tolist()
    plain = min(timing.seconds(lambda: [by_hand(row) for row in rows]) for _ in range(ROUNDS)) * len(x) / FEW
    print("| | first call | a million gradients |\n|---|---|---|")
    print(f"| wengert, one core | {ours[0] * 1e3:.0f} ms | {ours[1]:.3f} s |")
    print(f"| JAX, `jit(vmap(value_and_grad(f)))`, one core | {theirs[0] * 1e3:.0f} ms | {theirs[1]:.3f} s |")
    print(f"| plain Python, derived by hand | | {plain:.1f} s |")


if __name__ == "__main__":
    main()
