"""Which structured ops are products of arrays: matrix products, einsum, convolution?"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.rows.shapes import common_dtype, convolved, product
from wengert.structured import fit, flipped, reshaped, rows, shape_of, structured, swapped


# ---- matrices ----
def _as_matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Return the adjoint and the arguments of a matmul with the axes that it adds to vectors."""
    m, n = shape_of(a), shape_of(b)
    outer = shape_of(g)[: max(len(m), len(n)) - 2] if max(len(m), len(n)) > 2 else ()
    g = reshaped(g, (*outer, m[-2] if len(m) > 1 else 1, n[-1] if len(n) > 1 else 1))
    return g, a if len(m) > 1 else reshaped(a, (1, *m)), b if len(n) > 1 else reshaped(b, (*n, 1))


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, a2, b2 = _as_matrices(g, a, b)
    return reshaped(fit(rows.matmul(g, swapped(b2)), shape_of(a2)), shape_of(a))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, a2, b2 = _as_matrices(g, a, b)
    return reshaped(fit(rows.matmul(swapped(a2), g), shape_of(b2)), shape_of(b))


structured(
    "matmul",
    value=np.matmul,
    shape=lambda a, b: (product(a, b), common_dtype(a, b)),
    vjp=(_matmul_left, _matmul_right),
    doc="``a @ b``, with NumPy's rules for vectors and stacks.",
)


# ---- vectors ----
def _convolve_adjoint(k: int, g: Any, a: Any, v: Any, mode: str) -> Any:
    (m,), (n,) = shape_of(a), shape_of(v)
    if mode == "full":
        return rows.convolve(g, flipped(v if k == 0 else a, 0), mode="valid")
    if m < n:  # "valid" takes the longer one first
        return _convolve_adjoint(1 - k, g, v, a, mode)
    if k == 0:
        return rows.convolve(g, flipped(v, 0), mode="full")
    return flipped(rows.convolve(a, flipped(g, 0), mode="valid"), 0)


structured(
    "convolve",
    value=lambda a, v, *, mode="full": np.convolve(a, v, mode),
    shape=lambda a, v, *, mode="full": convolved(a, v, mode),
    vjp=(
        lambda g, y, a, v, *, mode: _convolve_adjoint(0, g, a, v, mode),
        lambda g, y, a, v, *, mode: _convolve_adjoint(1, g, a, v, mode),
    ),
    doc='Convolution of two vectors, "full" or "valid" ("same" is a slice of "full").',
)
