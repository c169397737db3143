"""What happens when a function or ufunc of NumPy is called with vars?

`NEP 13 <https://numpy.org/neps/nep-0013-ufunc-overrides.html>`_ and `NEP 18
<https://numpy.org/neps/nep-0018-array-function-protocol.html>`_ bring the call to a var, which asks here.  The tables
are filled by the modules imported below, one per kind of function; docs/numpy.md is made of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert._core import arrays
from wengert.errors import TracingError
from wengert.numpy_rules import (  # noqa: F401  (they fill the tables)
    calculus,
    copies,
    elements,
    joins,
    linalg,
    products,
    quantiles,
    reductions,
    selection,
    shapes,
)
from wengert.numpy_rules.constants import REFUSED_MODULES
from wengert.numpy_rules.registry import CONSTANTS, FUNCTIONS, REFUSED, UFUNC_COMPOSITES, UFUNC_REFUSED
from wengert.numpy_rules.ufuncs import METHODS

__all__ = [
    "CONSTANTS",
    "FUNCTIONS",
    "METHODS",
    "REFUSED",
    "UFUNC_COMPOSITES",
    "UFUNC_REFUSED",
    "call_function",
    "call_method",
    "call_ufunc",
    "full_name",
    "is_refused",
    "reason",
]


def full_name(function: Callable[..., Any]) -> str:
    """What to call a function of NumPy in messages.

    >>> full_name(np.linalg.norm)
    'np.linalg.norm'
    """
    module = getattr(function, "__module__", None) or "numpy"
    return f"np{module.removeprefix('numpy')}.{function.__name__}"


def is_refused(function: Callable[..., Any]) -> bool:
    """Is it refused by a rule, not for want of one?"""
    if isinstance(function, np.ufunc):
        return function in UFUNC_REFUSED
    return function in REFUSED or function.__module__ in REFUSED_MODULES


def reason(function: Callable[..., Any]) -> str:
    """Why a function of NumPy is refused; empty if nobody has thought of it."""
    if isinstance(function, np.ufunc):
        return UFUNC_REFUSED.get(function, "")
    return REFUSED.get(function) or REFUSED_MODULES.get(function.__module__, "")


def refused(function: Callable[..., Any]) -> TracingError:
    """The error of a function that has no rule."""
    why = reason(function)
    return TracingError(f"{full_name(function)} has no derivative rule here" + (f": {why}" if why else ""))


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what NumPy's function does, on arguments with vars among them.

    Raises
    ------
    TracingError
        If it has no rule, or none for these arguments: it names the function and the argument.
    """
    implementation = FUNCTIONS.get(function) or CONSTANTS.get(function)
    if implementation is None:
        raise refused(function)
    return implementation(*args, **kwargs)


def call_ufunc(ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what NumPy's ufunc does, if it is composed of ops.

    Raises
    ------
    TracingError
        If it has no rule, or none for these arguments.
    """
    implementation = UFUNC_COMPOSITES.get(ufunc)
    if implementation is None:
        raise refused(ufunc)
    if kwargs.keys() - {"axis"} or ("axis" in kwargs and ufunc.signature is None):
        raise TracingError(f"{full_name(ufunc)} with {', '.join(kwargs)}= has no derivative rule here")
    return implementation(*args, **kwargs)


def call_method(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what a method of a ufunc does.

    Raises
    ------
    TracingError
        If it has no rule, or none for these arguments.
    """
    if (ufunc, method) not in METHODS:
        raise TracingError(f"{full_name(ufunc)}.{method} has no derivative rule here")
    return METHODS[ufunc, method](*args, **kwargs)


arrays.surface = sys.modules[__name__]
