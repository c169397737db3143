# cython: c_api_binop_methods=True
# One method per operator serves both sides, as in var.pyx.
"""What is an array of vars?

What a function gets in the place of a NumPy array while it is differentiated, and what NumPy's functions make of it.
It is one node of the graph, or *elements*: scalar vars and numbers. Small arrays go by elements, of which a program
makes straight code; so does everything within a mapped function, where a lane is a block of slots. Which of the two an
array is shows in nothing but the time it takes.
"""

cimport cython
from cpython.number cimport PyNumber_AsSsize_t
from libc.math cimport NAN

import math
from functools import partial

import numpy as np

from wengert import ops, structured
from wengert._core.array_node cimport ArrayNode, Record, append_pending, append_structured, node_of_array
from wengert._core.array_node import ASSEMBLE, LEAF_ARRAY
from wengert._core.codes cimport (
    ABS, ADD, DIV, ELEMENT, EQ, FLOORDIV, GE, GT, LE, LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR, LT, MOD, MUL, N_CODES, NE,
    NEG, POW, SUB
)
from wengert._core.current cimport own_graph
from wengert._core.elementwise cimport apply_elementwise
from wengert._core.graph cimport Graph, append, check_owner
from wengert._core.number cimport read_number
from wengert._core.pending cimport foreseen, ndarray_of, number_of, should_wait, value_of_row
from wengert._core.quick cimport (
    quick_concatenate, quick_elementwise, quick_getitem, quick_matmul, quick_reduction, quick_reshape, quick_transpose
)
from wengert._core.var cimport Var, node_of, record1, record2, record3, wrap
from wengert._core.var import op_of
from wengert.errors import NeedsArrays, ShapeError, TracingError
from wengert.index_keys import freeze

cdef enum:
    FEW = 32  # elements up to which an array goes by elements: recording them takes as long as one NumPy call
    MANY = 4096  # elements from which on taking one of them does not open all
    MOST_IN_A_LANE = 4096  # elements of an array, or products of a matmul, in a mapped function that runs over lanes

surface = None
"""The functions of NumPy that take these arrays: numpy_rules/functions.py, which puts itself here."""

cdef object FLOAT = np.dtype(np.float64), BOOL = np.dtype(np.bool_)
cdef object WHERE = np.where, CONCATENATE = np.concatenate
cdef dict NO_PARAMS = {}
cdef object NOT_GIVEN = getattr(np, "_NoValue", None)  # what NumPy hands on for arguments that are not given
cdef list NAMES = [None] * N_CODES
for _row in ops.OPS.values():
    NAMES[_row.code] = _row.name
cdef dict CODES = {}  # of ufuncs that were called
cdef dict MOVES = {"reshape": 1, "transpose": 1, "broadcast_to": 1, "getitem": 1, "take": 1, "take_along": 1, "put": 2,
                   "concatenate": -1}
# Rows that only move elements, and how many of their arguments these come from; -1 for all.


