from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KERNEL_NAMES: frozenset[str]
LINEAR: set[str]

def kernel_params(name: str, params: dict[str, Any], shapes: Sequence[tuple[int, ...]]) -> list[int] | None: ...
def run(name: str, arrays: list[NDArray[np.generic]], params: list[int], repeat: int = 1) -> None: ...
