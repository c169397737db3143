# How is a compiled function called without delay?

cimport numpy as cnp

from wengert._core.forms cimport Form
from wengert._core.program cimport Program

cdef struct parameter_t:
    bint is_array  # else a float
    int n_axes
    cnp.npy_intp[32] dims
    Py_ssize_t size  # numbers in it

cdef class QuickCall:
    cdef Program program
    cdef Form form
    cdef parameter_t* parameters
    cdef int n_parameters
    cdef int* places  # of each number of the arguments: its pool entry, or -1

    cdef bint put(self, tuple args, double* pool) noexcept
    # What the program returns for these arguments; NotImplemented if they are others than it was recorded for.
    cdef object run(self, tuple args, object out)


cdef class Caller:
    cdef QuickCall quick  # the latest one, or None
