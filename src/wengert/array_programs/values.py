"""What are the things that a tape is read into?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert import ops
from wengert.array_programs.tape import Position
from wengert.array_programs.views import Shape, View

CODE = {row.name: row.code for row in ops.OPS.values()}
# Rows whose second argument is of integers.
INDEXED = ("take", "take_adjoint", "take_along", "take_along_adjoint")


@dataclass(frozen=True)
class Value:
    """A node of the tape: the term that it is, broadcast to a shape; integers are no terms but views."""

    term: int
    view: View | None
    shape: Shape
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Row:
    """A structured op that is computed by a step of its own."""

    name: str
    operands: tuple[Value, ...]
    params: tuple[tuple[str, Any], ...]
    shape: Shape
    dtype: np.dtype[Any]
    position: Position | None


@dataclass(frozen=True)
class Reduction:
    """A term summed up, or its largest or smallest, along some axes of its shape, which stay with length 1."""

    kind: str
    term: int
    axes: tuple[int, ...]
    shape: Shape
    position: Position | None
