"""How does a function under transformation get its inputs, and the derivatives of its outputs in them?

Derivatives are numbers where that loses nothing: one sweep through the buffers. They are *symbolic*, recorded as nodes,
where they may be differentiated or replayed again: while a function is recorded for a program, and where an output
depends on other vars than its own inputs (those of an enclosing transform, or a leaf).
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free

import numpy as np

from wengert._core.codes cimport INPUT, LANE, PAIR
from wengert._core.current cimport own_graph
from wengert._core.derive cimport derive, first_of, last_of
from wengert._core.graph cimport Graph, append, check_owner, refuse_graph
from wengert._core.number cimport demand_number
from wengert._core.var cimport Var, node_of, wrap
from wengert.errors import TracingError


# ---- opening and closing ----

def holds_only_numbers(items):
    """Is every item of a sequence a Python float, int or var, hence no container?"""
    for item in items:
        if not (type(item) is float or type(item) is Var or type(item) is int):
            return False
    return True


def open_inputs(list numbers):
    """Record the inputs of a function under transformation: a list of vars. Pair every call with `close_inputs`.

    A var among the numbers is what its input stands for. In a mapped function every lane has its own inputs. They are
    neighbours in the graph, and remain so, since nothing is recorded between them and all of them are held.
    """
    cdef Graph g = own_graph()
    cdef list inputs = []
    cdef int node, op = LANE if g.open_lanes else INPUT
    if not holds_only_numbers(numbers):
        numbers = [number if type(number) is Var else demand_number(number) for number in numbers]
    g.prepare(len(numbers))
    for number in numbers:
        if type(number) is Var:
            check_same(g, (<Var>number).graph)
            node = node_of(<Var>number)
            inputs.append(wrap(g, append(g, op, node, 0, g.value[node], 1.0, 1.0)))
        else:
            inputs.append(wrap(g, append(g, op, 0, 0, demand_number(number), 0.0, 1.0)))
    g.open_transforms += 1
    return inputs


def close_inputs(list inputs):
    """The function under transformation has returned or failed: empty the list, and forget what nobody holds."""
    cdef Graph g = own_graph()
    cdef int k, first = first_of(g, inputs)
    g.open_transforms -= 1
    for k in range(len(inputs)):
        g.slope1[first + k] = 0.0
    if inputs:
        inputs.clear()
        g.forget_after(first)


def forbid_open_inputs(Var output):
    """Refuse gradients, which are numbers, of what depends on the inputs of a function under transformation."""
    cdef Graph g = output.graph
    reached = np.asarray(g.reached_from(np.array([node_of(output)], np.int32)))
    op = g.array("op")[: g.n_nodes]
    if np.any(reached & ((op == INPUT) | (op == LANE)) & (g.array("slope1")[: g.n_nodes] == 1.0)):
        raise TracingError(
            "this derivative depends on the inputs of an enclosing grad, jacobian or another transform, whose "
            "derivative would be lost: take wengert.grad in place of backward()"
        )


cdef int check_same(Graph g, Graph other) except -1:
    if other is not g:
        refuse_graph(other)
    return 0


# ---- numbers or nodes? ----

cdef bint refers_before(const int* arg0, const int* arg1, int n, int first) noexcept nogil:
    """Does one of n nodes have an argument before the node `first`? Without a branch, so that it runs in vectors."""
    cdef unsigned int others = first - 1
    cdef int k, found = 0
    for k in range(n):
        found |= (<unsigned int>(arg0[k] - 1) < others) | (<unsigned int>(arg1[k] - 1) < others)
    return found


cdef bint reaches_before(Graph g, int first, int last, unsigned char* reached) noexcept nogil:
    """Does a marked node, or one that it needs, have an argument before the node `first`?"""
    cdef int node, k, arg
    for node in range(last, first - 1, -1):
        if reached[node - first]:
            for k in range(2):
                arg = g.arg0[node] if k == 0 else g.arg1[node]
                if arg >= first:
                    reached[arg - first] = 1
                elif arg > 0:
                    return True
    return False


cdef inline bint may_depend_on_others(Graph g, int first, int last) noexcept nogil:
    """Cheap, and False for most functions."""
    return first > 1 and refers_before(&g.arg0[first], &g.arg1[first], last - first + 1, first)


cdef bint depends_on_others(Graph g, list inputs, list outputs) except -1:
    """Does an output depend on a var that is older than the inputs?"""
    cdef int first = first_of(g, inputs), last = last_of(outputs)
    cdef unsigned char* reached
    for v in outputs:
        if type(v) is Var and node_of(<Var>v) < first:
            return True
    if last == 0 or not may_depend_on_others(g, first, last):
        return False
    reached = <unsigned char*>PyMem_Calloc(last - first + 1, 1)
    if reached == NULL:
        raise MemoryError(f"no memory for the derivatives of {last - first + 1} nodes")
    for v in outputs:
        if type(v) is Var:
            reached[node_of(<Var>v) - first] = 1
    try:
        return reaches_before(g, first, last, reached)
    finally:
        PyMem_Free(reached)


cdef bint is_symbolic(Graph g, list inputs, list outputs, list given) except -1:
    for number in given:
        if type(number) is Var:
            check_same(g, (<Var>number).graph)
            return True
    return g.open_recordings or depends_on_others(g, inputs, outputs)


cdef Graph graph_of(list variables):
    """The graph of this thread, which must be that of the vars."""
    cdef Graph g = own_graph()
    for v in variables:
        if type(v) is Var:
            check_same(g, (<Var>v).graph)
    return g


# ---- derivatives ----

def settled(list outputs, list inputs):
    """The outputs as the caller gets them: numbers, but vars where these depend on others than the inputs."""
    cdef Graph g = graph_of(outputs)
    if is_symbolic(g, inputs, outputs, []):
        return list(outputs)
    return [g.value[node_of(<Var>v)] if type(v) is Var else v for v in outputs]


def value_and_derivatives(Var output, list inputs):
    """Value of an output, and its derivatives in each of the inputs, a list. No leaf's `grad` changes."""
    cdef Graph g = output.graph
    cdef int k, first = first_of(g, inputs), node
    check_owner(g)
    node = node_of(output)
    if g.open_recordings or node < first or (
            may_depend_on_others(g, first, node) and depends_on_others(g, inputs, [output])):
        return output, derive(g, inputs, [output], [1.0], True)
    g.sweep(node, 1.0, False)
    return g.value[node], [g.adjoint[first + k] for k in range(len(inputs))]


