"""How does a plain function become its gradient?

The inputs are recorded as fresh nodes, the function runs on them as it is, and one sweep back from the output gives the
derivatives. Whatever Python the function contains (``if``, ``for``, ``while``, recursion) just runs.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from wengert._core.arrays import VarArray
from wengert._core.inputs import close_inputs, for_function, open_inputs, value_and_derivatives, zero_derivatives
from wengert._core.var import Var
from wengert.errors import TracingError
from wengert.nests import flatten

ArgNums = int | Sequence[int]


def grad(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        Takes floats, NumPy arrays, or nests (list, tuple, dict, ...) of these in the arguments that `argnums` names,
        and anything in the others. Returns one number.
    argnums : int or sequence of int, default 0
        Positions of the arguments to differentiate in; negative ones count from the end.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns the derivative in each number of the argument, in a nest of the same form
        and arrays of the same shapes; a tuple of these if `argnums` is a sequence.

    Raises
    ------
    TracingError
        If an argument holds something that is no real number, or `f` returns something that is not one number.

    See Also
    --------
    value_and_grad : Gives the value too, at no extra cost.
    jacobian : For functions that return several numbers.
    hessian, hvp : Second derivatives.

    Notes
    -----
    Derivatives nest to any order, also over vars that the function finds outside: where the result depends on these, it
    is made of vars, and can be differentiated in them.

    Examples
    --------
    >>> def f(p, scale):
    ...     return scale * (p["a"] ** 2 + p["b"])
    >>> wg.grad(f)({"a": 3.0, "b": 1.0}, 10.0)
    {'a': 60.0, 'b': 10.0}
    >>> wg.grad(wg.grad(lambda x: x**3))(2.0)
    12.0
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f, assigned=("__doc__",))
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Value and gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        As for `grad`.
    argnums : int or sequence of int, default 0
        As for `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns ``(value, gradient)``: a number, and what `grad` gives.

    Raises
    ------
    TracingError
        As for `grad`.

    Examples
    --------
    >>> wg.value_and_grad(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0)
    (18.0, (9.0, 12.0))
    """
    positions = checked(argnums)

    @functools.wraps(f, assigned=("__doc__",))
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        leaves, rebuild = flatten(chosen(args, positions))
        inputs = open_inputs(leaves)
        try:
            output = f(*replaced(args, positions, rebuild(for_function(inputs))), **kwargs)
            if type(output) is Var:
                value, derivatives = value_and_derivatives(output, inputs)
                return value, rebuild(derivatives)
            return number(output), rebuild(zero_derivatives(inputs))
        finally:
            output = None  # or its node would outlive the call
            close_inputs(inputs)

    return value_and_gradient


def number(constant: Any) -> float:
    """Value of an output that does not depend on the inputs."""
    if isinstance(constant, Real | np.bool_):
        return float(constant)
    several = isinstance(constant, list | tuple | dict | np.ndarray | VarArray)
    advice = "; for several numbers take wengert.jacobian" if several else ""
    raise TracingError(f"the function must return real numbers, but it returned {type(constant).__name__}{advice}")


def checked(argnums: Any) -> int | tuple[int, ...]:
    """`argnums` as an int or a tuple of ints."""
    try:
        return operator.index(argnums)
    except TypeError:
        pass
    try:
        return tuple([operator.index(k) for k in argnums])
    except TypeError:
        message = f"argnums must be an int or a sequence of ints, the positions of arguments; got {argnums!r}"
        raise TracingError(message) from None


def chosen(args: tuple[Any, ...], argnums: int | tuple[int, ...]) -> Any:
    """The argument that an int names, or the tuple of those that a tuple names."""
    try:
        if isinstance(argnums, int):
            return args[argnums]
        parts = tuple([args[k] for k in argnums])
    except IndexError:
        message = f"argnums={argnums} asks for more than the {len(args)} positional arguments of the call"
        raise TracingError(message) from None
    if len({k % len(args) for k in argnums}) < len(argnums):
        raise TracingError(f"argnums={argnums} names an argument twice")
    return parts


def replaced(args: tuple[Any, ...], argnums: int | tuple[int, ...], new: Any) -> list[Any]:
    """The arguments with new ones in the places that `chosen` reads."""
    result = list(args)
    if isinstance(argnums, int):
        result[argnums] = new
    else:
        for k, one in zip(argnums, new, strict=True):
            result[k] = one
    return result
