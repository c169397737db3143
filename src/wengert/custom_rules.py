"""How does a function get a derivative of the user's own?

The function runs as it is. What it returns goes through a row (`rows.bodies`) that does not change it, but whose
derivative in the arguments is the rule. In a program nothing is left of that row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import trees
from wengert._core.bodies import refuse_outside
from wengert._core.inputs import close_inputs, for_function, open_inputs
from wengert.bodies import is_var, taken_apart
from wengert.body_tapes import apart
from wengert.check import check_grad
from wengert.derivatives import vjp
from wengert.errors import ShapeError, TracingError
from wengert.steps import packed, part, starts_of
from wengert.structured import ROWS

Shape = tuple[int, ...]


def separated(vector: Any, shapes: list[Shape]) -> list[Any]:
    """What `packed` made one vector of."""
    starts = starts_of(int(np.prod(shape)) for shape in shapes)
    return [part(vector, start, shape) for start, shape in zip(starts, shapes, strict=False)]


class Rule:
    """What the row `custom` asks: the adjoint of the arguments.

    Parameters
    ----------
    pull : callable
        ``(arguments, residuals, cotangents)``, lists of leaves, to the adjoints of the arguments, a list.
    shapes, output_shapes : list of tuple of int
        Of the arguments and the outputs.
    """

    def __init__(
        self,
        pull: Callable[[list[Any], list[Any], list[Any]], list[Any]],
        shapes: list[Shape],
        output_shapes: list[Shape],
    ) -> None:
        self.pull = pull
        self.shapes = shapes
        self.output_shapes = output_shapes

    def adjoint(self, g: Any, x: Any, residuals: tuple[Any, ...]) -> Any:
        """Adjoint of the packed arguments, given that of the packed outputs."""
        if any(map(is_var, (g, x, *residuals))):
            return self.packed_adjoint(g, x, residuals)
        with apart():
            return self.packed_adjoint(g, x, residuals)

    def packed_adjoint(self, g: Any, x: Any, residuals: tuple[Any, ...]) -> Any:
        found = self.pull(separated(x, self.shapes), list(residuals), separated(g, self.output_shapes))
        if [np.shape(leaf) for leaf in found] != self.shapes:
            raise ShapeError(
                f"the rule of a function of {self.shapes} gives derivatives of shapes "
                f"{[np.shape(leaf) for leaf in found]}"
            )
        return packed(found)


def ruled(
    outputs: list[Any],
    leaves: list[Any],
    residuals: list[Any],
    pull: Callable[[list[Any], list[Any], list[Any]], list[Any]],
) -> list[Any]:
    """Outputs with another derivative in the leaves."""
    shapes, output_shapes = [np.shape(leaf) for leaf in leaves], [np.shape(output) for output in outputs]
    if not outputs or not leaves:
        return outputs
    rule = Rule(pull, shapes, output_shapes)
    return separated(ROWS.custom(packed(outputs), packed(leaves), *residuals, rule=rule), output_shapes)


def on_inputs(f: Callable[..., Any], leaves: list[Any], form: Any) -> Any:
    """Call a function of the arguments, which may use no other vars.

    Raises
    ------
    TracingError
        If it does: the rule says nothing of their derivatives.
    """
    inputs = open_inputs([0.0, *leaves])
    try:
        output = f(*form.unflatten(for_function(inputs)[1:]))
        refuse_outside([leaf for leaf in trees.leaves_of(output) if is_var(leaf)], inputs)
        return output
    finally:
        close_inputs(inputs)


class Custom:
    """A function with static and differentiable arguments; what `custom_vjp` and `custom_jvp` have in common."""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: tuple[int, ...] = ()) -> None:
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.nondiff_argnums = nondiff_argnums

    def __call__(self, *args: Any) -> Any:
        """Call the function."""
        static = {k: args[k] for k in self.nondiff_argnums}
        leaves, form = taken_apart(tuple(a for k, a in enumerate(args) if k not in static), "the arguments")
        if not any(map(is_var, leaves)):
            return self.f(*args)
        return self.with_rule([static[k] for k in self.nondiff_argnums], leaves, form)

    def with_rule(self, static: list[Any], leaves: list[Any], form: Any) -> Any:
        """What the function returns for vars."""
        raise NotImplementedError

    def complete(self, static: list[Any], others: tuple[Any, ...]) -> list[Any]:
        """All arguments in order."""
        rest, fixed = iter(others), dict(zip(self.nondiff_argnums, static, strict=True))
        return [fixed[k] if k in fixed else next(rest) for k in range(len(others) + len(static))]

    def missing(self, name: str) -> TracingError:
        return TracingError(f"{getattr(self.f, '__name__', 'the function')} has no rule yet: give one with {name}")

    def check(self, *args: Any, **options: Any) -> float:
        """Compare the rule with numerical derivatives, as `wengert.check_grad` does."""
        return check_grad(self, *args, **options)


class custom_vjp(Custom):  # noqa: N801  (it is a decorator)
    """A function whose derivative in reverse mode is given.

    Parameters
    ----------
    f : callable
        Takes and returns numbers, arrays and nests of them.
    nondiff_argnums : tuple of int
        Positions of arguments that are no numbers. The rules get them first.

    Notes
    -----
    ``defvjp(fwd, bwd)`` gives the rule, as in JAX: ``fwd(*args)`` returns the value and anything that is to be kept,
    and ``bwd(kept, g)`` the tuple of the adjoints of the arguments, from that of the value. The rule is code like any
    other, so higher derivatives follow. Forward mode transposes it. ``check(*args)`` compares it with numerical
    derivatives.

    Examples
    --------
    >>> @wg.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda kept, g: (np.clip(g, -1.0, 1.0),))
    >>> wg.grad(lambda x: 100.0 * clipped(x))(2.0)
    1.0
    """

    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Give the rule."""
        self.fwd, self.bwd = fwd, bwd

    def with_rule(self, static: list[Any], leaves: list[Any], form: Any) -> Any:
        """What `fwd` returns for vars."""
        fwd, bwd = self.fwd, self.bwd
        if fwd is None or bwd is None:
            raise self.missing("defvjp(fwd, bwd)")
        pair = on_inputs(lambda *others: fwd(*self.complete(static, others)), leaves, form)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TracingError("fwd returns (value, what is to be kept)")
        outputs, out_form = taken_apart(pair[0], "what the function returns")
        kept, kept_form = trees.flatten(pair[1])
        numeric = [is_var(leaf) or isinstance(leaf, float | np.ndarray) for leaf in kept]

        def pull(_: list[Any], residuals: list[Any], cotangents: list[Any]) -> list[Any]:
            rest = iter(residuals)
            all_kept = [next(rest) if one else leaf for one, leaf in zip(numeric, fixed, strict=True)]
            found = bwd(*static, kept_form.unflatten(all_kept), out_form.unflatten(cotangents))
            return adjoint_leaves(found, form)

        fixed = [None if one else leaf for one, leaf in zip(numeric, kept, strict=True)]
        residuals = [leaf for one, leaf in zip(numeric, kept, strict=True) if one]
        return out_form.unflatten(ruled(outputs, leaves, residuals, pull))


