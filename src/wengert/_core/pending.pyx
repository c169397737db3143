"""What is the value of a node that was recorded without one?

It is computed when somebody asks, with all that it needs and does not have: one pass down the graph marks that, one
pass up computes it. Nothing recurses, and what was computed is kept.
"""

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

import math

import numpy as np

from wengert import ops
from wengert._core.array_node cimport ArrayNode, Record, argument_nodes, is_array_node, node_of_array
from wengert._core.array_node import ASSEMBLE, INPUT_ARRAY
from wengert._core.builds import kernels
from wengert._core.codes cimport ELEMENT, INPUT, LANE, LANE_SUM, LEAF, LT, LOGICAL_NOT, N_CODES, PAIR, STRUCTURED, WHERE
from wengert._core.current cimport own_graph
from wengert._core.elementwise cimport apply_elementwise, is_wide
from wengert._core.graph cimport Graph
from wengert._core.quiet cimport quietly
from wengert._core.sweep cimport next_set
from wengert._core.var cimport Var, node_of

cnp.import_array()

cdef enum:
    HUGE = 1 << 24  # elements from which on somebody looks whether there is memory for them

ctypedef void (*eager_t)(const double* x, double* out) noexcept nogil

cdef eager_t* eager = <eager_t*>PyCapsule_GetPointer(kernels.table, "wengert.eager")
cdef unsigned char[N_CODES] ARITY
for _row in ops.OPS.values():
    ARITY[<int>_row.code] = _row.arity
cdef Py_ssize_t n_large = LARGE
cdef frozenset VIEWS = frozenset(("broadcast_to", "transpose", "getitem"))  # rows whose result takes no memory
cdef frozenset OF_THE_USER = frozenset(("call", "custom"))  # rows that may run functions of the user
cdef object DOUBLE = np.dtype(np.float64), SINGLE = np.dtype(np.float32), BOOL = np.dtype(np.bool_)


# ---- waiting ----

def wait_from(Py_ssize_t n_elements):
    """Let operations on arrays of so many elements wait; gives the number before. For tests and measurements."""
    global n_large
    before, n_large = n_large, n_elements
    return before


cdef bint should_wait(Graph g, tuple arguments) except -1:
    cdef Record record
    for x in arguments:
        if type(x) is ArrayNode:
            record = (<ArrayNode>x).record
            if record.value is None or cnp.PyArray_SIZE(record.value) >= n_large:
                return True
        elif type(x) is Var:
            if g.first_pending and node_of(<Var>x) >= g.first_pending:
                return True
        elif type(x) is np.ndarray and cnp.PyArray_SIZE(x) >= n_large:
            return True
    return False


cdef object foreseen(object row, tuple arguments, dict params):
    if type(row) is ops.Op:
        found = foreseen_elementwise(row.code, arguments)
    else:
        # An array node shows its shape and its dtype; a number is a weak one, whichever it is.
        found = row.foreseen(*[(<ArrayNode>x).record if type(x) is ArrayNode else 0.0 if type(x) is Var else x
                               for x in arguments], **params)
    if found is not None and row.name not in VIEWS and math.prod(found[0]) > HUGE:
        try:
            np.empty(found[0], found[1])
        except (MemoryError, ValueError):
            return None  # computing it says so, here and now, and not the program after hours of a loop
    return found


cdef object foreseen_elementwise(int op, tuple arguments):
    cdef tuple shape = ()
    cdef bint single = False, wide = False
    cdef int type_number, k
    for k, x in enumerate(arguments):
        if type(x) is ArrayNode:
            mine, dtype = (<ArrayNode>x).record.shape, (<ArrayNode>x).record.dtype
        elif type(x) is np.ndarray:
            mine, dtype = x.shape, x.dtype
        else:
            continue
        type_number = (<cnp.dtype>dtype).type_num
        if type_number > cnp.NPY_DOUBLE and type_number != cnp.NPY_FLOAT16:
            return None
        if op != WHERE or k > 0:
            wide = wide or is_wide(type_number)
            single = single or type_number == cnp.NPY_FLOAT
        if shape and mine != shape:
            try:
                shape = np.broadcast_shapes(shape, mine)
            except ValueError:
                return None
        else:
            shape = mine
    return shape, BOOL if LT <= op <= LOGICAL_NOT else SINGLE if single and not wide else DOUBLE


# ---- asking ----

cdef object ndarray_of(ArrayNode array):
    if array.record.value is None:
        settle(array.graph, node_of_array(array))
    return array.record.value


cdef double number_of(Var v) except? -1:
    cdef Graph g = v.graph
    if g.first_pending and node_of(v) >= g.first_pending:
        settle(g, 0)
    return g.value[node_of(v)]


