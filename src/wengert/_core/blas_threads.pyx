"""On how many threads does BLAS run while a program does?

On one: a program has the same bits for any number of threads, and spreads its own work. OpenBLAS would take all cores
for each product, and its threads wait by spinning: where others want the cores too, each product takes milliseconds. So
while any program runs, SciPy's OpenBLAS is told to use one thread. It is a setting of the process, not of a thread, so
the runs are counted, and the last gives it back.
"""

import ctypes
from contextlib import suppress

ctypedef int (*get_t)() noexcept nogil
ctypedef void (*set_t)(int) noexcept nogil

cdef get_t get_threads = NULL
cdef set_t set_threads = NULL
cdef int n_running = 0, before = 1
# How OpenBLAS's functions are called in SciPy's wheels, for both widths of integers, and elsewhere.
NAMES = ("scipy_openblas_{}_num_threads", "scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads")


def find(str library):
    """Find the functions in a library; gives whether they are there."""
    global get_threads, set_threads
    functions = ctypes.CDLL(library)
    for name in NAMES:
        with suppress(AttributeError):
            getter, setter = getattr(functions, name.format("get")), getattr(functions, name.format("set"))
            get_threads = <get_t><size_t>ctypes.cast(getter, ctypes.c_void_p).value
            set_threads = <set_t><size_t>ctypes.cast(setter, ctypes.c_void_p).value
            return True
    return False


def is_found():
    """Does it know how to tell?"""
    return set_threads != NULL


def number():
    """On how many threads BLAS runs now; 0 if that is not known."""
    return 0 if get_threads == NULL else get_threads()


def choose(int n):
    """Let BLAS run on so many threads."""
    if set_threads != NULL:
        set_threads(n)


cdef void hold() noexcept:
    global n_running, before
    if set_threads == NULL:
        return
    if n_running == 0:
        before = get_threads()
        if before > 1:
            set_threads(1)
    n_running += 1


cdef void release() noexcept:
    global n_running
    if set_threads == NULL:
        return
    n_running -= 1
    if n_running == 0 and before > 1:
        set_threads(before)
