"""How does a function of one sample run on whole arrays of samples?

It is called once, on the first lane, and recorded; then what it did is applied to all lanes, node by node, with the
rules of `batching.py`. That is done with vars where there are vars, so it can be recorded and differentiated like
anything else; derivatives that the function takes itself are among what it did. What is the same for all lanes is
computed once. A branch that is not the same for all lanes cannot be followed this way: `LanesDiffer`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import trees
from wengert._core import recording
from wengert._core.arrays import VarArray, assemble, elementwise, example_of, expanded, of_node, values_of
from wengert._core.forms import form_of
from wengert._core.taping import body_of
from wengert.array_programs.tape import Tape
from wengert.batching import apply_elementwise, apply_to_lanes, moved
from wengert.batching import assemble as assemble_lanes
from wengert.errors import LanesDiffer, TracingError
from wengert.structured import ROWS, rows, shape_of


def call_in_one(
    function: Callable[..., Any], leaves: list[Any], axes: list[int | None], spec: Any, n_lanes: int
) -> tuple[Any, list[tuple[Any, bool]]]:
    """Call a function for all lanes at once.

    Parameters
    ----------
    function : callable
    leaves : list
        Of the arguments; mapped ones are arrays.
    axes : list of int or None
        Of each leaf: the axis along which the lanes are.
    spec : PyTreeSpec
        Of the arguments, positional and keywords.
    n_lanes : int
        At least 1.

    Returns
    -------
    form : PyTreeSpec
        Of what the function returned.
    parts : list of (array or number, bool)
        Of each leaf of the output: its value; and whether that has the lanes in front, or is the same for all of them.

    Raises
    ------
    LanesDiffer
        If lanes take different branches.
    """
    fronts = [
        moved(leaf if isinstance(leaf, VarArray) else values_of(leaf), axis, 0)
        for leaf, axis in zip(leaves, axes, strict=True)
        if axis is not None
    ]
    examples = [np.asarray(example_of(front)[0]) for front in fronts]
    before = recording.open_body()
    lane: list[Any] = []
    inputs: list[Any] = []
    handles: list[tuple[Any, int, tuple[int, ...] | None]] = []
    parts: list[Any] = []
    outputs: list[Any] = []
    output = None
    try:
        rest = iter(examples)
        for leaf, axis in zip(leaves, axes, strict=True):
            if axis is not None:
                inputs.append(open_input(next(rest)))
            lane.append(leaf if axis is None else of_node(inputs[-1]))
        args, kwargs = spec.unflatten(lane)
        output = function(*args, **kwargs)
        parts = trees.leaves_of(output)
        outputs = [handles_of(part) for part in parts]
        handles += [(handle, k, None) for k, handle in enumerate(inputs)]
        shapes = [example.shape for example in examples]
        tape, captured = body_of(before[0], handles, shapes, outputs, recording.recorded_guards(), [])
        form = trees.structure(output)
    finally:
        # or the nodes would outlive the call
        lane, inputs, handles, parts, outputs = [], [], [], [], []
        args = kwargs = output = None
        recording.close_body(before)
    values = [(x, False) for x in captured] + [(front, True) for front in fronts]
    return form, replay(tape, values, n_lanes)


def open_input(example: Any) -> Any:
    """A fresh node with the value of the first lane. Integers stay integers, so that they can be indices."""
    if example.ndim or example.dtype.kind in "iu":
        return recording.add_array(example)
    return recording.add_input(float(example), False)


def handles_of(part: Any) -> tuple[Any, tuple[int, ...] | None]:
    """A leaf of the output as `body_of` wants it."""
    form, elements = form_of(part)
    if len(elements) == 1 and isinstance(elements[0], VarArray):
        return expanded(elements, elements)[0][0], form.shape
    return elements, None if form.is_number else form.shape


def replay(tape: Tape, inputs: list[tuple[Any, bool]], n: int) -> list[tuple[Any, bool]]:
    """Do on all lanes what a tape does on one.

    Parameters
    ----------
    tape : Tape
    inputs : list of (value, bool)
        Values of its inputs, and which of them have the lanes in front.
    n : int
        Number of lanes.

    Returns
    -------
    list of (value, bool)
        The same of the outputs.
    """
    known: dict[int, tuple[Any, bool]] = dict(zip(tape.inputs, inputs, strict=True))
    for k, node in enumerate(tape.nodes):
        if k in known:
            continue
        if node.kind == "constant":
            known[k] = node.constant, False
            continue
        args = tuple([known[arg][0] for arg in node.args])
        varies = tuple([known[arg][1] for arg in node.args])
        params = dict(node.params)
        if not any(varies):
            known[k] = apply_once(node.kind, node.name, args, params), False
        elif node.kind == "op":
            known[k] = apply_elementwise(node.name, args, varies), True
        elif node.name == "assemble":
            known[k] = assemble_lanes(args, varies, node.shape, n), True
        else:
            known[k] = apply_to_lanes(node.name, args, varies, params, n), True
    for k, outcome in tape.guards:
        follow(*known[k], outcome)
    return [known[k] for k in tape.outputs]


def apply_once(kind: str, name: str, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """What is the same for all lanes."""
    if kind == "op":
        return elementwise(name, args)
    return assemble(args, params["shape"]) if name == "assemble" else ROWS[name](*args, **params)


def follow(value: Any, varies: bool, outcome: bool) -> None:
    """Take a branch that all lanes take; while a program is recorded, this is a guard."""
    if not varies:
        bool(value)
        return
    truth = elementwise("where", (elementwise("ne", (value, 0.0)), 1.0, 0.0))
    if np.any(np.asarray(example_of(truth)) != outcome):
        raise LanesDiffer
    bool((rows.min if outcome else rows.max)(truth, axis=0))


def with_lanes(value: Any, varies: bool, axis: int | None, n: int) -> Any:
    """An output with its lanes along an axis; None if it has none."""
    if axis is None:
        if varies:
            raise TracingError("an output without an axis for the lanes must be the same for all lanes")
        return value
    ndim = len(shape_of(value)) + (not varies)
    if not -ndim <= axis < ndim:
        raise TracingError(f"out_axes names the axis {axis} of an output that has {ndim}, that of the lanes included")
    if not varies:
        value = rows.broadcast_to(value, shape=(n, *shape_of(value)))
    return moved(value, 0, axis % ndim)
