"""How is a compiled function called again and again on the same arrays?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wengert.recorder import RecordedArrays

if TYPE_CHECKING:
    from wengert.compiled import Compiled


class Bound:
    """A compiled function with arrays that it reads and writes at every call; see `Compiled.bind`."""

    def __init__(self, compiled: Compiled, args: tuple[Any, ...], out: Any) -> None:
        self.compiled, self.args, self.out = compiled, args, out
        compiled(*args, out=out)  # which checks everything
        arguments = compiled.taken_apart(args, {})
        assert arguments is not None
        recorded = compiled.entry_of(arguments).first.recorded
        self.run: Any = None
        if isinstance(recorded, RecordedArrays) and compiled.mapped is None:
            self.run = recorded.program.run
            self.inputs = recorded.leaves_of(arguments)
            self.outputs = recorded.form.leaves_of(out)
            if any(output is None for output in self.outputs):
                self.run = None

    def __call__(self) -> Any:
        """Run it on what the arrays hold now; gives `out`."""
        if self.run is None or self.run(self.inputs, self.outputs) >= 0:  # a guard failed: another path, perhaps
            self.compiled(*self.args, out=self.out)
        return self.out
