"""On which arguments are NumPy's functions tried?

`CASES` has at least one call of every function that is differentiated, `CONSTANT_CASES` of every one that gives
constants.  The floating arrays in a call are what is differentiated; they lie away from kinks and ties.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args, **kwargs):
    return Case(args, kwargs)


def assert_same(found, expected, rtol=1e-10):
    """Equal up to rounding, in type of nest, shape and the signs of zeros too."""
    if isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, rtol)
    elif isinstance(expected, str | type | np.dtype):
        assert found == expected
    else:
        assert np.shape(found) == np.shape(expected)
        assert np.asarray(found).dtype.kind == np.asarray(expected).dtype.kind
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-13)


def spread(*shape, seed=0, low=-2.0, high=2.0):
    """Numbers that all differ, in no order."""
    rng = np.random.default_rng(seed)
    numbers = np.linspace(low, high, int(np.prod(shape)) + 2)[1:-1]
    return (rng.permutation(numbers) + 0.013).reshape(shape)


V, W = spread(5), spread(5, seed=1)
M, N = spread(3, 4), spread(3, 4, seed=2)
S, T = spread(3, 3, seed=3), spread(3, 3, seed=4)
CUBE = spread(2, 3, 4, seed=5)
ZERO_D = np.array(0.7)
EMPTY = np.zeros((0, 3))
REVERSED = spread(4, 6, seed=6)[::-1, ::-2]  # negative strides, not contiguous
POSITIVE = spread(3, 4, seed=7, low=0.2, high=3.0)
P5 = spread(5, seed=8, low=0.2, high=3.0)
STACK = spread(2, 3, 3, seed=9) + 3.0 * np.eye(3)
SPD = S @ S.T + 2.0 * np.eye(3)
SPD_STACK = np.stack([SPD, T @ T.T + np.eye(3)])
NANS = np.array([[1.0, np.nan, -0.5], [np.nan, np.nan, 2.0], [0.3, 0.1, -1.2]])
SOME_NANS = np.array([[1.0, np.nan, -0.5], [0.7, np.nan, 2.0], [0.3, 0.1, -1.2]])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
INTS = np.array([2, 0, 4, 1])
KNOTS = np.array([-1.4, -0.3, 0.1, 0.5, 1.1])

LAYOUTS = [call(x) for x in (V, M, CUBE, REVERSED)]
EVERY_LAYOUT = [*LAYOUTS, call(ZERO_D), call(EMPTY)]
REDUCED = [
    *LAYOUTS,
    call(ZERO_D),
    call(M, 0),
    call(M, axis=-1),
    call(CUBE, axis=(0, -1)),
    call(CUBE, axis=1, keepdims=True),
    call(M, keepdims=True),
    call(np.zeros((3, 0)), 0),
]

CASES: dict[str, list[Case]] = {
    # ---- form ----
    "reshape": [call(M, 12), call(M, (2, -1)), call(M, (4, 3), order="F"), call(REVERSED, [6, 2]), call(EMPTY, (3, 0))],
    "ravel": [*EVERY_LAYOUT, call(M, order="F")],
    "transpose": [*EVERY_LAYOUT, call(CUBE, (1, 2, 0)), call(CUBE, (-1, 0, 1))],
    "matrix_transpose": [call(M), call(CUBE)],
    "linalg.matrix_transpose": [call(CUBE)],
    "swapaxes": [call(CUBE, 0, -1)],
    "moveaxis": [call(CUBE, 0, -1), call(CUBE, [0, 1], [-1, 0])],
    "rollaxis": [call(CUBE, 2), call(CUBE, 0, 3)],
    "expand_dims": [call(M, 1), call(M, (0, -1)), call(ZERO_D, 0)],
    "squeeze": [call(M[:1]), call(CUBE[:, :1], 1), call(CUBE[:1, :1], axis=(0, 1))],
    "atleast_1d": [*EVERY_LAYOUT, call(V, ZERO_D)],
    "atleast_2d": EVERY_LAYOUT,
    "atleast_3d": EVERY_LAYOUT,
    "broadcast_to": [call(V, (2, 5)), call(ZERO_D, 3), call(M[:, :1], (2, 3, 4))],
    "broadcast_arrays": [call(V, M[:, :1], 2.0)],
    "meshgrid": [call(V, W[:3]), call(V, W[:3], P5[:2], indexing="ij", sparse=True), call(V, W[:2], P5[:3])],
    # ---- joining and cutting ----
    "concatenate": [call((M, N)), call([M, N], axis=-1), call((M, V), axis=None), call((V, [1.0, 2.0], INTS))],
    "stack": [call([V, W]), call([M, N], 1), call([M, N], axis=-1), call([ZERO_D, 2.0])],
    "hstack": [call([V, W]), call([M, N]), call([ZERO_D, ZERO_D])],
    "vstack": [call([V, W]), call([M, N])],
    "dstack": [call([V, W]), call([M, N])],
    "column_stack": [call([V, W]), call([V, spread(5, 2)])],
    "append": [call(V, 3.0), call(M, N), call(M, N, 1)],
    "block": [call([[M, N], [N, M]]), call([V, W]), call([[S, np.ones((3, 1))], [np.zeros((1, 3)), 1.0]]), call(M)],
    "split": [call(M, 2, 1), call(V, [1, 3])],
    "array_split": [call(V, 3), call(M, [1, 7, 2], -1), call(V, 7)],
    "hsplit": [call(M, 2), call(V, [2])],
    "vsplit": [call(M, 3)],
    "dsplit": [call(CUBE, 2)],
    "unstack": [call(M), call(CUBE, axis=-1)],
    "delete": [call(V, 1), call(M, [0, -1], 1), call(V, slice(None, None, 2)), call(M, 3), call(V, V > 0)],
    "insert": [
        call(V, 1, 9.0), call(V, [1, 1, -1], W[:3]), call(M, 2, V[:3], axis=1), call(M, [0, 3], 7.0, 1),
        call(M, 1, N[:2], 0), call(M, slice(0, 2), 1.5, 1), call(V, [2], W[:1]), call(M, 5, 1.0),
    ],
    # ---- moving and repeating ----
    "flip": [*EVERY_LAYOUT, call(CUBE, 1), call(CUBE, (0, -1))],
    "fliplr": [call(M)],
    "flipud": [call(M), call(V)],
    "rot90": [call(M), call(M, 2), call(CUBE, 3, (1, 2)), call(M, 4), call(M, -1, (1, 0))],
    "roll": [call(V, 2), call(M, 1), call(M, -1, 1), call(M, (1, 2), (0, 1)), call(M, 5, 0), call(EMPTY, 1, 0)],
    "repeat": [call(V, 2), call(M, [1, 0, 2], 0), call(M, 2)],
    "tile": [call(V, 2), call(M, (2, 1)), call(V, (2, 2)), call(CUBE, (2,)), call(ZERO_D, (2, 3))],
    "resize": [call(V, (2, 4)), call(M, 3)],
    "pad": [
        call(V, 2), call(M, ((1, 0), (2, 3))), call(V, (1, 2), mode="constant", constant_values=(4.0, 5.0)),
        call(V, 2, "edge"), call(M, ((1, 2), (0, 2)), "reflect"), call(V, 3, "symmetric"), call(M, 2, "wrap"),
    ],
    "lib.stride_tricks.sliding_window_view": [call(V, 3), call(M, 2, 1), call(M, (2, 2))],
    "diag": [call(V), call(V, 1), call(M), call(M, -1), call(S, 2)],
    "diagflat": [call(M[:2, :2], -1), call(V)],
    "diagonal": [call(M), call(M, 1), call(CUBE, -1, 2, 0), call(S, 7)],
    "linalg.diagonal": [call(CUBE, offset=1)],
    "tril": [call(M), call(CUBE, 1), call(V[:3])],
    "triu": [call(M), call(CUBE, -1)],
    "copy": EVERY_LAYOUT,
    "astype": [call(M, np.float64), call(M, np.float32)],
    "array": [call(M), call([V, W]), call(V, ndmin=2)],
    "asarray": [call(M)],
    "asanyarray": [call(M)],
    "ascontiguousarray": [call(REVERSED)],
    "asfortranarray": [call(M)],
    "require": [call(M)],
    "real": EVERY_LAYOUT,
    "real_if_close": [call(M)],
    "full_like": [call(M, ZERO_D), call(M, V[:4])],
    "full": [call((2, 3), ZERO_D)],
    # ---- choosing and taking ----
    "where": [call(MASK, M, N), call(MASK, M, 0.0), call(V > 0, V, M[:, :1])],
    "select": [call([V > 1, V > -1], [V * 2, W], 0.5), call([V > 0], [W])],
    "choose": [call(INTS % 3, [M[0], N[1], 2.0]), call([0, 7, -1], [V[:3], W[:3]], mode="clip"),
               call([0, 7, -1], [V[:3], W[:3]], mode="wrap")],
    "piecewise": [call(V, [V < 0, V > 1], [lambda x: -x, 2.0, lambda x: x**2]), call(V, V > 0, [lambda x: x * 3.0]),
                  call(ZERO_D, [ZERO_D > 0], [lambda x: x**2, 0.0])],
    "clip": [call(V, -1.0, 1.0), call(V, None, W), call(M, N[0], None), call(V, min=-0.5),
        call(V, a_max=0.1, a_min=0.5)],
    "take": [call(V, INTS), call(M, [0, -1, 0], 1), call(M, 2), call(M, [[1, 0], [2, 2]], axis=0),
             call(V, [7, -9], mode="clip"), call(V, [7, -9], mode="wrap")],
    "take_along_axis": [call(M, np.argsort(M, 1), 1), call(M, np.array([[0, 2, 1, 1]]), 0), call(M, INTS, None)],
    "compress": [call(np.array([True, False, True]), M, 0), call([False, True, True, False, True], V), call([0, 1], M)],
    "extract": [call(MASK, M)],
    "ix_": [call([0, 2], [1, 3])],
    "sort": [*LAYOUTS, call(M, 0), call(M, None), call(SOME_NANS, 0), call(V, kind="stable")],
    "partition": [call(V, 2)],
    "bincount": [call(INTS, M[0]), call(INTS, minlength=7), call([1, 1, 0], V[:3], 5)],
    # ---- reductions ----
    "sum": [*REDUCED, call(EMPTY), call(M, where=MASK), call(M, 0, initial=2.5), call(M, dtype=np.float32)],
    "prod": [*REDUCED, call(EMPTY), call(M, where=MASK, axis=1), call(M, 0, initial=2.5),
        call(np.array([2.0, 0.0, 3.0])),
             call(np.array([0.0, 2.0, 0.0]))],
    "max": [*REDUCED[:-1], call(M, 0, initial=0.5), call(M, where=MASK, initial=-9.0, axis=1),
        call(EMPTY, 0, initial=1.0)],
    "min": [*REDUCED[:-1], call(M, 0, initial=0.5), call(M, where=MASK, initial=9.0, axis=1, keepdims=True)],
    "amax": [call(M)],
    "amin": [call(M, 1)],
    "mean": [*REDUCED[:-1], call(M, where=MASK), call(M, 1, where=MASK, keepdims=True)],
    "var": [*REDUCED[:-1], call(M, ddof=1), call(M, 0, where=MASK), call(M, 1, mean=np.mean(M, 1, keepdims=True)),
            call(M, correction=1)],
    "std": [*[case for case in REDUCED[:-1] if np.ndim(case.args[0])], call(M, ddof=1), call(M, 0, where=MASK)],
    "ptp": [call(M), call(M, 1), call(CUBE, axis=(0, 1), keepdims=True)],
    "average": [call(M), call(M, 0, P5[:3]), call(M, weights=POSITIVE), call(M, 1, POSITIVE[0], returned=True),
                call(M, 1, POSITIVE, keepdims=True), call(CUBE, (2, 0), np.abs(CUBE[:, 0].T)),
                call(M, 0, returned=True)],
    "median": [call(V), call(M), call(M, 0), call(CUBE, axis=(0, 2), keepdims=True), call(M, 1)],
    "quantile": [call(V, 0.3), call(M, [0.1, 0.5, 1.0], 1), call(M, 0.25, keepdims=True),
                 *[call(M, [0.3, 0.62], method=method, axis=0) for method in (
                     "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased", "inverted_cdf",
                     "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "normal_unbiased")],
                 call(SOME_NANS, 0.3, 0), call(CUBE, [[0.1], [0.7]], axis=(0, 1))],
    "percentile": [call(V, 30), call(M, [10, 50.0], 1)],
    "nanmedian": [call(NANS), call(NANS, 0), call(NANS, axis=1, keepdims=True)],
    "nanquantile": [call(NANS, 0.3), call(NANS, [0.1, 0.9], 1)],
    "nanpercentile": [call(NANS, 30.0, 0)],
    "nansum": [call(NANS), call(NANS, 0), call(V, initial=1.0)],
    "nanprod": [call(NANS), call(NANS, 0)],
    "nancumsum": [call(NANS), call(NANS, 0)],
    "nancumprod": [call(NANS), call(NANS, 1)],
    "nanmean": [call(NANS), call(NANS, 0), call(NANS, 1, keepdims=True)],
    "nanvar": [call(NANS), call(SOME_NANS, 1), call(SOME_NANS, 1, ddof=1)],
    "nanstd": [call(NANS), call(SOME_NANS, 1)],
    "nanmax": [call(NANS), call(NANS, 0)],
    "nanmin": [call(NANS), call(NANS, 1)],
    "cumsum": [*EVERY_LAYOUT, call(M, 1), call(CUBE, -2), call(M, dtype=np.float32)],
    "cumprod": [*EVERY_LAYOUT, call(M, 0), call(np.array([2.0, 0.0, 3.0, 0.0]))],
    "cumulative_sum": [call(V), call(M, axis=1, include_initial=True)],
    "cumulative_prod": [call(V), call(M, axis=0, include_initial=True)],
    "cov": [call(M), call(V, W), call(M, rowvar=False), call(M, bias=True), call(M, ddof=0), call(V),
            call(M, fweights=[1, 2, 1, 3], aweights=P5[:4]), call(M, N)],
    "corrcoef": [call(M), call(V, W), call(M, rowvar=False)],
    # ---- elements ----
    "round": [call(V), call(V, 1), call(100.0 * V, -1)],
    "around": [call(V, 2)],
    "fix": [call(V)],
    "nan_to_num": [call(NANS), call(np.array([np.inf, -np.inf, np.nan, 1.0]), nan=3.0, posinf=7.0, neginf=-8.0)],
    "sinc": [call(V), call(np.array([0.0, 1e-9, 0.1, 0.158, 0.16, -0.3, 1.0, 3.7]))],
    "angle": [call(V), call(V, deg=True)],
    # ---- products ----
    "dot": [call(M, N.T), call(V, W), call(M, V[:4]), call(CUBE, M.T), call(2.0, M), call(CUBE, V[:4]),
        call(CUBE, CUBE.transpose(0, 2, 1))],
    "vdot": [call(M, N), call(V, W)],
    "inner": [call(M, N), call(V, W), call(CUBE, V[:4]), call(ZERO_D, V)],
    "outer": [call(V, W), call(M, V)],
    "linalg.outer": [call(V, W)],
    "tensordot": [call(CUBE, M, ([1, 2], [0, 1])), call(M, N.T, 1), call(V, W, 0), call(CUBE, M, ((2,), (1,)))],
    "linalg.tensordot": [call(CUBE, M, axes=2)],
    "linalg.matmul": [call(M, N.T), call(STACK, S)],
    "linalg.vecdot": [call(M, N), call(M, N, axis=0)],
    "einsum": [call("ij,kj->ik", M, N), call("ii", S), call("...ij,jk", CUBE, N.T), call(S, [0, 0], [0]),
        call("ij->", M),
               call("i,j,ij", V[:3], W[:4], M), call(M, [0, 1], N, [0, 1]), call("ii->i", S),
               call("a...,b...->...ab", M, N)],
    "kron": [call(M, S), call(V, W), call(V, M), call(CUBE, V)],
    "cross": [call(S, T), call(S, T, axis=0), call(S[0], T), call(S, T, 0, 1, 0)],
    "linalg.cross": [call(S, T)],
    "trace": [call(M), call(M, 1), call(CUBE, 0, 1, 2)],
    "linalg.trace": [call(CUBE, offset=1)],
    "convolve": [call(V, W[:3], mode) for mode in ("full", "same", "valid")] + [call(W[:2], V, "same"), call(V, 2.0)],
    "correlate": [call(V, W[:3], mode) for mode in ("full", "same", "valid")]
    + [call(W[:2], V, mode) for mode in ("full", "same", "valid")],
    # ---- calculus ----
    "diff": [call(V), call(M, 2), call(M, axis=0), call(V, prepend=1.0, append=W[:2]), call(V, 0), call(V, 7)],
    "ediff1d": [call(M), call(V, 1.0, [2.0, 3.0])],
    "gradient": [call(V), call(V, 2.0), call(M), call(V, np.sort(W)), call(M, 0.5, axis=1), call(V, edge_order=2),
                 call(M[:, :3], np.array([0.0, 1.0, 3.0]), axis=1, edge_order=2),
                 call(M, 2.0, np.array([0.0, 1.0, 3.0, 3.5]))],
    "trapezoid": [call(V), call(V, np.sort(W)), call(M, dx=0.5, axis=0), call(M, np.sort(W[:4])),
        call(M, np.sort(N, 1))],
    "unwrap": [call(np.array([0.1, 3.0, -3.0, -2.5, 2.9])), call(5.0 * M, axis=0), call(3.0 * V, period=2.0),
               call(3.0 * V, 4.7)],
    "interp": [call(V, KNOTS, P5), call(ZERO_D, KNOTS, P5), call(V, KNOTS[:4], P5[:4], left=9.0, right=7.0),
               call(V, np.array([0.5]), np.array([2.0]))],
    "linspace": [call(ZERO_D, 2.0, 5), call(V, W, 4, axis=-1), call(ZERO_D, 2.0, 4, endpoint=False, retstep=True),
                 call(ZERO_D, 1.0, 1)],
    "logspace": [call(ZERO_D, 2.0, 5), call(V, W, 3, base=2.0)],
    "geomspace": [call(ZERO_D, 20.0, 5), call(-P5, -2.0 * P5, 3, axis=1)],
    "polyval": [call(W, V), call([1.0, -2.0, 3.0], M), call(W, ZERO_D)],
    "vander": [call(V), call(V, 3), call(V, 4, increasing=True), call(np.array([0.0, 1.0]), 3)],
    "polyfit": [call(V, W, 2), call(V, W, 1, w=P5), call(V, spread(5, 2), 2)],
    "polyadd": [call(V, W[:3])],
    "polysub": [call(V[:2], W)],
    "polymul": [call(V, W[:3])],
    "polyder": [call(V), call(V, 2), call(V, 6)],
    "polyint": [call(V), call(V, 2, [1.0, 2.0])],
    "poly": [call(V)],
    # ---- matrices ----
    "linalg.solve": [call(STACK[0], S), call(STACK[0], V[:3]), call(STACK, T), call(STACK, V[:3])],
    "linalg.inv": [call(STACK[0]), call(STACK)],
    "linalg.pinv": [call(M), call(M.T), call(CUBE), call(M, 1e-9), call(M, rtol=1e-9)],
    "linalg.det": [call(S), call(STACK)],
    "linalg.slogdet": [call(STACK), call(-STACK[0])],
    "linalg.cholesky": [call(SPD), call(SPD_STACK), call(SPD, upper=True)],
    "linalg.eigh": [call(SPD), call(SPD_STACK, "U")],
    "linalg.eigvalsh": [call(SPD), call(SPD_STACK, "U")],
    "linalg.tensorsolve": [call(spread(2, 3, 6) + np.eye(6).reshape(2, 3, 6) * 4, M[:2, :3]),
                           call(spread(2, 6, 3) + np.eye(6).reshape(2, 6, 3) * 4, M[:2, :3], axes=(1,))],
    "linalg.tensorinv": [call(spread(2, 3, 6) + np.eye(6).reshape(2, 3, 6) * 4),
                         call(spread(6, 2, 3) + np.eye(6).reshape(6, 2, 3) * 4, ind=1)],
    "linalg.matrix_power": [call(STACK, n) for n in (0, 1, 2, 5, -2)],
    "linalg.multi_dot": [call([M, N.T, S, M]), call([V[:3], M, N.T]), call([V[:3], M, W[:4]]), call([M, N.T])],
    "linalg.norm": [call(V), call(M), call(CUBE), call(M, axis=1), call(M, "fro"), call(V, 1), call(V, 3),
        call(V, np.inf),
                    call(V, -np.inf), call(V, 0), call(M, 1), call(M, -1), call(M, np.inf), call(M, -np.inf),
                    call(CUBE, axis=(2, 0), ord=1), call(M, keepdims=True), call(CUBE, np.inf, (0, 1), keepdims=True),
                    call(CUBE, 3, 1, keepdims=True)],
    "linalg.vector_norm": [call(M), call(M, axis=0, ord=3), call(CUBE, axis=(0, 1), ord=1, keepdims=True)],
    "linalg.matrix_norm": [call(CUBE), call(CUBE**2, ord=1, keepdims=True)],
    "linalg.cond": [call(STACK, "fro"), call(STACK[0], 1), call(STACK[0], np.inf)],
    # ---- functions of functions ----
    "apply_along_axis": [call(np.sum, 0, M), call(np.cumsum, 1, CUBE), call(lambda x: np.outer(x, x), -1, M)],
    "apply_over_axes": [call(np.sum, CUBE, [0, 2])],
}  # fmt: skip

CONSTANT_CASES: dict[str, list[Case]] = {
    "shape": EVERY_LAYOUT,
    "ndim": EVERY_LAYOUT,
    "size": [*EVERY_LAYOUT, call(M, 1)],
    "result_type": [call(M), call(M, np.float32), call(M, 2)],
    "can_cast": [call(np.float32, np.float64)],
    "common_type": [call(M)],
    "min_scalar_type": [call(M)],
    "zeros_like": [*EVERY_LAYOUT, call(M, shape=(2, 2)), call(M, int)],
    "ones_like": EVERY_LAYOUT,
    "diag_indices_from": [call(S)],
    "tril_indices_from": [call(M), call(M, 1)],
    "triu_indices_from": [call(M), call(M, -1)],
    "array_repr": [call(M)],
    "array_str": [call(M)],
    "imag": EVERY_LAYOUT,
    "isreal": [call(M)],
    "iscomplex": [call(M)],
    "isrealobj": [call(M)],
    "iscomplexobj": [call(M)],
    "isposinf": [call(np.array([np.inf, -np.inf, np.nan, 1.0]))],
    "isneginf": [call(np.array([np.inf, -np.inf, np.nan, 1.0]))],
    "isclose": [call(V, V + 1e-9), call(V, W), call(NANS, NANS), call(NANS, NANS, equal_nan=True),
                call(np.array([np.inf, np.inf, 1.0]), np.array([np.inf, -np.inf, np.inf]))],
    "allclose": [call(V, V), call(V, W)],
    "array_equal": [call(V, V), call(V, W), call(V, M), call(NANS, NANS, equal_nan=True)],
    "array_equiv": [call(M[:1], np.repeat(M[:1], 3, 0)), call(V, W), call(V, M)],
    "all": [call(M), call(MASK, 1), call(MASK, 0, keepdims=True), call(EMPTY), call(NANS), call(M > 0, where=MASK)],
    "any": [call(M), call(MASK, 1), call(MASK & False, 0), call(EMPTY), call(NANS), call(M > 9, where=MASK)],
    "count_nonzero": [call(M), call(MASK, 1), call(MASK, 0, keepdims=True)],
    "argsort": [*LAYOUTS, call(M, 0), call(M, None), call(np.array([2.0, 1.0, 2.0, np.nan, 1.0]), kind="stable")],
    "lexsort": [call((V, W)), call((np.array([1, 0, 1, 0, 0]), np.array([1, 1, 0, 0, 1])))],
    "argmax": [*LAYOUTS, call(M, 0), call(M, axis=1, keepdims=True), call(M, keepdims=True)],
    "argmin": [*LAYOUTS, call(M, 0), call(M, axis=1, keepdims=True)],
    "nanargmax": [call(SOME_NANS), call(SOME_NANS, 1)],
    "nanargmin": [call(SOME_NANS), call(SOME_NANS, 0)],
    "searchsorted": [call(np.sort(V), W), call(np.sort(V), V[:2], "right"), call(V, 0.1, sorter=np.argsort(V))],
    "digitize": [call(V, np.sort(W).tolist()), call(V, np.sort(W)[::-1].tolist()),
                 call(V, np.sort(V).tolist(), right=True), call(V, np.sort(V)[::-1].tolist(), True)],
    "isin": [call(V, V[:2]), call(M, [0.0, M[0, 0]], invert=True)],
    "unravel_index": [call(7, (3, 4)), call(INTS, (2, 3)), call(INTS, (2, 3), order="F")],
    "ravel_multi_index": [call(([1, 0], [2, 3]), (3, 4)), call(([1, 0], [2, 3]), (3, 4), order="F"),
                          call(([1, 9], [-2, 3]), (3, 4), mode="clip"), call(([1, 9], [-2, 3]), (3, 4), mode="wrap")],
    "einsum_path": [call("ij,jk", M, N.T)],
}  # fmt: skip

# No two libraries agree on what these leave behind, so each is only said to be constant.
UNTRIED_CONSTANTS = {
    "argpartition", "arange", "array2string", "empty", "empty_like", "eye", "frombuffer", "fromfile", "fromfunction",
    "fromiter", "fromstring", "genfromtxt", "identity", "loadtxt", "ones", "tri", "zeros",
}  # fmt: skip

IN_PLACE: dict[str, list[Case]] = {
    "copyto": [call(M, N), call(M, 1.0, where=MASK)],
    "put": [call(M, [0, -1], [9.0, 8.0]), call(M, [1, 14], V[:2], mode="wrap"), call(V, [0, 1, 2], 5.0)],
    "put_along_axis": [call(M, np.argmax(M, 1, keepdims=True), 9.0, 1), call(V, np.array([1, 2]), W[:2], None)],
    "putmask": [call(M, MASK, N), call(M, MASK, [1.0, 2.0, 3.0])],
    "place": [call(M, MASK, [1.0, 2.0, 3.0])],
    "fill_diagonal": [call(M, 3.0), call(S, V[:3]), call(spread(7, 3), 2.0, wrap=True)],
}

# Values alone are compared here: kinks, zeros of both signs, infinities, NaN.
X = np.array([-2.5, -1.0, 0.0, -0.0, 0.3, 2.0, 3.5, np.inf, -np.inf, np.nan])
A, B = (x.ravel() for x in np.meshgrid(X, X))
OF_ONE = ["positive", "conjugate", "modf"]
OF_TWO = ["fmod", "divmod", "logaddexp2"]
UFUNC_EDGES: dict[str, list[Case]] = {
    **{name: [call(X)] for name in OF_ONE},
    **{name: [call(A, B)] for name in OF_TWO},
    "ldexp": [call(np.array([1e-300, 3.0]), np.array([1100, -1000]))],
}

UFUNC_CASES: dict[str, list[Case]] = {
    **{name: [call(x) for x in (M, REVERSED, ZERO_D, EMPTY)] for name in OF_ONE},
    **{name: [call(M, 0.83 * N + 0.2), call(ZERO_D, 2.5), call(M, 1.1 * V[:4] + 2.5)] for name in OF_TWO},
    "ldexp": [call(V, INTS[:1])],
    "matmul": [call(M, N.T), call(STACK, S), call(V[:3], M)],
    "vecdot": [call(M, N), call(CUBE, V[:4]), call(M, N, axis=0)],
    "matvec": [call(STACK, V[:3]), call(M, V[:4])],
    "vecmat": [call(V[:3], STACK), call(V[:3], M)],
    "_core.umath.clip": [call(V, -1.0, 0.7 * W)],
}

METHOD_CASES: list[tuple[str, str, Case]] = [
    *[(name, "reduce", case) for name in ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or")
      for case in (call(V), call(M), call(M, 1, keepdims=True), call(CUBE, axis=None), call(CUBE, axis=(0, 2)))],
    ("add", "reduce", call(M, initial=2.0, where=MASK)),
    ("logaddexp", "reduce", call(M)),
    ("logaddexp", "reduce", call(M, 1, keepdims=True)),
    *[(name, "accumulate", case) for name in ("add", "multiply") for case in (call(V), call(M, 1))],
    *[(name, "outer", call(M, V)) for name in ("add", "multiply", "subtract", "maximum", "power", "hypot")],
]  # fmt: skip
