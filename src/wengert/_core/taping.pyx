"""How does a recording with arrays become a tape?

The tape (array_tape.py) lists what outputs and guards need of a recording, arrays and scalars alike, in the order of
the graph.
"""

import math

import numpy as np

from wengert import ops
from wengert._core.array_node cimport Record, argument_nodes, handle_at
from wengert._core.array_node import INPUT_ARRAY, LEAF_ARRAY
from wengert._core.arrays import of_node
from wengert._core.codes cimport ELEMENT, INPUT, LEAF, PAIR, STRUCTURED, WHERE
from wengert._core.current cimport own_graph
from wengert._core.derive cimport is_handle, node_of_handle
from wengert._core.graph cimport Graph
from wengert._core.origin cimport position
from wengert.array_tape import Tape, TapeNode
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

    def __init__(self):
        self.g = own_graph()
        self.nodes, self.place, self.constants, self.positions = [], {}, {}, {}

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
        return self.place[node] if node else self.constant(number)

    cdef int read_scalar(self, int node) except -1:
        """The entry of a scalar node."""
        cdef Graph g = self.g
        cdef int op = g.op[node], pair = g.arg1[node]
        if op == LEAF or (op == INPUT and not g.arg0[node]):
            return self.constant(g.value[node])
        if op == INPUT:
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
        args = tuple([self.place[arg] if arg else self.constant(constant)
                      for arg, constant in zip(wanted, record.constants)])
        if record.row is INPUT_ARRAY:
            return args[0]
        shape = () if record.value is None else record.value.shape
        kind = "op" if type(record.row) is ops.Op else "row"
        return self.add(kind, record.row.name, args, tuple(sorted(record.params.items())), shape, record.dtype, None,
                        g.origin[node])

    cdef int read_element(self, int node) except -1:
        cdef Graph g = self.g
        array = self.place[g.arg0[node]]
        shape = self.nodes[array].shape
        key = tuple([int(k) for k in np.unravel_index(<Py_ssize_t>g.slope1[node], shape)])
        return self.add("row", "getitem", (array,), (("key", key),), (), FLOAT, None, g.origin[node])

    cdef int take_inputs(self, list inputs, list taken) except -1:
        """The entries of inputs, each (handle, number in `taken`, index there or None)."""
        for handle, which, index in inputs:
            place = taken[which]
            if index is not None:
                place = self.add("row", "getitem", (place,), (("key", index),), (), FLOAT, None, 0)
            self.place[node_of_handle(handle)] = place
        return 0

    cdef int read_from(self, int first, const unsigned char[::1] reached) except -1:
        """Write down the nodes that are reached, from the first of the recording on."""
        cdef Graph g = self.g
        cdef int node
        for node in range(first, g.n_nodes):
            if not reached[node] or g.op[node] == PAIR or node in self.place:
                continue
            if g.op[node] == STRUCTURED:
                self.place[node] = self.read_structured(node)
            elif g.op[node] == ELEMENT:
                self.place[node] = self.read_element(node)
            else:
                self.place[node] = self.read_scalar(node)
        return 0

    cdef list places_of(self, list outputs):
        """The entries of outputs."""
        cdef list places = []
        for parts, shape in outputs:
            if type(parts) is list:
                args = tuple([self.place[node_of_handle(x)] if is_handle(x) else self.constant(x) for x in parts])
                places.append(args[0] if shape is None else
                              self.add("row", "assemble", args, (("shape", shape),), shape, FLOAT, None, 0))
            else:
                places.append(self.place[node_of_handle(parts)])
        return places

    cdef list capture(self, int first, const unsigned char[::1] reached, set enclosing):
        """Make what comes from outside of the recording inputs of the tape; gives pairs of node and entry.

        That is what is older, and inputs of functions around that were opened only now: of an open transform, or among
        the `enclosing` nodes.
        """
        cdef Graph g = self.g
        cdef int node, arg, k
        cdef list found = []
        cdef set seen = set()
        for node in range(first, g.n_nodes):
            if not reached[node] or node in self.place:
                continue
            if node in enclosing or (g.slope1[node] == 1.0 and self.is_input(node)):
                found.append(node)
                continue
            for k in range(2):
                arg = g.arg0[node] if k == 0 else g.arg1[node]
                if 0 < arg < first and arg not in seen:
                    seen.add(arg)
                    found.append(arg)
        pairs = []
        for node in found:
            record = g.records.get(node)
            shape, dtype = (), FLOAT
            if record is not None:
                shape, dtype = () if (<Record>record).value is None else (<Record>record).value.shape, (
                    <Record>record).dtype
            entry = place = self.add("input", "", (), (), shape, FLOAT, None, 0)
            if dtype != FLOAT:
                place = self.add("row", "cast", (entry,), (("dtype", dtype),), shape, dtype, None, 0)
            self.place[node] = place
            pairs.append((node, entry))
        return pairs

    cdef bint is_input(self, int node) except -1:
        cdef Graph g = self.g
        if g.op[node] == STRUCTURED:
            return (<Record>g.records[node]).row is INPUT_ARRAY
        return g.op[node] == INPUT


cdef object reached_of(Graph g, list outputs, list guards):
    roots = [x for parts, _ in outputs for x in (parts if type(parts) is list else [parts]) if is_handle(x)]
    roots += [guard[0] for guard in guards]
    return np.asarray(g.reached_from(np.array([node_of_handle(x) for x in roots], np.int32)))


def tape_of(int first, list inputs, list arrays, list outputs, list guards):
    """The tape of a recording.

    Parameters
    ----------
    first : int
        The node with which the recording begins.
    inputs : list of (Var or ArrayNode, int, tuple)
        Each with the entry of `arrays` in which it is, and its index there: None for the whole.
    arrays : list of tuple
        Shapes of what the program takes.
    outputs : list of list of (Var, ArrayNode or float), or ArrayNode
        Of each output: its elements with its shape, or the array itself.
    guards : list of (Var, bool, int)
    """
    cdef Taping tape = Taping()
    taken = [tape.add("input", "", (), (), shape, FLOAT, None, 0) for shape in arrays]
    tape.take_inputs(inputs, taken)
    reached = reached_of(tape.g, outputs, guards)
    if np.any(reached[:first]):
        raise TracingError(
            "the function that is compiled uses a var from outside, whose value would be frozen; pass it as an "
            "argument, or its number v.data if it never changes"
        )
    tape.read_from(first, reached)
    places = tape.places_of(outputs)
    return Tape(tape.nodes, taken, places, [(tape.place[node_of_handle(v)], bool(outcome)) for v, outcome, _ in guards])


def body_tape(int first, list inputs, list arrays, list outputs, list enclosing):
    """The tape of a body, which may use vars from outside: they become inputs too, before the others.

    Parameters
    ----------
    first, inputs, arrays, outputs
        As for `tape_of`.
    enclosing : list of (Var or ArrayNode)
        Inputs of the functions around it that are being recorded.

    Returns
    -------
    tape : Tape
    captured : list of (Var or VarArray)
        What the first inputs stand for.
    """
    cdef Taping tape = Taping()
    cdef Graph g = tape.g
    taken = [tape.add("input", "", (), (), shape, FLOAT, None, 0) for shape in arrays]
    tape.take_inputs(inputs, taken)
    reached = reached_of(g, outputs, [])
    pairs = tape.capture(first, reached, {node_of_handle(x) for x in enclosing})
    tape.read_from(first, reached)
    captured = [of_node(handle_at(g, node)) for node, _ in pairs]
    places = tape.places_of(outputs)
    return Tape(tape.nodes, [entry for _, entry in pairs] + taken, places, []), captured
