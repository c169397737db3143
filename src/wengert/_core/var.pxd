# What is a var?
#
# A Python handle on a node of a graph.  The node number is read through the var's place, since compaction moves nodes.

from wengert._core.graph cimport Graph, hold

cdef class Var:
    cdef readonly Graph graph  # None if the var was made without a value
    cdef int place

# The op of this code on numbers or vars: a float if no argument is a var, else a new var.
cdef object record1(int op, object x)
cdef object record2(int op, object a, object b)
cdef object record3(int op, object condition, object a, object b)

# The live var of a node that is a number, or a new one.
cdef Var var_at(Graph g, int node)


cdef inline int node_of(Var v) noexcept:
    """The node of a var that has a graph."""
    return v.graph.places[v.place].node


cdef inline Var wrap(Graph g, int node):
    """The var of a node. The graph is set last: without it, the var has no place to give back."""
    cdef Var v = Var.__new__(Var)
    v.place = hold(g, node, <void*>v)
    v.graph = g
    return v
