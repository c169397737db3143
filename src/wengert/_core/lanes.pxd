# How does a program run over many lanes, on several threads?

from wengert._core.program cimport Program, piece_t
from wengert._core.vm cimport lanes_t


cdef inline Py_ssize_t count_blocks(Program program, Py_ssize_t n_lanes) noexcept nogil:
    return (n_lanes + program.n_lanes_per_block - 1) // program.n_lanes_per_block


cdef class PieceRun:
    cdef Program program
    cdef piece_t* piece
    cdef lanes_t lanes
    cdef int[::1] input_numbers, input_slots, output_numbers, output_slots, sum_slots
    cdef Py_ssize_t[:, ::1] inputs, outputs  # streams of this piece
    cdef double[::1] partial_sums
    cdef int[::1] failed  # of each lane: the first guard that failed, or -1

    cdef int point(self, const double* pool, const Py_ssize_t[:, ::1] inputs, const Py_ssize_t[:, ::1] outputs,
                   Py_ssize_t n_lanes) except -1
    cdef void add_up(self, double* pool, Py_ssize_t n_blocks, double* total) noexcept nogil
