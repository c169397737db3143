import numpy as np
from numpy.typing import NDArray

from wengert._core.array_run import Runner

def run_steps(
    program: Runner,
    n_steps: int,
    inputs: NDArray[np.intp],
    outputs: NDArray[np.intp],
    sums: NDArray[np.intp],
    breath: int,
) -> None: ...
def run_while(
    program: Runner,
    constants: NDArray[np.intp],
    offsets: NDArray[np.intp],
    first_address: int,
    second_address: int,
    breath: int,
) -> int: ...
