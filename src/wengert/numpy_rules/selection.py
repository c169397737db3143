"""Which elements are taken, put, chosen or found: NumPy's functions of indices, conditions and order?

An index or a truth value that depends on vars is recorded like anything else, so a replay finds its own.  What a
function assigns in place it assigns through ``x[...] = v``, which a recorded array turns into a functional update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert._core import functions
from wengert._core.arrays import VarArray, as_indices
from wengert._core.var import Var
from wengert.numpy_rules.arguments import (
    Array,
    as_array,
    dtype_of,
    has_var,
    is_var,
    one_axis,
    plain,
    require_shape,
    shape_of,
    size_of,
)
from wengert.numpy_rules.registry import constant, implements, no_rule, unsupported
from wengert.structured import freeze, rows

# ---- choosing by conditions ----


@implements("where")
def where(condition: Array, x: Array = None, y: Array = None, /) -> Array:
    if x is None or y is None:
        no_rule("where", "a condition alone (the shape of the result would depend on values)")
    arguments = as_array(condition), as_array(x), as_array(y)
    return functions.where(*arguments) if any(map(is_var, arguments)) else np.where(*arguments)


@implements("select")
def select(condlist: Sequence[Array], choicelist: Sequence[Array], default: Array = 0) -> Array:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError("np.select needs as many conditions as choices, and at least one")
    chosen = as_array(default)
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = np.where(as_array(condition), as_array(choice), chosen)
    return chosen


@implements("choose")
def choose(a: Array, choices: Any, out: None = None, mode: str = "raise") -> Array:
    unsupported("choose", out=out)
    index, options = as_array(a), [as_array(choice) for choice in choices]
    if mode == "wrap":
        index = index % len(options)
    elif mode == "raise" and is_var(index):
        no_rule("choose", "mode='raise' and an index that is a var; take mode='clip'")
    elif mode == "raise" and size_of(index) and not 0 <= np.min(index) <= np.max(index) < len(options):
        raise ValueError(f"np.choose: an index is not one of {len(options)} choices")
    chosen = options[-1]
    for number in reversed(range(len(options) - 1)):
        chosen = np.where(index <= number, options[number], chosen)
    return np.broadcast_to(chosen, np.broadcast_shapes(shape_of(index), *map(shape_of, options)))


@implements("piecewise")
def piecewise(x: Array, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Each function sees all of x: which elements are its own is only known at a replay."""
    x = as_array(x)
    if isinstance(condlist, list | tuple):
        alone = bool(shape_of(x)) and len(condlist) > 0 and not shape_of(as_array(condlist[0]))
    else:
        alone = len(shape_of(as_array(condlist))) == len(shape_of(x))
    condlist = [as_array(condlist)] if alone else list(condlist)
    if not 0 <= len(funclist) - len(condlist) <= 1:
        raise ValueError(f"with {len(condlist)} condition(s), either as many functions or one more are expected")
    values = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    chosen = values.pop() if len(values) > len(condlist) else 0.0
    for condition, value in zip(condlist, values, strict=True):  # the last true condition wins
        chosen = np.where(condition, value, chosen)
    return np.broadcast_to(chosen, shape_of(x))


@implements("clip")
def clip(
    a: Array,
    a_min: Array = None,
    a_max: Array = None,
    out: None = None,
    *,
    min: Array = None,  # noqa: A002
    max: Array = None,  # noqa: A002
    dtype: Any = None,
    **kwargs: Any,
) -> Array:
    """Slope 1 in `a` at the bounds themselves, as in PyTorch."""
    unsupported("clip", out=out, **kwargs)
    low, high = a_min if min is None else min, a_max if max is None else max
    x = as_array(a)
    if low is not None:
        x = np.where((x < low) | np.isnan(low), low, x)
    if high is not None:
        x = np.where((x > high) | np.isnan(high), high, x)
    return x if dtype is None else rows.cast(x, dtype=np.dtype(dtype))


# ---- taking by indices ----


def integers(index: Array) -> Array:
    """Indices as integers."""
    known = as_indices(index) if isinstance(index, Var | VarArray) else None
    if known is not None:
        return known
    return rows.cast(index, dtype=np.dtype(np.intp)) if dtype_of(index) != np.intp else index


