"""How does one call of a function become a program?

The function runs once, on vars. Its inputs come in *blocks*, each of which says where the numbers are to be found in
the arguments of a later call: a float, the elements of an array, or the lanes of a mapped array. Blocks are opened as
the function needs them: an array that it only maps never has its elements recorded one by one.
"""

from __future__ import annotations

import functools
import itertools
import random
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert import threads
from wengert._core import recording
from wengert._core.arrays import VarArray, assemble, expanded, values_of
from wengert._core.call import Quick, QuickArrays, QuickCall, QuickLanes
from wengert._core.forms import Form, form_of
from wengert._core.lanes import LanesRun
from wengert._core.plan import Plan
from wengert._core.program import Program
from wengert._core.taping import tape_of
from wengert._core.var import Var
from wengert.array_programs.plan import ArrayProgram
from wengert.errors import FrozenNumberWarning, NeedsArrays
from wengert.long_loops import warn_of_long_loops
from wengert.signatures import NUMBER, Arguments, Shape, numbers_in, size, without

THE_NUMBER, ALL_ELEMENTS, WHOLE, INDICES = "the number", "all elements", "the whole array", "indices"
LANES, N_LANES = "lanes", "number of lanes"


@dataclass(frozen=True)
class Block:
    """Inputs of a program that belong together."""

    kind: str
    first: int
    """Number of its first input."""
    n_inputs: int
    leaf: int
    """Which leaf of the arguments; -1 for `constant`."""
    axis: int = 0
    """Of LANES: the axis along which the lanes are."""
    constant: np.ndarray[Any, Any] | None = field(default=None, compare=False)
    """An array that the function has from elsewhere, as it was when it was recorded."""

    def array(self, arguments: Arguments) -> Any:
        """The leaf of the arguments, or the constant, in which the numbers are."""
        return arguments.leaves[self.leaf] if self.constant is None else self.constant


@dataclass
class Recorded:
    """A program, and the way from arguments to its inputs and from its outputs to the result."""

    program: Any
    """A Program, or an ArrayProgram."""
    form: Form
    blocks: list[Block]
    shapes: list[Shape | None]
    """Of each leaf: the shape that it must have; None for an axis of any length, or for a number."""
    quick_calls: list[Quick | None] = field(default_factory=list)
    """What `quick` gives, once it has been asked."""

    def n_lanes(self, arguments: Arguments) -> int:
        """Lanes of the arrays that the function itself maps."""
        for block in self.blocks:
            if block.kind is LANES:
                return int(block.array(arguments).shape[block.axis])
        return 0

    def matches(self, arguments: Arguments) -> bool:
        """Have the arrays the shapes for which this was recorded?"""
        for wanted, leaf, axis in zip(self.shapes, arguments.leaves, arguments.axes, strict=True):
            if wanted is None:
                continue
            shape = without(leaf.shape, axis)
            if len(shape) != len(wanted):
                return False
            if any(w is not None and w != n for w, n in zip(wanted, shape, strict=True)):
                return False
        if any(axis is not None for axis in arguments.axes):
            return True
        return len({block.array(arguments).shape[block.axis] for block in self.blocks if block.kind is LANES}) <= 1

    def execute(self, arguments: Arguments, results: Any, dtype: Any, n_threads: int) -> Any:
        """Run the program; gives the guards that failed, as `LanesRun.run` does."""
        uniform, streams, keep = gather(self, arguments, dtype)
        run = LanesRun(self.program, results.n_lanes, uniform, streams, results.streams(), [*keep, *results.leaves])
        varies = run.varying_outputs()
        results.check_uniform(varies)
        failed = run.run(functools.partial(threads.spread, n_threads=n_threads))
        if not isinstance(failed, int):
            results.put_uniform(run.uniform_outputs(), varies)
        return failed

    def quick(self, arguments: Arguments, axes: list[int | None]) -> Quick | None:
        """The same for calls that are like this one, if it has floats and arrays only, with the lanes in front.

        The `axes` are where the lanes of each output are when it is returned.
        """
        args, kwargs = arguments.rebuild(arguments.leaves)
        blocks = {block.leaf: block for block in self.blocks if block.kind is not N_LANES}
        counts = [block.first for block in self.blocks if block.kind is N_LANES]
        if any(arg is not leaf for arg, leaf in zip(args, arguments.leaves, strict=False)):
            return None  # it is within a nest
        has_constants = any(block.constant is not None for block in self.blocks)
        if kwargs or len(args) != len(arguments.leaves) or None in arguments.kinds:
            return None
        if has_constants or len(blocks) + len(counts) != len(self.blocks) or any(block.axis for block in self.blocks):
            return None
        if not self.program.varies and not any(block.kind is LANES for block in self.blocks):
            # An array of which the function took no element has no block.
            firsts = [blocks[k].first if k in blocks else -1 for k in range(len(args))]
            shapes = [
                None if kind is NUMBER else np.shape(arg) for arg, kind in zip(args, arguments.kinds, strict=True)
            ]
            return QuickCall(self.program, self.form, list(zip(firsts, shapes, strict=True)))
        if len(blocks) < len(args):
            return None
        in_order = [blocks[k] for k in range(len(args))]
        kinds = {THE_NUMBER: "number", ALL_ELEMENTS: "array", LANES: "lanes"}
        sources = [
            (kinds[block.kind], block.first, np.shape(arg)[1:] if block.kind is LANES else np.shape(arg))
            for block, arg in zip(in_order, args, strict=True)
        ]
        return QuickLanes(self.program, self.form, sources, counts[0] if counts else -1, axes)


