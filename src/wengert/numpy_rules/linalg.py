"""What are NumPy's functions of matrices: norms, powers, inverses, determinants, solutions?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.errors import ShapeError
from wengert.numpy_rules.arguments import (
    Array,
    Axes,
    all_axes,
    as_array,
    dtype_of,
    part_of,
    require_shape,
    shape_of,
)
from wengert.numpy_rules.reductions import NONE
from wengert.numpy_rules.registry import implements, no_rule, unsupported
from wengert.structured import rows

# The named tuples that NumPy returns.
SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
EighResult: Any = type(np.linalg.eigh(np.eye(1)))


def square(function: str, a: Array) -> Array:
    """A matrix, or a stack of them, with as many rows as columns."""
    x = as_array(a)
    if len(shape_of(x)) < 2 or shape_of(x)[-1] != shape_of(x)[-2]:
        raise np.linalg.LinAlgError(f"np.linalg.{function} needs square matrices, got an array of shape {shape_of(x)}")
    return x


# ---- solutions, inverses, determinants, factors ----


@implements("linalg.solve")
def solve(a: Array, b: Array) -> Array:
    return rows.solve(square("solve", a), as_array(b))


@implements("linalg.inv")
def inv(a: Array) -> Array:
    return rows.inv(square("inv", a))


@implements("linalg.pinv")
def pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NONE) -> Array:
    unsupported("linalg.pinv", hermitian=hermitian or None)
    x = as_array(a)
    if rcond is None:  # as NumPy has it, where rtol=None is not the same as no rtol
        smallest = max(shape_of(x)[-2:]) * float(np.finfo(dtype_of(x)).eps)
        rcond = 1e-15 if rtol is NONE else smallest if rtol is None else rtol
    return rows.pinv(x, rcond=float(rcond))


@implements("linalg.det")
def det(a: Array) -> Array:
    return rows.det(square("det", a))


@implements("linalg.slogdet")
def slogdet(a: Array) -> Any:
    x = square("slogdet", a)
    return SlogdetResult(rows.signdet(x), rows.logabsdet(x))


@implements("linalg.cholesky")
def cholesky(a: Array, /, *, upper: bool = False) -> Array:
    x = square("cholesky", a)
    return matrix_transpose(rows.cholesky(matrix_transpose(x))) if upper else rows.cholesky(x)


def matrix_transpose(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


@implements("linalg.eigh")
def eigh(a: Array, UPLO: str = "L") -> Any:  # noqa: N803  (NumPy's name)
    """The vectors' derivative needs eigenvalues that differ."""
    both = rows.eigh(square("eigh", a), lower=UPLO.upper() == "L")
    return EighResult(part_of(both, (Ellipsis, 0, slice(None))), part_of(both, (Ellipsis, slice(1, None), slice(None))))


@implements("linalg.eigvalsh")
def eigvalsh(a: Array, UPLO: str = "L") -> Array:  # noqa: N803  (NumPy's name)
    return eigh(a, UPLO).eigenvalues


@implements("linalg.tensorsolve")
def tensorsolve(a: Array, b: Array, axes: Any = None) -> Array:
    x, right = as_array(a), as_array(b)
    ndim = len(shape_of(x))
    if axes is not None:
        last = list(all_axes(axes, ndim))
        x = np.transpose(x, [k for k in range(ndim) if k not in last] + last)
    shape = shape_of(x)[len(shape_of(right)) :]
    matrix = np.reshape(x, (-1, math.prod(shape)))
    return np.reshape(np.linalg.solve(matrix, np.ravel(right)), shape)


@implements("linalg.tensorinv")
def tensorinv(a: Array, ind: int = 2) -> Array:
    if ind <= 0:
        raise ValueError("np.linalg.tensorinv needs ind > 0")
    x = as_array(a)
    first, second = shape_of(x)[:ind], shape_of(x)[ind:]
    require_shape(math.prod(first) == math.prod(second), "linalg.tensorinv", x)
    return np.reshape(np.linalg.inv(np.reshape(x, (math.prod(second), -1))), (*second, *first))


# ---- powers and chains ----


@implements("linalg.matrix_power")
def matrix_power(a: Array, n: int) -> Array:
    x = square("matrix_power", a)
    if n == 0:
        return np.broadcast_to(np.eye(shape_of(x)[-1], dtype=dtype_of(x)), shape_of(x))
    if n < 0:
        x, n = np.linalg.inv(x), -n
    result = None
    while n > 1:
        if n % 2:
            result = x if result is None else np.matmul(result, x)
        x, n = np.matmul(x, x), n // 2
    return np.copy(x) if result is None else np.matmul(result, x)


