"""Where do the outputs of a run go, and how are they returned?

Every leaf of the form of the outputs is one array of its own; along its first axis are the lanes, if it has lanes. What
the caller gave as ``out=`` is written last, so that it may overlap the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert._core.forms import Form
from wengert.errors import ShapeError, TracingError
from wengert.recorder import streams_of
from wengert.signatures import Arguments


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
        self.forms = form.leaves()
        self.leaves = [
            np.empty(leaf.shape if axis is None else (n_lanes, *leaf.shape), dtype)
            for leaf, axis in zip(self.forms, axes, strict=True)
        ]

    def streams(self) -> np.ndarray[Any, Any]:
        """Address and stride of each output along the lanes; zeros for those without lanes."""
        parts = [
            np.zeros((form.size, 2), np.intp) if axis is None else streams_of(leaf)
            for form, leaf, axis in zip(self.forms, self.leaves, self.axes, strict=True)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.intp)

    def put_uniform(self, values: np.ndarray[Any, Any], varies: np.ndarray[Any, Any]) -> None:
        """Fill in the outputs that are the same for all lanes."""
        end = 0
        for form, leaf, axis in zip(self.forms, self.leaves, self.axes, strict=True):
            first, end = end, end + form.size
            uniform = ~varies[first:end]
            if axis is None:
                if not uniform.all():
                    raise TracingError("an output without an axis for the lanes must be the same for all lanes")
                leaf[...] = values[first:end].reshape(form.shape)
            else:
                leaf.reshape(self.n_lanes, form.size)[:, uniform] = values[first:end][uniform]

    def put(self, elements: Sequence[float], lane: int | None = None) -> None:
        """Fill in all elements, or those of one lane."""
        end = 0
        for form, leaf, axis in zip(self.forms, self.leaves, self.axes, strict=True):
            first, end = end, end + form.size
            target = leaf if axis is None or lane is None else leaf[lane : lane + 1]
            target[...] = np.reshape(elements[first:end], form.shape)

    def take(self, part: Results, which: Any, good: Any) -> None:
        """Copy some lanes of the results for the lanes `which`."""
        for leaf, other, axis in zip(self.leaves, part.leaves, self.axes, strict=True):
            if axis is None:
                leaf[...] = other
            else:
                leaf[which[good]] = other[good]

    def returned(self, out: Any, arguments: Arguments) -> Any:
        """The nest that the caller gets: new arrays, or `out` with the results in it."""
        leaves = [
            leaf if axis is None else np.moveaxis(leaf, 0, axis)
            for leaf, axis in zip(self.leaves, self.axes, strict=True)
        ]
        if out is not None:
            targets = self.form.leaves_of(out)
            for target, leaf in zip(targets, leaves, strict=True):
                check_target(target, leaf)
            for target, leaf in zip(targets, leaves, strict=True):
                if target is not None:
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
