"""What is the pseudoinverse, and its derivative where the rank stays the same?

Rule: Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate", SIAM J. Numer. Anal. 10 (1973), 413-432.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.structured import rows, shape_of, structured, swapped


def _pinv_adjoint(g: Any, y: Any, a: Any, *, rcond: float) -> Any:
    m, n = shape_of(a)[-2:]
    yt, gt = swapped(y), swapped(g)
    inside = rows.matmul(rows.matmul(yt, g), yt)
    missed = rows.matmul(rows.matmul(np.eye(m) - rows.matmul(a, y), gt), rows.matmul(y, yt))
    unseen = rows.matmul(rows.matmul(yt, y), rows.matmul(gt, np.eye(n) - rows.matmul(y, a)))
    return missed + unseen - inside


structured(
    "pinv",
    value=lambda a, *, rcond: np.linalg.pinv(a, rcond),
    vjp=(_pinv_adjoint,),
    doc="Pseudoinverse; singular values below rcond times the largest count as 0. The derivative keeps the rank.",
)
