from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from wengert._core.program import Program

@final
class PieceRun:
    def __init__(self, program: Program, number: int) -> None: ...

@final
class LanesRun:
    n_lanes: int
    n_blocks: int
    def __init__(
        self,
        program: Program,
        n_lanes: int,
        uniform: NDArray[np.float64],
        inputs: NDArray[np.intp],
        outputs: NDArray[np.intp],
        arrays: list[NDArray[Any]],
    ) -> None: ...
    def run(self, spread: Callable[[Callable[[], None], int, float], None]) -> int | NDArray[np.int32] | None: ...
    def take_blocks(self) -> None: ...
    def uniform_outputs(self) -> NDArray[np.float64]: ...
    def varying_outputs(self) -> NDArray[np.bool_]: ...
