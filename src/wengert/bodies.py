"""How does a function loop without unrolling?

`scan` and `while_loop` record the body of a loop once, as a program of its own, which then runs step after step without
Python. `checkpoint` is a loop of one step: what it needs is computed again when derivatives are. Loops are
differentiated in any mode and to any order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from wengert import trees
from wengert._core.arrays import VarArray, values_of
from wengert._core.bodies import value_of
from wengert._core.var import Var
from wengert.body_tapes import record_body
from wengert.errors import ShapeError, TracingError
from wengert.open_loops import OpenLoop
from wengert.steps import Steps, packed, part, starts_of
from wengert.structured import ROWS

Nest = Any
INTEGER = np.dtype(np.int64)


def taken_apart(nest: Nest, what: str) -> tuple[list[Any], Any]:
    """The numbers and arrays of a nest, and its form."""
    trees.flatten(nest)  # makes dataclasses nests
    leaves, form = optree.tree_flatten(nest, namespace=trees.NAMESPACE)
    return [checked(leaf, what) for leaf in leaves], form


def checked(leaf: Any, what: str) -> Any:
    """A leaf as a number, var or array."""
    if isinstance(leaf, Var | VarArray):
        return leaf
    if isinstance(leaf, bool | int | float | np.generic | np.ndarray) and np.asarray(leaf).dtype.kind in "fiub":
        return values_of(leaf) if np.ndim(leaf) else float(leaf)
    raise TracingError(f"{what} must hold real numbers and arrays of them, not {type(leaf).__name__}")


def is_var(leaf: Any) -> bool:
    return isinstance(leaf, Var | VarArray)


def check_carry(form: Any, leaves: list[Any], new_form: Any, new_leaves: list[Any]) -> None:
    """The carry must keep its form and its shapes."""
    if form != new_form:
        raise ShapeError(f"the carry changes its form: it begins as {form}, and a step makes {new_form} of it")
    for k, (leaf, new) in enumerate(zip(leaves, new_leaves, strict=True)):
        if np.shape(leaf) != np.shape(new):
            raise ShapeError(
                f"the carry changes its shape: part {k} begins as {np.shape(leaf)}, and a step makes "
                f"{np.shape(new)} of it"
            )


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Nest,
    xs: Nest = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Nest, Nest]:
    """Loop over the first axis of arrays, with a carry.

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns ``(carry, y)``. It is recorded once, and may use vars from outside. The carry keeps its
        form and its shapes.
    init : number, array or nest of them
        The carry before the first step.
    xs : array or nest of arrays, optional
        Step k gets row k of each; integers can be indices there, but not of a plain array from outside.
    length : int, optional
        Number of steps; needed if there are no `xs`.
    reverse : bool
        Begin with the last row?

    Returns
    -------
    carry
        After the last step.
    ys
        What the steps gave, along a new first axis.

    Raises
    ------
    ShapeError
        If the carry changes its form or shape, or lengths do not agree.
    TracingError
        If `f` branches on what changes from step to step: that takes `wengert.where`.

    Notes
    -----
    The carry of every step is kept. The derivative is a loop in the other direction, which computes each step again.

    Examples
    --------
    >>> wg.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (6.0, array([0., 2., 9.]))
    >>> wg.grad(lambda a: wg.scan(lambda p, _: (a * p, None), 1.0, length=10)[0])(1.5) == 10 * 1.5**9
    True
    """
    carry, form = taken_apart(init, "the carry")
    rows, xs_form = taken_apart(xs, "xs")
    as_integers = [
        np.asarray(leaf).dtype.kind in "iu" if isinstance(leaf, np.ndarray) else False
        for leaf in optree.tree_leaves(xs, namespace=trees.NAMESPACE)
    ]
    n_steps = length_of(rows, length)
    y_form: Any = None

    def step(given: list[Any]) -> list[Any]:
        nonlocal y_form
        got = given[len(carry) :]
        got = [ROWS.cast(x, dtype=INTEGER) if one else x for x, one in zip(got, as_integers, strict=True)]
        output = f(form.unflatten(given[: len(carry)]), xs_form.unflatten(got))
        if not isinstance(output, tuple) or len(output) != 2:
            raise TracingError(f"the body of a scan returns (carry, y), but this one returned {type(output).__name__}")
        new_carry, new_form = taken_apart(output[0], "the carry")
        check_carry(form, carry, new_form, new_carry)
        ys, y_form = taken_apart(output[1], "what a step gives")
        return [*new_carry, *ys]

    examples = [*map(value_of, carry), *[example_row(row) for row in rows]]
    body, outside = record_body(step, examples)
    wanted = (*[True] * len(outside), *[True] * len(carry), *map(is_var, rows))
    steps = Steps(body, len(outside), len(carry), 0, n_steps, reverse, wanted)
    result = ROWS.call(packed([*outside, *carry, *rows]), body=steps)
    ys = [steps.given(result, k) for k in range(len(carry), len(body.output_shapes))]
    last = [steps.carry(result, k) for k in range(len(carry))] if n_steps else carry
    return form.unflatten(last), y_form.unflatten(ys)


def length_of(rows: list[Any], length: int | None) -> int:
    """How many steps a scan has."""
    if any(np.shape(row) == () for row in rows):
        raise ShapeError("xs must be arrays, whose first axis is looped over, but there is a number among them")
    lengths = {np.shape(row)[0] for row in rows} | ({length} if length is not None else set())
    if len(lengths) != 1:
        given = f" with length={length}" if length is not None else ""
        raise ShapeError(
            f"the steps of a scan cannot be counted: xs of shapes {[np.shape(row) for row in rows]}{given}"
        )
    n_steps = lengths.pop()
    if isinstance(n_steps, bool) or not isinstance(n_steps, int | np.integer) or n_steps < 0:
        raise ShapeError(f"length must be an int of at least 0, got {n_steps!r}")
    return int(n_steps)


def example_row(row: Any) -> Any:
    """The first row; ones if there is none."""
    values = value_of(row)
    first = values[0] if len(values) else np.ones(values.shape[1:])
    return first if np.ndim(first) else float(first)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Nest) -> Nest:
    """Loop as long as a condition holds.

    Parameters
    ----------
    cond : callable
        Takes the carry and returns whether there is another step. Conditions are combined by ``&`` and ``|``.
    body : callable
        Takes the carry and returns the next one, of the same form and shapes. Both are recorded once, and may use vars
        from outside.
    init : number, array or nest of them
        The first carry.

    Returns
    -------
    number, array or nest of them
        The first carry for which the condition does not hold.

    Raises
    ------
    ShapeError
        If the carry changes its form or shape.
    TracingError
        If `body` branches on the carry: that takes `wengert.where`.

    Notes
    -----
    The derivative is that of as many steps as there were, which is right wherever their number does not change close
    by. It counts them in a run before.

    Examples
    --------
    >>> def root(a):  # Newton's method
    ...     return wg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2.0, 1.0)
    >>> root(9.0), round(wg.grad(root)(9.0), 12)
    (3.0, 0.166666666667)
    """
    carry, form = taken_apart(init, "the carry")

    def step(given: list[Any]) -> list[Any]:
        output = body(form.unflatten(given))
        new_carry, new_form = taken_apart(output, "the carry")
        check_carry(form, carry, new_form, new_carry)
        return [*new_carry, holds(cond(output))]

    def condition(given: list[Any]) -> list[Any]:
        return [holds(cond(form.unflatten(given)))]

    examples = [value_of(leaf) for leaf in carry]
    first, outside_of_first = record_body(condition, examples)
    loop_body, outside = record_body(step, examples)
    loop = OpenLoop(loop_body, first, len(outside), len(outside_of_first))
    result = ROWS.call(packed([*outside, *outside_of_first, *carry]), body=loop)
    starts = starts_of(math.prod(np.shape(leaf)) for leaf in carry)
    last = [part(result, start, np.shape(leaf)) for start, leaf in zip(starts, carry, strict=False)]
    return form.unflatten(last)


def holds(condition: Any) -> Any:
    """A condition as a number."""
    if np.shape(condition) != () or not isinstance(condition, bool | np.bool_ | float | int | Var | np.ndarray):
        raise TracingError(
            f"the condition of a loop is one truth value, not {type(condition).__name__} of shape "
            f"{np.shape(condition)}; take numpy.any or numpy.all"
        )
    return condition if isinstance(condition, Var) else float(condition)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is computed again where derivatives need what it computed on its way.

    Parameters
    ----------
    f : callable
        Takes numbers, arrays and nests of them, and returns such a nest. It may use vars from outside.

    Returns
    -------
    callable
        The same function. Reverse mode keeps its arguments only, and computes it twice.

    Raises
    ------
    TracingError
        At a call, if `f` branches on its arguments.

    Examples
    --------
    >>> wg.grad(wg.checkpoint(lambda x: np.sum(np.exp(np.sin(x)))))(np.zeros(2))
    array([1., 1.])
    """

    @functools.wraps(f)
    def computed_again(*args: Any, **kwargs: Any) -> Any:
        leaves, form = taken_apart((args, kwargs), "the arguments")
        if not any(map(is_var, leaves)):
            return f(*args, **kwargs)
        out_form: Any = None

        def once(given: list[Any]) -> list[Any]:
            nonlocal out_form
            now_args, now_kwargs = form.unflatten(given)
            outputs, out_form = taken_apart(f(*now_args, **now_kwargs), "what the function returns")
            return outputs

        body, outside = record_body(once, [value_of(leaf) for leaf in leaves])
        wanted = (*[True] * len(outside), *map(is_var, leaves))
        steps = Steps(body, len(outside), 0, 0, 1, False, wanted)
        result = ROWS.call(packed([*outside, *leaves]), body=steps)
        outputs = [part(result, steps.output_starts[k], shape) for k, shape in enumerate(body.output_shapes)]
        return out_form.unflatten(outputs)

    return computed_again
