"""What is the value of an elementwise op on arrays?

The kernels of the virtual machine run over the arrays themselves, so a value has the bits that a program gives it. They
want contiguous memory of one type in eights, which decides the rest: axes are put in the order of memory and merged
where they can be; what is still not contiguous (another type, strides, broadcasting) is gathered to a block in L1.
"""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE
from libc.string cimport memcpy

from wengert._core.codes cimport LOGICAL_NOT, LT, N_CODES, WHERE
from wengert._core.number cimport demand_number
from wengert._core.vm cimport block_t, vm

import numpy as np

from wengert import ops
from wengert.errors import ShapeError, TracingError

cnp.import_array()

cdef enum:
    MAX_AXES = 64  # NumPy's limit
    BLOCK = 512  # three operands and the result stay in L1, beside the memory that is read
    # From here on, setting out for each row costs less than gathering rows to blocks.
    LONG_ROW = 128
    # From here on, a kernel takes longer than giving the GIL away and getting it back.
    WITHOUT_GIL = 8192

cdef unsigned char[N_CODES] ARITY
for _row in ops.OPS.values():
    ARITY[<int>_row.code] = _row.arity


cdef struct operand_t:
    const char* data
    int type  # NPY_DOUBLE, NPY_FLOAT or NPY_BOOL
    bint fixed  # the same for all elements: `number`
    bint dense  # contiguous in the order of the axes, and of the type that kernels work on
    double number
    Py_ssize_t[MAX_AXES] strides  # bytes; 0 where it is broadcast


cdef struct walk_t:
    const block_t* kernels  # by kind
    int n_operands
    operand_t[3] operands
    int n_axes  # at least one
    Py_ssize_t[MAX_AXES] shape  # nowhere 0
    char* out  # contiguous in the order of the axes
    Py_ssize_t element  # bytes of what kernels work on: 8 or 4
    bint logical  # out is of bools


# ---- running: all of it without Python ----

ctypedef fused source_t:
    double
    float
    char

ctypedef fused number_t:
    double
    float


