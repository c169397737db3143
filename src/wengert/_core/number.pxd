# What counts as a real number?
#
# Python's and NumPy's integers, floats and booleans, fractions, and arrays of shape ().

from cpython.float cimport PyFloat_AS_DOUBLE

# 1 if x is a number, now in `number`; 0 if x is of a type that may know how to deal with vars itself.  Raises
# TracingError or ShapeError for what is certainly none.
cdef int as_number(object x, double* number) except -1

# The number, or TracingError.
cdef double demand_number(object x) except? -1.0


cdef inline int read_number(object x, double* number) except -1:
    """as_number, quick for a Python float."""
    if type(x) is float:
        number[0] = PyFloat_AS_DOUBLE(x)
        return 1
    return as_number(x, number)
