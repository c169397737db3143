"""What is a function with arrays, once it is recorded?

A tape: the list of what it computes, in order, on arrays of known shapes. It is what array programs are planned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Position = tuple[str, int, str]


@dataclass(frozen=True)
class TapeNode:
    """One entry of a tape.

    Attributes
    ----------
    kind : str
        "input", "constant", "op" (elementwise, by its name in ops.py, broadcast as NumPy does) or "row" (structured, by
        its name in structured.py).
    name : str
        Of the op or row.
    args : tuple of int
        Earlier nodes.
    params : tuple of (str, object)
        Of a row.
    shape : tuple of int
        () for a scalar.
    dtype : numpy.dtype
    constant : ndarray or number
        Of a constant.
    position : (str, int, str), optional
        File, line and function that it comes from.
    """

    kind: str
    name: str
    args: tuple[int, ...]
    params: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    constant: Any = None
    position: Position | None = None


@dataclass(frozen=True)
class Tape:
    """Nodes, with the numbers of those that come in and go out.

    A guard is a scalar node with the truth value that it had while recording.
    """

    nodes: list[TapeNode]
    inputs: list[int]
    outputs: list[int]
    guards: list[tuple[int, bool]]
