"""How does a program run over many lanes, on several threads?

The lanes are cut into blocks, the blocks into one contiguous share per thread. Sums are kept block by block and added
up by a tree that does not know of threads, so the bits are the same for any number of them.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals

import numpy as np

from wengert._core.program cimport Program, piece_t, set_pool
from wengert._core.vm cimport Workspace, lanes_t, stream_t, vm, workspace_size

cdef enum:
    # Instructions times lanes until a thread comes up for air: about 10 ms, which makes an interrupt prompt.
    WORK_AT_A_TIME = 100_000_000


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
    cdef Py_ssize_t[:, ::1] inputs, outputs  # streams of the piece that runs
    cdef const Py_ssize_t[:, ::1] all_inputs, all_outputs
    cdef int[::1] input_slots, output_slots, sum_slots
    cdef double[:, ::1] partial_sums
    cdef int[::1] failed  # of each lane
    cdef lanes_t lanes
    cdef list arrays
    cdef bint stopped  # by an exception in one of the threads

    def __init__(self, Program program, Py_ssize_t n_lanes, const double[::1] uniform,
                 const Py_ssize_t[:, ::1] inputs, const Py_ssize_t[:, ::1] outputs, list arrays):
        cdef int k
        self.program = program
        self.arrays = arrays
        self.n_lanes = n_lanes
        self.n_blocks = (n_lanes + program.n_lanes_per_block - 1) // program.n_lanes_per_block
        self.all_inputs, self.all_outputs = inputs, outputs
        self.failed = None
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
            ``spread(share, n_blocks, work)`` calls ``share(first_block, end_block)`` for parts of all blocks, in several
            threads if that is worth the `work`, in instructions times lanes.

        Returns
        -------
        int, ndarray of int32 or None
            None if no guard failed; the number of the guard if one failed in all lanes, or on uniform values; else of
            each lane the number of a guard that failed there, or -1.
        """
        cdef Program program = self.program
        cdef piece_t* piece
        cdef int k, guard
        cdef Py_ssize_t lane
        result = None
        for k in range(program.n_pieces):
            piece = &program.pieces[k]
            if not piece.varying:
                guard = vm.run_uniform(program.code + piece.start, piece.stop - piece.start, &self.pool[0],
                                       program.single)
                if guard >= 0:
                    return guard
            elif self.n_lanes:
                self.prepare(k)
                try:
                    spread(self.share, self.n_blocks, float(self.n_lanes) * (piece.stop - piece.start))
                except BaseException:
                    self.stopped = True  # also if the interrupt came while this thread waited for the others
                    raise
                self.add_up(piece)
                if piece.has_guards and np.any(np.asarray(self.failed) >= 0):
                    failed = np.asarray(self.failed)
                    if result is None:
                        result = failed
                    else:
                        # As unsigned numbers, "none" is the largest.
                        result = np.minimum(result.view(np.uint32), failed.view(np.uint32)).view(np.int32)
            else:
                self.add_nothing(piece)
        if result is not None and np.all(result == result[0]):
            return int(result[0])
        return result

    cdef int prepare(self, int number) except -1:
        """Set up the run of one varying piece."""
        cdef Program program = self.program
        cdef piece_t* piece = &program.pieces[number]
        cdef int n_inputs = piece.end_load - piece.first_load, n_sums = piece.end_sum - piece.first_sum
        cdef int k, n_outputs = 0
        self.inputs = np.empty((n_inputs + 1, 2), np.intp)
        self.input_slots = np.empty(n_inputs + 1, np.int32)
        for k in range(n_inputs):
            self.inputs[k, 0] = self.all_inputs[program.loads[piece.first_load + k].number, 0]
            self.inputs[k, 1] = self.all_inputs[program.loads[piece.first_load + k].number, 1]
            self.input_slots[k] = program.loads[piece.first_load + k].place
        self.outputs = np.empty((program.n_outputs + 1, 2), np.intp)
        self.output_slots = np.empty(program.n_outputs + 1, np.int32)
        for k in range(program.n_outputs):
            if program.output_pieces[k] == number:
                self.outputs[n_outputs, 0], self.outputs[n_outputs, 1] = self.all_outputs[k, 0], self.all_outputs[k, 1]
                self.output_slots[n_outputs] = program.output_places[k]
                n_outputs += 1
        self.sum_slots = np.empty(n_sums + 1, np.int32)
        for k in range(n_sums):
            self.sum_slots[k] = program.sums[piece.first_sum + k].number
        self.partial_sums = np.empty((self.n_blocks if n_sums else 1, max(1, n_sums)))
        self.lanes.code = program.code + piece.start
        self.lanes.n_code = piece.stop - piece.start
        self.lanes.n_slots = program.n_slots
        self.lanes.n_lanes_per_block = program.n_lanes_per_block
        self.lanes.single = program.single
        self.lanes.pool = &self.pool[0]
        self.lanes.n_inputs, self.lanes.inputs = n_inputs, <const stream_t*>&self.inputs[0, 0]
        self.lanes.input_slots = &self.input_slots[0]
        self.lanes.n_outputs, self.lanes.outputs = n_outputs, <const stream_t*>&self.outputs[0, 0]
        self.lanes.output_slots = &self.output_slots[0]
        self.lanes.n_sums, self.lanes.sum_slots = n_sums, &self.sum_slots[0]
        self.lanes.partial_sums = &self.partial_sums[0, 0]
        self.lanes.failed = NULL
        if piece.has_guards:
            self.failed = np.empty(self.n_lanes, np.int32)
            self.lanes.failed = &self.failed[0]
        self.stopped = False
        return 0

    def share(self, Py_ssize_t first_block, Py_ssize_t end_block):
        """Run these blocks in this thread."""
        cdef Workspace workspace = Workspace()
        cdef Py_ssize_t block, end
        cdef Py_ssize_t work = <Py_ssize_t>(self.lanes.n_code + 1) * self.lanes.n_lanes_per_block
        cdef Py_ssize_t n_at_a_time = max(1, WORK_AT_A_TIME // work)
        try:
            workspace.provide(workspace_size(&self.lanes))
            block = first_block
            while block < end_block and not self.stopped:
                end = min(block + n_at_a_time, end_block)
                with nogil:
                    vm.run_blocks(&self.lanes, block, end, self.n_lanes, workspace.data)
                PyErr_CheckSignals()
                block = end
        except BaseException:
            self.stopped = True
            raise

    cdef int add_up(self, piece_t* piece) except -1:
        """Put the sums over all lanes into the pool."""
        cdef int k, n_sums = piece.end_sum - piece.first_sum
        cdef double[::1] total
        if n_sums:
            total = np.empty(n_sums)
            vm.combine_sums(self.lanes.partial_sums, self.n_blocks, n_sums, &total[0])
            for k in range(n_sums):
                set_pool(&self.pool[0], self.program.sums[piece.first_sum + k].place, total[k], self.program.single)
        return 0

    cdef int add_nothing(self, piece_t* piece) except -1:
        """A sum over no lanes is zero."""
        cdef int k
        for k in range(piece.first_sum, piece.end_sum):
            self.pool[self.program.sums[k].place] = 0.0
        return 0

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
