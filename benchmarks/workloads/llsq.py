"""What does the fit of a polynomial cost? GradBench's problem ``llsq``, least squares with 128 coefficients.

The measurements are sign(t) at n points t between -1 and 1. The powers of t depend on no coefficient, so whoever has
a matrix product is given them as a matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem

COEFFICIENTS = 128


def half_squares(x: Any, powers: Any, measured: Any, m: Any) -> Any:
    residuals = measured - powers @ x
    return 0.5 * m.sum(residuals * residuals)


def half_squares_columns(x: Any, powers: Any, measured: Any, m: Any) -> Any:
    return 0.5 * m.casadi.sumsqr(measured - powers.T @ x)


def data(n: int) -> Arrays:
    t = np.linspace(-1, 1, n)
    powers = np.vander(t, COEFFICIENTS, increasing=True)
    return np.random.default_rng(31337).uniform(size=COEFFICIENTS), np.ascontiguousarray(powers), np.sign(t)


def problem(n: int) -> Problem:
    return Problem(
        name=f"llsq_{n}",
        title=f"Least squares, n={n:,} m={COEFFICIENTS}",
        task="array_gradient",
        data=lambda: data(n),
        arrays=half_squares,
        columns=half_squares_columns,
        cpp=Cpp("llsq", (n, COEFFICIENTS), ((), (COEFFICIENTS,))),
    )


LLSQ = tuple(map(problem, (16, 1024, 16_392)))
