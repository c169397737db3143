"""What is a structured op: an op on whole arrays, such as a matrix product, a sum or a gather?

One row per op, and nothing about an op's mathematics is written anywhere else.  A row holds

* ``value``: what NumPy computes for it;
* ``shape``: shape and dtype of that, known without computing it (`rows.shapes`);
* ``vjp``: for each argument the adjoint of that argument, from the adjoint ``g`` of the result ``y``.

The rules are NumPy code and calls of rows.  On arrays they compute; on vars NumPy's protocols lead them back to the
tables, so a derivative is made of ops again and derivatives nest to any order.  Hence what a rule may not do: change
an array in place, branch on values, or take ``g``, ``y`` or an argument of shape () for an array (it may be a number).
Forward mode has no rules: a jvp is the transpose of the vjp.

The rows stand in the modules of `wengert.rows`.

Conventions.  Parameters are keywords and hashable (`index_keys`).  Of arguments with a rule of None (indices) nothing
is differentiated, nor of any result that is not floating.  Where a rule multiplies elementwise by a slope that may be
infinite, zero is strong (`times`); matrix products and the sums within them follow IEEE arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.errors import ShapeError
from wengert.index_keys import Frozen, Slice, freeze, thaw

__all__ = ["ROWS", "Frozen", "Slice", "Structured", "fit", "freeze", "rows", "structured", "thaw", "times"]

Rule = Callable[..., Any]
"""``(g, y, *args, **params)`` to the adjoint of one argument."""

PLAIN = (np.ndarray, np.generic, float, int)
"""What is no var."""


def _nobody_records(row: Structured, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    raise TypeError(f"{row.name} takes arrays and numbers, not {', '.join(type(arg).__name__ for arg in args)}")


recorder: Callable[[Structured, tuple[Any, ...], dict[str, Any]], Any] = _nobody_records
"""What records an application of a row to vars; the core puts itself here."""


def _strong_product(a: Any, b: Any) -> Any:
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        product = np.multiply(a, b)
    return np.where(np.equal(a, 0) | np.equal(b, 0), product.dtype.type(0), product)


strong_product: Callable[[Any, Any], Any] = _strong_product
"""The elementwise op ``mul_no_nan``; the core puts the one there that takes vars too."""


@dataclass(frozen=True, eq=False)
class Structured:
    """One structured op; see `structured` for the fields."""

    name: str
    compute: Callable[..., Any]
    shape: Callable[..., tuple[tuple[int, ...], np.dtype[Any]] | None] | None
    vjp: tuple[Rule | None, ...] | Callable[..., Any]
    linear: bool
    doc: str
    defaults: dict[str, Any] = field(repr=False)

    @property
    def variadic(self) -> bool:
        """Does it take any number of arguments?"""
        return callable(self.vjp)

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Compute if no argument is a var, else record."""
        params = {**self.defaults, **params}
        for arg in args:
            if not isinstance(arg, PLAIN):
                return recorder(self, args, params)
        return self.value(*args, **params)

    def value(self, *args: Any, **params: Any) -> Any:
        """Compute on arrays and numbers.  The result may be a view of an argument, or a number in place of shape ().

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        numpy.linalg.LinAlgError
            If NumPy does: a matrix is singular, not positive definite or not square.
        """
        try:
            return self.compute(*args, **params)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(f"{self._shapes(args)}: {error}") from error
        except (ShapeError, np.exceptions.AxisError):
            raise
        except ValueError as error:
            raise ShapeError(f"{self._shapes(args)}: {error}") from error

    def foreseen(self, *args: Any, **params: Any) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
        """Shape and dtype of the result for arguments that have these; None where only the value can tell."""
        if self.shape is None:
            return None
        try:
            return self.shape(*args, **params)
        except (ValueError, IndexError, TypeError):
            return None

    def _shapes(self, args: tuple[Any, ...]) -> str:
        return f"{self.name} of shape{'s' * (len(args) > 1)} {' and '.join(str(np.shape(arg)) for arg in args)}"

    def has_rule(self, k: int) -> bool:
        """Can the result be differentiated in argument `k`?"""
        return callable(self.vjp) or (k < len(self.vjp) and self.vjp[k] is not None)

    def adjoint(self, k: int, g: Any, y: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Return the adjoint of argument `k`, which has a rule, from the adjoint `g` of the result `y`."""
        if callable(self.vjp):
            return self.vjp(k, g, y, *args, **params)
        rule = self.vjp[k]
        assert rule is not None
        return rule(g, y, *args, **params)


class Table(dict[str, Structured]):
    """Rows by name, also as attributes: ``rows.sum(x, axis=0)``."""

    def __getattr__(self, name: str) -> Structured:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no structured op {name!r}") from None


ROWS = rows = Table()
"""The table: every structured op by name."""


def structured(
    name: str,
    *,
    value: Callable[..., Any],
    shape: Callable[..., tuple[tuple[int, ...], np.dtype[Any]] | None] | None = None,
    vjp: tuple[Rule | None, ...] | Callable[..., Any],
    doc: str,
    linear: bool = False,
) -> Structured:
    """Add a row to the table.

    Parameters
    ----------
    name : str
        Name in the table, in listings and of its kernel.
    value : callable
        ``(*arrays, **params)`` to the result, by NumPy.  Parameters are keyword-only.
    shape : callable
        ``(*arrays, **params)`` to the shape and the dtype of the result, from those of the arrays; see `rows.shapes`.
        Without it, the value is computed wherever the row is recorded.
    vjp : tuple of (callable or None), or callable
        For each argument ``(g, y, *args, **params)`` to its adjoint, or None, which may be left out at the end; for
        rows of any number of arguments one function ``(k, g, y, *args, **params)``.
    doc : str
        What it computes, with the conventions at kinks.
    linear : bool
        Is the result linear in all arguments that have a rule, together?  Then forward mode applies the row to
        tangents, with the other arguments as they are.
    """
    row = Structured(name, value, shape, vjp, linear, doc, dict(getattr(value, "__kwdefaults__", None) or {}))
    ROWS[name] = row
    return row


# ---- words for rules ----


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of an array, a var or a number."""
    return getattr(x, "shape", ())


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of an array or a var, and float64 for a number."""
    return np.dtype(getattr(x, "dtype", np.float64))


def axes_of(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction goes over, counted from 0, in rising order."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(a + ndim if a < 0 else a for a in ((axis,) if isinstance(axis, int) else axis)))


def times(g: Any, slope: Any) -> Any:
    """Return ``g * slope``, where zero is strong: 0 times infinity or NaN is 0."""
    return strong_product(g, slope)


def fit(adjoint: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum the adjoint over the axes along which an array of that shape was repeated.

    Parameters
    ----------
    adjoint : array, var or number
        The adjoint of the array as it was broadcast.
    shape : tuple of int
        The shape of the array.

    Examples
    --------
    >>> fit(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> fit(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    wide = shape_of(adjoint)
    if wide == shape:
        return adjoint
    extra = len(wide) - len(shape)
    axes = tuple(i for i, n in enumerate(wide) if i < extra or (n != 1 and shape[i - extra] == 1))
    if axes:
        adjoint = rows.sum(adjoint, axis=axes, keepdims=False)
    return reshaped(adjoint, shape)


def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """Return x in that shape; x itself if it has it."""
    return x if shape_of(x) == shape else rows.reshape(x, shape=shape)


def swapped(x: Any) -> Any:
    """Return the transposed matrix, or stack of matrices."""
    ndim = len(shape_of(x))
    return rows.transpose(x, axes=(*range(ndim - 2), ndim - 1, ndim - 2))


def flipped(x: Any, axis: int) -> Any:
    """Return x in reverse order along an axis."""
    return rows.getitem(x, key=along(axis, len(shape_of(x)), Slice(None, None, -1)))


def along(axis: int, ndim: int, part: Any) -> tuple[Any, ...]:
    """Return the key that takes `part` of an axis, and all of the others."""
    full = Slice(None, None, None)
    axis %= ndim
    return (full,) * axis + (part,) + (full,) * (ndim - axis - 1)


# The rows are made when their modules are imported, and these import this one: so this comes last.
from wengert.rows import (  # noqa: E402, F401
    bodies,
    einsum,
    linalg,
    pinv,
    products,
    random,
    rearranging,
    reductions,
)
