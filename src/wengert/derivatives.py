"""Which derivatives has a function of many numbers that returns many numbers?

Forward mode follows one direction of the inputs through the function (`jvp`); reverse mode gathers one combination of
the outputs (`vjp`). Jacobians are either of them over all directions; second derivatives are both, one over the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from wengert import structured
from wengert._core.arrays import VarArray, elements_of, values_of
from wengert._core.inputs import close_inputs, for_function, open_inputs, pull, push, settled
from wengert._core.var import Var
from wengert.errors import TracingError
from wengert.nests import flatten, flatten_like, shape_of, size_of, stacked
from wengert.transforms import ArgNums, checked, chosen, grad, number, replaced

Mode = Literal["forward", "reverse"] | None


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value of a function and its derivative along one direction (forward mode).

    Parameters
    ----------
    f : callable
        Takes floats, NumPy arrays, or nests (list, tuple, dict, ...) of these. Returns such a nest.
    primals : sequence
        The arguments of `f`.
    tangents : sequence
        The direction: something of the form of `primals`.

    Returns
    -------
    value, tangent
        What `f` returns, and its derivative along the direction, of the same form.

    Raises
    ------
    TracingError
        If an argument or an output holds something that is no real number.
    ShapeError
        If `tangents` have not the form of `primals`.

    See Also
    --------
    vjp : Reverse mode.

    Examples
    --------
    >>> wg.jvp(lambda x, y: [x * y, x + y], (2.0, 3.0), (1.0, 10.0))
    ([6.0, 5.0], [23.0, 11.0])
    """
    leaves, rebuild = flatten(arguments(primals, "primals"))
    given = flatten_like(arguments(tangents, "tangents"), leaves, rebuild, "the tangents")
    inputs = open_inputs(leaves)
    outputs: list[Any] = []
    try:
        outputs, rebuild_outputs = flatten(f(*rebuild(for_function(inputs))))
        outputs = checked_outputs(outputs)
        return rebuild_outputs(settled(outputs, inputs)), rebuild_outputs(push(inputs, outputs, given))
    finally:
        outputs = []  # or their nodes would outlive the call
        close_inputs(inputs)


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value of a function, and the function that pulls derivatives back through it (reverse mode).

    Parameters
    ----------
    f : callable
        Takes floats, NumPy arrays, or nests (list, tuple, dict, ...) of these. Returns such a nest.
    *primals : float, array or nest of them
        The arguments of `f`.

    Returns
    -------
    value
        What `f` returns.
    pullback : callable
        Takes the derivatives of something in the outputs of `f`, of the form of `value`; returns its derivatives in
        the arguments, a tuple of the form of `primals`. It can be called any number of times, in the thread that made
        it; what was recorded lives as long as it.

    Raises
    ------
    TracingError
        If an argument or an output holds something that is no real number.

    See Also
    --------
    jvp : Forward mode.

    Examples
    --------
    >>> value, pullback = wg.vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> value, pullback([1.0, 0.0]), pullback([1.0, 10.0])
    ([6.0, 5.0], (3.0, 2.0), (13.0, 12.0))
    """
    leaves, rebuild = flatten(primals)
    inputs = open_inputs(leaves)
    try:
        outputs, rebuild_outputs = flatten(f(*rebuild(for_function(inputs))))
        outputs = checked_outputs(outputs)
        kept = list(inputs)
        value = rebuild_outputs(settled(outputs, inputs))
    finally:
        close_inputs(inputs)

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = flatten_like(cotangents, outputs, rebuild_outputs, "the cotangents")
        return rebuild(pull(kept, outputs, given))  # type: ignore[no-any-return]

    return value, pullback


def jacobian(f: Callable[..., Any], argnums: ArgNums = 0, mode: Mode = None) -> Callable[..., Any]:
    """All derivatives of a function that returns a nest of numbers.

    Parameters
    ----------
    f : callable
        Takes arguments as for `grad`. Returns a number, an array, or a nest of these.
    argnums : int or sequence of int, default 0
        As for `grad`.
    mode : {"forward", "reverse"}, optional
        Forward mode costs one pass per input, reverse mode one per output. By default the one with fewer passes, in
        doubt reverse mode.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns the nest that `f` returns with every number replaced by its gradient: for a
        list in and a list out, the list of the Jacobian's rows; for an array of shape S in and one of shape T out, an
        array of shape T + S.

    Raises
    ------
    TracingError
        If an argument or an output holds something that is no real number, or `mode` is none of the above.

    Examples
    --------
    >>> wg.jacobian(lambda v: [v[0] * v[1], v[0] + 3.0 * v[1]])([2.0, 5.0])
    [[5.0, 2.0], [1.0, 3.0]]
    >>> wg.jacobian(lambda x: x * x)(np.array([2.0, 5.0]))
    array([[ 4.,  0.],
           [ 0., 10.]])
    """
    positions = checked(argnums)
    if mode not in (None, "forward", "reverse"):
        raise TracingError(f"mode must be 'forward', 'reverse' or None; got {mode!r}")

    @functools.wraps(f, assigned=("__doc__",))
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten(chosen(args, positions))
        inputs = open_inputs(leaves)
        outputs: list[Any] = []
        try:
            outputs, rebuild_outputs = flatten(f(*replaced(args, positions, rebuild(for_function(inputs))), **kwargs))
            outputs = checked_outputs(outputs)
            forward = total_size(leaves) < total_size(outputs) if mode is None else mode == "forward"
            blocks = by_columns(inputs, outputs, leaves) if forward else by_rows(inputs, outputs, leaves)
            return rebuild_outputs([rebuild(row) for row in blocks])
        finally:
            outputs = []  # or their nodes would outlive the call
            close_inputs(inputs)

    if mode == "forward":
        all_derivatives.columns_of = (f, positions)  # type: ignore[attr-defined]  # so that compile() can use lanes
    return all_derivatives


def hessian(f: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """Second derivatives of a function that returns one number.

    Parameters
    ----------
    f : callable
        As for `grad`.
    argnums : int or sequence of int, default 0
        As for `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`. Returns the Jacobian of the gradient: for a list the list of rows, for an array of
        shape S an array of shape S + S.

    Raises
    ------
    TracingError
        As for `grad`.

    See Also
    --------
    hvp : The Hessian times a vector, at the cost of a few gradients.

    Examples
    --------
    >>> wg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums, "forward")


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """Hessian of a function times a vector: the derivative of its gradient along `v`.

    Parameters
    ----------
    f : callable
        Takes one argument, a float, a NumPy array or a nest of these. Returns one number.
    x : float, array or nest
        The point.
    v : float, array or nest
        The vector, of the form of `x`.

    Returns
    -------
    float, array or nest
        Of the form of `x`.

    Raises
    ------
    TracingError
        As for `grad`.
    ShapeError
        If `v` has not the form of `x`.

    Notes
    -----
    Forward mode over reverse mode, which costs a few gradients, whatever the size of `x` (Pearlmutter, "Fast exact
    multiplication by the Hessian", Neural Computation 6, 1994).

    Examples
    --------
    >>> wg.hvp(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [1.0, 10.0])
    [70.0, 6.0]
    """
    return jvp(grad(f), (x,), (v,))[1]


