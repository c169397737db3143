"""How does the body of a loop become a tape, and how is a tape computed again on vars?

The body runs once, on vars, in the graph of what is around it. What it uses from there becomes an argument of its own.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wengert import adjoints
from wengert._core import recording
from wengert._core.arrays import VarArray, assemble, expanded, values_of
from wengert._core.bodies import close_body, open_body, value_of
from wengert._core.current import swap_graph
from wengert._core.inputs import close_inputs, for_function, open_inputs, pull
from wengert._core.taping import body_of
from wengert._core.var import Var
from wengert.array_programs.plan import ArrayProgram
from wengert.array_programs.tape import Tape
from wengert.errors import TracingError
from wengert.recorder import current
from wengert.signatures import numbers_in
from wengert.structured import ROWS

# Operations until a loop looks for Ctrl-C, some milliseconds; and those for which starting a step of a program counts.
BREATH, STEP = 2_000_000, 20
# Elements from which on an array is recorded as a whole. The few lanes of such a group cost less than as many scalar
# instructions, other than in a function that is called once, where a group has to be set up beside the call.
WHOLE = 8


@dataclass(frozen=True, eq=False)
class Body:
    """A recorded function of numbers and arrays.

    Attributes
    ----------
    tape : Tape
    examples : list of (float or ndarray)
        Values of its inputs, at which it can be recorded again.
    """

    tape: Tape
    examples: list[Any]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the inputs."""
        return [self.tape.nodes[k].shape for k in self.tape.inputs]

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """Of the outputs."""
        return [self.tape.nodes[k].shape for k in self.tape.outputs]

    @functools.cached_property
    def program(self) -> ArrayProgram:
        """The program that computes it."""
        return ArrayProgram(self.tape)

    @functools.cached_property
    def breath(self) -> int:
        """Steps of a loop until it looks for Ctrl-C: some milliseconds."""
        return max(1, BREATH // (STEP * self.program.n_steps + self.program.cost()["flops"] + 1))

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Compute it on vars."""
        values: list[Any] = [None] * len(self.tape.nodes)
        for k, x in zip(self.tape.inputs, inputs, strict=True):
            values[k] = x
        for k, node in enumerate(self.tape.nodes):
            args = [values[a] for a in node.args]
            params = dict(node.params)
            if node.kind == "constant":
                values[k] = node.constant
            elif node.kind == "op":
                values[k] = adjoints.FUNCTIONS[node.name](*args)
            elif node.name == "assemble":
                values[k] = assemble(args, params["shape"])
            elif node.kind == "row":
                values[k] = ROWS[node.name](*args, **params)
        return [values[k] for k in self.tape.outputs]

    def pulled(self, inputs: Sequence[Any], chosen: list[int], given: list[Any]) -> list[Any]:
        """Adjoints of the chosen inputs, given those of the outputs."""
        mine = open_inputs([inputs[k] for k in chosen])
        outputs: list[Any] = []
        try:
            open_large(mine)
            values = dict(zip(chosen, for_function(mine), strict=True))
            outputs = self([values.get(k, x) for k, x in enumerate(inputs)])
            return pull(mine, outputs, given)
        finally:
            values, outputs = {}, []  # or their nodes would outlive the call
            close_inputs(mine)

    def without(self, n: int) -> Body:
        """The same body without its last outputs."""
        return Body(replace(self.tape, outputs=self.tape.outputs[: len(self.tape.outputs) - n]), self.examples)


class BodyArray:
    """An array that a body gets, of which nothing is recorded yet; see `VarArray.deferred`."""

    leaf = -1
    is_whole_outside = False
    holds_integers = False

    def __init__(self, example: np.ndarray[Any, Any]) -> None:
        self.values = example
        self.shape = example.shape
        self.elements: list[Any] | None = None
        self.whole: Any = None

    def look(self) -> None:
        """Any function may see the shape: a body has one."""

    def open_elements(self) -> list[Any]:
        """Its elements as inputs."""
        if self.elements is None:
            self.elements = [recording.add_input(x, False) for x in numbers_in(self.values)]
        return self.elements

    def open_whole(self) -> Any:
        """The array as one input."""
        if self.whole is None:
            self.whole = recording.add_array(values_of(self.values))
        return self.whole

    def opened(self) -> list[tuple[Any, Any]]:
        """What was opened, and where it is in the array."""
        keys = np.ndindex(self.shape)
        parts = (
            [] if self.elements is None else list(zip(self.elements, [tuple(map(int, k)) for k in keys], strict=True))
        )
        return parts if self.whole is None else [*parts, (self.whole, None)]


class Around(threading.local):
    """Of each thread: the inputs of the bodies that are being recorded, and of the functions around them."""

    def __init__(self) -> None:
        self.inputs: list[Callable[[], list[Any]]] = []


around = Around()


@contextmanager
def apart() -> Iterator[None]:
    """Derivatives of plain numbers in here leave those alone that are being computed or recorded around it."""
    graph, outer, inputs = swap_graph(None), current.recording, around.inputs
    current.recording, around.inputs = None, []
    try:
        yield
    finally:
        swap_graph(graph)
        current.recording, around.inputs = outer, inputs


def record_body(function: Callable[[list[Any]], list[Any]], examples: list[Any]) -> tuple[Body, list[Any]]:
    """Record a function of a list of numbers and arrays that returns such a list.

    Parameters
    ----------
    function : callable
    examples : list of (float or ndarray)
        Values for its arguments.

    Returns
    -------
    Body
        Its first inputs are what the function uses from outside.
    list of (Var or VarArray)
        That.

    Raises
    ------
    TracingError
        If a branch depends on the arguments.
    """
    outer, current.recording = current.recording, None
    n_around = len(around.inputs)
    if outer is not None:
        around.inputs.append(lambda: outer.inputs)
    first, before = open_body()
    inputs: list[Any] = []
    try:
        inputs += [BodyArray(x) if np.ndim(x) else recording.add_input(float(x), False) for x in examples]
        around.inputs.append(lambda: opened(inputs))
        open_large(inputs)
        given = [VarArray.deferred(x) if isinstance(x, BodyArray) else x for x in inputs]
        outputs = [as_output(x) for x in function(given)]
        check_guards(recording.recorded_guards())
        handles = placed(inputs)
        enclosing = [x for of_one in around.inputs[:-1] for x in of_one()]
        tape, captured = body_of(first, handles, [np.shape(x) for x in examples], outputs, [], enclosing)
    finally:
        del around.inputs[n_around:]
        current.recording = outer
        inputs.clear()
        # Or nodes would outlive the recording:
        given = outputs = enclosing = handles = None  # type: ignore[assignment]
        close_body(first, before)
    return Body(tape, [*map(value_of, captured), *examples]), captured


def open_large(inputs: list[Any]) -> None:
    """Open arrays that are worth it as a whole."""
    for x in inputs:
        if not isinstance(x, Var) and math.prod(x.shape) >= WHOLE:
            x.open_whole()


def placed(inputs: list[Any]) -> list[tuple[Any, int, Any]]:
    """What was opened of the inputs: the var or array node, which input, and where in it."""
    return [
        (handle, k, key)
        for k, x in enumerate(inputs)
        for handle, key in (x.opened() if isinstance(x, BodyArray) else [(x, None)])
    ]


def opened(inputs: list[Any]) -> list[Any]:
    """The vars and array nodes among the inputs of a body."""
    return [handle for handle, _, _ in placed(inputs)]


def as_output(x: Any) -> tuple[Any, tuple[int, ...] | None]:
    """An output as `body_of` takes it."""
    shape = np.shape(x)
    if shape == ():
        return [x.item() if isinstance(x, np.ndarray) else x], None
    parts = expanded([x], [x])[0]
    whole = isinstance(x, VarArray) and x.is_whole
    return parts[0] if whole else parts, shape


def check_guards(guards: list[Any]) -> None:
    """Refuse branches: every step of a loop runs the same program."""
    if guards:
        raise TracingError(
            "the body of a loop cannot branch on what changes from step to step (if, while, and, or): take "
            "wengert.where, and & or | for conditions"
        )
