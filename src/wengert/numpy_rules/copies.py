"""How is an array copied, converted, or made of numbers and vars?"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import Array, as_array, dtype_of, is_var, shape_of
from wengert.numpy_rules.registry import implements
from wengert.structured import rows

# ---- copies and types ----


@implements("copy")
def copy(a: Array, order: str = "K", subok: bool = False) -> Array:
    return a.copy() if hasattr(a, "copy") else a


@implements("astype")
def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    return rows.cast(x, dtype=np.dtype(dtype))


@implements("array")
def array(
    object: Any,  # noqa: A002
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
) -> Array:
    x = as_array(object)
    x = x if dtype is None else rows.cast(x, dtype=np.dtype(dtype))
    return np.reshape(x, (1,) * (ndmin - len(shape_of(x))) + shape_of(x)) if ndmin > len(shape_of(x)) else x


@implements("asarray asanyarray ascontiguousarray asfortranarray")
def asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None) -> Array:
    return array(a, dtype)


@implements("require")
def require(a: Any, dtype: Any = None, requirements: Any = None) -> Array:
    return array(a, dtype)


@implements("real")
def real(val: Array) -> Array:
    return val


@implements("real_if_close")
def real_if_close(a: Array, tol: float = 100) -> Array:
    return a


@implements("full_like")
def full_like(
    a: Array, fill_value: Array, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Array:  # fmt: skip
    return full(shape_of(a) if shape is None else shape, fill_value, dtype or dtype_of(a))


@implements("full")
def full(shape: Any, fill_value: Array, dtype: Any = None, order: str = "C", *, device: Any = None) -> Array:
    value = as_array(fill_value)
    if not is_var(value):
        return np.full(shape, value, dtype)
    return np.broadcast_to(value if dtype is None else rows.cast(value, dtype=np.dtype(dtype)), shape)