class RecordedArrays(Recorded):
    """The same for a program of arrays, which takes and returns arrays as they are."""

    def n_lanes(self, arguments: Arguments) -> int:
        """It has no lanes."""
        return 0

    @functools.cached_property
    def indices(self) -> set[int]:
        """Leaves that must hold integers."""
        return {block.leaf for block in self.blocks if block.kind is INDICES}

    def matches(self, arguments: Arguments) -> bool:
        """Have the arrays the shapes for which this was recorded, and are indices integers?"""
        return super().matches(arguments) and all(arguments.holds_integers(k) for k in self.indices)

    def leaves_of(self, arguments: Arguments) -> list[Any]:
        """What the program takes."""
        return [arguments.leaves[block.leaf] for block in self.blocks]

    def execute(self, arguments: Arguments, results: Any, dtype: Any, n_threads: int) -> Any:
        """Run the program; gives the number of a guard that failed, or None."""
        failed = self.program.run(self.leaves_of(arguments), results.leaves)
        return None if failed < 0 else failed

    def quick(self, arguments: Arguments, axes: list[int | None]) -> Quick | None:
        """The same for calls that are like this one, if it has floats and arrays only."""
        args, kwargs = arguments.rebuild(arguments.leaves)
        if kwargs or len(args) != len(arguments.leaves) or None in arguments.kinds:
            return None
        if any(arg is not leaf for arg, leaf in zip(args, arguments.leaves, strict=True)):
            return None  # it is within a nest
        shapes = [None if kind is NUMBER else np.shape(arg) for arg, kind in zip(args, arguments.kinds, strict=True)]
        dtypes = [np.dtype(np.int64 if k in self.indices else np.float64) for k in range(len(args))]
        return QuickArrays(self.program, self.form, shapes, dtypes, [block.leaf for block in self.blocks])


