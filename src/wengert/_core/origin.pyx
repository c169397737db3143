"""Where in the user's code was a node made?"""

from libc.stdint cimport int64_t

from wengert._core.graph cimport Graph

cdef extern from "Python.h":
    ctypedef struct PyFrameObject
    PyFrameObject* PyEval_GetFrame()  # borrowed; NULL if no Python code runs
    object PyFrame_GetCode "(PyObject*)PyFrame_GetCode" (PyFrameObject* frame)
    int PyFrame_GetLasti(PyFrameObject* frame)


cdef int note_here(Graph g) except -1:
    cdef PyFrameObject* frame = PyEval_GetFrame()
    if frame == NULL:
        g.here = 0
        return 0
    code = PyFrame_GetCode(frame)
    cdef int64_t number = g.here >> 32
    if number == 0 or g.codes[number - 1] is not code:
        number = g.numbers_of_codes.get(id(code), 0)
        if number == 0:
            g.codes.append(code)
            number = len(g.codes)
            g.numbers_of_codes[id(code)] = number
    g.here = number << 32 | PyFrame_GetLasti(frame)
    return 0


cdef object position(list codes, int64_t origin):
    if origin == 0:
        return None
    code = codes[(origin >> 32) - 1]
    cdef int offset = <int>(origin & 0xFFFFFFFF)
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return code.co_filename, line, code.co_qualname
    return code.co_filename, code.co_firstlineno, code.co_qualname
