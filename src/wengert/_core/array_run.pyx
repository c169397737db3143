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
from wengert._core.vm cimport Workspace, instr_t, vm
from wengert._core import builds
from wengert._core.vm import INSTRUCTION
from wengert._core.blas_choice import load
from wengert.errors import ShapeError
from wengert.structured import ROWS

cnp.import_array()

cdef enum:
    NUMBERS = 0
    GROUP = 1
    COPY = 2
    PYTHON = 3
    PRODUCT = 4
    KERNEL = 5
    LOOP = 6

cdef const groups_t* groups = <const groups_t*>PyCapsule_GetPointer(builds.kernels.groups, "wengert.groups")

cdef multiply_t multiply = NULL  # once a program has a product
cdef dict STEP_KINDS = {"numbers": NUMBERS, "group": GROUP, "copy": COPY, "python": PYTHON,
                        "product": PRODUCT, "kernel": KERNEL, "loop": LOOP}


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


cdef bint is_plain(const group_t* group) noexcept:
    """Is every array a slot by itself, without folds, in one chunk of at least 8 elements?"""
    cdef Py_ssize_t item = 4 if group.single else 8, count = group.n_rows * group.n_inner
    cdef const strided_t* a
    cdef int k
    if count < 8 or count > group.rows * group.chunk:
        return False
    for k in range(group.n_read + group.n_written):
        a = &group.arrays[k]
        if a.mode != FLAT or a.strides[group.n_outer] != item or a.shared or a.fold:
            return False
    return True


