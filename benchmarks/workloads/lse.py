"""What does the gradient of log(sum(exp(x))) cost? GradBench's problem ``lse``, from primitives as it asks for.

There is one exponential per element and hardly anything else, so temporaries and dispatch show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Cpp, Problem


def logsumexp(x: Any, m: Any) -> Any:
    largest = m.max(x, axis=0)
    return largest + m.log(m.sum(m.exp(x - largest)))


def logsumexp_columns(x: Any, m: Any) -> Any:
    largest = m.casadi.mmax(x)
    return largest + m.log(m.casadi.sum1(m.exp(x - largest)))


def problem(n: int) -> Problem:
    return Problem(
        name=f"lse_{n}",
        title=f"log-sum-exp, n={n:,}",
        task="array_gradient",
        data=lambda: (np.random.default_rng(31337).uniform(size=n),),
        arrays=logsumexp,
        columns=logsumexp_columns,
        cpp=Cpp("lse", (n,), ((), (n,))),
        tolerance=1e-7,  # slopes are near 1 / n, and that of the largest also holds the rounding error of their sum
    )


LSE = tuple(map(problem, (1000, 2500, 80_000, 1_280_000)))
