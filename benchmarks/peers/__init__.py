"""Who takes part, and in which form does each want a problem's function?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wengert.benchmarks.workloads.problem import Arrays, Problem

OUTSIDE = "outside its idiom"
"""How reasons begin that nobody needs to read below the table."""


class NotDoneError(Exception):
    """A peer that does not take part in a problem says why; the table shows a blank."""


@dataclass(frozen=True)
class Peer:
    """One column of the table.

    Attributes
    ----------
    name, title : str
        For the command line, and for the table.
    module : str
        The module of this package that holds its ways to do each task: a function ``task(f, *data)`` returns a pair:
        a function of no arguments, which is what the clock sees, and one that turns what it returns into arrays.
    forms : tuple of str
        Attributes of a problem that this peer takes ("scalar", "arrays", ...), the best first.
    package : str
        What must be installed; its version is reported.
    threads : int
        How many cores it may use.
    only : tuple of str
        Problems in which it takes part; all if empty.
    leaves_out : tuple of (str, str)
        Problems in which it does not take part, and why.
    """

    name: str
    title: str
    module: str
    forms: tuple[str, ...]
    package: str
    threads: int = 1
    only: tuple[str, ...] = ()
    leaves_out: tuple[tuple[str, str], ...] = ()


UNROLLED = "a loop unrolled into so many operations takes minutes to compile"
SMALLER_IS_SLOW = "not tried, since its first call at the next smaller size takes many seconds"
TOO_MANY = "ten million operations, recorded one by one, take minutes"

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("wengert", "wengert", "with_wengert", ("scalar", "arrays"), "wengert"),
        Peer(
            "wengert_2_threads",
            "wengert, 2 threads",
            "with_wengert",
            ("scalar",),
            "wengert",
            2,
            only=("rosenbrock_10", "asian_option"),
        ),
        Peer("gcc", "C by gcc", "with_gcc", ("scalar",), ""),
        Peer("cpp", "C++ by hand", "with_cpp", ("cpp",), ""),
        Peer("numpy", "NumPy by hand", "with_numpy", ("by_hand",), "numpy"),
        Peer("numexpr", "numexpr", "with_numexpr", ("expression",), "numexpr"),
        Peer(
            "casadi",
            "CasADi",
            "with_casadi",
            ("columns", "scalar"),
            "casadi",
            leaves_out=(("minors_10", TOO_MANY), ("gmm_64_100", SMALLER_IS_SLOW), ("kmeans_1000", SMALLER_IS_SLOW)),
        ),
        Peer(
            "jax",
            "JAX, same code",
            "with_jax",
            ("scalar",),
            "jax",
            leaves_out=tuple((name, UNROLLED) for name in ("asian_basket", "lotka_volterra", "minors_8", "minors_10")),
        ),
        Peer("jax_arrays", "JAX, arrays", "with_jax", ("arrays",), "jax"),
        Peer("torch", "PyTorch", "with_torch", ("arrays",), "torch"),
        Peer(
            "autograd",
            "autograd",
            "with_autograd",
            ("arrays",),
            "autograd",
            leaves_out=(("lstm_4", "a call takes seconds at an eighth of the steps"),),
        ),
        Peer(
            "micrograd",
            "micrograd",
            "with_micrograd",
            ("scalar",),
            "micrograd",
            leaves_out=(("minors_10", TOO_MANY),),
        ),
    )
}


def form(peer: Peer, problem: Problem) -> str | None:
    """The form in which this peer takes a problem; None if it has none of them."""
    return next((name for name in peer.forms if getattr(problem, name) is not None), None)


def bound(peer: Peer, problem: Problem, module: Any) -> Any:
    """The problem's function for one peer, over its functions; a new one at each call, known to no cache."""
    name = form(peer, problem)
    if name is None:
        raise NotDoneError(f"{OUTSIDE}: the problem has no form {peer.forms[0]!r}")
    function = getattr(problem, name)
    if name in ("cpp", "expression"):
        return function
    if name == "by_hand":
        return lambda *data: function(*data)
    if name == "scalar" and problem.task == "total_gradient":
        return lambda p, *data: function(p, *data, module.FUNCTIONS, module.sum_rows)
    functions = getattr(module, "ARRAY_FUNCTIONS", module.FUNCTIONS) if name == "arrays" else module.FUNCTIONS
    return lambda x, *data: function(x, *data, functions)


def check_takes_part(peer: Peer, problem: Problem) -> None:
    """Raise NotDoneError if it does not."""
    if peer.only and problem.name not in peer.only:
        raise NotDoneError(f"{OUTSIDE}: measured elsewhere")
    if problem.name in dict(peer.leaves_out):
        raise NotDoneError(dict(peer.leaves_out)[problem.name])


def solve(peer: Peer, problem: Problem, module: Any, data: Arrays) -> tuple[Callable[[], Any], Callable[[Any], Arrays]]:
    """What the clock sees, and how to read its result.

    Raises
    ------
    NotDoneError
        If this peer does not take part.
    """
    check_takes_part(peer, problem)
    task = getattr(module, problem.task, None)
    if task is None:
        raise NotDoneError(f"{OUTSIDE}: it has no way to do the task {problem.task!r}")
    solution: tuple[Callable[[], Any], Callable[[Any], Arrays]] = task(
        bound(peer, problem, module), *problem.arguments(data)
    )
    return solution
