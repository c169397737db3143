"""How are matrices multiplied?

By BLAS, which is told by flags how they lie in memory, so none is moved; small ones by three loops, since a call of
BLAS costs as much as hundreds of multiplications.
"""

from cpython.pycapsule cimport PyCapsule_New
from scipy.linalg.cython_blas cimport ddot, dgemm, dgemv, sdot, sgemm, sgemv

ctypedef fused real:
    double
    float

# Multiplications below which the loops are faster than dgemm, measured on squares: 6x6 takes 0.2 us either way.
cdef Py_ssize_t FEW = 250


cdef void multiply_small(const product_t* p, const real* a, const real* b, real* out) noexcept nogil:
    cdef Py_ssize_t i, j, k
    cdef real factor
    for i in range(p.m):
        for j in range(p.n):
            out[i * p.n + j] = 0
        for k in range(p.k):
            factor = a[i * p.a_row + k * p.a_col]
            for j in range(p.n):
                out[i * p.n + j] += factor * b[k * p.b_row + j * p.b_col]


cdef inline int leading(Py_ssize_t stride, Py_ssize_t length) noexcept nogil:
    """The distance of rows as BLAS wants it, also if there is one row only."""
    return <int>max(stride, length, 1)


cdef void multiply_one(const product_t* p, real* a, real* b, real* out) noexcept nogil:
    # BLAS takes columns for what lies together: it computes the transpose of out from those of b and a.
    cdef int m = <int>p.m, n = <int>p.n, k = <int>p.k, one = 1, lda, ldb, inc
    cdef real unit = 1, zero = 0
    cdef bint a_lies = p.a_col == 1 or p.k == 1, b_lies = p.b_col == 1 or p.n == 1  # are its rows together?
    cdef char a_flag = b"N" if a_lies else b"T"
    cdef char b_flag = b"N" if b_lies else b"T"
    if p.m * p.n * p.k <= FEW or k == 0:
        multiply_small(p, a, b, out)
        return
    lda = leading(p.a_row, p.k) if a_lies else leading(p.a_col, p.m)
    ldb = leading(p.b_row, p.n) if b_lies else leading(p.b_col, p.k)
    if m == 1 and n == 1:
        inc, one = max(<int>p.a_col, 1), max(<int>p.b_row, 1)
        if real is double:
            out[0] = ddot(&k, a, &inc, b, &one)
        else:
            out[0] = sdot(&k, a, &inc, b, &one)
    elif n == 1:
        inc, a_flag = max(<int>p.b_row, 1), b"T" if a_lies else b"N"
        if a_lies:
            m, k = k, m
        if real is double:
            dgemv(&a_flag, &m, &k, &unit, a, &lda, b, &inc, &zero, out, &one)
        else:
            sgemv(&a_flag, &m, &k, &unit, a, &lda, b, &inc, &zero, out, &one)
    elif m == 1:
        inc = max(<int>p.a_col, 1)
        if not b_lies:
            n, k = k, n
        if real is double:
            dgemv(&b_flag, &n, &k, &unit, b, &ldb, a, &inc, &zero, out, &one)
        else:
            sgemv(&b_flag, &n, &k, &unit, b, &ldb, a, &inc, &zero, out, &one)
    else:
        inc = n
        if real is double:
            dgemm(&b_flag, &a_flag, &n, &m, &k, &unit, b, &ldb, a, &lda, &zero, out, &inc)
        else:
            sgemm(&b_flag, &a_flag, &n, &m, &k, &unit, b, &ldb, a, &lda, &zero, out, &inc)


cdef void multiply_stack(const product_t* p, real* a, real* b, real* out) noexcept nogil:
    cdef Py_ssize_t[16] index
    cdef int axis
    for axis in range(p.n_axes):
        index[axis] = 0
        if p.shape[axis] == 0:
            return
    while True:
        multiply_one(p, a, b, out)
        out += p.m * p.n
        axis = p.n_axes - 1
        while axis >= 0:
            a += p.a_strides[axis]
            b += p.b_strides[axis]
            index[axis] += 1
            if index[axis] < p.shape[axis]:
                break
            a -= p.shape[axis] * p.a_strides[axis]
            b -= p.shape[axis] * p.b_strides[axis]
            index[axis] = 0
            axis -= 1
        if axis < 0:
            return


cdef void multiply(const product_t* p, char* a, char* b, char* out, bint single) noexcept nogil:
    if single:
        multiply_stack(p, <float*>a, <float*>b, <float*>out)
    else:
        multiply_stack(p, <double*>a, <double*>b, <double*>out)


address = PyCapsule_New(<void*>multiply, "wengert.multiply", NULL)
