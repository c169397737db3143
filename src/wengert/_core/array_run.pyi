from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

class Runner:
    parts: dict[str, Any]
    def __init__(self, parts: dict[str, Any]) -> None: ...
    @property
    def n_bytes(self) -> int: ...
    def run(self, inputs: Sequence[NDArray[Any] | float], outs: Sequence[NDArray[Any]]) -> int: ...
