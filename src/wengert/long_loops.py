"""When is a Python loop so long that it should not be recorded step by step?"""

from __future__ import annotations

import warnings

from wengert._core.bodies import most_like
from wengert.errors import LongLoopWarning

LONG = 10_000
"""Like nodes from which on recording and planning take longer than a user likes to wait: some 10 ms."""


def warn_of_long_loops(first: int) -> None:
    """Look for the line that recorded the most since this node."""
    n_like, position = most_like(first, LONG)
    if n_like >= LONG and position is not None:
        file, line, name = position
        warnings.warn(
            f"{name}, line {line} of {file} was recorded {n_like} times: wengert.scan or wengert.while_loop records "
            "the body of a loop once",
            LongLoopWarning,
            stacklevel=2,
        )
