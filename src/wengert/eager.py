"""What does a function return for some arguments, if there is no program for them?

It is called on vars, as when it is recorded, so that the same arithmetic holds: 1.0 / 0.0 is infinity, and exp has the
same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert._core.arrays import VarArray
from wengert._core.forms import Form, form_of
from wengert._core.inputs import close_inputs, for_function, open_inputs, settled
from wengert._core.var import Var
from wengert.errors import TracingError
from wengert.signatures import Arguments


def evaluate(function: Callable[..., Any], arguments: Arguments) -> tuple[Form, list[float]]:
    """Call a function; gives the form of what it returns, and the numbers in there.

    Parameters
    ----------
    function : callable
    arguments : Arguments
        Without lanes.

    Raises
    ------
    TracingError
        If the function returns something other than real numbers, or uses vars from outside.
    """
    leaves = [leaf for leaf, kind in zip(arguments.leaves, arguments.kinds, strict=True) if kind is not None]
    inputs = open_inputs([leaf if isinstance(leaf, np.ndarray) else float(leaf) for leaf in leaves])
    try:
        args, kwargs = arguments.rebuild(with_vars(arguments, for_function(inputs)))
        form, elements = form_of(function(*args, **kwargs))
        results = settled(elements, inputs)
    finally:
        args = kwargs = elements = None  # type: ignore[assignment]  # or the nodes would outlive the call
        close_inputs(inputs)
    if any(isinstance(number, Var | VarArray) for number in results):
        raise TracingError("the function that is compiled uses a var from outside; pass it as an argument")
    return form, [number for part in results for number in (part.ravel().tolist() if np.ndim(part) else [float(part)])]


def with_vars(arguments: Arguments, inputs: list[Any]) -> list[Any]:
    """The leaves of the arguments, with these vars and arrays of vars in the place of numbers and arrays."""
    rest = iter(inputs)
    return [leaf if kind is None else next(rest) for leaf, kind in zip(arguments.leaves, arguments.kinds, strict=True)]