def adjoint_leaves(found: Any, form: Any) -> list[Any]:
    """What `bwd` returned, leaf by leaf; None stands for zero."""
    if not isinstance(found, tuple):
        raise TracingError(f"bwd returns the tuple of the adjoints of the arguments, not {type(found).__name__}")
    leaves, found_form = taken_apart(found, "what bwd returns")
    if found_form != form:
        raise ShapeError(f"bwd must return the nest of the arguments, {form}, but it returned {found_form}")
    return leaves


class custom_jvp(Custom):  # noqa: N801  (it is a decorator)
    """A function whose derivative in forward mode is given.

    Parameters
    ----------
    f : callable
        Takes and returns numbers, arrays and nests of them.
    nondiff_argnums : tuple of int
        Positions of arguments that are no numbers. The rule gets them first.

    Notes
    -----
    ``defjvp(rule)`` gives the rule, as in JAX: ``rule(primals, tangents)`` returns the value and its tangent, which is
    linear in the tangents. Reverse mode transposes it.

    Examples
    --------
    >>> @wg.custom_jvp
    ... def log1pexp(x):
    ...     return wg.log(1.0 + wg.exp(x))
    >>> log1pexp.defjvp(lambda x, t: (log1pexp(*x), t[0] / (1.0 + wg.exp(-x[0]))))
    >>> wg.grad(log1pexp)(1000.0)
    1.0
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> None:
        """Give the rule."""
        self.rule = rule

    def with_rule(self, static: list[Any], leaves: list[Any], form: Any) -> Any:
        """What the function returns for vars."""
        rule = self.rule
        if rule is None:
            raise self.missing("defjvp(rule)")
        output = on_inputs(lambda *others: self.f(*self.complete(static, others)), leaves, form)
        outputs, out_form = taken_apart(output, "what the function returns")

        def pull(arguments: list[Any], _: list[Any], cotangents: list[Any]) -> list[Any]:
            primals = form.unflatten(arguments)

            def tangent(*directions: Any) -> list[Any]:
                pair = rule(*static, primals, form.unflatten(directions))
                found, found_form = taken_apart(pair[1], "the tangent")
                if found_form != out_form:
                    raise ShapeError(f"the tangent must be a nest as the value, {out_form}, but it is {found_form}")
                return [
                    x + np.zeros(shape) if np.shape(x) != shape else x
                    for x, shape in zip(found, map(np.shape, outputs_like), strict=True)
                ]

            zeros = [np.zeros(np.shape(x)) if np.ndim(x) else 0.0 for x in arguments]
            return list(vjp(tangent, *zeros)[1](cotangents))

        outputs_like = [np.zeros(np.shape(x)) for x in outputs]
        return out_form.unflatten(ruled(outputs, leaves, [], pull))
