# How are matrices multiplied?

# out[i, j] = sum over k of a[i, k] * b[k, j], for each of a stack; sizes and strides in elements. Every matrix with
# more than one row and column has the stride 1 along one of them, and at least the length of that along the other.
cdef struct product_t:
    Py_ssize_t m, n, k
    Py_ssize_t a_row, a_col, b_row, b_col  # out is in C order
    int n_axes  # of the stack
    Py_ssize_t[16] shape, a_strides, b_strides

# The product of these matrices.  Its address is in the capsule `address`: importing the module imports SciPy's BLAS,
# which takes as long as everything else: whoever needs it does so late.
ctypedef void (*multiply_t)(const product_t* p, char* a, char* b, char* out, bint single) noexcept nogil
