# How does the chain rule append derivatives to a graph?
#
# Inputs and outputs are vars and array nodes of one graph, which its thread owns; an output that is neither is a
# constant.  `given` has what belongs to each output (adjoints, if `downward`) or input (tangents).  The derivatives
# found, those of the inputs or of the outputs, are floats where they are constants, else vars; of an array node an
# array, None for zero.

from wengert._core.array_node cimport ArrayNode, node_of_array
from wengert._core.graph cimport Graph
from wengert._core.var cimport Var, node_of

cdef list derive(Graph g, list inputs, list outputs, list given, bint downward)


cdef inline bint is_handle(object x) noexcept:
    """Is it a var or an array node?"""
    return type(x) is Var or type(x) is ArrayNode


cdef inline int node_of_handle(object x) noexcept:
    return node_of(<Var>x) if type(x) is Var else node_of_array(<ArrayNode>x)


cdef inline int first_of(Graph g, list inputs) noexcept:
    """The first node that an input stands for; without inputs, the end of the graph."""
    cdef int first = g.n_nodes
    for v in inputs:
        first = min(first, node_of_handle(v))
    return first


cdef inline int last_of(list outputs) noexcept:
    """The last node that an output stands for; 0 if all outputs are constants."""
    cdef int last = 0
    for v in outputs:
        if is_handle(v):
            last = max(last, node_of_handle(v))
    return last
