"""What does an adjoint of a row hand on to its arguments?

The rules of structured rows stand in their table. Those of elementwise ops are the slopes of `ops.py`, read once more:
their free names are bound to the functions of the package, which take numbers, arrays, vars and arrays of vars. So one
rule serves sweeps, which are numbers, and derivatives that are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import ops, structured
from wengert._core import functions
from wengert._core.slopes import constant_slope
from wengert.reference import bind

Slope = Callable[..., Any]

FUNCTIONS = {name: getattr(functions, name) for name in ops.OPS}


SLOPES: dict[str, list[Slope]] = {
    row.name: [bind(slope, FUNCTIONS) for slope in row.slopes] for row in ops.OPS.values()
}
CONSTANT_SLOPES: dict[str, list[float | None]] = {
    row.name: [constant_slope(row, k) for k in range(row.arity)] for row in ops.OPS.values()
}
"""Of each slope: the number that it is whatever the arguments are, or None."""


def has_adjoint(row: Any, k: int) -> bool:
    """Can an argument have an adjoint at all?"""
    if isinstance(row, ops.Op):
        return CONSTANT_SLOPES[row.name][k] != 0.0
    return bool(row.has_rule(k))


def adjoint(row: Any, k: int, g: Any, y: Any, arguments: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Adjoint of argument `k` of an application of a row, given that of its result.

    Parameters
    ----------
    row : Op or Structured
    k : int
    g, y : float, array, Var or VarArray
        Adjoint of the result, and the result.
    arguments : tuple
        Of the same kinds.
    params : dict
    """
    if isinstance(row, structured.Structured):
        return row.adjoint(k, g, y, arguments, params)
    if row.name == "where":
        chosen = (g, 0.0) if k == 1 else (0.0, g)
        return structured.fit(functions.where(arguments[0], *chosen), shape_of(arguments[k]))
    number = CONSTANT_SLOPES[row.name][k]
    if number is None:
        product = functions.mul_no_nan(SLOPES[row.name][k](*arguments, y), g)
    else:
        product = g if number == 1.0 else -g if number == -1.0 else number * g
    return structured.fit(product, shape_of(arguments[k]))


def shape_of(x: Any) -> tuple[int, ...]:
    """Shape of an array, a number or a var."""
    return getattr(x, "shape", ())


def tangent(row: Any, directions: list[Any], y: Any, arguments: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Tangent of an application of a row, given those of its arguments (None for zero).

    NotImplemented if the row is not linear and has no slopes: then the tangent is the transpose of the adjoint.
    """
    if isinstance(row, structured.Structured):
        if not row.linear:
            return NotImplemented
        moved = [
            x if not row.has_rule(k) else np.zeros(shape_of(x)) if direction is None else direction
            for k, (direction, x) in enumerate(zip(directions, arguments, strict=True))
        ]
        return row(*moved, **params)
    if row.name == "where":
        a, b = [np.zeros(shape_of(x)) if d is None else d for d, x in zip(directions[1:], arguments[1:], strict=True)]
        chosen: Any = functions.where(arguments[0], a, b)  # type: ignore[arg-type]  # the stub speaks of numbers
        return spread(chosen, y)
    total: Any = None
    for k, direction in enumerate(directions):
        number = CONSTANT_SLOPES[row.name][k]
        if direction is None or number == 0.0:
            continue
        if number is None:
            term = functions.mul_no_nan(SLOPES[row.name][k](*arguments, y), direction)
        else:
            term = direction if number == 1.0 else -direction if number == -1.0 else number * direction
        total = term if total is None else total + term
    return None if total is None else spread(total, y)


def spread(x: Any, y: Any) -> Any:
    """Broadcast to the shape of the result."""
    return x if shape_of(x) == shape_of(y) else np.broadcast_to(x, shape_of(y))


structured.strong_product = functions.mul_no_nan
