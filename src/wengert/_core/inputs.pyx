"""How does a function under transformation get its inputs, and the derivatives of its outputs in them?

Derivatives are numbers where that loses nothing: one sweep through the buffers. They are *symbolic*, recorded as nodes,
where they may be differentiated or replayed again: while a function is recorded for a program, and where an output
depends on other vars than its own inputs (those of an enclosing transform, or a leaf).
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free

import numpy as np

from wengert._core.array_node cimport ArrayNode, Record, append_pending, append_structured, node_of_array
from wengert._core.array_node import INPUT_ARRAY
from wengert._core.array_sweep cimport has_arrays, sweep_arrays
from wengert._core.arrays import (
    VarArray, assemble, assembled_node, checked, elements_of, expanded, is_array, values_of,
)
from wengert._core.codes cimport INPUT, LANE, PAIR, STRUCTURED
from wengert._core.current cimport own_graph
from wengert._core.derive cimport derive, first_of, is_handle, last_of, node_of_handle
from wengert._core.graph cimport Graph, append, check_owner, refuse_graph
from wengert._core.number cimport demand_number
from wengert._core.pending cimport ndarray_of, number_of
from wengert._core.var cimport Var, node_of, wrap
from wengert.errors import TracingError
from wengert.structured import ROWS


# ---- opening and closing ----

cpdef bint holds_only_numbers(items) except -1:
    """Is every item of a sequence a Python float, int or var, hence no container?"""
    for item in items:
        if not (type(item) is float or type(item) is Var or type(item) is int):
            return False
    return True


cdef int n_late = 0  # in all threads: arrays opened late, within a later transform, and not closed yet


@cython.final
cdef class ArrayInput:
    """An array that a function under transformation gets.

    Its elements become inputs if the function asks for one, the whole array if it asks for that; or both, and then the
    derivative is the sum of the two.
    """

    cdef readonly object outer  # what was passed: an ndarray or VarArray
    cdef readonly list elements  # None until they are opened
    cdef readonly ArrayNode whole  # None until it is opened
    cdef readonly int leaf
    cdef int op  # LANE if the function is one of a lane, else INPUT
    cdef Var before  # a node from before the function ran: what it computed is newer, also where it opened this late
    cdef int depth  # transforms that were open when it was made
    cdef int times_late  # how often it was opened within a later transform

    def __init__(self, outer, before):
        self.outer, self.leaf, self.before = outer, -1, before
        self.op, self.depth = input_op(), own_graph().open_transforms

    cdef int note_opening(self) except -1:
        """It is opened now: is a later transform open?"""
        global n_late
        if own_graph().open_transforms > self.depth + 1:
            self.times_late += 1
            n_late += 1
        return 0

    @property
    def shape(self):
        return self.outer.shape

    @property
    def is_whole_outside(self):
        """Is it better taken whole? In a program it is if what was passed is one node."""
        return type(self.outer) is VarArray and own_graph().open_recordings > 0 and self.outer.is_whole

    holds_integers = False  # a derivative is taken in them, so they are no indices

    def look(self):
        """Any shape will do."""

    def open_elements(self):
        """Its elements as inputs."""
        if self.elements is None:
            self.note_opening()
            self.elements = append_inputs(only_numbers(elements_of(self.outer)), self.op)
        return self.elements

    def open_whole(self):
        """The array as one input."""
        cdef Graph g
        if self.whole is None:
            self.note_opening()
            if type(self.outer) is VarArray:
                outer = self.outer
                if outer.dtype.kind in "iu":
                    outer = ROWS.cast(outer, dtype=np.dtype(np.float64))
                outer = expanded([outer], [None])[0]
                node = outer[0] if len(outer) == 1 and type(outer[0]) is ArrayNode else (
                    assembled_node(self.outer))
                self.whole = alias_of(<ArrayNode>node)
            else:
                self.whole = append_structured(own_graph(), INPUT_ARRAY, (), {}, values_of(self.outer).copy())
            g = self.whole.graph
            g.slope1[node_of_array(self.whole)] = 1.0  # it is open, as `forbid_open_inputs` asks
        return self.whole

    def derivative(self, found):
        """The derivative in this array, from those of what was opened (an iterator, which moves on)."""
        if self.elements is not None:
            result = assemble([next(found) for _ in self.elements], self.shape)
            if type(result) is np.ndarray and self.outer.dtype == np.float32:
                result = result.astype(np.float32)
        else:
            result = None
        if self.whole is not None:
            whole = next(found)
            if type(whole) is np.ndarray:
                whole = np.array(whole)  # the adjoint of another array may be the same object, or a view of this one
            if whole is not None:
                result = whole if result is None else result + whole
        if result is None:
            return np.zeros(self.shape, np.float32 if self.outer.dtype == np.float32 else np.float64)
        return result


cdef ArrayNode alias_of(ArrayNode array):
    cdef Record record = array.record
    if record.value is None:
        return append_pending(own_graph(), INPUT_ARRAY, (array,), {}, record.shape, record.dtype)
    return append_structured(own_graph(), INPUT_ARRAY, (array,), {}, record.value)


cdef int input_op() except -1:
    """In a mapped function every lane has its own inputs."""
    return LANE if own_graph().open_lanes else INPUT


cdef list append_inputs(list numbers, int op):
    """Record inputs, which are neighbours in the graph. A var among the numbers is what its input stands for."""
    cdef Graph g = own_graph()
    cdef list inputs = []
    cdef int node
    g.prepare(len(numbers))
    for number in numbers:
        if type(number) is Var:
            check_same(g, (<Var>number).graph)
            node = node_of(<Var>number)
            inputs.append(wrap(g, append(g, op, node, 0, g.value[node], 1.0, 1.0)))
        else:
            inputs.append(wrap(g, append(g, op, 0, 0, demand_number(number), 0.0, 1.0)))
    return inputs


cdef list only_numbers(items):
    """Vars and floats; anything else is refused before something is recorded."""
    return [item if type(item) is Var or type(item) is float else demand_number(item) for item in items]


def open_inputs(list leaves):
    """Record the inputs of a function under transformation. Pair every call with `close_inputs`.

    Of numbers and vars, a list of vars. Among them, of arrays, are `ArrayInput` objects, of which nothing is recorded
    yet.
    """
    cdef list inputs
    cdef Graph g = own_graph()
    if holds_only_numbers(leaves):
        inputs = append_inputs(leaves, input_op())
    else:
        numbers = only_numbers([leaf for leaf in leaves if not is_array(leaf) and not is_zero_d(leaf)])
        g.prepare(1)
        before = wrap(g, append(g, INPUT, 0, 0, 0.0, 0.0, 0.0))
        scalars = iter(append_inputs(numbers, input_op()))
        inputs = [ArrayInput(leaf if type(leaf) is VarArray else real_array(leaf), before)
                  if is_array(leaf) or is_zero_d(leaf) else next(scalars) for leaf in leaves]
    g.open_transforms += 1
    return inputs


cdef bint is_zero_d(leaf):
    return isinstance(leaf, np.ndarray) and leaf.ndim == 0


cdef object real_array(array):
    if checked(array).dtype.kind == "c":
        raise TracingError(f"expected an array of real numbers, got one of {array.dtype}")
    return array


def for_function(inputs):
    """The inputs as the function gets them."""
    if opened(inputs) is inputs:
        return inputs
    return [x if type(x) is Var else VarArray.deferred(x) if x.shape else x.open_elements()[0] for x in inputs]


cpdef opened(inputs):
    """The vars and array nodes that were opened: the list itself if there are no arrays."""
    for x in inputs:
        if type(x) is not Var:
            break
    else:
        return inputs
    found = []
    for x in inputs:
        if type(x) is Var:
            found.append(x)
        else:
            found += [] if x.elements is None else x.elements
            found += [] if x.whole is None else [x.whole]
    return found


cdef int start_of(Graph g, list inputs, list handles) except -1:
    """The first node of the function that got these inputs, of which these handles were opened."""
    cdef int first = first_of(g, handles)
    if handles is inputs:
        return first
    for x in inputs:
        if type(x) is ArrayInput:
            return min(first, node_of((<ArrayInput>x).before))
    return first


def gathered(inputs, found):
    """One derivative for each input, from those of what was opened."""
    if opened(inputs) is inputs:
        return list(found)
    rest = iter(found)
    return [next(rest) if type(x) is Var else x.derivative(rest) for x in inputs]


def zero_derivatives(inputs):
    """The derivatives of a constant in each input."""
    return [0.0 if type(x) is Var else np.zeros(x.shape, x.outer.dtype if x.outer.dtype == np.float32 else np.float64)
            for x in inputs]


def close_inputs(list inputs):
    """The function under transformation has returned or failed: empty the list, and forget what nobody holds."""
    global n_late
    cdef Graph g = own_graph()
    cdef list handles = opened(inputs)
    cdef int first = start_of(g, inputs, handles)
    g.open_transforms -= 1
    if handles is not inputs:
        for x in inputs:
            if type(x) is ArrayInput:
                n_late -= (<ArrayInput>x).times_late
    for v in handles:
        g.slope1[node_of_handle(v)] = 0.0
    handles = v = None
    if inputs:
        inputs.clear()
        g.forget_after(first)


def forbid_open_inputs(output):
    """Refuse gradients, which are numbers, of what depends on the inputs of a function under transformation."""
    cdef Graph g = output.graph
    reached = np.asarray(g.reached_from(np.array([node_of_handle(output)], np.int32)))
    op = g.array("op")[: g.n_nodes]
    inputs = (op == INPUT) | (op == LANE) | (op == STRUCTURED)
    if np.any(reached & inputs & (g.array("slope1")[: g.n_nodes] == 1.0)):
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


cdef enum:
    REACHED = 1
    OWN = 2


cdef bint reaches_others(Graph g, int first, int last, unsigned char* marks) noexcept nogil:
    """Does a marked node, or one that it needs, come from before the node `first` or from an input of another function?

    Such an input is an array's, opened late: then it is newer than `first`.
    """
    cdef int node, k, arg
    for node in range(last, first - 1, -1):
        if not marks[node - first] & REACHED:
            continue
        if not marks[node - first] & OWN and g.slope1[node] == 1.0 and (
                g.op[node] == INPUT or g.op[node] == LANE or g.op[node] == STRUCTURED):
            return True
        for k in range(2):
            arg = g.arg0[node] if k == 0 else g.arg1[node]
            if arg >= first:
                marks[arg - first] |= REACHED
            elif arg > 0:
                return True
    return False


cdef inline bint may_depend_on_others(Graph g, int first, int last) noexcept nogil:
    """Cheap, and False for most functions."""
    return n_late > 0 or (first > 1 and refers_before(&g.arg0[first], &g.arg1[first], last - first + 1, first))


cdef bint depends_on_others(Graph g, int first, list handles, list outputs) except -1:
    """Does an output depend on something older than the function's first node, or on another's inputs?

    The handles are those of its own inputs.
    """
    cdef int last = last_of(outputs), node
    cdef unsigned char* marks
    for v in outputs:
        if is_handle(v) and node_of_handle(v) < first:
            return True
    if last == 0 or not may_depend_on_others(g, first, last):
        return False
    marks = <unsigned char*>PyMem_Calloc(last - first + 1, 1)
    if marks == NULL:
        raise MemoryError(f"no memory for the derivatives of {last - first + 1} nodes")
    for v in handles:
        node = node_of_handle(v)
        if node <= last:
            marks[node - first] = OWN
    for v in outputs:
        if is_handle(v):
            marks[node_of_handle(v) - first] |= REACHED
    try:
        return reaches_others(g, first, last, marks)
    finally:
        PyMem_Free(marks)


cdef bint is_symbolic(Graph g, int first, list handles, list outputs, list given) except -1:
    for number in given:
        if type(number) is Var:
            check_same(g, (<Var>number).graph)
            return True
        if type(number) is VarArray:
            return True
    return g.open_recordings or depends_on_others(g, first, handles, outputs)


cdef Graph graph_of(list handles):
    """The graph of this thread, which must be that of the vars."""
    cdef Graph g = own_graph()
    for v in handles:
        if is_handle(v):
            check_same(g, v.graph)
    return g


cdef object number_at(Graph g, object handle):
    """The value of a var or array node, or a constant."""
    if type(handle) is Var:
        return number_of(<Var>handle)
    return ndarray_of(<ArrayNode>handle) if type(handle) is ArrayNode else handle


# ---- derivatives ----

def settled(list outputs, list inputs):
    """The outputs as the caller gets them: numbers, but vars where these depend on others than the inputs."""
    parts = expanded(outputs, outputs)[0]
    cdef Graph g = graph_of(parts)
    cdef list handles = opened(inputs)
    if is_symbolic(g, start_of(g, inputs, handles), handles, parts, []):
        return list(outputs)
    return [np.array(output.data) if type(output) is VarArray else number_at(g, output) for output in outputs]


def value_and_derivatives(Var output, list inputs):
    """Value of an output, and its derivatives in each of the inputs, a list. No leaf's `grad` changes."""
    cdef Graph g = output.graph
    check_owner(g)
    cdef list handles = opened(inputs)
    cdef int first = start_of(g, inputs, handles), node
    node = node_of(output)
    if g.open_recordings or node < first or (
            may_depend_on_others(g, first, node) and depends_on_others(g, first, handles, [output])):
        return output, gathered(inputs, derive(g, handles, [output], [1.0], True))
    if has_arrays(g, first, node):
        sweep_arrays(g, [(output, 1.0)], False)
    else:
        g.sweep(node, 1.0, False)
    return g.value[node], gathered(inputs, adjoints_of(g, handles))


