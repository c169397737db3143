# How does the chain rule append derivatives to a graph?
#
# The vars are those of one graph, which its thread owns; an output that is no var is a constant.  `given` has a number
# or var for each output (adjoints, if `downward`) or for each input (tangents).  The derivatives found, those of the
# inputs or of the outputs, are floats where they are constants, else vars.

from wengert._core.graph cimport Graph
from wengert._core.var cimport Var, node_of

cdef list derive(Graph g, list inputs, list outputs, list given, bint downward)


cdef inline int first_of(Graph g, list inputs) noexcept:
    """Inputs are recorded in order, so the first in the list comes first; without inputs, the end of the graph."""
    return node_of(<Var>inputs[0]) if inputs else g.n_nodes


cdef inline int last_of(list outputs) noexcept:
    """The last node that an output stands for; 0 if all outputs are constants."""
    cdef int last = 0
    for v in outputs:
        if type(v) is Var:
            last = max(last, node_of(<Var>v))
    return last
