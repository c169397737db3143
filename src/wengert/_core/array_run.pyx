"""How does an array program run?

Steps run one after the other, without the GIL: numbers on the pool, groups of elementwise terms through the lane
machine, chunk by chunk, copies, and rows. Only rows without a kernel go back to Python, where NumPy computes them.

A guard that fails does not stop the run, nor does a row that raises: the guard that was recorded first decides, and an
error is only raised if no guard failed, since the recorded function might not have come there.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.string cimport memcpy

import numpy as np

from wengert._core.blas_threads cimport hold, release
from wengert._core.products cimport multiply_t, product_t
from wengert._core.structured_kernels cimport array_t, find_kernel, kernel_error, scratch_size
from wengert._core.structured_kernels import LINEAR
from wengert._core.vm cimport Workspace, instr_t, lanes_t, stream_t, vm, workspace_size
from wengert._core.vm import INSTRUCTION
from wengert._core.blas_choice import load
from wengert.errors import ShapeError
from wengert.structured import ROWS

cnp.import_array()

cdef extern from "array_loops.h" nogil:
    ctypedef struct walk_rows_t:
        pass
    walk_rows_t start_rows(char* base, int n_axes, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t row)
    void gather_double(walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, void* to)
    void gather_float(walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, void* to)
    void scatter_double(walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, const void* source)
    void scatter_float(walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, const void* source)
    void fold_double(int kind, walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, const void* source)
    void fold_float(int kind, walk_rows_t w, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t stride, const void* source)
    void fill_double(void* to, Py_ssize_t n, double number)
    void fill_float(void* to, Py_ssize_t n, double number)
    void convert_rows(walk_rows_t source, Py_ssize_t from_stride, char from_type, walk_rows_t to, Py_ssize_t to_stride,
                      char to_type, Py_ssize_t n_rows, Py_ssize_t n)

cdef enum:
    NUMBERS = 0
    GROUP = 1
    COPY = 2
    PYTHON = 3
    PRODUCT = 4
    KERNEL = 5
    FLAT = 0
    ROW = 1
    GATHER = 2
    FIXED = 3

cdef multiply_t multiply = NULL  # once a program has a product
cdef dict STEP_KINDS = {"numbers": NUMBERS, "group": GROUP, "copy": COPY, "python": PYTHON,
                        "product": PRODUCT, "kernel": KERNEL}
# Lane-instructions until a thread looks for Ctrl-C: about 10 ms.
cdef double BREATH = 5e7


@cython.final
cdef class ArrayWorkspace:
    """The memory of one run."""

    def __dealloc__(self):
        PyMem_Free(self.base)


cdef int breathe(ArrayWorkspace w) noexcept with gil:
    """Look for Ctrl-C; -1 with `error` set if there was one."""
    # On its own, since Cython takes the GIL at the end of any function that takes it somewhere.
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        w.error = error
        return -1
    return 0


cdef Py_ssize_t line(Py_ssize_t n_bytes) noexcept:
    return (n_bytes + 63) // 64 * 64


cdef int take_array(strided_t* a, dict parts) except -1:
    """An array of a step, from its description."""
    cdef int k
    a.buffer, a.offset = parts["place"]
    a.type = ord(parts["type"])
    a.n_axes = len(parts["shape"])
    if a.n_axes > MOST_AXES:
        raise ShapeError(f"arrays of a program have at most {MOST_AXES} axes, got shape {parts['shape']}")
    for k in range(a.n_axes):
        a.shape[k], a.strides[k] = parts["shape"][k], parts["strides"][k]
    a.mode, a.place = parts.get("mode", 0), parts.get("slot", 0)
    a.still = not any([a.strides[k] != 0 for k in range(a.n_axes - 1)])
    a.fold, a.first, a.count = parts.get("fold", 0), parts.get("first", 0.0), parts.get("count", 0)
    return 0


cdef class Runner:
    """The steps of an array program, ready to run.

    Parameters
    ----------
    parts : dict
        As `array_plan` makes them.
    """

    def __init__(self, dict parts):
        self.parts = parts
        self.single = parts["single"]
        self.code_array = np.ascontiguousarray(parts["code"], INSTRUCTION)
        self.constants = parts["constants"]
        self.rows = [(ROWS[name].value if name in ROWS else None, *rest) for name, *rest in parts["rows"]]
        self.free = []
        self.n_inputs, self.n_outputs = len(parts["inputs"]), len(parts["outputs"])
        self.n_buffers = 1 + self.n_inputs + len(self.constants) + self.n_outputs
        self.arena_bytes = line(parts["arena"])
        self.pool = np.array([*parts["pool"], 0.0])
        self.n_pool = <int>len(self.pool)
        self.uses_blas = any([step["kind"] == "product" or (step["kind"] == "kernel" and step["name"] in LINEAR)
                              for step in parts["steps"]])
        self.take_products(parts["products"])
        self.take_steps(parts["steps"])
        cdef Py_ssize_t k
        for k, (size, kind) in enumerate([*parts["inputs"], *parts["outputs"]]):
            self.sizes[k], self.types[k] = size, ord(kind)

    def __dealloc__(self):
        PyMem_Free(self.steps)
        PyMem_Free(self.arrays)
        PyMem_Free(self.links)
        PyMem_Free(self.products)
        PyMem_Free(self.operands)
        PyMem_Free(self.types)
        PyMem_Free(self.sizes)

    def take_products(self, list products):
        global multiply
        cdef product_t* p
        cdef int axis
        if products and multiply is NULL:
            multiply = <multiply_t>PyCapsule_GetPointer(load("products").address, "wengert.multiply")
        self.products = <product_t*>PyMem_Calloc(len(products) + 1, sizeof(product_t))
        if self.products == NULL:
            raise MemoryError(f"no memory for {len(products)} products")
        for k, product in enumerate(products):
            p = &self.products[<int>k]
            p.m, p.n, p.k = product.m, product.n, product.k
            p.a_row, p.a_col = product.a
            p.b_row, p.b_col = product.b
            p.n_axes = len(product.stack)
            for axis in range(p.n_axes):
                p.shape[axis] = product.stack[axis]
                p.a_strides[axis], p.b_strides[axis] = product.a_stack[axis], product.b_stack[axis]

    def take_steps(self, list steps):
        cdef int k, n_arrays = 0, n_links = 0
        cdef step_t* step
        cdef strided_t* a
        cdef lanes_t lanes
        cdef Py_ssize_t item = 4 if self.single else 8, at
        cdef const unsigned char[::1] code = self.code_array.view(np.uint8) if len(self.code_array) else None
        self.n_run = len(steps)
        self.steps = <step_t*>PyMem_Calloc(len(steps) + 1, sizeof(step_t))
        self.arrays = <strided_t*>PyMem_Calloc(sum([len(s["arrays"]) for s in steps]) + 1, sizeof(strided_t))
        self.links = <link_t*>PyMem_Calloc(sum([len(s["links"]) for s in steps]) + 1, sizeof(link_t))
        self.types = <char*>PyMem_Calloc(self.n_inputs + self.n_outputs + 1, 1)
        self.sizes = <Py_ssize_t*>PyMem_Calloc(self.n_inputs + self.n_outputs + 1, sizeof(Py_ssize_t))
        if (self.steps == NULL or self.arrays == NULL or self.links == NULL or self.types == NULL
                or self.sizes == NULL):
            raise MemoryError(f"no memory for {len(steps)} steps")
        self.most_streams, self.most_sums, self.chunk_bytes, self.slot_bytes, self.n_partial = 1, 1, 0, 0, 0
        self.n_operands, self.scratch_bytes = 0, 0
        params = []
        n_operands = sum([len(s["arrays"]) for s in steps if s["kind"] == "kernel"])
        self.operands = <array_t*>PyMem_Calloc(n_operands + 1, sizeof(array_t))
        if self.operands == NULL:
            raise MemoryError(f"no memory for {n_operands} operands")
        for k, description in enumerate(steps):
            step = &self.steps[k]
            step.kind = STEP_KINDS[description["kind"]]
            if step.kind == KERNEL:
                self.take_kernel(step, description, params)
            start, stop = description.get("code", (0, 0))
            step.code = (<const instr_t*>&code[0]) + <int>start if stop > start else NULL
            step.n_code = stop - start
            step.n_slots, step.width = description.get("n_slots", 0), description.get("width", 8)
            step.first_array = n_arrays
            step.n_read, step.n_written = description.get("n_read", 0), description.get("n_written", 0)
            step.n_sums = description.get("n_sums", 0)
            step.first_link, step.n_loads = n_links, description.get("n_loads", 0)
            step.n_stores = len(description["links"]) - step.n_loads
            step.number = description.get("number", -1) if step.kind != KERNEL else step.number
            for pool, buffer, offset in description["links"]:
                self.links[n_links].pool, self.links[n_links].buffer = pool, buffer
                self.links[n_links].offset = offset
                n_links += 1
            for part in description["arrays"]:
                take_array(&self.arrays[n_arrays], part)
                n_arrays += 1
            if step.kind != GROUP:
                continue
            step.rows, step.chunk = description["rows"], description["chunk"]
            a = &self.arrays[step.first_array]
            step.n_outer = a.n_axes - 1
            step.n_inner = a.shape[step.n_outer]
            step.n_rows = 1
            for i in range(step.n_outer):
                step.n_rows *= a.shape[i]
            at = 0
            for i in range(step.n_read + step.n_written):
                a = &self.arrays[step.first_array + i]
                if a.mode == GATHER:
                    a.chunk_offset = at
                    at += line(step.rows * step.chunk * item)
            self.chunk_bytes = max(self.chunk_bytes, at)
            self.most_streams = max(self.most_streams, step.n_read + step.n_written)
            self.most_sums = max(self.most_sums, step.n_sums)
            self.n_partial = max(self.n_partial, ((step.chunk * step.rows + step.width - 1) // step.width + 1)
                                 * step.n_sums)
            lanes.n_slots, lanes.n_lanes_per_block, lanes.single = step.n_slots, step.width, self.single
            lanes.n_inputs, lanes.n_outputs = step.n_read, step.n_written
            self.slot_bytes = max(self.slot_bytes, <Py_ssize_t>workspace_size(&lanes))
        self.params = np.array([*params, 0], np.int64)

    cdef int take_kernel(self, step_t* step, dict description, list params) except -1:
        """The kernel of a step, and its operands."""
        cdef int k
        cdef array_t* operand
        step.kernel = find_kernel(description["name"], self.single)
        step.first_param, step.number = len(params), self.n_operands
        params += description["params"]
        shapes = [part["shape"] for part in description["arrays"]]
        self.scratch_bytes = max(self.scratch_bytes, scratch_size(description["name"], self.single, shapes))
        for part in description["arrays"]:
            operand = &self.operands[self.n_operands]
            operand.ndim = len(part["shape"])
            for k in range(operand.ndim):
                operand.shape[k], operand.strides[k] = part["shape"][k], part["strides"][k]
            self.n_operands += 1
        return 0

    # ---- memory ----

    @property
    def n_steps(self):
        return len(self.parts["steps"])

    @property
    def n_bytes(self):
        """Bytes that a run needs beside its inputs, outputs and what NumPy takes for rows without a kernel."""
        return self.workspace_bytes() + self.slot_bytes + sum([c.nbytes for c in self.constants])

    def workspace_bytes(self):
        streams = self.most_streams * (sizeof(stream_t) + sizeof(int)) + self.most_sums * sizeof(int)
        return (self.arena_bytes + line(self.chunk_bytes) + line(8 * self.n_pool) + line(8 * self.n_inputs)
                + line(8 * (self.n_partial + self.most_sums)) + line(streams) + line(self.scratch_bytes)
                + line(self.n_operands * sizeof(array_t)))

    cdef ArrayWorkspace take_workspace(self):
        """Memory for a run, until `give_back`."""
        cdef ArrayWorkspace w
        try:
            w = self.free.pop()
        except IndexError:  # all of them are in use
            w = self.new_workspace()
        if self.uses_blas:
            hold()
        return w

    cdef int give_back(self, ArrayWorkspace w) except -1:
        """The run is over."""
        if self.uses_blas:
            release()
        w.error, w.keep = None, None
        self.free.append(w)
        return 0

    cdef ArrayWorkspace new_workspace(self):
        cdef ArrayWorkspace w
        cdef char* at
        cdef Py_ssize_t k
        w = ArrayWorkspace()
        w.slots, w.memory = Workspace(), Workspace()
        w.slots.provide(self.slot_bytes + 64)
        w.memory.provide(self.workspace_bytes() + 64)
        w.base = <char**>PyMem_Calloc(self.n_buffers, sizeof(char*))
        if w.base == NULL:
            raise MemoryError(f"no memory for {self.n_buffers} buffers")
        at = <char*>w.memory.data
        w.arena = at
        at += self.arena_bytes
        w.chunk = at
        at += line(self.chunk_bytes)
        w.pool = <double*>at
        at += line(8 * self.n_pool)
        w.cells = <double*>at
        at += line(8 * self.n_inputs)
        w.sums = <double*>at
        at += line(8 * (self.n_partial + self.most_sums))
        w.scratch = at
        at += line(self.scratch_bytes)
        w.operands = <array_t*>at
        at += line(self.n_operands * sizeof(array_t))
        memcpy(w.operands, self.operands, self.n_operands * sizeof(array_t))
        w.streams = at
        memcpy(w.pool, &self.pool[0], 8 * self.n_pool)
        w.base[0] = w.arena
        for k in range(len(self.constants)):
            w.base[1 + self.n_inputs + k] = cnp.PyArray_BYTES(self.constants[k])
        return w

    cdef int point(self, ArrayWorkspace w, inputs, outs) except -1:
        """Say where inputs and outputs are; those that are laid out otherwise are copied."""
        cdef int k, first = 1 + self.n_inputs + <int>len(self.constants)
        cdef cnp.ndarray array
        if len(inputs) != self.n_inputs or len(outs) != self.n_outputs:
            raise TypeError(f"the program takes {self.n_inputs} inputs and {self.n_outputs} outputs, got "
                            f"{len(inputs)} and {len(outs)}")
        for k in range(self.n_inputs):
            x = inputs[k]
            if type(x) is float and self.types[k] != c"q":
                if self.sizes[k] != 1:
                    raise ShapeError(f"input {k} is an array of {self.sizes[k]} elements, got a number")
                if self.types[k] == c"f":
                    (<float*>&w.cells[k])[0] = <float><double>x
                else:
                    w.cells[k] = <double>x
                w.base[1 + k] = <char*>&w.cells[k]
                continue
            if not (type(x) is cnp.ndarray and fits(<cnp.ndarray>x, self.types[k])):
                x = np.require(x, numpy_type(self.types[k]), ("C", "A"))
                w.keep.append(x)
            array = x
            if cnp.PyArray_SIZE(array) != self.sizes[k]:
                raise ShapeError(f"input {k} has {self.sizes[k]} elements, got shape {x.shape}")
            w.base[1 + k] = cnp.PyArray_BYTES(array)
        for k in range(self.n_outputs):
            array = outs[k]
            if cnp.PyArray_SIZE(array) != self.sizes[self.n_inputs + k]:
                raise ShapeError(f"output {k} has {self.sizes[self.n_inputs + k]} elements, got shape {outs[k].shape}")
            if not cnp.PyArray_ISWRITEABLE(array):
                raise ValueError(f"output {k} is read-only")
            if not fits(array, self.types[self.n_inputs + k]) or self.overlaps(w, array, k):
                out = np.empty(array.size, numpy_type(self.types[self.n_inputs + k]))
                w.keep.append((array, out))
                array = out
            w.base[first + k] = cnp.PyArray_BYTES(array)
        return 0

    cdef bint overlaps(self, ArrayWorkspace w, cnp.ndarray out, int n_before) noexcept:
        """Does an output share memory with an input, or with an output before it?"""
        cdef char* start = cnp.PyArray_BYTES(out)
        cdef char* end = start + cnp.PyArray_NBYTES(out)
        cdef char* other
        cdef int k
        for k in range(self.n_inputs + n_before):
            other = w.base[1 + k if k < self.n_inputs else 1 + <int>len(self.constants) + k]
            if other < end and start < other + self.sizes[k] * (4 if self.types[k] == c"f" else 8):
                return True
        return False

    # ---- run ----

    def run(self, inputs, outs):
        """Compute.

        Parameters
        ----------
        inputs : sequence of (ndarray or float)
        outs : sequence of ndarray
            Receive the outputs.

        Returns
        -------
        int
            -1, or the number of the first guard that failed; then the outputs are arbitrary.
        """
        cdef ArrayWorkspace w = self.take_workspace()
        cdef int status
        w.failed, w.error, w.keep = -1, None, []
        try:
            self.point(w, inputs, outs)
            with nogil:
                status = self.execute(w)
            if w.failed < 0 and w.error is not None:
                raise w.error
            if status < 0:
                raise w.error
            if w.failed < 0:
                for item in w.keep:
                    if type(item) is tuple:
                        np.copyto(item[0], item[1].reshape(item[0].shape), casting="unsafe")
            return w.failed
        finally:
            self.give_back(w)

    cdef int execute(self, ArrayWorkspace w) noexcept nogil:
        """All steps; -1 with `error` set if the run was stopped."""
        cdef int k, status = 0
        cdef const step_t* step
        for k in range(self.n_run):
            step = &self.steps[k]
            if step.kind == GROUP:
                status = self.run_group(step, w)
            elif step.kind == NUMBERS:
                self.run_numbers(step, w)
            elif step.kind == COPY:
                self.run_copy(step, w)
            elif step.kind == PRODUCT:
                self.run_product(step, w)
            elif step.kind == KERNEL:
                status = self.run_kernel(step, w)
            else:
                status = self.run_in_python(step, w)
            if status:
                return status
        return 0

    cdef void run_numbers(self, const step_t* step, ArrayWorkspace w) noexcept nogil:
        cdef int _k, failed
        cdef const link_t* link = &self.links[step.first_link]
        cdef char* at
        for _k in range(step.n_loads):
            at = w.base[link.buffer] + link.offset
            w.pool[link.pool] = <double>(<float*>at)[0] if self.single else (<double*>at)[0]
            link += 1
        if step.n_code:
            failed = vm.run_uniform(step.code, step.n_code, w.pool, self.single)
            if failed >= 0 and <unsigned int>failed < <unsigned int>w.failed:
                w.failed = failed
        for _k in range(step.n_stores):
            at = w.base[link.buffer] + link.offset
            if self.single:
                (<float*>at)[0] = <float>w.pool[link.pool]
            else:
                (<double*>at)[0] = w.pool[link.pool]
            link += 1

    cdef int run_group(self, const step_t* step, ArrayWorkspace w) noexcept nogil:
        cdef const strided_t* arrays = &self.arrays[step.first_array]
        cdef const strided_t* a
        cdef const Py_ssize_t* shape = &arrays[0].shape[0]
        cdef int n = step.n_read + step.n_written, k, n_outer = step.n_outer
        cdef stream_t* streams = <stream_t*>w.streams
        cdef int* slots = <int*>(streams + n)
        cdef Py_ssize_t item = sizeof(float) if self.single else sizeof(double)
        cdef Py_ssize_t row, start, n_rows, n_inner, count, n_blocks, stride
        cdef double* totals = w.sums
        cdef double work = 0.0
        cdef lanes_t lanes
        cdef walk_rows_t walk
        cdef char* base
        lanes.code, lanes.n_code, lanes.n_slots, lanes.n_lanes_per_block = (
            step.code, step.n_code, step.n_slots, step.width)
        lanes.single, lanes.pool, lanes.failed = self.single, w.pool, NULL
        lanes.n_sums, lanes.partial_sums = step.n_sums, w.sums + step.n_sums
        # What is read through streams, then what is summed over lanes, then what is written through streams.
        lanes.n_inputs = lanes.n_outputs = 0
        for k in range(step.n_read):
            if arrays[k].mode != FIXED:
                slots[lanes.n_inputs] = arrays[k].place
                lanes.n_inputs += 1
        lanes.inputs, lanes.input_slots = streams, slots
        lanes.n_outputs = step.n_written - step.n_sums
        lanes.outputs, lanes.output_slots = streams + lanes.n_inputs, slots + lanes.n_inputs
        lanes.sum_slots = slots + lanes.n_inputs + lanes.n_outputs
        for k in range(lanes.n_outputs):
            slots[lanes.n_inputs + k] = arrays[step.n_read + step.n_sums + k].place
        for k in range(step.n_sums):
            slots[lanes.n_inputs + lanes.n_outputs + k] = arrays[step.n_read + k].place
        for k in range(step.n_read, n):
            a = &arrays[k]
            if a.fold and self.single:
                fill_float(w.base[a.buffer] + a.offset, a.count, a.first)
            elif a.fold:
                fill_double(w.base[a.buffer] + a.offset, a.count, a.first)
        row = 0
        while row < step.n_rows:
            n_rows = min(step.rows, step.n_rows - row)
            start = 0
            while start < step.n_inner:
                n_inner = min(step.chunk, step.n_inner - start)
                count = n_rows * n_inner
                streams = <stream_t*>w.streams
                for k in range(n):
                    a = &arrays[k]
                    base = w.base[a.buffer] + a.offset
                    stride = a.strides[n_outer]
                    if step.n_read <= k < step.n_read + step.n_sums:
                        continue
                    if a.mode == FLAT:
                        streams.base, streams.stride = base + (row * step.n_inner + start) * stride, stride
                        streams += 1
                        continue
                    if a.mode == GATHER:
                        streams.base, streams.stride = w.chunk + a.chunk_offset, item
                        streams += 1
                        if k < step.n_read and (row == 0 or not a.still):
                            walk = start_rows(base + start * stride, n_outer, shape, a.strides, row)
                            if self.single:
                                gather_float(walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                            else:
                                gather_double(walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                        continue
                    base = row_at(base, n_outer, shape, a.strides, row)
                    if a.mode == ROW:
                        streams.base, streams.stride = base + start * stride, stride
                        streams += 1
                    else:
                        w.pool[a.place] = <double>(<float*>base)[0] if self.single else (<double*>base)[0]
                n_blocks = (count + step.width - 1) // step.width
                vm.run_blocks(&lanes, 0, n_blocks, count, w.slots.data)
                if step.n_sums:
                    vm.combine_sums(lanes.partial_sums, n_blocks, step.n_sums, totals)
                for k in range(step.n_read, n):
                    a = &arrays[k]
                    if a.mode != GATHER and k >= step.n_read + step.n_sums:
                        continue
                    base = w.base[a.buffer] + a.offset
                    stride = a.strides[n_outer]
                    if k < step.n_read + step.n_sums:
                        base = row_at(base, n_outer, shape, a.strides, row)
                        if self.single:
                            (<float*>base)[0] += <float>totals[k - step.n_read]
                        else:
                            (<double*>base)[0] += totals[k - step.n_read]
                        continue
                    walk = start_rows(base + start * stride, n_outer, shape, a.strides, row)
                    if a.fold and self.single:
                        fold_float(a.fold, walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                    elif a.fold:
                        fold_double(a.fold, walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                    elif self.single:
                        scatter_float(walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                    else:
                        scatter_double(walk, n_rows, n_inner, stride, w.chunk + a.chunk_offset)
                work += <double>count * (step.n_code + 1)
                if work > BREATH:
                    work = 0.0
                    if breathe(w):
                        return -1
                start += step.chunk
            row += step.rows
        return 0

    cdef void run_copy(self, const step_t* step, ArrayWorkspace w) noexcept nogil:
        """From the first array of a step to the second."""
        cdef const strided_t* x = &self.arrays[step.first_array]
        cdef const strided_t* y = x + 1
        cdef int n_outer = max(0, y.n_axes - 1), k
        cdef Py_ssize_t n_rows = 1, n_inner = y.shape[n_outer] if y.n_axes else 1
        cdef Py_ssize_t x_stride = x.strides[n_outer] if y.n_axes else 0
        cdef Py_ssize_t y_stride = y.strides[n_outer] if y.n_axes else 0
        for k in range(n_outer):
            n_rows *= y.shape[k]
        if n_rows == 0 or n_inner == 0:
            return
        convert_rows(start_rows(w.base[x.buffer] + x.offset, n_outer, x.shape, x.strides, 0), x_stride, x.type,
                     start_rows(w.base[y.buffer] + y.offset, n_outer, y.shape, y.strides, 0), y_stride, y.type,
                     n_rows, n_inner)

    cdef void run_product(self, const step_t* step, ArrayWorkspace w) noexcept nogil:
        cdef const strided_t* a = &self.arrays[step.first_array]
        multiply(&self.products[step.number], w.base[a.buffer] + a.offset, w.base[a[1].buffer] + a[1].offset,
                 w.base[a[2].buffer] + a[2].offset, self.single)

    cdef int run_kernel(self, const step_t* step, ArrayWorkspace w) noexcept nogil:
        cdef const strided_t* a = &self.arrays[step.first_array]
        cdef array_t* operands = w.operands + step.number
        cdef int k, status
        for k in range(step.n_read + 1):
            operands[k].data = w.base[a[k].buffer] + a[k].offset
        status = step.kernel(operands, step.n_read + 1, &self.params[step.first_param], w.scratch)
        if status and w.error is None:
            return self.keep_kernel_error(w, <int>(step - self.steps), status)
        return 0

    cdef int keep_kernel_error(self, ArrayWorkspace w, int k, int status) noexcept with gil:
        try:
            self.keep_error(w, k, kernel_error(status))
        except BaseException as error:
            w.error = error
            return -1
        return 0

    cdef int run_in_python(self, const step_t* step, ArrayWorkspace w) noexcept with gil:
        """Run a step in Python; -1 with `error` set if the run was stopped."""
        try:
            self.run_python(step, w)
            PyErr_CheckSignals()
        except BaseException as error:
            w.error = error
            return -1
        return 0

    cdef int keep_error(self, ArrayWorkspace w, int k, error) except -1:
        """What a row raised, with its place in the user's code."""
        position = self.parts["steps"][k]["position"]
        if w.error is None:
            w.error = error
            if position is not None and isinstance(error, (np.linalg.LinAlgError, IndexError)):
                w.error = type(error)(f"{error}, in {position[2]}, line {position[1]} of {position[0]}")
        return 0

    cdef int run_python(self, const step_t* step, ArrayWorkspace w) except -1:
        """NumPy computes the row."""
        cdef int k
        value, dtypes, params = self.rows[step.number]
        operands = []
        for k in range(step.n_read):
            operand = ndarray_at(w, &self.arrays[step.first_array + k], False)
            operands.append(operand if dtypes[k] is None else operand.astype(dtypes[k]))
        out = ndarray_at(w, &self.arrays[step.first_array + step.n_read], True)
        try:
            with np.errstate(all="ignore"):
                np.copyto(out, value(*operands, **params), casting="unsafe")
        except MemoryError:
            raise
        except Exception as error:
            self.keep_error(w, <int>(step - self.steps), error)
            out.fill(0 if out.dtype.kind == "i" else np.nan)
        return 0

    def __reduce__(self):
        return Runner, (self.parts,)


