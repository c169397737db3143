"""What does a problem say about itself, so that every peer can solve it in its own way?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Problem:
    """One row of the table.

    The function is written once in scalars and, where another form is natural, once in arrays. Both take as their last
    argument the namespace of functions to use (`exp`, `sum`, ...), so the same text runs on floats and in every peer.

    Attributes
    ----------
    name, title : str
        For the command line, and for the table.
    task : str
        Which derivatives are wanted, and for which shapes; each peer has a function of this name:

        ``gradient``: x of shape (n,) to value () and gradient (n,);
        ``gradient_into``: the same into arrays that are used again in every call;
        ``gradients``: x of shape (N, n) to values (N,) and gradients (N, n), row by row;
        ``greeks``: the same and the second derivative in the first input, (N,);
        ``jacobian``: x of shape (n,) to the Jacobian (m, n) of a function with m outputs;
        ``jacobians``: x of shape (N, n) to Jacobians (N, m, n) of the same;
        ``total_gradient``: p of shape (n,) and data of N rows to a value () that sums over the rows and its gradient.
    data : callable
        Makes the arguments; the same in every process.
    scalar : callable
        ``scalar(x, m)``: one evaluation, in scalars. For a ``total_gradient`` it is ``scalar(p, *data, m, sum_rows)``,
        where ``sum_rows(f, shared, *data)`` sums ``f(shared, *row)``.
    arrays : callable, optional
        ``arrays(x, m)``: the same for all rows at once; for ``jacobians``, for one row.
    by_hand : callable, optional
        All results in NumPy, with derivatives that a person worked out.
    tolerance : float
        Largest difference between two peers, relative to the largest entry of the array.
    first_call : bool
        The time of interest is that of the first call, recording and compiling included.
    """

    name: str
    title: str
    task: str
    data: Callable[[], Arrays]
    scalar: Callable[..., Any]
    arrays: Callable[..., Any] | None = None
    by_hand: Callable[..., Arrays] | None = None
    tolerance: float = 1e-9
    first_call: bool = False

    @property
    def evaluations(self) -> int:
        """By how many evaluations the time of a call is divided."""
        batched = self.task in ("gradients", "greeks", "jacobians")
        return len(self.data()[0]) if batched else 1
