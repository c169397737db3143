from typing import Any, final

from typing_extensions import disjoint_base

from wengert._core.forms import Form
from wengert._core.program import Program

@disjoint_base
class Quick: ...

@final
class QuickCall(Quick):
    def __init__(self, program: Program, form: Form, sources: list[tuple[int, tuple[int, ...] | None]]) -> None: ...

@final
class QuickArrays(Quick):
    def __init__(
        self, program: Any, form: Form, shapes: list[tuple[int, ...] | None], dtypes: list[Any], taken: list[int]
    ) -> None: ...

@final
class QuickLanes(Quick):
    def __init__(
        self,
        program: Program,
        form: Form,
        sources: list[tuple[str, int, tuple[int, ...]]],
        n_lanes_input: int,
        axes: list[int | None],
    ) -> None: ...

@disjoint_base
class Caller:
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def remember(self, call: Quick) -> None: ...
    def forget(self) -> None: ...
    def resolve(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any: ...