cdef list adjoints_of(Graph g, list handles):
    """What the last sweep left at vars and array nodes."""
    cdef list found = []
    for v in handles:
        if type(v) is Var:
            found.append(g.adjoint[node_of(<Var>v)])
        else:
            found.append(g.array_adjoints.get(node_of_array(<ArrayNode>v)))
    return found


def pull(list inputs, list outputs, list adjoints):
    """Adjoints of the inputs, given those of the outputs (reverse mode). An output that is no var is a constant."""
    cdef list handles = opened(inputs), numbers, seeds
    outputs, adjoints = expanded(outputs, adjoints)
    cdef Graph g = graph_of(outputs)
    cdef double number
    cdef int sums = 0, first
    if is_symbolic(g, start_of(g, inputs, handles), handles, outputs, adjoints):
        return gathered(inputs, derive(g, handles, outputs, adjoints, True))
    if has_arrays(g, 1, last_of(outputs)):
        seeds = [(output, adjoint if type(output) is ArrayNode else demand_number(adjoint))
                 for output, adjoint in zip(outputs, adjoints, strict=True) if is_handle(output)]
        sweep_arrays(g, seeds, False)
        return gathered(inputs, adjoints_of(g, handles))
    # A sweep starts at one node: the chain of pairs below has the outputs as arguments and the adjoints as slopes.
    numbers = [demand_number(adjoint) for adjoint in adjoints]
    g.prepare(len(outputs))
    first = g.n_nodes
    for output, number in zip(outputs, numbers, strict=True):
        if type(output) is Var:
            sums = append(g, PAIR, sums, node_of(<Var>output), 0.0, 1.0, number)
    if not sums:
        return gathered(inputs, [None if type(v) is ArrayNode else 0.0 for v in handles])
    g.sweep(sums, 1.0, False)
    found = adjoints_of(g, handles)
    g.forget_after(first)
    return gathered(inputs, found)


