"""How do elementwise terms of an array program become instructions of the lane machine?

`ArrayTerms` keeps what a tape computes elementwise, hash-consed and simplified by the rules of scalar programs
(terms.pyx); `write_code` orders one group of such terms, fuses superinstructions and gives every value its slot.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np

from wengert import ops
from wengert._core.codes cimport *
from wengert._core.schedule cimport GUARDED, Schedule
from wengert._core.terms cimport CONSTANT, Terms, commutes, term_t
from wengert._core.vm cimport instr_t
from wengert._core import vm

cdef short[N_CODES][N_CODES][2] fused  # code of the superinstruction of outer, inner and position; 0 for none


cdef int read_table() except -1:
    memset(fused, 0, sizeof(fused))
    for row in ops.FUSED.values():
        fused[<int>ops.OPS[row.outer].code][<int>ops.OPS[row.inner].code][<int>row.at] = row.code
    return 0


read_table()

# So few instructions stay in the order of the tape: looking for a better one costs 50 us.
cdef int FEW = 4

# What a term is beside an op of the table.
KIND_CONSTANT, KIND_UNIFORM, KIND_LANES, KIND_GUARD = CONSTANT, INPUT, LANE, GUARDED


@cython.final
cdef class ArrayTerms:
    """Elementwise terms, numbered from 0; each is a constant, a leaf or an op of earlier terms."""

    cdef Terms terms

    def __init__(self):
        self.terms = Terms(64)

    def __len__(self):
        return self.terms.n_terms

    def leaf(self, int number, bint varies):
        """The term of an array, or of a number, that is computed elsewhere."""
        return self.terms.intern(LANE if varies else INPUT, number, -1, -1, 0.0, 0)

    def constant(self, double number):
        """The term of a number that is known now."""
        return self.terms.constant(number)

    def apply(self, int code, list arguments, int origin):
        """The term of an op, simplified as far as no bit of its value changes."""
        cdef int n = <int>len(arguments)
        return self.terms.apply(code, arguments[0], arguments[1] if n > 1 else -1, arguments[2] if n > 2 else -1,
                                origin)

    def describe(self, int t):
        """Kind or code of the op, its arguments (of a leaf: its number), constant and origin."""
        cdef term_t* term = &self.terms.term[t]
        if term.op == LANE or term.op == INPUT:
            arguments = (term.a,)
        else:
            arguments = tuple([a for a in (term.a, term.b, term.c) if a >= 0])
        return term.op, arguments, term.number, term.origin


cdef int fuse(Terms terms, int[::1] uses) except -1:
    """Let a term that only one other uses join it."""
    cdef term_t* outer
    cdef term_t* inner
    cdef int t, at, code, other
    for t in range(terms.n_terms):
        outer = &terms.term[t]
        if outer.op <= LANE_SUM or outer.op >= N_CODES:
            continue
        for at in range(2):
            other = outer.b if at == 0 else outer.a
            if at == 1 and outer.b < 0:
                continue
            inner = &terms.term[outer.a if at == 0 else outer.b]
            if inner.op <= LANE_SUM or inner.op >= N_CODES:
                continue
            code = fused[outer.op][inner.op][0 if commutes[outer.op] else at]
            if code and uses[inner - terms.term] == 1 and inner.varying == outer.varying:
                outer.op, outer.a = code, inner.a
                if inner.b >= 0:
                    outer.b, outer.c = inner.b, other
                else:
                    outer.b = other
                uses[inner - terms.term] = 0
                break
    return 0


def write_code(list nodes, list targets, bint varies, int first_free):
    """The instructions of one group of terms.

    Parameters
    ----------
    nodes : list of tuple
        ``(code, a, b, c, origin)`` with arguments as places in this list, -1 for none; of KIND_LANES the a is a number
        of the group, of KIND_UNIFORM its pool entry; of KIND_GUARD ``(code, a, number, expected, origin)``.
    targets : list of (int, int)
        What is wanted, guards included: place in `nodes`, and the pool entry to be written, or -1.
    varies : bool
        Does it run over lanes, or once on the pool?
    first_free : int
        The first pool entry that uniform code may use for values of its own.

    Returns
    -------
    code : ndarray of INSTRUCTION
    origins : ndarray
        Of each instruction.
    n_places : int
        Slots, or pool entries up to the last one used.
    places : list of int
        Of each of `nodes`: slot or pool entry at the time it is there, -1 for none. The slots of leaves and
        targets are theirs alone, since they may be memory that is read and written in place.
    """
    cdef Terms terms = Terms(len(nodes))
    cdef int n = <int>len(nodes), i, k, t, arg, n_used = first_free, n_free = 0
    cdef int[3] args
    cdef int[::1] term_of = np.full(n + 1, -1, np.int32)
    cdef int[::1] place = np.full(n + 1, -1, np.int32)
    cdef int[::1] uses = np.zeros(n + 1, np.int32)
    cdef unsigned char[::1] part = np.zeros(n + 1, np.uint8)
    cdef unsigned char[::1] pinned = np.zeros(n + 1, np.uint8)
    expected = {}
    for i, (op, a, b, c, origin) in enumerate(nodes):
        if op == LANE or op == INPUT:
            t = terms.intern(op, a, -1, -1, 0.0, 0)
            if op == INPUT:
                place[t], pinned[t] = a, 1
            else:
                part[t] = 1
        elif op == GUARDED:
            t = terms.intern(op, term_of[a], -1, -1, b, origin)
            expected[t] = c
            uses[term_of[a]] += 1
            part[t] = 2
        else:
            t = terms.intern(op, term_of[a], term_of[b] if b >= 0 else -1, term_of[c] if c >= 0 else -1, 0.0, origin)
            if part[t] == 0:
                part[t] = 2
                for arg in (a, b, c):
                    if arg >= 0:
                        uses[term_of[arg]] += 1
        term_of[i] = t
    wanted = []
    cdef unsigned char[::1] is_target = np.zeros(n + 1, np.uint8)
    for i, pool_place in targets:
        t = term_of[i]
        is_target[t] = 1
        uses[t] += 2  # never swallowed by a superinstruction
        wanted.append(t)
        if pool_place >= 0:
            place[t], pinned[t] = pool_place, 1
    fuse(terms, uses)
    cdef term_t* term = terms.term
    # What the targets still need, after superinstructions, and how often.
    cdef int[::1] left = np.zeros(terms.n_terms + 1, np.int32)
    cdef int n_members = 0
    for t in set(wanted):
        left[t] = 1
    for t in range(terms.n_terms - 1, -1, -1):
        if part[t] == 2 and left[t]:
            n_members += 1
            for arg in (term[t].a, term[t].b, term[t].c):
                if arg >= 0:
                    left[arg] += 1
        elif part[t] == 2:
            part[t] = 0
    cdef const int[::1] order
    if n_members <= FEW:
        order = np.flatnonzero(np.asarray(part)[: terms.n_terms] == 2).astype(np.int32)
    else:
        order = Schedule(terms, part[: terms.n_terms], np.array(list(dict.fromkeys(wanted)), np.int32)).order
    cdef int n_code = <int>order.shape[0]
    cdef int[::1] free = np.empty(n + 1, np.int32)
    code = np.zeros(n_code, vm.INSTRUCTION)
    origins = np.zeros(n_code, np.int64)
    cdef char[::1] code_bytes = code.view(np.int8)
    cdef instr_t* instruction = <instr_t*>&code_bytes[0] if n_code else NULL
    cdef int64_t[::1] origin_of = origins
    for t in range(terms.n_terms):
        if term[t].op == LANE:
            place[t] = n_used
            n_used += 1
    for i in range(n_code):
        t = order[i]
        args[0], args[1], args[2] = term[t].a, term[t].b, term[t].c
        origin_of[i] = term[t].origin
        instruction[i].op = <unsigned short>(GUARD if term[t].op == GUARDED else term[t].op)
        instruction[i].a = place[args[0]]
        instruction[i].b = place[args[1]] if args[1] >= 0 else 0
        instruction[i].c = place[args[2]] if args[2] >= 0 else 0
        for k in range(3):
            if args[k] >= 0 and varies and not term[args[k]].varying:
                instruction[i].kind |= 1 << k
        if term[t].op == GUARDED:
            instruction[i].b, instruction[i].expected = <int>term[t].number, expected[t]
        elif pinned[t]:
            instruction[i].dst = place[t]
        else:
            # Before the arguments are given back: a kernel must not write where it reads.
            if n_free and not (varies and is_target[t]):
                n_free -= 1
                place[t] = free[n_free]
            else:
                place[t] = n_used
                n_used += 1
            instruction[i].dst = place[t]
        for k in range(3):
            arg = args[k]
            if arg >= 0 and part[arg] == 2 and not pinned[arg]:
                left[arg] -= 1
                if left[arg] == 0:
                    free[n_free] = place[arg]
                    n_free += 1
    return code, origins, n_used, [place[term_of[i]] for i in range(n)]
