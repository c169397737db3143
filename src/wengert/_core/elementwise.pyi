from typing import Any

from numpy.typing import ArrayLike, NDArray

def apply(op_code: int, *arguments: ArrayLike) -> NDArray[Any]: ...
