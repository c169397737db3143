"""What distinguishes one call of a compiled function from another?

The nest of the arguments, what each leaf is, the values of the static ones, and the shapes of the arrays. Floats and
arrays are numbers that the program takes anew at every call; everything else (ints, bools, strings, None, functions)
is static: it may decide what the function does, so another value is another program.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert import trees
from wengert._core.arrays import VarArray
from wengert._core.var import Var
from wengert.errors import ShapeError, TracingError

NUMBER, ARRAY = "number", "array"
NOT_MAPPED = object()
"""In the place of `in_axes`: the function has no lanes of its own."""
Shape = tuple[int | None, ...]
"""None for an axis that may have any length."""


@dataclass
class Arguments:
    """The arguments of one call, taken apart."""

    leaves: list[Any]
    spec: Any
    kinds: list[str | None]
    """NUMBER, ARRAY, or None for a static leaf."""
    axes: list[int | None]
    """Of each leaf: the axis that holds the lanes, if it is mapped."""

    @property
    def key(self) -> Any:
        """Equal for calls that differ in numbers and shapes at most."""
        static = [
            (type(leaf), leaf) if kind is None else (kind, np.ndim(leaf))
            for leaf, kind in zip(self.leaves, self.kinds, strict=True)
        ]
        return self.spec, tuple(static)

    def holds_integers(self, k: int) -> bool:
        """Is a leaf an array of integers, which may be indices?"""
        return self.kinds[k] is ARRAY and self.leaves[k].dtype.kind in "iu"

    @property
    def n_lanes(self) -> int:
        """Length of the mapped axes."""
        lengths = {leaf.shape[axis] for leaf, axis in zip(self.leaves, self.axes, strict=True) if axis is not None}
        if len(lengths) != 1:
            raise ShapeError(
                f"the mapped arguments must have the same number of lanes, but they have {sorted(lengths)}"
            )
        return int(lengths.pop())

    def shapes(self) -> list[Shape | None]:
        """Of each leaf: its shape without the mapped axis; None for what is no array."""
        return [
            None if kind is not ARRAY else without(leaf.shape, axis)
            for leaf, kind, axis in zip(self.leaves, self.kinds, self.axes, strict=True)
        ]

    def rebuild(self, leaves: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments with these leaves."""
        both: Any = self.spec.unflatten(leaves)
        return both  # type: ignore[no-any-return]

    def lane(self, k: int) -> Arguments:
        """The arguments of one lane."""
        leaves = [
            leaf if axis is None else np.moveaxis(leaf, axis, 0)[k]
            for leaf, axis in zip(self.leaves, self.axes, strict=True)
        ]
        kinds = [
            NUMBER if axis is not None and leaf.ndim == 1 else kind
            for leaf, axis, kind in zip(self.leaves, self.axes, self.kinds, strict=True)
        ]
        return Arguments(leaves, self.spec, kinds, [None] * len(leaves))

    def lanes(self, which: np.ndarray[Any, Any] | slice) -> Arguments:
        """The arguments of some lanes, along the first axis."""
        leaves = [
            leaf if axis is None else np.moveaxis(leaf, axis, 0)[which]
            for leaf, axis in zip(self.leaves, self.axes, strict=True)
        ]
        return Arguments(leaves, self.spec, self.kinds, [None if axis is None else 0 for axis in self.axes])


def numbers_in(array: np.ndarray[Any, Any]) -> list[float]:
    """The elements in the order of the rows, as floats."""
    return np.asarray(array, np.float64).ravel().tolist()


def without(shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    """The shape without one of its axes."""
    return shape if axis is None else shape[:axis] + shape[axis + 1 :]


def size(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    return math.prod(shape)


def has_vars(leaves: list[Any]) -> bool:
    """Is the call itself being recorded or differentiated?"""
    return any(type(leaf) is Var or isinstance(leaf, VarArray) for leaf in leaves)


def taken_apart(args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any = NOT_MAPPED) -> Arguments:
    """The arguments of a call; `in_axes` says which axes of them are mapped, as for `wengert.vmap`.

    Raises
    ------
    TracingError
        If an argument is neither numeric nor hashable, or `in_axes` does not fit.
    ShapeError
        If a mapped argument has no such axis.
    """
    leaves, spec = flat((args, kwargs))
    kinds = [kind_of(leaf) for leaf in leaves]
    axes: list[int | None] = [None] * len(leaves)
    if in_axes is not NOT_MAPPED:
        axes = mapped_axes(args, kwargs, in_axes)
        for k, axis in enumerate(axes):
            if axis is not None:
                axes[k] = checked_axis(leaves[k], kinds[k], axis)
    return Arguments(leaves, spec, kinds, axes)


def kind_of(leaf: Any) -> str | None:
    """NUMBER, ARRAY, or None for a static leaf."""
    if isinstance(leaf, float | np.floating | Var):
        return NUMBER
    if isinstance(leaf, VarArray):
        return ARRAY
    if isinstance(leaf, np.ndarray):
        if type(leaf) not in (np.ndarray, np.memmap):
            # Their arithmetic is their own: a matrix multiplies otherwise, a masked array has elements to leave out.
            raise TracingError(f"a compiled function takes plain arrays, not {type(leaf).__name__}; pass np.asarray(x)")
        if leaf.dtype.kind not in "fiub":
            raise TracingError(f"a compiled function takes arrays of real numbers, not of {leaf.dtype}")
        return ARRAY
    if isinstance(leaf, complex | np.complexfloating):
        raise TracingError("a compiled function takes real numbers, not complex ones")
    if hasattr(leaf, "__array__") and not isinstance(leaf, np.generic | type):
        message = f"a compiled function takes NumPy arrays, not {type(leaf).__name__}; pass np.asarray(x)"
        raise TracingError(message)
    try:
        hash(leaf)
    except TypeError:
        message = (
            f"an argument of a compiled function must be numeric or hashable, but {type(leaf).__name__} is neither"
        )
        raise TracingError(message) from None
    return None


def flat(nest: Any) -> tuple[list[Any], Any]:
    """Leaves and form of a nest, in which None is a leaf."""
    return trees.flatten(nest)


def mapped_axes(args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any) -> list[int | None]:
    """Of each leaf the mapped axis; keyword arguments are mapped along the first, as in JAX."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise TracingError(f"in_axes has {len(in_axes)} entries for {len(args)} positional arguments")
    nest: Any = args
    try:
        of_args = trees.broadcast_prefix(in_axes, nest)
    except ValueError as error:
        raise TracingError(f"in_axes={in_axes} does not fit the arguments: {error}") from None
    axes = [*of_args, *[0] * len(flat(kwargs)[0])]
    if all(axis is None for axis in axes):
        raise TracingError("vmap needs at least one argument that is mapped, but in_axes maps none")
    return axes


def checked_axis(leaf: Any, kind: str | None, axis: Any) -> int:
    """The mapped axis of a leaf, counted from the front."""
    if kind is not ARRAY or leaf.ndim == 0:
        what = "a number" if kind is NUMBER or kind is ARRAY else f"{type(leaf).__name__}"
        raise ShapeError(f"{what} cannot be mapped along axis {axis}; give it in_axes=None, or an array with that axis")
    if not isinstance(axis, int):
        raise TracingError(f"in_axes must be ints or None, not {axis!r}")
    if not -leaf.ndim <= axis < leaf.ndim:
        raise ShapeError(f"an array of shape {leaf.shape} has no axis {axis} to map")
    return axis % leaf.ndim  # type: ignore[no-any-return]
