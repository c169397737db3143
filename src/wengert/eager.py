"""What does a function return for some arguments, if there is no program for them?

It is called on vars, as when it is recorded, so that the same arithmetic holds: 1.0 / 0.0 is infinity, and exp has the
same bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from wengert._core.arrays import assemble
from wengert._core.forms import Form, form_of
from wengert._core.inputs import close_inputs, open_inputs, settled
from wengert._core.var import Var
from wengert.errors import TracingError
from wengert.signatures import ARRAY, NUMBER, Arguments, numbers_in


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
    numbers: list[float] = []
    for leaf, kind in zip(arguments.leaves, arguments.kinds, strict=True):
        numbers += numbers_in(leaf) if kind is ARRAY else [float(leaf)] if kind is NUMBER else []
    inputs = open_inputs(numbers)
    try:
        args, kwargs = arguments.rebuild(with_numbers(arguments, inputs))
        form, elements = form_of(function(*args, **kwargs))
        results = settled(elements, inputs)
    finally:
        args = kwargs = elements = None  # type: ignore[assignment]  # or the nodes would outlive the call
        close_inputs(inputs)
    if any(type(number) is Var for number in results):
        raise TracingError("the function that is compiled uses a var from outside; pass it as an argument")
    return form, results


def with_numbers(arguments: Arguments, numbers: list[Any]) -> list[Any]:
    """The leaves of the arguments, with these vars as the numbers in them."""
    rest = iter(numbers)
    leaves = []
    for leaf, kind in zip(arguments.leaves, arguments.kinds, strict=True):
        if kind is ARRAY:
            leaves.append(assemble(list(itertools.islice(rest, leaf.size)), leaf.shape))
        else:
            leaves.append(next(rest) if kind is NUMBER else leaf)
    return leaves
