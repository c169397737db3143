"""How does a recording with arrays become a tape?

The tape (array_programs/tape.py) lists what outputs and guards need of a recording, arrays and scalars alike, in the
order of the graph. That of a function of one lane may use what was recorded before it, which then is among its inputs.
"""

import math

import numpy as np

from wengert import ops
from wengert._core.array_node cimport ArrayNode, Record, argument_nodes, handle_at
from wengert._core.array_node import INPUT_ARRAY, LEAF_ARRAY
from wengert._core.arrays import of_node
from wengert._core.codes cimport ELEMENT, INPUT, LANE, LEAF, PAIR, STOP_GRADIENT, STRUCTURED, WHERE
from wengert._core.current cimport own_graph
from wengert._core.derive cimport is_handle, node_of_handle
from wengert._core.graph cimport Graph
from wengert._core.origin cimport position
from wengert.array_programs.tape import Tape, TapeNode
from wengert.errors import TracingError

cdef dict ROW_OF = {row.code: row for row in ops.OPS.values()}
cdef object FLOAT = np.dtype(np.float64)


cdef class Taping:
    """A tape that is being written."""

    cdef Graph g
    cdef list nodes
    cdef dict place  # of each graph node: its entry
    cdef dict constants  # entries of numbers
    cdef dict positions  # of origins
    cdef int first  # nodes before it are outside; they may be used by a body only
    cdef list outside  # handles of those that are used, each an input
    cdef list outside_entries  # their entries
    cdef set enclosing  # nodes that are inputs of functions around, opened late
    cdef bint is_body

    def __init__(self, int first, bint is_body):
        self.g, self.first, self.is_body = own_graph(), first, is_body
        self.nodes, self.place, self.constants, self.positions = [], {}, {}, {}
        self.outside, self.outside_entries, self.enclosing = [], [], set()

    cdef bint is_outside(self, int node) except -1:
        """Is it from before, or an input that is opened late: of a transform around, which therefore is still open?"""
        cdef Graph g = self.g
        if node < self.first or node in self.enclosing:
            return True
        if g.op[node] == STRUCTURED and (<Record>g.records[node]).row is not INPUT_ARRAY:
            return False
        return self.is_body and g.slope1[node] == 1.0 and g.op[node] in (STRUCTURED, INPUT, LANE)

    cdef int entry(self, int node) except -1:
        """The entry of a node; that of one outside is an input."""
        if node not in self.place and self.is_outside(node):
            handle = handle_at(self.g, node)
            self.outside.append(handle)
            shape = (<ArrayNode>handle).record.shape if type(handle) is ArrayNode else ()
            place = self.add("input", "", (), (), shape, FLOAT, None, 0)
            self.outside_entries.append(place)
            record = self.g.records.get(node)
            if record is not None and (<Record>record).dtype.kind in "biu":
                # Programs take floats.
                place = self.add("row", "cast", (place,), (("dtype", (<Record>record).dtype),), shape,
                                 (<Record>record).dtype, None, 0)
            self.place[node] = place
        return self.place[node]

    cdef int add(self, str kind, str name, tuple args, tuple params, tuple shape, dtype, constant, origin) except -1:
        where = None
        if origin:
            if origin not in self.positions:
                self.positions[origin] = position(self.g.codes, origin)
            where = self.positions[origin]
        self.nodes.append(TapeNode(kind, name, args, params, shape, dtype, constant, where))
        return len(self.nodes) - 1

    cdef int constant(self, value) except -1:
        """The entry of a constant; of equal numbers only one."""
        if isinstance(value, np.ndarray) and value.ndim:
            return self.add("constant", "", (), (), value.shape, value.dtype, value, 0)
        number = float(value)
        key = (number, math.copysign(1.0, number))
        if key not in self.constants or number != number:
            self.constants[key] = self.add("constant", "", (), (), (), FLOAT, number, 0)
        return self.constants[key]

    cdef int operand(self, int node, double number) except -1:
        return self.entry(node) if node else self.constant(number)

    cdef int read_scalar(self, int node) except -1:
        """The entry of a scalar node."""
        cdef Graph g = self.g
        cdef int op = g.op[node], pair = g.arg1[node]
        if op == LEAF or ((op == INPUT or op == LANE) and not g.arg0[node]):
            return self.constant(g.value[node])
        if op == INPUT or op == LANE or (op == STOP_GRADIENT and not self.is_body):
            return self.operand(g.arg0[node], g.slope0[node])
        row = ROW_OF[op]
        if op == WHERE:
            args = (self.operand(g.arg0[node], g.slope0[node]), self.operand(g.arg0[pair], g.slope0[pair]),
                    self.operand(g.arg1[pair], g.slope1[pair]))
        elif row.arity == 1:
            args = (self.operand(g.arg0[node], g.slope0[node]),)
        else:
            args = (self.operand(g.arg0[node], g.slope0[node]), self.operand(pair, g.slope1[node]))
        return self.add("op", row.name, args, (), (), FLOAT, None, g.origin[node])

    cdef int read_structured(self, int node) except -1:
        """The entry of a STRUCTURED node."""
        cdef Graph g = self.g
        cdef Record record = g.records[node]
        cdef list wanted = argument_nodes(g, node)
        if record.row is LEAF_ARRAY or (record.row is INPUT_ARRAY and not wanted):
            return self.constant(record.value)
        args = tuple([self.entry(arg) if arg else self.constant(constant)
                      for arg, constant in zip(wanted, record.constants)])
        if record.row is INPUT_ARRAY or (record.row.name == "stop_gradient" and not self.is_body):
            return args[0]
        kind = "op" if type(record.row) is ops.Op else "row"
        return self.add(kind, record.row.name, args, tuple(sorted(record.params.items())), record.shape, record.dtype,
                        None, g.origin[node])

    cdef int read_element(self, int node) except -1:
        cdef Graph g = self.g
        array = self.entry(g.arg0[node])
        shape = self.nodes[array].shape
        key = tuple([int(k) for k in np.unravel_index(<Py_ssize_t>g.slope1[node], shape)])
        return self.add("row", "getitem", (array,), (("key", key),), (), FLOAT, None, g.origin[node])

    cdef list take_arrays(self, list arrays):
        """Entries of what the program takes, each (shape, dtype)."""
        return [self.add("input", "", (), (), shape, dtype, None, 0) for shape, dtype in arrays]

    cdef int take_inputs(self, list inputs, list taken) except -1:
        """The entries of inputs, each (handle, number in `taken`, index there or None)."""
        for handle, which, index in inputs:
            place = taken[which]
            if index is not None:
                place = self.add("row", "getitem", (place,), (("key", index),), (), FLOAT, None, 0)
            self.place[node_of_handle(handle)] = place
        return 0


