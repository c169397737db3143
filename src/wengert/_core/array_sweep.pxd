# How does a sweep go back through arrays?

from wengert._core.graph cimport Graph

# Compute the adjoint of every node that the seeds reach, as `Graph.sweep` does without arrays.  The seeds are pairs of
# a var or array node and its adjoint.  Adjoints of numbers are then in g.adjoint, those of arrays that somebody holds
# in g.array_adjoints.
cdef int sweep_arrays(Graph g, list seeds, bint into_leaves) except -1

# Is there an array among the nodes from `first` to `last`?
cdef bint has_arrays(Graph g, int first, int last)
