# How does a slope of the table become nodes?
#
# An operand is what a node may have as its argument: an earlier node, or a constant.  These functions append nodes only
# where they must: constants are computed, the zeros and ones of which derivatives are full disappear.  A factor that
# selects, where(c, 1, 0), selects the other factor instead, so that the branch not taken is an exact zero.
#
# None of them asks for room, which the caller has made: slope_nodes() for a slope, two nodes for a product, for a
# selection and for a sum over lanes, one for a sum.

from wengert._core.graph cimport Graph

cdef struct operand_t:
    int node  # 0 for a constant
    double number  # its value

cdef operand_t argument(Graph g, int node, int k) noexcept nogil
cdef operand_t slope(Graph g, int node, int k) noexcept nogil
cdef int slope_nodes(int op, int k) noexcept nogil
cdef bint is_flat(int op, int k) noexcept nogil
cdef operand_t sum_of(Graph g, operand_t a, operand_t b) noexcept nogil
cdef operand_t product_of(Graph g, operand_t slope, operand_t derivative) noexcept nogil
cdef operand_t selection(Graph g, operand_t condition, operand_t a, operand_t b) noexcept nogil
cdef operand_t sum_over_lanes(Graph g, operand_t x) noexcept nogil


cdef inline operand_t constant(double number) noexcept nogil:
    cdef operand_t x
    x.node, x.number = 0, number
    return x


cdef inline operand_t operand(Graph g, int node) noexcept nogil:
    cdef operand_t x
    x.node, x.number = node, g.value[node]
    return x


cdef inline bint is_zero(operand_t x) noexcept nogil:
    """Is it a structural zero, which hands nothing on?"""
    return x.node == 0 and x.number == 0.0
