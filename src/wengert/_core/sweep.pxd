# How does the chain rule go back through the buffers of a graph?
#
# Over the buffers alone: these functions know neither the graph nor its vars.  They take what the graph has validated,
# and cannot fail.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef enum:
    BLOCK_BITS = 5  # 32 nodes: few that a sweep visits in vain, enough to make skipping a block cheap

# Set the adjoints of the touched blocks to zero, and no block touched.
cdef void clear_blocks(double[::1] adjoint, unsigned char[::1] touched, int lowest, int highest) noexcept nogil

# Add up the adjoints of all nodes below an output; with into_leaves, those of leaves to their slope0 too.  Gives the
# lowest block touched.
cdef int sweep_blocks(const int[::1] op, const int[::1] arg0, const int[::1] arg1, double[::1] slope0,
                      const double[::1] slope1, double[::1] adjoint, unsigned char[::1] touched,
                      int output, double seed, bint into_leaves) noexcept nogil


cdef inline int next_set(const unsigned char[::1] flags, int index, int lowest) noexcept nogil:
    """The highest flag set from this index down to the lowest, or one below that."""
    cdef uint64_t eight
    if index >= lowest and flags[index]:
        return index
    while index - 7 >= lowest:
        memcpy(&eight, &flags[index - 7], 8)
        if eight:
            break
        index -= 8
    while index >= lowest and not flags[index]:
        index -= 1
    return index