cdef inline char* row_at(char* base, int n_axes, const Py_ssize_t* shape, const Py_ssize_t* strides,
                         Py_ssize_t row) noexcept nogil:
    cdef int k
    for k in range(n_axes - 1, -1, -1):
        base += row % shape[k] * strides[k]
        row //= shape[k]
    return base


cdef object numpy_type(char kind):
    return np.float64 if kind == c"d" else np.float32 if kind == c"f" else np.int64


cdef inline bint fits(cnp.ndarray array, char kind) noexcept:
    """Can a program read and write this array in place?"""
    cdef int number = cnp.PyArray_TYPE(array)
    return (number == (cnp.NPY_FLOAT64 if kind == c"d" else cnp.NPY_FLOAT32 if kind == c"f" else cnp.NPY_INT64)
            and cnp.PyArray_IS_C_CONTIGUOUS(array) and cnp.PyArray_ISBEHAVED_RO(array))


cdef object ndarray_at(ArrayWorkspace w, const strided_t* a, bint writeable):
    """The array of a step as NumPy's, on the same memory."""
    cdef int number = cnp.NPY_FLOAT64 if a.type == c"d" else cnp.NPY_FLOAT32 if a.type == c"f" else cnp.NPY_INT64
    return cnp.PyArray_New(cnp.ndarray, a.n_axes, <cnp.npy_intp*>a.shape, number, <cnp.npy_intp*>a.strides,
                           w.base[a.buffer] + a.offset, 0,
                           cnp.NPY_ARRAY_ALIGNED | (cnp.NPY_ARRAY_WRITEABLE if writeable else 0), None)
