# Which graph does this thread record into?

from wengert._core.graph cimport Graph

# The graph of this thread, made at the first call.
cdef Graph own_graph()
