# What do programs and their callers need of the virtual machine?
#
# The structs and their contract stand in vm.h.  All functions trust what they get: it was validated when the program
# was compiled and when the arrays came in.

cdef extern from "vm.h" nogil:
    ctypedef struct instr_t:
        unsigned short op
        unsigned char kind
        unsigned char expected
        int dst
        int a
        int b
        int c

    ctypedef struct stream_t:
        char* base
        Py_ssize_t stride

    ctypedef struct lanes_t:
        const instr_t* code
        int n_code
        int n_slots
        int n_lanes_per_block
        bint single
        const double* pool
        int n_inputs
        const stream_t* inputs
        const int* input_slots
        int n_outputs
        const stream_t* outputs
        const int* output_slots
        int n_sums
        const int* sum_slots
        double* partial_sums
        int* failed

    ctypedef void (*block_t)(const void* a, const void* b, const void* c, void* out, Py_ssize_t n_eights) noexcept nogil

    ctypedef struct vm_t:
        int (*run_uniform)(const instr_t* code, int n_code, double* pool, bint single) noexcept nogil
        void (*run_blocks)(const lanes_t* run, Py_ssize_t first_block, Py_ssize_t end_block, Py_ssize_t n_lanes,
                           void* workspace) noexcept nogil
        void (*combine_sums)(double* partial_sums, Py_ssize_t n_blocks, int n_sums, double* total) noexcept nogil
        const block_t* double_blocks
        const block_t* float_blocks
        void (*store_bools)(const void* numbers, bint single, char* out, Py_ssize_t n) noexcept nogil

    size_t workspace_size(const lanes_t* run) noexcept

# The functions of the SIMD build that this process runs.
cdef const vm_t* vm


cdef class Workspace:
    cdef void* data  # 64-byte aligned, NULL before `provide`
    cdef void* block  # as malloc gave it
    cdef size_t capacity

    # Make room for this many bytes at `data`; what was there is lost.
    cdef int provide(self, size_t n_bytes) except -1
