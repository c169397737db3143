"""How does the chain rule append derivatives to a graph?

Reverse mode goes down from the outputs and gives every node its adjoint, forward mode goes up from the inputs and gives
every node its tangent. Adjoints and tangents are operands (a node or a constant), made of the slopes of the op table:
they are recorded like anything else, and can be differentiated again.

Arrays. At a STRUCTURED node the rule of its row is called, with vars and arrays of vars, so that what it computes is
recorded too. Forward mode has no rules of its own there: the tangent is the transpose of the adjoint, which is linear.

Lanes. A node that varies from lane to lane hands its adjoint to a uniform one through a sum over the lanes; inside a
mapped function there is no such sum, since all of it is one lane.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t

import numpy as np

from wengert import adjoints, structured
from wengert._core.array_node cimport ArrayNode, Record, append_structured, argument_nodes, handle_at
from wengert._core.array_node import ASSEMBLE, INPUT_ARRAY, LEAF_ARRAY
from wengert._core.array_sweep cimport has_arrays
from wengert._core.arrays import VarArray, assemble, expanded, of_node
from wengert._core.codes cimport ELEMENT, INPUT, LANE, LANE_SUM, PAIR, STRUCTURED, WHERE
from wengert._core.graph cimport Graph, append
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
    cdef list numbers = [number if type(number) is Var or is_an_array(number) else demand_number(number)
                         for number in given]
    cdef list found = [None if type(target) is ArrayNode else 0.0 for target in targets]
    cdef range_t nodes = range_between(g, inputs, outputs)
    cdef dict arrays = {}  # adjoints or tangents of array nodes
    cdef operand_t* there
    cdef int k, collector
    cdef int64_t room
    if nodes.last < nodes.first:
        return found
    # All room is made now, while nodes may still be renumbered.
    room = min(most_nodes(g, &nodes) + len(origins) + 3 * len(targets), <int64_t>INT_MAX)
    g.prepare(<int>room)
    collector = PyGC_Disable()  # a finalizer that it runs could record, and renumber the nodes
    g.open_derivations += 1
    nodes = range_between(g, inputs, outputs)
    try:
        provide(g, &nodes, downward)
        for v in targets:
            if is_inside(&nodes, v):
                nodes.marks[node_of_handle(v) - nodes.first] = 1
        if downward:
            mark_dependent(g, &nodes)
        else:
            mark_needed(g, &nodes)
        for k in range(len(origins)):
            if not is_inside(&nodes, origins[k]):
                continue
            if type(origins[k]) is ArrayNode:
                add(arrays, node_of_handle(origins[k]), numbers[k])
            else:
                there = &nodes.derivatives[node_of_handle(origins[k]) - nodes.first]
                there[0] = sum_of(g, there[0], operand_of(g, numbers[k]))
        if not has_arrays(g, nodes.first, nodes.last):
            if downward:
                descend(g, &nodes)
            else:
                ascend(g, &nodes)
        elif downward:
            descend_through_arrays(g, &nodes, arrays, <int>room)
        else:
            ascend_through_arrays(g, &nodes, arrays, <int>room)
        for k in range(len(targets)):
            if type(targets[k]) is ArrayNode:
                found[k] = arrays.get(node_of_handle(targets[k]))
            elif is_inside(&nodes, targets[k]):
                found[k] = number_of(g, total(g, &nodes, node_of_handle(targets[k])))
    finally:
        g.open_derivations -= 1
        free_range(&nodes)
        if collector:
            PyGC_Enable()
    return found


cdef bint is_an_array(object x) noexcept:
    return type(x) is VarArray or type(x) is np.ndarray


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
    return is_handle(v) and nodes.first <= node_of_handle(v) <= nodes.last


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
    if op == PAIR or op == INPUT or op == LANE or op == LANE_SUM or op == STRUCTURED or op == ELEMENT:
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
    cdef int node
    for node in range(nodes.last, nodes.first - 1, -1):
        if nodes.marks[node - nodes.first]:
            hand_down(g, nodes, node)


cdef bint has_adjoint(range_t* nodes, int node) noexcept nogil:
    """Has anything been handed to this node?"""
    return not is_zero(nodes.derivatives[node - nodes.first]) or (
        nodes.from_lanes != NULL and not is_zero(nodes.from_lanes[node - nodes.first]))


cdef void hand_down(Graph g, range_t* nodes, int node) noexcept nogil:
    """Hand on the adjoint of a scalar node."""
    cdef int arg, k, op = g.op[node], pair, first = nodes.first
    cdef operand_t above, condition
    if not has_adjoint(nodes, node) or (g.arg0[node] < first and g.arg1[node] < first):
        return
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


cdef int add(dict arrays, int node, contribution) except -1:
    """Add to the adjoint of an array."""
    there = arrays.get(node)
    arrays[node] = contribution if there is None else there + contribution
    return 0


cdef int descend_through_arrays(Graph g, range_t* nodes, dict arrays, int room) except -1:
    """The same if arrays are among the nodes; `room` is what scalar nodes need for their derivatives."""
    cdef int node, first = nodes.first
    cdef dict elements = {}  # of arrays: positions, and the adjoints there
    for node in range(nodes.last, first - 1, -1):
        if not nodes.marks[node - first]:
            continue
        if g.op[node] == ELEMENT:
            if has_adjoint(nodes, node) and g.arg0[node] >= first:
                positions, numbers = elements.setdefault(g.arg0[node], ([], []))
                positions.append(<Py_ssize_t>g.slope1[node])
                numbers.append(number_of(g, total(g, nodes, node)))
        elif g.op[node] == STRUCTURED:
            hand_back(g, nodes, node, arrays, elements)
            g.prepare(room)
        else:
            hand_down(g, nodes, node)
    return 0


cdef int hand_back(Graph g, range_t* nodes, int node, dict arrays, dict elements) except -1:
    """Hand on the adjoint of a STRUCTURED node."""
    cdef int arg, k, first = nodes.first
    cdef Record record = g.records[node]
    if g.open_recordings:
        g.here = g.origin[node]
    if record.shape:
        if node in elements:
            positions, numbers = elements.pop(node)
            add(arrays, node, scattered(positions, numbers, record.shape))
        above = arrays.get(node)
        if above is None:
            return 0
    else:
        if not has_adjoint(nodes, node):
            return 0
        above = number_of(g, total(g, nodes, node))
    if record.row is LEAF_ARRAY:
        return 0
    cdef list wanted = argument_nodes(g, node)
    if record.row is ASSEMBLE:
        flat = above.flat if type(above) is VarArray else above.ravel().tolist()
        for k, number in enumerate(flat):
            arg = wanted[k]
            if arg >= first and nodes.marks[arg - first]:
                contribute(g, nodes, node, arg, operand_of(g, number))
        return 0
    y = of_node(handle_at(g, node))
    cdef tuple arguments = arguments_at(g, wanted, record)
    for k in range(len(wanted)):
        arg = wanted[k]
        if arg < first or not nodes.marks[arg - first]:
            continue
        if record.row is INPUT_ARRAY:
            contribution = above
        elif adjoints.has_adjoint(record.row, k):
            contribution = adjoints.adjoint(record.row, k, above, y, arguments, record.params)
        else:
            continue
        if type(handle_at(g, arg)) is ArrayNode:
            add(arrays, arg, contribution)
        else:
            contribute(g, nodes, node, arg, operand_of(g, plain(contribution)))
    return 0


cdef object plain(number):
    """A number of NumPy as a float."""
    return number if type(number) is Var else float(number)


cdef tuple arguments_at(Graph g, list nodes, Record record):
    """The arguments of a STRUCTURED node: vars, arrays of vars and constants."""
    return tuple([constant if constant is not None else of_node(handle_at(g, node))
                  for node, constant in zip(nodes, record.constants)])


cdef object scattered(list positions, list numbers, tuple shape):
    """An array that is zero but for some elements."""
    cdef Py_ssize_t size = int(np.prod(shape))
    if 2 * len(positions) < size:
        there = np.unravel_index(np.array(positions), shape)
        key = tuple([structured.Frozen(index) for index in there])
        return structured.rows.scatter(assemble(numbers, (len(numbers),)), key=key, shape=shape)
    dense = [0.0] * size
    for position, number in zip(positions, numbers):
        dense[position] = dense[position] + number
    return assemble(dense, shape)


# ---- forward ----

cdef operand_t tangent(range_t* nodes, int node) noexcept nogil:
    """Tangent of an argument; zero of a constant and of what comes before the inputs."""
    return nodes.derivatives[node - nodes.first] if node >= nodes.first else constant(0.0)


cdef void ascend(Graph g, range_t* nodes) noexcept nogil:
    """Go up from the first input and make the tangents that the outputs need."""
    cdef int node
    for node in range(nodes.first, nodes.last + 1):
        if nodes.marks[node - nodes.first]:
            hand_up(g, nodes, node)


cdef void hand_up(Graph g, range_t* nodes, int node) noexcept nogil:
    """Make the tangent of a scalar node."""
    cdef int op = g.op[node], k, pair
    cdef operand_t below, sums
    if op == PAIR or (g.arg0[node] < nodes.first and g.arg1[node] < nodes.first):
        return
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
    nodes.derivatives[node - nodes.first] = sums


cdef int ascend_through_arrays(Graph g, range_t* nodes, dict arrays, int room) except -1:
    """The same if arrays are among the nodes."""
    cdef int node, first = nodes.first
    for node in range(first, nodes.last + 1):
        if not nodes.marks[node - first]:
            continue
        if g.op[node] == ELEMENT:
            if g.arg0[node] in arrays:
                direction = np.ravel(arrays[g.arg0[node]])
                nodes.derivatives[node - first] = operand_of(g, plain(direction[<Py_ssize_t>g.slope1[node]]))
        elif g.op[node] == STRUCTURED:
            direction = tangent_of_structured(g, nodes, node, arrays)
            if direction is None:
                pass
            elif (<Record>g.records[node]).shape:
                arrays[node] = direction
            else:
                nodes.derivatives[node - first] = operand_of(g, plain(direction))
            g.prepare(room)
        else:
            hand_up(g, nodes, node)
    return 0


cdef object tangent_of_structured(Graph g, range_t* nodes, int node, dict arrays):
    """Tangent of a STRUCTURED node; None for zero."""
    cdef int k, arg
    cdef Record record = g.records[node]
    cdef operand_t below
    cdef list wanted = argument_nodes(g, node), directions = []
    if node in arrays or not wanted:
        return arrays.get(node)  # of an input
    if g.open_recordings:
        g.here = g.origin[node]
    for arg in wanted:
        direction = arrays.get(arg)
        if arg >= nodes.first and direction is None and type(handle_at(g, arg)) is Var:
            below = nodes.derivatives[arg - nodes.first]
            direction = None if is_zero(below) else number_of(g, below)
        directions.append(direction)
    if all([direction is None for direction in directions]):
        return None
    if record.row is INPUT_ARRAY:
        return directions[0]
    if record.row is ASSEMBLE:
        return assemble([0.0 if direction is None else direction for direction in directions], record.params["shape"])
    y = of_node(handle_at(g, node))
    cdef tuple arguments = arguments_at(g, wanted, record)
    direct = adjoints.tangent(record.row, directions, y, arguments, record.params)
    if direct is not NotImplemented:
        return direct
    # The adjoint of the arguments is linear in that of the result: its transpose takes tangents the other way.
    if not record.shape:
        g.prepare(1)
        u = wrap(g, append(g, INPUT, 0, 0, 0.0, 0.0, 0.0))
        direct = u
    else:
        u = append_structured(g, INPUT_ARRAY, (), {}, np.zeros(record.shape, record.dtype))
        direct = of_node(u)
    contributions, given = [], []
    for k, direction in enumerate(directions):
        if direction is not None and adjoints.has_adjoint(record.row, k):
            contributions.append(adjoints.adjoint(record.row, k, direct, y, arguments, record.params))
            given.append(direction)
    contributions, given = expanded(contributions, given)
    return derive(g, [u], contributions, given, True)[0]
