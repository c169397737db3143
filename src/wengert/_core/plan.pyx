"""How does a recorded graph become the instructions of a program?

A. *Read*: what the outputs and guards need becomes terms, simplified and hash-consed (terms.pyx).
B. *Fuse*: a term that only one other term uses joins it in a superinstruction, where the table of ops has one.
C. *Pieces*: what depends on no lane is uniform and runs once, on a pool of numbers; the rest is varying and runs for
   every lane. A sum over lanes is uniform again, so the pieces alternate: uniform, varying, uniform, ... A varying
   piece computes again what it needs of an earlier one: memory for all lanes would cost more.
D. *Order and slots*: each piece is scheduled (schedule.pyx); a slot is free again after the last use of its value, and
   the latest free one is taken first, since it is still in the cache.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np

from wengert import ops
from wengert._core.codes cimport *
from wengert._core.current cimport own_graph
from wengert._core.graph cimport Graph
from wengert._core.origin cimport position
from wengert._core.schedule cimport GUARDED, Schedule
from wengert._core.terms cimport CONSTANT, Terms, commutes, term_t
from wengert._core.var cimport Var, node_of
from wengert._core.vm cimport instr_t
from wengert._core import vm
from wengert.errors import TracingError

cdef int[N_CODES] arity
cdef short[N_CODES][N_CODES][2] fused  # code of the superinstruction of outer, inner and position; 0 for none


cdef int read_table() except -1:
    """Fill the arrays above from the table of ops."""
    memset(arity, 0, sizeof(arity))
    memset(fused, 0, sizeof(fused))
    for row in ops.OPS.values():
        arity[<int>row.code] = row.arity
    for row in ops.FUSED.values():
        fused[<int>ops.OPS[row.outer].code][<int>ops.OPS[row.inner].code][<int>row.at] = row.code
    return 0


read_table()


@cython.final
cdef class Plan:
    """The plan of one recording.

    Parameters
    ----------
    first : int
        The node with which the recording begins; what a function needs from before is not its own.
    inputs : list of Var
        Inputs of the recording, in the order in which the program will take them.
    n_lanes : Var or None
        The input that is the number of lanes, if the recording has lanes.
    outputs : list of Var or float
        What the program returns.
    guards : list of (Var, bool, int)
        Conditions, their outcomes, and their origins.
    """

    cdef Graph graph
    cdef Terms terms
    cdef int n_inputs
    cdef int lowest  # the first node of the recording
    cdef int[::1] term_of  # of each node from the lowest on
    cdef int[::1] outputs  # terms
    cdef list guards  # (term, outcome, origin)
    cdef int[::1] uses  # of each term by other terms, outputs and guards
    cdef int[::1] level  # of each term: sums over lanes that must be complete before it can be computed
    cdef int n_lanes_term
    cdef int[::1] place  # of each term: its slot or pool entry, -1 for none yet
    cdef unsigned char[::1] pinned  # of each term: is its pool entry its own for good?
    cdef int n_pool, n_pinned, n_slots
    cdef object codes, levels, varies, live, computed  # of each term, as arrays
    cdef list pieces, written  # of each piece: its description; its instructions and their origins
    cdef object output_places, output_pieces
    cdef readonly dict parts  # what a Program is made of

    def __init__(self, int first, list inputs, Var n_lanes, list outputs, list guards):
        self.graph = own_graph()
        self.n_inputs = len(inputs)
        self.lowest = first
        self.read(inputs, n_lanes, outputs, guards)
        self.count_uses()
        self.fuse()
        self.count_uses()
        self.find_levels()
        self.assemble()

    # ---- A: read ----

    cdef int read(self, list inputs, Var n_lanes, list outputs, list guards) except -1:
        cdef Graph g = self.graph
        cdef int k, node, n_nodes, number
        cdef Var v
        roots = []
        for x in [*outputs, *[guard[0] for guard in guards]]:
            if type(x) is Var:
                if (<Var>x).graph is not g:
                    refuse_outsider()
                roots.append(node_of(<Var>x))
        cdef unsigned char[::1] reached = g.reached_from(np.array(roots, np.int32))
        n_nodes = g.n_nodes
        self.terms = Terms(np.count_nonzero(np.asarray(reached)) + len(inputs))
        self.term_of = np.full(n_nodes - self.lowest, -1, np.int32)
        for number, v in enumerate(inputs):
            node = node_of(v)
            self.term_of[node - self.lowest] = self.terms.intern(g.op[node], number, -1, -1, 0.0, 0)
        self.n_lanes_term = -1 if n_lanes is None else self.term_of[node_of(n_lanes) - self.lowest]
        if np.any(np.asarray(reached)[: self.lowest]):
            refuse_outsider()
        for node in range(self.lowest, n_nodes):
            if reached[node] and self.term_of[node - self.lowest] < 0 and g.op[node] != PAIR:
                self.term_of[node - self.lowest] = self.read_node(node)
        self.outputs = np.array(
            [self.term_at(node_of(<Var>x)) if type(x) is Var else self.terms.constant(x) for x in outputs], np.int32
        )
        self.guards = []
        seen = set()
        for v, outcome, origin in guards:
            k = self.term_at(node_of(v))
            if self.terms.term[k].op != CONSTANT and k not in seen:
                seen.add(k)
                self.guards.append((k, bool(outcome), origin))
        return 0

    cdef int term_at(self, int node) except -1:
        return self.term_of[node - self.lowest]

    cdef int operand(self, int arg, double constant) except -1:
        """The term of an argument, or of the constant that stands in its place."""
        return self.term_of[arg - self.lowest] if arg else self.terms.constant(constant)

    cdef int read_node(self, int node) except -1:
        """The term of a node whose arguments have been read."""
        cdef Graph g = self.graph
        cdef int op = g.op[node], arg0 = g.arg0[node], arg1 = g.arg1[node], a, b, c
        cdef int64_t origin = g.origin[node]
        if op == INPUT or op == LANE:
            # An input of an inner transform, which is another name for what was passed.
            return self.operand(arg0, g.value[node])
        if op == LEAF:
            # Made by the function itself, from a number that is the same at every call.
            return self.terms.constant(g.value[node])
        a = self.operand(arg0, g.slope0[node])
        if op == LANE_SUM and not self.terms.term[a].varying:
            return self.terms.apply(MUL, a, self.n_lanes_term, -1, origin)
        if op == LANE_SUM:
            return self.terms.intern(LANE_SUM, a, -1, -1, 0.0, origin)
        if op == WHERE:
            b = self.operand(g.arg0[arg1], g.slope0[arg1])
            c = self.operand(g.arg1[arg1], g.slope1[arg1])
            return self.terms.apply(op, a, b, c, origin)
        if arity[op] == 1:
            return self.terms.apply(op, a, -1, -1, origin)
        return self.terms.apply(op, a, self.operand(arg1, g.slope1[node]), -1, origin)

    # ---- B: fuse ----

    cdef int count_uses(self) except -1:
        """Count uses, of live terms only."""
        cdef term_t* term = self.terms.term
        cdef int t, k
        self.uses = np.zeros(self.terms.n_terms, np.int32)
        for k in range(self.outputs.shape[0]):
            self.uses[self.outputs[k]] += 1
        for guard in self.guards:
            self.uses[<int>guard[0]] += 1
        for t in range(self.terms.n_terms - 1, -1, -1):
            if self.uses[t] and term[t].op != CONSTANT and term[t].op != INPUT and term[t].op != LANE:
                self.uses[term[t].a] += 1
                if term[t].b >= 0:
                    self.uses[term[t].b] += 1
                if term[t].c >= 0:
                    self.uses[term[t].c] += 1
        return 0

    cdef int fuse(self) except -1:
        """Let a term that only one other uses join it. Both must be varying, or both uniform."""
        cdef term_t* term = self.terms.term
        cdef term_t* outer
        cdef term_t* inner
        cdef int t, at, code, other
        self.find_levels()
        for t in range(self.terms.n_terms):
            outer = &term[t]
            if not self.uses[t] or outer.op <= LANE_SUM or outer.op >= N_CODES:
                continue
            for at in range(2):
                other = outer.b if at == 0 else outer.a
                inner = &term[outer.a if at == 0 else outer.b]
                if (at == 1 and outer.b < 0) or inner.op >= N_CODES or inner.op < 0:
                    continue
                code = fused[outer.op][inner.op][0 if commutes[outer.op] else at]
                if (code and self.uses[inner - term] == 1 and inner.varying == outer.varying
                        and self.level[inner - term] == self.level[t]):
                    outer.op, outer.a = code, inner.a
                    if inner.b >= 0:
                        outer.b, outer.c = inner.b, other
                    else:
                        outer.b = other
                    self.uses[inner - term] = 0
                    break
        return 0

    # ---- C: pieces ----

    cdef int find_levels(self) except -1:
        """After how many sums over lanes can each term be computed?"""
        cdef term_t* term = self.terms.term
        cdef int t, k, arg
        self.level = np.zeros(self.terms.n_terms, np.int32)
        for t in range(self.terms.n_terms):
            if term[t].op == LANE or term[t].op == INPUT or term[t].op == CONSTANT:
                continue
            for k in range(3):
                arg = term[t].a if k == 0 else term[t].b if k == 1 else term[t].c
                if arg >= 0:
                    self.level[t] = max(self.level[t], self.level[arg])
            if term[t].op == LANE_SUM:
                self.level[t] += 1
        return 0

    cdef int pin(self, int t) except -1:
        """Give a uniform term a pool entry of its own."""
        if not self.pinned[t]:
            self.pinned[t] = 1
            self.place[t] = self.n_pool
            self.n_pool += 1
        return 0

    cdef int assemble(self) except -1:
        """Lay out the pieces and collect what a Program is made of."""
        cdef term_t* term
        cdef int t, level
        checks = self.add_checks()
        self.describe(checks)
        term = self.terms.term
        constants = np.flatnonzero(self.live & (self.codes == CONSTANT))
        uniform_inputs = np.flatnonzero(self.live & (self.codes == INPUT))
        self.pin_shared([*constants, *uniform_inputs])
        self.pieces, self.written, self.n_slots = [], [], 0
        self.n_pinned = self.n_pool
        outputs = np.asarray(self.outputs)
        self.output_places, self.output_pieces = np.full((2, len(outputs)), -1, np.int32)
        for level in range(1 + int(self.levels[self.live].max(initial=0))):
            self.lay_uniform(level, checks)
            self.lay_varying(level, checks)
        uniform = ~self.varies[outputs]
        self.output_places[uniform] = np.asarray(self.place)[outputs[uniform]]

        pool = np.zeros(self.n_pool)
        for t in constants:
            pool[self.place[t]] = term[t].number
        start = 0
        for piece, (code, _) in zip(self.pieces, self.written):
            piece["start"], piece["stop"] = start, start + len(code)
            start += len(code)
        origins = np.concatenate([origins for _, origins in self.written] + [np.empty(0, np.int64)])
        distinct, position_of = np.unique(origins, return_inverse=True)
        self.parts = {
            "code": np.concatenate([code for code, _ in self.written] + [np.empty(0, vm.INSTRUCTION)]),
            "positions": [position(self.graph.codes, origin) for origin in distinct],
            "position_of": position_of.astype(np.int32),
            "pool": pool,
            "n_constants": len(constants),
            "n_slots": self.n_slots,
            "n_inputs": self.n_inputs,
            "pieces": self.pieces,
            "uniform_inputs": [(term[t].a, self.place[t]) for t in uniform_inputs],
            "output_places": self.output_places,
            "output_pieces": self.output_pieces,
            "guards": [(outcome, position(self.graph.codes, origin)) for _, outcome, origin in self.guards],
        }
        return 0

    cdef dict add_checks(self):
        """Make each guard a term that checks and has no value; give their outcomes by term."""
        checks = {}
        for number, (t, outcome, origin) in enumerate(self.guards):
            checks[self.terms.intern(GUARDED, t, -1, -1, number, origin)] = outcome
        return checks

    cdef int describe(self, dict checks) except -1:
        """What each term is, as arrays."""
        cdef term_t* term = self.terms.term
        cdef int t, n_terms = self.terms.n_terms
        self.count_uses()
        for t in checks:
            self.uses[t] = 1
        self.find_levels()
        cdef unsigned char[::1] varies = np.empty(n_terms, np.uint8)
        cdef int[::1] codes = np.empty(n_terms, np.int32)
        for t in range(n_terms):
            varies[t], codes[t] = term[t].varying, term[t].op
        self.varies, self.codes = np.asarray(varies).astype(bool), np.asarray(codes)
        self.levels = np.asarray(self.level)
        self.live = np.asarray(self.uses) > 0
        self.computed = self.live & ~np.isin(self.codes, (CONSTANT, INPUT, LANE, LANE_SUM))
        self.place = np.full(n_terms, -1, np.int32)
        self.pinned = np.zeros(n_terms, np.uint8)
        return 0

    cdef int pin_shared(self, list first) except -1:
        """Pin what comes from outside, and the uniform values that another piece or the caller reads."""
        cdef term_t* term = self.terms.term
        cdef int t, k, arg
        for t in [*first, *np.flatnonzero(self.live & (self.codes == LANE_SUM))]:
            self.pin(t)
        for k in range(self.outputs.shape[0]):
            if not term[self.outputs[k]].varying:
                self.pin(self.outputs[k])
        for t in range(self.terms.n_terms):
            if self.uses[t] and term[t].op != CONSTANT and term[t].op != INPUT and term[t].op != LANE:
                for k in range(3):
                    arg = term[t].a if k == 0 else term[t].b if k == 1 else term[t].c
                    if (arg >= 0 and not term[arg].varying
                            and (term[t].varying or term[t].op == LANE_SUM or self.level[t] != self.level[arg])):
                        self.pin(arg)
        return 0

    cdef int lay_uniform(self, int level, dict checks) except -1:
        """The uniform piece that runs after so many sums over lanes."""
        part = 2 * (self.computed & ~self.varies & (self.levels == level)).astype(np.uint8)
        targets = np.flatnonzero((part == 2) & ((np.asarray(self.pinned) == 1) | (self.codes == GUARDED)))
        if len(targets):
            n_used = self.write_piece(part, self.in_output_order(targets), checks, False, self.n_pinned)
            self.n_pool = max(self.n_pool, n_used)
            self.pieces.append({"varying": False, "inputs": [], "sums": []})
        return 0

    cdef int lay_varying(self, int level, dict checks) except -1:
        """The varying piece that runs after so many sums over lanes."""
        cdef term_t* term = self.terms.term
        outputs = np.asarray(self.outputs)
        sums = np.flatnonzero(self.live & (self.codes == LANE_SUM) & (self.levels == level + 1))
        mine = self.varies[outputs] & (self.levels[outputs] == level)
        guards = np.flatnonzero(self.computed & self.varies & (self.levels == level) & (self.codes == GUARDED))
        targets = np.unique(np.concatenate([[term[t].a for t in sums], outputs[mine], guards]).astype(np.int32))
        if len(targets) == 0:
            return 0
        here = self.live & self.varies & (self.levels <= level)
        # Guards of earlier levels have been checked.
        part = np.where(here & self.computed & ~((self.codes == GUARDED) & (self.levels < level)), 2, 0)
        part = np.where(here & (self.codes == LANE), 1, part).astype(np.uint8)
        n_used = self.write_piece(part, self.in_output_order(targets), checks, True, 0)
        self.n_slots = max(self.n_slots, n_used)
        lanes = np.flatnonzero((self.codes == LANE) & (part == 1))
        self.output_places[mine] = np.asarray(self.place)[outputs[mine]]
        self.output_pieces[mine] = len(self.pieces)
        self.pieces.append({
            "varying": True,
            "inputs": [(term[t].a, self.place[t]) for t in lanes],
            "sums": [(self.place[term[t].a], self.place[t]) for t in sums],
        })
        return 0

    cdef object in_output_order(self, targets):
        """Terms in the order in which the outputs name them, the others last."""
        rank = np.full(self.terms.n_terms, self.outputs.shape[0], np.int64)
        rank[np.asarray(self.outputs)[::-1]] = np.arange(self.outputs.shape[0])[::-1]
        return np.asarray(targets, np.int32)[np.argsort(rank[targets], kind="stable")]

    # ---- D: order and slots ----

    cdef int write_piece(self, part, targets, dict checks, bint is_varying, int n_before) except -1:
        """Write the instructions of a piece and their origins; give the number of slots or pool entries used."""
        cdef Schedule schedule = Schedule(self.terms, part, targets)
        cdef const int[::1] order = schedule.order if is_varying else schedule.order_for_one_lane()
        cdef term_t* term = self.terms.term
        cdef int n = <int>order.shape[0], i, k, t, arg, n_used = n_before, n_free = 0
        cdef int[3] args
        cdef int[::1] left = np.diff(schedule.first_user).astype(np.int32)
        cdef int[::1] free = np.empty(self.terms.n_terms + 1, np.int32)
        cdef unsigned char[::1] state = schedule.part
        code = np.zeros(n, vm.INSTRUCTION)
        origins = np.empty(n, np.int64)
        cdef char[::1] bytes_of_code = code.view(np.int8)
        cdef instr_t* instruction = <instr_t*>&bytes_of_code[0] if n else NULL
        cdef int64_t[::1] origin = origins
        for t in targets:
            left[t] += 1
        if is_varying:
            for t in range(self.terms.n_terms):
                if state[t] == 1:
                    self.place[t] = n_used
                    n_used += 1
        for i in range(n):
            t = order[i]
            args[0], args[1], args[2] = term[t].a, term[t].b, term[t].c
            origin[i] = term[t].origin
            instruction[i].op = <unsigned short>(GUARD if term[t].op == GUARDED else term[t].op)
            instruction[i].a = self.place[args[0]]
            instruction[i].b = self.place[args[1]] if args[1] >= 0 else 0
            instruction[i].c = self.place[args[2]] if args[2] >= 0 else 0
            for k in range(3):
                if args[k] >= 0 and is_varying and not term[args[k]].varying:
                    instruction[i].kind |= 1 << k
            if term[t].op == GUARDED:
                instruction[i].b = <int>term[t].number
                instruction[i].expected = checks[t]
            elif self.pinned[t]:
                instruction[i].dst = self.place[t]
            else:
                # Before the arguments are given back: a kernel must not write where it reads.
                if n_free:
                    n_free -= 1
                    self.place[t] = free[n_free]
                else:
                    self.place[t] = n_used
                    n_used += 1
                instruction[i].dst = self.place[t]
            for k in range(3):
                arg = args[k]
                if arg >= 0 and state[arg] and not self.pinned[arg]:
                    left[arg] -= 1
                    if left[arg] == 0:
                        free[n_free] = self.place[arg]
                        n_free += 1
        self.written.append((code, origins))
        return n_used


cdef int refuse_outsider() except -1:
    raise TracingError(
        "the function that is compiled uses a var from outside, whose value would be frozen; pass it as an argument, "
        "or its number v.data if it never changes"
    )
