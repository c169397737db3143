"""How do loops and rules of the user's own stand in a graph?

As rows whose parameter knows all about them: what a body computes (steps.py), what a rule says (custom_rules.py).
"""

from __future__ import annotations

from typing import Any

from wengert.structured import dtype_of, shape_of, structured


def _call(x: Any, *, body: Any) -> Any:
    return body.value(x)


def _custom(y: Any, x: Any, *residuals: Any, rule: Any) -> Any:
    return y


structured(
    "call",
    value=_call,
    shape=lambda x, *, body: ((body.n_result,), dtype_of(x)),
    vjp=(lambda g, y, x, *, body: body.adjoint(g, y, x),),
    doc="What a body makes of a vector: its steps run without Python between them. The body has the derivative.",
)


def _rule_of_second(g: Any, _y: Any, y: Any, x: Any, *residuals: Any, rule: Any) -> Any:
    return rule.adjoint(g, x, residuals)


structured(
    "custom",
    value=_custom,
    shape=lambda y, x, *residuals, rule: (shape_of(y), dtype_of(y)),
    vjp=(None, _rule_of_second),
    doc="The first argument, as it is; but its derivative in the second is what the rule says, from the residuals.",
)