cdef int breathe_in_group(void* context) noexcept nogil:
    return breathe(<ArrayWorkspace>context)


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
    a.still, a.shared = parts.get("still", False), parts.get("shared", False)
    a.rows_in_one = parts.get("rows_in_one", 1)
    lengths, strides = parts.get("nest", ((), ()))
    a.n_nest = len(lengths)
    for k in range(a.n_nest):
        a.nest_shape[k], a.nest_strides[k] = lengths[k], strides[k]
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
                              for step in parts["steps"]]) or any([(<Runner>one["program"]).uses_blas
                                                                   for one in parts["loops"]])
        self.take_products(parts["products"])
        self.take_loops(parts["loops"])
        self.take_steps(parts["steps"])
        cdef Py_ssize_t k
        for k, (size, kind) in enumerate([*parts["inputs"], *parts["outputs"]]):
            self.sizes[k], self.types[k] = size, ord(kind)

    def __dealloc__(self):
        PyMem_Free(self.steps)
        PyMem_Free(self.arrays)
        PyMem_Free(self.plain)
        PyMem_Free(self.loops)
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

    def take_loops(self, list loops):
        cdef loop_t* loop
        cdef const Py_ssize_t[:, ::1] table
        self.loops = <loop_t*>PyMem_Calloc(len(loops) + 1, sizeof(loop_t))
        if self.loops == NULL:
            raise MemoryError(f"no memory for {len(loops)} loops")
        self.bodies = [one["program"] for one in loops]
        self.tables = [tuple([np.concatenate([np.asarray(one[name], np.intp).reshape(-1, width),
                                              np.zeros((1, width), np.intp)])
                              for name, width in (("inputs", 8), ("outputs", 3), ("sums", 3))]) for one in loops]
        self.scratch_bytes = 0
        for k, one in enumerate(loops):
            loop = &self.loops[<int>k]
            loop.n_steps, loop.breath = one["n_steps"], one["breath"]
            loop.n_inputs, loop.n_outputs, loop.n_sums = len(one["inputs"]), len(one["outputs"]), len(one["sums"])
            table = self.tables[k][0]
            loop.inputs = &table[0, 0]
            table = self.tables[k][1]
            loop.outputs = &table[0, 0]
            table = self.tables[k][2]
            loop.sums = &table[0, 0]
            self.scratch_bytes = max(self.scratch_bytes, 8 * (5 * loop.n_inputs + 3 * loop.n_outputs + 3 * loop.n_sums
                                                              + sum([size for _, _, size in one["sums"]])))

    def take_steps(self, list steps):
        cdef int k, n_arrays = 0, n_links = 0
        cdef step_t* step
        cdef strided_t* a
        cdef group_t* group
        cdef Py_ssize_t item = 4 if self.single else 8, at
        cdef const unsigned char[::1] code = self.code_array.view(np.uint8) if len(self.code_array) else None
        self.n_run = len(steps)
        self.steps = <step_t*>PyMem_Calloc(len(steps) + 1, sizeof(step_t))
        self.arrays = <strided_t*>PyMem_Calloc(sum([len(s["arrays"]) for s in steps]) + 1, sizeof(strided_t))
        self.plain = <plain_t*>PyMem_Calloc(sum([len(s["arrays"]) for s in steps]) + 1, sizeof(plain_t))
        self.links = <link_t*>PyMem_Calloc(sum([len(s["links"]) for s in steps]) + 1, sizeof(link_t))
        self.types = <char*>PyMem_Calloc(self.n_inputs + self.n_outputs + 1, 1)
        self.sizes = <Py_ssize_t*>PyMem_Calloc(self.n_inputs + self.n_outputs + 1, sizeof(Py_ssize_t))
        if (self.steps == NULL or self.arrays == NULL or self.plain == NULL or self.links == NULL or self.types == NULL
                or self.sizes == NULL):
            raise MemoryError(f"no memory for {len(steps)} steps")
        self.chunk_bytes, self.work_bytes, self.n_partial = 0, 0, 0
        self.n_operands = 0
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
            step.first_array, step.n_read = n_arrays, description.get("n_read", 0)
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
            group, a = &step.group, &self.arrays[step.first_array]
            group.code, group.n_code, group.arrays, group.single = step.code, step.n_code, a, self.single
            group.n_slots, group.width = description["n_slots"], description["width"]
            group.n_read, group.n_sums, group.n_written = step.n_read, description["n_sums"], description["n_written"]
            group.rows, group.chunk = description["rows"], description["chunk"]
            group.n_outer = a.n_axes - 1
            group.n_inner = a.shape[group.n_outer]
            group.n_rows = 1
            for i in range(group.n_outer):
                group.n_rows *= a.shape[i]
            at = 0
            for i in range(group.n_read + group.n_written):
                if a[i].mode == GATHER:
                    a[i].chunk_offset = at
                    at += line(group.rows * group.chunk * item)
            if is_plain(group):
                group.plain = &self.plain[step.first_array]
                for i in range(group.n_read + group.n_written):
                    self.plain[step.first_array + i] = plain_t(a[i].buffer, a[i].place, a[i].offset)
            self.chunk_bytes = max(self.chunk_bytes, at)
            self.n_partial = max(self.n_partial, ((group.chunk * group.rows + group.width - 1) // group.width + 1)
                                 * group.n_sums)
            self.work_bytes = max(self.work_bytes, <Py_ssize_t>group_bytes(group))
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
        return (self.workspace_bytes() + sum([c.nbytes for c in self.constants])
                + sum([body.n_bytes for body in self.bodies]))

    def workspace_bytes(self):
        return (self.arena_bytes + line(self.chunk_bytes) + line(8 * self.n_pool) + line(8 * self.n_inputs)
                + line(8 * self.n_partial) + line(self.work_bytes) + line(self.scratch_bytes)
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
        w.memory = Workspace()
        w.memory.provide(self.workspace_bytes() + 64)
        w.base = <char**>PyMem_Calloc(self.n_buffers, sizeof(char*))
        if w.base == NULL:
            raise MemoryError(f"no memory for {self.n_buffers} buffers")
        at = <char*>w.memory.data
        w.arena = at
        at += self.arena_bytes
        w.groups.chunk = at
        at += line(self.chunk_bytes)
        w.pool = <double*>at
        at += line(8 * self.n_pool)
        w.cells = <double*>at
        at += line(8 * self.n_inputs)
        w.groups.partial = <double*>at
        at += line(8 * self.n_partial)
        w.groups.work = at
        at += line(self.work_bytes)
        w.scratch = at
        at += line(self.scratch_bytes)
        w.operands = <array_t*>at
        at += line(self.n_operands * sizeof(array_t))
        memcpy(w.operands, self.operands, self.n_operands * sizeof(array_t))
        w.groups.base, w.groups.pool = w.base, w.pool
        w.groups.breathe, w.groups.context = breathe_in_group, <void*>w
        memcpy(w.pool, &self.pool[0], 8 * self.n_pool)
        w.bodies = [(<Runner>body).new_workspace() for body in self.bodies]
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
                status = groups.run_group(&step.group, &w.groups)
            elif step.kind == NUMBERS:
                self.run_numbers(step, w)
            elif step.kind == COPY:
                groups.copy(&self.arrays[step.first_array], &self.arrays[step.first_array + 1], w.base)
            elif step.kind == PRODUCT:
                self.run_product(step, w)
            elif step.kind == KERNEL:
                status = self.run_kernel(step, w)
            elif step.kind == LOOP:
                status = self.run_loop(step, w)
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

    cdef int run_loop(self, const step_t* step, ArrayWorkspace w) noexcept with gil:
        """Run a loop; -1 with `error` set if the run was stopped."""
        cdef const loop_t* loop = &self.loops[step.number]
        cdef const strided_t* arrays = &self.arrays[step.first_array]
        cdef Runner body = self.bodies[step.number]
        cdef ArrayWorkspace space = w.bodies[step.number]
        cdef char* result = w.base[arrays[step.n_read].buffer] + arrays[step.n_read].offset
        cdef const Py_ssize_t* row
        cdef Py_ssize_t* inputs = <Py_ssize_t*>w.scratch
        cdef Py_ssize_t* outputs = inputs + 5 * loop.n_inputs
        cdef Py_ssize_t* sums = outputs + 3 * loop.n_outputs
        cdef double* terms = <double*>(sums + 3 * loop.n_sums)
        cdef double* total
        cdef Py_ssize_t i
        cdef int k, j
        for k in range(loop.n_inputs):
            row = loop.inputs + 8 * k
            for j in range(3):
                inputs[5 * k + j] = <Py_ssize_t>(
                    w.base[arrays[row[2 * j]].buffer] + arrays[row[2 * j]].offset + row[2 * j + 1])
            inputs[5 * k + 3], inputs[5 * k + 4] = row[6], row[7]
        for k in range(loop.n_outputs):
            row = loop.outputs + 3 * k
            outputs[3 * k], outputs[3 * k + 1], outputs[3 * k + 2] = <Py_ssize_t>result + row[0], row[1], row[2]
        for k in range(loop.n_sums):
            row = loop.sums + 3 * k
            sums[3 * k], sums[3 * k + 1], sums[3 * k + 2] = row[0], <Py_ssize_t>result + row[1], row[2]
            outputs[3 * row[0]], outputs[3 * row[0] + 1], outputs[3 * row[0] + 2] = <Py_ssize_t>terms, 0, 0
            terms += row[2]
            total = <double*>sums[3 * k + 1]
            for i in range(row[2]):
                total[i] = 0.0
        space.failed, space.error, space.keep = -1, None, []
        with nogil:
            repeat(body, space, loop.n_steps, inputs, loop.n_inputs, outputs, loop.n_outputs, sums, loop.n_sums,
                   loop.breath)
        error, space.error, space.keep = space.error, None, None
        if isinstance(error, Exception) and not isinstance(error, MemoryError):
            try:
                self.keep_error(w, <int>(step - self.steps), error)
                ndarray_at(w, &arrays[step.n_read], True).fill(np.nan)
            except BaseException as another:
                error = another
            else:
                return 0
        if error is not None:
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


cdef void repeat(Runner program, ArrayWorkspace w, Py_ssize_t n_steps, const Py_ssize_t* inputs, int n_inputs,
                 const Py_ssize_t* outputs, int n_outputs, const Py_ssize_t* sums, int n_sums,
                 Py_ssize_t breath) noexcept nogil:
    cdef char** first_input = w.base + 1
    cdef char** first_output = w.base + program.n_buffers - program.n_outputs
    cdef Py_ssize_t t, i
    cdef int k
    cdef double* total
    cdef const double* term
    for k in range(n_inputs):
        first_input[k] = <char*>inputs[5 * k]
    for k in range(n_outputs):
        first_output[k] = <char*>outputs[3 * k]
    for t in range(n_steps):
        if program.execute(w) or w.error is not None:
            return
        for k in range(n_sums):
            total, term = <double*>sums[3 * k + 1], <const double*>first_output[sums[3 * k]]
            for i in range(sums[3 * k + 2]):
                total[i] += term[i]
        for k in range(n_inputs):
            if t == n_steps - 2:
                first_input[k] = <char*>inputs[5 * k + 2]
            elif t == 0:
                first_input[k] = <char*>inputs[5 * k + 1]
            else:
                first_input[k] += inputs[5 * k + 3 + t % 2]
        for k in range(n_outputs):
            first_output[k] += outputs[3 * k + 1 + t % 2]
        if t % breath == breath - 1 and breathe(w):
            return


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
