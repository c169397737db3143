# What does a program compute, with nothing said twice?
#
# A term is an op applied to earlier terms, a constant, an input, or the sum of a term over all lanes.  Terms are
# hash-consed: equal ones are one.  `apply` also folds constants and takes the short cuts that change no bit of a value.

from libc.stdint cimport int64_t

from wengert._core.codes cimport N_CODES

cdef unsigned char[N_CODES] commutes  # of each op: may its arguments be swapped?

cdef enum:
    CONSTANT = 0  # the op of a term that is a number; the others are the codes of nodes and ops

cdef struct term_t:
    int op
    int a, b, c  # terms, -1 for none; of an input: its number in a
    bint varying  # does it differ from lane to lane?
    double number  # of a constant
    int64_t origin  # see origin.pxd

cdef class Terms:
    cdef term_t* term
    cdef int n_terms, n_capacity
    cdef int* bucket  # open addressing: terms by their hash, -1 for free
    cdef size_t mask  # number of buckets minus one

    cdef int grow(self) except -1
    cdef int intern(self, int op, int a, int b, int c, double number, int64_t origin) except -1
    cdef int constant(self, double number) except -1
    cdef int apply(self, int op, int a, int b, int c, int64_t origin) except -1
    cdef int negated(self, int a, int64_t origin) except -1
    cdef bint is_never_minus_zero(self, int a, int depth) noexcept
    cdef bint is_choice(self, int b, int c) noexcept
    cdef int choose(self, term_t* choice, int other, int64_t origin) except -1
