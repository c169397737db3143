"""How does a function under transformation get its inputs, and the derivatives of its output in them?"""

import numpy as np

from wengert._core.codes cimport INPUT
from wengert._core.current cimport own_graph
from wengert._core.graph cimport Graph, append, check_owner, reserve
from wengert._core.number cimport demand_number
from wengert._core.var cimport Var, node_of, wrap
from wengert.errors import TracingError


def forbid_inputs(Var output, list own):
    """Refuse a derivative that would drop the dependence on the inputs of an enclosing transform."""
    cdef Graph g = output.graph
    reached = np.asarray(g.reached_from(np.array([node_of(output)], np.int32)))
    inputs = set(np.flatnonzero(reached & (g.array("op")[: g.n_nodes] == INPUT)))
    if inputs - {node_of(v) for v in own}:
        raise TracingError(
            "this derivative depends on the inputs of an enclosing grad, jacobian or value_and_grad, whose derivative "
            "would be lost: derivatives of derivatives are not supported yet"
        )


def holds_only_numbers(items):
    """Is every item of a sequence a Python float, int or var, hence no container?"""
    for item in items:
        if not (type(item) is float or type(item) is Var or type(item) is int):
            return False
    return True


def open_inputs(list numbers):
    """Record the inputs of a function under transformation: a list of vars. Pair every call with `close_inputs`."""
    cdef Graph g = own_graph()
    cdef list inputs = []
    cdef double value
    for number in numbers:
        if type(number) is Var:
            raise TracingError(
                "this function takes numbers, but got a Var: pass v.data, and note that derivatives of derivatives are "
                "not supported yet"
            )
        value = demand_number(number)
        reserve(g)
        inputs.append(wrap(g, append(g, INPUT, 0, 0, value, 0.0, 0.0)))
    g.open_transforms += 1
    return inputs


def close_inputs(list inputs):
    """The function under transformation has returned or failed: empty the list, and forget what was recorded."""
    cdef Graph g = own_graph()
    g.open_transforms -= 1
    if inputs:
        first = node_of(<Var>inputs[0])
        inputs.clear()
        g.forget_after(first)


def derivatives(Var output, list inputs):
    """Derivatives of an output in each of the inputs, a list of floats. No leaf's `grad` changes."""
    cdef Graph g = output.graph
    cdef Var v
    check_owner(g)
    if g.open_transforms > 1:
        forbid_inputs(output, inputs)
    g.sweep(node_of(output), 1.0, False)
    return [g.adjoint[node_of(v)] for v in inputs]