def backward(output, weights):
    """Add the gradient of a weighted sum of the elements of an array to the leaves."""
    parts, numbers = expanded([output], [weights])
    cdef Graph g = graph_of(parts)
    check_owner(g)
    if g.open_recordings:
        raise TracingError("compile() records this function, and gradients from backward() are numbers that would "
                           "be frozen; take wengert.grad")
    if g.open_transforms:
        for part in parts:
            if is_handle(part):
                forbid_open_inputs(part)
    sweep_arrays(g, [(part, number) for part, number in zip(parts, numbers) if is_handle(part)], True)


def push(list inputs, list outputs, list tangents):
    """Tangents of the outputs, given those of the inputs (forward mode). An output that is no var is a constant."""
    cdef list handles, given = []
    for x, direction in zip(inputs, tangents, strict=True):
        if type(x) is Var:
            given.append(direction)
            continue
        if x.elements is not None:
            given += elements_of(direction) if is_array(direction) else elements_of(np.reshape(direction, x.shape))
        if x.whole is not None:
            given.append(direction)
    handles = opened(inputs)
    parts = expanded(outputs, outputs)[0]
    found = iter(pushed(inputs, handles, parts, given))
    results = []
    for output in outputs:
        if type(output) is VarArray and len(expanded([output], [0.0])[0]) == 1 and type(
                expanded([output], [0.0])[0][0]) is ArrayNode:
            direction = next(found)
            results.append(np.zeros(output.shape, output.dtype) if direction is None else direction)
        elif is_array(output):
            results.append(assemble([next(found) for _ in range(output.size)], output.shape))
        else:
            results.append(next(found))
    return results


