# How does NumPy compute without warnings, and without delay?

from wengert._core.graph cimport Graph

# The result of a function of NumPy, which calls no code of the user's. `g` is the graph of this thread; `params` may be
# None.
cdef object quietly(Graph g, object function, tuple arguments, dict params)
