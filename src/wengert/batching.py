"""How does a structured op, written for one lane, work on all lanes at once?

Arrays that differ from lane to lane have the lanes along their first axis, which the function of one lane does not
see; uniform arrays are as they are.  `RULES` says of every row which application of rows computes all lanes: mostly the
same row with its axes counted one further, as NumPy's functions of matrices take stacks already.  Rules are calls of
rows, so what they do is recorded and differentiated like anything else.  A row without a rule is applied lane by lane.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert._core.arrays import elementwise
from wengert.index_keys import Frozen, Slice, thaw
from wengert.rows.einsum import explicit
from wengert.structured import ROWS, axes_of, reshaped, rows, shape_of, swapped

Args = tuple[Any, ...]
Flags = tuple[bool, ...]
Params = dict[str, Any]
Shape = tuple[int, ...]
Rule = Callable[[Any, Args, Flags, Params, int], Any]
"""``(row, args, varies, params, n_lanes)`` to the result, lanes in front; `varies` says which args have them."""

ALL = Slice(None, None, None)


# ---- the axis of the lanes ----


def lane_shape(x: Any, varies: bool) -> Shape:
    """The shape that an argument has in one lane."""
    return shape_of(x)[1:] if varies else shape_of(x)


def aligned(x: Any, varies: bool, ndim: int) -> Any:
    """An argument that broadcasts against others of so many axes in a lane: new axes stand behind that of the lanes."""
    shape = shape_of(x)
    return reshaped(x, (shape[0], *(1,) * (ndim + 1 - len(shape)), *shape[1:])) if varies else x


def spread(x: Any, varies: bool, n: int) -> Any:
    """An argument with the lanes in front, also if it is the same in all of them."""
    return x if varies else rows.broadcast_to(x, shape=(n, *shape_of(x)))


def moved(x: Any, source: int, target: int) -> Any:
    """An array with one axis moved, as by `numpy.moveaxis`."""
    if source == target:
        return x
    axes = [k for k in range(len(shape_of(x))) if k != source]
    axes.insert(target, source)
    return rows.transpose(x, axes=tuple(axes))


def apply_elementwise(name: str, args: Args, varies: Flags) -> Any:
    """An elementwise op on all lanes."""
    ndim = max(len(lane_shape(x, v)) for x, v in zip(args, varies, strict=True))
    return elementwise(name, tuple(aligned(x, v, ndim) for x, v in zip(args, varies, strict=True)))


# ---- rows that count axes ----


def stack(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A row that takes stacks of what it takes: the lanes are one more axis of the stack."""
    return row(*args, **params)


