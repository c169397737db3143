"""Where do the outputs of a run go, and how are they returned?

Every leaf of the form of the outputs is one array of its own; along its first axis are the lanes, if it has lanes. What
the caller gave as ``out=`` is written at once, or last if it overlaps the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core.forms import Form
from wengert.errors import ShapeError, TracingError
from wengert.recorder import streams_of


class Results:
    """The outputs of one call.

    Parameters
    ----------
    form : Form
        Their nest.
    axes : sequence of int or None
        Of each leaf: where its lanes are when it is returned; None if it has none.
    n_lanes : int
    dtype : dtype
    """

    def __init__(self, form: Form, axes: Sequence[int | None], n_lanes: int, dtype: Any) -> None:
        self.form = form
        self.axes = axes
        self.n_lanes = n_lanes
        self.dtype = dtype
        self.forms = form.leaves()
        self.leaves = [
            np.empty(leaf.shape if axis is None else (n_lanes, *leaf.shape), dtype)
            for leaf, axis in zip(self.forms, axes, strict=True)
        ]
        self.aimed = [False] * len(self.forms)
        """Is the leaf the caller's own array?"""
        self.is_agreed = False
        """Has a lane said what the outputs without lanes are?"""

    @classmethod
    def of(cls, form: Form, elements: Sequence[float], dtype: Any) -> Results:
        """Results without lanes, from their elements."""
        result = cls(form, [None] * len(form.leaves()), 0, dtype)
        result.put_uniform(np.asarray(elements, np.float64), np.zeros(len(elements), bool))
        return result

    def aim(self, out: Any, arguments: Sequence[Any]) -> None:
        """Let the run write into the arrays of `out` at once, unless they overlap each other or the arguments."""
        targets = self.targets(out)
        taken = [array for array in arguments if isinstance(array, np.ndarray)]
        for target in targets:
            if target is not None:
                if any(np.may_share_memory(target, array) for array in taken):
                    return
                taken.append(target)
        for k, (target, axis) in enumerate(zip(targets, self.axes, strict=True)):
            if target is not None and axis is not None:
                self.leaves[k], self.aimed[k] = np.moveaxis(target, axis, 0), True

    def targets(self, out: Any) -> list[Any]:
        """The arrays of `out`, one per leaf, which the results fit into; None for those that nobody wants."""
        targets = self.form.leaves_of(out)
        for target, leaf in zip(targets, self.moved(), strict=True):
            check_target(target, leaf)
        return targets

    def moved(self) -> list[Any]:
        """The leaves with their lanes where they are returned."""
        return [
            leaf if axis is None else np.moveaxis(leaf, 0, axis)
            for leaf, axis in zip(self.leaves, self.axes, strict=True)
        ]

    def streams(self) -> np.ndarray[Any, Any]:
        """Address and stride of each output along the lanes; zeros for those without lanes."""
        parts = [
            np.zeros((form.size, 2), np.intp) if axis is None else streams_of(leaf)
            for form, leaf, axis in zip(self.forms, self.leaves, self.axes, strict=True)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.intp)

    def check_uniform(self, varies: np.ndarray[Any, Any]) -> None:
        """Refuse outputs that have no axis for the lanes, and yet differ from lane to lane."""
        end = 0
        for form, axis in zip(self.forms, self.axes, strict=True):
            first, end = end, end + form.size
            if axis is None and varies[first:end].any():
                raise TracingError("an output without an axis for the lanes must be the same for all lanes")

    def put_uniform(self, values: np.ndarray[Any, Any], varies: np.ndarray[Any, Any]) -> None:
        """Fill in the outputs that are the same for all lanes."""
        end = 0
        for form, leaf, axis in zip(self.forms, self.leaves, self.axes, strict=True):
            first, end = end, end + form.size
            uniform = ~varies[first:end]
            if axis is None:
                leaf[...] = values[first:end].reshape(form.shape)
            else:
                for k in np.flatnonzero(uniform):
                    where: Any = (slice(None), *np.unravel_index(k, form.shape))
                    leaf[where] = values[first + k]

    def put(self, elements: Sequence[float], lane: int) -> None:
        """Fill in one lane."""
        self.take(Results.of(self.form, elements, self.dtype), np.array([lane]), None)

    def take(self, part: Results, which: Any, good: Any) -> None:
        """Copy the good lanes of a part (None for all) to the lanes `which`; the part may be these results themselves.

        Raises
        ------
        TracingError
            If an output without lanes is not what other lanes said.
        """
        n_good = 1 if good is None else np.count_nonzero(good)
        for leaf, other, axis in zip(self.leaves, part.leaves, self.axes, strict=True):
            if axis is not None and part is not self:
                rows = which if good is None else which[good]
                leaf[rows] = other if good is None else other[good]
            elif axis is None and n_good:
                if self.is_agreed and not np.array_equal(leaf, other, equal_nan=True):
                    raise TracingError("an output without an axis for the lanes must be the same for all lanes")
                leaf[...] = other
        self.is_agreed = self.is_agreed or bool(n_good)

    def returned(self, out: Any) -> Any:
        """The nest that the caller gets: new arrays, or `out` with the results in it."""
        leaves = self.moved()
        if out is not None:
            for target, leaf, aimed in zip(self.targets(out), leaves, self.aimed, strict=True):
                if target is not None and not aimed:
                    target[...] = leaf
            return out
        return self.form.nest(
            [
                float(leaf) if axis is None and form.shape == () and form.is_number else leaf
                for form, leaf, axis in zip(self.forms, leaves, self.axes, strict=True)
            ]
        )


def check_target(target: Any, leaf: np.ndarray[Any, Any]) -> None:
    """Refuse what results cannot be written into."""
    if target is None:
        return
    if not isinstance(target, np.ndarray):
        raise TracingError(f"out= takes arrays (of shape () for a number), not {type(target).__name__}")
    if target.shape != leaf.shape:
        raise ShapeError(f"this output has the shape {leaf.shape}, but the array in out= has {target.shape}")
    if target.dtype != leaf.dtype:
        raise TracingError(f"this output is {leaf.dtype}, but the array in out= is {target.dtype}")
    if not target.flags.writeable:
        raise TracingError("an array in out= is read-only")
