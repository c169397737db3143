"""How is the body of a loop recorded, within whatever is recorded or differentiated around it?

It goes into the same graph, so that it may use vars from outside. What it recorded is dropped at the end.
"""

import numpy as np

from wengert._core.array_node cimport ArrayNode
from wengert._core.arrays import VarArray, assembled_node
from wengert._core.current cimport own_graph
from wengert._core.graph cimport Graph
from wengert._core.origin cimport position
from wengert._core.var cimport Var, node_of


def open_body():
    """Begin a body; gives the node after which it begins, and what `close_body` needs to know."""
    cdef Graph g = own_graph()
    before = (g.open_recordings, g.open_lanes, g.guards)
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
    g.open_recordings, g.open_lanes, g.guards = before
    if not g.open_recordings:
        g.codes = g.numbers_of_codes = g.origin = None
    g.forget_after(first)


def value_of(x):
    """The numbers that a var, an array of vars or anything else has while it is recorded."""
    if type(x) is Var:
        return (<Var>x).graph.value[node_of(<Var>x)]
    if type(x) is VarArray:
        return np.array((<ArrayNode>assembled_node(x)).value)
    return x


def most_like(int first):
    """How many nodes of this recording were made by one instruction of the user's code, and the place of the latest."""
    cdef Graph g = own_graph()
    made = np.asarray(g.origin)[first : g.n_nodes] * 256 + np.asarray(g.op)[first : g.n_nodes]
    kinds, counts = np.unique(made[made >= 256], return_counts=True)
    if not len(kinds):
        return 0, None
    return int(counts.max()), position(g.codes, int(kinds[np.argmax(counts)]) // 256)
