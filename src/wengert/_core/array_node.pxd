# What is an array in a graph?
#
# A STRUCTURED node with a record: which row of which table made it, from which constants and parameters, and its value,
# or only the shape and the dtype of that; see pending.pxd.
# A row is an `ops.Op`, which goes elementwise, or a `structured.Structured`.

cimport numpy as cnp

from wengert._core.graph cimport Graph

cdef class Record:
    cdef readonly object row
    cdef readonly tuple constants  # of each argument: its value, or None if it is a node
    cdef readonly dict params
    cdef readonly tuple shape  # () of a node that is a number
    cdef readonly object dtype
    cdef object value  # an ndarray; None of a number, and as long as it is pending
    cdef public object grad  # of a leaf


cdef class ArrayNode:
    # A handle on an array node, as a Var is one on a number.
    cdef readonly Graph graph
    cdef int place
    cdef readonly Record record


cdef inline int node_of_array(ArrayNode array) noexcept:
    return array.graph.places[array.place].node


cdef inline tuple shape_of(cnp.ndarray value):
    """Its `shape`, of few axes without a look-up."""
    cdef cnp.npy_intp* lengths = cnp.PyArray_DIMS(value)
    if cnp.PyArray_NDIM(value) == 1:
        return (lengths[0],)
    if cnp.PyArray_NDIM(value) == 2:
        return (lengths[0], lengths[1])
    return tuple([lengths[axis] for axis in range(cnp.PyArray_NDIM(value))])

# Append the application of a row. Arguments are vars, array nodes and constants; gives a Var if `value` is a number.
cdef object append_structured(Graph g, object row, tuple arguments, dict params, object value)

# The same of one argument (`right` is None) or two, and a value that was just computed: an ndarray, or a number.
cdef object append_value(Graph g, object row, object left, object right, dict params, object value)

# The same without a value: it is computed when somebody asks for it.
cdef object append_pending(Graph g, object row, tuple arguments, dict params, tuple shape, object dtype)

# The arguments of a STRUCTURED node: node numbers where `constants` of the record has None, else 0.
cdef list argument_nodes(Graph g, int node)

# A handle on a node: the one that is alive, or a new one.
cdef object handle_at(Graph g, int node)

cdef bint is_array_node(Graph g, int node)
