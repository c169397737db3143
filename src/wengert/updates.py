"""How does one change elements of an array without changing the array?

`at` gives a new array: ``wg.at(x)[i].set(v)`` is what ``x[i] = v`` would make of a copy. It is there for arrays of
numbers into which vars shall go, which NumPy cannot hold, and for code that other references to `x` must not notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wengert._core.arrays import apply, frozen_key
from wengert.structured import ROWS


@dataclass(frozen=True)
class at:  # noqa: N801  (it is called what it reads as)
    """New arrays that differ from an array in some elements.

    Parameters
    ----------
    x : ndarray or VarArray
        It is not changed.

    Examples
    --------
    >>> wg.at(np.zeros(3))[1:].set(np.array([2.0, 3.0]))
    array([0., 2., 3.])
    >>> wg.grad(lambda v: np.sum(wg.at(np.ones(3))[0].add(v) ** 2))(2.0)
    6.0
    """

    x: Any

    def __getitem__(self, key: Any) -> Elements:
        return Elements(self.x, key)


@dataclass(frozen=True)
class Elements:
    """Some elements of an array, as ``x[key]`` names them."""

    x: Any
    key: Any

    def get(self) -> Any:
        """The elements, ``x[key]``."""
        return self.x[self.key]

    def set(self, values: Any) -> Any:
        """The array with these values there, broadcast as in an assignment; of elements named twice the last."""
        return apply(ROWS["put"], (self.x, values), {"key": frozen_key(self.key)})

    def add(self, values: Any) -> Any:
        """The array with these values added there; to elements named twice, both."""
        return apply(ROWS["put_add"], (self.x, values), {"key": frozen_key(self.key)})
