"""Does the virtual machine compute what the eager kernels compute, in every lane, bit for bit?"""

from itertools import product
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wengert._core import builds, vm
from wengert.ops import FUSED, NODES_WITHOUT_OP, OPS

BUILDS = builds.available_builds()
GUARD = len(NODES_WITHOUT_OP) + len(OPS) + len(FUSED)
ROWS = {**OPS, **FUSED}
SPECIAL = [nan, inf, -inf, 0.0, -0.0, 5e-324, -1e-310, 1.0, -1.0, 2.0, -3.0, 0.5, 1e300, -1e300, 1e6, 2.0**60, 3e-46]

every_row = pytest.mark.parametrize("name", ROWS)
every_build = pytest.mark.parametrize("build", BUILDS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])


def arity(name):
    row = ROWS[name]
    return OPS[row.inner].arity + OPS[row.outer].arity - 1 if name in FUSED else row.arity


def value(build, name, dtype, *arguments):
    """What the eager kernels make of arrays, rounded after every op."""
    if name in FUSED:
        row = FUSED[name]
        n_inner = OPS[row.inner].arity
        rest = list(arguments[n_inner:])
        rest.insert(row.at, value(build, row.inner, dtype, *arguments[:n_inner]))
        return value(build, row.outer, dtype, *rest)
    with np.errstate(all="ignore"):
        return builds.load(build).evaluate(name, *[np.asarray(a, np.float64) for a in arguments])[0].astype(dtype)


def assert_same_bits(ours, theirs):
    """Equal, the signs of zeros included; any NaN is as good as another."""
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours[ours == 0]), np.signbit(theirs[theirs == 0]))


def instructions(*rows):
    """Rows of (code, kind, expected, dst, a, b, c)."""
    return np.array([*rows], vm.INSTRUCTION)


def arguments_of(name, n, dtype):
    """Special values in all combinations, then random numbers of moderate size, then random bits."""
    rng = np.random.default_rng(n)
    columns = np.array(list(product(SPECIAL[:: 1 if arity(name) < 3 else 3], repeat=arity(name)))).T
    with np.errstate(all="ignore"):
        bits = rng.integers(0, 2**64, (arity(name), n), np.uint64).view(np.float64)
        return np.hstack([columns, rng.uniform(-9, 9, (arity(name), n)), bits]).astype(dtype)


def kinds(name):
    """Every choice of operands that are uniform, but not all of them."""
    return range(max(1, 2 ** arity(name) - 1))


@every_build
@every_dtype
@every_row
def test_blocks_have_the_bits_of_eager_kernels(name, dtype, build):
    """Every kind of operands, width of blocks, position and size of the last block."""
    n_arguments = arity(name)
    for kind, width in zip(kinds(name), (64, 8, 24, 256, 16, 40, 128), strict=False):
        arrays = arguments_of(name, 300 + 7 * kind, dtype)
        uniform = [k for k in range(n_arguments) if kind >> k & 1]
        for sample in range(5 if uniform else 1):
            pool = np.ascontiguousarray(arrays[:, sample * 3], np.float64)
            operands = [np.full_like(a, pool[k]) if k in uniform else a for k, a in enumerate(arrays)]
            code = instructions((ROWS[name].code, kind, 0, n_arguments, *range(n_arguments), *[0] * (3 - n_arguments)))
            out = np.full(arrays.shape[1], 7, dtype)
            vm.run_lanes(build, code, n_arguments + 1, width, pool, list(enumerate(operands)), [(n_arguments, out)])
            assert_same_bits(out, value(build, name, dtype, *operands))


@every_build
@every_dtype
@every_row
def test_uniform_code_has_the_bits_of_eager_kernels(name, dtype, build):
    n_arguments = arity(name)
    arrays = arguments_of(name, 20, dtype)
    code = instructions((ROWS[name].code, 7, 0, n_arguments, *range(n_arguments), *[0] * (3 - n_arguments)))
    results = []
    for point in arrays.T:
        pool = np.array([*point, 0.0], np.float64)
        assert vm.run_uniform(build, code, pool, dtype == np.float32) == -1
        results.append(pool[-1])
    assert_same_bits(np.array(results), value(build, name, dtype, *arrays).astype(np.float64))


