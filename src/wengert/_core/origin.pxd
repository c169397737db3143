# Where in the user's code was a node made?
#
# An origin is one number: 1 + the index of a code object in the graph's `codes`, shifted by 32 bits, and the offset of
# an instruction in that code; 0 is unknown.  Taking it costs some 20 ns; lines are looked up when a plan is made.

from libc.stdint cimport int64_t

from wengert._core.graph cimport Graph

# Remember where the user's code is now, for the nodes to come.
cdef int note_here(Graph g) except -1

# The file, the line in it and the function of an origin, or None.
cdef object position(list codes, int64_t origin)
