# What is a var?
#
# A Python handle on a node of a graph.  The node number is read through the var's place, since compaction moves nodes.

from wengert._core.graph cimport Graph

cdef class Var:
    cdef readonly Graph graph
    cdef int place

# The op of this code on numbers or vars: a float if no argument is a var, else a new var.
cdef object record1(int op, object x)
cdef object record2(int op, object a, object b)
cdef object record3(int op, object condition, object a, object b)
