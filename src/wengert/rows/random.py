"""How are random numbers a function of a counter?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wengert.rows.shapes import DOUBLE
from wengert.structured import structured

# The state of the generator has a counter of 256 bits, 64 of which number the draws of one call.
WORD = 2**64


def _uniform(count: Any, *, seed: int, stream: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return what the generator draws from this place of its sequence on."""
    state = np.random.Philox(key=(seed % WORD) + WORD * (stream % WORD), counter=WORD * (int(count) % WORD))
    return np.random.Generator(state).random(shape)


structured(
    "uniform",
    value=_uniform,
    shape=lambda count, *, seed, stream, shape: (shape, DOUBLE),
    vjp=(None,),
    doc="Numbers between 0 and 1 that a counter, a seed and the number of a stream determine.",
)
