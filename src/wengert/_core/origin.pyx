"""Where in the user's code was a node made?"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

import os

from wengert._core.graph cimport Graph

cdef extern from "Python.h":
    ctypedef struct PyFrameObject
    PyFrameObject* PyEval_GetFrame()  # borrowed; NULL if no Python code runs
    PyFrameObject* PyFrame_GetBack(PyFrameObject* frame)  # a new reference; NULL if there is none
    object PyFrame_GetCode "(PyObject*)PyFrame_GetCode" (PyFrameObject* frame)
    int PyFrame_GetLasti(PyFrameObject* frame)

cdef enum:
    OURS = -1

cdef str PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


cdef int note_here(Graph g) except -1:
    cdef PyFrameObject* frame = PyEval_GetFrame()
    cdef PyFrameObject* caller
    cdef int64_t number = 0 if frame == NULL else number_of_code(g, frame)
    if number > 0:
        g.here = number << 32 | PyFrame_GetLasti(frame)
        return 0
    g.here = 0
    if number == 0:
        return 0
    Py_INCREF(<object>frame)
    while number == OURS:
        caller = PyFrame_GetBack(frame)
        Py_DECREF(<object>frame)
        if caller == NULL:
            return 0
        frame = caller
        number = number_of_code(g, frame)
    g.here = number << 32 | PyFrame_GetLasti(frame)
    Py_DECREF(<object>frame)
    return 0


cdef int64_t number_of_code(Graph g, PyFrameObject* frame) except -2:
    """The number of the code object that a frame runs, from 1; OURS if it is a function of the package."""
    code = PyFrame_GetCode(frame)
    cdef int64_t number = g.here >> 32
    if number and g.codes[number - 1] is code:
        return number
    number = g.numbers_of_codes.get(id(code), 0)
    if number == 0:
        if (<str>code.co_filename).startswith(PACKAGE):
            number = OURS
        else:
            g.codes.append(code)
            number = len(g.codes)
        g.numbers_of_codes[id(code)] = number
    return number


cdef object position(list codes, int64_t origin):
    if origin == 0:
        return None
    code = codes[(origin >> 32) - 1]
    cdef int offset = <int>(origin & 0xFFFFFFFF)
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return code.co_filename, line, code.co_qualname
    return code.co_filename, code.co_firstlineno, code.co_qualname
