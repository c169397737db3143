# cython: c_api_binop_methods=True
# One method per operator serves both sides, as in var.pyx.
"""What is an array of vars?

What a function gets in the place of a NumPy array while it is differentiated: its elements are vars, NumPy's functions
and operators go elementwise through the table of ops. Indices are left to NumPy: an array of the elements' positions is
indexed, reshaped or broadcast, and tells which elements to take.
"""

cimport cython
from cpython.number cimport PyNumber_AsSsize_t

import math

import numpy as np

from wengert import ops
from wengert._core.builds import kernels
from wengert._core.number cimport read_number
from wengert._core.var cimport Var, record1, record2, record3
from wengert._core.var import op_of
from wengert.errors import ShapeError, TracingError


@cython.final
cdef class VarArray:
    """An array whose elements are vars, or numbers among vars.

    Functions that are differentiated in a NumPy array get one. It knows element access and slices, iteration, `shape`,
    `ndim`, `size`, `T`, `reshape`, `ravel`, `copy`, `sum`, `mean`, `dot`, ``@``, and elementwise arithmetic and
    comparison with broadcasting, also against NumPy arrays. It cannot be changed.

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
    cdef tuple lengths  # of the axes
    cdef object positions
    # Of an array that comes from outside while a function is compiled:
    cdef readonly int source  # which leaf of the arguments it is, else -1
    cdef object opener  # gives the elements
    cdef object on_look  # notes that the function has seen the shape

    def __init__(self, elements, tuple shape):
        self.elements = tuple(elements)
        self.lengths = shape
        self.source = -1
        if len(self.elements) != math.prod(shape):
            raise ShapeError(f"{len(self.elements)} elements do not fill the shape {shape}")

    @staticmethod
    def deferred(tuple shape, int source, opener, on_look):
        """An array whose elements are made when somebody asks for them. For functions that are compiled."""
        cdef VarArray result = VarArray.__new__(VarArray)
        result.lengths, result.source, result.opener, result.on_look = shape, source, opener, on_look
        return result

    cdef int look(self) except -1:
        """The shape is seen: of an array from outside, it must be the same at every call."""
        if self.on_look is not None:
            self.on_look()
            self.on_look = None
        return 0

    @property
    def flat(self):
        """The elements in the order of the rows, a tuple."""
        if self.elements is None:
            self.look()
            self.elements = tuple(self.opener())
            self.opener = None
        return self.elements

    @property
    def shape(self):
        """Lengths of the axes."""
        self.look()
        return self.lengths

    cdef object positions_of_elements(self):
        if self.positions is None:
            self.positions = np.arange(len(self.flat)).reshape(self.shape)
        return self.positions

    cdef object taken(self, positions):
        """The elements at these positions, in their shape."""
        cdef tuple flat = self.flat
        return assemble([flat[k] for k in positions.ravel().tolist()], positions.shape)

    # ---- elements ----

    def __getitem__(self, key):
        cdef Py_ssize_t k
        cdef tuple flat = self.elements
        if flat is None:
            flat = self.flat
        if len(self.lengths) == 1:
            if type(key) is int:
                k = PyNumber_AsSsize_t(key, IndexError)
                if k < 0:
                    k += len(flat)
                if 0 <= k < len(flat):
                    return flat[k]
                raise IndexError(f"index {key} is out of bounds for an array of {len(flat)} elements")
            if type(key) is slice:
                part = flat[key]
                return assemble(part, (len(part),))
        return self.taken(np.asarray(self.positions_of_elements()[key]))

    def __setitem__(self, key, value):
        raise TracingError(
            "an array under differentiation cannot be assigned to: compute a list of the elements, or use np.where"
        )

    def __iter__(self):
        return iter(self.flat) if len(self.shape) == 1 else iter([self[k] for k in range(self.shape[0])])

    def __len__(self):
        return self.shape[0]

    def __contains__(self, value):
        return any([bool(element == value) for element in self.flat])

    def __bool__(self):
        if len(self.flat) != 1:
            raise ValueError("the truth value of an array with other than one element is ambiguous")
        return bool(self.flat[0])

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.lengths)

    @property
    def size(self):
        """Number of elements."""
        return len(self.flat)

    @property
    def data(self):
        """The values, an array of floats."""
        return np.array([v.data if type(v) is Var else v for v in self.flat], np.float64).reshape(self.shape)

    def __repr__(self):
        return f"VarArray({self.data!r})"

    # ---- form ----

    @property
    def T(self):
        """The array with its axes reversed."""
        return self.taken(self.positions_of_elements().T)

    def reshape(self, *shape):
        """The elements in another shape; one length may be -1."""
        return self.taken(self.positions_of_elements().reshape(*shape))

    def ravel(self):
        """The elements in the order of the rows, along one axis."""
        return VarArray(self.flat, (len(self.flat),))

    def copy(self):
        """The array itself: it cannot be changed."""
        return self

    # ---- sums ----

    def sum(self, axis=None, keepdims=False):
        """Sum over one axis, several, or all."""
        positions = self.positions_of_elements()
        shape = np.sum(np.broadcast_to(0.0, self.shape), axis=axis, keepdims=keepdims).shape  # NumPy checks the axes
        if axis is None:
            return assemble([total(self.flat)], shape)
        axes = [k % self.ndim for k in (axis if isinstance(axis, tuple) else (axis,))]
        others = [k for k in range(self.ndim) if k not in axes]
        groups = positions.transpose(others + axes).reshape(-1, math.prod([self.shape[k] for k in axes]))
        flat = self.flat
        return assemble([total([flat[k] for k in group]) for group in groups.tolist()], shape)

    def mean(self, axis=None, keepdims=False):
        """Mean over one axis, several, or all."""
        sums = self.sum(axis, keepdims)
        return sums / (len(self.flat) / (math.prod(sums.shape) if is_array(sums) else 1))

    def dot(self, other):
        """Product of vectors and matrices, as `numpy.dot`."""
        return self * other if np.ndim(other) == 0 else matmul(self, other)

    # ---- arithmetic ----

    def __add__(left, right):
        return operation("add", left, right)

    def __sub__(left, right):
        return operation("sub", left, right)

    def __mul__(left, right):
        return operation("mul", left, right)

    def __truediv__(left, right):
        return operation("div", left, right)

    def __mod__(left, right):
        return operation("mod", left, right)

    def __floordiv__(left, right):
        return operation("floordiv", left, right)

    def __pow__(base, exponent, modulus):
        if modulus is not None:
            raise TracingError("pow() of an array takes no modulus")
        return operation("pow", base, exponent)

    def __matmul__(left, right):
        return matmul(left, right)

    def __and__(left, right):
        return operation("logical_and", left, right)

    def __or__(left, right):
        return operation("logical_or", left, right)

    def __invert__(self):
        return elementwise("logical_not", (self,))

    def __neg__(self):
        return elementwise("neg", (self,))

    def __pos__(self):
        return self

    def __abs__(self):
        return elementwise("abs", (self,))

    def __lt__(self, other):
        return operation("lt", self, other)

    def __le__(self, other):
        return operation("le", self, other)

    def __gt__(self, other):
        return operation("gt", self, other)

    def __ge__(self, other):
        return operation("ge", self, other)

    def __eq__(self, other):
        return operation("eq", self, other)

    def __ne__(self, other):
        return operation("ne", self, other)

    # ---- what NumPy calls ----

    def __array__(self, dtype=None, copy=None):
        raise TracingError("an ordinary array would lose the derivatives of these vars; take x.data for the numbers")

    def __float__(self):
        raise TracingError("float(array) would lose the derivative; use x.data for the numbers")

    def __reduce__(self):
        return VarArray, (self.flat, self.shape)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method == "__call__" and not kwargs:
            if ufunc is np.matmul:
                return matmul(inputs[0], inputs[1])
            if ufunc is np.divmod:
                return elementwise("floordiv", inputs), elementwise("mod", inputs)
            if op_of(ufunc) is not None:
                return elementwise(op_of(ufunc), inputs)
        if ufunc is np.add and method == "reduce" and kwargs.keys() <= {"axis", "keepdims"}:
            return inputs[0].sum(**({"axis": 0} | kwargs))
        how = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
        raise TracingError(f"{how} has no derivative rule here" + (" with keyword arguments" if kwargs else ""))

    def __array_function__(self, function, types, args, kwargs):
        if function not in FUNCTIONS:
            raise TracingError(f"np.{function.__name__} has no derivative rule here")
        try:
            return FUNCTIONS[function](*args, **kwargs)
        except TypeError as error:
            if isinstance(error, TracingError):
                raise
            raise TracingError(f"np.{function.__name__} with these arguments has no derivative rule here") from error


FUNCTIONS = {
    np.sum: lambda x, axis=None, *, keepdims=False: x.sum(axis, keepdims),
    np.mean: lambda x, axis=None, *, keepdims=False: x.mean(axis, keepdims),
    np.dot: lambda a, b: matmul(a, b) if np.ndim(a) and np.ndim(b) else operation("mul", a, b),
    np.where: lambda condition, a, b: elementwise("where", (condition, a, b)),
    np.reshape: lambda x, shape: x.reshape(shape),
    np.ravel: lambda x: x.ravel(),
    np.transpose: lambda x: x.T,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
}
"""NumPy's functions, other than ufuncs, that take these arrays."""


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