@cython.final
cdef class VarArray:
    """An array whose derivatives are followed.

    Functions that are differentiated in a NumPy array get one; ``wengert.Var(array)`` makes a leaf. It has the methods
    of an array, and NumPy's functions take it. Changing it (``x[i] = v``, ``x += v``) gives this object another value:
    what was computed before, slices included, keeps the old one.

    Parameters
    ----------
    elements : sequence of float or Var
        In the order of the rows.
    shape : tuple of int

    Raises
    ------
    ShapeError
        If the elements do not fill the shape.

    Examples
    --------
    >>> wg.grad(lambda x: np.sum(x * x) + x[0])(np.array([1.0, 2.0]))
    array([3., 4.])
    """

    cdef tuple elements  # in the order of the rows; None as long as nobody asks for them
    cdef ArrayNode array  # None as long as it goes by elements
    cdef object outside  # an input of a function, whose elements or node are opened when somebody asks for them
    cdef tuple lengths  # of the axes
    cdef object positions

    def __init__(self, elements, tuple shape):
        self.elements = tuple(elements)
        self.lengths = shape
        if len(self.elements) != math.prod(shape):
            raise ShapeError(f"{len(self.elements)} elements do not fill the shape {shape}")

    @staticmethod
    def deferred(outside):
        """An array that comes from outside: `outside` has a shape, and opens elements or a node."""
        cdef VarArray result = VarArray.__new__(VarArray)
        result.lengths, result.outside = outside.shape, outside
        return result

    # ---- by elements, or as a node ----

    cdef bint is_node(self):
        """Is it one node, rather than elements?"""
        if self.elements is not None:
            return False
        return (self.array is not None or self.outside.whole is not None or math.prod(self.lengths) > FEW
                or self.outside.is_whole_outside)

    @property
    def is_whole(self):
        """Is the array one node of the graph, rather than elements?"""
        return self.is_node()

    cdef bint is_mask(self) except -1:
        """Does it hold truth values?"""
        if self.elements is None:
            return self.dtype.kind == "b"
        for v in self.elements:
            if type(v) is Var and not LT <= (<Var>v).graph.op[node_of(<Var>v)] <= LOGICAL_NOT:
                return False
        return True

    cdef int look(self) except -1:
        """The shape is seen: of an array from outside, it must be the same at every call."""
        if self.outside is not None:
            self.outside.look()
        return 0

    @property
    def source(self):
        """The number of the argument of a compiled function that this is, or -1."""
        return -1 if self.outside is None else self.outside.leaf

    @property
    def flat(self):
        """The elements in the order of the rows, a tuple."""
        if self.elements is None:
            self.look()
            if self.array is None and self.outside.whole is None:
                self.elements = tuple(self.outside.open_elements())
            else:
                self.elements = elements_of_node(self.node())
                return self.elements
        return self.elements

    cdef ArrayNode node(self):
        """The node of the whole array."""
        if self.array is None:
            self.look()
            if self.elements is not None:
                self.array = assembled(self.elements, self.lengths)
            else:
                self.array = self.outside.open_whole()
        return self.array

    cdef object become(self, object other):
        """Take the value of another array."""
        if not is_array(other) or other.shape != self.lengths:
            raise ShapeError(f"an array of shape {np.shape(other)} cannot replace one of shape {self.lengths}")
        if type(other) is not VarArray:
            other = VarArray(np.asarray(other, np.float64).ravel().tolist(), self.lengths)
        self.elements, self.array = (<VarArray>other).elements, (<VarArray>other).array
        self.outside = (<VarArray>other).outside
        return self

    # ---- leaves ----

    @staticmethod
    def leaf(array):
        """A leaf with the values of an array of numbers, which is copied."""
        return of_node(append_structured(own_graph(), LEAF_ARRAY, (), {}, values_of(array).copy()))

    @property
    def is_leaf(self):
        return self.array is not None and record_of(self.array).row is LEAF_ARRAY

    @property
    def graph(self):
        """The graph that the array is in."""
        return self.node().graph

    @property
    def data(self):
        """The values, an array. Those of a leaf can be assigned; what was computed from it keeps its value."""
        if own_graph().open_recordings:
            refuse_reading()
        if self.elements is not None or self.array is None:
            return np.array([v.data if type(v) is Var else v for v in self.flat], np.float64).reshape(self.lengths)
        if self.is_leaf:
            return self.array.record.value
        view = ndarray_of(self.array).view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value):
        if not self.is_leaf:
            raise TracingError("only the data of a leaf, made with Var(...), can be assigned; this array was computed")
        new = values_of(np.asarray(value) if type(value) in (list, tuple) else value)
        if new.shape != self.lengths:
            raise ShapeError(f"data of shape {new.shape} do not fit into an array of shape {self.lengths}")
        self.array.record.value[...] = new

    @property
    def grad(self):
        """The gradient, an array of the same shape.

        Of a leaf: the sum over all `backward` calls since the last `zero_grad`, and it can be assigned. Of a computed
        array: its adjoint in the last `backward` of this thread.
        """
        if self.elements is not None or self.array is None:
            return np.array([v.grad if type(v) is Var else 0.0 for v in self.flat]).reshape(self.lengths)
        if self.is_leaf:
            found = record_of(self.array).grad
        else:
            found = self.array.graph.array_adjoints.get(node_of_array(self.array))
        return np.zeros(self.lengths, self.array.record.dtype) if found is None else found

    @grad.setter
    def grad(self, value):
        if not self.is_leaf:
            raise TracingError("only the grad of a leaf can be assigned")
        new = np.asarray(value, self.array.record.dtype)
        if new.shape not in ((), self.lengths):
            raise ShapeError(f"a gradient of shape {new.shape} does not fit an array of shape {self.lengths}")
        record_of(self.array).grad = np.broadcast_to(new, self.lengths).copy()

    def zero_grad(self):
        """Set the gradient to zero."""
        self.grad = 0.0

    def backward(self, gradient=None):
        """Add to the `grad` of each leaf the derivative of the sum of this array, weighted by `gradient`.

        Parameters
        ----------
        gradient : array_like, optional
            Of the array's shape. It may be left out if the array has one element.

        Raises
        ------
        ShapeError
            If the gradient has another shape, or is left out although there are several elements.
        """
        if gradient is None and self.size != 1:
            raise ShapeError(f"backward() of an array of shape {self.lengths} needs gradient=, of that shape")
        weights = np.ones(self.lengths) if gradient is None else np.asarray(gradient, np.float64)
        if weights.shape != self.lengths:
            raise ShapeError(f"gradient= has the shape {weights.shape}, but the array has {self.lengths}")
        from wengert._core.inputs import backward
        backward(self, weights)

    # ---- elements ----

    cdef object positions_of_elements(self):
        if self.positions is None:
            self.positions = np.arange(math.prod(self.shape)).reshape(self.shape)
        return self.positions

    cdef object taken(self, positions):
        """The elements at these positions, in their shape."""
        cdef tuple flat = self.flat
        return assemble([flat[k] for k in positions.ravel().tolist()], positions.shape)

    def __getitem__(self, key):
        cdef Py_ssize_t k
        cdef tuple flat = self.elements
        if len(self.lengths) == 1 and type(key) is int:
            k = PyNumber_AsSsize_t(key, IndexError)
            self.look()
            if k < 0:
                k += self.lengths[0]
            if not 0 <= k < self.lengths[0]:
                raise IndexError(f"index {key} is out of bounds for an array of {self.lengths[0]} elements")
            if flat is not None:
                return flat[k]
            if self.array is None and self.outside.whole is None and self.lengths[0] <= MANY:
                return self.flat[k]
            return element_of_node(self.node(), k)
        if flat is not None and type(key) is slice and len(self.lengths) == 1:
            part = flat[key]
            return assemble(part, (len(part),))
        if flat is None and self.array is not None:
            found = quick_getitem(self.array, key)
            if found is not None:
                return wrapped(found)
        return getitem(self, key)

    def __setitem__(self, key, value):
        if type(key) is VarArray and key.shape == self.lengths and (<VarArray>key).is_mask() and np.ndim(value) == 0:
            self.become(elementwise("where", (key, value, self)))
            return
        self.become(apply(structured.ROWS["put"], (self, value), {"key": frozen_key(key)}))

    def __iter__(self):
        if len(self.shape) == 1:
            return iter(self.flat)
        return iter([self[k] for k in range(self.shape[0])])

    def __len__(self):
        return self.shape[0]

    def __contains__(self, value):
        return bool(np.any(self == value))

    def __bool__(self):
        if math.prod(self.shape) != 1:
            raise ValueError("the truth value of an array with other than one element is ambiguous")
        return bool(self.flat[0])

    @property
    def shape(self):
        """Lengths of the axes."""
        self.look()
        return self.lengths

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.lengths)

    @property
    def size(self):
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self):
        """Data type of the values."""
        return np.dtype(np.float64) if self.elements is not None or self.array is None else self.array.record.dtype

    def __repr__(self):
        if own_graph().open_recordings:
            return f"VarArray(shape={self.lengths})"
        return f"VarArray({self.data!r})"

    # ---- methods of arrays ----

    @property
    def T(self):
        """The array with its axes reversed."""
        if self.elements is None and self.array is not None:
            found = quick_transpose(self.array)
            if found is not None:
                return of_node(found)
        return apply(structured.ROWS["transpose"], (self,), {"axes": tuple(range(self.ndim))[::-1]})

    @property
    def mT(self):
        """The array with its last two axes exchanged."""
        return surface.FUNCTIONS[np.swapaxes](self, -1, -2)

    @property
    def real(self):
        """The array itself."""
        return self

    def copy(self, order="C"):
        """An array of the same value: changing one does not change the other."""
        cdef VarArray result = VarArray.__new__(VarArray)
        result.lengths, result.elements, result.array = self.lengths, self.elements, self.array
        result.outside = self.outside
        return result

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        function, arguments = self.__reduce__()
        return function(*arguments)

    def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
        """The array in another data type: float64 or float32."""
        return apply(structured.ROWS["cast"], (self,), {"dtype": np.dtype(dtype)})

    def item(self, *index):
        """One element, a number with derivatives."""
        if not index and self.size != 1:
            raise ValueError("only an array of one element is an item")
        return self.flat[0] if not index else self[index if len(index) > 1 else index[0]]

    def tolist(self):
        """Nested lists of the elements."""
        return [part.tolist() if type(part) is VarArray else part for part in self]

    def reshape(self, *shape, order="C"):
        """The elements in another shape; one length may be -1."""
        return self.in_shape(shape[0] if len(shape) == 1 else shape, order)

    cdef object in_shape(self, shape, order):
        if self.elements is None and self.array is not None and order == "C":
            found = quick_reshape(self.array, shape)
            if found is not None:
                return wrapped(found)
        return surface.FUNCTIONS[np.reshape](self, shape, order=order)

    def ravel(self, order="C"):
        """The elements in the order of the rows, or of the columns (``order="F"``)."""
        return self.in_shape(-1, order) if order == "C" else surface.FUNCTIONS[np.ravel](self, order)

    def sum(self, axis=None, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
        """The sum of the elements along axes."""
        if dtype is None and initial is NOT_GIVEN:
            found = self.reduced("sum", axis, out, keepdims, where)
            if found is not None:
                return found
        return surface.FUNCTIONS[np.sum](self, axis, dtype, out, keepdims, initial, where)

    def max(self, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
        """The largest element along axes."""
        found = self.reduced("max", axis, out, keepdims, where) if initial is NOT_GIVEN else None
        return surface.FUNCTIONS[np.max](self, axis, out, keepdims, initial, where) if found is None else found

    def min(self, axis=None, out=None, keepdims=False, initial=NOT_GIVEN, where=True):
        """The smallest element along axes."""
        found = self.reduced("min", axis, out, keepdims, where) if initial is NOT_GIVEN else None
        return surface.FUNCTIONS[np.min](self, axis, out, keepdims, initial, where) if found is None else found

    def mean(self, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
        """The mean of the elements along axes."""
        if dtype is None:
            found = self.reduced("sum", axis, out, keepdims, where)
            if found is not None:
                return found / (math.prod(self.lengths) if axis is None else self.lengths[axis])
        return surface.FUNCTIONS[np.mean](self, axis, dtype, out, keepdims, where=where)

    def dot(self, b, out=None):
        """The product with a vector or a matrix."""
        if (out is None and self.elements is None and self.array is not None and 1 <= len(self.lengths) <= 2
                and (1 <= len((<VarArray>b).lengths) <= 2 if type(b) is VarArray else
                     type(b) is np.ndarray and 1 <= b.ndim <= 2)):
            return product(self, b)
        return surface.FUNCTIONS[np.dot](self, b, out)

    cdef object reduced(self, str name, axis, out, keepdims, where):
        """A reduction of the most frequent form; None of others."""
        if self.elements is not None or self.array is None or out is not None or where is not True:
            return None
        return wrapped(quick_reduction(name, self.array, axis, keepdims))

    def transpose(self, *axes):
        """The array with its axes permuted."""
        if not axes or axes == (None,):
            return self.T
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        return surface.FUNCTIONS[np.transpose](self, axes)

    def __getattr__(self, name):
        # All other methods that arrays and NumPy have under one name.
        if name not in ARRAY_METHODS:
            raise AttributeError(f"an array of vars has no attribute {name!r}")
        return partial(getattr(np, name), self)

    # ---- arithmetic ----

    def __add__(left, right):
        return operation(ADD, left, right)

    def __sub__(left, right):
        return operation(SUB, left, right)

    def __mul__(left, right):
        return operation(MUL, left, right)

    def __truediv__(left, right):
        return operation(DIV, left, right)

    def __mod__(left, right):
        return operation(MOD, left, right)

    def __floordiv__(left, right):
        return operation(FLOORDIV, left, right)

    def __pow__(base, exponent, modulus):
        if modulus is not None:
            raise TracingError("pow() of an array takes no modulus")
        return operation(POW, base, exponent)

    def __matmul__(left, right):
        if not (is_array(left) and is_array(right)):
            return NotImplemented
        return product(left, right)

    def __iadd__(self, other):
        return (<VarArray>self).become(self + other)

    def __isub__(self, other):
        return (<VarArray>self).become(self - other)

    def __imul__(self, other):
        return (<VarArray>self).become(self * other)

    def __itruediv__(self, other):
        return (<VarArray>self).become(self / other)

    def __and__(left, right):
        return operation(LOGICAL_AND, left, right)

    def __or__(left, right):
        return operation(LOGICAL_OR, left, right)

    def __invert__(self):
        return unary(LOGICAL_NOT, self)

    def __neg__(self):
        return unary(NEG, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return unary(ABS, self)

    def __lt__(self, other):
        return operation(LT, self, other)

    def __le__(self, other):
        return operation(LE, self, other)

    def __gt__(self, other):
        return operation(GT, self, other)

    def __ge__(self, other):
        return operation(GE, self, other)

    def __eq__(self, other):
        return operation(EQ, self, other)

    def __ne__(self, other):
        return operation(NE, self, other)

    # ---- what NumPy calls ----

    def __array__(self, dtype=None, copy=None):
        raise TracingError("an ordinary array would lose the derivatives of these vars; take x.data for the numbers")

    def __float__(self):
        raise TracingError("float(array) would lose the derivative; use x.data for the numbers")

    def __reduce__(self):
        if self.elements is None and self.array is not None:
            if not self.is_leaf:
                raise TracingError("a copy of a computed array would lose its derivative; copy the leaves, or x.data")
            return VarArray.leaf, (self.array.record.value,)
        return VarArray, (self.flat, self.shape)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        cdef tuple given = inputs
        if method == "__call__" and not kwargs:
            code = CODES.get(ufunc)
            if code is not None and len(given) <= 2:
                found = quickly(code, given[0], given[1] if len(given) == 2 else None)
                if found is not None:
                    return found
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function is CONCATENATE and not kwargs:
            found = joined(args)
            if found is not None:
                return found
        if function is WHERE and len(<tuple>args) == 3 and is_plain("where", args):
            return recorded(ops.OPS["where"], args, NO_PARAMS)
        if args and type((<tuple>args)[0]) is VarArray:
            method = METHODS.get(function)
            if method is None and not kwargs and len(<tuple>args) <= 2:
                method = METHODS_BY_PLACE.get(function)
            if method is not None:
                return method(*args, **kwargs)
        return surface.call_function(function, args, kwargs)


ARRAY_METHODS = frozenset((
    "all", "any", "argmax", "argmin", "argsort", "choose", "clip", "compress", "cumprod", "cumsum", "diagonal", "prod",
    "ptp", "repeat", "round", "searchsorted", "sort", "squeeze", "std", "swapaxes", "take", "trace", "var",
))
"""Methods of an array that do what NumPy's function of the same name does."""
cdef dict METHODS = {np.sum: VarArray.sum, np.max: VarArray.max, np.amax: VarArray.max, np.min: VarArray.min,
                     np.amin: VarArray.min, np.mean: VarArray.mean, np.dot: VarArray.dot, np.ravel: VarArray.ravel}
cdef dict METHODS_BY_PLACE = {np.reshape: VarArray.reshape, np.transpose: VarArray.transpose}  # of two arguments
# The same the other way round, where a method does it without delay.


def call_ufunc(ufunc, str method, tuple inputs, dict kwargs):
    """What NumPy's ufuncs do on vars and arrays of them."""
    if any([target is not None for target in kwargs.pop("out", ())]):
        raise TracingError(f"{surface.full_name(ufunc)} cannot write into an array of numbers (out=, or an in-place "
                           "operator on one): the derivatives would be lost; write a = a + v in place of a += v")
    if method != "__call__":
        return surface.call_method(ufunc, method, inputs, kwargs)
    if kwargs.pop("where", True) is not True:
        raise TracingError(f"{surface.full_name(ufunc)} with where= has no derivative rule here; see numpy.where")
    dtype = kwargs.pop("dtype", None)
    if not kwargs and op_of(ufunc) is not None:
        result = elementwise(op_of(ufunc), inputs)
        CODES[ufunc] = <int>ops.OPS[op_of(ufunc)].code
    elif not kwargs and ufunc is np.matmul:
        result = product(inputs[0], inputs[1])
    else:
        result = surface.call_ufunc(ufunc, inputs, kwargs)
    return result if dtype is None else apply(structured.ROWS["cast"], (result,), {"dtype": np.dtype(dtype)})


# ---- arrays and their elements ----

def is_array(x):
    """Is it an array with axes, of numbers or of vars?"""
    return type(x) is VarArray or (isinstance(x, np.ndarray) and x.ndim > 0)


def assemble(elements, tuple shape):
    """An array of these elements: of numbers if no var is among them; the element itself if it is a var alone."""
    for element in elements:
        if type(element) is Var:
            return VarArray(elements, shape) if shape else element
    dtype = np.complex128 if any([isinstance(element, complex) for element in elements]) else np.float64
    return np.array(elements, dtype).reshape(shape)


def expanded(handles, given):
    """Arrays as nodes or elements, with what belongs to them: a list of vars, array nodes and numbers, and another."""
    parts, belongings = [], []
    for handle, its in zip(handles, given, strict=True):
        if type(handle) is VarArray and (<VarArray>handle).is_node():
            parts.append((<VarArray>handle).node())
            belongings.append(its)
        elif is_array(handle):
            parts += elements_of(handle)
            belongings += elements_of(its) if is_array(its) else [its] * math.prod(handle.shape)
        else:
            parts.append(handle)
            belongings.append(its)
    return parts, belongings


def assembled_node(VarArray array):
    """The node of an array, made of its elements if it goes by them."""
    return array.node()


def example_of(array):
    """The values that an array has now: while it is recorded, later calls have others."""
    return ndarray_of((<VarArray>array).node()) if type(array) is VarArray else array


def of_node(node):
    """The array of a node, or the var."""
    if type(node) is not ArrayNode:
        return node
    cdef VarArray result = VarArray.__new__(VarArray)
    result.array = node
    result.lengths = (<ArrayNode>node).record.shape
    return result


cdef Record record_of(ArrayNode array):
    return array.graph.records[node_of_array(array)]


cdef ArrayNode assembled(tuple elements, tuple shape):
    """One node made of elements."""
    cdef Graph g = own_graph()
    if g.open_recordings and g.open_lanes:
        raise NeedsArrays
    if should_wait(g, elements):
        return append_pending(g, ASSEMBLE, elements, {"shape": shape}, shape, FLOAT)
    value = np.array([g.value[node_of(<Var>v)] if type(v) is Var else v for v in elements], np.float64).reshape(shape)
    return append_structured(g, ASSEMBLE, elements, {"shape": shape}, value)


cdef tuple elements_of_node(ArrayNode array):
    """All elements of a node, as vars."""
    cdef Graph g = array.graph
    cdef int node, k
    check_owner(g)
    cdef bint pending = array.record.value is None
    numbers = np.ascontiguousarray(np.full(array.record.shape, np.nan) if pending else array.record.value, np.float64)
    cdef const double[::1] value = numbers.ravel()
    g.prepare(<int>value.shape[0])
    node = node_of_array(array)
    if pending and not g.first_pending:
        g.first_pending = g.n_nodes
    return tuple([wrap(g, append(g, ELEMENT, node, 0, value[k], 0.0, k)) for k in range(value.shape[0])])


cdef Var element_of_node(ArrayNode array, Py_ssize_t position):
    cdef Graph g = array.graph
    check_owner(g)
    cdef bint pending = array.record.value is None
    cdef double number = NAN if pending else array.record.value.flat[position]
    g.prepare(1)
    if pending and not g.first_pending:
        g.first_pending = g.n_nodes
    return wrap(g, append(g, ELEMENT, node_of_array(array), 0, number, 0.0, <double>position))


def elements_of(array):
    """Elements in the order of the rows: vars, or Python's numbers."""
    if type(array) is VarArray:
        return (<VarArray>array).flat
    return checked(array).astype(np.complex128 if array.dtype.kind == "c" else np.float64).ravel().tolist()


def checked(array):
    """An array whose arithmetic is NumPy's, of numbers."""
    if type(array) is not np.ndarray and type(array) is not np.memmap and not isinstance(array, np.generic):
        raise TracingError(f"a {type(array).__name__} may have rules of its own; pass numpy.asarray of it")
    if array.dtype.kind not in "fiubc":
        raise TracingError(f"expected an array of real numbers, got one of {array.dtype}")
    return array


def values_of(array):
    """The real numbers of an array, as float64 or float32."""
    if checked(array).dtype.kind == "c":
        raise TracingError(f"expected an array of real numbers, got one of {array.dtype}")
    return np.asarray(array, np.float32 if array.dtype == np.float32 else np.float64)


# ---- rows ----

def apply(row, tuple arguments, dict params):
    """Apply a structured row to numbers, arrays, vars and arrays of them."""
    cdef bint any_var = False
    for x in arguments:
        if type(x) is Var or type(x) is VarArray:
            any_var = True
            break
    if not any_var:
        for x in arguments:
            if not isinstance(x, (np.ndarray, np.generic, float, int, list, tuple)):
                raise TracingError(f"{row.name} takes arrays and numbers, not {type(x).__name__}")
        return row.value(*arguments, **params)
    cdef int n_moved = MOVES.get(row.name, 0)
    if n_moved < 0:
        n_moved = len(arguments)
    if n_moved and all([type(x) is not Var and type(x) is not VarArray for x in arguments[n_moved:]]):
        size = sum([size_of(x) for x in arguments[:n_moved]])
        if row.name == "broadcast_to":
            size = math.prod(params["shape"])
        if goes_by_elements(arguments[:n_moved], size):
            found = moved(row, arguments[:n_moved], arguments[n_moved:], params)
            if found is not None:
                return found
    elif row.name == "sum" and type(arguments[0]) is Var and not params["axis"]:
        return arguments[0]
    elif row.name == "sum" and type(arguments[0]) is VarArray and goes_by_elements(arguments, size_of(arguments[0])):
        return sum_by_elements(arguments[0], params["axis"], params["keepdims"])
    elif row.name == "matmul" and all([1 <= np.ndim(x) <= 2 for x in arguments]) and goes_by_elements(
            arguments, size_of(arguments[0]) * (arguments[1].shape[1] if arguments[1].ndim == 2 else 1)):
        return matmul_by_elements(arguments[0], arguments[1])
    return recorded(row, arguments, params)


cdef object recorded(row, tuple arguments, dict params):
    """Apply a row to whole arrays and append a node for it."""
    cdef Graph g = own_graph()
    cdef list handles = [], values = []
    cdef tuple given
    if g.open_recordings and g.open_lanes:
        raise NeedsArrays
    for x in arguments:
        if type(x) is VarArray and not (<VarArray>x).lengths:
            x = (<VarArray>x).flat[0]
        handles.append((<VarArray>x).node() if type(x) is VarArray else x if type(x) is Var else constant(x))
    given = tuple(handles)
    if g.open_recordings and should_wait(g, given):
        result = foreseen(row, given, params)
        if result is not None:
            return of_node(append_pending(g, row, given, params, result[0], result[1]))
    for x in given:
        if type(x) is ArrayNode:
            x = ndarray_of(<ArrayNode>x)
        elif type(x) is Var:
            x = number_of(<Var>x)
        values.append(x)
    value = value_of_row(row, values, params)
    if not g.open_recordings and isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biu":
        return value  # no derivative goes through it, and nothing will be replayed
    return of_node(append_structured(g, row, given, params, value))


cdef object constant(x):
    """An operand that is no var: a float, or an array of numbers as it is now."""
    cdef double number
    if type(x) is np.ndarray and x.dtype is BOOL and x.ndim:
        return x.copy()
    if type(x) is np.ndarray and x.dtype is FLOAT and x.ndim:
        if x.size and not any(x.strides):
            return np.broadcast_to(x.flat[0], x.shape)  # as adjoints of sums are
        return x.copy()
    if isinstance(x, (np.ndarray, list, tuple)):
        x = np.asarray(x)
        if checked(x).dtype.kind == "c":
            raise TracingError("complex numbers have no derivatives here")
        if x.ndim == 0:
            return x.item()
        if x.dtype.kind == "f" and x.dtype != np.float32:
            return np.array(x, np.float64)
        return x.copy()
    if read_number(x, &number):
        return number
    raise TracingError(f"{type(x).__name__} is no number and no array of numbers")


cdef bint goes_by_elements(arguments, size) except -1:
    """Should an operation on so many elements be one on scalars?"""
    cdef Graph g = own_graph()
    if g.open_recordings and g.open_lanes:
        if size > MOST_IN_A_LANE:
            raise NeedsArrays
        return True
    if size > FEW:
        return False
    for x in arguments:
        if type(x) is VarArray and (<VarArray>x).is_node():
            return False
    return True


cdef object size_of(x):
    return math.prod((<VarArray>x).shape) if type(x) is VarArray else np.size(x) if type(x) is not Var else 1


cdef object moved(row, tuple arrays, tuple others, dict params):
    """Apply a row that only moves elements to arrays of positions, and take the elements that are there.

    None if there are many: a number that is broadcast to a large array, say.
    """
    flat, positions = [], []
    for x in arrays:
        elements = elements_of(x) if is_array(x) else [x if type(x) is Var else float(x)]
        shape = x.shape if is_array(x) else ()
        positions.append(np.arange(len(flat), len(flat) + len(elements)).reshape(shape))
        flat += elements
    found = np.asarray(row.value(*positions, *others, **params))
    if not goes_by_elements(arrays, found.size):
        return None
    return assemble([flat[k] for k in found.ravel().tolist()], found.shape)


cdef object getitem(VarArray x, key):
    """Elements of an array, by a key that may hold recorded integers."""
    key = with_known_masks(key)
    parts = key if type(key) is tuple else (key,)
    if any([type(part) is Var or type(part) is VarArray for part in parts]):
        key = as_indices(key) if len(parts) == 1 else None
        if key is None:
            raise TracingError("an index can depend on vars only if it is all of the key, and the integers come from "
                               "numpy.argmax, numpy.argsort or the like; see numpy.where, numpy.take_along_axis")
        integers = as_indices(x)  # labels, say: which stay what they are, and are not all converted at every call
        return apply(structured.ROWS["take"], (x if integers is None else integers, key), {"axis": 0})
    return apply(structured.ROWS["getitem"], (x,), {"key": frozen_key(key)})


def as_indices(x):
    """Recorded integers as they are, so that they can be indices; None if x holds something else."""
    cdef Graph g
    if type(x) is VarArray:
        if (<VarArray>x).outside is not None and (<VarArray>x).outside.holds_integers:
            return of_node((<VarArray>x).outside.open_integers())
        return x if (<VarArray>x).dtype.kind in "iu" else None
    g = (<Var>x).graph
    record = g.records.get(node_of(<Var>x))
    return x if record is not None and record.dtype.kind in "iu" else None


cdef object with_known_masks(key):
    """The key with its masks as truth values; within a recording they differ from call to call and stay vars."""
    if type(key) is VarArray and not own_graph().open_recordings and (<VarArray>key).is_mask():
        return np.asarray(key.data, bool)
    return tuple([with_known_masks(part) for part in key]) if type(key) is tuple else key


def frozen_key(key):
    """An index as a parameter."""
    key = with_known_masks(key)
    for part in key if type(key) is tuple else (key,):
        if type(part) is Var or type(part) is VarArray:
            raise TracingError("an index that depends on vars cannot be part of this key; see numpy.where, numpy.take")
    return freeze(key)


cdef object sum_by_elements(VarArray x, axis, keepdims):
    positions = x.positions_of_elements()
    shape = np.sum(np.broadcast_to(0.0, x.lengths), axis=axis, keepdims=keepdims).shape  # NumPy checks the axes
    if axis is None:
        return assemble([total(x.flat)], shape)
    axes = [k % x.ndim for k in (axis if isinstance(axis, tuple) else (axis,))]
    others = [k for k in range(x.ndim) if k not in axes]
    groups = positions.transpose(others + axes).reshape(-1, math.prod([x.lengths[k] for k in axes]))
    flat = x.flat
    return assemble([total([flat[k] for k in group]) for group in groups.tolist()], shape)


cdef object total(elements):
    """Sum of numbers and vars, from the first to the last."""
    sums = None
    for element in elements:
        sums = element if sums is None else sums + element
    return 0.0 if sums is None else sums


cdef object matmul_by_elements(a, b):
    """Product of vectors and matrices."""
    kept, inner = a.shape[: len(a.shape) - 1], b.shape[0]
    if a.shape != (*kept, inner):
        raise ShapeError(f"arrays of shape {a.shape} and {b.shape} do not fit in a matrix product")
    n_columns = b.shape[1] if len(b.shape) == 2 else 1
    n_rows = a.shape[0] if len(a.shape) == 2 else 1
    left, right = elements_of(a), elements_of(b)
    rows = [left[k * inner : (k + 1) * inner] for k in range(n_rows)]
    columns = [right[k::n_columns] for k in range(n_columns)]
    products = [total([x * y for x, y in zip(row, column, strict=True)]) for row in rows for column in columns]
    return assemble(products, kept + b.shape[1:])


# ---- elementwise ops ----

def elementwise(str name, tuple arguments):
    """An op on numbers, vars and arrays of them, broadcast against each other."""
    if is_plain(name, arguments):
        return recorded(ops.OPS[name], arguments, {})
    arrays = [x for x in arguments if is_array(x)]
    row = ops.OPS[name]
    cdef bint is_complex = any([isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in arguments])
    if not is_complex and not any([type(x) is Var or type(x) is VarArray for x in arguments]):
        return apply_elementwise(row.code, arguments)
    if name == "pow" and is_two(arguments[1]):
        name, arguments, row = "square", arguments[:1], ops.OPS["square"]
    try:
        shape = np.broadcast_shapes(*[x.shape for x in arrays])
    except ValueError:
        shapes = " and ".join([str(x.shape) for x in arrays])
        raise ShapeError(f"{name} of arrays of shape {shapes}, which do not broadcast") from None
    if not is_complex and not goes_by_elements(arguments, math.prod(shape)):
        return recorded(row, arguments, {})
    cdef int op = row.code
    columns = [column(x, shape) for x in arguments]
    if len(columns) == 1:
        found = [record1(op, x) for x in columns[0]]
    elif len(columns) == 2:
        found = [record2(op, a, b) for a, b in zip(*columns, strict=True)]
    else:
        found = [record3(op, condition, a, b) for condition, a, b in zip(*columns, strict=True)]
    return assemble(found, shape)


cdef object operation(int op, object left, object right):
    """An operator; NotImplemented if the other side is nothing we know."""
    cdef double number
    cdef tuple both
    found = quickly(op, left, right)
    if found is not None:
        return found
    name, both = <str>NAMES[op], (left, right)
    if is_plain(name, both):
        return recorded(ops.OPS[name], both, {})
    for x in both:
        if not (is_array(x) or type(x) is Var or read_number(x, &number)):
            return NotImplemented
    return elementwise(name, both)


cdef object unary(int op, VarArray x):
    """An operator of one argument."""
    found = quickly(op, x, None)
    return elementwise(<str>NAMES[op], (x,)) if found is None else found


# ---- what goes without a detour ----

cdef inline object handle_of(object x):
    """What stands for an operand in the graph; None if it is an array that is no node yet."""
    if type(x) is VarArray:
        return (<VarArray>x).array if (<VarArray>x).elements is None else None
    return x


cdef inline object wrapped(object found):
    """The result of a quick operation as it is seen outside."""
    return of_node(found) if type(found) is ArrayNode else found


cdef object quickly(int op, object left, object right):
    """An elementwise op with an array among its arguments; None if it takes a second look."""
    cdef object a = handle_of(left), b = None
    if a is None:
        return None
    if right is not None:
        b = handle_of(right)
        if b is None:
            return None
    if type(a) is not ArrayNode and type(b) is not ArrayNode:
        return None
    return wrapped(quick_elementwise(op, a, b))


cdef object joined(tuple arguments):
    """Arrays as one, along an axis: what `np.concatenate` makes of its arguments."""
    cdef list parts
    axis = arguments[1] if len(arguments) == 2 else 0
    if not 1 <= len(arguments) <= 2 or type(arguments[0]) not in (list, tuple) or type(axis) is not int or axis < 0:
        return None
    parts = [handle_of(part) for part in arguments[0]]
    if not any([type(part) is ArrayNode for part in parts]):
        return None
    return wrapped(quick_concatenate(parts, axis))


cdef object product(object left, object right):
    """A product of matrices."""
    found = quick_matmul(handle_of(left), handle_of(right))
    return apply(structured.ROWS["matmul"], (left, right), {}) if found is None else wrapped(found)


cdef bint is_plain(str name, tuple arguments) except -1:
    """Is it an op on arrays that are nodes, numbers and arrays of numbers? Most are: no need for a look at others."""
    cdef bint any_node = False
    for x in arguments:
        if type(x) is VarArray:
            if (<VarArray>x).elements is not None or (<VarArray>x).array is None:
                return False
            any_node = True
        elif type(x) is np.ndarray:
            if x.dtype.kind not in "fiub":
                return False
        elif type(x) is not float:
            return False
    return any_node and name != "pow" and not own_graph().open_lanes


cdef bint is_two(object exponent) except -1:
    """Is it a number for which `**` of a var takes the square?"""
    return (type(exponent) is int or type(exponent) is float) and exponent == 2


cdef object column(object x, tuple shape):
    """Elements of an array or a number, as often as the shape needs them."""
    if not is_array(x):
        return [x] * math.prod(shape)
    flat = elements_of(x)
    if x.shape == shape:
        return flat
    return [flat[k] for k in np.broadcast_to(np.arange(len(flat)).reshape(x.shape), shape).ravel().tolist()]


cdef int refuse_reading() except -1:
    raise TracingError(
        "compile() records this function, and .data would freeze numbers that change from call to call; compute with "
        "the array itself, or with wengert.stop_gradient(array)"
    )


structured.recorder = apply
