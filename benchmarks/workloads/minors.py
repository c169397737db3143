"""What does recursion cost? The determinant by expansion along the first row, GradBench's (and cmpad's) ``det``.

Written as the textbook has it, there are n! products. Most of them repeat: with a memory for minors of the last rows,
n 2^(n-1) remain.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Cpp, Problem


def determinant(x: Any, m: Any) -> Any:
    n = math.isqrt(len(x))

    def minor(row: int, columns: tuple[int, ...]) -> Any:
        """Of the rows from this one on."""
        if len(columns) == 1:
            return x[row * n + columns[0]]
        total = 0.0
        for j, column in enumerate(columns):
            term = x[row * n + column] * minor(row + 1, columns[:j] + columns[j + 1 :])
            total = total + term if j % 2 == 0 else total - term
        return total

    return minor(0, tuple(range(n)))


def determinant_by_levels(x: Any, m: Any) -> Any:
    """All minors of the last 1, 2, ... rows at once: for array code, which has no memory of what it has computed."""
    n = math.isqrt(len(x))
    minors = x[n * (n - 1) :]
    for size in range(2, n + 1):
        place = {columns: k for k, columns in enumerate(combinations(range(n), size - 1))}
        of = list(combinations(range(n), size))
        entries = np.array(of) + n * (n - size)
        smaller = np.array([[place[columns[:j] + columns[j + 1 :]] for j in range(size)] for columns in of])
        signs = m.constant((-1.0) ** np.arange(size))
        minors = m.sum(signs * x[entries] * minors[smaller], axis=1)
    return minors[0]


def problem(n: int) -> Problem:
    return Problem(
        name=f"minors_{n}",
        title=f"Determinant by minors, {n} x {n}",
        task="gradient",
        data=lambda: (np.random.default_rng(31337).uniform(size=n * n),),
        scalar=determinant,
        arrays=determinant_by_levels,
        cpp=Cpp("minors", (n,), ((), (n * n,))),
    )


MINORS = tuple(map(problem, (5, 8, 10)))
