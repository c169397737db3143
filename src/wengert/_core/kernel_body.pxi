# What does one SIMD build of the kernels offer to the rest of the package?
#
# `table` is a capsule with the address of `eager`, the kernel of each op by its code; `vm`, `groups` and `structured`
# are those of the virtual machine, the runner of groups and the kernels of structured ops. `evaluate` runs an eager
# kernel over arrays, for tests and measurements.

include "kernels.pxi"

from cpython.pycapsule cimport PyCapsule_New

from wengert._core.codes cimport N_CODES

import numpy as np

from wengert import ops

cdef extern from "runner.h":
    ctypedef struct vm_t:
        pass
    const vm_t VM

cdef extern from "group_runner.h":
    ctypedef struct groups_t:
        pass
    const groups_t GROUPS

cdef extern from "structured_kernels.h":
    ctypedef struct structured_t:
        pass
    const structured_t STRUCTURED

cdef eager_t[N_CODES] eager

fill_table(eager)
table = PyCapsule_New(<void*>eager, "wengert.eager", NULL)
vm = PyCapsule_New(<void*>&VM, "wengert.vm", NULL)
groups = PyCapsule_New(<void*>&GROUPS, "wengert.groups", NULL)
structured = PyCapsule_New(<void*>&STRUCTURED, "wengert.structured", NULL)


def evaluate(str name, *arguments):
    """Values and slopes of an op.

    Parameters
    ----------
    name : str
        Name of the op.
    *arguments : array_like of float
        One per argument, broadcast against each other; None for an argument that the op does not have.

    Returns
    -------
    tuple of ndarray
        The value, then the slope in each argument, all of the common shape.
    """
    row = ops.OPS[name]
    arrays = np.broadcast_arrays(*[np.asarray(a, np.float64) for a in arguments if a is not None])
    shape = arrays[0].shape
    if len(arrays) != row.arity:
        raise TypeError(f"{name} takes {row.arity} arguments, got {len(arrays)}")
    cdef const double[:, ::1] inputs = np.ascontiguousarray([a.ravel() for a in arrays])
    results = np.empty((row.arity + 1, inputs.shape[1]))
    cdef double[:, ::1] outputs = results
    cdef eager_t kernel = eager[<int>row.code]
    cdef double[3] x
    cdef double[4] out
    cdef Py_ssize_t lane, k, arity = row.arity
    for lane in range(inputs.shape[1]):
        for k in range(arity):
            x[k] = inputs[k, lane]
        kernel(x, out)
        for k in range(arity + 1):
            outputs[k, lane] = out[k]
    return tuple(result.reshape(shape) for result in results)
