"""How is a graph stored, and kept small?

The buffers grow by doubling; when they are full and less than half of the nodes can still be reached from a live var,
the others are dropped in place, so the cost per recorded node is constant and a training loop does not grow.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.pythread cimport PyThread_get_thread_ident
from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np

from wengert._core.sweep cimport BLOCK_BITS, clear_blocks, next_set, sweep_blocks
from wengert.errors import TracingError

cdef extern from "Python.h":
    int PyGC_Disable()
    int PyGC_Enable()

cdef tuple BUFFERS = ("op", "arg0", "arg1", "value", "slope0", "slope1", "place_of")
cdef str TOO_MANY = "a graph holds at most 2**30 nodes; drop vars you no longer need, or go in parts"
cdef tuple VIEWS = ("op", "arg0", "arg1", "value", "slope0", "slope1", "adjoint")


@cython.final
cdef class Graph:
    """What a thread has recorded: contiguous node buffers.

    Every thread records into its own graph, made with its first `Var`; ``var.graph`` gives it. The attributes `op`,
    `arg0`, `arg1` (int32) and `value`, `slope0`, `slope1`, `adjoint` (float64) are read-only arrays of shape
    ``(len(graph),)`` that share the graph's memory. Such a view stays valid for ever: the graph leaves its buffers to
    the view, and takes new ones, before it would move or drop a node.

    Examples
    --------
    >>> x = wg.Var(3.0)
    >>> y = x * x
    >>> float(y.graph.value[y.node]), float(y.graph.slope0[y.node])
    (9.0, 3.0)
    """

    def __cinit__(self):
        self.thread = PyThread_get_thread_ident()
        self.free_place = -1
        self.adjoint = None
        self.touched = None
        self.origin = self.known = None
        self.records, self.array_adjoints = {}, {}
        self.set_capacity(FIRST_CAPACITY)
        self.n_nodes = 0
        append(self, NONE, 0, 0, 0.0, 0.0, 0.0)

    def __dealloc__(self):
        PyMem_Free(self.places)

    def __reduce__(self):
        raise TracingError("a graph belongs to its thread and cannot be pickled; pickle the leaves, or their data")

    # ---- growth ----

    cdef int set_capacity(self, int capacity) except -1:
        """Take fresh buffers of this capacity and copy the nodes over."""
        fresh = {name: np.empty(capacity, np.float64 if name in ("value", "slope0", "slope1") else np.int32)
                 for name in BUFFERS}
        if self.n_nodes:
            for name in BUFFERS:
                fresh[name][: self.n_nodes] = self.array(name)[: self.n_nodes]
        self.op, self.arg0, self.arg1 = fresh["op"], fresh["arg0"], fresh["arg1"]
        self.value, self.slope0, self.slope1 = fresh["value"], fresh["slope0"], fresh["slope1"]
        self.place_of = fresh["place_of"]
        self.n_capacity = capacity
        self.viewed = False
        if self.adjoint is not None:
            self.provide_adjoints()
        if self.open_recordings:
            self.note_origins()
        return 0

    cdef int note_origins(self) except -1:
        """Give every node that fits a place for its origin."""
        origin = np.zeros(self.n_capacity, np.int64)
        if self.origin is not None:
            origin[: self.n_nodes] = self.origin[: self.n_nodes]
        self.origin = origin
        return 0

    cdef int make_room(self, bint even_if_little=False) except -1:
        """Drop the nodes that no live var needs. Grow instead if that is little: less than half."""
        # A finalizer that the collector ran in the midst of this could record into the same graph.
        cdef int collector = PyGC_Disable()
        try:
            reached = self.reached_from(self.live_nodes())
            n_reached = np.count_nonzero(reached)
            if not self.open_recordings and not self.open_derivations and (
                    even_if_little or 2 * n_reached < self.n_capacity):
                self.keep(reached, n_reached)
            elif even_if_little:
                pass
            elif self.n_capacity <= INT_MAX // 2:
                self.recent_peak = n_reached
                self.set_capacity(2 * self.n_capacity)
            else:
                raise MemoryError(TOO_MANY)
        finally:
            if collector:
                PyGC_Enable()
        return 0

    cdef int prepare(self, int n) except -1:
        """Make sure that n nodes can be appended. Renumbers nodes."""
        cdef int capacity, collector
        if self.n_capacity - self.n_nodes < n:
            self.make_room()
        capacity = self.n_capacity
        while capacity - self.n_nodes < n:
            if capacity > INT_MAX // 2:
                raise MemoryError(TOO_MANY)
            capacity *= 2
        if capacity > self.n_capacity:
            collector = PyGC_Disable()  # as in make_room
            try:
                self.set_capacity(capacity)
            finally:
                if collector:
                    PyGC_Enable()
        return 0

    def compact(self):
        """Drop the nodes that no live var needs, and give their memory back.

        It happens by itself when the buffers are full; after one very large graph it can be worth a call.

        Examples
        --------
        >>> graph = wg.current_graph()
        >>> graph.compact()
        >>> before = len(graph)
        >>> total = sum(wg.Var(1.0) for _ in range(1000))
        >>> del total
        >>> graph.compact()
        >>> len(graph) == before
        True
        """
        check_owner(self)
        if self.open_recordings:
            raise TracingError("a graph cannot be compacted while compile() records a function in it")
        self.recent_peak = 0
        self.make_room(even_if_little=True)

    cdef int keep(self, const unsigned char[::1] reached, int n_reached) except -1:
        """Drop all other nodes, and shrink the buffers if they have long been much too large."""
        cdef int capacity = self.n_capacity
        if self.viewed:
            self.set_capacity(capacity)
            self.adjoint = None if self.adjoint is None else np.array(self.adjoint)
        self.move_together(reached)
        # A training loop is caught now with few nodes and now with many: only a peak that stays low counts.
        self.recent_peak = max(n_reached, self.recent_peak // 2)
        while capacity > FIRST_CAPACITY and 8 * self.recent_peak < capacity:
            capacity //= 2
        return self.set_capacity(capacity) if capacity < self.n_capacity else 0

    cdef int move_together(self, const unsigned char[::1] reached) except -1:
        """Move the reached nodes together, in order, and renumber their arguments and places."""
        cdef int[::1] renumbered = np.zeros(self.n_nodes, np.int32)
        cdef const int64_t[::1] survivors = np.flatnonzero(reached)
        cdef int n_adjoints = self.adjoint.shape[0] if self.adjoint is not None else 0
        cdef int node, kept = 1
        cdef Py_ssize_t k
        for k in range(survivors.shape[0]):
            node = <int>survivors[k]
            renumbered[node] = kept
            self.op[kept] = self.op[node]
            self.arg0[kept] = renumbered[self.arg0[node]]
            self.arg1[kept] = renumbered[self.arg1[node]]
            self.value[kept] = self.value[node]
            self.slope0[kept] = self.slope0[node]
            self.slope1[kept] = self.slope1[node]
            self.place_of[kept] = self.place_of[node]
            if self.place_of[node] >= 0:
                self.places[self.place_of[node]].node = kept
            if node < n_adjoints:
                self.adjoint[kept] = self.adjoint[node]
            kept += 1
        self.n_nodes = kept
        if n_adjoints:
            self.adjoint[kept:] = 0.0
            self.touch(0, <int>self.touched.shape[0] - 1)
        self.array_adjoints = {renumbered[<int>node]: adjoint for node, adjoint in self.array_adjoints.items()
                               if reached[<int>node]}
        self.records = {renumbered[<int>node]: record for node, record in self.records.items() if reached[<int>node]}
        self.array_bytes = 0
        self.array_bytes_kept = sum([record.n_bytes for record in self.records.values()])
        return 0

    cdef int forget_after(self, int node) except -1:
        """Drop the latest nodes, down to this one or to one that a live var stands for."""
        if self.viewed:
            return 0
        cdef int last = self.n_nodes - 1, n_adjoints
        while last >= node and self.place_of[last] < 0:
            last -= 1
        if self.adjoint is not None:
            n_adjoints = min(self.n_nodes, <int>self.adjoint.shape[0])
            if n_adjoints > last + 1:
                memset(&self.adjoint[last + 1], 0, (n_adjoints - last - 1) * sizeof(double))
        self.n_nodes = last + 1
        if self.first_pending > last:
            self.first_pending = 0
        while self.records and next(reversed(self.records)) > last:
            self.records.popitem()
        if self.array_adjoints:
            self.array_adjoints = {kept: adjoint for kept, adjoint in self.array_adjoints.items() if kept <= last}
        return 0

    cdef int more_places(self) except -1:
        """Double the registry of live vars."""
        if self.n_places > INT_MAX // 2:
            raise MemoryError("a graph holds at most 2**31 live vars")
        cdef int old = self.n_places, place
        cdef int new = 2 * old if old else 64
        places = <place_t*>PyMem_Realloc(self.places, new * sizeof(place_t))
        if places == NULL:
            raise MemoryError(f"no memory for {new} live vars")
        for place in range(old, new):
            places[place].node = place + 1 if place + 1 < new else -1
            places[place].var = NULL
        self.places = places
        self.n_places = new
        self.free_place = old
        return 0

    # ---- order ----

    cdef int[::1] live_nodes(self):
        """The nodes that a live var stands for. The registry would tell too, but may once have been much larger."""
        return np.flatnonzero(self.array("place_of")[: self.n_nodes] >= 0).astype(np.int32)

    cdef unsigned char[::1] reached_from(self, const int[::1] outputs):
        """For each node whether an output needs it. One pass downward, since arguments come before their node."""
        cdef unsigned char[::1] reached = np.zeros(self.n_nodes, np.uint8)
        cdef int k, node
        with nogil:
            for k in range(outputs.shape[0]):
                reached[outputs[k]] = 1
            node = next_set(reached, self.n_nodes - 1, 1)
            while node > 0:
                reached[self.arg0[node]] = 1
                reached[self.arg1[node]] = 1
                node = next_set(reached, node - 1, 1)
            reached[0] = 0
        return reached

    def sort(self, outputs):
        """Topological order of the nodes that some outputs need.

        Parameters
        ----------
        outputs : sequence of Var
            Vars of this graph.

        Returns
        -------
        ndarray of int64
            Node numbers, every node after its arguments.

        Examples
        --------
        >>> x = wg.Var(2.0)
        >>> unused, y = x + 1.0, x * x
        >>> [int(node) - x.node for node in x.graph.sort([y])]
        [0, 2]
        """
        for var in outputs:
            if getattr(var, "graph", None) is not self:
                raise TracingError("sort() takes vars of this graph only")
        nodes = np.array([var.node for var in outputs], np.int32)
        return np.flatnonzero(self.reached_from(nodes))

    # ---- backward ----

    cdef int provide_adjoints(self) except -1:
        """Give the adjoints whole blocks for all nodes that fit."""
        cdef int n_blocks = (self.n_capacity >> BLOCK_BITS) + 1
        cdef int n_old
        if self.adjoint is None or self.touched.shape[0] != n_blocks:
            adjoint, touched = np.zeros(n_blocks << BLOCK_BITS), np.zeros(n_blocks, np.uint8)
            if self.adjoint is not None:
                n_old = min(self.n_nodes, <int>self.adjoint.shape[0])
                adjoint[:n_old] = self.adjoint[:n_old]
            self.adjoint, self.touched = adjoint, touched
            self.highest_touched = 0  # the old one may be beyond the new end
            self.touch(0, n_blocks - 1)
        return 0

    cdef int touch(self, int lowest, int highest) except -1:
        """Note that adjoints of these blocks may differ from zero."""
        self.touched[lowest:highest + 1] = 1
        self.lowest_touched = min(lowest, self.lowest_touched)
        self.highest_touched = max(highest, self.highest_touched)
        return 0

    cdef int sweep(self, int output, double seed, bint into_leaves) except -1:
        """Compute the adjoint of every node below an output, and with `into_leaves` add those of leaves to theirs."""
        self.provide_adjoints()
        with nogil:
            clear_blocks(self.adjoint, self.touched, self.lowest_touched, self.highest_touched)
            self.lowest_touched = sweep_blocks(self.op, self.arg0, self.arg1, self.slope0, self.slope1, self.adjoint,
                                               self.touched, output, seed, into_leaves)
            self.highest_touched = output >> BLOCK_BITS
        return 0

    # ---- what NumPy sees ----

    cdef object array(self, str name):
        """The whole buffer of that name, writable."""
        return np.asarray({"op": self.op, "arg0": self.arg0, "arg1": self.arg1, "value": self.value,
                           "slope0": self.slope0, "slope1": self.slope1, "place_of": self.place_of}[name])

    def __getattr__(self, name):
        if name not in VIEWS:
            raise AttributeError(f"a Graph has no attribute {name!r}; its buffers are {', '.join(VIEWS)}")
        self.viewed = True
        if self.first_pending:
            from wengert._core.pending import settle_numbers
            settle_numbers(self)
        if name == "adjoint":
            check_owner(self)
            self.provide_adjoints()
            buffer = np.asarray(self.adjoint)
        else:
            buffer = self.array(name)
        # Through a read-only memoryview, since a plain view of a writable array can be made writable again.
        return np.asarray(memoryview(buffer[: self.n_nodes]).toreadonly())

    @property
    def capacity(self):
        """Nodes that fit before the next compaction or growth."""
        return self.n_capacity

    @property
    def nbytes(self):
        """Bytes that the graph holds, used or not, without the vars."""
        adjoints = 0 if self.adjoint is None else self.adjoint.nbytes + self.touched.nbytes
        return sum(self.array(name).nbytes for name in BUFFERS) + adjoints + self.n_places * sizeof(place_t)

    def __len__(self):
        """Number of nodes, node 0 (none) included."""
        return self.n_nodes

    def __repr__(self):
        return f"<Graph of {self.n_nodes - 1} nodes>"


cdef int refuse_graph(Graph g) except -1:
    """Say why a var cannot be used here."""
    if g is None:
        raise TracingError("this var was made without a value; make it with Var(3.0)")
    raise TracingError("this var belongs to the graph of another thread; take its number over with Var(v.data)")
