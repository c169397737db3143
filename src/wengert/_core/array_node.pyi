from typing import Any, final

from wengert._core.graph import Graph

@final
class Record:
    row: Any
    constants: tuple[Any, ...]
    params: dict[str, Any]
    value: Any
    grad: Any
    @property
    def n_bytes(self) -> int: ...

@final
class ArrayNode:
    graph: Graph
    value: Any
