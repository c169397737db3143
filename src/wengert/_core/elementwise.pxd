# Who applies elementwise ops to arrays?

cimport numpy as cnp

# The value of the op of this code on arrays and numbers, with NumPy's broadcasting: a new array, of shape () if all are
# numbers.  Raises ShapeError, or TracingError for what is no real number.
cdef object apply_elementwise(int op, tuple arguments)

# The same of an op of one argument (`right` is None) or two, of which one is an ndarray and the other may be a float.
# None if there is more to it than one run through contiguous float64 arrays of one shape.
cdef object apply_alike(int op, object left, object right)


cdef inline bint is_wide(int type_number) noexcept:
    """Are there numbers of this type that a float32 cannot hold?"""
    return type_number == cnp.NPY_DOUBLE or cnp.NPY_INT <= type_number <= cnp.NPY_ULONGLONG
