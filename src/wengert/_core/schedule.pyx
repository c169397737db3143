"""In which order does a straight piece of a program run?

Depth first from one target after the other, the argument first whose computation holds more values (Sethi & Ullman
1970), and as soon as a term would free at least the slot that it takes, it comes next. Which target goes first decides
much and is hard to foresee, so a few orders of targets are tried.

Uniform code runs one number at a time, and there a jump that the processor did not foresee costs as much as several
instructions. If the ops follow each other without a pattern, they are therefore sorted.
"""

cimport cython

import numpy as np

from wengert._core.terms cimport Terms, term_t


cdef enum:
    WINDOW = 2048  # terms that are sorted at a time: their values take half of a first-level cache
    # Of so many ops, one may be a surprise. With more, sorted code is up to three times as fast (determinants by
    # minors); with none, up to a third slower (Rosenbrock's function).
    REGULAR = 8
    CONTEXTS = 4096


cdef inline int argument(const term_t* term, int k) noexcept nogil:
    return term.a if k == 0 else term.b if k == 1 else term.c


@cython.final
cdef class Schedule:
    """The order of the terms that `targets` need, among those with `part` 2."""

    def __init__(self, Terms terms, unsigned char[::1] part, const int[::1] targets):
        self.terms = terms
        self.part = part
        self.peak = -1
        self.find_members(targets)
        self.find_users()
        self.find_needs()
        cdef const int[::1] by_need = np.asarray(targets)[np.argsort(np.asarray(self.need)[np.asarray(targets)],
                                                                     kind="stable")]
        for descending in (False, True):
            self.try_order(targets, descending)
            self.try_order(by_need, descending)

    cdef int find_members(self, const int[::1] targets) except -1:
        """Keep the part 2 only for what the targets need."""
        cdef const term_t* term = self.terms.term
        cdef unsigned char[::1] wanted = np.zeros(self.terms.n_terms, np.uint8)
        cdef int k, arg, t
        for k in range(targets.shape[0]):
            wanted[targets[k]] = 1
        for t in range(self.terms.n_terms - 1, -1, -1):
            if not wanted[t]:
                self.part[t] = 0
            elif self.part[t] == 2:
                for k in range(3):
                    arg = argument(&term[t], k)
                    if arg >= 0:
                        wanted[arg] = 1
        self.members = np.flatnonzero(np.asarray(self.part) == 2).astype(np.int32)
        return 0

    cdef int find_users(self) except -1:
        """Sort the members by what they use."""
        cdef const term_t* term = self.terms.term
        cdef int[::1] count = np.zeros(self.terms.n_terms + 1, np.int32)
        cdef int i, k, arg
        for i in range(self.members.shape[0]):
            for k in range(3):
                arg = argument(&term[self.members[i]], k)
                if arg >= 0 and self.part[arg]:
                    count[arg + 1] += 1
        self.first_user = np.cumsum(count, dtype=np.int32)
        cdef int[::1] end = np.array(self.first_user)
        self.users = np.empty(self.first_user[self.terms.n_terms], np.int32)
        for i in range(self.members.shape[0]):
            for k in range(3):
                arg = argument(&term[self.members[i]], k)
                if arg >= 0 and self.part[arg]:
                    self.users[end[arg]] = self.members[i]
                    end[arg] += 1
        return 0

    cdef int find_needs(self) except -1:
        """Sethi and Ullman's numbers, which are exact for trees."""
        cdef const term_t* term = self.terms.term
        cdef int[::1] need = np.zeros(self.terms.n_terms, np.int32)
        cdef int i, k, arg, most, next_most
        for i in range(self.members.shape[0]):
            most = next_most = 0
            for k in range(3):
                arg = argument(&term[self.members[i]], k)
                if arg >= 0 and self.part[arg]:
                    if need[arg] > most:
                        most, next_most = need[arg], most
                    elif need[arg] > next_most:
                        next_most = need[arg]
            need[self.members[i]] = max(most, next_most + 1)
        self.need = need
        return 0

    cdef int try_order(self, const int[::1] targets, bint descending) except -1:
        """Schedule for this order of targets, and keep the result if fewer values are alive at a time."""
        cdef const term_t* term = self.terms.term
        cdef int n_members = <int>self.members.shape[0], n_targets = <int>targets.shape[0]
        cdef int[::1] order = np.empty(n_members, np.int32)
        cdef unsigned char[::1] state = np.array(self.part)  # 2 to be computed, 1 there
        cdef int[::1] left = np.diff(self.first_user).astype(np.int32)
        # Depth first, and what has become cheap; a term may wait once for each of its users.
        cdef int[::1] path = np.empty(self.users.shape[0] + n_targets + 1, np.int32)
        cdef int[::1] ready = np.empty(2 * self.users.shape[0] + 1, np.int32)
        cdef int n_done = 0, n_path, n_ready, alive = 0, peak = 0
        cdef int i, k, t, arg, best, user
        for k in range(n_targets):
            left[targets[k]] += 1
        # What is there from the start is counted too, while it is needed.
        for t in range(self.terms.n_terms):
            if state[t] == 1 and left[t]:
                alive += 1
        for i in range(n_targets):
            path[0] = targets[n_targets - 1 - i if descending else i]
            n_path = 1
            while n_path:
                t = path[n_path - 1]
                if state[t] != 2:
                    n_path -= 1
                    continue
                best = -1
                for k in range(3):
                    arg = argument(&term[t], k)
                    if arg >= 0 and state[arg] == 2 and (best < 0 or self.need[arg] > self.need[best]):
                        best = arg
                if best >= 0:
                    path[n_path] = best
                    n_path += 1
                    continue
                n_path -= 1
                ready[0] = t
                n_ready = 1
                while n_ready:
                    n_ready -= 1
                    t = ready[n_ready]
                    if state[t] != 2:
                        continue
                    order[n_done] = t
                    n_done += 1
                    state[t] = 1
                    if term[t].op != GUARDED:
                        alive += 1
                    peak = max(peak, alive)
                    for k in range(3):
                        arg = argument(&term[t], k)
                        if arg >= 0 and state[arg] == 1:
                            left[arg] -= 1
                            if left[arg] == 0:
                                alive -= 1
                            elif left[arg] == 1:
                                user = self.last_user(arg, state)
                                if user >= 0 and self.is_cheap(user, state, left):
                                    ready[n_ready] = user
                                    n_ready += 1
                    for k in range(self.first_user[t], self.first_user[t + 1]):
                        user = self.users[k]
                        if state[user] == 2 and self.is_cheap(user, state, left):
                            ready[n_ready] = user
                            n_ready += 1
        if self.peak < 0 or peak < self.peak:
            self.order, self.peak = order, peak
        return 0

    cdef const int[::1] order_for_one_lane(self):
        """The order for uniform code: the best one, or in each window of it terms of one depth and op together."""
        cdef const term_t* term = self.terms.term
        cdef int n = <int>self.order.shape[0], i, k, t, arg
        if not self.is_irregular():
            return self.order
        cdef int[::1] depth = np.zeros(self.terms.n_terms, np.int32)
        cdef int[::1] window = np.full(self.terms.n_terms, -1, np.int32)
        cdef int[::1] op = np.zeros(self.terms.n_terms, np.int32)
        for i in range(n):
            t = self.order[i]
            window[t], op[t] = i // WINDOW, term[t].op
            for k in range(3):
                arg = argument(&term[t], k)
                if arg >= 0 and window[arg] == window[t]:
                    depth[t] = max(depth[t], depth[arg] + 1)
        order = np.asarray(self.order)
        keys = np.stack([np.asarray(op), np.asarray(depth), np.asarray(window)])
        return order[np.lexsort(keys[:, order])]

    cdef bint is_irregular(self) except -1:
        """Does what followed the same four ops the last time often not follow? That is how processors foresee jumps."""
        cdef unsigned char[::1] followed = np.zeros(CONTEXTS, np.uint8)  # hashed as Knuth 1973 (6.4) has it
        cdef unsigned int context = 0, place
        cdef unsigned char op
        cdef int _run, i, surprises = 0, n = <int>self.order.shape[0]
        for _run in range(2):  # the first is there to learn from
            surprises = 0
            for i in range(n):
                op = <unsigned char>self.terms.term[self.order[i]].op
                place = (context * <unsigned int>2654435769) >> 20
                surprises += followed[place] != op
                followed[place] = op
                context = context << 8 | op
        return REGULAR * surprises > n

    cdef int last_user(self, int t, const unsigned char[::1] state) noexcept:
        """The only member that is still to be computed and uses this term, or -1 if that is a target's keeper."""
        cdef int k
        for k in range(self.first_user[t], self.first_user[t + 1]):
            if state[self.users[k]] == 2:
                return self.users[k]
        return -1

    cdef bint is_cheap(self, int t, const unsigned char[::1] state, const int[::1] left) noexcept:
        """Can this term be computed now, and does that free an argument?"""
        cdef const term_t* term = &self.terms.term[t]
        cdef int k, j, arg, times
        cdef bint frees = term.op == GUARDED
        for k in range(3):
            arg = argument(term, k)
            if arg < 0:
                continue
            if state[arg] == 2:
                return False
            if state[arg] == 1:
                times = 0
                for j in range(3):
                    times += argument(term, j) == arg
                frees = frees or left[arg] == times
        return frees
