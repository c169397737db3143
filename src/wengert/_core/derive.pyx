"""How does the chain rule append derivatives to a graph?

Reverse mode goes down from the outputs and gives every node its adjoint, forward mode goes up from the inputs and gives
every node its tangent. Adjoints and tangents are operands (a node or a constant), made of the slopes of the op table:
they are recorded like anything else, and can be differentiated again.

Lanes. A node that varies from lane to lane hands its adjoint to a uniform one through a sum over the lanes; inside a
mapped function there is no such sum, since all of it is one lane.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t

from wengert._core.codes cimport INPUT, LANE, LANE_SUM, PAIR, WHERE
from wengert._core.graph cimport Graph
from wengert._core.number cimport demand_number
from wengert._core.slopes cimport (
    argument, constant, is_flat, is_zero, operand, operand_t, product_of, selection, slope, slope_nodes, sum_of,
    sum_over_lanes,
)
from wengert._core.var cimport Var, node_of, wrap

cdef extern from "Python.h":
    int PyGC_Disable()
    int PyGC_Enable()

cdef struct range_t:
    # The nodes between the first input and the last output, both included; the buffers are theirs, in that order.
    int first, last
    unsigned char* marks  # does it depend on an input (reverse), does an output depend on it (forward)?
    operand_t* derivatives
    operand_t* from_lanes  # adjoints of uniform nodes, as far as they come from varying ones; NULL where no lanes are
    unsigned char* varying  # of every node of the graph up to the last; NULL where no lanes are


cdef list derive(Graph g, list inputs, list outputs, list given, bint downward):
    """Adjoints of the inputs, given those of the outputs; or not `downward`, tangents the other way round."""
    cdef list origins = outputs if downward else inputs
    cdef list targets = inputs if downward else outputs
    cdef list numbers = [number if type(number) is Var else demand_number(number) for number in given]
    cdef list found = [0.0] * len(targets)
    cdef range_t nodes = range_between(g, inputs, outputs)
    cdef operand_t* there
    cdef int k, collector
    if nodes.last < nodes.first:
        return found
    # All room is made now, while nodes may still be renumbered.
    g.prepare(<int>min(most_nodes(g, &nodes) + len(origins) + 3 * len(targets), <int64_t>INT_MAX))
    collector = PyGC_Disable()  # a finalizer that it runs could record, and renumber the nodes
    nodes = range_between(g, inputs, outputs)
    try:
        provide(g, &nodes, downward)
        for v in targets:
            if is_inside(&nodes, v):
                nodes.marks[node_of(<Var>v) - nodes.first] = 1
        if downward:
            mark_dependent(g, &nodes)
        else:
            mark_needed(g, &nodes)
        for k in range(len(origins)):
            if is_inside(&nodes, origins[k]):
                there = &nodes.derivatives[node_of(<Var>origins[k]) - nodes.first]
                there[0] = sum_of(g, there[0], operand_of(g, numbers[k]))
        if downward:
            descend(g, &nodes)
        else:
            ascend(g, &nodes)
        for k in range(len(targets)):
            if is_inside(&nodes, targets[k]):
                found[k] = number_of(g, total(g, &nodes, node_of(<Var>targets[k])))
    finally:
        free_range(&nodes)
        if collector:
            PyGC_Enable()
    return found


# ---- operands and vars ----

cdef operand_t operand_of(Graph g, object number) noexcept:
    if type(number) is Var:
        return operand(g, node_of(<Var>number))
    return constant(<double>number)


cdef object number_of(Graph g, operand_t x):
    """A float if it is a constant, else its var."""
    if not x.node:
        return x.number
    if g.place_of[x.node] >= 0:
        return <Var>g.places[g.place_of[x.node]].var
    return wrap(g, x.node)


# ---- the range ----

cdef range_t range_between(Graph g, list inputs, list outputs) noexcept:
    """From the first input to the last output, without buffers."""
    cdef range_t nodes
    nodes.first, nodes.last = first_of(g, inputs), last_of(outputs)
    nodes.marks = nodes.varying = NULL
    nodes.derivatives = nodes.from_lanes = NULL
    return nodes


cdef int64_t most_nodes(Graph g, range_t* nodes) noexcept nogil:
    """More nodes than the derivatives append: of every argument a slope, a product (two nodes) and a sum."""
    cdef int64_t count = 0
    cdef int node, op
    for node in range(nodes.first, nodes.last + 1):
        op = g.op[node]
        if g.arg0[node] >= nodes.first and has_slope(op, 0):
            count += slope_nodes(op, 0) + 3
        if g.arg1[node] >= nodes.first and has_slope(op, 1):
            count += slope_nodes(op, 1) + 3
        if g.open_recordings:
            count += 3  # a sum over lanes is two nodes, and is added
    return count


cdef bint is_inside(range_t* nodes, object v) noexcept:
    return type(v) is Var and nodes.first <= node_of(<Var>v) <= nodes.last


cdef int provide(Graph g, range_t* nodes, bint downward) except -1:
    """The buffers of a range."""
    cdef size_t n = nodes.last - nodes.first + 1
    nodes.marks = <unsigned char*>calloc(n, 1)
    nodes.derivatives = <operand_t*>calloc(n, sizeof(operand_t))
    if downward and g.open_recordings and not g.open_lanes and first_lane(g, nodes.last):
        nodes.from_lanes = <operand_t*>calloc(n, sizeof(operand_t))
        nodes.varying = <unsigned char*>calloc(nodes.last + 1, 1)
        mark_varying(g, nodes)
    return 0


cdef void* calloc(size_t n, size_t size) except NULL:
    cdef void* fresh = PyMem_Calloc(n, size)
    if fresh == NULL:
        raise MemoryError(f"no memory for the derivatives of {n} nodes")
    return fresh


cdef void free_range(range_t* nodes) noexcept:
    PyMem_Free(nodes.marks)
    PyMem_Free(nodes.derivatives)
    PyMem_Free(nodes.from_lanes)
    PyMem_Free(nodes.varying)


cdef int first_lane(Graph g, int last) noexcept nogil:
    """The first varying node, or 0."""
    cdef int node
    for node in range(1, last + 1):
        if g.op[node] == LANE:
            return node
    return 0


cdef void mark_varying(Graph g, range_t* nodes) noexcept nogil:
    cdef int node
    for node in range(first_lane(g, nodes.last), nodes.last + 1):
        nodes.varying[node] = g.op[node] == LANE or (
            g.op[node] != LANE_SUM and (nodes.varying[g.arg0[node]] or nodes.varying[g.arg1[node]]))


cdef bint has_slope(int op, int k) noexcept nogil:
    """May a node of this op have a slope other than zero in its argument k?"""
    if op == PAIR or op == INPUT or op == LANE or op == LANE_SUM:
        return True
    return k == 1 if op == WHERE else not is_flat(op, k)


cdef void mark_dependent(Graph g, range_t* nodes) noexcept nogil:
    """Add a mark to every node on which an input has an influence that could have a derivative."""
    cdef int node, arg, first = nodes.first
    for node in range(first, nodes.last + 1):
        arg = g.arg0[node]
        if arg >= first and nodes.marks[arg - first] and has_slope(g.op[node], 0):
            nodes.marks[node - first] = 1
        arg = g.arg1[node]
        if arg >= first and nodes.marks[arg - first] and has_slope(g.op[node], 1):
            nodes.marks[node - first] = 1


cdef void mark_needed(Graph g, range_t* nodes) noexcept nogil:
    """Add a mark to every node that a marked node needs."""
    cdef int node, first = nodes.first
    for node in range(nodes.last, first - 1, -1):
        if nodes.marks[node - first]:
            if g.arg0[node] >= first:
                nodes.marks[g.arg0[node] - first] = 1
            if g.arg1[node] >= first:
                nodes.marks[g.arg1[node] - first] = 1


# ---- reverse ----

cdef operand_t total(Graph g, range_t* nodes, int node) noexcept nogil:
    """All that a node got, once nothing more can come."""
    cdef operand_t there = nodes.derivatives[node - nodes.first]
    if nodes.from_lanes == NULL:
        return there
    return sum_of(g, there, sum_over_lanes(g, nodes.from_lanes[node - nodes.first]))


cdef void contribute(Graph g, range_t* nodes, int node, int arg, operand_t contribution) noexcept nogil:
    """Add to the adjoint of an argument."""
    cdef operand_t* there = &nodes.derivatives[arg - nodes.first]
    if nodes.from_lanes != NULL and nodes.varying[node] and not nodes.varying[arg]:
        there = &nodes.from_lanes[arg - nodes.first]
    there[0] = sum_of(g, there[0], contribution)


cdef void descend(Graph g, range_t* nodes) noexcept nogil:
    """Go down from the last output and hand on the adjoints."""
    cdef int node, arg, k, op, pair, first = nodes.first
    cdef operand_t above, condition
    for node in range(nodes.last, first - 1, -1):
        op = g.op[node]
        if not nodes.marks[node - first] or (is_zero(nodes.derivatives[node - first]) and (
                nodes.from_lanes == NULL or is_zero(nodes.from_lanes[node - first]))):
            continue
        if g.arg0[node] < first and g.arg1[node] < first:
            continue
        if g.open_recordings:
            g.here = g.origin[node]
        above = total(g, nodes, node)
        if op == WHERE:
            condition, pair = argument(g, node, 0), g.arg1[node]
            if g.arg0[pair] >= first and nodes.marks[g.arg0[pair] - first]:
                contribute(g, nodes, node, g.arg0[pair], selection(g, condition, above, constant(0.0)))
            if g.arg1[pair] >= first and nodes.marks[g.arg1[pair] - first]:
                contribute(g, nodes, node, g.arg1[pair], selection(g, condition, constant(0.0), above))
        elif op == INPUT or op == LANE or op == LANE_SUM:
            arg = g.arg0[node]
            if nodes.marks[arg - first]:
                # The lanes of LANE_SUM's argument all have the adjoint of the sum.
                contribute(g, nodes, node, arg, above)
        else:
            for k in range(2):
                arg = g.arg0[node] if k == 0 else g.arg1[node]
                if arg >= first and nodes.marks[arg - first] and has_slope(op, k):
                    contribute(g, nodes, node, arg, product_of(g, slope(g, node, k), above))


# ---- forward ----

cdef operand_t tangent(range_t* nodes, int node) noexcept nogil:
    """Tangent of an argument; zero of a constant and of what comes before the inputs."""
    return nodes.derivatives[node - nodes.first] if node >= nodes.first else constant(0.0)


cdef void ascend(Graph g, range_t* nodes) noexcept nogil:
    """Go up from the first input and make the tangents that the outputs need."""
    cdef int node, op, k, pair, first = nodes.first
    cdef operand_t below, sums
    for node in range(first, nodes.last + 1):
        op = g.op[node]
        if not nodes.marks[node - first] or op == PAIR or (g.arg0[node] < first and g.arg1[node] < first):
            continue
        if g.open_recordings:
            g.here = g.origin[node]
        if op == WHERE:
            pair = g.arg1[node]
            sums = selection(g, argument(g, node, 0), tangent(nodes, g.arg0[pair]),
                             tangent(nodes, g.arg1[pair]))
        elif op == INPUT or op == LANE:
            sums = tangent(nodes, g.arg0[node])
        elif op == LANE_SUM:
            sums = sum_over_lanes(g, tangent(nodes, g.arg0[node]))
        else:
            sums = constant(0.0)
            for k in range(2):
                below = tangent(nodes, g.arg0[node] if k == 0 else g.arg1[node])
                if not is_zero(below) and has_slope(op, k):
                    sums = sum_of(g, sums, product_of(g, slope(g, node, k), below))
        nodes.derivatives[node - first] = sums
