"""What does a program compute, with nothing said twice?"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.limits cimport INT_MAX
from libc.math cimport INFINITY, fabs, frexp, signbit
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from wengert import ops
from wengert._core.builds import kernels
from wengert._core.codes cimport *
from wengert._core.sharing cimport bits

ctypedef void (*eager_t)(const double* x, double* out) noexcept nogil

cdef eager_t* eager = <eager_t*>PyCapsule_GetPointer(kernels.table, "wengert.eager")
cdef unsigned char[N_CODES] is_truth  # of each op: is it always 0 or 1?


cdef int read_table() except -1:
    """Fill the arrays above from the table of ops."""
    memset(commutes, 0, sizeof(commutes))
    memset(is_truth, 0, sizeof(is_truth))
    for row in ops.OPS.values():
        commutes[<int>row.code] = row.commutes
    for name in ("lt", "le", "gt", "ge", "eq", "ne", "logical_and", "logical_or", "logical_not"):
        is_truth[<int>ops.OPS[name].code] = 1
    return 0


read_table()


cdef inline bint is_power_of_two(double number) noexcept:
    """Is its reciprocal exact, and neither it nor the reciprocal subnormal?"""
    cdef int exponent
    return fabs(frexp(number, &exponent)) == 0.5 and -1000 < exponent < 1000


cdef inline bint is_doubling(double first, double then) noexcept:
    """Is x * first * then the same as x * (first * then)? So it is if the first product is never rounded."""
    cdef int exponent
    cdef bint is_power = fabs(frexp(first, &exponent)) == 0.5 and exponent >= 1
    return is_power and fabs(then) >= 1.0 and fabs(first * then) < INFINITY


@cython.final
cdef class Terms:
    def __cinit__(self, int n_expected):
        self.n_capacity = max(64, n_expected)
        cdef size_t n_buckets = 128
        while n_buckets < 2 * <size_t>self.n_capacity:
            n_buckets *= 2
        self.mask = n_buckets - 1
        self.term = <term_t*>PyMem_Malloc(self.n_capacity * sizeof(term_t))
        self.bucket = <int*>PyMem_Malloc(n_buckets * sizeof(int))
        if self.term == NULL or self.bucket == NULL:
            raise MemoryError(f"no memory for {self.n_capacity} terms")
        memset(self.bucket, 0xFF, n_buckets * sizeof(int))

    def __dealloc__(self):
        PyMem_Free(self.term)
        PyMem_Free(self.bucket)

    cdef int grow(self) except -1:
        """Double the room, and put the terms into new buckets."""
        if self.n_capacity > INT_MAX // 4:
            raise MemoryError("a program holds at most 2**29 terms")
        cdef size_t n_buckets = 2 * (self.mask + 1)
        term = <term_t*>PyMem_Realloc(self.term, 2 * self.n_capacity * sizeof(term_t))
        if term != NULL:
            self.term = term
        bucket = <int*>PyMem_Realloc(self.bucket, n_buckets * sizeof(int))
        if bucket != NULL:
            self.bucket = bucket
        if term == NULL or bucket == NULL:
            raise MemoryError(f"no memory for {2 * self.n_capacity} terms")
        self.n_capacity *= 2
        self.mask = n_buckets - 1
        memset(self.bucket, 0xFF, n_buckets * sizeof(int))
        cdef int k
        cdef size_t place
        for k in range(self.n_terms):
            place = hash_of(&self.term[k]) & self.mask
            while self.bucket[place] >= 0:
                place = (place + 1) & self.mask
            self.bucket[place] = k
        return 0

    cdef int intern(self, int op, int a, int b, int c, double number, int64_t origin) except -1:
        """The term of this description, made if there is none yet."""
        if self.n_terms == self.n_capacity:
            self.grow()
        cdef term_t* new = &self.term[self.n_terms]
        new.op, new.a, new.b, new.c, new.number, new.origin = op, a, b, c, number, origin
        new.varying = op == LANE
        if op != CONSTANT and op != INPUT and op != LANE and op != LANE_SUM:
            new.varying = (self.term[a].varying or (b >= 0 and self.term[b].varying)
                           or (c >= 0 and self.term[c].varying))
        cdef size_t place = hash_of(new) & self.mask
        cdef term_t* old
        while self.bucket[place] >= 0:
            old = &self.term[self.bucket[place]]
            if old.op == op and old.a == a and old.b == b and old.c == c and bits(old.number) == bits(number):
                return self.bucket[place]
            place = (place + 1) & self.mask
        self.bucket[place] = self.n_terms
        self.n_terms += 1
        return self.n_terms - 1

    cdef int constant(self, double number) except -1:
        return self.intern(CONSTANT, -1, -1, -1, number, 0)

    cdef int negated(self, int a, int64_t origin) except -1:
        return self.apply(NEG, a, -1, -1, origin)

    cdef int apply(self, int op, int a, int b, int c, int64_t origin) except -1:
        """The term of an op of these terms: simplified as far as no bit of its value changes."""
        cdef double[3] x
        cdef double[4] out
        cdef term_t* term = self.term
        cdef double number
        if commutes[op] and (term[a].op == CONSTANT or (term[b].op != CONSTANT and a > b)):
            a, b = b, a
        # Terms move when their array grows, so pointers into it do not outlive a call below.
        cdef term_t first = term[a], second, third
        cdef bint constant = first.op == CONSTANT
        x[0] = first.number
        second.op = third.op = -1
        if b >= 0:
            second = term[b]
            constant = constant and second.op == CONSTANT
            x[1] = second.number
        if c >= 0:
            third = term[c]
            constant = constant and third.op == CONSTANT
            x[2] = third.number
        if constant:
            eager[op](x, out)
            return self.constant(out[0])
        number = second.number
        if op == STOP_GRADIENT:
            return a
        elif op == NEG:
            if first.op == NEG:
                return first.a
            if first.op == MUL and term[first.b].op == CONSTANT:
                return self.apply(MUL, first.a, self.constant(-term[first.b].number), -1, origin)
        elif op == ADD:
            if second.op == CONSTANT and number == 0.0 and (signbit(number) or self.is_never_minus_zero(a, 3)):
                return a
            if second.op == NEG:
                return self.apply(SUB, a, second.a, -1, origin)
            if first.op == NEG:
                return self.apply(SUB, b, first.a, -1, origin)
        elif op == SUB:
            if second.op == CONSTANT and number == 0.0 and not signbit(number):
                return a
            if second.op == NEG:
                return self.apply(ADD, a, second.a, -1, origin)
            if first.op == CONSTANT and first.number == 0.0 and signbit(first.number):
                return self.negated(b, origin)
        elif op == MUL or op == MUL_NO_NAN:
            if second.op == CONSTANT:
                if number == 1.0:
                    return a
                if number == -1.0:
                    return self.negated(a, origin)
                if op == MUL_NO_NAN:
                    if number == 0.0:
                        return self.constant(0.0)
                    if fabs(number) < INFINITY:
                        return self.apply(MUL, a, b, -1, origin)
                elif first.op == NEG:
                    return self.apply(MUL, first.a, self.constant(-number), -1, origin)
                elif first.op == MUL and term[first.b].op == CONSTANT and is_doubling(term[first.b].number, number):
                    return self.apply(MUL, first.a, self.constant(term[first.b].number * number), -1, origin)
            elif a == b:
                return self.apply(SQUARE, a, -1, -1, origin)
            # A sign that is taken out of a product is often swallowed by the sum around it.
            elif first.op == NEG:
                return self.negated(self.apply(op, first.a, b, -1, origin), origin)
            elif second.op == NEG:
                return self.negated(self.apply(op, a, second.a, -1, origin), origin)
            if op == MUL_NO_NAN:
                if first.op == WHERE and self.is_choice(first.b, first.c):
                    return self.choose(&first, b, origin)
                if second.op == WHERE and self.is_choice(second.b, second.c):
                    return self.choose(&second, a, origin)
        elif op == DIV:
            if second.op == CONSTANT:
                if number == 1.0:
                    return a
                if number == -1.0:
                    return self.negated(a, origin)
                if is_power_of_two(number):
                    return self.apply(MUL, a, self.constant(1.0 / number), -1, origin)
            if first.op == NEG:
                return self.negated(self.apply(DIV, first.a, b, -1, origin), origin)
            if first.op == CONSTANT and first.number == 1.0:
                return self.intern(RECIPROCAL, b, -1, -1, 0.0, origin)
        elif op == POW:
            if second.op == CONSTANT and number == 1.0:
                return a
        elif op == SQUARE:
            if first.op == NEG or first.op == ABS:
                a = first.a
        elif op == ABS:
            if first.op == NEG:
                a = first.a
            elif first.op == ABS or first.op == SQUARE:
                return a
        elif op == NE:
            if second.op == CONSTANT and number == 0.0 and first.op >= 0 and is_truth[first.op]:
                return a
        elif op == WHERE:
            if b == c:
                return b
            if first.op == CONSTANT:
                return b if first.number != 0.0 else c
            if first.op == NE and term[first.b].op == CONSTANT and term[first.b].number == 0.0:
                return self.apply(WHERE, first.a, b, c, origin)
            if first.op == LOGICAL_NOT:
                return self.apply(WHERE, first.a, c, b, origin)
        return self.intern(op, a, b, c, 0.0, origin)

    cdef bint is_never_minus_zero(self, int a, int depth) noexcept:
        """Is this term surely not -0.0, so that adding 0.0 changes nothing? Looks only so many terms deep."""
        cdef term_t* term = &self.term[a]
        if term.op == CONSTANT:
            return term.number != 0.0 or not signbit(term.number)
        if term.op == SQUARE or term.op == ABS or term.op == EXP or (0 <= term.op < N_CODES and is_truth[term.op]):
            return True
        if depth == 0:
            return False
        if term.op == ADD:
            return self.is_never_minus_zero(term.a, depth - 1) or self.is_never_minus_zero(term.b, depth - 1)
        if term.op == MUL and self.term[term.b].op == CONSTANT:
            # A smaller factor may take a negative number down to -0.0.
            return self.term[term.b].number >= 1.0 and self.is_never_minus_zero(term.a, depth - 1)
        return False

    cdef bint is_choice(self, int b, int c) noexcept:
        """Is one of two branches the constant 1, and the other 0?"""
        cdef term_t* term = self.term
        return (term[b].op == CONSTANT and term[c].op == CONSTANT
                and ((term[b].number == 1.0 and term[c].number == 0.0)
                     or (term[b].number == 0.0 and term[c].number == 1.0)))

    cdef int choose(self, term_t* choice, int other, int64_t origin) except -1:
        """mul_no_nan(where(c, 1, 0), other) is where(c, other, 0)."""
        if self.term[choice.b].number == 1.0:
            return self.apply(WHERE, choice.a, other, choice.c, origin)
        return self.apply(WHERE, choice.a, choice.b, other, origin)


cdef inline size_t hash_of(const term_t* term) noexcept:
    """Two rounds of multiply and fold (Steele & Vigna 2021 give the multiplier)."""
    cdef uint64_t h = <uint64_t>(<unsigned int>term.a) << 32 | <unsigned int>term.b
    h = (h ^ (<uint64_t>(<unsigned int>term.c) << 16) ^ term.op) * <uint64_t>0xD1342543DE82EF95
    h ^= h >> 32
    h = (h ^ bits(term.number)) * <uint64_t>0xD1342543DE82EF95
    return <size_t>(h ^ (h >> 29))
