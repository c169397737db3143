"""Does vmath keep its promise: at most 2 ulp, the special values of C, the same bits in all builds with fma?

The functions, the intervals and the special values are the rows of `tools/vmath_rows.py`; `tools/vmath_errors.py`
measures the same with many more points.
"""

from __future__ import annotations

import numpy as np
import pytest

import fit_vmath
from vmath_errors import errors, evaluate, truth
from vmath_intervals import Array
from vmath_rows import NAN, ROWS, Row
from wengert._core.builds import available_builds

BUILDS = available_builds()
FMA_BUILDS = [build for build in BUILDS if build in ("avx2", "avx512", "neon")]
POINTS = 500  # per interval: 80,000 in all

each_build = pytest.mark.parametrize("build", BUILDS)
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def is_binary(row: Row) -> bool:
    return isinstance(row.special[0][0], tuple)


def bits(values: Array) -> Array:
    """The values as integers, every NaN as one."""
    return np.where(np.isnan(values), NAN, values).view(np.uint64)


@each_row
@each_build
def test_error_is_at_most_2_ulp(row: Row, build: str) -> None:
    for interval in row.intervals:
        error, t = errors(build, row, interval, POINTS)
        i = int(error.argmax())
        worst = [float(x[i]).hex() for x in (t.a, t.b) if x is not None]
        assert error[i] <= 2, f"{row.name}({', '.join(worst)}) is off by {error[i]} ulp ({interval.label})"


@each_row
@each_build
def test_special_values_are_exact(row: Row, build: str) -> None:
    arguments = np.array([np.atleast_1d(argument) for argument, _ in row.special], float).T
    expected = np.array([value for _, value in row.special])
    computed = evaluate(build, row.name, *arguments)
    for i in np.flatnonzero(bits(computed) != bits(expected)):
        pytest.fail(f"{row.name}({', '.join(map(str, arguments[:, i]))}) is {computed[i]}, not {expected[i]}")


@each_row
@each_build
def test_every_nan_stays_nan(row: Row, build: str) -> None:
    # Quiet NaNs of both signs whose payloads fill the bits that exponents are computed in.
    payloads = np.array([0x7FF8000000000000, 0x7FF8000000000FFF, 0x7FFFFFFFFFFFFFFF, 0x7FF8000123456789], np.uint64)
    nans = np.concatenate([payloads, payloads | np.uint64(1 << 63)]).view(np.float64)
    if is_binary(row):
        assert np.isnan(evaluate(build, row.name, nans, 0.75)).all()
        assert np.isnan(evaluate(build, row.name, 0.75, nans)).all()
    else:
        assert np.isnan(evaluate(build, row.name, nans)).all()


@each_row
@pytest.mark.skipif(len(FMA_BUILDS) < 2, reason="fewer than two builds with fma run on this machine")
def test_builds_with_fma_agree_bit_for_bit(row: Row) -> None:
    rng = np.random.default_rng(1964)
    anything = rng.integers(0, 2**64, (2, 20_000), np.uint64).view(np.float64)
    pairs = [(anything[0], anything[1] if is_binary(row) else None)]
    pairs += [(t.a, t.b) for t in (truth(row, interval, POINTS) for interval in row.intervals)]
    for a, b in pairs:
        first, *others = (bits(evaluate(build, row.name, a, b)) for build in FMA_BUILDS)
        assert all(np.array_equal(first, other) for other in others)


@pytest.mark.repository
# mpmath 1.4 warns about the order in which its own chebyfit asks for a value.
@pytest.mark.filterwarnings("ignore:Descending")
def test_coefficients_are_those_of_the_fits() -> None:
    assert fit_vmath.generate() == fit_vmath.HEADER.read_text()
