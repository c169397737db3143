"""Into what nest do the numbers of a program's outputs go?

A form is a tree of tuples, lists, dicts and whatever else trees.py knows, whose leaves are numbers and arrays. It is
made once, from what the recorded function returned, and then filled at every call.
"""

cimport cython
cimport numpy as cnp
from libc.string cimport memcpy

from numbers import Real

import numpy as np

from wengert import trees
from wengert._core.arrays import VarArray
from wengert._core.var cimport Var
from wengert.errors import ShapeError, TracingError

cnp.import_array()


cdef class Stacked:
    """An array along lanes, of which only one lane is there: what a mapped function returns while it is recorded."""

    def __init__(self, lane):
        self.lane = lane


@cython.final
cdef class Form:
    """The form of one output nest, and of everything below it."""

    def __init__(self, kind, shape=(), children=(), rebuild=None):
        self.kind = kind
        self.shape = shape
        self.children = list(children)
        self.rebuild = rebuild
        self.size = 1
        if len(shape) > cnp.NPY_MAXDIMS:
            raise ShapeError(f"an array has at most {cnp.NPY_MAXDIMS} axes, not {len(shape)}")
        for k, n in enumerate(shape):
            self.size *= n
            self.dims[k] = n

    @property
    def is_number(self):
        """Is it a single number?"""
        return self.kind == NUMBER

    def leaves(self):
        """The forms of the numbers and arrays, in order."""
        if self.kind == NUMBER or self.kind == ARRAY:
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]

    def __eq__(self, other):
        if not isinstance(other, Form):
            return NotImplemented
        return self.signature() == other.signature()

    def signature(self):
        """Something that compares equal for equal forms."""
        rebuild = None if self.rebuild is None else getattr(self.rebuild, "__self__", self.rebuild)
        return self.kind, self.shape, self.stacked, rebuild, [child.signature() for child in self.children]

    def nest(self, leaves):
        """The nest with these objects as its leaves."""
        return self.take(iter(leaves))

    def take(self, leaves):
        """The nest with the next objects of an iterator as its leaves."""
        if self.kind == NUMBER or self.kind == ARRAY:
            return next(leaves)
        parts = [child.take(leaves) for child in self.children]
        if self.kind == LIST:
            return parts
        if self.kind == TUPLE:
            return tuple(parts)
        return self.rebuild(parts)

    def leaves_of(self, nest):
        """The leaves of a nest of this form, in order; None may stand for any part."""
        if nest is None:
            return [None] * len(self.leaves())
        if self.kind == NUMBER or self.kind == ARRAY:
            return [nest]
        parts = nest
        if self.kind == NEST:
            parts = trees.leaves_of(nest)
        if not isinstance(parts, (list, tuple)) or len(parts) != len(self.children):
            raise ShapeError("out= must have the form of what the function returns")
        return [leaf for child, part in zip(self.children, parts) for leaf in child.leaves_of(part)]

    cdef object build(self, const double* numbers, Py_ssize_t* position, bint single):
        """The nest filled with numbers from this position on."""
        cdef Py_ssize_t k, n
        cdef object result
        cdef float* floats
        if self.kind == NUMBER:
            position[0] += 1
            return numbers[position[0] - 1]
        if self.kind == ARRAY:
            result = cnp.PyArray_SimpleNew(<int>len(self.shape), self.dims, cnp.NPY_FLOAT if single else cnp.NPY_DOUBLE)
            if single:
                floats = <float*>cnp.PyArray_DATA(result)
                for k in range(self.size):
                    floats[k] = <float>numbers[position[0] + k]
            else:
                memcpy(cnp.PyArray_DATA(result), numbers + position[0], self.size * sizeof(double))
            position[0] += self.size
            return result
        n = len(self.children)
        if self.kind == TUPLE and n == 2:
            return (<Form>self.children[0]).build(numbers, position, single), (
                <Form>self.children[1]).build(numbers, position, single)
        result = [(<Form>self.children[k]).build(numbers, position, single) for k in range(n)]
        if self.kind == LIST:
            return result
        if self.kind == TUPLE:
            return tuple(result)
        return self.rebuild(result)

    cdef bint is_fillable(self, object out) except -1:
        """Is this a nest of this form of contiguous, writable float64 arrays?"""
        cdef Py_ssize_t k
        if self.kind == NUMBER or self.kind == ARRAY:
            return out is None or fits(self, out)
        if self.kind == NEST or type(out) is not (tuple if self.kind == TUPLE else list):
            return False
        if len(out) != len(self.children):
            return False
        for k in range(len(self.children)):
            if not (<Form>self.children[k]).is_fillable(out[k]):
                return False
        return True

    cdef int fill(self, object out, const double* numbers, Py_ssize_t* position) except -1:
        """Write float64 numbers into the arrays of a nest that is fillable."""
        cdef Py_ssize_t k
        if self.kind == NUMBER or self.kind == ARRAY:
            if out is not None:
                memcpy(cnp.PyArray_DATA(out), numbers + position[0], self.size * sizeof(double))
            position[0] += self.size
            return 0
        for k in range(len(self.children)):
            (<Form>self.children[k]).fill(out[k], numbers, position)
        return 0


cdef bint fits(Form form, object out):
    """Is this a plain float64 array of the form's shape?"""
    cdef int k, n_axes
    if not cnp.PyArray_CheckExact(out) or cnp.PyArray_TYPE(out) != cnp.NPY_DOUBLE or not cnp.PyArray_ISCARRAY(out):
        return False
    n_axes = cnp.PyArray_NDIM(out)
    if n_axes != len(form.shape):
        return False
    for k in range(n_axes):
        if cnp.PyArray_DIM(out, k) != form.dims[k]:
            return False
    return True


def form_of(nest):
    """The form of what a recorded function returned, and its elements: vars, floats and whole arrays, in order.

    Raises
    ------
    TracingError
        If it holds anything but real numbers, vars, and arrays of them.
    """
    cdef list elements = []
    return take_apart(nest, elements), elements


cdef Form take_apart(object nest, list elements):
    cdef Form result
    kind = type(nest)
    if kind is Var or kind is float:
        elements.append(nest)
        return Form(NUMBER)
    if kind is tuple or kind is list:
        children = [take_apart(part, elements) for part in nest]
        return Form(TUPLE if kind is tuple else LIST, children=children)
    if isinstance(nest, Stacked):
        result = take_apart(nest.lane, elements)
        result.stacked = True
        return result
    if isinstance(nest, VarArray):
        if nest.is_whole and nest.size:
            elements.append(nest)
        else:
            elements += nest.flat
        return Form(ARRAY, shape=nest.shape)
    if isinstance(nest, np.ndarray):
        if nest.dtype.kind not in "fiub":
            raise TracingError(f"a compiled function must return real numbers, but returned an array of {nest.dtype}")
        elements += np.asarray(nest, np.float64).ravel().tolist()
        return Form(ARRAY, shape=nest.shape)
    if isinstance(nest, (Real, np.bool_)):
        elements.append(float(nest))
        return Form(NUMBER)
    parts, spec = trees.flatten(nest)
    if spec.is_leaf():
        raise TracingError(f"a compiled function must return real numbers, but returned {type(nest).__name__} {nest!r}")
    return Form(NEST, children=[take_apart(part, elements) for part in parts], rebuild=spec.unflatten)