def pull(list inputs, list outputs, list adjoints):
    """Adjoints of the inputs, given those of the outputs (reverse mode). An output that is no var is a constant."""
    cdef Graph g = graph_of(outputs)
    cdef Var v
    cdef list numbers
    cdef double number
    cdef int sums = 0, first
    if is_symbolic(g, inputs, outputs, adjoints):
        return derive(g, inputs, outputs, adjoints, True)
    # A sweep starts at one node: the chain of pairs below has the outputs as arguments and the adjoints as slopes.
    numbers = [demand_number(adjoint) for adjoint in adjoints]
    g.prepare(len(outputs))
    first = g.n_nodes
    for output, number in zip(outputs, numbers, strict=True):
        if type(output) is Var:
            sums = append(g, PAIR, sums, node_of(<Var>output), 0.0, 1.0, number)
    if not sums:
        return [0.0] * len(inputs)
    g.sweep(sums, 1.0, False)
    found = [g.adjoint[node_of(v)] for v in inputs]
    g.forget_after(first)
    return found


def push(list inputs, list outputs, list tangents):
    """Tangents of the outputs, given those of the inputs (forward mode). An output that is no var is a constant."""
    cdef Graph g = graph_of(outputs)
    cdef Var v
    cdef list numbers
    cdef int first, last, node
    cdef double* tangent
    if is_symbolic(g, inputs, outputs, tangents):
        return derive(g, inputs, outputs, tangents, False)
    numbers = [demand_number(number) for number in tangents]
    first, last = first_of(g, inputs), last_of(outputs)
    if last < first:
        return [0.0] * len(outputs)
    tangent = <double*>PyMem_Calloc(last - first + 1, sizeof(double))
    if tangent == NULL:
        raise MemoryError(f"no memory for the tangents of {last - first + 1} nodes")
    try:
        for v, number in zip(inputs, numbers, strict=True):
            if node_of(v) <= last:
                tangent[node_of(v) - first] = number
        ascend(g, first, last, tangent)
        found = []
        for output in outputs:
            node = node_of(<Var>output) if type(output) is Var else 0
            found.append(tangent[node - first] if node >= first else 0.0)
        return found
    finally:
        PyMem_Free(tangent)


cdef void ascend(Graph g, int first, int last, double* tangent) noexcept nogil:
    """Go up from the first input. A slope or tangent of zero hands on zero, as in a sweep."""
    cdef int node, arg
    cdef double below
    for node in range(first, last + 1):
        arg = g.arg0[node]
        if arg >= first:
            below = tangent[arg - first]
            if below != 0.0 and g.slope0[node] != 0.0:
                tangent[node - first] += g.slope0[node] * below
        arg = g.arg1[node]
        if arg >= first:
            below = tangent[arg - first]
            if below != 0.0 and g.slope1[node] != 0.0:
                tangent[node - first] += g.slope1[node] * below
