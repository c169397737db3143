"""How does numexpr evaluate an expression? Compiled from a string, run block by block into the same array."""

from __future__ import annotations

from itertools import count
from typing import Any

import numexpr
import numpy as np

numexpr.set_num_threads(1)
FIRST_CALLS = count()


def elementwise(expression: str, x: np.ndarray) -> Any:
    # numexpr remembers texts. One that is a blank longer is compiled anew, as a first call should be.
    text, names, result = expression + " " * next(FIRST_CALLS), {"x": x}, np.empty_like(x)
    return lambda: numexpr.evaluate(text, names, out=result), lambda _: (result,)
