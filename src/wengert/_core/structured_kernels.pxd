# Which kernels compute structured ops, and how are they called?
#
# The contract stands in structured.h.

from libc.stdint cimport int64_t

cdef extern from "strided.h" nogil:
    enum:
        MAX_NDIM

    ctypedef struct array_t:
        char* data
        int ndim
        Py_ssize_t* shape
        Py_ssize_t* strides

# Inputs, then the output; 0, or what `kernel_error` makes an exception of.
ctypedef int (*kernel_t)(array_t* operands, int n_operands, const int64_t* params, char* scratch) noexcept nogil

# The kernel of a row over float64, or over float32 if `single`; NULL if there is none.  Indices and places are int64.
cdef kernel_t find_kernel(str name, bint single)

# Bytes of scratch, 64-byte aligned, that it needs for operands of these shapes (the output's last).
cdef Py_ssize_t scratch_size(str name, bint single, list shapes) except -1

# The exception for what a kernel returned.
cdef object kernel_error(int status)
