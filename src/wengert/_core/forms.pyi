from collections.abc import Iterable
from typing import Any, final

from wengert._core.var import Var

class Stacked:
    lane: Any
    def __init__(self, lane: Any) -> None: ...

@final
class Form:
    kind: int
    shape: tuple[int, ...]
    size: int
    stacked: bool
    children: list[Form]
    @property
    def is_number(self) -> bool: ...
    def __init__(
        self, kind: int, shape: tuple[int, ...] = (), children: Iterable[Form] = (), rebuild: Any = None
    ) -> None: ...
    def leaves(self) -> list[Form]: ...
    def nest(self, leaves: Iterable[Any]) -> Any: ...
    def leaves_of(self, nest: Any) -> list[Any]: ...
    def __eq__(self, other: object) -> bool: ...

def form_of(nest: Any) -> tuple[Form, list[Var | float]]: ...
