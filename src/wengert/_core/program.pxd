# What is a program?
#
# Immutable arrays of instructions that run() functions only read, so that several threads may run one program at once.
# Uniform instructions work on a pool of doubles: constants, uniform inputs, sums over lanes, uniform values.  Varying
# ones work on slots, blocks of lanes.  The pieces alternate between the two.

from wengert._core.vm cimport instr_t

cdef struct piece_t:
    bint varying
    int start, stop  # instructions
    # Of a varying piece: what it loads and adds up; ranges of `loads` and `sums`.
    int first_load, end_load
    int first_sum, end_sum
    bint has_guards

cdef struct link_t:
    int number  # of an input; or the slot of a sum
    int place  # slot or pool entry

cdef class Program:
    cdef const instr_t* code  # of code_array
    cdef piece_t* pieces
    cdef link_t* loads  # input to slot, of all varying pieces
    cdef link_t* sums  # slot to pool entry
    cdef link_t* uniform_inputs  # input to pool entry
    cdef readonly int n_inputs, n_outputs, n_guards, n_slots, n_pieces, n_uniform_inputs, n_lanes_per_block
    cdef int n_pool
    cdef double* pool  # constants in place; its other entries belong to whoever holds the GIL
    cdef const int[::1] output_places, output_pieces  # slot in that piece, or pool entry and -1
    cdef bint single  # float32 throughout
    cdef int n_code  # instructions
    cdef readonly bint varies  # has it varying pieces?
    cdef dict parts  # as the plan gave them
    cdef object code_array

    cdef int take_pool(self, const double[::1] pool) except -1
    cdef int take_pieces(self, list pieces) except -1
    # Run the uniform pieces on a pool whose inputs are in place; gives the first failed guard or -1.
    cdef int run_once(self, double* pool) noexcept nogil


cdef inline void set_pool(double* pool, int place, double value, bint single) noexcept nogil:
    pool[place] = <float>value if single else value
