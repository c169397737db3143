# How does an array program run?
#
# A program is a list of steps over memory that was laid out when it was planned. What a step reads and writes is a
# buffer (the arena, an input, a constant, an output) and an offset in bytes. All of it is read only while it runs, so
# that several threads may run one program at once, each with its own ArrayWorkspace.

cimport numpy as cnp

from libc.stdint cimport int64_t

from wengert._core.products cimport product_t
from wengert._core.structured_kernels cimport array_t, kernel_t
from wengert._core.vm cimport Workspace, instr_t

cdef extern from "groups.h" nogil:
    enum:
        MOST_AXES
        FLAT
        ROW
        GATHER
        FIXED

    # An array of a step.
    ctypedef struct strided_t:
        int buffer
        char type
        int n_axes
        Py_ssize_t offset
        Py_ssize_t[MOST_AXES] shape
        Py_ssize_t[MOST_AXES] strides
        int mode
        int place
        bint still
        bint shared
        int fold
        Py_ssize_t chunk_offset
        Py_ssize_t rows_in_one
        int n_nest
        Py_ssize_t[MOST_AXES] nest_shape
        Py_ssize_t[MOST_AXES] nest_strides
        double first
        Py_ssize_t count

    ctypedef struct plain_t:
        int buffer
        int slot
        Py_ssize_t offset

    ctypedef struct group_t:
        const instr_t* code
        int n_code
        int n_slots
        int width
        bint single
        const strided_t* arrays
        int n_read
        int n_sums
        int n_written
        int n_outer
        Py_ssize_t n_rows
        Py_ssize_t n_inner
        Py_ssize_t rows
        Py_ssize_t chunk
        const plain_t* plain

    ctypedef struct group_memory_t:
        char** base
        double* pool
        char* chunk
        double* partial
        char* work
        int (*breathe)(void* context) noexcept nogil
        void* context

    ctypedef struct groups_t:
        int (*run_group)(const group_t* group, const group_memory_t* memory) noexcept nogil
        void (*copy)(const strided_t* source, const strided_t* target, char** base) noexcept nogil

    size_t group_bytes(const group_t* group) noexcept

cdef struct link_t:
    int pool
    int buffer
    Py_ssize_t offset

# A loop. Arrays are those of its step: pieces of the argument, and the result; offsets are in bytes.
cdef struct loop_t:
    Py_ssize_t n_steps, breath
    int n_inputs, n_outputs, n_sums
    const Py_ssize_t* inputs  # of each: array and offset at the first, the second and the last step; then two distances
    const Py_ssize_t* outputs  # of each: offset in the result at the first step; then two distances
    const Py_ssize_t* sums  # of each: number of the output, offset in the result, and how many numbers

cdef struct step_t:
    int kind
    group_t group
    const instr_t* code  # of numbers
    int n_code
    int first_array, n_read
    int first_link, n_loads, n_stores  # of numbers
    int number  # of a row, of a product, or of the first operand of a kernel
    kernel_t kernel
    Py_ssize_t first_param

cdef class ArrayWorkspace:
    cdef char** base  # address of each buffer
    cdef char* arena
    cdef double* pool
    cdef double* cells  # inputs that came as numbers
    cdef group_memory_t groups
    cdef array_t* operands  # of kernels
    cdef char* scratch
    cdef Workspace memory
    cdef list bodies  # workspaces of the bodies of loops
    cdef list keep  # converted inputs and outputs of the current run
    cdef object error  # of the first step that failed
    cdef int failed  # number of the first guard that failed, or -1

cdef class Runner:
    cdef readonly dict parts
    cdef object code_array
    cdef list rows, constants, free
    cdef list bodies, tables  # of loops: programs, and the memory of `loops`
    cdef loop_t* loops
    cdef step_t* steps
    cdef strided_t* arrays
    cdef plain_t* plain
    cdef link_t* links
    cdef product_t* products
    cdef array_t* operands  # of kernels, without addresses
    cdef int64_t[::1] params  # of kernels
    cdef int n_operands
    cdef int n_run, n_inputs, n_outputs, n_buffers, n_pool
    cdef Py_ssize_t arena_bytes, chunk_bytes, work_bytes, scratch_bytes, n_partial
    cdef bint single, uses_blas
    cdef const double[::1] pool
    cdef char* types  # of inputs, then of outputs
    cdef Py_ssize_t* sizes  # of inputs, then of outputs: elements

    cdef ArrayWorkspace take_workspace(self)
    cdef ArrayWorkspace new_workspace(self)
    cdef int give_back(self, ArrayWorkspace w) except -1
    cdef bint overlaps(self, ArrayWorkspace w, cnp.ndarray out, int n_before) noexcept
    cdef int point(self, ArrayWorkspace w, inputs, outs) except -1
    cdef int execute(self, ArrayWorkspace w) noexcept nogil
    cdef void run_numbers(self, const step_t* step, ArrayWorkspace w) noexcept nogil
    cdef int take_kernel(self, step_t* step, dict description, list params) except -1
    cdef int run_kernel(self, const step_t* step, ArrayWorkspace w) noexcept nogil
    cdef int keep_error(self, ArrayWorkspace w, int k, error) except -1
    cdef int keep_kernel_error(self, ArrayWorkspace w, int k, int status) noexcept with gil
    cdef int run_in_python(self, const step_t* step, ArrayWorkspace w) noexcept with gil
    cdef void run_product(self, const step_t* step, ArrayWorkspace w) noexcept nogil
    cdef int run_loop(self, const step_t* step, ArrayWorkspace w) noexcept with gil
    cdef int run_python(self, const step_t* step, ArrayWorkspace w) except -1


# Look for Ctrl-C; -1 with `error` set if there was one.
cdef int breathe(ArrayWorkspace w) noexcept with gil

# Run a program n_steps times: `inputs` are addresses at the first, second and last step and two distances, `outputs`
# those at the first step and two distances, `sums` the number of an output, the address of its sum and how many
# numbers. The first of two distances leads on from even steps, the other from odd ones. `breath` steps run until Ctrl-C
# is noticed. What goes wrong is the error of w.
cdef void repeat(Runner program, ArrayWorkspace w, Py_ssize_t n_steps, const Py_ssize_t* inputs, int n_inputs,
                 const Py_ssize_t* outputs, int n_outputs, const Py_ssize_t* sums, int n_sums,
                 Py_ssize_t breath) noexcept nogil
