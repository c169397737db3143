"""How does an index key become hashable, and an index key again?

Equal applications of a row are one node of a program, so the parameters of a row are hashable.  Arrays are not, and
slices only from Python 3.12 on: `freeze` wraps them, `thaw` unwraps them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Slice(NamedTuple):
    """A slice that has a hash.

    >>> Slice(None, 3, None) == freeze(slice(3))
    True
    """

    start: int | None
    stop: int | None
    step: int | None


class Frozen:
    """A copy of an array that nobody can change, hashed and compared by its bytes.

    >>> Frozen(np.array([1, 2])) == Frozen(np.array([1, 2]))
    True
    """

    __slots__ = ("_hash", "array")

    def __init__(self, array: npt.ArrayLike) -> None:
        self.array = np.array(array, order="C")
        self.array.flags.writeable = False
        self._hash = hash((self.array.dtype.str, self.array.shape, self.array.tobytes()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Frozen)
            and self._hash == other._hash
            and self.array.dtype == other.array.dtype
            and self.array.shape == other.array.shape
            and self.array.tobytes() == other.array.tobytes()
        )

    def __repr__(self) -> str:
        return f"Frozen({self.array!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Frozen, (self.array,)


def freeze(key: Any) -> Any:
    """Return a hashable form of an index key; a frozen key stays as it is.

    Parameters
    ----------
    key : index key
        What stands between the brackets of ``x[...]``: integers, slices, Ellipsis, None, arrays or lists of integers
        or bools, or a tuple of these.

    Examples
    --------
    >>> freeze((0, slice(1, None), None))
    (0, Slice(start=1, stop=None, step=None), None)
    """
    if isinstance(key, Slice | Frozen | int) or key is None or key is Ellipsis:
        return Frozen(key) if isinstance(key, bool) else key
    if isinstance(key, tuple):
        return tuple(freeze(part) for part in key)
    if isinstance(key, slice):
        return Slice(*(None if edge is None else edge.__index__() for edge in (key.start, key.stop, key.step)))
    array = np.asarray(key)
    if array.dtype.kind in "iu" and array.ndim == 0:
        return int(array)
    if array.size == 0 and isinstance(key, list):  # NumPy takes an empty list for integers
        array = array.astype(np.intp)
    return Frozen(array)


def thaw(key: Any) -> Any:
    """Return the index key that a frozen one stands for.

    >>> thaw(freeze((0, slice(1, None), None)))
    (0, slice(1, None, None), None)
    """
    if isinstance(key, Frozen):
        return key.array
    if isinstance(key, Slice):
        return slice(*key)
    if isinstance(key, tuple):
        return tuple(thaw(part) for part in key)
    return key


def may_repeat(key: Any) -> bool:
    """Return whether the key may name an element twice: only arrays of integers can."""
    key = thaw(key)
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in parts)
