"""Which structured ops only move elements: shapes, slices, gathers, scatters, joins?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wengert.index_keys import Slice, may_repeat, thaw
from wengert.rows.shapes import common_dtype, gathered, gathered_along, ghost, joined, written
from wengert.structured import along, dtype_of, fit, rows, shape_of, structured

Shape = tuple[int, ...]


def _inverse(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))


structured(
    "reshape",
    value=lambda x, *, shape: np.reshape(x, shape),
    shape=lambda x, *, shape: (np.reshape(ghost(x), shape).shape, dtype_of(x)),
    vjp=(lambda g, y, x, *, shape: rows.reshape(g, shape=shape_of(x)),),
    linear=True,
    doc="The same elements in row-major order in another shape.",
)
structured(
    "transpose",
    value=lambda x, *, axes=None: np.transpose(x, axes),
    shape=lambda x, *, axes=None: (np.transpose(ghost(x), axes).shape, dtype_of(x)),
    vjp=(lambda g, y, x, *, axes: rows.transpose(g, axes=_inverse(axes)),),
    linear=True,
    doc="Axes in another order; None reverses them.",
)
structured(
    "broadcast_to",
    value=lambda x, *, shape: np.broadcast_to(x, shape),
    shape=lambda x, *, shape: (np.broadcast_to(ghost(x), shape).shape, dtype_of(x)),
    vjp=(lambda g, y, x, *, shape: fit(g, shape_of(x)),),
    linear=True,
    doc="Repeated along axes of length 1 and new leading axes.",
)
structured(
    "cast",
    value=lambda x, *, dtype: np.asarray(x).astype(dtype, copy=False),
    shape=lambda x, *, dtype: (shape_of(x), np.dtype(dtype)),
    vjp=(lambda g, y, x, *, dtype: rows.cast(g, dtype=dtype_of(x)),),
    linear=True,
    doc="Another dtype.  Between floating ones it is the identity up to rounding; others have no derivative.",
)


# ---- keys that are known while recording ----
def _scatter(g: npt.NDArray[Any], *, key: Any, shape: Shape) -> npt.NDArray[Any]:
    return _put_add(np.zeros(shape, dtype_of(g)), g, key=key)


def _put(x: npt.NDArray[Any], v: npt.NDArray[Any], *, key: Any) -> npt.NDArray[Any]:
    result = np.array(x, dtype=np.result_type(x, v))
    result[thaw(key)] = v
    return result


def _put_add(x: npt.NDArray[Any], v: npt.NDArray[Any], *, key: Any) -> npt.NDArray[Any]:
    result = np.array(x, dtype=np.result_type(x, v))
    if may_repeat(key):
        extra = max(np.ndim(v) - result[thaw(key)].ndim, 0)  # axes of length 1, which assignments allow
        np.add.at(result, thaw(key), np.reshape(v, np.shape(v)[extra:]))
    else:  # the same sums, and add.at is slow
        result[thaw(key)] += v
    return result


def _last_writer(shape: Shape, key: Any) -> npt.NDArray[np.bool_]:
    """Return which elements of the value survive in ``x[key] = value``, where the key names places twice."""
    places = np.arange(np.prod(shape, dtype=np.intp)).reshape(shape)[thaw(key)]
    order = np.arange(places.size)
    last = np.empty(np.prod(shape, dtype=np.intp), np.intp)
    last[places.ravel()] = order  # where a place comes twice, NumPy leaves the last value behind
    stays: npt.NDArray[np.bool_] = (last[places.ravel()] == order).reshape(places.shape)
    return stays


def _put_value_adjoint(g: Any, y: Any, x: Any, v: Any, *, key: Any) -> Any:
    adjoint = rows.getitem(g, key=key)
    if may_repeat(key):
        stays = _last_writer(shape_of(x), key)
        if not stays.all():
            adjoint = np.where(stays, adjoint, 0.0)
    return fit(adjoint, shape_of(v))


structured(
    "getitem",
    value=lambda x, *, key: np.asarray(x)[thaw(key)],
    shape=lambda x, *, key: (ghost(x)[thaw(key)].shape, dtype_of(x)),
    vjp=(lambda g, y, x, *, key: rows.scatter(g, key=key, shape=shape_of(x)),),
    linear=True,
    doc="``x[key]``.",
)
structured(
    "scatter",
    value=_scatter,
    shape=lambda g, *, key, shape: (shape, dtype_of(g)),
    vjp=(lambda g, y, x, *, key, shape: rows.getitem(g, key=key),),
    linear=True,
    doc="Zeros of a shape, to which x is added at a key: the adjoint of getitem.",
)
structured(
    "put",
    value=_put,
    shape=lambda x, v, *, key: written(x, v, thaw(key)),
    vjp=(lambda g, y, x, v, *, key: rows.put(g, 0.0, key=key), _put_value_adjoint),
    linear=True,
    doc="A copy of x after ``x[key] = v``.  Of values written to the same place the last one stays.",
)
structured(
    "put_add",
    value=_put_add,
    shape=lambda x, v, *, key: written(x, v, thaw(key)),
    vjp=(lambda g, y, x, v, *, key: g, lambda g, y, x, v, *, key: fit(rows.getitem(g, key=key), shape_of(v))),
    linear=True,
    doc="A copy of x to which v is added at a key; values for the same place add up.",
)


# ---- joins ----
def _part(k: int, g: Any, y: Any, *xs: Any, axis: int) -> Any:
    lengths = [shape_of(x)[axis] for x in xs[: k + 1]]
    end = sum(lengths)
    return rows.getitem(g, key=along(axis, len(shape_of(g)), Slice(end - lengths[k], end, None)))


structured(
    "concatenate",
    value=lambda *xs, axis=0: np.concatenate(xs, axis=axis),
    shape=lambda *xs, axis=0: (joined(xs, axis), common_dtype(*xs)),
    vjp=_part,
    linear=True,
    doc="Arrays joined along an axis that they have.",
)


# ---- indices that are arguments ----
def _whole(indices: Any) -> npt.NDArray[np.intp]:
    """Return indices as integers: a var of shape () holds its integer as a float."""
    indices = np.asarray(indices)
    whole: npt.NDArray[np.intp] = indices.astype(np.intp)
    if indices.dtype.kind == "f" and not np.array_equal(indices, whole):
        raise IndexError("indices are integers")
    return whole


def _take_adjoint(g: npt.NDArray[Any], indices: Any, *, axis: int, shape: Shape) -> npt.NDArray[Any]:
    result = np.zeros(shape, dtype_of(g))
    key: Any = (slice(None),) * (axis % len(shape)) + (_whole(indices),)
    np.add.at(result, key, g)
    return result


def _take_along_adjoint(g: npt.NDArray[Any], indices: Any, *, axis: int, shape: Shape) -> npt.NDArray[Any]:
    result = np.zeros(shape, dtype_of(g))
    ndim = len(shape)
    places: list[Any] = [np.arange(n).reshape((-1,) + (1,) * (ndim - i - 1)) for i, n in enumerate(shape)]
    places[axis] = _whole(indices)
    np.add.at(result, tuple(places), g)
    return result


structured(
    "take",
    value=lambda x, indices, *, axis: np.take(x, _whole(indices), axis=axis),
    shape=lambda x, indices, *, axis: gathered(x, indices, axis),
    vjp=(lambda g, y, x, i, *, axis: rows.take_adjoint(g, i, axis=axis, shape=shape_of(x)), None),
    linear=True,
    doc="Slices of x along an axis, at indices that may depend on data.",
)
structured(
    "take_adjoint",
    value=_take_adjoint,
    shape=lambda g, indices, *, axis, shape: (shape, dtype_of(g)),
    vjp=(lambda g, y, x, i, *, axis, shape: rows.take(g, i, axis=axis), None),
    linear=True,
    doc="Zeros of a shape, to whose slices x is added: the adjoint of take.",
)
structured(
    "take_along",
    value=lambda x, indices, *, axis: np.take_along_axis(np.asarray(x), _whole(indices), axis),
    shape=lambda x, indices, *, axis: gathered_along(x, indices, axis),
    vjp=(lambda g, y, x, i, *, axis: rows.take_along_adjoint(g, i, axis=axis, shape=shape_of(x)), None),
    linear=True,
    doc="Elements of x along an axis, at an index for each of them.",
)
structured(
    "take_along_adjoint",
    value=_take_along_adjoint,
    shape=lambda g, indices, *, axis, shape: (shape, dtype_of(g)),
    vjp=(lambda g, y, x, i, *, axis, shape: rows.take_along(g, i, axis=axis), None),
    linear=True,
    doc="Zeros of a shape, to whose elements x is added: the adjoint of take_along.",
)
