from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from typing_extensions import disjoint_base

@disjoint_base
class Runner:
    parts: dict[str, Any]
    def __init__(self, parts: dict[str, Any]) -> None: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    def run(self, inputs: Sequence[NDArray[Any] | float], outs: Sequence[NDArray[Any]]) -> int: ...
