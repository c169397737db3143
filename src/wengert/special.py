"""Which functions of `scipy.special` take numbers, vars and arrays of them?

Those that go elementwise are ops of the table, and ``scipy.special.gammaln(var)`` records the same one as
``wengert.special.gammaln(var)``.  SciPy's other functions (`polygamma`, `logsumexp`, `softmax`, `log_softmax`) cannot
be told about vars; here are ours, of NumPy's functions, which can.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert._core.functions import (
    digamma,
    erf,
    erfc,
    erfcx,
    gammaln,
    log_expit,
    log_ndtr,
    logit,
    ndtr,
    polygamma,
    stop_gradient,
    xlog1py,
    xlogy,
)
from wengert._core.functions import digamma as psi
from wengert._core.functions import sigmoid as expit
from wengert.structured import rows

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfcx",
    "expit",
    "gammaln",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "polygamma",
    "psi",
    "softmax",
    "xlog1py",
    "xlogy",
]

Axis = int | tuple[int, ...] | None


def top(x: Any, axis: Axis) -> Any:
    """The largest elements, by which exponents are lowered; 0 in place of infinities and NaN.

    What is added before and taken away after has no derivative, so it is a constant.
    """
    largest = np.max(x, axis=axis, keepdims=True)
    if not isinstance(largest, np.ndarray | np.generic | float):
        largest = stop_gradient(largest)
    return np.where(np.isfinite(largest), largest, 0.0)


def logsumexp(a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, ``log(sum(b * exp(a)))``, without overflow on the way.

    Parameters
    ----------
    a : array, of numbers or of vars
    axis : int, tuple of int or None, default None
        Axes to sum over; None stands for all.
    b : array, optional
        Weights. Where they are 0, `a` does not count, infinite or not. NaN if the sum is negative.
    keepdims : bool, default False
        Keep the axes with length 1.

    Returns
    -------
    float, Var or array

    Notes
    -----
    The sum is divided by its largest term first (Blanchard, Higham & Higham, IMA J. Numer. Anal. 41, 2021). No elements
    at all give minus infinity where NumPy's maximum allows for them.

    Examples
    --------
    >>> x = np.array([1000.0, 1000.0])
    >>> round(float(wg.special.logsumexp(x)), 6)
    1000.693147
    """
    if b is None:
        return rows.logsumexp(a, axis=axis, keepdims=keepdims)
    a = np.where(np.equal(b, 0), -np.inf, a)
    shift = top(a, axis)
    sums = np.sum(b * np.exp(a - shift), axis=axis, keepdims=True)
    result = np.log(sums) + shift
    if keepdims:
        return result
    result = np.squeeze(result, axis=axis)
    return result[()] if isinstance(result, np.ndarray) else result


def softmax(x: Any, axis: Axis = None) -> Any:
    """Exponentials divided by their sum.

    Parameters
    ----------
    x : array, of numbers or of vars
    axis : int, tuple of int or None, default None
        Axes to sum over; None stands for all.

    Returns
    -------
    array

    Examples
    --------
    >>> wg.special.softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    terms = np.exp(x - top(x, axis))
    return terms / np.sum(terms, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """Logarithm of `softmax`, also where that underflows.

    Parameters
    ----------
    x : array, of numbers or of vars
    axis : int, tuple of int or None, default None
        Axes to sum over; None stands for all.

    Returns
    -------
    array

    Examples
    --------
    >>> wg.special.log_softmax(np.array([0.0, -2000.0]))
    array([    0., -2000.])
    """
    lowered = x - top(x, axis)
    return lowered - np.log(np.sum(np.exp(lowered), axis=axis, keepdims=True))
