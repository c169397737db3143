# In which order does a straight piece of a program run?
#
# Any order in which arguments come first gives the same values; the best one keeps few values alive at a time, since
# those that are alive should fit into the first-level cache.

from wengert._core.terms cimport Terms, term_t

cdef enum:
    GUARDED = -2  # op of a term that only checks its argument a and has no value of its own

cdef class Schedule:
    cdef Terms terms
    cdef unsigned char[::1] part  # of each term: 0 not in this piece, 1 a value that is there, 2 to be computed
    cdef int[::1] members  # terms to be computed, ascending
    cdef int[::1] first_user, users  # of each term: the members that use it, once per use; compressed rows
    cdef int[::1] need  # of each member: about how many values its computation holds at a time
    cdef int[::1] left  # of each term: uses that are still to come
    cdef int[::1] order  # the best order found
    cdef int peak  # values alive at a time in it

    cdef int try_order(self, const int[::1] targets, bint descending) except -1
    cdef int find_members(self, const int[::1] targets) except -1
    cdef int find_users(self) except -1
    cdef int find_needs(self) except -1
    cdef const int[::1] order_for_one_lane(self)
    cdef bint is_irregular(self) except -1
    cdef int last_user(self, int t, const unsigned char[::1] state) noexcept
    cdef bint is_cheap(self, int t, const unsigned char[::1] state, const int[::1] left) noexcept