cdef inline void copy_row(const source_t* source, Py_ssize_t stride, number_t* to, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    if stride == <Py_ssize_t>sizeof(source_t):
        for k in range(n):
            to[k] = <number_t>source[k]
    elif stride == 0:
        for k in range(n):
            to[k] = <number_t>source[0]
    else:
        for k in range(n):
            to[k] = <number_t>(<const source_t*>(<const char*>source + k * stride))[0]


cdef void gather_row(int type, const char* source, Py_ssize_t stride, char* to, Py_ssize_t element,
                     Py_ssize_t n) noexcept nogil:
    """n elements of a row, converted."""
    if type == cnp.NPY_DOUBLE and element == 8:
        copy_row(<const double*>source, stride, <double*>to, n)
    elif type == cnp.NPY_DOUBLE:
        copy_row(<const double*>source, stride, <float*>to, n)
    elif type == cnp.NPY_FLOAT and element == 8:
        copy_row(<const float*>source, stride, <double*>to, n)
    elif type == cnp.NPY_FLOAT:
        copy_row(<const float*>source, stride, <float*>to, n)
    elif element == 8:
        copy_row(source, stride, <double*>to, n)
    else:
        copy_row(source, stride, <float*>to, n)


cdef const char* locate(const walk_t* w, const operand_t* x, Py_ssize_t number, Py_ssize_t* index) noexcept nogil:
    """Where the element of this number in the order of the axes is, and its index."""
    cdef const char* at = x.data
    cdef int axis
    for axis in range(w.n_axes - 1, -1, -1):
        index[axis] = number % w.shape[axis]
        number = number // w.shape[axis]
        at += index[axis] * x.strides[axis]
    return at


cdef void gather(const walk_t* w, const operand_t* x, Py_ssize_t first, Py_ssize_t n, char* to) noexcept nogil:
    """n elements from number `first` on, in the order of the axes."""
    cdef Py_ssize_t[MAX_AXES] index
    cdef const char* source = locate(w, x, first, index)
    cdef int last = w.n_axes - 1, axis
    cdef Py_ssize_t stride = x.strides[last], size = w.shape[last] - index[last]
    while True:
        size = min(size, n)
        gather_row(x.type, source, stride, to, w.element, size)
        to += size * w.element
        n -= size
        if n == 0:
            return
        # To the start of the next row, as an odometer turns.
        axis = last
        source += (size - w.shape[last]) * stride
        size = w.shape[last]
        while True:
            axis -= 1
            index[axis] += 1
            source += x.strides[axis]
            if index[axis] < w.shape[axis]:
                break
            source -= index[axis] * x.strides[axis]
            index[axis] = 0


cdef void run_kernel(const walk_t* w, int kind, const char** at, char* out, Py_ssize_t n) noexcept nogil:
    """One kernel over n contiguous elements. The kernel takes eights: the last elements pass through padded ones."""
    cdef double[4][8] padded
    cdef const char* operands[3]
    cdef Py_ssize_t eights = n // 8, rest = n - 8 * eights, k
    cdef Py_ssize_t done = 8 * eights * w.element
    cdef int j
    if eights:
        w.kernels[kind](at[0], at[1], at[2], out, eights)
    if rest:
        for j in range(3):
            operands[j] = at[j]
            if j >= w.n_operands or kind >> j & 1:
                continue
            operands[j] = <const char*>padded[j]
            memcpy(<char*>padded[j], at[j] + done, rest * w.element)
            for k in range(rest, 8):  # a copy is as frequent or rare a number as the last one
                memcpy(<char*>padded[j] + k * w.element, at[j] + done + (rest - 1) * w.element, w.element)
        w.kernels[kind](operands[0], operands[1], operands[2], padded[3], 1)
        memcpy(out + done, padded[3], rest * w.element)


cdef enum way_t:
    AS_IT_IS
    GATHER_ROW
    GATHER_WALK


cdef void run_span(const walk_t* w, Py_ssize_t first, Py_ssize_t n, bint one_row) noexcept nogil:
    """n elements from number `first` on."""
    cdef double[4][BLOCK] blocks
    cdef double[3] numbers
    cdef way_t[3] ways
    cdef int[3] types
    cdef Py_ssize_t[3] strides
    cdef const char* starts[3]
    cdef const char* at[3]
    cdef Py_ssize_t done = 0, size, element = w.element, out_element = 1 if w.logical else w.element
    cdef int j, kind = 0, last = w.n_axes - 1, native = cnp.NPY_DOUBLE if w.element == 8 else cnp.NPY_FLOAT
    cdef Py_ssize_t[MAX_AXES] index
    cdef const operand_t* x
    cdef char* out = w.out + first * out_element
    for j in range(w.n_operands):
        x = &w.operands[j]
        types[j] = x.type
        strides[j] = x.strides[last]
        numbers[j] = x.number
        at[j] = <const char*>&numbers[j]
        if x.fixed:
            kind |= 1 << j
        elif x.dense:
            ways[j] = AS_IT_IS
            starts[j] = x.data + first * element
        elif not one_row:
            ways[j] = GATHER_WALK
        else:
            starts[j] = locate(w, x, first, index)
            ways[j] = AS_IT_IS if strides[j] == element and types[j] == native else GATHER_ROW
            if strides[j] == 0:
                gather_row(types[j], starts[j], 0, <char*>&numbers[j], 8, 1)
                kind |= 1 << j
    for j in range(w.n_operands, 3):
        at[j] = NULL
    if kind == (1 << w.n_operands) - 1:
        # There is no kernel without an operand that varies: the first one does, and is always the same number.
        kind ^= 1
        ways[0], types[0], strides[0], starts[0] = GATHER_ROW, cnp.NPY_DOUBLE, 0, at[0]
    while done < n:
        size = min(n - done, BLOCK)
        for j in range(w.n_operands):
            if kind >> j & 1:
                continue
            if ways[j] == AS_IT_IS:
                at[j] = starts[j] + done * element
            else:
                at[j] = <const char*>blocks[j]
                if ways[j] == GATHER_ROW:
                    gather_row(types[j], starts[j] + done * strides[j], strides[j], <char*>blocks[j], element, size)
                else:
                    gather(w, &w.operands[j], first + done, size, <char*>blocks[j])
        if w.logical:
            run_kernel(w, kind, at, <char*>blocks[3], size)
            vm.store_bools(blocks[3], element == 4, out, size)
        else:
            run_kernel(w, kind, at, out, size)
        out += size * out_element
        done += size


cdef void run(const walk_t* w, Py_ssize_t size) noexcept nogil:
    """All elements: row by row if rows are long."""
    cdef Py_ssize_t row = w.shape[w.n_axes - 1], first = 0
    if w.n_axes > 1 and row < LONG_ROW:
        run_span(w, 0, size, False)
        return
    while first < size:
        run_span(w, first, row, True)
        first += row


# ---- reading the arguments ----

cdef int refuse_shapes(list arguments) except -1:
    shapes = " and ".join(str(np.shape(x)) for x in arguments if type(x) is not float)
    raise ShapeError(f"arrays of shapes {shapes} cannot be broadcast to one shape")


cdef object read(object x):
    """The argument as a float, which is weak as in NumPy, or as an array of real numbers."""
    if type(x) is float:
        return x
    if not isinstance(x, cnp.ndarray):
        if not isinstance(x, np.generic):
            return demand_number(x)
        x = np.asarray(x)
    cdef int type_number = cnp.PyArray_TYPE(x)
    if type_number > cnp.NPY_DOUBLE and type_number != cnp.NPY_FLOAT16:
        raise TracingError(f"elementwise ops take real numbers of at most 64 bits, not an array of dtype {x.dtype}")
    return x


cdef bint find_single(list arguments, int first) except -1:
    """Is the result of float32? So it is if an array is, and no array is of a wider type."""
    cdef bint single = False
    cdef int j, type_number
    for j in range(first, len(arguments)):
        if type(arguments[j]) is not float:
            type_number = cnp.PyArray_TYPE(arguments[j])
            if is_wide(type_number):
                return False
            single = single or type_number == cnp.NPY_FLOAT
    return single


cdef object convert(object x, bint single, bint condition):
    """An array that can be gathered from."""
    cdef int type_number = cnp.PyArray_TYPE(x)
    if condition and type_number != cnp.NPY_BOOL:
        return x != 0  # a small double may be no float, but is true
    if type_number in (cnp.NPY_BOOL, cnp.NPY_FLOAT, cnp.NPY_DOUBLE) and cnp.PyArray_ISBEHAVED_RO(x):
        return x
    return np.array(x, bool if type_number == cnp.NPY_BOOL else np.float32 if single else np.float64)


cdef int broadcast(list arguments, Py_ssize_t* shape) except -1:
    """The common shape, and its number of axes."""
    cdef int n_axes = 0, j, axis, ndim
    cdef cnp.npy_intp* dims
    for x in arguments:
        if type(x) is not float:
            n_axes = max(n_axes, cnp.PyArray_NDIM(x))
    for axis in range(n_axes):
        shape[axis] = 1
    for x in arguments:
        if type(x) is float:
            continue
        ndim, dims = cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x)
        for j in range(ndim):
            axis = n_axes - ndim + j
            if shape[axis] == 1:
                shape[axis] = dims[j]
            elif dims[j] != 1 and dims[j] != shape[axis]:
                refuse_shapes(arguments)
    return n_axes


