# What is a recorded graph?
#
# A struct of arrays: node k is op[k], applied to the nodes arg0[k] and arg1[k], with its value and the slope in each
# argument.  A node refers only to earlier nodes, so the order of the buffers is a topological order.
#
# * Node 0 is no node: an argument 0 means "none", and then the slope of that argument holds the constant operand that
#   stands in its place (nobody needs a slope there), so x * 2.0 is one node and can still be replayed.
# * LEAF is a var that the user made.  It has no arguments, and its slope0 accumulates its gradient.
# * INPUT is an argument of a function under transformation.  Its arg0, with the slope 1, is the var that was passed, if
#   it was a var: the input of an outer transform, say.
# * LANE is an INPUT that differs from lane to lane.  What is computed from it is varying, everything else uniform.
#   A LANE whose arg0 is uniform counts that node once for every lane.
# * LANE_SUM is the sum of its arg0 over all lanes, which is uniform again.
# * PAIR carries two arguments to an op of three: where(c, a, b) is PAIR(a, b), with the slopes 1 and 0 of the choice,
#   then WHERE(c, pair).
# * STRUCTURED is an array, or a number made from arrays: what it is stands in its record (structured_node.pxd).  Its
#   arguments are nodes as ever, more than two of them in a chain of PAIRs, and all slopes are 0: a sweep hands nothing
#   on through them, but whoever asks which nodes another one needs finds the way.
# * ELEMENT is one element of its arg0, an array; its slope1 is the position.
#
# A place is a slot in the registry of live vars.  Compaction renumbers nodes but never moves a place.

from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport int64_t

from wengert._core.codes cimport LEAF, NONE

cdef enum:
    FIRST_CAPACITY = 4096  # 160 KiB of nodes, which a training step can go round in without leaving L2
    RESERVE = 2  # nodes that one record call may append: those of WHERE

cdef struct place_t:
    int node  # the node that the var stands for; while the place is free, the next free place
    void* var  # the var, borrowed; NULL while the place is free

cdef class Graph:
    cdef int[::1] op, arg0, arg1
    cdef double[::1] value, slope0, slope1
    cdef int[::1] place_of  # of each node: the place of its var, or -1
    cdef double[::1] adjoint  # None before the first sweep; zero in blocks that are not touched
    cdef unsigned char[::1] touched  # of each block of nodes: may an adjoint in it differ from zero?
    cdef int lowest_touched, highest_touched  # no other block is
    cdef place_t* places
    cdef int free_place, n_places
    cdef int n_nodes  # node 0 included
    cdef int n_capacity  # nodes that fit into the buffers
    cdef int recent_peak  # most nodes that compactions found reached, halved at each of them
    cdef unsigned long thread  # identifier of the only thread that may record here
    cdef bint viewed  # a NumPy view of the buffers is out, so they must not be rewritten in place
    cdef int open_transforms  # functions under transformation whose inputs are in this graph
    # While a function is recorded for a program, nothing is dropped and every bool() of a var is noted.
    cdef int open_recordings  # functions that are being recorded for a program
    cdef int open_lanes  # calls of mapped functions in which this recording is
    cdef list guards  # of this recording: (var, outcome)
    cdef int64_t[::1] origin  # of each node of this recording: where the user's code made it
    cdef int64_t here  # where the user's code is now; see origin.pxd
    cdef int[::1] known  # nodes of this recording by what they are, None outside one; see sharing.pxd
    cdef Py_ssize_t n_known  # of these
    cdef int known_from  # older nodes are not to be found
    cdef list codes  # code objects that origins mean
    cdef dict numbers_of_codes  # of these, by id
    cdef dict records  # of the STRUCTURED nodes, by node, in their order
    cdef int first_pending  # the first number that is not computed yet, see pending.pxd; 0 if all are
    cdef dict array_adjoints  # of the last sweep through arrays: adjoints by node
    cdef Py_ssize_t array_bytes  # of arrays that were recorded since the last compaction
    cdef Py_ssize_t array_bytes_kept  # of arrays that the last compaction left
    cdef object quiet  # the context in which NumPy does not warn, see quiet.pxd; None as long as nobody needs it
    cdef int open_derivations  # derivatives that are being appended: until they are there, no node is renumbered

    # All of these may raise MemoryError, and then leave the graph as it was.
    cdef int set_capacity(self, int capacity) except -1
    cdef int make_room(self, bint even_if_little=*) except -1
    cdef int prepare(self, int n) except -1
    cdef int keep(self, const unsigned char[::1] reached, int n_reached) except -1
    cdef int move_together(self, const unsigned char[::1] reached) except -1
    cdef int more_places(self) except -1
    cdef int[::1] live_nodes(self)
    cdef unsigned char[::1] reached_from(self, const int[::1] outputs)
    cdef int note_origins(self) except -1
    cdef int provide_adjoints(self) except -1
    cdef int touch(self, int lowest, int highest) except -1
    cdef int forget_after(self, int node) except -1
    cdef int sweep(self, int output, double seed, bint into_leaves) except -1
    cdef object array(self, str name)


cdef int refuse_graph(Graph g) except -1


cdef inline int check_owner(Graph g) except -1:
    """Only the thread that made a graph may record or sweep in it; None is the graph of a var without a value."""
    if g is None or g.thread != PyThread_get_thread_ident():
        refuse_graph(g)
    return 0


cdef inline int append(Graph g, int op, int arg0, int arg1, double value, double slope0, double slope1) noexcept nogil:
    """Write a node into the room that make_room left, and give its number."""
    cdef int node = g.n_nodes
    g.op[node] = op
    g.arg0[node] = arg0
    g.arg1[node] = arg1
    g.value[node] = value
    g.slope0[node] = slope0
    g.slope1[node] = slope1
    g.place_of[node] = -1
    if g.open_recordings:
        g.origin[node] = g.here
    g.n_nodes = node + 1
    return node


cdef inline int reserve(Graph g) except -1:
    """Make sure that RESERVE nodes can be appended. Renumbers nodes: read no place before."""
    if g.n_nodes + RESERVE > g.n_capacity:
        g.make_room()
    return 0


cdef inline int hold(Graph g, int node, void* var) except -1:
    """Register a var for a node and give its place."""
    if g.free_place < 0:
        g.more_places()
    cdef int place = g.free_place
    g.free_place = g.places[place].node
    g.places[place].node = node
    g.places[place].var = var
    g.place_of[node] = place
    return place


cdef inline void release(Graph g, int place) noexcept:
    """Forget a var that dies."""
    g.place_of[g.places[place].node] = -1
    g.places[place].node = g.free_place
    g.places[place].var = NULL
    g.free_place = place
