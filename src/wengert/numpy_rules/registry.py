"""Which functions of NumPy take vars, and what do they do then?

Four tables, which the modules beside this one fill: a function of NumPy is differentiated (FUNCTIONS), or its result is
a constant to every derivative (CONSTANTS), or it is refused, with the reason (REFUSED).  A ufunc that is no op of the
table is composed of ops (UFUNC_COMPOSITES), or refused (UFUNC_REFUSED).

An implementation has NumPy's signature and is written in plain NumPy code: on arrays without vars it gives what NumPy
gives, on vars every NumPy function in it leads back here, so derivatives of any order follow from the rows and the ops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from wengert.errors import TracingError

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

FUNCTIONS: dict[Function, Function] = {}
"""Differentiated: function of NumPy, and what does its work on vars."""

CONSTANTS: dict[Function, Function] = {}
"""Results without a derivative: shapes, types, integers, truth values (the latter recorded: a replay finds its own)."""

REFUSED: dict[Function, str] = {}
"""Refused, with the reason or what to do instead."""

UFUNC_COMPOSITES: dict[np.ufunc, Function] = {}
"""Ufuncs that are composed of ops."""

UFUNC_REFUSED: dict[np.ufunc, str] = {}
"""Refused ufuncs, with the reason."""


def find(name: str) -> Any:
    """NumPy's function of this dotted name; None if this version of NumPy has none."""
    owner: Any = np
    for part in name.split("."):
        owner = getattr(owner, part, None)
    return owner


def enter(table: dict[Any, Any], names: str, entry: Any) -> None:
    """Put NumPy's functions of these names into a table, if this version of NumPy has them."""
    table.update((found, entry) for found in map(find, names.split()) if found is not None)


def implements(names: str, table: dict[Any, Function] = FUNCTIONS) -> Callable[[F], F]:
    """Enter the decorated function as the implementation of NumPy's functions of these names."""

    def entered(implementation: F) -> F:
        enter(table, names, implementation)
        return implementation

    return entered


def constant(names: str) -> Callable[[F], F]:
    """Enter the decorated function for NumPy's functions of these names, whose results have no derivative."""
    return implements(names, CONSTANTS)


def composite(names: str) -> Callable[[F], F]:
    """Enter the decorated function as the composition of NumPy's ufuncs of these names."""
    return implements(names, UFUNC_COMPOSITES)


def refuse(names: str, reason: str, table: dict[Any, str] = REFUSED) -> None:
    """Refuse NumPy's functions of these names, for a reason that an error message can quote."""
    enter(table, names, reason)


def unsupported(function: str, **arguments: Any) -> None:
    """Raise for the first argument that is given.

    Raises
    ------
    TracingError
        If an argument is not None.
    """
    for name, value in arguments.items():
        if value is not None:
            no_rule(function, f"{name}=")


def no_rule(function: str, what: str) -> NoReturn:
    """Raise a TracingError that names the function and the argument or case that has no derivative rule."""
    raise TracingError(f"np.{function} with {what} has no derivative rule here")