class Recording:
    """A function that is being recorded."""

    def __init__(self, arguments: Arguments, is_whole: bool) -> None:
        self.arguments = arguments
        self.is_whole = is_whole
        """Do mapped functions within this one run on whole arrays?"""
        self.inputs: list[Any] = []
        """Vars, and nodes of whole arrays."""
        self.blocks: list[Block] = []
        self.shapes = arguments.shapes()
        self.fixed: set[int] = set()
        """Leaves whose shape the function has seen, so that it must not change."""
        self.n_lanes: Var | None = None
        self.lanes_opened = 0
        """How many lanes the mapped arrays had, once there are any."""

    def open(self, kind: str, leaf: int, values: list[float], varying: bool, **where: Any) -> list[Var]:
        """Open a block of inputs with these example values."""
        self.blocks.append(Block(kind, len(self.inputs), len(values), leaf, **where))
        new = [recording.add_input(value, varying) for value in values]
        self.inputs += new
        return new

    def open_leaf(self, k: int) -> Any:
        """What stands for a leaf of the arguments while the function runs."""
        leaf, axis = self.arguments.leaves[k], self.arguments.axes[k]
        if self.arguments.kinds[k] is None:
            return leaf
        if self.arguments.kinds[k] is NUMBER:
            return self.open(THE_NUMBER, k, [float(leaf)], False)[0]
        if axis is None:
            return VarArray.deferred(OutsideArray(self, k))
        shape = without(leaf.shape, axis)
        lane = self.open(LANES, k, example_lane(leaf, axis), True, axis=axis)
        return lane[0] if shape == () else assemble(lane, shape)

    def open_lanes(self, array: Any, axis: int) -> Any:
        """One lane of an array that a mapped function within this one takes; None if that cannot be recorded."""
        leaf = array.source if isinstance(array, VarArray) else -1
        values = self.arguments.leaves[leaf] if leaf >= 0 else np.array(array, np.float64)
        n_lanes = values.shape[axis]
        if self.n_lanes is None:
            self.n_lanes = self.open(
                N_LANES, leaf, [float(n_lanes)], False, axis=axis, constant=None if leaf >= 0 else values
            )[0]
            self.lanes_opened = n_lanes
        shape = without(values.shape, axis)
        constant = None if leaf >= 0 else values
        lane = self.open(LANES, leaf, example_lane(values, axis), True, axis=axis, constant=constant)
        wanted = self.shapes[leaf] if leaf >= 0 else None
        if wanted is not None:
            self.shapes[leaf] = (*wanted[:axis], None, *wanted[axis + 1 :])
        return lane[0] if shape == () else assemble(lane, shape)

    def with_arrays(self, first: int, form: Form, elements: list[Any], guards: list[Any], single: bool) -> Recorded:
        """The program of what was recorded, arrays among it."""
        outputs: list[Any] = []  # first: an array that is handed through becomes an input now
        rest = iter(elements)
        for leaf in form.leaves():
            parts = list(itertools.islice(rest, min(leaf.size, 1)))
            if parts and isinstance(parts[0], VarArray):
                outputs.append((expanded(parts, parts)[0][0], leaf.shape))
            else:
                parts += itertools.islice(rest, max(leaf.size - 1, 0))
                outputs.append((parts, None if leaf.is_number else leaf.shape))
        sources = sorted({(block.leaf, block.kind is INDICES) for block in self.blocks})
        shapes = [np.shape(self.arguments.leaves[leaf]) for leaf, _ in sources]
        dtypes = [np.dtype(np.int64 if integers else np.float64) for _, integers in sources]
        inputs: list[Any] = []
        for block in self.blocks:
            which = sources.index((block.leaf, block.kind is INDICES))
            if block.kind is ALL_ELEMENTS:
                keys = [tuple(map(int, key)) for key in np.ndindex(shapes[which])]
                inputs += zip(self.inputs[block.first :], [which] * len(keys), keys, strict=False)
            else:
                inputs.append((self.inputs[block.first], which, None))
        program = ArrayProgram(tape_of(first, inputs, list(zip(shapes, dtypes, strict=True)), outputs, guards), single)
        blocks = [Block(INDICES if integers else WHOLE, 0, 1, leaf) for leaf, integers in sources]
        return RecordedArrays(program, form, blocks, self.arguments.shapes())

    def is_in_lanes(self) -> bool:
        """Is the function of one lane running?"""
        return recording.is_in_lanes()

    def shape_of(self, array: Any) -> tuple[int, ...]:
        """The shape of an array from outside, which may have another number of lanes at the next call."""
        return self.arguments.leaves[array.source].shape if isinstance(array, VarArray) else array.shape  # type: ignore[no-any-return]

    def demanded_shapes(self) -> list[Shape | None]:
        """The shapes on which the recording depends."""
        return [
            exact if k in self.fixed else shape
            for k, (exact, shape) in enumerate(zip(self.arguments.shapes(), self.shapes, strict=True))
        ]


class OutsideArray:
    """An array among the arguments of a function that is being recorded, of which nothing is recorded yet."""

    def __init__(self, mine: Recording, leaf: int) -> None:
        self.mine = mine
        self.leaf = leaf
        self.values: np.ndarray[Any, Any] = mine.arguments.leaves[leaf]
        self.shape = self.values.shape
        self.elements: list[Var] | None = None
        self.whole: Any = None
        self.integers: Any = None

    is_whole_outside = False

    @property
    def holds_integers(self) -> bool:
        """Can it be an index?"""
        return self.values.dtype.kind in "iu"

    def look(self) -> None:
        """The function sees the shape."""
        self.mine.fixed.add(self.leaf)

    def open_elements(self) -> list[Var]:
        """Its elements as inputs."""
        if self.elements is None:
            self.elements = self.mine.open(ALL_ELEMENTS, self.leaf, numbers_in(self.values), False)
        return self.elements

    def open_whole(self) -> Any:
        """The array as one input."""
        if self.whole is None:
            self.whole = self.open(WHOLE, values_of(self.values))
        return self.whole

    def open_integers(self) -> Any:
        """The array as one input that can be indices."""
        if self.integers is None:
            self.integers = self.open(INDICES, self.values.astype(np.int64))
        return self.integers

    def open(self, kind: str, values: np.ndarray[Any, Any]) -> Any:
        input_ = recording.add_array(values)
        self.mine.blocks.append(Block(kind, len(self.mine.inputs), 1, self.leaf))
        self.mine.inputs.append(input_)
        return input_


class Current(threading.local):
    """The recording of each thread."""

    recording: Recording | None = None


current = Current()


def example_lane(array: np.ndarray[Any, Any], axis: int) -> list[float]:
    """The elements of the first lane; ones if there is no lane."""
    if array.shape[axis] == 0:
        return [1.0] * size(without(array.shape, axis))
    return numbers_in(np.moveaxis(array, axis, 0)[0])


