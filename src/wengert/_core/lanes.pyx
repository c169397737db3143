"""How does a program run over many lanes, on several threads?

The lanes are cut into blocks, of which each thread takes a few at a time. Sums are kept block by block and added up by
a tree that does not know of threads, so the bits are the same for any number of them.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals

import numpy as np

from wengert._core.program cimport Program, piece_t, set_pool
from wengert._core.vm cimport Workspace, lanes_t, stream_t, vm, workspace_size

cdef enum:
    # Instructions times lanes until a thread comes up for air: at most about 10 ms, which makes an interrupt prompt; at
    # least 50 us, beside which taking the GIL is nothing.
    MOST_WORK = 100_000_000
    LEAST_WORK = 500_000


@cython.final
cdef class PieceRun:
    """One varying piece of a program, ready to run over lanes once it is told where they are."""

    def __init__(self, Program program, int number):
        cdef piece_t* piece = &program.pieces[number]
        cdef int k
        self.piece = piece
        self.program = program
        outputs = [k for k in range(program.n_outputs) if program.output_pieces[k] == number]
        loads = range(piece.first_load, piece.end_load)
        self.input_numbers = np.array([program.loads[k].number for k in loads] + [0], np.int32)
        self.input_slots = np.array([program.loads[k].place for k in loads] + [0], np.int32)
        self.output_numbers = np.array(outputs + [0], np.int32)
        self.output_slots = np.array([program.output_places[k] for k in outputs] + [0], np.int32)
        sums = range(piece.first_sum, piece.end_sum)
        self.sum_slots = np.array([program.sums[k].number for k in sums] + [0], np.int32)
        self.inputs = np.zeros((len(self.input_numbers), 2), np.intp)
        self.outputs = np.zeros((len(self.output_numbers), 2), np.intp)
        self.partial_sums = np.empty(0)
        self.failed = np.empty(0, np.int32)
        self.lanes.code = program.code + piece.start
        self.lanes.n_code = piece.stop - piece.start
        self.lanes.n_slots = program.n_slots
        self.lanes.n_lanes_per_block = program.n_lanes_per_block
        self.lanes.single = program.single
        self.lanes.n_inputs = piece.end_load - piece.first_load
        self.lanes.inputs = <const stream_t*>&self.inputs[0, 0]
        self.lanes.input_slots = &self.input_slots[0]
        self.lanes.n_outputs = <int>len(outputs)
        self.lanes.outputs = <const stream_t*>&self.outputs[0, 0]
        self.lanes.output_slots = &self.output_slots[0]
        self.lanes.n_sums = piece.end_sum - piece.first_sum
        self.lanes.sum_slots = &self.sum_slots[0]

    cdef int point(self, const double* pool, const Py_ssize_t[:, ::1] inputs, const Py_ssize_t[:, ::1] outputs,
                   Py_ssize_t n_lanes) except -1:
        """Say where the lanes are: addresses and strides of all inputs and outputs of the program."""
        cdef Py_ssize_t n_blocks = count_blocks(self.program, n_lanes), k
        for k in range(self.lanes.n_inputs):
            self.inputs[k, 0] = inputs[self.input_numbers[k], 0]
            self.inputs[k, 1] = inputs[self.input_numbers[k], 1]
        for k in range(self.lanes.n_outputs):
            self.outputs[k, 0] = outputs[self.output_numbers[k], 0]
            self.outputs[k, 1] = outputs[self.output_numbers[k], 1]
        if self.partial_sums.shape[0] < n_blocks * self.lanes.n_sums:
            self.partial_sums = np.empty(n_blocks * self.lanes.n_sums)
        if self.piece.has_guards and self.failed.shape[0] < n_lanes:
            self.failed = np.empty(n_lanes, np.int32)
        self.lanes.pool = pool
        self.lanes.partial_sums = &self.partial_sums[0] if self.partial_sums.shape[0] else NULL
        self.lanes.failed = &self.failed[0] if self.piece.has_guards and n_lanes else NULL
        return 0

    cdef void add_up(self, double* pool, Py_ssize_t n_blocks, double* total) noexcept nogil:
        """Put the sums over all lanes into the pool; a sum over no lanes is zero."""
        cdef int k
        if n_blocks and self.lanes.n_sums:
            vm.combine_sums(self.lanes.partial_sums, n_blocks, self.lanes.n_sums, total)
        for k in range(self.lanes.n_sums):
            set_pool(pool, self.program.sums[self.piece.first_sum + k].place, total[k] if n_blocks else 0.0,
                     self.program.single)


@cython.final
cdef class LanesRun:
    """One run of a program over lanes. Whoever makes it has validated the arrays and keeps them alive.

    Parameters
    ----------
    program : Program
    n_lanes : int
    uniform : ndarray of float64, shape (n_inputs,)
        Values of the inputs that do not vary.
    inputs, outputs : ndarray of intp, shape (n_inputs, 2) and (n_outputs, 2)
        Address of the first lane and stride in bytes of those that vary, in the program's dtype.
    arrays : list of ndarray
        What these addresses point into: it lives as long as the run, of which a thread may do a last bit after an
        interrupt.
    """

    cdef Program program
    cdef readonly Py_ssize_t n_lanes, n_blocks
    cdef double[::1] pool
    cdef const Py_ssize_t[:, ::1] inputs, outputs
    cdef PieceRun piece  # that runs now
    cdef list arrays
    cdef Py_ssize_t next_block  # that no thread has taken yet
    cdef bint stopped  # by an exception in one of the threads

    def __init__(self, Program program, Py_ssize_t n_lanes, const double[::1] uniform,
                 const Py_ssize_t[:, ::1] inputs, const Py_ssize_t[:, ::1] outputs, list arrays):
        cdef int k
        self.program = program
        self.arrays = arrays
        self.n_lanes = n_lanes
        self.n_blocks = count_blocks(program, n_lanes)
        self.inputs, self.outputs = inputs, outputs
        self.pool = np.empty(program.n_pool + 1)
        for k in range(program.n_pool):
            self.pool[k] = program.pool[k]
        for k in range(program.n_uniform_inputs):
            set_pool(&self.pool[0], program.uniform_inputs[k].place, uniform[program.uniform_inputs[k].number],
                     program.single)

    def run(self, spread):
        """Run the pieces one after the other.

        Parameters
        ----------
        spread : callable
            ``spread(take_blocks, n_blocks, work)`` calls ``take_blocks()``, in several threads at once if that is worth
            the `work`, in instructions times lanes.

        Returns
        -------
        int, ndarray of int32 or None
            None if no guard failed; the number of the guard if one failed in all lanes, or on uniform values; else of
            each lane the number of a guard that failed there, or -1.
        """
        cdef Program program = self.program
        cdef piece_t* piece
        cdef int k, guard
        cdef double[::1] total
        result = None
        for k in range(program.n_pieces):
            piece = &program.pieces[k]
            if not piece.varying:
                guard = vm.run_uniform(program.code + piece.start, piece.stop - piece.start, &self.pool[0],
                                       program.single)
                if guard >= 0:
                    return guard
                continue
            self.piece = PieceRun(program, k)
            self.piece.point(&self.pool[0], self.inputs, self.outputs, self.n_lanes)
            self.stopped, self.next_block = False, 0
            try:
                if self.n_lanes:
                    spread(self.take_blocks, self.n_blocks, float(self.n_lanes) * (piece.stop - piece.start))
            except BaseException:
                self.stopped = True  # also if the interrupt came while this thread waited for the others
                raise
            total = np.empty(self.piece.lanes.n_sums + 1)
            self.piece.add_up(&self.pool[0], self.n_blocks, &total[0])
            if piece.has_guards and np.any(np.asarray(self.piece.failed) >= 0):
                failed = np.asarray(self.piece.failed)
                # As unsigned numbers, "none" is the largest.
                result = failed if result is None else np.minimum(
                    result.view(np.uint32), failed.view(np.uint32)).view(np.int32)
        if result is not None and np.all(result == result[0]):
            return int(result[0])
        return result

    def take_blocks(self):
        """Run blocks in this thread, a few at a time, until none are left."""
        cdef Workspace workspace = Workspace()
        cdef Py_ssize_t first, end
        cdef const lanes_t* lanes = &self.piece.lanes
        cdef Py_ssize_t work = (lanes.n_code + 1) * lanes.n_lanes_per_block
        # Few enough that threads end at about the same time, also if one of them wakes late or has a slow core.
        cdef Py_ssize_t n_at_a_time = max(LEAST_WORK // work, min(self.n_blocks // 32, MOST_WORK // work), 1)
        try:
            workspace.provide(workspace_size(lanes))
            while self.next_block < self.n_blocks and not self.stopped:
                first = self.next_block  # threads change it in turns, as they hold the GIL here
                end = min(first + n_at_a_time, self.n_blocks)
                self.next_block = end
                with nogil:
                    vm.run_blocks(lanes, first, end, self.n_lanes, workspace.data)
                PyErr_CheckSignals()
        except BaseException:
            self.stopped = True
            raise

    def uniform_outputs(self):
        """The values of all outputs, an array; arbitrary for those that vary."""
        cdef int k
        values = np.empty(self.program.n_outputs)
        cdef double[::1] value = values
        for k in range(self.program.n_outputs):
            value[k] = self.pool[self.program.output_places[k]] if self.program.output_pieces[k] < 0 else 0.0
        return values

    def varying_outputs(self):
        """Which outputs vary, an array of bools."""
        return np.asarray(self.program.output_pieces) >= 0
