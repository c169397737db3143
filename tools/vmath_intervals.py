"""How are the arguments drawn on which vmath is measured?

Each function here makes an `Interval`: a label, and what draws arguments from it.  Seams, zeros and limits of the range
of doubles need their own, because evenly spread numbers hardly ever meet them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Any]
LEAST, MOST = 5e-324, sys.float_info.max


class Interval(NamedTuple):
    label: str
    draw: Draw  # from a generator and a count to an array of arguments, or a pair of arrays


def show(x: float) -> str:
    mantissa, exponent = math.frexp(abs(x))
    if abs(x) == MOST:
        return "max" if x > 0 else "-max"
    if mantissa == 0.5 and not -20 <= exponent <= 10:
        return f"{'-' if x < 0 else ''}2^{exponent - 1}"
    return f"{x:.7g}"


def even(low: float, high: float) -> Interval:
    """Evenly spread."""
    return Interval(f"[{show(low)}, {show(high)}]", lambda rng, n: rng.uniform(low, high, n))


def magnitudes(low: float, high: float, signs: tuple[int, ...] = (-1, 1)) -> Interval:
    """Evenly spread logarithms, by default of both signs."""
    sign = "±" if len(signs) == 2 else "-" if signs == (-1,) else ""

    def draw(rng: np.random.Generator, n: int) -> Array:
        exponents = rng.uniform(math.log2(low), math.log2(high), n)
        with np.errstate(over="ignore"):
            sizes: Array = np.clip(np.exp2(exponents), low, high)
        signed: Array = sizes * rng.choice(signs, n)
        return signed

    return Interval(f"{sign}[{show(low)}, {show(high)}], log", draw)


def near(*points: float, reach: int = 1000) -> Interval:
    """The doubles next to some points: the seams of an algorithm, zeros, branch points, limits of the range."""

    def draw(rng: np.random.Generator, n: int) -> Array:
        centres = rng.choice(np.array(points, float), n).view(np.int64)
        moved: Array = (centres + rng.integers(-reach, reach + 1, n)).view(np.float64)
        return moved

    return Interval("next to " + ", ".join(show(p) for p in points), draw)


def around(point: float, low: float, high: float, signs: tuple[int, ...] = (-1, 1)) -> Interval:
    """A point plus magnitudes."""
    inner = magnitudes(low, high, signs)
    return Interval(f"{show(point)} + {inner.label}", lambda rng, n: point + inner.draw(rng, n))


def points(label: str, values: Any) -> Interval:
    """Some values, all of them if there is room, in any order."""
    return Interval(label, lambda rng, n: np.resize(rng.permutation(np.asarray(values, float)), n))


def pairs(a: Interval, b: Interval) -> Interval:
    return Interval(f"{a.label} and {b.label}", lambda rng, n: (a.draw(rng, n), b.draw(rng, n)))


# ---- pairs of arguments with a purpose ----


def powers_in_range(base: Interval) -> Interval:
    """Exponents such that the power covers the range of doubles and a little more."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        x = base.draw(rng, n)
        with np.errstate(divide="ignore"):
            y = rng.uniform(-746, 710, n) / np.log(x)
        return x, np.where(np.isfinite(y), y, 1.5)

    return Interval(f"{base.label}, power in range", draw)


def cancelling_logaddexp(reach: int) -> Interval:
    """a and b with exp(a) + exp(b) = 1 but for rounding, or almost."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        a = np.where(rng.random(n) < 0.5, rng.uniform(-0.7, 0, n), -np.exp2(rng.uniform(-1074, 0, n)))
        b = np.log(-np.expm1(a)).view(np.int64) + rng.integers(-reach, reach + 1, n)
        return a, b.view(np.float64)

    return Interval(f"exp(a) + exp(b) = 1, ± {reach} ulp", draw)


def close_pairs(a: Interval, distance: Interval) -> Interval:
    """b = a + distance."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        x = a.draw(rng, n)
        return x, x + distance.draw(rng, n)

    return Interval(f"{a.label}, b - a in {distance.label}", draw)
