# What counts as a real number?
#
# Python's and NumPy's integers, floats and booleans, fractions, and arrays of shape ().

from cpython.exc cimport PyErr_Clear
from cpython.float cimport PyFloat_AS_DOUBLE

cdef extern from "Python.h":
    double PyLong_AsDouble(object x) noexcept  # with an exception set, if it gives -1.0 for another integer than -1

# 1 if x is a number, now in `number`; 0 if x is of a type that may know how to deal with vars itself.  Raises
# TracingError or ShapeError for what is certainly none.
cdef int as_number(object x, double* number) except -1

# The number, or TracingError.
cdef double demand_number(object x) except? -1.0


cdef inline int read_number(object x, double* number) except -1:
    """as_number, quick for a Python float or a moderate int."""
    if type(x) is float:
        number[0] = PyFloat_AS_DOUBLE(x)
        return 1
    if type(x) is int:
        number[0] = PyLong_AsDouble(x)
        if number[0] != -1.0:
            return 1
        PyErr_Clear()
    return as_number(x, number)