def record(function: Callable[..., Any], arguments: Arguments, single: bool) -> Recorded:
    """Run a function once on vars and compile what it did.

    Parameters
    ----------
    function : callable
    arguments : Arguments
        Example arguments. Mapped leaves give the function their first lane.
    single : bool
        Compile for float32.

    Raises
    ------
    TracingError
        If the function returns something other than real numbers, or uses vars from outside.
    NeedsArrays
        If the function is mapped and cannot run lane by lane.
    """
    try:
        return record_once(function, arguments, single, False)
    except NeedsArrays:
        if any(axis is not None for axis in arguments.axes):
            raise
    return record_once(function, arguments, single, True)


def record_once(function: Callable[..., Any], arguments: Arguments, single: bool, is_whole: bool) -> Recorded:
    """The same in one try: mapped functions within this one run over lanes in slots, or else on whole arrays."""
    first = recording.open_recording()
    mine = current.recording = Recording(arguments, is_whole)
    is_mapped = any(axis is not None for axis in arguments.axes)
    try:
        if is_mapped:
            recording.enter_lanes()
        leaves = [mine.open_leaf(k) for k in range(len(arguments.leaves))]
        args, kwargs = arguments.rebuild(leaves)
        before = random_states()
        form, elements = form_of(function(*args, **kwargs))
        if random_states() != before:
            warn_of_random_numbers(function)
        warn_of_long_loops(first)
        guards = recording.recorded_guards()
        # A whole array is an input of array programs only, even if it turns out that nothing depends on it.
        is_whole = any(block.kind in (WHOLE, INDICES) for block in mine.blocks)
        if is_whole or recording.needs_arrays(first, [*elements, *[guard[0] for guard in guards]]):
            if is_mapped or mine.n_lanes is not None:
                raise NeedsArrays
            return mine.with_arrays(first, form, elements, guards, single)
        plan = Plan(first, mine.inputs, mine.n_lanes, elements, guards)
        program = Program(plan.parts | {"single": single})
        return Recorded(program, form, mine.blocks, mine.demanded_shapes())
    finally:
        current.recording = None
        mine.inputs, mine.n_lanes = [], None
        # Or the nodes would outlive the recording:
        leaves = args = kwargs = elements = guards = plan = None  # type: ignore[assignment]
        recording.close_recording(first)


def random_states() -> Any:
    """Something that differs once a number was drawn from Python's or NumPy's global generator."""
    state: Any = np.random.get_state(legacy=False)["state"]  # noqa: NPY002  (this is the one that is looked at)
    return random.getstate(), state["pos"], state["key"].tobytes()


def warn_of_random_numbers(function: Callable[..., Any]) -> None:
    name = getattr(function, "__name__", "the function")
    warnings.warn(
        f"{name} drew random numbers while it was recorded: they are constants of the program, the same at every call. "
        "Pass random numbers as arguments",
        FrozenNumberWarning,
        stacklevel=7,
    )


def gather(recorded: Recorded, arguments: Arguments, dtype: Any) -> tuple[Any, Any, list[Any]]:
    """The inputs of a program from the arguments of a call.

    Returns
    -------
    uniform : ndarray of float64, shape (n_inputs,)
        Those that do not vary.
    streams : ndarray of intp, shape (n_inputs, 2)
        Address of the first lane and stride of those that do.
    keep : list of ndarray
        Arrays that must live as long as the streams are read.
    """
    uniform = np.zeros(recorded.program.n_inputs)
    streams = np.zeros((recorded.program.n_inputs, 2), np.intp)
    keep = []
    for block in recorded.blocks:
        leaf = block.array(arguments)
        end = block.first + block.n_inputs
        if block.kind is THE_NUMBER:
            uniform[block.first] = leaf
        elif block.kind is N_LANES:
            uniform[block.first] = leaf.shape[block.axis]
        elif block.kind is ALL_ELEMENTS:
            uniform[block.first : end] = np.asarray(leaf, np.float64).ravel()
        else:
            lanes = np.moveaxis(leaf, block.axis, 0)
            if lanes.dtype != dtype or not lanes.dtype.isnative or not lanes.flags.aligned:
                lanes = lanes.astype(dtype)
            keep.append(lanes)
            streams[block.first : end] = streams_of(lanes)
    return uniform, streams, keep


def streams_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Address and stride of every element along the first axis, in the order of the others."""
    offsets = np.zeros(1, np.intp)
    for length, stride in zip(array.shape[1:], array.strides[1:], strict=True):
        offsets = np.add.outer(offsets, np.arange(length) * stride).ravel()
    result = np.empty((len(offsets), 2), np.intp)
    result[:, 0] = array.__array_interface__["data"][0] + offsets
    result[:, 1] = array.strides[0] if array.ndim else 0
    return result
