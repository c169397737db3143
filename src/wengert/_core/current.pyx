"""Which graph does this thread record into?"""

from cpython.pystate cimport PyThreadState, PyThreadState_Get
from libc.stdint cimport uint64_t

import threading

from wengert._core.graph cimport Graph

cdef extern from "Python.h":
    uint64_t PyThreadState_GetID(PyThreadState* state)

cdef object of_thread = threading.local()
# A guess that saves the look-up in of_thread. Another thread's number is never given again, as its identifier may be.
cdef Graph last_graph = None
cdef uint64_t last_thread = 0


cdef Graph own_graph():
    global last_graph, last_thread
    cdef uint64_t thread = PyThreadState_GetID(PyThreadState_Get())
    if last_graph is None or thread != last_thread:
        if not hasattr(of_thread, "graph"):
            of_thread.graph = Graph()
        last_graph, last_thread = of_thread.graph, thread
    return last_graph


def swap_graph(Graph graph):
    """Let this thread record into another graph, a new one if it is None; gives the one before."""
    global last_graph
    cdef Graph before = own_graph()
    of_thread.graph = Graph() if graph is None else graph
    last_graph = None
    return before


def current_graph():
    """The graph that this thread records into.

    Returns
    -------
    Graph

    Examples
    --------
    >>> wg.Var(1.0).graph is wg.current_graph()
    True
    """
    return own_graph()
