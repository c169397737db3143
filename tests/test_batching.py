"""Does a function mapped over whole arrays do what a loop over its lanes does?"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from row_cases import CASES

import wengert as wg
from wengert.batching import RULES, apply_to_lanes
from wengert.structured import ROWS, freeze, rows

N = 3
EVERY_CASE = [case for cases in CASES.values() for case in cases]


def lanes_of(x, k, is_index):
    """What lane k has in the place of an argument."""
    if is_index or np.asarray(x).dtype.kind in "iub":
        return np.roll(x, k)
    return np.asarray(x) * (1.0 + 0.125 * k)


def applications():
    """Every case of a row, with every choice of the arguments that differ from lane to lane."""
    for case in EVERY_CASE:
        # A triangle of sorted numbers stays sorted when it is scaled, a matrix regular.
        which = [k for k, x in enumerate(case.args) if not (case.row == "searchsorted" and k == 0)]
        for size in range(1, min(len(which), 3) + 1):
            for varying in itertools.combinations(which, size):
                yield pytest.param(case, tuple(k in varying for k in range(len(case.args))), id=f"{case}-{varying}")


def in_lanes(case, varies):
    """The arguments with lanes in front, and those of every lane."""
    row = ROWS[case.row]
    whole = [
        np.stack([lanes_of(x, k, i > 0 and not row.has_rule(i)) for k in range(N)]) if v else x
        for i, (x, v) in enumerate(zip(case.args, varies, strict=True))
    ]
    each = [[w[k] if v else w for w, v in zip(whole, varies, strict=True)] for k in range(N)]
    return whole, each


@pytest.mark.parametrize("case, varies", list(applications()))
def test_a_rule_is_a_loop_over_lanes(case, varies):
    whole, each = in_lanes(case, varies)
    found = apply_to_lanes(case.row, whole, varies, case.params, N)
    wanted = np.stack([ROWS[case.row].value(*args, **case.params) for args in each])
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("case, varies", list(applications()))
def test_its_gradient_is_a_loop_over_lanes(case, varies):
    row = ROWS[case.row]
    positions = [k for k, x in enumerate(case.args) if row.has_rule(k) and np.asarray(x).dtype.kind == "f" and np.size(x)]
    value = np.asarray(row.value(*case.args, **case.params))
    if not positions or value.dtype.kind != "f" or not value.size:
        pytest.skip("no derivative")
    whole, each = in_lanes(case, varies)
    weights = np.random.default_rng(0).normal(size=(N, *value.shape))
    free = tuple(positions)

    def fill(args, xs):
        args = list(args)
        for k, x in zip(free, xs, strict=True):
            args[k] = x
        return args

    def of_lane(k):
        return wg.grad(lambda *xs: np.sum(weights[k] * row(*fill(each[k], xs), **case.params)), range(len(free)))(
            *[np.asarray(each[k][i], float) for i in free]
        )

    mapped = wg.vmap(lambda w, *args: np.sum(w * row(*args, **case.params)), (0, *[0 if v else None for v in varies]))
    gradient = wg.compile(
        wg.grad(lambda *xs: np.sum(mapped.on_arrays(weights, *fill(whole, xs))), range(len(free)))
    )
    found = gradient(*[np.asarray(whole[i], float) for i in free])
    lanes = [of_lane(k) for k in range(N)]
    for j, i in enumerate(free):
        wanted = np.stack([lane[j] for lane in lanes])
        wanted = wanted if varies[i] else wanted.sum(axis=0)
        np.testing.assert_allclose(found[j], wanted, rtol=1e-9, atol=1e-9 * max(1.0, np.max(np.abs(wanted))))


def test_every_row_has_a_rule_or_is_known_to_have_none():
    assert set(ROWS) - set(RULES) == {"convolve"}
    assert set(RULES) <= set(ROWS)
