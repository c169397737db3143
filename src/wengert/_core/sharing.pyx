"""Which node of a recording computes this already?"""

import numpy as np

cdef enum:
    FIRST_BUCKETS = 1024  # 4 KiB, which take no time to clear


cdef int open_sharing(Graph g) except -1:
    cdef int before = g.known_from
    if g.known is None:
        forget_shared(g)
    g.known_from = g.n_nodes
    return before


cdef int close_sharing(Graph g, int known_from) except -1:
    g.known_from = known_from
    if not g.open_recordings:
        g.known = None
    return 0


cdef int forget_shared(Graph g) except -1:
    g.known = np.zeros(FIRST_BUCKETS, np.int32)
    g.n_known = 0
    return 0


cdef int grow(Graph g) except -1:
    cdef int[::1] old = g.known
    cdef int[::1] fresh = np.zeros(4 * old.shape[0], np.int32)
    cdef size_t mask = fresh.shape[0] - 1, at, h
    cdef Py_ssize_t k
    cdef int node
    g.n_known = 0
    for k in range(old.shape[0]):
        node = old[k]
        if node == 0 or node >= g.n_nodes:
            continue
        h = hash_of(g.op[node], g.arg0[node], g.arg1[node], g.slope0[node], g.slope1[node])
        at = first_bucket(g.arg0[node], g.arg1[node], h) & mask
        while fresh[at] and fresh[at] != node:
            at = h & mask
            h += 1
        g.n_known += fresh[at] == 0
        fresh[at] = node
    g.known = fresh
    return 0
