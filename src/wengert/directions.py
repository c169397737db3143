"""How does a compiled Hessian, or a Jacobian in forward mode, of many inputs run over lanes?

Each column is a derivative along one direction of the inputs. The directions are the lanes of one program: what does
not depend on the direction is uniform and computed once, and the program is as small as that of a single direction.
For few inputs it is better to compute all columns in one program, which leaves out what is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.derivatives import jvp
from wengert.mapped import Mapped

# Below, a program for all columns has some thousands of instructions and takes a few microseconds.
MANY_INPUTS = 32


def columns(f: Callable[..., Any], position: int, n_arguments: int) -> Mapped:
    """The columns of the Jacobian of a function in one array: a function of its arguments and of the directions."""

    def column(*args: Any) -> Any:
        *others, direction = args

        def of_one(x: Any) -> Any:
            return f(*others[:position], x, *others[position + 1 :])

        return jvp(of_one, (others[position],), (direction,))[1]

    return Mapped(column, (*[None] * n_arguments, 0), -1)


def directions(args: tuple[Any, ...], kwargs: dict[str, Any], position: Any) -> np.ndarray[Any, Any] | None:
    """The directions of all inputs, one per row, if the argument is a vector of many numbers; else None."""
    if kwargs or not isinstance(position, int) or not 0 <= position < len(args):
        return None
    x = args[position]
    if not isinstance(x, np.ndarray) or x.ndim != 1 or x.dtype.kind not in "fiub" or len(x) < MANY_INPUTS:
        return None
    return identity(len(x))


@functools.lru_cache(maxsize=4)
def identity(n: int) -> np.ndarray[Any, Any]:
    """The directions of n inputs; nobody writes into it."""
    eye = np.eye(n)
    eye.setflags(write=False)
    return eye
