"""What runs in the process of one peer? It answers the driver's questions about one problem after the other.

Each peer has a process of its own, so that no peer's threads, imports or settings disturb another.
"""

from __future__ import annotations

import gc
import importlib
import math
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from wengert.benchmarks import timing
from wengert.benchmarks.peers import PEERS, NotDoneError, Peer, check_takes_part, solve
from wengert.benchmarks.workloads import PROBLEMS
from wengert.benchmarks.workloads.problem import Arrays

# A first call is repeated, from scratch, while that stays short: the best of several, as for later calls.
FIRST_CALLS = 5
FIRST_SECONDS = 0.3

# Read by the libraries as they load, so the driver sets them before it starts a worker.
ONE_THREAD = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
# With these a user tells OpenBLAS for which processor it is to compute: here it finds out for itself, for everybody.
KERNEL_CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def serve(connection: Connection, name: str) -> None:
    """Answer questions until None arrives. An answer is a pair: what was asked for, or None and the reason."""
    peer = PEERS[name]
    if peer.threads == 1:
        timing.pin()
    # The last problem's call, how to read it, and its data: the compiled peers hold bare pointers into these arrays.
    ready: tuple[Callable[[], Any], Callable[[Any], Arrays], Arrays] | None = None
    try:
        module = start(peer)
    except Exception as error:
        module = error
    while (question := connection.recv()) is not None:
        try:
            kind, argument = question
            answer: Any
            if kind == "first":
                ready = None  # frees its memory before the next problem needs some
                ready, answer = first_call(peer, argument, module)
            else:
                assert ready is not None
                gc.collect()
                answer = timing.seconds(ready[0], argument)
            connection.send((answer, None))
        except Exception as error:
            connection.send((None, reason(error)))


def start(peer: Peer) -> Any:
    """The peer's module, loaded and warm."""
    module = importlib.import_module(f"wengert.benchmarks.peers.{peer.module}")
    if hasattr(module, "use_threads"):
        module.use_threads(peer.threads)
    if hasattr(module, "warm_up"):
        module.warm_up()
    return module


def reason(error: Exception) -> str:
    """Why there is a blank in the table, in a line."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    text = str(error).strip().split("\n")[0][:200]
    return text if isinstance(error, NotDoneError) else f"{type(error).__name__}: {text}"


def first_call(peer: Peer, name: str, module: Any) -> tuple[Any, dict[str, Any]]:
    """A problem made ready; the seconds of preparing and calling it once, those of a second call, the results."""
    problem = PROBLEMS[name]
    check_takes_part(peer, problem)
    if isinstance(module, Exception):
        raise module
    data = problem.data()
    best, spent, repeats = math.inf, 0.0, 0
    while repeats == 0 or (repeats < FIRST_CALLS and spent < FIRST_SECONDS):
        if hasattr(module, "forget"):
            module.forget()
        gc.collect()
        begin = time.perf_counter()
        call, read = solve(peer, problem, module, data)
        raw = call()
        took = time.perf_counter() - begin
        best, spent, repeats = min(best, took), spent + took, repeats + 1
    results = tuple(np.array(result) for result in read(raw))
    return (call, read, data), {"first": best, "second": timing.seconds(call), "results": results}
