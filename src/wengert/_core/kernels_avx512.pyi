import numpy as np
from numpy.typing import ArrayLike, NDArray

table: object
vm: object
groups: object
structured: object

def evaluate(name: str, *arguments: ArrayLike | None) -> tuple[NDArray[np.float64], ...]: ...
