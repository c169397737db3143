"""How are arrays joined, and cut into parts?"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import (
    Array,
    as_array,
    dtype_of,
    one_axis,
    part_of,
    plain,
    require_shape,
    shape_of,
    with_axis,
)
from wengert.numpy_rules.registry import implements, no_rule, unsupported
from wengert.structured import rows


def arrays_of(function: str, parts: Any) -> list[Array]:
    """The arrays that a function joins."""
    found = [as_array(part) for part in parts]
    if not found:
        raise ValueError(f"np.{function} needs at least one array")
    return found


# ---- joining ----


@implements("concatenate")
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Array:
    if out is not None:
        no_rule("concatenate", "out=")
    parts = arrays_of("concatenate", arrays)
    if axis is None:
        parts, axis = [np.ravel(x) for x in parts], 0
    if dtype is not None:
        parts = [rows.cast(x, dtype=np.dtype(dtype)) for x in parts]
    return rows.concatenate(*parts, axis=one_axis(axis, len(shape_of(parts[0]))))


@implements("stack")
def stack(arrays: Any, axis: int = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    unsupported("stack", out=out)
    parts = arrays_of("stack", arrays)
    for x in parts[1:]:
        require_shape(shape_of(x) == shape_of(parts[0]), "stack", parts[0], x)
    axis = one_axis(axis, len(shape_of(parts[0])) + 1)
    return np.concatenate([np.expand_dims(x, axis) for x in parts], axis, dtype=dtype)


@implements("hstack")
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    parts = [np.atleast_1d(x) for x in arrays_of("hstack", tup)]
    return np.concatenate(parts, 0 if len(shape_of(parts[0])) == 1 else 1, dtype=dtype)


@implements("vstack")
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Array:
    return np.concatenate([np.atleast_2d(x) for x in arrays_of("vstack", tup)], 0, dtype=dtype)


@implements("dstack")
def dstack(tup: Any) -> Array:
    return np.concatenate([np.atleast_3d(x) for x in arrays_of("dstack", tup)], 2)


@implements("column_stack")
def column_stack(tup: Any) -> Array:
    parts = arrays_of("column_stack", tup)
    return np.concatenate([np.reshape(x, (-1, 1)) if len(shape_of(x)) < 2 else x for x in parts], 1)


@implements("append")
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    return np.concatenate((as_array(arr), as_array(values)), axis)


@implements("block")
def block(arrays: Any) -> Array:
    depth, ndim = depth_of(arrays), 0

    def widest(part: Any) -> int:
        return max(map(widest, part)) if isinstance(part, list) else len(shape_of(as_array(part)))

    def joined(part: Any, level: int) -> Array:
        if isinstance(part, list):
            return np.concatenate([joined(inner, level + 1) for inner in part], level - depth)
        x = as_array(part)
        return np.reshape(x, (1,) * (ndim - len(shape_of(x))) + shape_of(x))

    ndim = max(depth, widest(arrays))
    return joined(arrays, 0)


def depth_of(part: Any) -> int:
    """How deep lists stand in lists; the same everywhere."""
    if not isinstance(part, list):
        return 0
    depths = {depth_of(inner) for inner in part}
    if len(depths) != 1:
        raise ValueError("np.block needs lists of the same depth, none empty")
    return 1 + depths.pop()


# ---- cutting ----


@implements("split")
def split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    if np.ndim(indices_or_sections) == 0 and shape_of(ary)[axis] % indices_or_sections:
        raise ValueError(f"{shape_of(ary)[axis]} elements cannot be split into {indices_or_sections} equal parts")
    return np.array_split(ary, indices_or_sections, axis)


@implements("array_split")
def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    x = as_array(ary)
    shape = shape_of(x)
    axis = one_axis(axis, len(shape))
    places = plain("array_split", "indices_or_sections", indices_or_sections)
    if places.ndim:
        bounds = [0, *places.tolist(), shape[axis]]
    else:
        lengths = [len(part) for part in np.array_split(np.empty(shape[axis]), int(places))]
        bounds = list(itertools.accumulate(lengths, initial=0))
    return [part_of(x, with_axis(axis, len(shape), slice(*ends))) for ends in itertools.pairwise(bounds)]


@implements("hsplit")
def hsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    return np.split(ary, indices_or_sections, 0 if len(shape_of(ary)) == 1 else 1)


@implements("vsplit")
def vsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    require_shape(len(shape_of(ary)) >= 2, "vsplit", ary)
    return np.split(ary, indices_or_sections, 0)


@implements("dsplit")
def dsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    require_shape(len(shape_of(ary)) >= 3, "dsplit", ary)
    return np.split(ary, indices_or_sections, 2)


@implements("unstack")
def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    axis = one_axis(axis, len(shape_of(x)))
    return tuple(part_of(x, (slice(None),) * axis + (k,)) for k in range(shape_of(x)[axis]))


@implements("delete")
def delete(arr: Array, obj: Any, axis: int | None = None) -> Array:
    x, axis = (np.ravel(arr), 0) if axis is None else (as_array(arr), axis)
    index = obj if isinstance(obj, slice) else plain("delete", "obj", obj)
    kept = np.delete(np.arange(shape_of(x)[axis]), index)
    return np.take(x, kept, axis)


@implements("insert")
def insert(arr: Array, obj: Any, values: Array, axis: int | None = None) -> Array:
    x, axis = (np.ravel(arr), 0) if axis is None else (as_array(arr), one_axis(axis, len(shape_of(arr))))
    shape = shape_of(x)
    index = np.arange(shape[axis])[obj] if isinstance(obj, slice) else plain("insert", "obj", obj)
    new = as_array(values)
    new = np.reshape(new, (1,) * (len(shape) - len(shape_of(new))) + shape_of(new))
    if index.ndim == 0:  # NumPy's rule: a single index takes the first axis of the values for its own
        new = np.moveaxis(new, 0, axis)
    count = int(np.count_nonzero(index)) if index.dtype.kind == "b" else index.size
    if index.dtype.kind != "b" and count == 1:
        count = shape_of(new)[axis]
    new = np.broadcast_to(rows.cast(new, dtype=dtype_of(x)), (*shape[:axis], count, *shape[axis + 1 :]))
    order = np.insert(np.arange(shape[axis]), index, shape[axis] + np.arange(count))
    return np.take(np.concatenate((x, new), axis), order, axis)