def along_axis(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A row that goes along one axis of arrays of one shape."""
    ndim = len(lane_shape(args[0], varies[0]))
    whole = [spread(x, v, n) for x, v in zip(args, varies, strict=True)]
    return row(*whole, **{**params, "axis": params["axis"] % ndim + 1})


def reduction(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A row that reduces axes; of a number there is nothing to reduce."""
    ndim = len(shape_of(args[0])) - 1
    if ndim == 0:
        return args[0]
    axes = tuple(axis + 1 for axis in axes_of(params["axis"], ndim))
    return row(*args, **{**params, "axis": axes[0] if len(axes) == 1 else axes})


def place(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """argmax and argmin, of one axis or of all elements."""
    ndim = len(shape_of(args[0])) - 1
    if params["axis"] is not None:
        return row(*args, **{**params, "axis": params["axis"] % ndim + 1})
    result = row(rows.reshape(args[0], shape=(n, math.prod(shape_of(args[0])[1:]))), axis=1, keepdims=False)
    return reshaped(result, (n, *(1,) * ndim)) if params["keepdims"] else result


def transpose(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    ndim = len(shape_of(args[0])) - 1
    axes = range(ndim)[::-1] if params["axes"] is None else params["axes"]
    return row(args[0], axes=(0, *(axis % ndim + 1 for axis in axes)))


def reshape(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    shape = params["shape"] if isinstance(params["shape"], tuple) else (params["shape"],)
    return row(args[0], shape=(n, *shape))


def broadcast_to(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    return row(aligned(args[0], True, len(params["shape"])), shape=(n, *params["shape"]))


def assemble(args: Args, varies: Flags, shape: Shape, n: int) -> Any:
    """Numbers as one array, in every lane."""
    parts: list[Any] = []
    numbers: list[float] = []  # neighbours that are the same in all lanes
    for x, v in zip(args, varies, strict=True):
        if not v and isinstance(x, float | int):
            numbers.append(float(x))
            continue
        if numbers:
            parts.append(np.broadcast_to(numbers, (n, len(numbers))))
            numbers = []
        parts.append(rows.reshape(x, shape=(n, 1)) if v else rows.broadcast_to(x, shape=(n, 1)))
    if numbers:
        parts.append(np.broadcast_to(numbers, (n, len(numbers))))
    return reshaped(parts[0] if len(parts) == 1 else rows.concatenate(*parts, axis=1), (n, *shape))


# ---- keys ----


def key_of_lanes(key: Any, shape: Shape) -> tuple[Any, Shape, int]:
    """A key of one lane as a key of all; the shape of what it takes from a lane, and where the lanes come out.

    NumPy puts the axis of indices in front where something stands between them: there it comes before the lanes.
    """
    whole = (ALL, *key) if type(key) is tuple else (ALL, key)
    # Each element tells its lane.
    probe = np.broadcast_to(np.arange(2).reshape(2, *(1,) * len(shape)), (2, *shape))[thaw(whole)]
    if not any(isinstance(part, Frozen) for part in whole) or probe.size == 0:
        return whole, probe.shape[1:], 0
    first = probe.reshape(-1)[0]
    axis = next(k for k in range(probe.ndim) if probe.shape[k] == 2 and np.take(probe, 1, k).reshape(-1)[0] != first)
    return whole, probe.shape[:axis] + probe.shape[axis + 1 :], axis


def getitem(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    key, _, axis = key_of_lanes(params["key"], shape_of(args[0])[1:])
    return moved(row(args[0], key=key), axis, 0)


def value_for(v: Any, varies: bool, taken: Shape, axis: int, n: int) -> Any:
    """A value as it is put at a key of all lanes, where the key takes this shape from a lane."""
    shape = lane_shape(v, varies)
    if len(shape) > len(taken):  # NumPy lets values have more axes of length 1 in front
        shape = shape[len(shape) - len(taken) :]
        v = rows.reshape(v, shape=(n, *shape) if varies else shape)
    if varies:
        return moved(aligned(v, True, len(taken)), 0, axis)
    if axis == 0:
        return v
    whole = rows.reshape(v, shape=(*(1,) * (len(taken) - len(shape)), *shape))
    return rows.reshape(whole, shape=(*shape_of(whole)[:axis], 1, *shape_of(whole)[axis:]))


def scatter(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    key, taken, axis = key_of_lanes(params["key"], params["shape"])
    return row(value_for(args[0], True, taken, axis, n), key=key, shape=(n, *params["shape"]))


def put(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    x = spread(args[0], varies[0], n)
    key, taken, axis = key_of_lanes(params["key"], shape_of(x)[1:])
    return row(x, value_for(args[1], varies[1], taken, axis, n), key=key)


# ---- indices that are arguments ----


def take(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    x, indices = args
    ndim = len(lane_shape(x, varies[0]))
    axis = params["axis"] % ndim
    if varies == (True, False):
        return row(x, indices, axis=axis + 1)
    if varies == (False, True):
        return moved(row(x, indices, axis=axis), axis, 0)
    shape, places = shape_of(x)[1:], shape_of(indices)[1:]
    along = spread_indices(indices, (*shape[:axis], *shape[axis + 1 :]), axis, n)
    return reshaped(rows.take_along(x, along, axis=axis + 1), (n, *shape[:axis], *places, *shape[axis + 1 :]))


def spread_indices(indices: Any, others: Shape, axis: int, n: int) -> Any:
    """Indices per lane for `take_along`: the same at every place of the other axes."""
    size = math.prod(shape_of(indices)[1:])
    thin = reshaped(indices, (n, *(1,) * axis, size, *(1,) * (len(others) - axis)))
    return rows.broadcast_to(thin, shape=(n, *others[:axis], size, *others[axis:]))


def take_adjoint(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    (g, indices), shape = args, params["shape"]
    axis = params["axis"] % len(shape)
    if not varies[1]:
        return row(g, indices, axis=axis + 1, shape=(n, *shape))
    others = (*shape[:axis], *shape[axis + 1 :])
    along = spread_indices(indices, others, axis, n)
    flat = reshaped(spread(g, varies[0], n), shape_of(along))
    return rows.take_along_adjoint(flat, along, axis=axis + 1, shape=(n, *shape))


def take_along(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    x, indices = args
    ndim = len(lane_shape(x, varies[0]))
    return row(spread(x, varies[0], n), spread(indices, varies[1], n), axis=params["axis"] % ndim + 1)


def take_along_adjoint(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    g, indices = [spread(x, v, n) for x, v in zip(args, varies, strict=True)]
    axis = params["axis"] % len(params["shape"]) + 1
    return row(g, indices, axis=axis, shape=(n, *params["shape"]))


# ---- products and solutions ----


def matmul(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A uniform matrix meets all lanes in one product; where both sides vary it is a stack of products."""
    (a, b), (m, k) = args, [lane_shape(x, v) for x, v in zip(args, varies, strict=True)]
    if not varies[1] and len(k) <= 2:
        if len(m) == 1 or len(k) == 1:
            return row(a, b)
        flat = reshaped(a, (n * math.prod(m[:-1]), m[-1]))
        return reshaped(row(flat, b), (n, *m[:-1], k[-1]))
    if not varies[0] and len(k) == 1:
        flat = a if len(m) <= 2 else reshaped(a, (math.prod(m[:-1]), m[-1]))
        return reshaped(row(b, swapped(flat) if len(m) > 1 else flat), (n, *m[:-1]))
    if len(m) == 1 and len(k) == 1:
        return rows.sum(a * b, axis=1, keepdims=False)
    outer = np.broadcast_shapes(m[:-2], k[:-2])
    if len(m) == 1:
        a = reshaped(a, (*shape_of(a)[:-1], 1, m[0]))
    if len(k) == 1:
        b = reshaped(b, (*shape_of(b), 1))
    ndim = len(outer) + 2
    a, b = aligned(a, varies[0], ndim), aligned(b, varies[1], ndim)
    # Column times row, as the gradient of a matrix has it, has no sum.
    product = a * b if shape_of(a)[-1] == 1 == shape_of(b)[-2] else row(a, b)
    return reshaped(product, (n, *outer, *m[-2:-1], *(k[-1:] if len(k) > 1 else ())))


def solution(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A uniform matrix is factorised once: the lanes are columns of its right-hand side."""
    (a, b), (m, k) = args, [lane_shape(x, v) for x, v in zip(args, varies, strict=True)]
    if not varies[0] and len(m) == 2 and len(k) <= 2:
        columns = moved(b, 1, 0)
        solved = row(a, reshaped(columns, (k[0], math.prod(shape_of(columns)[1:]))), **params)
        return moved(reshaped(solved, shape_of(columns)), 0, 1)
    matrix = k if len(k) > 1 else (*k, 1)
    b = reshaped(b, (n, *matrix) if varies[1] else matrix)
    outer = np.broadcast_shapes(m[:-2], matrix[:-2])
    ndim = len(outer) + 2
    solved = row(aligned(a, varies[0], ndim), aligned(b, varies[1], ndim), **params)
    return reshaped(solved, (n, *outer, *(k[-2:] if len(k) > 1 else k)))


def einsum(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """One more letter."""
    labels, output = explicit(params["subscripts"], [len(lane_shape(x, v)) for x, v in zip(args, varies, strict=True)])
    lane = next(letter for letter in string.ascii_letters if letter not in "".join(labels))
    terms = [lane + label if v else label for label, v in zip(labels, varies, strict=True)]
    return row(*args, subscripts=f"{','.join(terms)}->{lane}{output}")


def spread_all(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """A row of stacks of one shape."""
    return row(*[spread(x, v, n) for x, v in zip(args, varies, strict=True)], **params)


def searchsorted(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    return lane_by_lane(row, args, varies, params, n) if varies[0] else row(*args, **params)


# ---- the table ----


def lane_by_lane(row: Any, args: Args, varies: Flags, params: Params, n: int) -> Any:
    """Any row: applied in each lane, and the results stacked."""
    lanes = []
    for k in range(n):
        one = row(*[rows.getitem(x, key=(k,)) if v else x for x, v in zip(args, varies, strict=True)], **params)
        lanes.append(rows.reshape(one, shape=(1, *shape_of(one))))
    return lanes[0] if n == 1 else rows.concatenate(*lanes, axis=0)


RULES: dict[str, Rule] = {
    "reshape": reshape,
    "transpose": transpose,
    "broadcast_to": broadcast_to,
    "getitem": getitem,
    "scatter": scatter,
    "put": put,
    "put_add": put,
    "take": take,
    "take_adjoint": take_adjoint,
    "take_along": take_along,
    "take_along_adjoint": take_along_adjoint,
    "matmul": matmul,
    "einsum": einsum,
    "searchsorted": searchsorted,
    "cofactors_adjoint": spread_all,
    **dict.fromkeys(("argmax", "argmin"), place),
    **dict.fromkeys(("sum", "prod", "max", "min", "logsumexp"), reduction),
    **dict.fromkeys(("concatenate", "cumsum", "cumprod", "recurrence", "argsort"), along_axis),
    **dict.fromkeys(("solve", "solve_triangular"), solution),
    **dict.fromkeys(("cast", "inv", "cholesky", "eigh", "det", "cofactors", "logabsdet", "signdet", "pinv"), stack),
}
"""How a row is applied to all lanes, by its name."""


def apply_to_lanes(name: str, args: Sequence[Any], varies: Sequence[bool], params: Params, n: int) -> Any:
    """Apply a row to arguments of which some have `n` lanes in front.

    Parameters
    ----------
    name : str
    args : sequence of float, array, Var or VarArray
    varies : sequence of bool
        Which of them have the lanes in front; at least one.
    params : dict
        Parameters of the row, as for one lane.
    n : int

    Returns
    -------
    array or VarArray
        The results of all lanes, along the first axis.
    """
    row = ROWS[name]
    rule = RULES.get(name, lane_by_lane)
    return rule(row, tuple(args), tuple(varies), {**row.defaults, **params}, n)