@implements("linalg.multi_dot")
def multi_dot(arrays: Sequence[Array], *, out: None = None) -> Array:
    unsupported("linalg.multi_dot", out=out)
    factors = [as_array(x) for x in arrays]
    if len(factors) < 2:
        raise ValueError("np.linalg.multi_dot needs at least two arrays")
    if any(len(shape_of(x)) != 2 for x in factors[1:-1]) or any(not 1 <= len(shape_of(x)) <= 2 for x in factors):
        raise ShapeError(f"np.linalg.multi_dot: not matrices: {', '.join(str(shape_of(x)) for x in factors)}")
    left = (
        [1] if len(shape_of(factors[0])) == 1 else []
    )  # a vector at an end is a row at the left, a column at the right
    lengths = [*left, *(shape_of(x)[0] for x in factors), *(shape_of(factors[-1])[1:] or (1,))]
    return chained(factors, best_cuts(lengths), 0, len(factors) - 1)


def best_cuts(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to cut each stretch of a chain of matrices of lengths[k] x lengths[k + 1], for the fewest products."""
    n = len(lengths) - 1
    cost, cut = {(k, k): 0 for k in range(n)}, {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            costs = {k: cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1] for k in range(i, j)}
            cut[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[cut[i, j]]
    return cut


def chained(factors: Sequence[Array], cuts: dict[tuple[int, int], int], i: int, j: int) -> Array:
    """Product of the factors i to j."""
    if i == j:
        return factors[i]
    k = cuts[i, j]
    return np.dot(chained(factors, cuts, i, k), chained(factors, cuts, k + 1, j))


# ---- norms ----


@implements("linalg.norm")
def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:  # noqa: A002
    a = as_array(x)
    ndim = len(shape_of(a))
    axes = all_axes(axis, ndim)
    if ord is None and (axis is None or len(axes) <= 2):
        return np.sqrt(np.sum(np.square(a), axes, keepdims=keepdims))
    if len(axes) == 1:
        return vector_norm(a, axis=axes[0], keepdims=keepdims, ord=ord)
    if len(axes) == 2:
        return norm_of_matrices(a, axes, ord, keepdims)
    raise ValueError(f"np.linalg.norm is of vectors and matrices, not of an array of shape {shape_of(a)}")


@implements("linalg.vector_norm")
def vector_norm(x: Array, /, *, axis: Axes = None, keepdims: bool = False, ord: Any = 2) -> Array:  # noqa: A002
    """In the point 0, where the norm has a kink, the derivative is 0."""
    a = as_array(x)
    if ord is None or ord == 2:
        return np.sqrt(np.sum(np.square(a), axis, keepdims=keepdims))
    if ord == 0:
        return np.sum(rows.cast(a != 0, dtype=np.result_type(dtype_of(a), np.float32)), axis, keepdims=keepdims)
    size = np.abs(a)
    if ord == 1:
        return np.sum(size, axis, keepdims=keepdims)
    if ord == np.inf:
        return np.max(size, axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"np.linalg: a vector has no norm {ord!r}")
    return np.sum(size**ord, axis, keepdims=keepdims) ** (1.0 / ord)


@implements("linalg.matrix_norm")
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:  # noqa: A002
    a = as_array(x)
    return norm_of_matrices(a, all_axes((-2, -1), len(shape_of(a))), ord, keepdims)


def norm_of_matrices(a: Array, axes: Sequence[int], ord: Any, keepdims: bool) -> Array:  # noqa: A002
    """Norms that need no singular values."""
    row, column = axes
    if ord in (None, "fro", "f"):
        return np.sqrt(np.sum(np.square(a), (row, column), keepdims=keepdims))
    if ord in (1, -1):
        sums = np.sum(np.abs(a), row, keepdims=True)
    elif ord in (np.inf, -np.inf):
        sums = np.sum(np.abs(a), column, keepdims=True)
    elif ord in (2, -2, "nuc"):
        no_rule("linalg.norm", f"ord={ord!r} of matrices (singular values)")
    else:
        raise ValueError(f"np.linalg: a matrix has no norm {ord!r}")
    extreme = np.max if ord > 0 else np.min
    return extreme(sums, (row, column), keepdims=keepdims)


@implements("linalg.cond")
def cond(x: Array, p: Any = None) -> Array:
    if p in (None, 2, -2, "nuc"):
        no_rule("linalg.cond", f"p={p!r} (singular values)")
    a = square("cond", x)
    return matrix_norm(a, ord=p) * matrix_norm(np.linalg.inv(a), ord=p)
