"""How much of a training step is the products of its matrices? ``python -m wengert.benchmarks.gemm``.

The products of a step (forward, and two backward for each layer but the first, which needs one) are computed by the
BLAS of SciPy alone, in arrays that are ready, one core, float32; then the step, which also gathers the batch, applies
rectifiers, the loss and the update. Both in one process, in turns, the best of several rounds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from wengert.benchmarks import timing
from wengert.benchmarks.worker import KERNEL_CHOICES, ONE_THREAD

CASES = (((784, 512, 512, 10), 1024), ((784, 128, 10), 128), ((64, 128, 10), 128))
ROUNDS, SECONDS = 7, 0.3


def shapes_of_products(sizes: tuple[int, ...], batch: int) -> list[tuple[int, int, int]]:
    """Rows, inner length and columns of each product."""
    found = []
    for k, (a, b) in enumerate(pairwise(sizes)):
        found += [(batch, a, b), (a, batch, b)]
        if k:
            found.append((batch, b, a))
    return found


def products(sizes: tuple[int, ...], batch: int) -> Callable[[], None]:
    """All of them, one after the other."""
    from scipy.linalg.blas import sgemm

    rng = np.random.default_rng(0)
    operands = []
    for m, k, n in shapes_of_products(sizes, batch):
        a, b = (np.asfortranarray(rng.normal(size=shape).astype(np.float32)) for shape in ((m, k), (k, n)))
        operands.append((a, b, np.zeros((m, n), np.float32, order="F")))

    def run() -> None:
        for a, b, c in operands:
            sgemm(1.0, a, b, 0.0, c, overwrite_c=1)

    return run


def step(sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    import wengert as wg

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4 * batch, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], len(x))
    index = rng.permutation(len(x))[:batch]
    net = wg.nn.MLP(sizes[0], sizes[1:], dtype=np.float32)
    objective = wg.training.supervised(wg.nn.cross_entropy)
    train = wg.training.Step(net, objective, wg.optim.SGD(lr=0.01), batch, threads=1)
    return lambda: train(x, y, index)


def seconds(call: Callable[[], Any]) -> float:
    """The best of calls that fill `SECONDS`."""
    best, end = np.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return best


def main() -> None:
    os.environ.update(ONE_THREAD)
    for name in KERNEL_CHOICES:
        os.environ.pop(name, None)
    timing.pin()
    from wengert._core.blas_choice import running_kernels

    print(f"kernels {running_kernels()}")
    print("| network, batch | products alone | GFLOP/s | step | products / step |\n|---|---|---|---|---|")
    for sizes, batch in CASES:
        alone, whole = products(sizes, batch), step(sizes, batch)
        whole()
        best = [np.inf, np.inf]
        for _ in range(ROUNDS):
            best = [min(best[0], seconds(alone)), min(best[1], seconds(whole))]
        work = sum(2.0 * m * k * n for m, k, n in shapes_of_products(sizes, batch))
        label = f"{'-'.join(map(str, sizes))}, {batch}"
        rate = work / best[0] / 1e9
        print(f"| {label} | {best[0] * 1e6:.0f} us | {rate:.0f} | {best[1] * 1e6:.0f} us | {best[0] / best[1]:.2f} |")


if __name__ == "__main__":
    main()