def settle_numbers(Graph g):
    """Compute all numbers that are pending."""
    settle(g, 0)


cdef object value_at(Graph g, int node):
    if not is_array_node(g, node):
        if g.first_pending and node >= g.first_pending:
            settle(g, 0)
        return g.value[node]
    if (<Record>g.records[node]).value is None:
        settle(g, node)
    return (<Record>g.records[node]).value


cdef int keep_what_is_left(Graph g, int first) except -1:
    cdef Record record
    if g.first_pending:
        settle(g, 0)
    for node in reversed(g.records):
        if node < first:
            break
        record = g.records[node]
        if record.row is INPUT_ARRAY and record.value is not None:
            record.value = np.array(record.value)
    return 0


# ---- computing ----

cdef object value_of_row(object row, list values, dict params):
    if type(row) is ops.Op:
        return apply_elementwise(row.code, tuple(values))  # our own kernels, which warn of nothing
    if row.name in OF_THE_USER:
        with np.errstate(all="ignore"):
            return row.value(*values, **params)
    return quietly(own_graph(), row.value, tuple(values), params)


cdef int settle(Graph g, int wanted) except -1:
    cdef unsigned char[::1] needed = np.zeros(g.n_nodes, np.uint8)
    cdef int node
    needed[wanted] = 1
    if g.first_pending:
        for node in range(g.first_pending, g.n_nodes):
            # A pair may lead to arrays that nobody asks for.
            needed[node] |= g.op[node] != PAIR and not is_array_node(g, node)
    node = next_set(needed, g.n_nodes - 1, 1)
    while node > 0:
        if is_known(g, node):
            needed[node] = 0
        else:
            needed[g.arg0[node]] = 1
            needed[g.arg1[node]] = 1
        node = next_set(needed, node - 1, 1)
    needed[0] = 0
    for node in np.flatnonzero(needed):
        compute(g, node)
    g.first_pending = 0
    return 0


cdef bint is_known(Graph g, int node) except -1:
    if g.op[node] == PAIR:
        return False
    if is_array_node(g, node):
        return (<Record>g.records[node]).value is not None
    return not g.first_pending or node < g.first_pending


cdef int compute(Graph g, int node) except -1:
    """The value of a node whose arguments have theirs."""
    cdef int op = g.op[node]
    cdef Record record
    if op == STRUCTURED:
        record = g.records[node]
        value = value_of_record(g, node, record)
        if record.shape:
            record.value = np.asarray(value)
            g.array_bytes += record.value.nbytes
        else:
            g.value[node] = float(value)
    elif op == ELEMENT:
        g.value[node] = (<Record>g.records[g.arg0[node]]).value.flat[<Py_ssize_t>g.slope1[node]]
    elif op == INPUT or op == LANE or op == LANE_SUM:
        if g.arg0[node]:
            g.value[node] = g.value[g.arg0[node]]
    elif op != PAIR and op != LEAF:
        compute_scalar(g, node)
    return 0


cdef object value_of_record(Graph g, int node, Record record):
    cdef list values = []
    cdef int arg
    for arg, constant in zip(argument_nodes(g, node), record.constants):
        if constant is not None:
            values.append(constant)
        else:
            values.append((<Record>g.records[arg]).value if is_array_node(g, arg) else g.value[arg])
    if record.row is INPUT_ARRAY:
        return values[0]
    if record.row is ASSEMBLE:
        return np.array(values, np.float64).reshape(record.shape)
    return value_of_row(record.row, values, record.params)


cdef void compute_scalar(Graph g, int node) noexcept:
    """Value and slopes of a node of an op of the table. Where an argument is a constant, the slope is its number."""
    cdef double[3] x
    cdef double[4] out
    cdef int op = g.op[node], pair = g.arg1[node]
    x[0] = g.value[g.arg0[node]] if g.arg0[node] else g.slope0[node]
    if op == WHERE:
        x[1] = g.value[g.arg0[pair]] if g.arg0[pair] else g.slope0[pair]
        x[2] = g.value[g.arg1[pair]] if g.arg1[pair] else g.slope1[pair]
    else:
        x[1] = g.value[g.arg1[node]] if g.arg1[node] else g.slope1[node]
    eager[op](x, out)
    g.value[node] = out[0]
    if g.arg0[node]:
        g.slope0[node] = out[1]
    if op == WHERE:
        g.value[pair] = out[0]
        if g.arg0[pair]:
            g.slope0[pair] = out[2]
        if g.arg1[pair]:
            g.slope1[pair] = out[3]
    elif ARITY[op] == 2 and g.arg1[node]:
        g.slope1[node] = out[2]
