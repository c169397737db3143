"""How does a sweep go back through arrays?

From one STRUCTURED node down to the next the chain rule is a loop over scalars; at the node itself, the rule of its row
gives the adjoints of its arguments as arrays.
"""

import numpy as np

from wengert import adjoints
from wengert._core.array_node cimport ArrayNode, Record, argument_nodes, node_of_array
from wengert._core.array_node import ASSEMBLE, INPUT_ARRAY, LEAF_ARRAY
from wengert._core.codes cimport ELEMENT, LEAF, STRUCTURED
from wengert._core.graph cimport Graph
from wengert._core.pending cimport value_at
from wengert._core.sweep cimport BLOCK_BITS
from wengert._core.var cimport Var, node_of


cdef bint has_arrays(Graph g, int first, int last):
    for node in reversed(g.records):
        if node < first:
            return False
        if node <= last:
            return True
    return False


cdef int sweep_arrays(Graph g, list seeds, bint into_leaves) except -1:
    cdef int top = 0, node
    cdef list nodes = [], structured = []
    cdef dict found = {}, elements = {}
    cdef set owned = set()
    g.provide_adjoints()
    np.asarray(g.adjoint)[: g.n_nodes] = 0.0
    g.array_adjoints = found
    for handle, seed in seeds:
        if type(handle) is Var:
            node = node_of(<Var>handle)
            g.adjoint[node] += <double>seed
        else:
            node = node_of_array(<ArrayNode>handle)
            add(found, owned, node, np.asarray(seed, (<ArrayNode>handle).record.dtype))
        nodes.append(node)
        top = max(top, node)
    g.touch(0, (g.n_nodes - 1) >> BLOCK_BITS)
    # Of what earlier steps left in the graph, nothing is looked at in Python.
    cdef unsigned char[::1] reached = g.reached_from(np.array(nodes, np.int32))
    for node in range(top, 0, -1):
        if reached[node] and g.op[node] == STRUCTURED:
            structured.append(node)
    with np.errstate(all="ignore"):
        for node in structured:
            hand_down(g, top, node + 1, elements, into_leaves)
            hand_back(g, node, g.records[node], found, elements, owned, into_leaves)
            top = node - 1
    hand_down(g, top, 1, elements, into_leaves)
    return 0


cdef int add(dict found, set owned, node, contribution) except -1:
    """Add to the adjoint of an array. What was added up here may be written into."""
    there = found.get(node)
    if there is None:
        found[node] = contribution
    elif node in owned:
        there += contribution
    else:
        found[node] = there + contribution
        owned.add(node)
    return 0


cdef int hand_down(Graph g, int top, int last, dict elements, bint into_leaves) except -1:
    """The chain rule on the scalar nodes from `top` down to `last`."""
    cdef int node, arg
    cdef double above
    for node in range(top, last - 1, -1):
        above = g.adjoint[node]
        if above == 0.0:
            continue
        arg = g.arg0[node]
        if arg and g.slope0[node] != 0.0:
            g.adjoint[arg] += g.slope0[node] * above
        if g.op[node] == ELEMENT:
            elements.setdefault(arg, ([], []))[0].append(<Py_ssize_t>g.slope1[node])
            elements[arg][1].append(above)
            continue
        arg = g.arg1[node]
        if arg:
            if g.slope1[node] != 0.0:
                g.adjoint[arg] += g.slope1[node] * above
        elif into_leaves and g.op[node] == LEAF:
            g.slope0[node] += above
    return 0


cdef int hand_back(Graph g, int node, Record record, dict found, dict elements, set owned, bint into_leaves) except -1:
    """The chain rule at a STRUCTURED node."""
    cdef int k, arg
    cdef bint is_array = len(record.shape) > 0
    if is_array:
        if node in elements:
            positions, numbers = elements.pop(node)
            contribution = np.zeros(record.shape, record.dtype)
            np.add.at(contribution.reshape(-1), positions, numbers)
            add(found, owned, node, contribution)
        above = found.get(node)
        if above is None:
            return 0
        if g.place_of[node] < 0:
            del found[node]
    else:
        above = g.adjoint[node]
        if above == 0.0:
            return 0
    row = record.row
    if row is LEAF_ARRAY:
        if into_leaves:
            record.grad = np.array(above) if record.grad is None else record.grad + above
        return 0
    nodes = argument_nodes(g, node)
    if row is ASSEMBLE:
        for k, number in enumerate(above.ravel().tolist()):
            if nodes[k]:
                g.adjoint[<int>nodes[k]] += <double>number
        return 0
    if row is INPUT_ARRAY:
        if nodes:
            add(found, owned, nodes[0], above)
        return 0
    y = value_at(g, node)
    values = tuple([constant if constant is not None else value_at(g, arg)
                    for arg, constant in zip(nodes, record.constants)])
    for k in range(len(nodes)):
        arg = nodes[k]
        if arg and adjoints.has_adjoint(row, k):
            contribution = adjoints.adjoint(row, k, above, y, values, record.params)
            if contribution is None:
                continue
            dtype = getattr(values[k], "dtype", None)
            if dtype is None:
                g.adjoint[arg] += <double>float(contribution)
            else:
                add(found, owned, arg, np.asarray(contribution, dtype))
    return 0
