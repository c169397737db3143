"""What does a problem say about itself, so that every peer can solve it in its own way?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Cpp:
    """C++ of a problem, with the derivatives that a person worked out.

    Attributes
    ----------
    name : str
        The file beside this one, without its ending. It holds one function,
        ``extern "C" void run(const long *sizes, const void *const *in, double *const *out)``.
    sizes : tuple of int
        What the file's first comment says they are.
    shapes : tuple of tuple
        Shape of each array of results.
    """

    name: str
    sizes: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def source(self) -> Path:
        return Path(__file__).with_name(f"{self.name}.cpp")


@dataclass(frozen=True)
class Problem:
    """One row of the table.

    The function is written in scalars or in arrays, or in both where both are natural. Either takes as its last
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
        ``total_gradient``: p of shape (n,) and data of N rows to a value () that sums over the rows and its gradient;
        ``array_gradient``: p, one array or a tuple of them, and data to a value () and its gradient in each of them;
        ``curvature``: p of any shape and data to a gradient and the diagonal of a Hessian that has nothing else;
        ``observed_jacobians``: tables, and for each observation its row in each, to Jacobians in that row;
        ``elementwise``: x of shape (n,) to values (n,), without derivatives;
        ``training_step``: p, a tuple of arrays, data, and an index of the rows of a batch, to the loss of the batch and
        the arrays after a step of gradient descent, from which the next call goes on.
    data : callable
        Makes the arguments; the same in every process.
    scalar : callable, optional
        ``scalar(x, m)``: one evaluation, in scalars. For a ``total_gradient`` it is ``scalar(p, *data, m, sum_rows)``,
        where ``sum_rows(f, shared, *data)`` sums ``f(shared, *row)``.
    arrays : callable, optional
        ``arrays(x, m)``: the same for all rows at once; for ``jacobians``, for one row.
    columns : callable, optional
        The same for CasADi: each array of two axes is turned, one of three has its last two axes in one.
    by_hand : callable, optional
        All results in NumPy, with derivatives that a person worked out.
    cpp : Cpp, optional
        The same in C++.
    expression : str, optional
        An elementwise function of x in the words of numexpr.
    wanted : int
        So many of the first arrays of the data are one tuple, in which derivatives are wanted; if 0, it is the first
        array by itself.
    tolerance : float
        Largest difference between two peers, relative to the largest entry of the array.
    first_call : bool
        The time of interest is that of the first call, recording and compiling included.
    large : bool
        It takes so long that it is measured only when asked for.
    """

    name: str
    title: str
    task: str
    data: Callable[[], Arrays]
    scalar: Callable[..., Any] | None = None
    arrays: Callable[..., Any] | None = None
    columns: Callable[..., Any] | None = None
    by_hand: Callable[..., Arrays] | None = None
    cpp: Cpp | None = None
    expression: str | None = None
    wanted: int = 0
    tolerance: float = 1e-9
    first_call: bool = False
    large: bool = False

    @property
    def evaluations(self) -> int:
        """By how many evaluations the time of a call is divided."""
        batched = self.task in ("gradients", "greeks", "jacobians")
        return len(self.data()[0]) if batched else 1

    def arguments(self, data: Arrays) -> tuple[Any, ...]:
        """The data as the function takes them."""
        return (data[: self.wanted], *data[self.wanted :]) if self.wanted else data
