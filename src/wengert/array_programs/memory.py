"""Where in one arena does each buffer of an array program live?

Buffers that are never alive at the same time share memory. The largest are placed first, each as low as it fits
(Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020, found that best of simple ways).
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

LINE = 64  # bytes of a cache line, to which buffers are aligned


@dataclass
class Lifetime:
    """Bytes that are written by one step first and read by another last."""

    n_bytes: int
    first: int
    last: int


def place(buffers: list[Lifetime]) -> tuple[list[int], int]:
    """Offsets of buffers, and the size of the arena that holds them.

    Examples
    --------
    >>> place([Lifetime(100, 0, 1), Lifetime(64, 1, 2), Lifetime(128, 2, 3)])
    ([0, 128, 0], 192)
    """
    offsets = [0] * len(buffers)
    done: list[tuple[int, int, int, int]] = []  # offset, end, first and last step, by offset
    size = 0
    for k in sorted(range(len(buffers)), key=lambda k: (-buffers[k].n_bytes, buffers[k].first)):
        first, last = buffers[k].first, buffers[k].last
        n_bytes = (buffers[k].n_bytes + LINE - 1) // LINE * LINE
        at = 0
        for start, end, other_first, other_last in done:
            if other_first <= last and first <= other_last:
                if start >= at + n_bytes:
                    break
                at = max(at, end)
        offsets[k] = at
        size = max(size, at + n_bytes)
        insort(done, (at, at + n_bytes, first, last))
    return offsets, size
