from typing import Any, final

from wengert._core.var import Var

@final
class Plan:
    parts: dict[str, Any]
    def __init__(
        self,
        first: int,
        inputs: list[Var],
        n_lanes: Var | None,
        outputs: list[Var | float],
        guards: list[tuple[Var, bool, int]],
    ) -> None: ...
