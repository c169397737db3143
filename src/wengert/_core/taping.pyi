from typing import Any

from typing_extensions import disjoint_base

from wengert._core.var import Var
from wengert.array_programs.tape import Tape

@disjoint_base
class Taping:
    def __init__(self) -> None: ...

def tape_of(
    first: int,
    inputs: list[tuple[Any, int, tuple[int, ...] | None]],
    arrays: list[tuple[tuple[int, ...], Any]],
    outputs: list[tuple[Any, tuple[int, ...] | None]],
    guards: list[tuple[Var, bool, int]],
) -> Tape: ...
def body_of(
    first: int,
    inputs: list[tuple[Any, int, tuple[int, ...] | None]],
    arrays: list[tuple[int, ...]],
    outputs: list[tuple[Any, tuple[int, ...] | None]],
    guards: list[tuple[Var, bool, int]],
    enclosing: list[Any],
) -> tuple[Tape, list[Any]]: ...