# ---- whole programs ----

CHEAP = ["add", "sub", "mul", "max", "where", "lt", "square", "neg", "mul_no_nan", "add_mul", "sub_of_square"]


@st.composite
def programs(draw):
    """Straight-line code over slots: (n_inputs, instructions), in which dst follows all operands."""
    n_inputs, pool_size = draw(st.integers(1, 12)), 4
    rows = []
    for dst in range(n_inputs, n_inputs + draw(st.integers(1, 12))):
        name = draw(st.sampled_from([*CHEAP, "sin", "exp", "pow"]))
        n = arity(name)
        kind = draw(st.sampled_from(list(kinds(name))))
        operands = [draw(st.integers(0, pool_size - 1 if kind >> k & 1 else dst - 1)) for k in range(n)]
        rows.append((ROWS[name].code, kind, 0, dst, *operands, *[0] * (3 - n)))
        if draw(st.integers(0, 4)) == 0:
            kind = draw(st.integers(0, 1))
            condition = draw(st.integers(0, pool_size - 1 if kind else dst))
            rows.append((GUARD, kind, draw(st.integers(0, 1)), 0, condition, draw(st.integers(0, 5)), 0))
    return n_inputs, rows


def interpret(build, dtype, rows, pool, slots, n_lanes):
    """The same code over whole columns, one op after the other, by the eager kernels."""
    names = {row.code: name for name, row in ROWS.items()}
    slots = dict(enumerate(slots))
    failed = np.full(n_lanes, 2**31)
    for op, kind, expected, dst, *operands in rows:
        columns = [np.full(n_lanes, pool[i], dtype) if kind >> k & 1 else slots[i] for k, i in enumerate(operands)
                   if (op == GUARD and k == 0) or (op != GUARD and k < arity(names[op]))]  # fmt: skip
        if op == GUARD:
            failed[(columns[0] != 0) != expected] = np.minimum(failed, operands[1])[(columns[0] != 0) != expected]
        else:
            slots[dst] = value(build, names[op], dtype, *columns)
    return slots, np.where(failed == 2**31, -1, failed)


@every_build
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_programs_agree_with_an_interpreter(build, data):
    n_inputs, rows = data.draw(programs())
    n_lanes = data.draw(st.one_of(st.integers(1, 40), st.integers(1, 1000)))
    width = 8 * data.draw(st.integers(1, 16))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    pool = rng.normal(size=4).astype(dtype).astype(np.float64)
    table = rng.normal(size=(n_lanes, n_inputs)).astype(dtype)
    if data.draw(st.booleans()):
        table = np.asfortranarray(table)
    if data.draw(st.booleans()):
        table = table[::-1]
    n_slots = n_inputs + len(rows)
    results = np.full((n_lanes, n_slots), 7, dtype, order=data.draw(st.sampled_from("CF")))
    failed = np.empty(n_lanes, np.int32)
    written = [*range(n_inputs), *[row[3] for row in rows if row[0] != GUARD]]
    sums = vm.run_lanes(
        build, instructions(*rows), n_slots, width, pool,
        [(k, table[:, k]) for k in range(n_inputs)], [(k, results[:, k]) for k in written], written, failed,
    )  # fmt: skip
    slots, failures = interpret(build, dtype, rows, pool, table.T, n_lanes)
    for k in written:
        assert_same_bits(results[:, k], slots[k])
    np.testing.assert_array_equal(failed, failures)
    exact = np.array([np.sum(slots[k].astype(np.longdouble)) for k in written], np.float64)
    sizes = np.array([np.sum(np.abs(slots[k].astype(np.float64))) for k in written])
    assert np.all((np.abs(sums - exact) <= 1e-14 * sizes) | ~np.isfinite(sizes))


# ---- arrays in and out ----

COPY = instructions((OPS["stop_gradient"].code, 0, 0, 1, 0, 0, 0))