cdef list pushed(list inputs, list handles, list outputs, list tangents):
    """The same for vars and array nodes."""
    cdef Graph g = graph_of(outputs)
    cdef list numbers
    cdef int first, last, node
    cdef double* tangent
    first, last = first_of(g, handles), last_of(outputs)
    if is_symbolic(g, start_of(g, inputs, handles), handles, outputs, tangents):
        return derive(g, handles, outputs, tangents, False)
    if last < first:
        return [None if type(output) is ArrayNode else 0.0 for output in outputs]
    if has_arrays(g, first, last):
        return [number_of_derivative(g, x) for x in derive(g, handles, outputs, tangents, False)]
    numbers = [demand_number(number) for number in tangents]
    tangent = <double*>PyMem_Calloc(last - first + 1, sizeof(double))
    if tangent == NULL:
        raise MemoryError(f"no memory for the tangents of {last - first + 1} nodes")
    try:
        for v, number in zip(handles, numbers, strict=True):
            if node_of(<Var>v) <= last:
                tangent[node_of(<Var>v) - first] = number
        ascend(g, first, last, tangent)
        found = []
        for output in outputs:
            node = node_of(<Var>output) if type(output) is Var else 0
            found.append(tangent[node - first] if node >= first else 0.0)
        return found
    finally:
        PyMem_Free(tangent)


cdef object number_of_derivative(Graph g, object x):
    """A derivative that was recorded, as a number or an array of numbers that nobody else has."""
    if type(x) is VarArray:
        return np.array(x.data)
    if type(x) is np.ndarray:
        return x.copy()
    return number_at(g, x)


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
