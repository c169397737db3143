"""How is a function recorded for a program?

Its inputs become fresh nodes of the thread's graph, with example values; until `close_recording`, the graph keeps every
node, where it was made, and which way every branch went.
"""

import numpy as np

from wengert._core.array_node cimport append_structured
from wengert._core.array_node import INPUT_ARRAY
from wengert._core.array_sweep cimport has_arrays
from wengert._core.arrays import VarArray
from wengert._core.codes cimport INPUT, LANE, LANE_SUM
from wengert._core.current cimport own_graph
from wengert._core.derive cimport node_of_handle
from wengert._core.graph cimport Graph, append, check_owner, reserve
from wengert._core.pending cimport keep_what_is_left
from wengert._core.sharing cimport close_sharing, open_sharing
from wengert._core.var cimport Var, node_of, wrap
from wengert.errors import TracingError


def open_recording():
    """Begin a recording in this thread's graph; gives the node after which it begins. Pair with `close_recording`."""
    cdef Graph g = own_graph()
    if g.open_recordings:
        raise TracingError("a recording is open already")
    g.guards, g.codes, g.numbers_of_codes, g.here = [], [], {}, 0
    g.note_origins()
    open_sharing(g)
    g.open_recordings = 1
    return g.n_nodes


def close_recording(int first):
    """End the recording that began at this node, and drop what it recorded."""
    cdef Graph g = own_graph()
    g.open_recordings = 0
    g.open_lanes = 0
    g.guards = g.codes = g.numbers_of_codes = g.origin = None
    close_sharing(g, 0)
    g.forget_after(first)
    keep_what_is_left(g, first)


def open_body():
    """Begin to record one call of a function that is to be applied to many lanes, also within a recording.

    Gives what `close_body` takes. What is recorded is for `wengert._core.taping.body_of`, and not for a program.
    """
    cdef Graph g = own_graph()
    before = (g.n_nodes, g.guards, g.codes, g.numbers_of_codes, g.here)
    if not g.open_recordings:
        g.codes, g.numbers_of_codes, g.here = [], {}, 0
        g.note_origins()
    before += (open_sharing(g),)
    g.guards = []
    g.open_recordings += 1
    return before


def close_body(tuple before):
    """End the recording that `open_body` began, and drop what it recorded."""
    cdef Graph g = own_graph()
    cdef int first, known_from
    first, g.guards, g.codes, g.numbers_of_codes, g.here, known_from = before
    g.open_recordings -= 1
    close_sharing(g, known_from)
    if not g.open_recordings:
        g.origin = None
    g.forget_after(first)
    if not g.open_recordings:
        keep_what_is_left(g, first)


def is_in_body():
    """Is one call of a function recorded within another recording?"""
    return own_graph().open_recordings > 1


def is_recording():
    """Is this thread recording a function for a program?"""
    return own_graph().open_recordings > 0


def recorded_guards():
    """The branches taken so far: pairs of the var that decided and the outcome, with the origin."""
    return own_graph().guards


def add_input(double value, bint varying):
    """An input of the recording: a var that differs from lane to lane, or is the same for all."""
    cdef Graph g = own_graph()
    reserve(g)
    return wrap(g, append(g, LANE if varying else INPUT, 0, 0, value, 0.0, 1.0))  # 1: it is open, see inputs.pyx


def add_array(values):
    """An array as an input of the recording: a node."""
    cdef Graph g = own_graph()
    handle = append_structured(g, INPUT_ARRAY, (), {}, values)
    g.slope1[node_of_handle(handle)] = 1.0
    return handle


def needs_arrays(int first, list handles):
    """Does one of these vars and arrays, or what it needs of this recording, come from arrays? Numbers do not count."""
    cdef Graph g = own_graph()
    cdef int node
    if any([isinstance(handle, VarArray) for handle in handles]):
        return True
    if not has_arrays(g, first, g.n_nodes):
        return False
    nodes = np.array([node_of_handle(handle) for handle in handles if type(handle) is Var], np.int32)
    cdef unsigned char[::1] reached = g.reached_from(nodes)
    for node in reversed(g.records):
        if node < first:
            return False
        if reached[node]:
            return True
    return False


def is_in_lanes():
    """Is the function of one lane being recorded?"""
    return own_graph().open_lanes > 0


def enter_lanes():
    """The function of one lane begins: inputs that transforms open from here on differ from lane to lane."""
    cdef Graph g = own_graph()
    g.open_lanes += 1


def leave_lanes():
    """The function of one lane has ended."""
    cdef Graph g = own_graph()
    g.open_lanes -= 1


def lane_sum(Var v):
    """The sum of a var over all lanes. Only one lane is there while recording, and its value stands in.

    What is summed is an alias that counts as varying: a uniform var is there once per lane, and so is its adjoint.
    """
    cdef Graph g = v.graph
    check_owner(g)
    reserve(g)
    cdef int node = node_of(v)
    cdef int lane = append(g, LANE, node, 0, g.value[node], 1.0, 0.0)
    return wrap(g, append(g, LANE_SUM, lane, 0, g.value[node], 1.0, 0.0))
