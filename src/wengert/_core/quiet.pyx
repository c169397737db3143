"""How does NumPy compute without warnings, and without delay?

Whether it warns is a context variable of NumPy 2. Entering a context in which it does not is quicker by far than an
`np.errstate` for each call. Such a context knows no other variables, so no code of the user's may run in it.
"""

from cpython.object cimport PyObject

from contextvars import Context

import numpy as np

from wengert._core.graph cimport Graph

cdef extern from "Python.h":
    object PyObject_Call(object function, tuple arguments, PyObject* params)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1

# NumPy 1 keeps it in a variable of the thread.
cdef bint IN_CONTEXT = int(np.__version__.partition(".")[0]) >= 2


cdef object quietly(Graph g, object function, tuple arguments, dict params):
    cdef PyObject* keywords = NULL if params is None else <PyObject*>params
    if not IN_CONTEXT:
        with np.errstate(all="ignore"):
            return PyObject_Call(function, arguments, keywords)
    if g.quiet is None:
        g.quiet = Context()
        g.quiet.run(np.seterr, all="ignore")
    try:
        PyContext_Enter(g.quiet)
    except RuntimeError:  # we are in it
        return PyObject_Call(function, arguments, keywords)
    try:
        return PyObject_Call(function, arguments, keywords)
    finally:
        PyContext_Exit(g.quiet)
