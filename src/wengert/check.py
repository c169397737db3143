"""Is a gradient right?

Every derivative is compared with a numerical one. Central differences come with a bound on their own error; where the
function also runs on complex numbers, and agrees there with the differences, the complex step replaces them, since it
has no cancellation (Squire & Trapp, SIAM Review 40, 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.derivatives import jacobian
from wengert.errors import WengertError
from wengert.nests import flatten_numbers
from wengert.transforms import ArgNums, checked, chosen, replaced

COMPLEX_STEP = 1e-30  # its square is lost in any rounding, and products of several steps do not underflow
DIFFERENCE_STEP = 2.0**-9  # near eps**(1/6), where truncation and rounding balance after one extrapolation
EPS = float(np.finfo(float).eps)


def check_grad(f: Callable[..., Any], *args: Any, argnums: ArgNums | None = None, rtol: float = 1e-8) -> float:
    """Compare the derivatives of a function with numerical ones.

    Parameters
    ----------
    f : callable
        Takes floats or nests of floats, returns a float or a nest of floats.
    *args : float or nest of float
        The point at which to compare.
    argnums : int or sequence of int, optional
        Positions of the arguments to differentiate in, by default all.
    rtol : float, default 1e-8
        Relative error allowed, on top of the numerical derivative's own error.

    Returns
    -------
    float
        The largest error found, relative where the derivative is larger than 1 and absolute where it is smaller; the
        numerical derivative's own error is part of it.

    Raises
    ------
    WengertError
        If a derivative is wrong: names the worst entry, both numbers and the input. Or if there is nothing to compare
        with, because the function or its numerical derivative is not finite there.
    TracingError
        As for `jacobian`.

    Examples
    --------
    >>> wg.check_grad(lambda x, y: wg.exp(x) * y, 0.5, 2.0) < 1e-14
    True
    """
    positions = tuple(range(len(args))) if argnums is None else checked(argnums)
    point, rebuild = flatten_numbers(chosen(args, positions))

    def on_flat(numbers: list[Any]) -> list[Any]:
        return flatten_numbers(f(*replaced(args, positions, rebuild(numbers))))[0]

    ours = np.array(jacobian(on_flat)(point), dtype=float).reshape(-1, len(point))
    expected, allowed = np.empty_like(ours), np.empty_like(ours)
    for column in range(len(point)):
        expected[:, column], allowed[:, column] = numerical_derivatives(on_flat, point, column)
    allowed += rtol * np.abs(expected)
    if not np.all(np.isfinite(allowed)):
        row, column = divmod(int(np.argmin(np.isfinite(allowed))), len(point))
        raise WengertError(
            f"output {row} has no numerical derivative in input {column} (counted through the flattened arguments) to "
            f"compare with, at the inputs {[float(x) for x in point]}: give a point where it is finite and smooth"
        )
    error = np.where((ours == expected) | (np.isnan(ours) & np.isnan(expected)), 0.0, np.abs(ours - expected))
    error = np.where(np.isnan(error), np.inf, error)
    if np.any(error > allowed):
        row, column = divmod(int(np.argmax(error / np.maximum(allowed, np.finfo(float).tiny))), len(point))
        raise WengertError(
            f"wrong derivative of output {row} in input {column} (counted through the flattened arguments): got "
            f"{float(ours[row, column])!r}, expected {float(expected[row, column])!r} within "
            f"{allowed[row, column]:.1e}, at the inputs {[float(x) for x in point]}"
        )
    return float(np.max(error / np.maximum(np.abs(expected), 1.0), initial=0.0))


Function = Callable[[list[Any]], list[Any]]


def numerical_derivatives(f: Function, point: list[float], column: int) -> tuple[Any, Any]:
    """Derivatives of all outputs in one input, and a bound on the error of each."""
    # Some functions vary on the scale of their argument (log near 0), some on the scale of 1 (cos near 0).
    scales = {1.0, abs(point[column])} - {0.0}
    attempts = [central_differences(f, point, column, DIFFERENCE_STEP * scale) for scale in sorted(scales)]
    derivatives, bounds = attempts[0]
    for other_derivatives, other_bounds in attempts[1:]:
        better = other_bounds < bounds
        derivatives, bounds = np.where(better, other_derivatives, derivatives), np.where(better, other_bounds, bounds)
    stepped = complex_step(f, point, column)
    if stepped is not None and np.all(np.abs(stepped - derivatives) <= bounds):
        return stepped, 8 * EPS * np.abs(stepped)
    return derivatives, bounds


def shifted(point: list[float], column: int, step: complex) -> list[Any]:
    return [*point[:column], point[column] + step, *point[column + 1 :]]


def central_differences(f: Function, point: list[float], column: int, step: float) -> tuple[Any, Any]:
    """Central differences with one Richardson extrapolation, and a bound from its correction and from rounding."""

    def difference(h: float) -> tuple[Any, Any]:
        above, below = (np.array(f(shifted(point, column, s)), dtype=float) for s in (h, -h))
        width = (point[column] + h) - (point[column] - h)
        return (above - below) / width, EPS * (np.abs(above) + np.abs(below)) / width

    with np.errstate(all="ignore"):
        coarse, _ = difference(step)
        fine, rounding = difference(step / 2)
        derivative = fine + (fine - coarse) / 3
        bound = np.abs(derivative - fine) + 4 * rounding
    return derivative, np.where(np.isnan(bound), np.inf, bound)


def complex_step(f: Function, point: list[float], column: int) -> Any:
    """Imaginary part of f at a complex point over the step; None if f does not take complex numbers."""
    try:
        outputs = f(shifted(point, column, 1j * COMPLEX_STEP))
        return np.array([complex(output).imag for output in outputs]) / COMPLEX_STEP
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return None
