# Who applies elementwise ops to arrays?

# The value of the op of this code on arrays and numbers, with NumPy's broadcasting: a new array, of shape () if all are
# numbers.  Raises ShapeError, or TracingError for what is no real number.
cdef object apply_elementwise(int op, tuple arguments)
