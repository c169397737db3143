# Into what nest do the numbers of a program's outputs go?

cimport numpy as cnp

cdef enum:
    NUMBER
    ARRAY
    TUPLE
    LIST
    NEST  # anything else that optree knows

cdef class Form:
    cdef readonly int kind
    cdef readonly tuple shape  # of an array
    cdef readonly Py_ssize_t size  # of a leaf: how many numbers
    cdef cnp.npy_intp[32] dims  # the shape once more
    cdef readonly bint stacked  # of a leaf: has it an axis of lanes in front?
    cdef readonly list children
    cdef object rebuild  # of a NEST: puts it together

    cdef object build(self, const double* numbers, Py_ssize_t* position, bint single)
    cdef bint is_fillable(self, object out) except -1
    cdef int fill(self, object out, const double* numbers, Py_ssize_t* position) except -1


cdef class Stacked:
    cdef readonly object lane  # a number, var or array
