"""Which operations on whole arrays need no second look?

Most of eager code: arithmetic on arrays of float64, sums, products of matrices, basic slices. What NumPy does in less
than a microsecond is computed and recorded here at once, by what computes it in the general way too.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_Clear
from libc.string cimport memcpy

import numpy as np

from wengert import ops, structured
from wengert._core.array_node cimport ArrayNode, append_structured, append_value, shape_of
from wengert._core.codes cimport N_CODES, POW, SQUARE
from wengert._core.current cimport own_graph
from wengert._core.elementwise cimport apply_alike, apply_elementwise
from wengert._core.graph cimport Graph
from wengert._core.number cimport PyLong_AsDouble
from wengert._core.quiet cimport quietly
from wengert._core.var cimport Var, node_of
from wengert.index_keys import Slice

cnp.import_array()

cdef extern from *:
    """
    /* A named tuple of three fields, as `type._make` makes it. */
    static PyObject *named_three(PyObject *type, PyObject *a, PyObject *b, PyObject *c) {
        PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 3);
        if (!made) return NULL;
        PyTuple_SET_ITEM(made, 0, Py_NewRef(a));
        PyTuple_SET_ITEM(made, 1, Py_NewRef(b));
        PyTuple_SET_ITEM(made, 2, Py_NewRef(c));
        return made;
    }
    """
    object named_three(object type, object a, object b, object c)

cdef enum:
    SOME_AXES = 8  # arrays of more are rare
    MANY_PARAMS = 4096  # as many are kept

cdef object FLOAT = np.dtype(np.float64), FLOAT_SCALAR = np.float64
cdef list OPS = [None] * N_CODES
for _row in ops.OPS.values():
    OPS[_row.code] = _row
cdef dict NO_PARAMS = {}
# Parameters by what they are made of. Those of equal nodes are one dict: objects that stay for as long as nodes do give
# Python's garbage collector more work than all that is done here.
cdef dict SHAPES = {}, KEYS = {}, SLICES = {}, AXES = {}
cdef list REVERSED = [{"axes": tuple(range(_ndim))[::-1]} for _ndim in range(SOME_AXES)]
cdef object MATMUL = np.matmul
cdef dict REDUCE = {"sum": np.add.reduce, "prod": np.multiply.reduce, "max": np.maximum.reduce,
                    "min": np.minimum.reduce}
cdef dict ROWS = dict(structured.ROWS)


# ---- operands ----

cdef object operand(Graph g, object x):
    """A handle, or the constant that it means; None if it takes a second look."""
    cdef double number
    if type(x) is ArrayNode:
        return x if (<ArrayNode>x).graph is g and (<ArrayNode>x).record.value is not None else None
    if type(x) is float:
        return x
    if cnp.PyArray_CheckExact(x):
        if <object>cnp.PyArray_DESCR(x) is not FLOAT or cnp.PyArray_NDIM(x) == 0 or is_one_number(x):
            return None
        return copied(x)
    if type(x) is int:
        number = PyLong_AsDouble(x)
        if number != -1.0:
            return number
        PyErr_Clear()
        return None
    if type(x) is Var:
        return x if (<Var>x).graph is g and not g.first_pending else None
    return float(x) if type(x) is FLOAT_SCALAR else None


cdef object copied(cnp.ndarray x):
    """The array as it is now."""
    if not cnp.PyArray_ISCARRAY_RO(x):
        return cnp.PyArray_NewCopy(x, cnp.NPY_CORDER)
    copy = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.NPY_DOUBLE, 0)
    memcpy(cnp.PyArray_DATA(copy), cnp.PyArray_DATA(x), cnp.PyArray_NBYTES(x))
    return copy


cdef bint is_one_number(cnp.ndarray x) noexcept:
    """Is it one number, broadcast?"""
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_STRIDES(x)[axis]:
            return False
    return True


cdef inline object value_of(Graph g, object x):
    if type(x) is ArrayNode:
        return (<ArrayNode>x).record.value
    return g.value[node_of(<Var>x)] if type(x) is Var else x


cdef object recorded(Graph g, object row, object left, object right, dict params, object value):
    """A node for a value; the value itself if no derivative goes through it."""
    cdef int type_number = -1
    if cnp.PyArray_Check(value):
        type_number = cnp.PyArray_TYPE(value)
    elif type(value) is not FLOAT_SCALAR:
        type_number = value.dtype.num
    if 0 <= type_number < cnp.NPY_FLOAT:  # bools and integers
        return value
    return append_value(g, row, left, right, params, value)


# ---- elementwise ops ----

cdef object quick_elementwise(int op, object left, object right):
    cdef Graph g = own_graph()
    if g.open_recordings:
        return None
    if op == POW and (type(right) is int or type(right) is float) and right == 2:
        op, right = SQUARE, None
    left = operand(g, left)
    if left is None:
        return None
    x, y = value_of(g, left), None
    if right is not None:
        right = operand(g, right)
        if right is None:
            return None
        y = value_of(g, right)
    value = apply_alike(op, x, y)
    if value is None:
        value = apply_elementwise(op, (x,) if right is None else (x, y))
    return recorded(g, OPS[op], left, right, NO_PARAMS, value)


# ---- rows ----

cdef object open_graph(ArrayNode x):
    """The graph of an array whose value is there, if nothing is recorded for a program; else None."""
    cdef Graph g = own_graph()
    return None if g.open_recordings or x.graph is not g or x.record.value is None else g


cdef object quick_reduction(str name, ArrayNode x, object axis, object keepdims):
    cdef Graph g = open_graph(x)
    cdef tuple axes = None
    cdef int ndim
    if g is None or type(keepdims) is not bool:
        return None
    if axis is not None:
        if type(axis) is not int:
            return None
        ndim = len(x.record.shape)
        if not -ndim <= axis < ndim:
            return None
        axes = (axis + ndim if axis < 0 else axis,)
    try:
        value = quietly(g, REDUCE[name], (x.record.value, axis, None, None, keepdims), None)
    except ValueError:
        return None
    wanted = (axes, keepdims)
    params = AXES.get(wanted)
    if params is None:
        params = remembered(AXES, wanted, {"axis": axes, "keepdims": keepdims})
    return recorded(g, ROWS[name], x, None, params, value)


cdef object quick_matmul(object left, object right):
    cdef Graph g = own_graph()
    if g.open_recordings:
        return None
    left, right = operand(g, left), operand(g, right)
    if left is None or right is None:
        return None
    x, y = value_of(g, left), value_of(g, right)
    if not (cnp.PyArray_CheckExact(x) and cnp.PyArray_CheckExact(y)):
        return None
    try:
        if is_vector(x) and is_vector(y):  # the same sum, with less ado and no warnings; backwards it would be another
            value = cnp.PyArray_MatrixProduct(x, y)
        else:
            value = quietly(g, MATMUL, (x, y), None)
    except ValueError:
        return None
    return recorded(g, ROWS["matmul"], left, right, NO_PARAMS, value)


cdef inline bint is_vector(cnp.ndarray x) noexcept:
    return cnp.PyArray_NDIM(x) == 1 and cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE and cnp.PyArray_ISCARRAY_RO(x)


cdef object quick_concatenate(list parts, int axis):
    cdef Graph g = own_graph()
    cdef list handles = [], values = []
    if g.open_recordings:
        return None
    for part in parts:
        handle = operand(g, part)
        value = None if handle is None else value_of(g, handle)
        if value is None or not cnp.PyArray_CheckExact(value):
            return None
        handles.append(handle)
        values.append(value)
    try:
        value = cnp.PyArray_Concatenate(values, axis)
    except (ValueError, IndexError):  # NumPy's AxisError is both
        return None
    return append_structured(g, ROWS["concatenate"], tuple(handles), {"axis": axis}, value)


cdef object quick_reshape(ArrayNode x, object shape):
    cdef Graph g = open_graph(x)
    cdef cnp.PyArray_Dims new
    cdef cnp.npy_intp[SOME_AXES] lengths
    cdef int k
    if g is None:
        return None
    if type(shape) is not tuple:
        shape = (shape,)
    new.ptr, new.len = lengths, <int>len(<tuple>shape)
    if new.len > SOME_AXES:
        return None
    for k, length in enumerate(<tuple>shape):
        if type(length) is not int:
            return None
        lengths[k] = length
    try:
        value = cnp.PyArray_Newshape(x.record.value, &new, cnp.NPY_CORDER)
    except ValueError:
        return None
    shape = shape_of(value)
    params = SHAPES.get(shape)
    if params is None:
        params = remembered(SHAPES, shape, {"shape": shape})
    return recorded(g, ROWS["reshape"], x, None, params, value)


cdef object quick_transpose(ArrayNode x):
    cdef Graph g = open_graph(x)
    cdef Py_ssize_t ndim = len(x.record.shape)
    if g is None or ndim >= SOME_AXES:
        return None
    value = cnp.PyArray_Transpose(x.record.value, NULL)
    return recorded(g, ROWS["transpose"], x, None, REVERSED[ndim], value)


# ---- keys ----

cdef object quick_getitem(ArrayNode x, object key):
    cdef Graph g = open_graph(x)
    if g is None:
        return None
    frozen = basic(key, True)
    if frozen is None:
        return None
    try:
        value = x.record.value[key]
    except IndexError:
        return None
    table = SLICES if type(key) is slice else KEYS  # a frozen slice is a tuple too, and equal to one
    params = (<dict>table).get(frozen)
    if params is None:
        params = remembered(table, frozen, {"key": frozen})
    return recorded(g, ROWS["getitem"], x, None, params, value)


cdef object basic(object key, bint outside):
    """A key of integers and slices, frozen as `index_keys.freeze` does; None if it is another one, or is None."""
    cdef list parts
    cdef slice part_of_axis
    if type(key) is int:
        return key
    if type(key) is slice:
        part_of_axis = key
        if not (is_edge(part_of_axis.start) and is_edge(part_of_axis.stop) and is_edge(part_of_axis.step)):
            return None
        return named_three(Slice, part_of_axis.start, part_of_axis.stop, part_of_axis.step)
    if type(key) is not tuple or not outside:
        return None
    parts = []
    for part in <tuple>key:
        frozen = part if part is Ellipsis else basic(part, False)
        if frozen is None and part is not None:
            return None
        parts.append(frozen)
    return tuple(parts)


cdef inline bint is_edge(object x):
    return x is None or type(x) is int


cdef object remembered(dict table, object key, dict params):
    if len(table) >= MANY_PARAMS:
        table.clear()
    table[key] = params
    return params
