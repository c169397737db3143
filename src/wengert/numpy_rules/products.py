"""What are NumPy's products of vectors, matrices and arrays?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import (
    Array,
    all_axes,
    as_array,
    part_of,
    require_shape,
    shape_of,
    size_of,
)
from wengert.numpy_rules.registry import composite, constant, implements, no_rule, unsupported
from wengert.structured import rows


@composite("matmul")
def matmul(x1: Array, x2: Array, /) -> Array:
    return rows.matmul(as_array(x1), as_array(x2))


@implements("linalg.matmul")
def linalg_matmul(x1: Array, x2: Array, /) -> Array:
    return rows.matmul(as_array(x1), as_array(x2))


@composite("vecdot")
def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    a, b = as_array(x1), as_array(x2)
    require_shape(shape_of(a)[axis] == shape_of(b)[axis], "vecdot", a, b)
    return np.sum(np.moveaxis(a, axis, -1) * np.moveaxis(b, axis, -1), -1)


@implements("linalg.vecdot")
def linalg_vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    return vecdot(x1, x2, axis=axis)


@composite("matvec")
def matvec(x1: Array, x2: Array, /) -> Array:
    return np.squeeze(rows.matmul(as_array(x1), np.expand_dims(as_array(x2), -1)), -1)


@composite("vecmat")
def vecmat(x1: Array, x2: Array, /) -> Array:
    return np.squeeze(rows.matmul(np.expand_dims(as_array(x1), -2), as_array(x2)), -2)


@implements("dot")
def dot(a: Array, b: Array, out: None = None) -> Array:
    if out is not None:
        no_rule("dot", "out=")
    x, y = as_array(a), as_array(b)
    m, n = len(shape_of(x)), len(shape_of(y))
    if not m or not n:
        return x * y
    return rows.matmul(x, y) if m <= 2 and n <= 2 else np.tensordot(x, y, (-1, -1 if n == 1 else -2))


@implements("vdot")
def vdot(a: Array, b: Array, /) -> Array:
    return np.dot(np.ravel(as_array(a)), np.ravel(as_array(b)))


@implements("inner")
def inner(a: Array, b: Array, /) -> Array:
    x, y = as_array(a), as_array(b)
    return np.tensordot(x, y, (-1, -1)) if shape_of(x) and shape_of(y) else x * y


@implements("outer linalg.outer")
def outer(a: Array, b: Array, out: None = None) -> Array:
    unsupported("outer", out=out)
    return np.expand_dims(np.ravel(as_array(a)), 1) * np.expand_dims(np.ravel(as_array(b)), 0)


@implements("tensordot linalg.tensordot")
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    x, y = as_array(a), as_array(b)
    m, n = len(shape_of(x)), len(shape_of(y))
    pair = (range(m - axes, m), range(axes)) if isinstance(axes, int | np.integer) else axes
    inner_x, inner_y = all_axes(pair[0], m), all_axes(pair[1], n)
    lengths = [shape_of(x)[k] for k in inner_x]
    require_shape(lengths == [shape_of(y)[k] for k in inner_y], "tensordot", x, y)
    outer_x = [k for k in range(m) if k not in inner_x]
    outer_y = [k for k in range(n) if k not in inner_y]
    rest = [shape_of(x)[k] for k in outer_x], [shape_of(y)[k] for k in outer_y]
    summed = int(np.prod(lengths))
    left = np.reshape(np.transpose(x, [*outer_x, *inner_x]), (int(np.prod(rest[0])), summed))
    right = np.reshape(np.transpose(y, [*inner_y, *outer_y]), (summed, int(np.prod(rest[1]))))
    return np.reshape(rows.matmul(left, right), (*rest[0], *rest[1]))


@implements("einsum")
def einsum(*operands: Any, out: None = None, optimize: Any = False, **kwargs: Any) -> Array:
    dtype = kwargs.pop("dtype", None)
    for ignored in ("order", "casting"):
        kwargs.pop(ignored, None)
    unsupported("einsum", out=out, **kwargs)
    subscripts, arrays = read_einsum(operands)
    result = rows.einsum(*arrays, subscripts=subscripts)
    return result if dtype is None else rows.cast(result, dtype=np.dtype(dtype))


def read_einsum(operands: Sequence[Any]) -> tuple[str, list[Array]]:
    """The subscripts as a string, and the arrays, of both forms in which einsum is called."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [as_array(x) for x in operands[1:]]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    arrays = [as_array(x) for x in operands[: len(operands) // 2 * 2 : 2]]
    lists = [*operands[1::2], *(operands[-1:] if len(operands) % 2 else [])]
    words = ["".join("..." if k is Ellipsis else letters[k] for k in axes) for axes in lists]
    inputs = ",".join(words[: len(arrays)])
    return f"{inputs}->{words[-1]}" if len(operands) % 2 else inputs, arrays


@constant("einsum_path")
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    subscripts, arrays = read_einsum(operands)
    return np.einsum_path(subscripts, *[np.broadcast_to(0.0, shape_of(x)) for x in arrays], optimize=optimize)


@implements("kron")
def kron(a: Array, b: Array) -> Array:
    x, y = as_array(a), as_array(b)
    ndim = max(len(shape_of(x)), len(shape_of(y)))
    m, n = ((1,) * (ndim - len(shape_of(z))) + shape_of(z) for z in (x, y))
    left = np.reshape(x, [length for k in m for length in (k, 1)])
    right = np.reshape(y, [length for k in n for length in (1, k)])
    return np.reshape(left * right, [i * j for i, j in zip(m, n, strict=True)])


@implements("cross")
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    require_shape(shape_of(x)[-1] == 3 == shape_of(y)[-1], "cross", x, y)
    ahead, behind = (Ellipsis, [1, 2, 0]), (Ellipsis, [2, 0, 1])
    product = part_of(x, ahead) * part_of(y, behind) - part_of(x, behind) * part_of(y, ahead)
    return np.moveaxis(product, -1, axisc)


@implements("linalg.cross")
def linalg_cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    return np.cross(x1, x2, axis=axis)


@implements("trace")
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Array:
    unsupported("trace", out=out)
    return np.sum(np.diagonal(a, offset, axis1, axis2), -1, dtype)


@implements("linalg.trace")
def linalg_trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    return np.trace(x, offset, -2, -1, dtype)


@implements("convolve")
def convolve(a: Array, v: Array, mode: Any = "full") -> Array:
    x, y = np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))
    require_shape(len(shape_of(x)) == 1 == len(shape_of(y)) and size_of(x) > 0 < size_of(y), "convolve", x, y)
    if mode not in ("same", "s"):
        return rows.convolve(x, y, mode="valid" if mode.startswith("v") else "full")
    long, short = sorted((size_of(x), size_of(y)), reverse=True)
    return part_of(rows.convolve(x, y, mode="full"), slice((short - 1) // 2, (short - 1) // 2 + long))


@implements("correlate")
def correlate(a: Array, v: Array, mode: Any = "valid") -> Array:
    x, y = as_array(a), as_array(v)
    if size_of(y) > size_of(x) and mode != "full":  # NumPy exchanges the two, and reverses the result
        return np.flip(np.convolve(y, np.flip(x), mode))
    return np.convolve(x, np.flip(y), mode)
