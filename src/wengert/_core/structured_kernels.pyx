"""Which kernels compute structured ops without Python, and what do they need to know?

The kernels are C, in structured_kernels.h, compiled for each instruction set. Here a row's parameters become the
integers that its kernel reads.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memcpy

cimport numpy as cnp

from wengert._core.vm cimport Workspace

import math

import numpy as np

from wengert._core import builds
from wengert._core.blas_choice import load
from wengert.index_keys import thaw

cnp.import_array()

cdef extern from "structured.h" nogil:
    enum:
        SINGULAR
        NOT_POSITIVE_DEFINITE
        OUT_OF_RANGE
        N_ROUTINES
        SMALL_PRODUCT
        SMALL_DEPTH
        PANEL

    ctypedef struct named_kernel_t:
        const char* name
        kernel_t* kernels

    ctypedef struct structured_t:
        const named_kernel_t* kernels
        int n_kernels
        void** double_lapack
        void** float_lapack

cdef const structured_t* structured = <const structured_t*>PyCapsule_GetPointer(
    builds.kernels.structured, "wengert.structured")
cdef dict NUMBERS = {structured.kernels[_k].name.decode(): _k for _k in range(structured.n_kernels)}
KERNEL_NAMES = frozenset(NUMBERS)
cdef bint has_lapack = False
cdef Py_ssize_t LARGEST_INT = 2**31 - 1


cdef int fetch_lapack() except -1:
    global has_lapack
    cdef void** routines
    if not has_lapack:
        routines = <void**>PyCapsule_GetPointer(load("lapack").table, "wengert.lapack")
        memcpy(structured.double_lapack, routines, N_ROUTINES * sizeof(void*))
        memcpy(structured.float_lapack, routines + N_ROUTINES, N_ROUTINES * sizeof(void*))
        has_lapack = True
    return 0


cdef kernel_t find_kernel(str name, bint single):
    cdef object number = NUMBERS.get(name)
    if number is None:
        return NULL
    if name in LINEAR:
        fetch_lapack()
    return structured.kernels[<int>number].kernels[1 if single else 0]


cdef object kernel_error(int status):
    if status == SINGULAR:
        return np.linalg.LinAlgError("Singular matrix")
    if status == NOT_POSITIVE_DEFINITE:
        return np.linalg.LinAlgError("Matrix is not positive definite")
    return IndexError("an index is out of range")


# ---- scratch ----

LINEAR = {"matmul", "solve", "inv", "det", "logabsdet", "signdet", "cholesky", "solve_triangular"}


cdef Py_ssize_t scratch_size(str name, bint single, list shapes) except -1:
    cdef Py_ssize_t element = 4 if single else 8, n, columns
    if name == "argsort":
        return 32 * max(shapes[0], default=0)
    if name == "matmul":
        (m, n, columns) = product_lengths(shapes)
        return 0 if m * n * columns <= SMALL_PRODUCT and n <= SMALL_DEPTH else 3 * PANEL * PANEL * element
    if name not in LINEAR:
        return 0
    n = shapes[0][len(shapes[0]) - 1]
    columns = 0
    if name in ("solve", "solve_triangular"):
        columns = 1 if len(shapes[1]) == 1 else shapes[1][len(shapes[1]) - 1]
    elif name == "inv":
        columns = 2 * n  # the identity, and what becomes of it
    return (n * n + n * columns) * element + 4 * n


def product_lengths(shapes):
    """Rows, products per element and columns of a matrix product."""
    a, b = shapes[0], shapes[1]
    return a[len(a) - 2] if len(a) > 1 else 1, a[len(a) - 1], b[len(b) - 1] if len(b) > 1 else 1


# ---- parameters ----

def reduced_axes(params, shapes):
    """Bits of the reduced axes."""
    ndim, axis = len(shapes[0]), params.get("axis")
    axes = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return [sum(1 << (a % ndim) for a in axes)]


def extreme_axes(params, shapes):
    """The same; there is no extreme number of none."""
    return None if 0 in shapes[0] else reduced_axes(params, shapes)


def one_axis(params, shapes):
    """The axis, counted from 0."""
    return [params["axis"] % len(shapes[len(shapes) - 1])] if shapes[len(shapes) - 1] else None


def axis_of_whole(params, shapes):
    """The axis of what slices or elements are taken from."""
    return [params["axis"] % len(shapes[0])] if shapes[0] else None


def extreme_place(params, shapes):
    """The axis, or -1 for all elements."""
    if 0 in shapes[0] or not shapes[0]:
        return None
    return [-1 if params.get("axis") is None else params["axis"] % len(shapes[0])]


def sorted_axis(params, shapes):
    """The axis; NumPy flattens for None."""
    axis = params.get("axis", -1)
    return None if axis is None or not shapes[0] else [axis % len(shapes[0])]


def side(params, shapes):
    """Behind equal numbers?"""
    return [int(params.get("side", "left") == "right")]


def nothing(params, shapes):
    """Only shapes matter."""
    return []


def seed_and_stream(params, shapes):
    """As signed numbers of 64 bits."""
    return [(params[name] + 2**63) % 2**64 - 2**63 for name in ("seed", "stream")]


def triangle(params, shapes):
    """Lower? Transposed?"""
    return [int(params["lower"]), int(params["trans"])]


def key_places(shape, key):
    """What a key names in an array of this shape: see structured_move.h."""
    places = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)[thaw(key)]
    flat = np.ravel(places)
    block = 1
    if flat.size:
        for n_axes in range(len(shape)):
            block = math.prod(shape[n_axes:])
            runs = flat.reshape(-1, block) if flat.size % block == 0 else None
            if runs is not None and not (runs[:, 0] % block).any() and (runs == runs[:, :1] + np.arange(block)).all():
                break
        else:
            block = 1
    numbers = (flat[::block] // block).tolist()
    return [block, np.ndim(places), *np.shape(places), len(numbers), *numbers]


def read_key(params, shapes):
    """Places in the argument."""
    return key_places(shapes[0], params["key"])


def write_key(params, shapes):
    """Places in the result; a value with more axes than these is left to NumPy."""
    places = key_places(shapes[len(shapes) - 1], params["key"])
    return places if len(shapes[len(shapes) - 2]) <= places[1] else None


cdef dict READERS = {
    **dict.fromkeys(("sum", "prod", "logsumexp"), reduced_axes),
    **dict.fromkeys(("max", "min"), extreme_axes),
    **dict.fromkeys(("argmax", "argmin"), extreme_place),
    **dict.fromkeys(("cumsum", "cumprod", "recurrence", "concatenate", "take_adjoint", "take_along_adjoint"), one_axis),
    **dict.fromkeys(("take", "take_along", "take_integers"), axis_of_whole),
    **dict.fromkeys(("matmul", "solve", "inv", "det", "logabsdet", "signdet", "cholesky"), nothing),
    **dict.fromkeys(("scatter", "put", "put_add"), write_key),
    "getitem": read_key,
    "argsort": sorted_axis,
    "searchsorted": side,
    "uniform": seed_and_stream,
    "solve_triangular": triangle,
}


def kernel_params(str name, dict params, shapes):
    """What the kernel of a row reads.

    Parameters
    ----------
    name : str
        Name of the row.
    params : dict
        Parameters of the row.
    shapes : sequence of tuple of int
        Shapes of the arguments, then of the result.

    Returns
    -------
    list of int or None
        None if no kernel computes this form: Python does.

    Examples
    --------
    >>> kernel_params("sum", {"axis": (0, -1), "keepdims": False}, [(2, 3, 4), (3,)])
    [5]
    """
    if name not in NUMBERS or any(len(shape) >= MAX_NDIM for shape in shapes):  # one axis may be added
        return None
    if name in LINEAR and any(n > LARGEST_INT for shape in shapes for n in shape):
        return None
    return READERS[name](params, shapes)


# ---- for tests and measurements ----

def run(str name, list arrays, list params, Py_ssize_t repeat=1):
    """Run a kernel.

    Parameters
    ----------
    name : str
        Name of the row.
    arrays : list of ndarray
        The arguments, then the result: of float64, or of float32, or of int64 where they are indices.
    params : list of int
        From `kernel_params`.
    repeat : int
        Run it so many times.

    Raises
    ------
    LinAlgError, IndexError
    """
    cdef array_t[32] operands
    cdef int n_arrays = <int>len(arrays), k, axis, status = 0
    cdef bint single = any(a.dtype == np.float32 for a in arrays)
    cdef int64_t[::1] numbers = np.array([*params, 0], np.int64)
    cdef kernel_t kernel = find_kernel(name, single)
    cdef Workspace workspace = Workspace()
    cdef Py_ssize_t _k
    for k in range(n_arrays):
        operands[k].data = <char*><uintptr_t>arrays[k].ctypes.data
        operands[k].ndim = arrays[k].ndim
        for axis in range(operands[k].ndim):
            operands[k].shape[axis] = arrays[k].shape[axis]
            operands[k].strides[axis] = arrays[k].strides[axis]
    workspace.provide(scratch_size(name, single, [a.shape for a in arrays]))
    with nogil:
        for _k in range(repeat):
            status = kernel(operands, n_arrays, &numbers[0], <char*>workspace.data)
    if status:
        raise kernel_error(status)
