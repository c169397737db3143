"""How does a function of one sample become a function of many?

`vmap` leaves the function as it is; what a call of the result does depends on where it happens:

* On arrays of numbers, the function is compiled and run over lanes.
* In a function that is being compiled, the function is recorded once, for all lanes of arrays that come from outside.
  What it returns is a `Lanes` object: an array along the lanes, of which a recording has only one.
* On vars (under `grad` without `compile`, or lanes within lanes), it is called once per lane; if there are many lanes,
  or if it does what cannot be done in the slots of a lane, it is recorded once and applied to whole arrays
  (`lanes_of_arrays.py`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import trees
from wengert._core import recording
from wengert._core.arrays import VarArray, assemble, elementwise
from wengert._core.forms import Stacked
from wengert._core.var import Var, op_of
from wengert.errors import LanesDiffer, ShapeError, TracingError
from wengert.lanes_of_arrays import call_in_one, with_lanes
from wengert.nests import stacked
from wengert.recorder import Recording, current
from wengert.signatures import checked_axis, flat, has_vars, kind_of, mapped_axes

# Up to so many, recording each lane takes about as long as recording one and applying it to arrays.
FEW_LANES = 16


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Map a function over an axis of its arguments: every lane of the arrays is one call.

    Parameters
    ----------
    f : callable
        Takes floats, arrays and nests of them, and returns numbers, arrays and nests of them.
    in_axes : int, None, or sequence or nest of these, default 0
        Along which axis each positional argument is mapped; None if it is the same for all lanes. One int holds for
        all; an entry may be a nest that is a prefix of its argument. Keyword arguments are mapped along their first
        axis.
    out_axes : int, None, or nest of these, default 0
        Where the axis of the lanes is in each output; None for an output that is the same for all lanes, which then is
        returned once.

    Returns
    -------
    callable
        Takes arrays. Returns the outputs of all lanes, stacked.

    Raises
    ------
    ShapeError
        If a mapped argument has no such axis, or the numbers of lanes differ.
    TracingError
        If `in_axes` or `out_axes` does not fit, or the function cannot be recorded.

    Notes
    -----
    A call records and compiles the function once per signature, as `wengert.compile` does. Branches on values are
    followed: lanes are sorted by the path that they take.

    Examples
    --------
    >>> f = wg.vmap(lambda x, a: a * x[0] + x[1], in_axes=(0, None))
    >>> f(np.array([[1.0, 2.0], [3.0, 4.0]]), 10.0)
    array([12., 34.])
    """
    return Mapped(f, in_axes, out_axes)


