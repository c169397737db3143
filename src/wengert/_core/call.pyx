"""How is a compiled function called without delay?

Most calls look like the one before: the same number of floats and contiguous float64 arrays, of the same shapes, and the
same path through the function. These are recognised and run here. Everything else goes to `resolve`, in Python.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

import numpy as np

from wengert._core.forms cimport Form
from wengert._core.program cimport Program, set_pool

cnp.import_array()

cdef enum:
    # Longer programs, some 50 us and more, run on a pool of their own and let other threads work.
    SHORT = 30_000
    FEW = 128  # outputs that fit on the stack


@cython.final
cdef class QuickCall:
    """A program with the positional arguments that it was recorded for.

    Parameters
    ----------
    program : Program
        One without varying pieces, whose inputs are the numbers of the arguments in order.
    form : Form
        That of its outputs.
    shapes : list of tuple or None
        Of each argument: the shape of an array, None for a float.
    """

    def __init__(self, Program program, Form form, list shapes):
        cdef int k, j, n = 0
        self.program, self.form = program, form
        self.n_parameters = len(shapes)
        self.parameters = <parameter_t*>PyMem_Calloc(self.n_parameters + 1, sizeof(parameter_t))
        self.places = <int*>PyMem_Malloc((program.n_inputs + 1) * sizeof(int))
        if self.parameters == NULL or self.places == NULL:
            raise MemoryError("no memory for a compiled call")
        for k, shape in enumerate(shapes):
            self.parameters[k].is_array = shape is not None
            self.parameters[k].n_axes = 0 if shape is None else len(shape)
            self.parameters[k].size = 1
            for j in range(self.parameters[k].n_axes):
                self.parameters[k].dims[j] = shape[j]
                self.parameters[k].size *= shape[j]
        for k in range(program.n_inputs):
            self.places[k] = -1
        for k in range(program.n_uniform_inputs):
            self.places[program.uniform_inputs[k].number] = program.uniform_inputs[k].place

    def __dealloc__(self):
        PyMem_Free(self.parameters)
        PyMem_Free(self.places)

    cdef object run(self, tuple args, object out):
        cdef Program program = self.program
        cdef double* pool = program.pool
        cdef double* own = NULL
        cdef double[FEW] few
        cdef double* numbers = few
        cdef Py_ssize_t position = 0
        cdef int k, failed
        if len(args) != self.n_parameters:
            return NotImplemented
        cdef bint is_long = program.n_instructions_ > SHORT
        if is_long or program.n_outputs > FEW:
            own = <double*>PyMem_Malloc((program.n_outputs + program.n_pool) * sizeof(double))
            if own == NULL:
                raise MemoryError(f"no memory for {program.n_outputs + program.n_pool} numbers")
            numbers = own
            if is_long:
                pool = own + program.n_outputs
                memcpy(pool, program.pool, program.n_pool * sizeof(double))
        try:
            # No Python code runs from here until the outputs are in `numbers`, or it could call this program again.
            if not self.put(args, pool):
                return NotImplemented
            if is_long:
                with nogil:
                    failed = program.run_once(pool)
            else:
                failed = program.run_once(pool)
            if failed >= 0:
                return NotImplemented
            for k in range(program.n_outputs):
                numbers[k] = pool[program.output_places[k]]
            if out is None:
                return self.form.build(numbers, &position, program.single)
            # All of `out` or nothing: a part of it may be an argument, which the slow way would read again.
            if program.single or not self.form.is_fillable(out):
                return NotImplemented
            self.form.fill(out, numbers, &position)
            return out
        finally:
            PyMem_Free(own)

    cdef bint put(self, tuple args, double* pool) noexcept:
        """Write the arguments into the pool; False if they are not what this call is for."""
        cdef const parameter_t* parameter
        cdef const double* data
        cdef const int* place = self.places
        cdef bint single = self.program.single
        cdef Py_ssize_t j
        cdef int k
        cdef object arg
        for k in range(self.n_parameters):
            parameter = &self.parameters[k]
            arg = args[k]
            if not parameter.is_array:
                if not PyFloat_Check(arg):
                    return False
                if place[0] >= 0:
                    set_pool(pool, place[0], PyFloat_AS_DOUBLE(arg), single)
                place += 1
                continue
            if (not cnp.PyArray_CheckExact(arg) or cnp.PyArray_TYPE(arg) != cnp.NPY_DOUBLE
                    or not cnp.PyArray_ISCARRAY_RO(arg) or cnp.PyArray_NDIM(arg) != parameter.n_axes):
                return False
            for j in range(parameter.n_axes):
                if cnp.PyArray_DIM(arg, <int>j) != parameter.dims[j]:
                    return False
            data = <const double*>cnp.PyArray_DATA(arg)
            for j in range(parameter.size):
                if place[j] >= 0:
                    set_pool(pool, place[j], data[j], single)
            place += parameter.size
        return True


cdef class Caller:
    """A callable that knows the call it answers quickest; `resolve` answers all the others."""

    def __call__(self, *args, **kwargs):
        cdef object out = None
        cdef QuickCall quick = self.quick
        if kwargs:
            out = kwargs.pop("out", None)
            if kwargs:
                return self.resolve(args, kwargs, out)
        if quick is not None:
            result = quick.run(args, out)
            if result is not NotImplemented:
                return result
        return self.resolve(args, kwargs, out)

    def remember(self, QuickCall call):
        """Answer calls like this one at once from now on."""
        self.quick = call

    def resolve(self, args, kwargs, out):
        """Answer any call."""
        raise NotImplementedError