# ---- the order of the axes ----

cdef bint is_outside(const walk_t* w, int axis, int other) noexcept:
    """Does `axis` take smaller steps through memory than `other`, which now stands inside of it?"""
    cdef bint smaller = False
    cdef Py_ssize_t a, b
    cdef int j
    for j in range(w.n_operands):
        a, b = abs(w.operands[j].strides[axis]), abs(w.operands[j].strides[other])
        if w.operands[j].fixed or a == 0 or b == 0:
            continue
        if a >= b:
            return False
        smaller = True
    return smaller


cdef bint sort_axes(const walk_t* w, int n_axes, int* order) noexcept:
    """The axes in the order of memory, the largest steps first. Is that another order than they have?"""
    cdef int k, at, axis
    cdef bint moved = False
    for k in range(n_axes):
        axis, at = k, k
        while at > 0 and is_outside(w, order[at - 1], axis):
            order[at] = order[at - 1]
            at -= 1
            moved = True
        order[at] = axis
    return moved


cdef void merge_axes(walk_t* w, const Py_ssize_t* shape, int n_axes, const int* order) noexcept:
    """Put axes in order, leave out those of size 1, and make one of those that are contiguous in all operands."""
    cdef Py_ssize_t[3][MAX_AXES] strides
    cdef Py_ssize_t step
    cdef int j, k, axis, n = 0, native = cnp.NPY_DOUBLE if w.element == 8 else cnp.NPY_FLOAT
    cdef bint merges
    for j in range(w.n_operands):
        for k in range(n_axes):
            strides[j][k] = w.operands[j].strides[order[k]]
    for k in range(n_axes):
        if shape[order[k]] == 1:
            continue
        merges = n > 0
        for j in range(w.n_operands):
            merges = merges and w.operands[j].strides[n - 1] == strides[j][k] * shape[order[k]]
        if merges:
            n -= 1
            w.shape[n] *= shape[order[k]]
        else:
            w.shape[n] = shape[order[k]]
        for j in range(w.n_operands):
            w.operands[j].strides[n] = strides[j][k]
        n += 1
    if n == 0:
        w.shape[0] = 1
        n = 1
    w.n_axes = n
    for j in range(w.n_operands):
        step = w.element
        w.operands[j].dense = w.operands[j].type == native
        for axis in range(n - 1, -1, -1):
            w.operands[j].dense = w.operands[j].dense and w.operands[j].strides[axis] == step
            step *= w.shape[axis]


