"""What does a call cost at least? The derivative of x * x."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Problem


def square(x: Any, m: Any) -> Any:
    return x[0] * x[0]


SQUARE = Problem(
    name="square",
    title="x*x, one call",
    task="gradient",
    data=lambda: (np.array([3.0]),),
    scalar=square,
    by_hand=lambda x: (x[0] * x[0], 2 * x),
)
