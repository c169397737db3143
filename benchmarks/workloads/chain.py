"""What does an elementwise formula cost that fits in no cache? Twenty operations on ten million doubles.

Evaluated one by one in arrays, each operation reads and writes memory; run block by block, only the first and the last.
There are no derivatives here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Cpp, Problem

N = 10_000_000


def chain(x: Any, m: Any) -> Any:
    """Twenty operations, an exponential and a root among them."""
    square = x * x
    above = 1.0 + square
    bell = m.exp(-0.5 * square)
    length = m.sqrt(above)
    cubic = ((0.044715 * x + 0.5) * x - 1.25) * x + 0.75
    ratio = (x - bell) / length
    return (ratio + 2.0 * cubic) * bell - cubic * length / above + ratio


# numexpr computes once what is written twice.
BELL, LENGTH = "exp(-0.5 * (x * x))", "sqrt(1.0 + x * x)"
CUBIC = "(((0.044715 * x + 0.5) * x - 1.25) * x + 0.75)"
RATIO = f"((x - {BELL}) / {LENGTH})"
EXPRESSION = f"({RATIO} + 2.0 * {CUBIC}) * {BELL} - {CUBIC} * {LENGTH} / (1.0 + x * x) + {RATIO}"

CHAIN = Problem(
    name="chain",
    title="Chain of 20 operations on 10,000,000 numbers, without derivatives",
    task="elementwise",
    data=lambda: (np.random.default_rng(31337).uniform(-2, 2, N),),
    arrays=chain,
    by_hand=lambda x: (chain(x, np),),
    cpp=Cpp("chain", (N,), ((N,),)),
    expression=EXPRESSION,
)
