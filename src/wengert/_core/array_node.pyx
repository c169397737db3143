"""What is an array in a graph?"""

cimport cython
cimport numpy as cnp
from libc.math cimport NAN

import numpy as np

from wengert._core.codes cimport PAIR, STRUCTURED
from wengert._core.graph cimport Graph, append, check_owner, hold, refuse_graph, release, reserve
from wengert._core.origin cimport note_here
from wengert._core.var cimport Var, node_of, var_at, wrap

cnp.import_array()

cdef enum:
    # Bytes of arrays after which a compaction looks for those that nobody needs: a training step of this size goes
    # round in memory, and one of its megabytes costs more than looking.
    FIRST_BYTES = 1 << 26


class Row:
    """A row of the graph's own, in no table."""

    def __init__(self, name):
        self.name = name


# An array that the user made; an argument of a function under transformation; scalars as one array.
LEAF_ARRAY, INPUT_ARRAY, ASSEMBLE = Row("leaf"), Row("input"), Row("assemble")
cdef object FLOAT = np.dtype(np.float64)
cdef tuple ONE_NODE = (None,), TWO_NODES = (None, None)  # constants of a record that has none


@cython.final
@cython.no_gc
cdef class Record:
    """What one STRUCTURED node is."""

    @property
    def n_bytes(self):
        return 0 if self.value is None else self.value.nbytes


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class ArrayNode:
    """A handle on an array node."""

    def __dealloc__(self):
        if self.graph is not None:
            release(self.graph, self.place)

    def __reduce__(self):
        raise TypeError("a node belongs to its graph")


cdef ArrayNode wrap_array(Graph g, int node, Record record):
    """A new handle on the node of an array."""
    cdef ArrayNode array = ArrayNode.__new__(ArrayNode)
    array.place = hold(g, node, <void*>array)
    array.graph = g
    array.record = record
    return array


cdef bint is_array_node(Graph g, int node):
    return g.op[node] == STRUCTURED and len((<Record>g.records[node]).shape) > 0


cdef object handle_at(Graph g, int node):
    if is_array_node(g, node):
        if g.place_of[node] >= 0:
            return <ArrayNode>g.places[g.place_of[node]].var
        return wrap_array(g, node, g.records[node])
    return var_at(g, node)


cdef object append_structured(Graph g, object row, tuple arguments, dict params, object value):
    cdef Record record = Record.__new__(Record)
    check_owner(g)
    record.row, record.params, record.dtype, record.shape = row, params, getattr(value, "dtype", FLOAT), ()
    if isinstance(value, np.ndarray) and value.ndim > 0:
        record.value, record.shape = value, value.shape
        count_bytes(g, value)
        return append_record(g, record, arguments, NAN)
    return append_record(g, record, arguments, float(value))


cdef inline int count_bytes(Graph g, cnp.ndarray value) except -1:
    """Count a new array, and drop those that nobody needs if there are many. Renumbers nodes."""
    g.array_bytes += cnp.PyArray_NBYTES(value)
    if g.array_bytes > max(<Py_ssize_t>FIRST_BYTES, 2 * g.array_bytes_kept):
        g.make_room(even_if_little=True)
    return 0


cdef object append_value(Graph g, object row, object left, object right, dict params, object value):
    cdef Record record = Record.__new__(Record)
    cdef double number = NAN
    cdef int node, before = 0, last
    record.row, record.params = row, params
    if cnp.PyArray_Check(value) and cnp.PyArray_NDIM(value) > 0:
        record.value, record.dtype = value, <object>cnp.PyArray_DESCR(value)
        if type(left) is ArrayNode and has_shape(value, (<ArrayNode>left).record.value):
            record.shape = (<ArrayNode>left).record.shape
        else:
            record.shape = shape_of(value)
        count_bytes(g, value)
    else:
        record.shape, record.dtype, number = (), getattr(value, "dtype", FLOAT), value
    if g.open_recordings and not g.open_derivations:
        note_here(g)
    reserve(g)  # renumbers: no node is read before
    if right is None:
        record.constants = ONE_NODE
        last = node_of_handle(left)
    else:
        before, last = node_of_handle(left), node_of_handle(right)
        if before and last:
            record.constants = TWO_NODES
        elif before:
            record.constants = (None, right)
            before, last = 0, before
        else:
            record.constants = (left, None)
    if right is None or not before:
        node = append(g, STRUCTURED, last, 0, number, 0.0, 0.0)
    else:
        node = append(g, STRUCTURED, before, last, number, 0.0, 0.0)
    g.records[node] = record
    return wrap_array(g, node, record) if record.shape else wrap(g, node)


cdef inline bint has_shape(cnp.ndarray value, object other) noexcept:
    """Is it of the shape of that array, which may be None?"""
    return other is not None and cnp.PyArray_SAMESHAPE(value, other)


cdef inline int node_of_handle(object x) noexcept:
    """The node of an argument; 0 of a constant."""
    if type(x) is ArrayNode:
        return node_of_array(<ArrayNode>x)
    return node_of(<Var>x) if type(x) is Var else 0


cdef object append_pending(Graph g, object row, tuple arguments, dict params, tuple shape, object dtype):
    cdef Record record = Record.__new__(Record)
    record.row, record.params, record.dtype, record.shape = row, params, dtype, shape
    handle = append_record(g, record, arguments, NAN)
    if not shape and not g.first_pending:
        g.first_pending = node_of(<Var>handle)
    return handle


cdef object append_record(Graph g, Record record, tuple arguments, double number):
    cdef list constants = []
    cdef int node, n_nodes = 0, last = 0, before = 0, argument_node
    check_owner(g)
    if g.open_recordings and not g.open_derivations:
        note_here(g)
    g.prepare(len(arguments) + 1)  # renumbers: no node is read before
    for argument in arguments:
        if type(argument) is Var or type(argument) is ArrayNode:
            if (<Var>argument if type(argument) is Var else None) is not None:
                check_same(g, (<Var>argument).graph)
                argument_node = node_of(<Var>argument)
            else:
                check_same(g, (<ArrayNode>argument).graph)
                argument_node = node_of_array(<ArrayNode>argument)
            if n_nodes >= 2:
                before = append(g, PAIR, before, last, 0.0, 0.0, 0.0)
            elif n_nodes == 1:
                before = last
            last = argument_node
            n_nodes += 1
            constants.append(None)
        else:
            constants.append(argument)
    record.constants = tuple(constants)
    if n_nodes == 1:
        node = append(g, STRUCTURED, last, 0, number, 0.0, 0.0)
    else:
        node = append(g, STRUCTURED, before, last, number, 0.0, 0.0)
    g.records[node] = record
    return wrap_array(g, node, record) if record.shape else wrap(g, node)


cdef int check_same(Graph g, Graph other) except -1:
    if other is not g:
        refuse_graph(other)
    return 0


cdef list argument_nodes(Graph g, int node):
    cdef Record record = <Record>g.records[node]
    cdef int n_nodes = 0, at = node
    for constant in record.constants:
        n_nodes += constant is None
    cdef list found = []
    if n_nodes == 1:
        found.append(g.arg0[node])
    elif n_nodes >= 2:
        while len(found) < n_nodes - 1:
            found.append(g.arg1[at])
            if len(found) < n_nodes - 1:
                at = g.arg0[at]
        found.append(g.arg0[at])
        found.reverse()
    cdef list result = []
    cdef int k = 0
    for constant in record.constants:
        if constant is None:
            result.append(found[k])
            k += 1
        else:
            result.append(0)
    return result
