# cython: c_api_binop_methods=True
# One method per operator serves both sides: half the code, and no second dispatch for 2.0 * x.
"""What is a var, and how does Python's arithmetic on vars become nodes?

Operators and functions compute the value and the slopes at once and append one node. A number on one side becomes
the constant operand of the node.
"""

cimport cython
from cpython.object cimport PyObject, PyTypeObject, destructor, newfunc
from cpython.pycapsule cimport PyCapsule_GetPointer

include "kernels.pxi"

cdef extern from *:
    """
    static vectorcallfunc call_past_new;
    /* Numbers are what vars are mostly made of, and need no second look. */
    static PyObject *call_var(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *names) {
        PyObject *tuple, *made;
        if (names || PyVectorcall_NARGS(nargsf) != 1 || PyFloat_CheckExact(args[0]) || PyLong_CheckExact(args[0]))
            return call_past_new(type, args, nargsf, names);
        tuple = PyTuple_Pack(1, args[0]);
        if (!tuple) return NULL;
        made = PyType_Type.tp_call(type, tuple, NULL);
        Py_DECREF(tuple);
        return made;
    }
    static void look_before_calls(PyTypeObject *type) {
        call_past_new = type->tp_vectorcall; /* some versions of Cython make none */
        if (call_past_new) type->tp_vectorcall = call_var;
    }
    """
    void look_before_calls(PyTypeObject* type)

import sys

import numpy as np

from wengert import ops
from wengert._core.builds import kernels
from wengert._core.codes cimport LEAF, PAIR
from wengert._core.current cimport own_graph
from wengert._core.graph cimport Graph, append, check_owner, hold, refuse_graph, release, reserve
from wengert._core.number cimport demand_number, read_number
from wengert._core.origin cimport note_here
from wengert._core.sharing cimport find_node, forget_shared, share
from wengert._core.sweep cimport BLOCK_BITS
from wengert.errors import TracingError

cdef eager_t* eager = <eager_t*>PyCapsule_GetPointer(kernels.table, "wengert.eager")
cdef list NAMES = [*ops.NODES_WITHOUT_OP, *ops.OPS]
UFUNCS = {getattr(np, row.numpy): row.name for row in ops.OPS.values() if row.numpy != "-"}
# What NumPy's booleans call when they stand left of &, | and before ~.
UFUNCS |= {np.bitwise_and: "logical_and", np.bitwise_or: "logical_or", np.bitwise_xor: "logical_xor"}
UFUNCS |= {np.invert: "logical_not"}
# Other names of the same.
UFUNCS |= {np.fabs: "abs", np.float_power: "pow", np.radians: "deg2rad", np.degrees: "rad2deg"}


def op_of(ufunc):
    """Name of the op that a ufunc of NumPy or `scipy.special` computes, or None."""
    # Whoever calls a ufunc of scipy.special has imported it; nobody else shall wait for that.
    special = sys.modules.get("scipy.special")
    if ufunc not in UFUNCS and special is not None:
        UFUNCS.update({getattr(special, row.scipy, None): row.name for row in ops.OPS.values() if row.scipy})
    return UFUNCS.get(ufunc)


cdef inline int check_same(Graph g, Graph other) except -1:
    if g is not other:
        refuse_graph(other)
    return 0


# ---- recording ----

cdef inline int checked_node(Var v) except -1:
    """The node of a var that may have come from anywhere."""
    if v.graph is None:
        refuse_graph(None)
    return node_of(v)


cdef inline object arithmetic(int op, eager_t kernel, object left, object right):
    """Record an op of two arguments, at least one of them a var; NotImplemented if the other is nothing we know."""
    cdef double[2] x
    cdef double[3] out
    cdef int a, b
    cdef Graph g
    if type(left) is Var:
        g = (<Var>left).graph
        check_owner(g)
        if g.open_recordings:
            return shared_arithmetic(g, op, left, right)
        if type(right) is Var:
            check_same(g, (<Var>right).graph)
            reserve(g)
            a, b = node_of(<Var>left), node_of(<Var>right)
            x[0], x[1] = g.value[a], g.value[b]
            kernel(x, out)
            return wrap(g, append(g, op, a, b, out[0], out[1], out[2]))
        if not read_number(right, &x[1]):
            return NotImplemented
        reserve(g)
        a = node_of(<Var>left)
        x[0] = g.value[a]
        kernel(x, out)
        return wrap(g, append(g, op, a, 0, out[0], out[1], x[1]))
    g = (<Var>right).graph
    check_owner(g)
    if g.open_recordings:
        return shared_arithmetic(g, op, left, right)
    if not read_number(left, &x[0]):
        return NotImplemented
    reserve(g)
    b = node_of(<Var>right)
    x[1] = g.value[b]
    kernel(x, out)
    return wrap(g, append(g, op, 0, b, out[0], x[0], out[2]))


