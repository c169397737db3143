"""What is the pseudoinverse, and its derivative where the rank stays the same?

Rule: Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate", SIAM J. Numer. Anal. 10 (1973), 413-432.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.rows.shapes import matrix_dtype
from wengert.structured import dtype_of, rows, shape_of, structured, swapped


def _pinv_adjoint(g: Any, y: Any, a: Any, *, rcond: float) -> Any:
    m, n = shape_of(a)[-2:]
    yt, gt = swapped(y), swapped(g)
    inside = rows.matmul(rows.matmul(yt, g), yt)
    missed = rows.matmul(rows.matmul(np.eye(m, dtype=dtype_of(a)) - rows.matmul(a, y), gt), rows.matmul(y, yt))
    unseen = rows.matmul(rows.matmul(yt, y), rows.matmul(gt, np.eye(n, dtype=dtype_of(a)) - rows.matmul(y, a)))
    return missed + unseen - inside


structured(
    "pinv",
    value=lambda a, *, rcond: np.linalg.pinv(a, rcond),
    shape=lambda a, *, rcond: ((*shape_of(a)[:-2], shape_of(a)[-1], shape_of(a)[-2]), matrix_dtype(a)),
    vjp=(_pinv_adjoint,),
    doc="Pseudoinverse; singular values below rcond times the largest count as 0. The derivative keeps the rank.",
)