class Mapped:
    """A function that `vmap` maps."""

    def __init__(self, function: Callable[..., Any], in_axes: Any, out_axes: Any) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.in_axes = in_axes
        self.out_axes = out_axes

    @functools.cached_property
    def compiled(self) -> Callable[..., Any]:
        from wengert.compiled import compile  # noqa: A004  (it is called what it does)

        return compile(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, spec = flat((args, kwargs))
        mine = current.recording
        if not recording.is_recording() and not has_vars(leaves):
            return self.compiled(*args, **kwargs)
        axes = [
            axis if axis is None or isinstance(leaf, Lanes) else checked_axis(leaf, kind_of(leaf), axis)
            for leaf, axis in zip(leaves, mapped_axes(args, kwargs, self.in_axes), strict=True)
        ]
        in_slots = mine is not None and not mine.is_whole and not recording.is_in_body()
        if mine is not None and in_slots and can_be_recorded(mine, leaves, axes):
            return self.recorded(mine, leaves, axes, spec)
        many = n_lanes_of(leaves, axes) > FEW_LANES and not recording.is_in_lanes()
        if many or (recording.is_recording() and not in_slots):
            try:
                return self.in_one(leaves, axes, spec)
            except (LanesDiffer, TracingError):
                pass  # lanes go different ways, or the function reads numbers: each lane for itself
        return self.unrolled(leaves, axes, spec)

    def on_arrays(self, *args: Any, **kwargs: Any) -> Any:
        """The same on whole arrays, whatever the number of lanes.

        Raises
        ------
        LanesDiffer
            If lanes take different branches.
        """
        leaves, spec = flat((args, kwargs))
        axes = mapped_axes(args, kwargs, self.in_axes)
        checked = [a if a is None else checked_axis(x, kind_of(x), a) for x, a in zip(leaves, axes, strict=True)]
        return self.in_one(leaves, checked, spec)

    def in_one(self, leaves: list[Any], axes: list[int | None], spec: Any) -> Any:
        """Call the function once, and do for all lanes what it did."""
        n_lanes = n_lanes_of(leaves, axes)
        form, parts = call_in_one(self.function, leaves, axes, spec, n_lanes)
        out_axes = out_axes_of(self.out_axes, form.unflatten([0.0] * len(parts)))
        return form.unflatten([with_lanes(*part, axis, n_lanes) for part, axis in zip(parts, out_axes, strict=True)])

    def recorded(self, mine: Recording, leaves: list[Any], axes: list[int | None], spec: Any) -> Any:
        """Call the function for one lane that stands for all."""
        recording.enter_lanes()
        try:
            lane = [
                leaf if axis is None else leaf.lane if isinstance(leaf, Lanes) else mine.open_lanes(leaf, axis)
                for leaf, axis in zip(leaves, axes, strict=True)
            ]
            args, kwargs = spec.unflatten(lane)
            output = self.function(*args, **kwargs)
        finally:
            recording.leave_lanes()
        parts, form = trees.flatten(output)
        lanes = []
        for part, axis in zip(parts, out_axes_of(self.out_axes, output), strict=True):
            if axis not in (0, None):
                raise TracingError("within a compiled function, the lanes of a mapped function are the first axis")
            lanes.append(part if axis is None else Lanes(part, mine))
        return form.unflatten(lanes)

    def unrolled(self, leaves: list[Any], axes: list[int | None], spec: Any) -> Any:
        """Call the function once per lane, and stack what it returns."""
        outputs = []
        for k in range(n_lanes_of(leaves, axes)):
            lane = [
                leaf if axis is None else leaf[(slice(None),) * axis + (k,)]
                for leaf, axis in zip(leaves, axes, strict=True)
            ]
            args, kwargs = spec.unflatten(lane)
            outputs.append(self.function(*args, **kwargs))
        forms = [trees.structure(output) for output in outputs]
        if any(form != forms[0] for form in forms):
            raise TracingError("a mapped function must return the same nest in every lane")
        columns = zip(*[trees.leaves_of(output) for output in outputs], strict=True)
        joined = []
        for column, axis in zip(columns, out_axes_of(self.out_axes, outputs[0]), strict=True):
            joined.append(column[0] if axis is None else with_lanes(stack(list(column)), True, axis, len(column)))
        return forms[0].unflatten(joined)


def n_lanes_of(leaves: list[Any], axes: list[int | None]) -> int:
    """The number of lanes, at least one, of arrays and arrays of vars."""
    lengths = {leaf.shape[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None}
    if len(lengths) != 1:
        raise ShapeError(f"the mapped arguments must have the same number of lanes, but they have {sorted(lengths)}")
    n_lanes = int(lengths.pop())
    if n_lanes == 0:
        raise ShapeError("a mapped function of vars needs at least one lane")
    return n_lanes


def can_be_recorded(mine: Recording, leaves: list[Any], axes: list[int | None]) -> bool:
    """Do all mapped arrays come from outside, with one number of lanes, and is this not within lanes already?"""
    if mine.is_in_lanes():
        return False
    lengths = set() if mine.n_lanes is None else {mine.lanes_opened}
    for leaf, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        if isinstance(leaf, Lanes):
            if axis != 0:
                raise TracingError("within a compiled function, the lanes of a mapped function are the first axis")
        elif isinstance(leaf, np.ndarray) or leaf.source >= 0:
            lengths.add(mine.shape_of(leaf)[axis])
        else:
            return False
    return len(lengths) == 1


def out_axes_of(out_axes: Any, output: Any) -> list[int | None]:
    """The axis of the lanes in each leaf of an output nest."""
    if isinstance(out_axes, list):
        out_axes = tuple(out_axes)
    try:
        return trees.broadcast_prefix(out_axes, output)
    except ValueError as error:
        raise TracingError(f"out_axes={out_axes} does not fit what the function returns: {error}") from None


def shape_of(part: Any) -> tuple[int, ...]:
    """The shape of an array; that of a number or var is ()."""
    return part.shape if isinstance(part, VarArray) else () if isinstance(part, Var) else np.shape(part)


def stack(column: list[Any]) -> Any:
    """Numbers or arrays of equal shape along a new first axis."""
    shapes = {shape_of(part) for part in column}
    if len(shapes) != 1:
        raise ShapeError(f"a mapped function must return the same shapes in every lane, but it returned {shapes}")
    return stacked(column, (len(column),), shapes.pop())


class Lanes(Stacked, np.lib.mixins.NDArrayOperatorsMixin):
    """An array along the lanes of a mapped function, while a compiled function is recorded.

    One lane stands for all, so elements cannot be taken. It knows elementwise arithmetic, and `sum` and `mean` over the
    lanes, which are the same for all lanes again.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, lane: Any, mine: Recording) -> None:
        super().__init__(lane)
        self.mine = mine

    @property
    def ndim(self) -> int:
        """Number of axes, with that of the lanes."""
        return 1 + len(shape_of(self.lane))

    @property
    def shape(self) -> Any:
        raise TracingError(
            "a compiled function runs over any number of lanes, so it cannot depend on how many there are"
        )

    def __len__(self) -> int:
        return len(self.shape)

    def sum(self, axis: Any = None) -> Any:
        """Sum over the lanes (axis 0), or over everything (None)."""
        lane = self.lane
        if axis is None and self.ndim > 1:
            lane = np.sum(lane)
        elif axis not in (None, 0, -self.ndim) or isinstance(axis, bool):
            raise TracingError("lanes can be summed along axis 0 only, or along all axes with axis=None")
        if isinstance(lane, VarArray | np.ndarray):
            elements = lane.flat if isinstance(lane, VarArray) else lane.ravel().tolist()
            return assemble([self.sum_of(element) for element in elements], lane.shape)
        return self.sum_of(lane)

    def sum_of(self, element: Any) -> Any:
        return recording.lane_sum(element) if isinstance(element, Var) else element * self.mine.n_lanes

    def mean(self, axis: Any = None) -> Any:
        """Mean over the lanes (axis 0), or over everything (None)."""
        n_lanes: Any = self.mine.n_lanes
        n = n_lanes * (math.prod(shape_of(self.lane)) if axis is None else 1)
        return self.sum(axis) / n

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc is np.add and inputs[0] is self and set(kwargs) <= {"axis"}:
            return self.sum(**kwargs)
        if method != "__call__" or kwargs:
            raise TracingError(f"np.{ufunc.__name__}.{method} is not known for the lanes of a mapped function")
        name = op_of(ufunc)
        if name is None:
            raise TracingError(f"np.{ufunc.__name__} has no derivative rule here")
        if not all(isinstance(operand, Lanes) or shape_of(operand) == () for operand in inputs):
            raise TracingError("the lanes of a mapped function can be combined with numbers and other lanes only")
        if len({operand.ndim for operand in inputs if isinstance(operand, Lanes)}) != 1:
            # NumPy lets the last axes meet, so that the lanes of one would meet something else of the other.
            raise ShapeError(
                "lanes of different numbers of axes cannot be combined; combine them within the mapped function"
            )
        return Lanes(elementwise(name, tuple([x.lane if isinstance(x, Lanes) else x for x in inputs])), self.mine)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.sum, np.mean) and args[0] is self:
            axis = kwargs.pop("axis", args[1] if len(args) > 1 else None)
            if not kwargs:
                return self.sum(axis) if function is np.sum else self.mean(axis)
        raise TracingError(f"np.{function.__name__} is not known for the lanes of a mapped function")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TracingError("the lanes of a mapped function cannot become an array while a function is compiled")

    def __getitem__(self, key: Any) -> Any:
        raise TracingError("one lane stands for all while a function is compiled: lanes have no elements; take np.sum")

    def __iter__(self) -> Any:
        raise TracingError("one lane stands for all while a function is compiled: take np.sum in place of sum")

    def __bool__(self) -> bool:
        raise TracingError(
            "lanes may differ, so no branch can depend on all of them; take wengert.where within the lane"
        )
