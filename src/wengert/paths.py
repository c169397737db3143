"""Which way through its branches does a function take for these arguments?

A signature has a tree of *paths*. The first is what the function did when it was recorded; from each guard that failed
on some input, a branch of the tree leads to the path of that input. Every path checks all guards that led to it, so
what a program returns is what the function would have done.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.recorder import Recorded
from wengert.signatures import Arguments


@dataclass
class Path:
    """One way through the branches of a function."""

    recorded: Recorded
    after: dict[int, list[Path]] = field(default_factory=dict)
    """By the number of a guard: the paths of those for which that guard fails. They differ in the shapes that they
    need: what one way only maps or sums, another may have looked at."""

    def find(self, guard: int, arguments: Arguments) -> Path | None:
        """The path after this guard; None if there is none yet for arguments of these shapes."""
        return next((path for path in self.after.get(guard, ()) if path.recorded.matches(arguments)), None)


@dataclass
class Entry:
    """All paths of one signature."""

    first: Path
    n_paths: int = 1
    has_warned: bool = False

    def add(self, path: Path, guard: int, recorded: Recorded) -> Path:
        """A new path after a guard."""
        new = Path(recorded)
        path.after.setdefault(guard, []).append(new)
        self.n_paths += 1
        return new