@implements("take")
def take(a: Array, indices: Array, axis: int | None = None, out: None = None, mode: str = "raise") -> Array:
    unsupported("take", out=out)
    x, axis = (np.ravel(a), 0) if axis is None else (as_array(a), one_axis(axis, len(shape_of(a))))
    index, length = as_array(indices), shape_of(x)[axis]
    if mode == "clip":
        index = np.clip(index, 0, length - 1)
    elif mode == "wrap":
        index = index % length
    index = integers(index)
    if not is_var(index) and size_of(index) and not -length <= index.min() <= index.max() < length:
        raise IndexError(f"an index is out of bounds for an axis of {length} elements")
    return rows.take(x, index, axis=axis)


@implements("take_along_axis")
def take_along_axis(arr: Array, indices: Array, axis: int | None = -1) -> Array:
    x, axis = (np.ravel(arr), 0) if axis is None else (as_array(arr), one_axis(axis, len(shape_of(arr))))
    index = integers(as_array(indices))
    require_shape(len(shape_of(index)) == len(shape_of(x)), "take_along_axis", x, index)
    shape = list(np.broadcast_shapes(*(tuple(np.delete(shape_of(z), axis)) for z in (x, index))))
    x = np.broadcast_to(x, (*shape[:axis], shape_of(x)[axis], *shape[axis:]))
    index = np.broadcast_to(index, (*shape[:axis], shape_of(index)[axis], *shape[axis:]))
    return rows.take_along(x, index, axis=axis)


@implements("compress")
def compress(condition: Any, a: Array, axis: int | None = None, out: None = None) -> Array:
    unsupported("compress", out=out)
    return np.take(a, np.flatnonzero(plain("compress", "condition", condition)), axis)


@implements("extract")
def extract(condition: Any, arr: Array) -> Array:
    return np.take(np.ravel(arr), np.flatnonzero(plain("extract", "condition", condition)))


@implements("ix_")
def ix_(*args: Array) -> tuple[Array, ...]:
    return tuple(np.reshape(x, [1] * k + [-1] + [1] * (len(args) - k - 1)) for k, x in enumerate(args))


# ---- order ----