cdef object allocate(walk_t* w, Py_ssize_t* shape, int n_axes, const int* order, bint moved):
    """The result, contiguous in this order of the axes."""
    cdef int type_number = cnp.NPY_BOOL if w.logical else cnp.NPY_DOUBLE if w.element == 8 else cnp.NPY_FLOAT
    cdef Py_ssize_t[MAX_AXES] strides
    cdef Py_ssize_t step = 1 if w.logical else w.element
    cdef int k
    if not moved:
        return cnp.PyArray_EMPTY(n_axes, <cnp.npy_intp*>shape, type_number, 0)
    for k in range(n_axes - 1, -1, -1):
        strides[order[k]] = step
        step *= max(shape[order[k]], 1)
    return cnp.PyArray_New(np.ndarray, n_axes, <cnp.npy_intp*>shape, type_number, <cnp.npy_intp*>strides, NULL, 0, 0,
                           None)


cdef int set_operand(operand_t* operand, object x, int n_axes, bint single) except -1:
    """A number, or an array with a stride for each of the common axes."""
    cdef int axis, ndim
    operand.fixed = True
    operand.type = cnp.NPY_DOUBLE
    if type(x) is float:
        operand.number = PyFloat_AS_DOUBLE(x)
    else:
        operand.type = cnp.PyArray_TYPE(x)
        operand.data = <const char*>cnp.PyArray_DATA(x)
        operand.fixed = cnp.PyArray_SIZE(x) == 1
        if operand.fixed:
            gather_row(operand.type, operand.data, 0, <char*>&operand.number, 8, 1)
    if single:
        operand.number = <float>operand.number
    ndim = 0 if operand.fixed else cnp.PyArray_NDIM(x)
    for axis in range(n_axes - ndim):
        operand.strides[axis] = 0
    for axis in range(ndim):
        operand.strides[n_axes - ndim + axis] = 0 if cnp.PyArray_DIMS(x)[axis] == 1 else cnp.PyArray_STRIDES(x)[axis]
    return 0


