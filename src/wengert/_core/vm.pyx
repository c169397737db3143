"""How is a program run: uniform code on numbers, varying code over lanes?

The machine itself is C, compiled for each instruction set; here are the way to it and its workspace.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uintptr_t

import numpy as np

from wengert._core import builds

cdef const vm_t* vm = <const vm_t*>PyCapsule_GetPointer(builds.kernels.vm, "wengert.vm")


@cython.final
cdef class Workspace:
    """Memory for the slots of one running program: one per thread."""

    def __dealloc__(self):
        PyMem_RawFree(self.block)

    cdef int provide(self, size_t n_bytes) except -1:
        if n_bytes > self.capacity:
            PyMem_RawFree(self.block)
            self.capacity = 0
            self.block = PyMem_RawMalloc(n_bytes + 63)
            if self.block is NULL:
                raise MemoryError(f"no {n_bytes} bytes for the workspace of a program; use fewer lanes per block")
            self.data = <void*>((<uintptr_t>self.block + 63) & ~<uintptr_t>63)
            self.capacity = n_bytes
        return 0


# ---- for tests and measurements ----

INSTRUCTION = np.dtype([("op", np.uint16), ("kind", np.uint8), ("expected", np.uint8),
                        ("dst", np.int32), ("a", np.int32), ("b", np.int32), ("c", np.int32)])


cdef const vm_t* machine(str build) except NULL:
    return <const vm_t*>PyCapsule_GetPointer(builds.load(build).vm, "wengert.vm")


def run_uniform(str build, code, double[::1] pool, bint single=False):
    """Run uniform code on a pool, which is overwritten.

    Parameters
    ----------
    build : str
        Name of the SIMD build.
    code : ndarray of INSTRUCTION
    pool : ndarray of float64
    single : bool
        Round every result to float32?

    Returns
    -------
    int
        The smallest number of a guard that fails, or -1.
    """
    cdef char[::1] instructions = np.ascontiguousarray(code, INSTRUCTION).view(np.int8)
    return machine(build).run_uniform(<const instr_t*>&instructions[0], <int>len(code), &pool[0], single)


def run_lanes(str build, code, int n_slots, int lanes_per_block, const double[::1] pool, list inputs, list outputs,
              sum_slots=(), failed=None, Py_ssize_t repeat=1):
    """Run varying code over arrays, block by block.

    Parameters
    ----------
    build : str
        Name of the SIMD build.
    code : ndarray of INSTRUCTION
    n_slots, lanes_per_block : int
    pool : ndarray of float64
    inputs, outputs : list of (int, ndarray)
        Slots with the arrays that they come from or go to, of shape (N,) and all float64 or all float32. Columns of one
        array are transposed together if their slots follow each other.
    sum_slots : list of int
        Slots to sum over lanes.
    failed : ndarray of int32, optional
        Receives for each lane the smallest number of a guard that fails, or -1.
    repeat : int
        Run all of it so many times, for measurements.

    Returns
    -------
    ndarray
        The sums.
    """
    cdef const vm_t* m = machine(build)
    arrays = [array for _slot, array in [*inputs, *outputs]]
    cdef Py_ssize_t n_lanes = arrays[0].shape[0]
    cdef Py_ssize_t n_blocks = (n_lanes + lanes_per_block - 1) // lanes_per_block
    cdef char[::1] instructions = np.ascontiguousarray(code, INSTRUCTION).view(np.int8)
    cdef int[::1] slots = np.array([slot for slot, _array in [*inputs, *outputs]], np.int32)
    cdef Py_ssize_t[:, ::1] streams = np.array([(a.ctypes.data, *a.strides) for a in arrays], np.intp)
    cdef int[::1] summed = np.array([*sum_slots, 0], np.int32)
    cdef double[:, ::1] partial = np.empty((n_blocks, len(sum_slots) + 1))
    cdef double[::1] total = np.empty(len(sum_slots) + 1)
    cdef int[::1] failures = np.empty(n_lanes, np.int32) if failed is None else failed
    cdef lanes_t run
    run.code = <const instr_t*>&instructions[0]
    run.n_code = <int>len(code)
    run.n_slots = n_slots
    run.n_lanes_per_block = lanes_per_block
    run.single = arrays[0].dtype == np.float32
    run.pool = &pool[0]
    run.n_inputs = <int>len(inputs)
    run.inputs = <const stream_t*>&streams[0, 0]
    run.input_slots = &slots[0]
    run.n_outputs = <int>len(outputs)
    run.outputs = run.inputs + run.n_inputs
    run.output_slots = run.input_slots + run.n_inputs
    run.n_sums = <int>len(sum_slots)
    run.sum_slots = &summed[0]
    run.partial_sums = &partial[0, 0]
    run.failed = NULL if failed is None else &failures[0]
    cdef Workspace workspace = Workspace()
    workspace.provide(workspace_size(&run))
    cdef Py_ssize_t _k
    with nogil:
        for _k in range(repeat):
            m.run_blocks(&run, 0, n_blocks, n_lanes, workspace.data)
    m.combine_sums(run.partial_sums, n_blocks, run.n_sums, &total[0])
    return np.asarray(total)[: run.n_sums]
