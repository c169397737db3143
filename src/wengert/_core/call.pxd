# How is a compiled function called without delay?

cimport numpy as cnp

from wengert._core.forms cimport Form
from wengert._core.program cimport Program
from wengert._core.vm cimport Workspace

cdef struct parameter_t:
    bint is_array  # else a float
    bint has_lanes  # along its first axis, which does not count here
    int first  # number of its first input
    int n_axes
    cnp.npy_intp[32] dims
    Py_ssize_t size  # numbers in it, or in a lane of it

cdef class Quick:
    cdef object run(self, tuple args, object out)


cdef class QuickCall(Quick):
    cdef Program program
    cdef Form form
    cdef parameter_t* parameters
    cdef int n_parameters
    cdef int* places  # of each number of the arguments: its pool entry, or -1

    cdef bint put(self, tuple args, double* pool) noexcept


cdef class QuickArrays(Quick):
    cdef object program, dtype
    cdef Form form
    cdef list shapes, dtypes, taken, leaves


cdef class QuickLanes(Quick):
    cdef Program program
    cdef Form form
    cdef list leaves  # of the form
    cdef parameter_t* parameters
    cdef int n_parameters, n_lanes_input
    cdef list axes  # of each leaf: where its lanes are in the result, or None
    cdef bint is_running
    # By the number of the input or output: values of those that do not vary, addresses and strides of the others.
    cdef double[::1] uniform
    cdef Py_ssize_t[:, ::1] inputs, outputs
    cdef list pieces  # a PieceRun for each varying one, else None
    cdef double[::1] pool, total
    cdef Workspace workspace

    cdef Py_ssize_t put(self, tuple args) noexcept
    cdef list new_arrays(self, Py_ssize_t n_lanes)
    cdef list arrays_of(self, out, tuple args, Py_ssize_t n_lanes)
    cdef int run_pieces(self, Py_ssize_t n_lanes) except -2
    cdef list finish(self, list arrays, Py_ssize_t n_lanes)


cdef class Caller:
    cdef tuple quick  # the latest ones, the very last first