cdef inline object apply(int op, eager_t kernel, Var v):
    """Record an op of one argument."""
    cdef double x
    cdef double[2] out
    cdef int node
    cdef Graph g = v.graph
    check_owner(g)
    if g.open_recordings:
        return shared_function(g, op, v)
    reserve(g)
    node = node_of(v)
    x = g.value[node]
    kernel(&x, out)
    return wrap(g, append(g, op, node, 0, out[0], out[1], 0.0))


# ---- recording for a program, where equal nodes are one: see sharing.pxd ----

cdef inline int note(Graph g) except -1:
    """Note where the user's code is, if it is at work."""
    if not g.open_derivations:
        note_here(g)
    return 0


cdef object shared_arithmetic(Graph g, int op, object left, object right):
    """What `arithmetic` does."""
    cdef double[2] x
    cdef double[3] out
    cdef int a = 0, b = 0, node
    cdef size_t bucket = 0
    x[0] = x[1] = 0.0
    if type(left) is not Var and not read_number(left, &x[0]):
        return NotImplemented
    if type(right) is Var:
        check_same(g, (<Var>right).graph)
        b = node_of(<Var>right)
    elif not read_number(right, &x[1]):
        return NotImplemented
    if type(left) is Var:
        a = node_of(<Var>left)
    node = find_node(g, op, a, b, x[0], x[1], &bucket)
    if not node:
        note(g)
        reserve(g)
        if a:
            x[0] = g.value[a]
        if b:
            x[1] = g.value[b]
        eager[op](x, out)
        node = append(g, op, a, b, out[0], out[1] if a else x[0], out[2] if b else x[1])
        share(g, node, bucket)
    return var_at(g, node)


cdef object shared_function(Graph g, int op, Var v):
    """What `apply` does."""
    cdef double[2] out
    cdef int a = node_of(v), node
    cdef size_t bucket = 0
    node = find_node(g, op, a, 0, 0.0, 0.0, &bucket)
    if not node:
        note(g)
        reserve(g)
        eager[op](&g.value[a], out)
        node = append(g, op, a, 0, out[0], out[1], 0.0)
        share(g, node, bucket)
    return var_at(g, node)


cdef int appended(Graph g, int op, int a, int b, double value, double slope0, double slope1) except -1:
    """A new node, or while recording for a program the one that is there; room is reserved."""
    cdef size_t bucket = 0
    cdef int node
    if not g.open_recordings:
        return append(g, op, a, b, value, slope0, slope1)
    node = find_node(g, op, a, b, slope0, slope1, &bucket)
    if not node:
        node = append(g, op, a, b, value, slope0, slope1)
        share(g, node, bucket)
    return node


cdef object on_numbers(int op, tuple arguments):
    """The op without vars: a float; a complex number if an argument is one and the op is analytic; else an array."""
    cdef double[3] x
    cdef double[4] out
    cdef int k
    for argument in arguments:
        if type(argument) is float or type(argument) is int:
            continue
        if isinstance(argument, (complex, np.complexfloating)):
            from wengert import reference
            try:
                return reference.value(NAMES[op], *arguments)
            except TypeError as error:
                raise TracingError(f"{NAMES[op]} of {arguments}: {error}") from None
    if has_array(arguments):
        return on_arrays(op, arguments)
    for k, argument in enumerate(arguments):
        x[k] = demand_number(argument)
    eager[op](x, out)
    return out[0]


cdef bint has_array(tuple arguments) except -1:
    """Is an argument an array with axes, of numbers or of vars?"""
    for argument in arguments:
        if not (type(argument) is float or type(argument) is int or type(argument) is Var):
            from wengert._core.arrays import is_array
            if is_array(argument):
                return True
    return False


cdef object on_arrays(int op, tuple arguments):
    from wengert._core.arrays import elementwise
    return elementwise(NAMES[op], arguments)


cdef object record1(int op, object x):
    if type(x) is Var:
        return apply(op, eager[op], <Var>x)
    return on_numbers(op, (x,))


cdef object record2(int op, object a, object b):
    if type(a) is not Var and type(b) is not Var:
        return on_numbers(op, (a, b))
    result = arithmetic(op, eager[op], a, b)
    if result is NotImplemented:
        if has_array((a, b)):
            return on_arrays(op, (a, b))
        demand_number(b if type(a) is Var else a)
    return result


