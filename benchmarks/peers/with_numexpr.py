"""How does numexpr evaluate an expression? Compiled from a string, run block by block into the same array."""

from __future__ import annotations

from typing import Any

import numexpr
import numpy as np

numexpr.set_num_threads(1)


def elementwise(expression: str, x: np.ndarray) -> Any:
    result = np.empty_like(x)
    compiled = numexpr.NumExpr(expression, signature=[("x", float)])
    return lambda: compiled(x, out=result), lambda _: (result,)
