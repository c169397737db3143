"""What is a program?"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.string cimport memcpy

import numpy as np

from wengert import ops
from wengert._core.codes cimport GUARD
from wengert._core.vm cimport instr_t, vm
from wengert._core.vm import INSTRUCTION
from wengert.errors import ProgramFormatError

cdef dict NAMES = {code: name for code, name in enumerate(ops.NODES_WITHOUT_OP)}
NAMES |= {row.code: row.name for row in ops.OPS.values()}
NAMES |= {row.code: row.name for row in ops.FUSED.values()}
cdef dict ARITY = {row.code: row.arity for row in ops.OPS.values()}
ARITY |= {
    row.code: ops.OPS[row.inner].arity + ops.OPS[row.outer].arity - 1 for row in ops.FUSED.values()
}
# Of each op: how many kinds of operands it is known for.
cdef object KERNELS = np.array([(1 << ARITY.get(code, 0)) - 1 for code in range(GUARD)] + [2], np.uint8)
# The width of a block, by the bytes that its slots take at that width. An instruction costs some 2.5 ns beside its
# lanes, so wide blocks are good, as long as the slots fit into the second-level cache beside the rows that come and
# go; with many inputs, wider blocks are also slower to transpose.
cdef tuple WIDTHS = ((256, 1 << 16), (128, 1 << 18), (64, 1 << 18))
cdef int NARROWEST = 32


cdef link_t* links(pairs) except? NULL:
    """Pairs of numbers as an array that the caller frees."""
    cdef link_t* result = <link_t*>PyMem_Calloc(max(1, len(pairs)), sizeof(link_t))
    cdef int k
    if result == NULL:
        raise MemoryError(f"no memory for {len(pairs)} inputs")
    for k, (number, place) in enumerate(pairs):
        result[k].number, result[k].place = number, place
    return result


@cython.final
cdef class Program:
    """A compiled function: a flat array of instructions that only needs numbers to run.

    Made by `wengert.compile`; ``compiled.program(*args)`` gives it. A program is immutable, can be pickled, and may run
    in several threads at once. ``str(program)`` lists its instructions with the source lines that they come from.

    Attributes
    ----------
    n_instructions : int
        Number of instructions.
    n_slots : int
        Blocks of lanes that are alive at a time, at most.
    n_bytes : int
        Memory that a run needs on one thread: the instructions, the pool and the slots.

    Examples
    --------
    >>> c = wg.compile(lambda x, y: x * wg.exp(y) + 1.0)
    >>> print(c.program(2.0, 3.0))  # doctest: +ELLIPSIS
    program of 2 instructions, 2 inputs, 1 outputs
    once:
      u4 = exp u2                              <lambda>, line 1 of ...
      u3 = add_mul u1, u4, 1.0                 <lambda>, line 1 of ...
    returns u3
    """

    def __init__(self, dict parts):
        self.parts = parts
        self.code_array = np.array(parts["code"], INSTRUCTION)
        self.code_array.setflags(write=False)
        cdef const unsigned char[::1] code_bytes = self.code_array.view(np.uint8) if len(self.code_array) else None
        self.code = <const instr_t*>&code_bytes[0] if code_bytes is not None else NULL
        self.n_inputs = parts["n_inputs"]
        self.n_slots = parts["n_slots"]
        self.n_guards = len(parts["guards"])
        self.single = parts["single"]
        self.output_places = np.array(parts["output_places"], np.int32)
        self.output_pieces = np.array(parts["output_pieces"], np.int32)
        self.n_outputs = <int>self.output_places.shape[0]
        bytes_per_lane = (4 if self.single else 8) * self.n_slots
        self.n_lanes_per_block = next(
            (width for width, n_bytes in WIDTHS if width * bytes_per_lane <= n_bytes), NARROWEST
        )
        self.n_code = len(self.code_array)
        self.check()
        self.take_pool(np.asarray(parts["pool"], np.float32 if self.single else np.float64).astype(np.float64))
        self.take_pieces(parts["pieces"])
        self.uniform_inputs = links(parts["uniform_inputs"])
        self.n_uniform_inputs = len(parts["uniform_inputs"])
        self.varies = any([piece["varying"] for piece in parts["pieces"]])

    def __dealloc__(self):
        PyMem_Free(self.pieces)
        PyMem_Free(self.loads)
        PyMem_Free(self.sums)
        PyMem_Free(self.uniform_inputs)
        PyMem_Free(self.pool)

    cdef int take_pool(self, const double[::1] pool) except -1:
        self.n_pool = <int>pool.shape[0]
        self.pool = <double*>PyMem_Calloc(self.n_pool + 1, sizeof(double))
        if self.pool == NULL:
            raise MemoryError(f"no memory for {self.n_pool} uniform values")
        if self.n_pool:
            memcpy(self.pool, &pool[0], self.n_pool * sizeof(double))
        return 0

    cdef int take_pieces(self, list pieces) except -1:
        cdef int k, n_loads = 0, n_sums = 0
        self.n_pieces = len(pieces)
        self.pieces = <piece_t*>PyMem_Calloc(self.n_pieces + 1, sizeof(piece_t))
        if self.pieces == NULL:
            raise MemoryError(f"no memory for {self.n_pieces} pieces")
        self.loads = links([pair for piece in pieces for pair in piece["inputs"]])
        self.sums = links([pair for piece in pieces for pair in piece["sums"]])
        codes = self.code_array["op"]
        for k, piece in enumerate(pieces):
            self.pieces[k].varying = piece["varying"]
            self.pieces[k].start, self.pieces[k].stop = piece["start"], piece["stop"]
            self.pieces[k].first_load = n_loads
            n_loads += len(piece["inputs"])
            self.pieces[k].end_load = n_loads
            self.pieces[k].first_sum = n_sums
            n_sums += len(piece["sums"])
            self.pieces[k].end_sum = n_sums
            self.pieces[k].has_guards = bool(np.any(codes[piece["start"]:piece["stop"]] == GUARD))
        return 0

    def check(self):
        """Refuse what could make a run read or write outside of its memory; a program may come from a file."""
        parts, code = self.parts, self.code_array
        n_pool, n_guards = len(parts["pool"]), len(parts["guards"])

        def demand(bint good):
            if not good:
                raise ProgramFormatError("these are not the parts of a program: a number in them is out of range")

        def within(numbers, size):
            demand(len(numbers) == 0 or 0 <= np.min(numbers) <= np.max(numbers) < size)

        for piece in parts["pieces"]:
            demand(0 <= piece["start"] <= piece["stop"] <= len(code))
            part, size = code[piece["start"]:piece["stop"]], self.n_slots if piece["varying"] else n_pool
            demand(bool(np.all((part["op"] >= len(ops.NODES_WITHOUT_OP)) & (part["op"] <= GUARD))))
            guard = part["op"] == GUARD
            if piece["varying"]:
                # There are kernels for all kinds of operands except all uniform.
                demand(bool(np.all(part["kind"] < KERNELS[part["op"]])))
            within(part["dst"][~guard], size)
            within(part["b"][guard], max(1, n_guards))
            for bit, name in enumerate("abc"):
                uniform = (part["kind"] & (1 << bit) != 0) | (not piece["varying"])
                place = part[name][~guard] if name == "b" else part[name]
                uniform = uniform[~guard] if name == "b" else uniform
                within(place[uniform], max(1, n_pool))
                within(place[~uniform], size)
            within([number for number, _ in piece["inputs"]], self.n_inputs)
            within([slot for _, slot in piece["inputs"]], self.n_slots)
            within([slot for slot, _ in piece["sums"]], self.n_slots)
            within([place for _, place in piece["sums"]], n_pool)
        within([number for number, _ in parts["uniform_inputs"]], self.n_inputs)
        within([place for _, place in parts["uniform_inputs"]], n_pool)
        demand(len(parts["position_of"]) == len(code))
        within(parts["position_of"], len(parts["positions"]))
        demand(self.output_places.shape[0] == self.output_pieces.shape[0])
        pieces, places = np.asarray(self.output_pieces), np.asarray(self.output_places)
        within(pieces + 1, len(parts["pieces"]) + 1)
        demand(all(parts["pieces"][piece]["varying"] for piece in set(pieces[pieces >= 0].tolist())))
        within(places[pieces < 0], n_pool)
        within(places[pieces >= 0], self.n_slots)

    cdef int run_once(self, double* pool) noexcept nogil:
        cdef int k, failed
        for k in range(self.n_pieces):
            if not self.pieces[k].varying:
                failed = vm.run_uniform(self.code + self.pieces[k].start, self.pieces[k].stop - self.pieces[k].start,
                                        pool, self.single)
                if failed >= 0:
                    return failed
        return -1

    # ---- what it tells of itself ----

    def __reduce__(self):
        return Program, (self.parts,)

    @property
    def n_instructions(self):
        return len(self.code_array)

    @property
    def n_bytes(self):
        cdef Py_ssize_t item = 4 if self.single else 8
        return self.code_array.nbytes + 8 * self.n_pool + self.n_slots * self.n_lanes_per_block * item

    def cost(self):
        """What a run costs.

        Returns
        -------
        dict of str to int
            ``flops`` and ``bytes``: operations (a function such as exp counts as one) and bytes of values read and
            written by the instructions that run once; ``flops per lane`` and ``bytes per lane``: those of the others,
            with loading the inputs and storing the outputs.
        """
        item = 4 if self.single else 8
        result = {"flops": 0, "bytes": 0, "flops per lane": 0, "bytes per lane": 0}
        fused = {row.code for row in ops.FUSED.values()}
        for piece in self.parts["pieces"]:
            where = " per lane" if piece["varying"] else ""
            for op, kind in self.code_array[["op", "kind"]][piece["start"]:piece["stop"]].tolist():
                arity = ARITY.get(op, 0)
                n_varying = sum(1 for k in range(arity) if not kind >> k & 1)
                result["flops" + where] += 2 if op in fused else 1
                result["bytes" + where] += item * (1 + (n_varying if piece["varying"] else arity))
            result["bytes per lane"] += 2 * item * len(piece["inputs"])
        result["bytes per lane"] += 2 * item * int(np.count_nonzero(np.asarray(self.output_pieces) >= 0))
        return result

    def __repr__(self):
        return (f"<Program of {self.n_instructions} instructions, {self.n_slots} slots, {self.n_inputs} inputs, "
                f"{self.n_outputs} outputs>")

    def __str__(self):
        parts = self.parts
        constants = {k: repr(float(parts["pool"][k])) for k in range(parts["n_constants"])}
        lines = [f"program of {self.n_instructions} instructions, {self.n_inputs} inputs, {self.n_outputs} outputs"]

        def name(place, uniform):
            return constants.get(place, f"u{place}") if uniform else f"s{place}"

        for piece in parts["pieces"]:
            varying = piece["varying"]
            lines += ["for each lane:" if varying else "once:"]
            lines += [f"  s{slot} = input {number}" for number, slot in piece["inputs"]]
            for k in range(piece["start"], piece["stop"]):
                op, kind, expected, dst, a, b, c = self.code_array[k].tolist()
                if op == GUARD:
                    text = f"guard {b}: {name(a, not varying or kind & 1)} is {'true' if expected else 'false'}"
                else:
                    operands = [name(x, not varying or kind >> bit & 1) for bit, x in enumerate((a, b, c))]
                    text = f"{name(dst, not varying)} = {NAMES[op]} {', '.join(operands[:ARITY[op]])}"
                where = parts["positions"][parts["position_of"][k]]
                lines.append(f"  {text:40}" + (f" {where[2]}, line {where[1]} of {where[0]}" if where else ""))
            lines += [f"  u{place} = sum of s{slot} over the lanes" for slot, place in piece["sums"]]
        returned = [name(place, piece < 0) for place, piece in zip(self.output_places, self.output_pieces)]
        return "\n".join([*lines, "returns " + ", ".join(returned)])