def arguments(given: Any, name: str) -> tuple[Any, ...]:
    """The arguments of a function as a tuple."""
    if isinstance(given, list | tuple):
        return tuple(given)
    raise TracingError(f"{name} must be a list or tuple of the arguments, but it is {type(given).__name__}")


def checked_outputs(outputs: list[Any]) -> list[Any]:
    """The outputs, which must be vars, real numbers and arrays of them."""
    return [output if isinstance(output, Var | VarArray) else constant_output(output) for output in outputs]


def constant_output(output: Any) -> Any:
    """An output that does not depend on the inputs."""
    return values_of(output) if isinstance(output, np.ndarray) else number(output)


def total_size(leaves: list[Any]) -> int:
    """How many numbers are in these leaves?"""
    return sum(size_of(shape_of(leaf)) for leaf in leaves)


Blocks = list[list[Any]]
"""Of each output and each input the derivative, an array whose first axes are those of the output."""


def by_rows(inputs: list[Any], outputs: list[Any], leaves: list[Any]) -> Blocks:
    """The gradient of each number that comes out."""
    blocks = []
    for output in outputs:
        shape = shape_of(output)
        rows = [pull(inputs, [part], [weight]) for part, weight in parts_of(output)]
        blocks.append([join([row[k] for row in rows], shape, shape_of(leaf)) for k, leaf in enumerate(leaves)])
    return blocks


def by_columns(inputs: list[Any], outputs: list[Any], leaves: list[Any]) -> Blocks:
    """The same, found number by number that goes in."""
    of_inputs = []
    for k, leaf in enumerate(leaves):
        shape = shape_of(leaf)
        columns = []
        for direction in [1.0] if shape is None else directions(shape):
            tangents = [zeros_like(other) if j != k else direction for j, other in enumerate(leaves)]
            columns.append(push(inputs, outputs, tangents))
        of_inputs.append(
            [
                last_axes_first(join([column[i] for column in columns], shape, shape_of(output)), shape, output)
                for i, output in enumerate(outputs)
            ]
        )
    return [[of_input[i] for of_input in of_inputs] for i in range(len(outputs))]


def join(parts: list[Any], shape: tuple[int, ...] | None, part_shape: tuple[int, ...] | None) -> Any:
    """Derivatives of all elements of an array as one array; that of a number itself."""
    return parts[0] if shape is None else stacked(parts, shape, part_shape or ())


def last_axes_first(block: Any, shape: tuple[int, ...] | None, output: Any) -> Any:
    """Move the axes of the input, which are in front, behind those of the output."""
    n_front, n_behind = len(shape or ()), len(shape_of(output) or ())
    if not n_front or not n_behind:
        return block
    axes = (*range(n_front, n_front + n_behind), *range(n_front))
    return structured.rows.transpose(block, axes=axes)


def parts_of(output: Any) -> list[tuple[Any, Any]]:
    """The numbers of an output, as parts of it with weights whose sum of products they are."""
    shape = shape_of(output)
    if shape is None:
        return [(output, 1.0)]
    if isinstance(output, VarArray) and output.is_whole:
        return [(output, direction) for direction in directions(shape)]
    return [(element, 1.0) for element in elements_of(output)]


def directions(shape: tuple[int, ...]) -> list[Any]:
    """All arrays of a shape that are 1 at one place and else 0."""
    size = size_of(shape)
    return list(np.eye(size).reshape(size, *shape))


def zeros_like(leaf: Any) -> Any:
    shape = shape_of(leaf)
    return 0.0 if shape is None else np.zeros(shape)
