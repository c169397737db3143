"""What does NumPy tell of an array that does not depend on its elements, and which functions are refused, and why?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.numpy_rules.arguments import Array, all_axes, as_array, dtype_of, is_var, shape_of
from wengert.numpy_rules.registry import CONSTANTS, constant, enter, find, implements, refuse

# ---- shapes and types ----


@constant("shape")
def shape(a: Array) -> tuple[int, ...]:
    return shape_of(as_array(a))


@constant("ndim")
def ndim(a: Array) -> int:
    return len(shape_of(as_array(a)))


@constant("size")
def size(a: Array, axis: Any = None) -> int:
    lengths = shape_of(as_array(a))
    return math.prod(lengths[k] for k in all_axes(axis, len(lengths)))


def types(arguments: tuple[Any, ...]) -> list[Any]:
    """Dtypes in the place of vars."""
    return [dtype_of(x) if is_var(x) else x for x in arguments]


@constant("result_type")
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    return np.result_type(*types(arrays_and_dtypes))


@constant("can_cast")
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return bool(np.can_cast(types((from_,))[0], to, casting))


@constant("common_type")
def common_type(*arrays: Any) -> Any:
    return np.common_type(*(np.empty(0, dtype_of(x)) for x in arrays))


@constant("min_scalar_type")
def min_scalar_type(a: Array, /) -> np.dtype[Any]:
    return dtype_of(a)


# ---- arrays of the same shape ----


def like(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.zeros_like and its kin: an ordinary array."""

    def made(
        a: Array, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        return function(shape_of(a) if shape is None else shape, dtype or dtype_of(a))

    return made


enter(CONSTANTS, "zeros_like empty_like", like(np.zeros))  # what np.empty finds in memory could not be replayed
enter(CONSTANTS, "ones_like", like(np.ones))


def without_like(name: str) -> None:
    """A function that only sees a var as its argument `like`: its ordinary result."""
    function = find(name)
    enter(CONSTANTS, name, lambda *args, **kwargs: function(*args, **kwargs))


CREATORS = (
    "arange empty eye frombuffer fromfile fromfunction fromiter fromstring genfromtxt identity loadtxt ones tri zeros"
)
for name in CREATORS.split():
    without_like(name)


def of_shape(name: str) -> None:
    """A function that only reads the shape of its argument."""
    function = find(name)
    enter(CONSTANTS, name, lambda x, *args, **kwargs: function(np.broadcast_to(0.0, shape_of(x)), *args, **kwargs))


for name in ("diag_indices_from", "tril_indices_from", "triu_indices_from"):
    of_shape(name)


# ---- text ----


@constant("array_repr")
def array_repr(arr: Array, *args: Any, **kwargs: Any) -> str:
    return repr(arr)


@constant("array_str")
def array_str(a: Array, *args: Any, **kwargs: Any) -> str:
    return str(a)


@constant("array2string")
def array2string(a: Array, *args: Any, **kwargs: Any) -> str:
    return np.array2string(np.asarray(a.data), *args, **kwargs)


# ---- functions that call a function ----


@implements("apply_along_axis")
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Array, *args: Any, **kwargs: Any) -> Array:
    x = np.moveaxis(as_array(arr), axis, -1)
    outer = shape_of(x)[:-1]
    if not math.prod(outer):
        raise ValueError("np.apply_along_axis needs at least one vector")
    results = [as_array(func1d(x[place], *args, **kwargs)) for place in np.ndindex(*outer)]
    joined = np.reshape(np.stack(results), outer + shape_of(results[0]))
    inner = range(len(outer), len(outer) + len(shape_of(results[0])))
    place = range(axis % (len(outer) + 1), axis % (len(outer) + 1) + len(inner))
    return np.moveaxis(joined, tuple(inner), tuple(place))


@implements("apply_over_axes")
def apply_over_axes(func: Callable[..., Any], a: Array, axes: Any) -> Array:
    x = as_array(a)
    count = len(shape_of(x))
    for axis in np.atleast_1d(axes).tolist():
        result = as_array(func(x, axis % count))
        x = result if len(shape_of(result)) == count else np.expand_dims(result, axis % count)
    return x


# ---- what is refused ----

LENGTH = "the shape of its result depends on values"
COMPLEX = "its result may be complex"
INTEGERS = "of integers, which are constants: compute it from x.data"
SETS = f"{LENGTH}; compute it from x.data"

refuse("nonzero argwhere flatnonzero", f"{LENGTH}; take np.where(condition, a, b), or x.data")
refuse("trim_zeros", LENGTH)
refuse("unique unique_all unique_counts unique_inverse unique_values union1d intersect1d setdiff1d setxor1d", SETS)
refuse("histogram histogram2d histogramdd histogram_bin_edges", "counts have no derivative; compute them from x.data")
refuse("linalg.eig linalg.eigvals roots", COMPLEX)
refuse("sort_complex", "its result is complex")
refuse("linalg.svd linalg.svdvals linalg.qr", "no rule yet; take np.linalg.eigh of x.T @ x, or np.linalg.cholesky")
refuse("linalg.lstsq", "its rank and singular values have no rule; take np.linalg.pinv(a) @ b, or np.linalg.solve")
refuse("linalg.matrix_rank", "a count of singular values has no derivative; compute it from x.data")
refuse("polydiv", f"{LENGTH} (leading zeros of the remainder)")
refuse("i0", "no rule yet")
refuse("packbits unpackbits", INTEGERS)
refuse("save savez savez_compressed savetxt", "a file would hold no derivative; save x.data")
refuse("shares_memory may_share_memory", "vars have no memory of their own; compare x.data")
refuse("busday_count busday_offset datetime_as_string is_busday", "of dates")
SCIMATH = "arccos arcsin arctanh log log10 log2 logn power sqrt"
refuse(
    " ".join(f"lib.scimath.{name}" for name in SCIMATH.split()),
    f"{COMPLEX}; take the function of the same name in numpy",
)

REFUSED_MODULES = {
    "numpy.char": "of strings",
    "numpy.fft": "spectra are complex; a shift is np.roll",
    "numpy.lib.recfunctions": "of records; a var holds numbers",
    "numpy.polynomial.polynomial": "no rule yet; see np.polyval",
    "numpy.strings": "of strings",
}
"""Modules of which every function is refused, and which importing wengert does not import."""
