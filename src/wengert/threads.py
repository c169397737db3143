"""On how many threads do programs run?

A plain pool of Python threads that release the GIL while they work: no second runtime in the process, and after a fork
the child makes its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from wengert.errors import TracingError

# Waking a thread costs some 30 us, in which one core does about so many instructions times lanes.
WORK_OF_WAKING = 3e5


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


chosen: int | None = None
pool: ThreadPoolExecutor | None = None


def forget_pool() -> None:
    """After a fork: the threads of the parent do not exist here."""
    global pool
    pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_pool)


def checked_number(n: object) -> int:
    """A number of threads, or TracingError."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise TracingError(f"the number of threads must be an int of at least 1, got {n!r}")
    return n


def set_num_threads(n: int) -> None:
    """Choose on how many threads programs run over lanes.

    Parameters
    ----------
    n : int
        At least 1. The default is the number of cores that the process may use. ``wengert.compile(..., threads=n)``
        overrides it for one function. Results are the same bits for any number.

    Raises
    ------
    TracingError
        If `n` is no such number.

    Examples
    --------
    >>> wg.set_num_threads(2)
    >>> wg.get_num_threads()
    2
    """
    global chosen
    chosen = checked_number(n)


def get_num_threads() -> int:
    """On how many threads programs run over lanes, unless told otherwise.

    Returns
    -------
    int

    Examples
    --------
    >>> wg.set_num_threads(1)
    >>> wg.get_num_threads()
    1
    """
    return chosen or available_cores()


def spread(take_blocks: Callable[[], None], n_blocks: int, work: float, n_threads: int) -> None:
    """Call ``take_blocks()`` in this thread, and in others too if the work is worth their waking."""
    n = int(max(1, min(n_threads, n_blocks, work / (4 * WORK_OF_WAKING))))
    futures = [executor(n).submit(take_blocks) for _ in range(n - 1)]
    try:
        take_blocks()
    finally:
        # A thread that has not begun yet is not needed any more. The others must not write into arrays that the caller
        # takes back, also after an interrupt.
        failures = [future.exception() for future in futures if not future.cancel()]
    for failure in failures:
        if failure is not None:
            raise failure


def executor(n: int) -> ThreadPoolExecutor:
    """The pool, with at least n - 1 threads."""
    global pool
    if pool is None or pool._max_workers < n - 1:
        pool = ThreadPoolExecutor(max_workers=n - 1, thread_name_prefix="wengert")
    return pool