def copy_columns(build, source, target, width):
    """Both are (N, n): every column through the machine, from any slot to any other."""
    n = source.shape[1]
    slots = [int(slot) for slot in np.random.default_rng(n).permutation(2 * n)]
    code = instructions(*[(OPS["stop_gradient"].code, 0, 0, slots[n + k], slots[k], 0, 0) for k in range(n)])
    inputs = [(slots[k], source[:, k]) for k in range(n)]
    outputs = [(slots[n + k], target[:, k]) for k in range(n)]
    return vm.run_lanes(build, code, 2 * n, width, np.zeros(1), inputs, outputs)


@every_build
@every_dtype
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 16, 19, 36])
def test_rows_are_transposed_and_nothing_else_is_touched(build, dtype, columns):
    rng = np.random.default_rng(columns)
    for n_lanes, width, gap in product((1, 7, 8, 9, 63, 64, 65, 200), (8, 64, 72), (0, 1)):
        source = rng.normal(size=(n_lanes, columns)).astype(dtype)
        around = np.full((n_lanes + 2, columns + 2 * gap), 7, dtype)
        copy_columns(build, source, around[1:-1, gap : columns + gap], width)
        expected = np.pad(source, ((1, 1), (gap, gap)), constant_values=7)
        np.testing.assert_array_equal(around, expected)


@every_build
@every_dtype
def test_any_memory_layout(build, dtype):
    source = np.random.default_rng(0).normal(size=(150, 12)).astype(dtype)
    raw = np.zeros(source.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(dtype).reshape(source.shape)
    wide = np.zeros((450, 36), dtype)
    upside_down, mirrored = np.zeros_like(source)[::-1], np.zeros_like(source)[:, ::-1]
    by_column = np.zeros_like(source, order="F")
    layouts = [misaligned, upside_down, mirrored, by_column, wide[::3, ::3], wide[::-3, 2:14]]
    for first, second in product(layouts, repeat=2):
        if first is not second:
            first[:], second[:] = source, 0
            copy_columns(build, first, second, 64)
            np.testing.assert_array_equal(second, source)


@every_build
def test_one_number_for_all_lanes(build):
    out = np.zeros(100)
    vm.run_lanes(build, COPY, 2, 16, np.zeros(1), [(0, np.broadcast_to(3.5, 100))], [(1, out)])
    assert np.all(out == 3.5)


# ---- guards ----


@every_build
def test_uniform_guards_tell_the_first_that_fails(build):
    code = instructions((GUARD, 7, 1, 0, 0, 4, 0), (GUARD, 7, 0, 0, 1, 2, 0), (GUARD, 7, 1, 0, 2, 3, 0))
    for pool, first in [((1, 0, nan), -1), ((0, 0, 1), 4), ((0, 5, 1), 2), ((0, nan, 0), 2), ((0, 0, 0), 3)]:
        assert vm.run_uniform(build, code, np.array(pool, np.float64)) == first


# ---- sums ----


@every_build
@every_dtype
def test_sums_are_accurate_and_do_not_see_other_lanes(build, dtype):
    """10^5 ulps of one pass from left to right become at most one per level of the tree."""
    column = np.random.default_rng(1).uniform(1, 2, 100_003).astype(dtype)
    for n_lanes in (1, 5, 64, 65, 100_003):
        x = column[:n_lanes]
        (total,) = vm.run_lanes(build, COPY, 2, 64, np.zeros(1), [(0, x)], [(1, np.empty_like(x))], [1])
        assert total == pytest.approx(np.sum(x.astype(np.longdouble)), rel=2e-15, abs=0)


@every_build
@every_dtype
@pytest.mark.parametrize("width", [8, 16, 24, 40, 64])
def test_sums_have_every_lane_once(build, dtype, width):
    """Of powers of two that add up without rounding: a sum tells which lanes are in it."""
    for n_lanes in range(1, 50):
        x = (2.0 ** np.arange(n_lanes)).astype(dtype)
        (total,) = vm.run_lanes(build, COPY, 2, width, np.zeros(1), [(0, x)], [(1, np.empty_like(x))], [1])
        assert total == 2.0**n_lanes - 1


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_sum_of_negative_zeros_is_one(zero):
    x = np.full(77, zero)
    (total,) = vm.run_lanes(BUILDS[-1], COPY, 2, 32, np.zeros(1), [(0, x)], [(1, np.empty_like(x))], [1])
    assert np.signbit(total) == np.signbit(zero)
