from typing import Any, final

from wengert._core.graph import Graph

class Row:
    name: str
    def __init__(self, name: str) -> None: ...

LEAF_ARRAY: Row
INPUT_ARRAY: Row
ASSEMBLE: Row

@final
class Record:
    row: Any
    constants: tuple[Any, ...]
    params: dict[str, Any]
    shape: tuple[int, ...]
    dtype: Any
    grad: Any
    @property
    def n_bytes(self) -> int: ...

@final
class ArrayNode:
    graph: Graph
    record: Record
    def __reduce__(self) -> str | tuple[Any, ...]: ...