cdef object record3(int op, object condition, object a, object b):
    cdef double[3] x
    cdef double[4] out
    cdef int[3] node
    cdef int k, pair
    cdef Graph g = None
    given = (condition, a, b)
    for argument in given:
        if type(argument) is Var:
            if g is None:
                g = (<Var>argument).graph
                check_owner(g)
                if g.open_recordings:
                    note(g)
            check_same(g, (<Var>argument).graph)
    if g is None:
        return on_numbers(op, given)
    if has_array(given):
        return on_arrays(op, given)
    for k, argument in enumerate(given):  # before any node number is read: a conversion may run code that records
        if type(argument) is not Var:
            x[k] = demand_number(argument)
    reserve(g)
    for k, argument in enumerate(given):
        node[k] = 0
        if type(argument) is Var:
            node[k] = node_of(<Var>argument)
            x[k] = g.value[node[k]]
    eager[op](x, out)
    pair = appended(g, PAIR, node[1], node[2], out[0], out[2] if node[1] else x[1], out[3] if node[2] else x[2])
    return var_at(g, appended(g, op, node[0], pair, out[0], out[1] if node[0] else x[0], 1.0))


cdef int settle_numbers(Graph g) except -1:
    from wengert._core import pending
    pending.settle_numbers(g)
    return 0


# ---- the var ----