@implements("sort")
def sort(a: Array, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Array:
    unsupported("sort", order=order)
    x, axis = (np.ravel(a), 0) if axis is None else (as_array(a), axis)
    return rows.take_along(x, np.argsort(x, axis), axis=one_axis(axis, len(shape_of(x))))


@implements("partition")
def partition(a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None) -> Array:
    """Sorted, which is a partition in every element."""
    unsupported("partition", order=order)
    return np.sort(a, axis)


@constant("argsort")
def argsort(a: Array, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Array:
    unsupported("argsort", order=order)
    x, axis = (np.ravel(a), 0) if axis is None else (as_array(a), axis)
    return rows.argsort(x, axis=one_axis(axis, len(shape_of(x))))


@constant("argpartition")
def argpartition(a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None) -> Array:
    unsupported("argpartition", order=order)
    return np.argsort(a, axis)


@constant("lexsort")
def lexsort(keys: Any, axis: int = -1) -> Array:
    keys = list(keys)
    axis = one_axis(axis, len(shape_of(keys[0])))
    order = np.argsort(keys[0], axis, kind="stable")
    for key in keys[1:]:
        further = np.argsort(np.take_along_axis(as_array(key), order, axis), axis, kind="stable")
        order = np.take_along_axis(order, further, axis)
    return order


def extreme(row: Callable[..., Array]) -> Callable[..., Array]:
    """np.argmax or np.argmin, from its row."""

    def found(a: Array, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
        unsupported(row.name, out=out)  # type: ignore[attr-defined]
        x = as_array(a)
        if axis is not None:
            return row(x, axis=one_axis(axis, len(shape_of(x))), keepdims=bool(keepdims))
        index = row(np.ravel(x), axis=0, keepdims=False)
        return np.reshape(index, (1,) * len(shape_of(x))) if keepdims else index

    return found


argmax = constant("argmax")(extreme(rows.argmax))
argmin = constant("argmin")(extreme(rows.argmin))


@constant("nanargmax")
def nanargmax(a: Array, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """0 for a slice of NaNs alone, of which NumPy complains: a recording cannot know it."""
    return np.argmax(np.where(np.isnan(a), -np.inf, a), axis, out, keepdims=keepdims)


@constant("nanargmin")
def nanargmin(a: Array, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """0 for a slice of NaNs alone, of which NumPy complains: a recording cannot know it."""
    return np.argmin(np.where(np.isnan(a), np.inf, a), axis, out, keepdims=keepdims)


@constant("searchsorted")
def searchsorted(a: Array, v: Array, side: str = "left", sorter: Array = None) -> Array:
    ordered = as_array(a) if sorter is None else np.take(a, sorter)
    return rows.searchsorted(ordered, as_array(v), side=side)


@constant("digitize")
def digitize(x: Array, bins: Array, right: bool = False) -> Array:
    edges = plain("digitize", "bins", bins)
    if edges.size > 1 and edges[0] > edges[-1]:
        rising = np.searchsorted(edges[::-1], x, "left" if right else "right")
        return rows.cast(len(edges) - rising, dtype=np.dtype(np.intp))
    return np.searchsorted(edges, x, "left" if right else "right")


@constant("isin")
def isin(
    element: Array, test_elements: Array, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Array:
    x = as_array(element)
    equal = np.expand_dims(x, -1) == np.ravel(as_array(test_elements))
    return ~np.any(equal, -1) if invert else np.any(equal, -1)


@constant("unravel_index")
def unravel_index(indices: Array, shape: Any, order: str = "C") -> tuple[Array, ...]:
    index, lengths = as_array(indices), tuple(map(int, shape)) if np.ndim(shape) else (int(shape),)
    found = []
    for length in lengths if order == "F" else reversed(lengths):
        found.append(rows.cast(index % length, dtype=np.dtype(np.intp)))
        index = index // length
    return tuple(found if order == "F" else reversed(found))


@constant("ravel_multi_index")
def ravel_multi_index(multi_index: Sequence[Array], dims: Any, mode: str = "raise", order: str = "C") -> Array:
    pairs = [(as_array(index), length) for index, length in zip(multi_index, dims, strict=True)]
    total: Array = 0
    for index, length in reversed(pairs) if order == "F" else pairs:
        index = np.clip(index, 0, length - 1) if mode == "clip" else index % length if mode == "wrap" else index
        total = total * length + index
    return rows.cast(total, dtype=np.dtype(np.intp))


# ---- in place ----


def check_target(function: str, target: Any, *values: Any) -> None:
    """Vars cannot be stored in an array of NumPy."""
    if not is_var(target) and any(map(has_var, values)):
        no_rule(function, "vars as values of an ordinary array; make the array a var, or use np.where")


@implements("copyto")
def copyto(dst: Any, src: Array, casting: str = "same_kind", where: Array = True) -> None:
    check_target("copyto", dst, src, where)
    dst[...] = src if where is True else np.where(where, src, dst)


@implements("put")
def put(a: Any, ind: Any, v: Array, mode: str = "raise") -> None:
    check_target("put", a, v)
    index = np.ravel(plain("put", "ind", ind))
    if mode != "raise":
        index = np.clip(index, 0, size_of(a) - 1) if mode == "clip" else index % size_of(a)
    a[np.unravel_index(index % size_of(a), shape_of(a))] = np.resize(as_array(v), index.shape)


@implements("put_along_axis")
def put_along_axis(arr: Any, indices: Any, values: Array, axis: int | None) -> None:
    check_target("put_along_axis", arr, values)
    index = plain("put_along_axis", "indices", indices)
    if axis is None:
        arr[np.unravel_index(index, shape_of(arr))] = values
        return
    grid = list(np.indices(index.shape, sparse=True))
    grid[one_axis(axis, len(grid))] = index
    arr[tuple(grid)] = values


@implements("putmask")
def putmask(a: Any, /, mask: Array, values: Array) -> None:
    check_target("putmask", a, values, mask)
    values = as_array(values)
    a[...] = np.where(mask, values if shape_of(values) == shape_of(a) else np.resize(values, shape_of(a)), a)


@implements("place")
def place(arr: Any, mask: Any, vals: Array) -> None:
    check_target("place", arr, vals)
    key = np.nonzero(plain("place", "mask", mask))
    arr[key] = np.resize(as_array(vals), key[0].shape)


@implements("fill_diagonal")
def fill_diagonal(a: Any, val: Array, wrap: bool = False) -> None:
    check_target("fill_diagonal", a, val)
    positions = np.zeros(shape_of(a), bool)
    np.fill_diagonal(positions, True, wrap)
    key = np.nonzero(positions)
    a[key] = np.resize(as_array(val), key[0].shape)


@implements("bincount")
def bincount(x: Any, /, weights: Array = None, minlength: int = 0) -> Array:
    index = plain("bincount", "x", x)
    if weights is None:
        return np.bincount(index, None, minlength)
    require_shape(shape_of(weights) == index.shape, "bincount", index, weights)
    length = max(int(index.max(initial=-1)) + 1, minlength)
    return rows.scatter(as_array(weights), key=freeze(index), shape=(length,))
