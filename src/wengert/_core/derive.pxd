# How does the chain rule append derivatives to a graph?
#
# The vars are those of one graph, which its thread owns; an output that is no var is a constant.  `given` has a number
# or var for each output (adjoints, if `downward`) or for each input (tangents).  The derivatives found, those of the
# inputs or of the outputs, are floats where they are constants, else vars.

from wengert._core.graph cimport Graph

cdef list derive(Graph g, list inputs, list outputs, list given, bint downward)
