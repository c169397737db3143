"""How is a compiled function called without delay?

Most calls look like one of the latest: the same number of floats and contiguous float64 arrays, of the same shapes,
and the same path through the function. These are recognised and run here, also over lanes if they are few. Everything
else goes to `resolve`, in Python.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

import numpy as np

from wengert._core.forms cimport NUMBER, Form
from wengert._core.lanes cimport PieceRun, count_blocks
from wengert._core.program cimport Program, set_pool
from wengert._core.vm cimport Workspace, vm, workspace_size

cnp.import_array()

cdef enum:
    # Longer programs, some 50 us and more, run on a pool of their own and let other threads work.
    SHORT = 30_000
    # Other shapes and other ways through the branches; those before the right one cost a run up to their failed guards.
    REMEMBERED = 4
    FEW = 128  # outputs that fit on the stack
    MUCH_WORK = 3_000_000  # instructions times lanes, some 0.2 ms: above, threads may help, and the delay matters less


cdef class Quick:
    """A recorded call that can be repeated without delay."""

    cdef object run(self, tuple args, object out):
        """What the program returns for these arguments; NotImplemented if they are others than it was recorded for."""
        return NotImplemented


@cython.final
cdef class QuickCall(Quick):
    """A program with the positional arguments that it was recorded for.

    Parameters
    ----------
    program : Program
        One without varying pieces, whose inputs are the numbers of the arguments.
    form : Form
        That of its outputs.
    sources : list of (int, tuple or None)
        Of each argument: its first input, -1 if it has none; and the shape of an array, None for a float.
    """

    def __init__(self, Program program, Form form, list sources):
        cdef int k, j, first
        cdef Py_ssize_t n = 0
        cdef int[::1] place_of = np.full(program.n_inputs + 1, -1, np.int32)
        self.program, self.form = program, form
        self.n_parameters = len(sources)
        self.parameters = <parameter_t*>PyMem_Calloc(self.n_parameters + 1, sizeof(parameter_t))
        if self.parameters == NULL:
            raise MemoryError("no memory for a compiled call")
        for k, (first, shape) in enumerate(sources):
            self.parameters[k].first = first
            self.parameters[k].is_array = shape is not None
            self.parameters[k].n_axes = 0 if shape is None else len(shape)
            self.parameters[k].size = 1
            for j in range(self.parameters[k].n_axes):
                self.parameters[k].dims[j] = shape[j]
                self.parameters[k].size *= shape[j]
            if first < 0:
                self.parameters[k].size = 0
            n += self.parameters[k].size
        self.places = <int*>PyMem_Malloc((n + 1) * sizeof(int))
        if self.places == NULL:
            raise MemoryError("no memory for a compiled call")
        for k in range(program.n_uniform_inputs):
            place_of[program.uniform_inputs[k].number] = program.uniform_inputs[k].place
        n = 0
        for k in range(self.n_parameters):
            for j in range(self.parameters[k].size):
                self.places[n] = place_of[self.parameters[k].first + j]
                n += 1

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
        cdef bint is_long = program.n_code > SHORT
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


@cython.final
cdef class QuickArrays(Quick):
    """A program of arrays with the positional arguments that it was recorded for.

    Parameters
    ----------
    program : ArrayProgram
    form : Form
        That of its outputs.
    shapes : list of tuple or None
        Of each argument: the shape of an array, None for a float.
    dtypes : list of dtype
        Of each argument: what an array must be of, float64 or int64.
    taken : list of int
        Which arguments the program takes.
    """

    def __init__(self, program, Form form, list shapes, list dtypes, list taken):
        self.program, self.form, self.shapes, self.dtypes, self.taken = program, form, shapes, dtypes, taken
        self.leaves = form.leaves()
        self.dtype = np.dtype(np.float32 if program.parts["single"] else np.float64)

    cdef object run(self, tuple args, object out):
        cdef Py_ssize_t k
        if len(args) != len(self.shapes) or out is not None:
            return NotImplemented
        for k in range(len(args)):
            arg, shape = args[k], self.shapes[k]
            if shape is None:
                if type(arg) is not float:
                    return NotImplemented
            elif (type(arg) is not np.ndarray or (<cnp.ndarray>arg).dtype is not self.dtypes[k]
                  or arg.shape != shape):
                return NotImplemented
        outs = [np.empty((<Form>leaf).shape, self.dtype) for leaf in self.leaves]
        if self.program.run([args[k] for k in self.taken], outs) >= 0:
            return NotImplemented
        return self.form.nest([float(array) if (<Form>leaf).kind == NUMBER else array
                               for leaf, array in zip(self.leaves, outs)])


@cython.final
cdef class QuickLanes(Quick):
    """A program over few lanes, with the positional arguments that it was recorded for. It runs in this thread.

    Parameters
    ----------
    program : Program
    form : Form
        That of its outputs.
    sources : list of (str, int, tuple)
        Of each argument: "number", "array" or "lanes", its first input, and its shape, without the lanes in front.
    n_lanes_input : int
        The input that is the number of lanes, or -1.
    axes : list of int or None
        Of each leaf of the outputs: where its lanes are when it is returned; None if it has none.
    """

    def __init__(self, Program program, Form form, list sources, int n_lanes_input, list axes):
        cdef int k, j
        self.program, self.form, self.n_lanes_input, self.axes = program, form, n_lanes_input, axes
        self.leaves = form.leaves()
        self.n_parameters = len(sources)
        self.parameters = <parameter_t*>PyMem_Calloc(self.n_parameters + 1, sizeof(parameter_t))
        if self.parameters == NULL:
            raise MemoryError("no memory for a compiled call")
        for k, (kind, first, shape) in enumerate(sources):
            self.parameters[k].is_array = kind != "number"
            self.parameters[k].has_lanes = kind == "lanes"
            self.parameters[k].first = first
            self.parameters[k].n_axes = len(shape)
            self.parameters[k].size = 1
            for j in range(self.parameters[k].n_axes):
                self.parameters[k].dims[j] = shape[j]
                self.parameters[k].size *= shape[j]
        self.uniform = np.zeros(program.n_inputs + 1)
        self.inputs = np.zeros((program.n_inputs + 1, 2), np.intp)
        self.outputs = np.zeros((program.n_outputs + 1, 2), np.intp)
        self.pieces = [PieceRun(program, k) if program.pieces[k].varying else None for k in range(program.n_pieces)]
        self.pool = np.empty(program.n_pool + 1)
        self.total = np.empty(program.n_pool + 1)
        self.workspace = Workspace()
        for k in range(program.n_pool):
            self.pool[k] = program.pool[k]
        for piece in self.pieces:
            if piece is not None:
                self.workspace.provide(workspace_size(&(<PieceRun>piece).lanes))

    def __dealloc__(self):
        PyMem_Free(self.parameters)

    cdef object run(self, tuple args, object out):
        cdef Py_ssize_t n_lanes
        # Another thread may be in the midst of this, or a finalizer that runs during it.
        if len(args) != self.n_parameters or self.is_running:
            return NotImplemented
        self.is_running = True
        try:
            n_lanes = self.put(args)
            if n_lanes <= 0 or n_lanes * <double>self.program.n_code > MUCH_WORK:
                return NotImplemented
            arrays = self.new_arrays(n_lanes) if out is None else self.arrays_of(out, args, n_lanes)
            if arrays is None or self.run_pieces(n_lanes) >= 0:
                return NotImplemented
            leaves = self.finish(arrays, n_lanes)
            return self.form.nest(leaves) if out is None else out
        finally:
            self.is_running = False

    cdef Py_ssize_t put(self, tuple args) noexcept:
        """Take the arguments in and give the number of lanes; -1 if they are not what this call is for."""
        cdef const parameter_t* parameter
        cdef Py_ssize_t n_lanes = -1, j
        cdef int k, axis, typenum
        cdef object arg
        for k in range(self.n_parameters):
            parameter = &self.parameters[k]
            arg = args[k]
            if not parameter.is_array:
                if not PyFloat_Check(arg):
                    return -1
                self.uniform[parameter.first] = PyFloat_AS_DOUBLE(arg)
                continue
            axis = parameter.has_lanes
            typenum = cnp.NPY_FLOAT if self.program.single and axis else cnp.NPY_DOUBLE
            if (not cnp.PyArray_CheckExact(arg) or not cnp.PyArray_ISCARRAY_RO(arg)
                    or cnp.PyArray_TYPE(arg) != typenum
                    or cnp.PyArray_NDIM(arg) != parameter.n_axes + axis):
                return -1
            for j in range(parameter.n_axes):
                if cnp.PyArray_DIM(arg, <int>j + axis) != parameter.dims[j]:
                    return -1
            if not parameter.has_lanes:
                if parameter.size:
                    memcpy(&self.uniform[parameter.first], cnp.PyArray_DATA(arg), parameter.size * sizeof(double))
                continue
            if n_lanes >= 0 and cnp.PyArray_DIM(arg, 0) != n_lanes:
                return -1
            n_lanes = cnp.PyArray_DIM(arg, 0)
            spread_streams(&self.inputs[parameter.first, 0], cnp.PyArray_DATA(arg), parameter.size,
                           cnp.PyArray_ITEMSIZE(arg))
        if self.n_lanes_input >= 0:
            self.uniform[self.n_lanes_input] = <double>n_lanes
        return n_lanes

    cdef list new_arrays(self, Py_ssize_t n_lanes):
        """Arrays for the outputs, and where each output goes."""
        cdef Form leaf
        cdef cnp.npy_intp[33] dims
        cdef int j, n_axes, typenum = cnp.NPY_FLOAT if self.program.single else cnp.NPY_DOUBLE
        cdef Py_ssize_t position = 0
        cdef list arrays = []
        for leaf, axis in zip(self.leaves, self.axes):
            dims[0] = n_lanes
            n_axes = <int>len(leaf.shape)
            for j in range(n_axes):
                dims[j + 1] = leaf.dims[j]
            if axis is not None:
                array = cnp.PyArray_SimpleNew(n_axes + 1, dims, typenum)
                spread_streams(&self.outputs[position, 0], cnp.PyArray_DATA(array), leaf.size,
                               cnp.PyArray_ITEMSIZE(array))
            else:
                array = cnp.PyArray_SimpleNew(n_axes, &dims[1], typenum)
            arrays.append(array)
            position += leaf.size
        return arrays

    cdef list arrays_of(self, out, tuple args, Py_ssize_t n_lanes):
        """The arrays of `out`, if they can be written while the arguments are read; None if not."""
        cdef Form leaf
        cdef Py_ssize_t position = 0
        cdef int typenum = cnp.NPY_FLOAT if self.program.single else cnp.NPY_DOUBLE
        cdef list arrays = self.form.leaves_of(out)
        cdef list others = list(args)
        for leaf, array, axis in zip(self.leaves, arrays, self.axes):
            if axis != 0 or not cnp.PyArray_CheckExact(array) or not cnp.PyArray_ISCARRAY(array):
                return None
            if cnp.PyArray_TYPE(array) != typenum or array.shape != (n_lanes, *leaf.shape):
                return None
            for other in others:
                if cnp.PyArray_CheckExact(other) and np.may_share_memory(array, other):
                    return None
            others.append(array)
            spread_streams(&self.outputs[position, 0], cnp.PyArray_DATA(array), leaf.size,
                           cnp.PyArray_ITEMSIZE(array))
            position += leaf.size
        return arrays

    cdef int run_pieces(self, Py_ssize_t n_lanes) except -2:
        """Run all pieces; a number of a guard that failed somewhere, or -1."""
        cdef Program program = self.program
        cdef PieceRun piece
        cdef double* pool = &self.pool[0]
        cdef void* workspace = self.workspace.data
        cdef Py_ssize_t n_blocks = count_blocks(program, n_lanes), lane
        cdef int k, guard
        for k in range(program.n_uniform_inputs):
            set_pool(pool, program.uniform_inputs[k].place, self.uniform[program.uniform_inputs[k].number],
                     program.single)
        for k in range(program.n_pieces):
            if not program.pieces[k].varying:
                guard = vm.run_uniform(program.code + program.pieces[k].start,
                                       program.pieces[k].stop - program.pieces[k].start, pool, program.single)
                if guard >= 0:
                    return guard
                continue
            piece = self.pieces[k]
            piece.point(pool, self.inputs, self.outputs, n_lanes)
            with nogil:
                vm.run_blocks(&piece.lanes, 0, n_blocks, n_lanes, workspace)
                piece.add_up(pool, n_blocks, &self.total[0])
            if program.pieces[k].has_guards:
                for lane in range(n_lanes):
                    if piece.failed[lane] >= 0:
                        return piece.failed[lane]
        return -1

    cdef list finish(self, list arrays, Py_ssize_t n_lanes):
        """Fill in the outputs that do not vary, and give the leaves of the result."""
        cdef Program program = self.program
        cdef Form leaf
        cdef Py_ssize_t position = 0, j
        cdef list result = []
        for leaf, array, axis in zip(self.leaves, arrays, self.axes):
            for j in range(leaf.size):
                if program.output_pieces[position + j] < 0:
                    fill_column(cnp.PyArray_DATA(array), 1 if axis is None else n_lanes, leaf.size, j,
                                self.pool[program.output_places[position + j]], program.single)
            position += leaf.size
            if axis is None:
                result.append(float(array) if leaf.is_number else array)
            else:
                result.append(array if axis == 0 else np.moveaxis(array, 0, axis))
        return result


cdef inline void spread_streams(Py_ssize_t* stream, void* data, Py_ssize_t n, Py_ssize_t item) noexcept nogil:
    """Address and stride of n numbers side by side, lane after lane."""
    cdef Py_ssize_t j
    for j in range(n):
        stream[2 * j] = <Py_ssize_t>data + j * item
        stream[2 * j + 1] = n * item


cdef inline void fill_column(void* data, Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t column, double value,
                             bint single) noexcept nogil:
    """Put a number into one column of rows side by side, of float64 or float32."""
    cdef Py_ssize_t row
    for row in range(n_rows):
        if single:
            (<float*>data)[row * n_columns + column] = <float>value
        else:
            (<double*>data)[row * n_columns + column] = value


cdef class Caller:
    """A callable that knows some calls that it answers quickest; `resolve` answers all the others."""

    def __cinit__(self):
        self.quick = ()

    def __call__(self, *args, **kwargs):
        cdef object out = None
        cdef tuple quick = self.quick
        cdef Py_ssize_t k
        if kwargs:
            out = kwargs.pop("out", None)
            if kwargs:
                return self.resolve(args, kwargs, out)
        for k in range(len(quick)):
            result = (<Quick>quick[k]).run(args, out)
            if result is not NotImplemented:
                return result
        return self.resolve(args, kwargs, out)

    def remember(self, Quick call):
        """Answer calls like this one at once from now on."""
        self.quick = (call, *[other for other in self.quick if other is not call])[:REMEMBERED]

    def forget(self):
        """Answer no call at once."""
        self.quick = ()

    def resolve(self, args, kwargs, out):
        """Answer any call."""
        raise NotImplementedError
