"""How is the body of a loop recorded, within whatever is recorded or differentiated around it?

It goes into the same graph, so that it may use vars from outside. What it recorded is dropped at the end.
"""

import numpy as np

from wengert._core.array_node cimport ArrayNode, Record
from wengert._core.array_node import INPUT_ARRAY
from wengert._core.arrays import VarArray, assembled_node, expanded
from wengert._core.codes cimport INPUT, STRUCTURED
from wengert._core.current cimport own_graph
from wengert._core.derive cimport is_handle, node_of_handle
from wengert._core.graph cimport Graph
from wengert._core.inputs import opened
from wengert._core.origin cimport position
from wengert._core.pending cimport keep_what_is_left, ndarray_of, number_of
from wengert._core.sharing cimport close_sharing, open_sharing
from wengert._core.var cimport Var, node_of
from wengert.errors import TracingError


def open_body():
    """Begin a body; gives the node after which it begins, and what `close_body` needs to know."""
    cdef Graph g = own_graph()
    before = (g.open_recordings, g.open_lanes, g.guards, open_sharing(g))
    if not g.open_recordings:
        g.codes, g.numbers_of_codes, g.here = [], {}, 0
        g.note_origins()
    g.guards = []
    g.open_recordings += 1
    g.open_lanes = 0
    return g.n_nodes, before


def close_body(int first, before):
    """End the body that began there."""
    cdef Graph g = own_graph()
    cdef int known_from
    g.open_recordings, g.open_lanes, g.guards, known_from = before
    close_sharing(g, known_from)
    if not g.open_recordings:
        g.codes = g.numbers_of_codes = g.origin = None
    g.forget_after(first)
    if not g.open_recordings:
        keep_what_is_left(g, first)


def value_of(x):
    """The numbers that a var, an array of vars or anything else has while it is recorded."""
    if type(x) is Var:
        return number_of(<Var>x)
    if type(x) is VarArray:
        if x.is_whole:
            return np.array(ndarray_of(<ArrayNode>assembled_node(x)))
        return np.array([value_of(element) for element in x.flat], np.float64).reshape(x.shape)
    return x


def most_like(int first, int least):
    """The largest number of like nodes of this recording that one instruction of the user's code made, and its place.

    The number is 0 if there are fewer than `least` nodes.
    """
    cdef Graph g = own_graph()
    if g.n_nodes - first < least:
        return 0, None
    made = np.asarray(g.origin)[first : g.n_nodes] * 256 + np.asarray(g.op)[first : g.n_nodes]
    kinds, counts = np.unique(made[made >= 256], return_counts=True)
    if not len(kinds):
        return 0, None
    return int(counts.max()), position(g.codes, int(kinds[np.argmax(counts)]) // 256)


def refuse_outside(list outputs, list inputs):
    """Refuse outputs that need other vars than the inputs (`open_inputs`), or than what was made after the first."""
    cdef Graph g = own_graph()
    cdef int mark = node_of(<Var>inputs[0]), node, arg, k
    cdef set mine = {node_of_handle(x) for x in opened(inputs)}
    handles = [x for x in expanded(outputs, outputs)[0] if is_handle(x)]
    cdef unsigned char[::1] reached = np.zeros(g.n_nodes, np.uint8)
    for x in handles:
        node = node_of_handle(x)
        if node < mark:
            refuse()
        reached[node] = 1
    for node in range(g.n_nodes - 1, mark - 1, -1):
        if not reached[node] or node in mine:
            continue
        if g.slope1[node] == 1.0 and (g.op[node] == INPUT or is_array_input(g, node)):
            refuse()
        for k in range(2):
            arg = g.arg0[node] if k == 0 else g.arg1[node]
            if 0 < arg < mark:
                refuse()
            reached[arg] = 1


cdef bint is_array_input(Graph g, int node) except -1:
    return g.op[node] == STRUCTURED and (<Record>g.records[node]).row is INPUT_ARRAY


cdef int refuse() except -1:
    raise TracingError(
        "a function with a derivative rule of its own uses a var from outside, of which the rule says nothing: pass it "
        "as an argument"
    )
