from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

INSTRUCTION: np.dtype[np.void]

@final
class Workspace: ...

def run_uniform(build: str, code: NDArray[np.void], pool: NDArray[np.float64], single: bool = ...) -> int: ...
def run_lanes(
    build: str,
    code: NDArray[np.void],
    n_slots: int,
    lanes_per_block: int,
    pool: NDArray[np.float64],
    inputs: list[tuple[int, NDArray[Any]]],
    outputs: list[tuple[int, NDArray[Any]]],
    sum_slots: Sequence[int] = ...,
    failed: NDArray[np.int32] | None = ...,
    repeat: int = ...,
) -> NDArray[np.float64]: ...