@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Var:
    """A number whose derivatives are followed.

    Parameters
    ----------
    data : float
        Its value: a Python or NumPy real number. NaN and infinities are numbers.

    Raises
    ------
    TracingError
        If `data` is not a real number.
    ShapeError
        If `data` is an array of any shape but ``()``.

    Notes
    -----
    Arithmetic with vars and numbers gives new vars. Comparisons give vars too, with the value 1.0 or 0.0, so ``if``
    and ``while`` work. Two vars are never the same key of a dict or set, whatever their values; but while `compile`
    records a function, computing the same from the same vars again gives the same var.

    Examples
    --------
    >>> x = wg.Var(3.0)
    >>> y = x * x + 2.0
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    def __init__(self, data):
        if self.graph is not None:
            raise TracingError("a Var is made once; assign to .data instead")
        cdef double value
        if type(data) is Var:
            raise TracingError("Var(v) would lose the derivative of v; use v itself, or Var(v.data) for a new leaf")
        value = demand_number(data)
        cdef Graph g = own_graph()
        reserve(g)
        self.place = hold(g, append(g, LEAF, 0, 0, value, 0.0, 0.0), <void*>self)
        self.graph = g

    # ---- value and gradient ----

    @property
    def data(self):
        """The value, a float.

        That of a leaf can be assigned, in the thread that made it; what was computed from it keeps its value.
        """
        cdef int node = checked_node(self)
        if self.graph.open_recordings:
            refuse_reading()
        return self.graph.value[node]

    @data.setter
    def data(self, value):
        cdef double number = demand_number(value)  # first: a conversion may run code that records and renumbers
        check_owner(self.graph)
        cdef int node = node_of(self)
        if self.graph.op[node] != LEAF:
            raise TracingError("only the data of a leaf, made with Var(...), can be assigned; this var was computed")
        self.graph.value[node] = number
        if self.graph.open_recordings:
            forget_shared(self.graph)  # what follows is computed from another number

    @property
    def grad(self):
        """The gradient, a float.

        Of a leaf: the sum over all `backward` calls since the last `zero_grad`. Of a computed var: its adjoint in the
        last `backward` or transform of this thread. It can be assigned, in the thread that made the var.
        """
        cdef int node = checked_node(self)
        cdef Graph g = self.graph
        if g.op[node] == LEAF:
            return g.slope0[node]
        return g.adjoint[node] if g.adjoint is not None and node < g.adjoint.shape[0] else 0.0

    @grad.setter
    def grad(self, value):
        cdef double gradient = demand_number(value)
        cdef Graph g = self.graph
        check_owner(g)
        cdef int node = node_of(self)
        if g.op[node] == LEAF:
            g.slope0[node] = gradient
            return
        g.provide_adjoints()
        g.adjoint[node] = gradient
        g.touch(node >> BLOCK_BITS, node >> BLOCK_BITS)

    def zero_grad(self):
        """Set the gradient to zero."""
        self.grad = 0.0

    def backward(self, gradient=1.0):
        """Add the derivative of this var in each leaf to the leaf's `grad`.

        Parameters
        ----------
        gradient : float, default 1.0
            Derivative of the final output in this var, by which all are multiplied.

        Raises
        ------
        TracingError
            Inside a function that `wengert.grad` or a relative is differentiating, if this var depends on its inputs:
            the gradients would be numbers without derivatives. Or if the var belongs to another thread.

        Notes
        -----
        Zero is strong: a slope or an adjoint of exactly zero hands on zero, also to an infinite or NaN slope, so the
        branch that `where` did not take gets an exact zero.

        Examples
        --------
        >>> a, b = wg.Var(2.0), wg.Var(3.0)
        >>> (a * b + a).backward()
        >>> a.grad, b.grad
        (4.0, 2.0)
        """
        cdef double seed = demand_number(gradient)
        check_owner(self.graph)
        if self.graph.open_recordings:
            raise TracingError("compile() records this function, and gradients from backward() are numbers that would "
                               "be frozen; take wengert.grad")
        if self.graph.open_transforms:
            from wengert._core.inputs import forbid_open_inputs
            forbid_open_inputs(self)
        if self.graph.records:
            from wengert._core.inputs import backward
            backward(self, seed)
        else:
            self.graph.sweep(node_of(self), seed, True)

    @property
    def node(self):
        """Number of the var's node in ``graph``. It may change whenever something is recorded."""
        return checked_node(self)

    # ---- arithmetic ----

    def __add__(left, right):
        return arithmetic(ADD, eager_add, left, right)

    def __sub__(left, right):
        return arithmetic(SUB, eager_sub, left, right)

    def __mul__(left, right):
        return arithmetic(MUL, eager_mul, left, right)

    def __truediv__(left, right):
        return arithmetic(DIV, eager_div, left, right)

    def __mod__(left, right):
        return arithmetic(MOD, eager[MOD], left, right)

    def __floordiv__(left, right):
        return arithmetic(FLOORDIV, eager[FLOORDIV], left, right)

    def __divmod__(left, right):
        quotient = arithmetic(FLOORDIV, eager[FLOORDIV], left, right)
        return quotient if quotient is NotImplemented else (quotient, record2(MOD, left, right))

    def __pow__(base, exponent, modulus):
        if modulus is not None:
            raise TracingError("pow() of a var takes no modulus")
        cdef double number = 0.0
        if type(exponent) is int or type(exponent) is float:
            read_number(exponent, &number)
            if number == 2.0:
                return apply(SQUARE, eager_square, <Var>base)
        return arithmetic(POW, eager[POW], base, exponent)

    def __and__(left, right):
        return arithmetic(LOGICAL_AND, eager_logical_and, left, right)

    def __or__(left, right):
        return arithmetic(LOGICAL_OR, eager_logical_or, left, right)

    def __invert__(self):
        return apply(LOGICAL_NOT, eager_logical_not, self)

    def __neg__(self):
        return apply(NEG, eager_neg, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return apply(ABS, eager[ABS], self)

    def __round__(self, ndigits=None):
        return record1(ROUND, self) if ndigits is None else record1(ROUND, self * 10.0**ndigits) / 10.0**ndigits

    def __floor__(self):
        return record1(FLOOR, self)

    def __ceil__(self):
        return record1(CEIL, self)

    # ---- comparison ----

    def __lt__(self, other):
        return arithmetic(LT, eager_lt, self, other)

    def __le__(self, other):
        return arithmetic(LE, eager_le, self, other)

    def __gt__(self, other):
        return arithmetic(GT, eager_gt, self, other)

    def __ge__(self, other):
        return arithmetic(GE, eager_ge, self, other)

    def __eq__(self, other):
        if other is None or isinstance(other, (str, bytes)):
            return NotImplemented
        return arithmetic(EQ, eager_eq, self, other)

    def __ne__(self, other):
        if other is None or isinstance(other, (str, bytes)):
            return NotImplemented
        return arithmetic(NE, eager_ne, self, other)

    def __hash__(self):
        # Vars lie at multiples of 16 bytes.
        return <Py_hash_t>(<size_t><void*>self >> 4)

    def __bool__(self):
        cdef int node = checked_node(self)
        if self.graph.first_pending:
            settle_numbers(self.graph)
        cdef bint outcome = self.graph.value[node] != 0.0
        if self.graph.open_recordings:
            note_here(self.graph)
            self.graph.guards.append((self, outcome, self.graph.here))
        return outcome

    # ---- conversion ----

    def __float__(self):
        raise_conversion("float")

    def __int__(self):
        raise_conversion("int")

    def __index__(self):
        raise_conversion("int")

    def __complex__(self):
        raise_conversion("complex")

    def __array__(self, dtype=None, copy=None):
        raise TracingError("an array of vars would lose their derivatives; keep vars in a list, or take v.data")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from wengert._core import arrays, functions
        if method == "__call__" and not kwargs and op_of(ufunc) is not None:
            return getattr(functions, UFUNCS[ufunc])(*inputs)
        return arrays.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        from wengert._core import arrays
        return arrays.surface.call_function(function, args, kwargs)

    # ---- as an array without axes ----

    @property
    def shape(self):
        """That of a number, ()."""
        return ()

    @property
    def ndim(self):
        """Number of axes: none."""
        return 0

    @property
    def size(self):
        """Number of elements: one."""
        return 1

    @property
    def dtype(self):
        """Data type of the value, float64."""
        return np.dtype(np.float64)

    @property
    def T(self):
        """The var itself."""
        return self

    def __repr__(self):
        cdef int node = checked_node(self)
        if self.graph.first_pending:
            settle_numbers(self.graph)
        return f"Var(data={self.graph.value[node]!r}, grad={self.grad!r})"

    def __copy__(self):
        return self.__deepcopy__({})

    def __deepcopy__(self, memo):
        function, arguments = self.__reduce__()
        return function(*arguments)

    def __reduce__(self):
        if self.graph is not None and self.graph.op[checked_node(self)] != LEAF:
            raise TracingError("a copy of a computed var would lose its derivative; copy the leaves, or Var(v.data)")
        return Var, (self.data,)

    # ---- the names that micrograd gave these things ----

    @property
    def _prev(self):
        """The vars that this one was computed from, a set; constant operands are not vars."""
        cdef Graph g = self.graph
        pending, found = [checked_node(self)], []
        while pending:
            node = pending.pop()
            for argument in (g.arg0[<int>node], g.arg1[<int>node]):
                if argument and g.op[<int>argument] == PAIR:
                    pending.append(argument)
                elif argument:
                    found.append(var_at(g, argument))
        return set(found)

    @property
    def _op(self):
        """What computed this var: Python's operator if there is one, else the op's name; empty for a leaf."""
        cdef int node = checked_node(self)
        row = ops.OPS.get(NAMES[self.graph.op[node]])
        return (row.infix or row.name) if row else ""

    def relu(self):
        """Same as ``wengert.relu(self)``."""
        return record1(RELU, self)

    def tanh(self):
        """Same as ``wengert.tanh(self)``."""
        return record1(TANH, self)

    def exp(self):
        """Same as ``wengert.exp(self)``."""
        return record1(EXP, self)

    def log(self):
        """Same as ``wengert.log(self)``."""
        return record1(LOG, self)


# A var that dies gives its place back. Cython saves and restores Python's exception state around a __dealloc__, which
# is a tenth of the cost of a node and needless here, since release cannot raise: so it comes before Cython's own part.
cdef destructor free_var = (<PyTypeObject*>Var).tp_dealloc


cdef void dealloc(PyObject* var) noexcept:
    if (<Var>var).graph is not None:
        release((<Var>var).graph, (<Var>var).place)
    free_var(var)


(<PyTypeObject*>Var).tp_dealloc = dealloc

# Var(array) is an array of vars, so making one begins with a look at what it is made from.
cdef newfunc new_var = (<PyTypeObject*>Var).tp_new


cdef object make(type kind, PyObject* args, PyObject* kwargs):
    if len(<tuple>args) == 1 and isinstance((<tuple>args)[0], np.ndarray) and (<tuple>args)[0].ndim:
        from wengert._core.arrays import VarArray
        return VarArray.leaf((<tuple>args)[0])
    return new_var(kind, args, kwargs)


(<PyTypeObject*>Var).tp_new = <newfunc><void*>make
look_before_calls(<PyTypeObject*>Var)  # they would go past tp_new


cdef int refuse_reading() except -1:
    raise TracingError(
        "compile() records this function, and .data would freeze a number that changes from call to call; compute with "
        "the var itself, or with wengert.stop_gradient(var)"
    )


cdef object raise_conversion(str kind):
    raise TracingError(
        f"{kind}(var) would lose the derivative; use var.data for the number, and wengert.exp, wengert.sin, ... in "
        "place of the functions of math"
    )


cdef Var var_at(Graph g, int node):
    if g.place_of[node] >= 0:
        return <Var>g.places[g.place_of[node]].var
    return wrap(g, node)
