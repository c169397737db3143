"""Which structured ops factorise, invert and solve matrices?

Sources of the rules: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); for Cholesky Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527.  All
rows take stacks of matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wengert.index_keys import Slice
from wengert.rows.reductions import product_of_others
from wengert.rows.shapes import SINGLE, common_dtype, matrix_dtype, solution, square
from wengert.structured import fit, reshaped, rows, shape_of, structured, swapped, times

Array = npt.NDArray[Any]


def column(x: Any) -> Any:
    """Return vectors as matrices of one column."""
    return rows.reshape(x, shape=(*shape_of(x), 1))


def lifted(x: Any) -> Any:
    """Return one number per matrix in a shape that broadcasts against the matrices."""
    return rows.reshape(x, shape=(*shape_of(x), 1, 1))


# ---- solutions ----
def _solution_adjoints(rhs: Any, y: Any, b: Any, transposed: bool) -> Any:
    """Return the adjoint of the matrix from that of the right-hand side."""
    if len(shape_of(b)) == 1:
        rhs, y = column(rhs), column(y)
    return -(rows.matmul(y, swapped(rhs)) if transposed else rows.matmul(rhs, swapped(y)))


def _solve_rhs(g: Any, a: Any, b: Any) -> Any:
    """Return the adjoint of the right-hand side as it was broadcast against the matrices."""
    if (
        len(shape_of(b)) == 1 and len(shape_of(a)) > 2
    ):  # the adjoint is a stack of vectors, which NumPy takes for a matrix
        return reshaped(rows.solve(swapped(a), column(g)), shape_of(g))
    return rows.solve(swapped(a), g)


def _solve(a: Any, b: Any) -> Any:
    if np.ndim(b) == 1:  # as NumPy 2 does; before, a stack of vectors was solved for as such
        return np.linalg.solve(a, np.asarray(b)[:, None])[..., 0]
    return np.linalg.solve(a, b)


structured(
    "solve",
    value=_solve,
    shape=lambda a, b: (solution(a, b), matrix_dtype(a, b)),
    vjp=(
        lambda g, y, a, b: fit(_solution_adjoints(_solve_rhs(g, a, b), y, b, False), shape_of(a)),
        lambda g, y, a, b: fit(_solve_rhs(g, a, b), shape_of(b)),
    ),
    doc="Solution x of ``a @ x = b``; b is a vector if it has one axis, else a matrix or a stack of matrices.",
)
structured(
    "inv",
    value=np.linalg.inv,
    shape=lambda a: (square(a), matrix_dtype(a)),
    vjp=(lambda g, y, a: -rows.matmul(rows.matmul(swapped(y), g), swapped(y)),),
    doc="Inverse matrix.",
)


def _solve_triangular(a: Array, b: Array, *, lower: bool, trans: bool) -> Array:
    # Imported here because it takes as long as all of NumPy.
    from scipy.linalg import blas

    a, b = np.asarray(a), np.asarray(b)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("the matrix is not square")
    vector = b.ndim == 1
    b = b[:, None] if vector else b
    if b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError("the matrix and the right-hand side differ in rows")
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*outer, *a.shape[-2:])), np.broadcast_to(b, (*outer, *b.shape[-2:]))
    x: Array = np.empty(b.shape, np.result_type(a, b, np.float32))
    zeros = np.argwhere(np.diagonal(a, axis1=-2, axis2=-1) == 0)
    if zeros.size and x.size:
        raise np.linalg.LinAlgError(f"the matrix is singular: element {zeros[0, -1]} of its diagonal is zero")
    # LAPACK's trtrs wakes OpenBLAS's threads even for three rows, 15 us where this takes 0.8.
    solve = blas.strsm if x.dtype == np.float32 else blas.dtrsm
    for stack in np.ndindex(outer if x.size else (0,)):
        x[stack] = solve(1.0, a[stack].T, b[stack], lower=not lower, trans_a=not trans)  # .T: the order of Fortran
    return x[..., 0] if vector else x


def _triangle(x: Any, lower: bool) -> Any:
    n = shape_of(x)[-1]
    return np.where(np.tri(n, dtype=bool) if lower else ~np.tri(n, k=-1, dtype=bool), x, 0.0)


def _triangular_rhs(g: Any, a: Any, b: Any, lower: bool, trans: bool) -> Any:
    if len(shape_of(b)) == 1 and len(shape_of(a)) > 2:
        return reshaped(rows.solve_triangular(a, column(g), lower=lower, trans=not trans), shape_of(g))
    return rows.solve_triangular(a, g, lower=lower, trans=not trans)


def _triangular_matrix(g: Any, y: Any, a: Any, b: Any, *, lower: bool, trans: bool) -> Any:
    adjoint = _solution_adjoints(_triangular_rhs(g, a, b, lower, trans), y, b, trans)
    return _triangle(fit(adjoint, shape_of(a)), lower)


structured(
    "solve_triangular",
    value=_solve_triangular,
    shape=lambda a, b, *, lower, trans: (solution(a, b), common_dtype(a, b, SINGLE)),
    vjp=(
        _triangular_matrix,
        lambda g, y, a, b, *, lower, trans: fit(_triangular_rhs(g, a, b, lower, trans), shape_of(b)),
    ),
    doc="Solution x of ``a @ x = b``, or of ``a.T @ x = b``, that reads only one triangle of a.",
)


# ---- factorisations of symmetric matrices ----
def symmetrised(x: Any) -> Any:
    """Return the symmetric part."""
    return 0.5 * (x + swapped(x))


def _cholesky_adjoint(g: Any, y: Any, a: Any) -> Any:
    n = shape_of(y)[-1]
    p = _triangle(rows.matmul(swapped(y), _triangle(g, True)), True)
    p = np.where(np.eye(n, dtype=bool), 0.5 * p, p)
    left = rows.solve_triangular(y, p, lower=True, trans=True)
    return symmetrised(swapped(rows.solve_triangular(y, swapped(left), lower=True, trans=True)))


structured(
    "cholesky",
    value=np.linalg.cholesky,
    shape=lambda a: (square(a), matrix_dtype(a)),
    vjp=(_cholesky_adjoint,),
    doc="Lower Cholesky factor.  It reads the lower triangle; the adjoint is that of a symmetric matrix.",
)


VALUES = (Ellipsis, 0, Slice(None, None, None))
VECTORS = (Ellipsis, Slice(1, None, None), Slice(None, None, None))
"""Where the parts of `eigh` are in its result."""


def _eigh(a: Array, *, lower: bool = True) -> Array:
    values, vectors = np.linalg.eigh(a, UPLO="L" if lower else "U")
    return np.concatenate((values[..., None, :], vectors), axis=-2)


def _eigh_adjoint(g: Any, y: Any, a: Any, *, lower: bool) -> Any:
    diagonal = np.eye(shape_of(a)[-1], dtype=bool)
    values, vectors = column(rows.getitem(y, key=VALUES)), rows.getitem(y, key=VECTORS)
    gaps = np.where(diagonal, 1.0, swapped(values) - values)
    # Zero is strong: eigenvalues that coincide are infinitely sensitive only for who uses their vectors.
    turn = times(rows.matmul(swapped(vectors), rows.getitem(g, key=VECTORS)), 1.0 / gaps)
    inner = np.where(diagonal, column(rows.getitem(g, key=VALUES)), turn)
    return symmetrised(rows.matmul(vectors, rows.matmul(inner, swapped(vectors))))


structured(
    "eigh",
    value=_eigh,
    shape=lambda a, *, lower=True: ((*square(a)[:-2], shape_of(a)[-1] + 1, shape_of(a)[-1]), matrix_dtype(a)),
    vjp=(_eigh_adjoint,),
    doc="Eigenvalues of a symmetric matrix in rising order, as row 0, and the matrix of eigenvectors below it.  It "
    "reads one triangle; the adjoint is that of a symmetric matrix.",
)


# ---- determinants ----
def _svd_parts(a: Array) -> tuple[Array, Array, Array, Array]:
    u, s, vt = np.linalg.svd(a)
    return u, s, vt, np.asarray(np.linalg.det(u) * np.linalg.det(vt))[..., None, None]


def _cofactors(a: Array) -> Array:
    """Return ``det(a) * inv(a).T``, which is smooth also where a has no inverse."""
    a = np.asarray(a, dtype=np.result_type(a, 0.0))
    det, finite = np.asarray(np.linalg.det(a)), np.asarray(np.isfinite(a).all(axis=(-1, -2)))
    regular, singular = finite & (det != 0), finite & (det == 0)
    result = np.full_like(a, np.nan)
    # The errors of determinant and inverse cancel, since both come from one factorisation: measured against minors,
    # the product is as good as singular values, ten times as slow, for condition numbers of 1e16 too.
    result[regular] = det[regular][:, None, None] * np.swapaxes(np.linalg.inv(a[regular]), -1, -2)
    if singular.any():
        u, s, vt, sign = _svd_parts(a[singular])
        result[singular] = sign * ((u * product_of_others(s, -1)[..., None, :]) @ vt)
    return result


def _cofactors_adjoint(a: Array, h: Array) -> Array:
    """Return the derivative of the cofactors in direction h: a polynomial, taken in the basis where a is diagonal."""
    a, h = np.broadcast_arrays(a, h)
    finite = np.asarray(np.isfinite(a).all(axis=(-1, -2)))
    u, s, vt, sign = _svd_parts(np.where(finite[..., None, None], a, 0.0))
    n = s.shape[-1]
    diagonal = np.eye(n, dtype=bool)
    others = np.where(diagonal, 0.0, product_of_others(np.where(diagonal, 1.0, s[..., None, :]), -1))
    h = np.swapaxes(u, -1, -2) @ h @ np.swapaxes(vt, -1, -2)
    inner = -others * np.swapaxes(h, -1, -2)
    inner[..., diagonal] = (others @ np.diagonal(h, axis1=-2, axis2=-1)[..., None])[..., 0]
    return np.where(finite[..., None, None], sign * (u @ inner @ vt), np.nan).astype(np.result_type(a, h), copy=False)


def _dot(a: Any, b: Any) -> Any:
    return rows.sum(a * b, axis=(-2, -1), keepdims=True)


def _third_of_det(g: Any, y: Any, a: Any, h: Any) -> Any:
    # Differentiates (<g, c> <h, c> - <g, c h.T c>) / det, which is <g, y>; it needs a regular matrix.
    c, det = rows.cofactors(a), lifted(rows.det(a))
    ct = swapped(c)
    bent = rows.matmul(rows.matmul(g, ct), h) + rows.matmul(rows.matmul(h, ct), g)
    return rows.cofactors_adjoint(a, (_dot(g, c) * h + _dot(h, c) * g - bent) / det) - c * (_dot(g, y) / det)


structured(
    "det",
    value=np.linalg.det,
    shape=lambda a: (square(a)[:-2], matrix_dtype(a)),
    vjp=(lambda g, y, a: times(lifted(g), rows.cofactors(a)),),
    doc="Determinant.  First and second derivatives hold at singular matrices too.",
)
structured(
    "cofactors",
    value=_cofactors,
    shape=lambda a: (square(a), common_dtype(a, 0.0)),
    vjp=(lambda g, y, a: rows.cofactors_adjoint(a, g),),
    doc="Matrix of cofactors, ``det(a) * inv(a).T`` or its limit: the derivative of the determinant.",
)
structured(
    "cofactors_adjoint",
    value=_cofactors_adjoint,
    shape=lambda a, h: (np.broadcast_shapes(square(a), shape_of(h)), common_dtype(a, h)),
    vjp=(_third_of_det, lambda g, y, a, h: rows.cofactors_adjoint(a, g)),
    doc="Adjoint of cofactors, a symmetric form: the second derivative of the determinant.  Its own is not finite at "
    "singular matrices.",
)
structured(
    "logabsdet",
    value=lambda a: np.linalg.slogdet(a)[1],
    shape=lambda a: (square(a)[:-2], matrix_dtype(a)),
    vjp=(lambda g, y, a: times(lifted(g), swapped(rows.inv(a))),),
    doc="Logarithm of the absolute value of the determinant.",
)
structured(
    "signdet",
    value=lambda a: np.linalg.slogdet(a)[0],
    shape=lambda a: (square(a)[:-2], matrix_dtype(a)),
    vjp=(None,),
    doc="Sign of the determinant: -1, 0 or 1.",
)