def elements_of(array):
    """Elements in the order of the rows: vars, or Python's numbers."""
    if type(array) is VarArray:
        return (<VarArray>array).flat
    if type(array) is not np.ndarray and type(array) is not np.memmap:
        raise TracingError(f"a {type(array).__name__} may have rules of its own; pass numpy.asarray of it")
    if array.dtype.kind not in "fiubc":
        raise TracingError(f"expected an array of real numbers, got one of {array.dtype}")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64).ravel().tolist()


def elementwise(str name, tuple arguments):
    """An op on numbers, vars and arrays of them, broadcast against each other."""
    arrays = [x for x in arguments if is_array(x)]
    if not any([type(x) is Var or type(x) is VarArray or np.iscomplexobj(x) for x in arguments]):
        return kernels.evaluate(name, *arguments)[0]
    if name == "pow" and is_two(arguments[1]):
        name, arguments = "square", arguments[:1]
    cdef int op = ops.OPS[name].code
    shape = np.broadcast_shapes(*[x.shape for x in arrays])
    columns = [column(x, shape) for x in arguments]
    if len(columns) == 1:
        found = [record1(op, x) for x in columns[0]]
    elif len(columns) == 2:
        found = [record2(op, a, b) for a, b in zip(*columns, strict=True)]
    else:
        found = [record3(op, condition, a, b) for condition, a, b in zip(*columns, strict=True)]
    return assemble(found, shape)


cdef object operation(str name, object left, object right):
    """An operator; NotImplemented if the other side is nothing we know."""
    cdef double number
    for x in (left, right):
        if not (is_array(x) or type(x) is Var or read_number(x, &number)):
            return NotImplemented
    return elementwise(name, (left, right))


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


cdef object total(elements):
    """Sum of numbers and vars, from the first to the last."""
    sums = None
    for element in elements:
        sums = element if sums is None else sums + element
    return 0.0 if sums is None else sums


cdef object matmul(object a, object b):
    """Product of vectors and matrices."""
    if not (is_array(a) and is_array(b)):
        return NotImplemented
    if len(a.shape) > 2 or len(b.shape) > 2:
        raise TracingError(f"matrix products of arrays of shape {a.shape} and {b.shape} have no derivative rule here")
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