def tape_of(int first, list inputs, list arrays, list outputs, list guards):
    """The tape of a recording.

    Parameters
    ----------
    first : int
        The node with which the recording begins.
    inputs : list of (Var or ArrayNode, int, tuple)
        Each with the entry of `arrays` in which it is, and its index there: None for the whole.
    arrays : list of (tuple, dtype)
        Shapes and types of what the program takes: floats, or integers that may be indices.
    outputs : list of list of (Var, ArrayNode or float), or ArrayNode
        Of each output: its elements with its shape, or the array itself.
    guards : list of (Var, bool, int)
    """
    cdef Taping tape = Taping(first, False)
    taken = tape.take_arrays(arrays)
    tape.take_inputs(inputs, taken)
    return written(tape, taken, outputs, guards)


def body_of(int first, list inputs, list arrays, list outputs, list guards, list enclosing):
    """The tape of one call of a function within a recording; what it uses from before are the first inputs.

    Parameters
    ----------
    first : int
        The node with which the call begins.
    inputs, outputs, guards
        As for `tape_of`.
    arrays : list of tuple
        Shapes of what the program takes, which are floats.
    enclosing : list of (Var or ArrayNode)
        Inputs of the functions around it that are being recorded.

    Returns
    -------
    tape : Tape
    captured : list of (Var or VarArray)
        What the first inputs stand for.
    """
    cdef Taping tape = Taping(first, True)
    tape.enclosing = {node_of_handle(x) for x in list(enclosing)}
    taken = tape.take_arrays([(shape, FLOAT) for shape in arrays])
    tape.take_inputs(inputs, taken)
    whole = written(tape, [], outputs, guards)
    return (Tape(whole.nodes, tape.outside_entries + taken, whole.outputs, whole.guards),
            [of_node(x) for x in tape.outside])


cdef object written(Taping tape, list taken, list outputs, list guards):
    """The tape with all that outputs and guards need."""
    cdef Graph g = tape.g
    cdef int node, first = tape.first
    roots = [x for parts, _ in outputs for x in (parts if type(parts) is list else [parts]) if is_handle(x)]
    roots += [guard[0] for guard in guards]
    nodes = np.array([node_of_handle(x) for x in roots], np.int32)
    cdef unsigned char[::1] reached = g.reached_from(nodes)
    if not tape.is_body and np.any(np.asarray(reached)[:first]):
        raise TracingError(
            "the function that is compiled uses a var from outside, whose value would be frozen; pass it as an "
            "argument, or its number v.data if it never changes"
        )
    for node in range(first, g.n_nodes):
        if not reached[node] or g.op[node] == PAIR or node in tape.place or tape.is_outside(node):
            continue
        if g.op[node] == STRUCTURED:
            tape.place[node] = tape.read_structured(node)
        elif g.op[node] == ELEMENT:
            tape.place[node] = tape.read_element(node)
        else:
            tape.place[node] = tape.read_scalar(node)
    places = []
    for parts, shape in outputs:
        if type(parts) is list:
            args = tuple([tape.entry(node_of_handle(x)) if is_handle(x) else tape.constant(x) for x in parts])
            places.append(args[0] if shape is None else
                          tape.add("row", "assemble", args, (("shape", shape),), shape, FLOAT, None, 0))
        else:
            places.append(tape.entry(node_of_handle(parts)))
    guarded = [(tape.entry(node_of_handle(v)), bool(outcome)) for v, outcome, _ in guards]
    return Tape(tape.nodes, taken + tape.outside_entries, places, guarded)