cdef object apply_elementwise(int op, tuple arguments):
    cdef walk_t w
    cdef Py_ssize_t[MAX_AXES] shape
    cdef int[MAX_AXES] order
    cdef int j, n_axes
    cdef Py_ssize_t size
    cdef list values = [read(x) for x in arguments]
    cdef bint single = find_single(values, 1 if op == WHERE else 0), moved
    w.n_operands = <int>len(values)
    w.element = 4 if single else 8
    w.logical = LT <= op <= LOGICAL_NOT
    w.kernels = (vm.float_blocks if single else vm.double_blocks) + 8 * op
    for j in range(w.n_operands):
        if type(values[j]) is not float:
            values[j] = convert(values[j], single, op == WHERE and j == 0)
    n_axes = broadcast(values, shape)
    for j in range(w.n_operands):
        set_operand(&w.operands[j], values[j], n_axes, single)
    moved = sort_axes(&w, n_axes, order)
    result = allocate(&w, shape, n_axes, order, moved)
    size = cnp.PyArray_SIZE(result)
    w.out = <char*>cnp.PyArray_DATA(result)
    if size == 0:
        return result
    merge_axes(&w, shape, n_axes, order)
    if size < WITHOUT_GIL:
        run(&w, size)
    else:
        with nogil:
            run(&w, size)
    return result


cdef object apply_alike(int op, object left, object right):
    cdef walk_t w
    cdef const char* at[3]
    cdef double[2] numbers
    cdef int kind = 0, j = 0
    cdef Py_ssize_t size
    cdef cnp.ndarray shaped = None, result
    cdef char* out
    if LT <= op <= LOGICAL_NOT:
        return None  # these make bools
    w.n_operands = 1 if right is None else 2
    at[1] = at[2] = NULL
    for j in range(w.n_operands):
        x = right if j else left
        if type(x) is float:
            numbers[j] = PyFloat_AS_DOUBLE(x)
            at[j] = <const char*>&numbers[j]
            kind |= 1 << j
            continue
        if cnp.PyArray_TYPE(x) != cnp.NPY_DOUBLE or not cnp.PyArray_ISCARRAY_RO(x):
            return None
        if shaped is not None and not cnp.PyArray_SAMESHAPE(shaped, x):
            return None
        shaped = x
        at[j] = <const char*>cnp.PyArray_DATA(x)
    w.element = 8
    w.kernels = vm.double_blocks + 8 * op
    result = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(shaped), cnp.PyArray_DIMS(shaped), cnp.NPY_DOUBLE, 0)
    size = cnp.PyArray_SIZE(result)
    out = <char*>cnp.PyArray_DATA(result)
    if size < WITHOUT_GIL:
        run_kernel(&w, kind, at, out, size)
    else:
        with nogil:
            run_kernel(&w, kind, at, out, size)
    return result


def apply(int op_code, *arguments):
    """The value of an elementwise op.

    Parameters
    ----------
    op_code : int
        Its code in the table.
    *arguments : ndarray or float
        Broadcast against each other. Python's numbers are weak: they take the type of the arrays.

    Returns
    -------
    ndarray
        A new one: of bools for comparisons and logical ops, of float32 if arrays are of float32 and no wider type,
        else of float64.

    Raises
    ------
    ShapeError
        If the shapes cannot be broadcast.
    TracingError
        If an argument is not made of real numbers.
    """
    if not 0 <= op_code < N_CODES or ARITY[op_code] == 0 or ARITY[op_code] != len(arguments):
        raise TypeError(f"there is no elementwise op {op_code} of {len(arguments)} arguments")
    return apply_elementwise(op_code, arguments)
