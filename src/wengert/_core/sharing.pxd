# Which node of a recording computes this already?
#
# While a function is recorded for a program, an op whose arguments are the same nodes, or constants of the same bits,
# is not recorded again: it gives the node that is there.  So what a program needs is small before derivatives are
# appended, which are as many as the nodes.
#
# The graph's `known` is a table of node numbers with open addressing, 0 for a free bucket.  A node that is found is
# compared with what is sought, so a number that is left of a dropped node does no harm: no node has it, or another
# node does, which is compared like any other.  The bucket that is looked at first lies where the newer argument says:
# what is recorded next is computed from what was recorded last, so that bucket is in the cache.  If it is taken, a
# hash of all says where to go on.  Nodes from before `known_from` are not found: the body of a loop does not share
# with what is around it, nor do two recordings.
#
# Inputs, leaves and what derivatives append are not in the table.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from wengert._core.codes cimport PAIR
from wengert._core.graph cimport Graph

# From here on, nodes of this graph are found if they are newer than this; gives what `close_sharing` takes.
cdef int open_sharing(Graph g) except -1

# Back to what was, with open_recordings as it was.
cdef int close_sharing(Graph g, int known_from) except -1

# No node is found that was recorded up to now.
cdef int forget_shared(Graph g) except -1

# Put the nodes that are still there into four times as many buckets.
cdef int grow(Graph g) except -1


cdef inline uint64_t bits(double number) noexcept nogil:
    cdef uint64_t result
    memcpy(&result, &number, sizeof(double))
    return result


cdef inline size_t hash_of(int op, int arg0, int arg1, double slope0, double slope1) noexcept nogil:
    """Two rounds of multiply and fold (Steele & Vigna 2021 give the multiplier)."""
    cdef uint64_t h = <uint64_t>(<unsigned int>arg0) << 32 | <unsigned int>arg1
    h = (h ^ <uint64_t>op << 24) * <uint64_t>0xD1342543DE82EF95
    if not arg0 or not arg1:
        h ^= h >> 32
        h = (h ^ bits(slope1 if arg0 else slope0)) * <uint64_t>0xD1342543DE82EF95
    return <size_t>(h ^ h >> 29)


cdef inline size_t first_bucket(int arg0, int arg1, size_t h) noexcept nogil:
    return 2 * <size_t>(arg0 if arg0 > arg1 else arg1) + (h & 1)


cdef inline int find_node(Graph g, int op, int arg0, int arg1, double slope0, double slope1,
                          size_t* bucket) noexcept nogil:
    """The node of this op and these arguments, or 0 and the bucket where it is to be.

    The slopes are constants, where an argument is 0. Those of a PAIR are what it is: which of the two was chosen.
    """
    cdef size_t mask = g.known.shape[0] - 1
    cdef size_t h = hash_of(op, arg0, arg1, slope0, slope1)
    cdef size_t at = first_bucket(arg0, arg1, h) & mask
    cdef int node = g.known[at]
    while node:
        if (g.known_from <= node < g.n_nodes and g.op[node] == op and g.arg0[node] == arg0 and g.arg1[node] == arg1
                and ((arg0 and op != PAIR) or bits(g.slope0[node]) == bits(slope0))
                and ((arg1 and op != PAIR) or bits(g.slope1[node]) == bits(slope1))):
            return node
        at = h & mask
        h += 1
        node = g.known[at]
    bucket[0] = at
    return 0


cdef inline int share(Graph g, int node, size_t bucket) except -1:
    """Put a node into the bucket that find_node left."""
    if 2 * g.n_known >= g.known.shape[0]:
        grow(g)
        find_node(g, g.op[node], g.arg0[node], g.arg1[node], g.slope0[node], g.slope1[node], &bucket)
    g.known[bucket] = node
    g.n_known += 1
    return 0
