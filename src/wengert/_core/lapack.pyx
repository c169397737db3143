"""Where are BLAS and LAPACK?

SciPy has them for Cython. Importing them takes as long as importing all of NumPy, so this module is imported when the
first program needs them.
"""

from cpython.pycapsule cimport PyCapsule_New
from scipy.linalg cimport cython_blas, cython_lapack

# In the order of lapack_t in structured_linear.h: for float64, then for float32.
cdef void* routines[12]
routines[:] = [
    <void*>cython_blas.dgemm, <void*>cython_blas.dgemv, <void*>cython_blas.dtrsm,
    <void*>cython_lapack.dgetrf, <void*>cython_lapack.dgetrs, <void*>cython_lapack.dpotrf,
    <void*>cython_blas.sgemm, <void*>cython_blas.sgemv, <void*>cython_blas.strsm,
    <void*>cython_lapack.sgetrf, <void*>cython_lapack.sgetrs, <void*>cython_lapack.spotrf,
]

table = PyCapsule_New(<void*>routines, "wengert.lapack", NULL)
