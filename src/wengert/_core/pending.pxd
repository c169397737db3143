# What is the value of a node that was recorded without one?
#
# While a function is recorded for a program, operations on large arrays note the shape and the dtype of their result
# and compute nothing: the program will. Such a node is pending, and so is every number that is made from it: from
# `first_pending` on, `value` and the slopes of a graph may be anything. They are computed, by the same kernels, when
# somebody asks for a value: a branch, a loop that wants an example, a row of which nobody knows the shape beforehand.

from wengert._core.array_node cimport ArrayNode
from wengert._core.graph cimport Graph
from wengert._core.var cimport Var

cdef enum:
    LARGE = 1024  # elements of an argument from which on a value waits: up to there, computing it takes no longer

# The values of an array node, computed now if they are pending.
cdef object ndarray_of(ArrayNode array)

# The number of a var, alike.
cdef double number_of(Var v) except? -1

# The value of a node: an ndarray or a float.
cdef object value_at(Graph g, int node)

# The value of a row or op.
cdef object value_of_row(object row, list values, dict params)

# Is it better not to compute a row on these arguments (vars, array nodes, constants) now?
cdef bint should_wait(Graph g, tuple arguments) except -1

# Shape and dtype of the result of a row on such arguments; None if that takes the values.
cdef object foreseen(object row, tuple arguments, dict params)

# Compute a pending array (0: none) and all pending numbers.
cdef int settle(Graph g, int wanted) except -1

# A recording that began at this node has ended: give the numbers that somebody still holds their value, and the arrays
# that came in one of their own.
cdef int keep_what_is_left(Graph g, int first) except -1
