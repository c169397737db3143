from typing import Any, final

from wengert._core.vm import INSTRUCTION as INSTRUCTION

@final
class Program:
    n_inputs: int
    n_outputs: int
    n_guards: int
    n_slots: int
    n_pieces: int
    n_uniform_inputs: int
    n_lanes_per_block: int
    varies: bool
    def __init__(self, parts: dict[str, Any]) -> None: ...
    @property
    def n_instructions(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    def cost(self) -> dict[str, int]: ...
    def check(self) -> None: ...
