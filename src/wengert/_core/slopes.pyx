"""How does a slope of the table become nodes?

Each slope formula of `ops.py` is called once, at import, with symbols that write down what happens to them: its
*recipe*, a flat list of ops on the arguments, the result, constants and earlier steps. Appending the slope of a node to
a graph is a walk through the recipe.
"""

from cpython.mem cimport PyMem_Calloc
from cpython.pycapsule cimport PyCapsule_GetPointer

from functools import partial

from wengert import ops
from wengert._core.builds import kernels
from wengert._core.codes cimport (
    ADD, LANE, LANE_SUM, MUL, MUL_NO_NAN, N_CODES, NEG, PAIR, POW, SQUARE, WHERE,
)
from wengert._core.graph cimport append
from wengert.reference import bind

ctypedef void (*eager_t)(const double* x, double* out) noexcept nogil

cdef eager_t* eager = <eager_t*>PyCapsule_GetPointer(kernels.table, "wengert.eager")

# Where an operand of a step comes from: argument 0, 1 or 2, or
cdef enum:
    RESULT = 3
    CONSTANT = 4
    STEP = 5  # this and above: the step of that number
    MAX_STEPS = 32  # of one slope; more are refused at import

cdef struct step_t:
    int op
    int arity
    int[3] source
    double[3] constant

cdef struct recipe_t:
    int first, last  # its steps are those from first on, before last
    int source  # where the slope itself comes from
    double constant
    int n_nodes  # most nodes that it appends


# ---- reading the table ----

class Symbol:
    """A number in a formula of the table: it notes in its recipe what is done with it."""

    def __init__(self, steps, source):
        self.steps = steps
        self.source = source

    def __add__(self, other):
        return note(self.steps, "add", self, other)

    def __radd__(self, other):
        return note(self.steps, "add", other, self)

    def __sub__(self, other):
        return note(self.steps, "sub", self, other)

    def __rsub__(self, other):
        return note(self.steps, "sub", other, self)

    def __mul__(self, other):
        return note(self.steps, "mul", self, other)

    def __rmul__(self, other):
        return note(self.steps, "mul", other, self)

    def __truediv__(self, other):
        return note(self.steps, "div", self, other)

    def __rtruediv__(self, other):
        return note(self.steps, "div", other, self)

    def __neg__(self):
        return note(self.steps, "neg", self)

    def __and__(self, other):
        return note(self.steps, "logical_and", self, other)

    def __or__(self, other):
        return note(self.steps, "logical_or", self, other)

    def __lt__(self, other):
        return note(self.steps, "lt", self, other)

    def __le__(self, other):
        return note(self.steps, "le", self, other)

    def __gt__(self, other):
        return note(self.steps, "gt", self, other)

    def __ge__(self, other):
        return note(self.steps, "ge", self, other)

    def __eq__(self, other):
        return note(self.steps, "eq", self, other)

    def __ne__(self, other):
        return note(self.steps, "ne", self, other)


def note(list steps, str name, *operands):
    """Add a step to a recipe, or find it there."""
    step = (ops.OPS[name].code, tuple([source_of(operand) for operand in operands]))
    if step not in steps:
        steps.append(step)
    return Symbol(steps, STEP + steps.index(step))


cdef tuple source_of(object operand):
    """Where an operand comes from, and its value if it is a constant."""
    if isinstance(operand, Symbol):
        return operand.source, 0.0
    return CONSTANT, float(operand)


cdef tuple recipe_of(object row, object formula):
    """The steps of a slope, and where the slope itself comes from."""
    steps = []
    names = {name: partial(note, steps, name) for name in ops.OPS}
    symbols = [Symbol(steps, source) for source in range(row.arity)]
    return steps, source_of(bind(formula, names)(*symbols, Symbol(steps, RESULT)))


cdef step_t* steps = NULL
cdef recipe_t[N_CODES][3] recipes


cdef int read_table() except -1:
    """Fill the two arrays above."""
    global steps
    cdef step_t* step
    cdef recipe_t* recipe
    cdef int k, n_steps = 0
    found = [(row, k, *recipe_of(row, formula)) for row in ops.OPS.values() for k, formula in enumerate(row.slopes)]
    steps = <step_t*>PyMem_Calloc(sum([len(listed) for _, _, listed, _ in found]), sizeof(step_t))
    if steps == NULL:
        raise MemoryError("no memory for the slopes of the table")
    for row, k, listed, (source, number) in found:
        if len(listed) > MAX_STEPS:
            raise ValueError(f"slope {k} of {row.name} has {len(listed)} steps, more than MAX_STEPS in slopes.pyx")
        recipe = &recipes[<int>row.code][k]
        recipe.first, recipe.source, recipe.constant = n_steps, source, number
        for code, operands in listed:
            step = &steps[n_steps]
            step.op, step.arity = code, len(operands)
            for j, (origin, value) in enumerate(operands):
                step.source[<int>j], step.constant[<int>j] = origin, value
            recipe.n_nodes += 2 if step.op == WHERE else 1
            n_steps += 1
        recipe.last = n_steps
    return 0


read_table()


# ---- appending ----

cdef inline operand_t appended(Graph g, int op, int arg0, int arg1, const double* out, double slope0,
                               double slope1) noexcept nogil:
    cdef operand_t y
    y.node, y.number = append(g, op, arg0, arg1, out[0], slope0, slope1), out[0]
    return y


cdef operand_t unary(Graph g, int op, operand_t x) noexcept nogil:
    cdef double[2] out
    eager[op](&x.number, out)
    if not x.node:
        return constant(out[0])
    return appended(g, op, x.node, 0, out, out[1], 0.0)


cdef operand_t binary(Graph g, int op, operand_t a, operand_t b) noexcept nogil:
    """Fold what is exact, else append. Only pow is not exact: its square differs in the last bit, for the better."""
    cdef double[2] x
    cdef double[3] out
    if a.node or b.node:
        if op == MUL or op == MUL_NO_NAN:
            if not b.node:
                a, b = b, a
            if not a.node:
                if a.number == 1.0:
                    return b
                if a.number == -1.0:
                    return unary(g, NEG, b)
                if op == MUL_NO_NAN and a.number == 0.0:
                    return a
                # Zero wins against infinity and NaN only: nothing to win against a finite number.
                if a.number - a.number == 0.0:
                    op = MUL
        elif op == POW and not b.node:
            if b.number == 0.0:
                return constant(1.0)
            if b.number == 1.0:
                return a
            if b.number == 2.0:
                return unary(g, SQUARE, a)
    x[0], x[1] = a.number, b.number
    eager[op](x, out)
    if not a.node and not b.node:
        return constant(out[0])
    return appended(g, op, a.node, b.node, out, out[1] if a.node else x[0], out[2] if b.node else x[1])


cdef operand_t selection(Graph g, operand_t condition, operand_t a, operand_t b) noexcept nogil:
    """`a` where the condition is true, else `b`."""
    cdef double[2] out
    cdef bint chosen = condition.number != 0.0
    cdef int pair
    if not condition.node:
        return a if chosen else b
    if is_zero(a) and is_zero(b):
        return a
    out[0] = a.number if chosen else b.number
    pair = append(g, PAIR, a.node, b.node, out[0], (1.0 if chosen else 0.0) if a.node else a.number,
                  (0.0 if chosen else 1.0) if b.node else b.number)
    return appended(g, WHERE, condition.node, pair, out, 0.0, 1.0)


cdef operand_t sum_of(Graph g, operand_t a, operand_t b) noexcept nogil:
    """The sum of two contributions to a derivative."""
    if is_zero(a):
        return b
    if is_zero(b):
        return a
    return binary(g, ADD, a, b)


cdef operand_t product_of(Graph g, operand_t slope, operand_t derivative) noexcept nogil:
    """The chain rule's product."""
    cdef int pair
    cdef operand_t condition
    if slope.node and g.op[slope.node] == WHERE and g.arg0[slope.node]:
        pair = g.arg1[slope.node]
        if not g.arg0[pair] and not g.arg1[pair]:
            condition = operand(g, g.arg0[slope.node])
            if g.slope0[pair] == 1.0 and g.slope1[pair] == 0.0:
                return selection(g, condition, derivative, constant(0.0))
            if g.slope0[pair] == 0.0 and g.slope1[pair] == 1.0:
                return selection(g, condition, constant(0.0), derivative)
    return binary(g, MUL_NO_NAN, slope, derivative)


cdef operand_t sum_over_lanes(Graph g, operand_t x) noexcept nogil:
    """The uniform sum over all lanes, as many equal terms if `x` is uniform: hence a LANE in between, which varies."""
    cdef int lane
    if is_zero(x):
        return x
    lane = append(g, LANE, x.node, 0, x.number, 1.0 if x.node else 0.0, 0.0)
    return appended(g, LANE_SUM, lane, 0, &x.number, 1.0, 0.0)


cdef operand_t argument(Graph g, int node, int k) noexcept nogil:
    """Argument 0 or 1 of a node."""
    cdef int arg = g.arg0[node] if k == 0 else g.arg1[node]
    if arg:
        return operand(g, arg)
    return constant(g.slope0[node] if k == 0 else g.slope1[node])


cdef int slope_nodes(int op, int k) noexcept nogil:
    """Most nodes that the slope in argument k appends."""
    return recipes[op][k].n_nodes


cdef bint is_flat(int op, int k) noexcept nogil:
    """Is the op constant in its argument k, whatever the arguments are?"""
    return recipes[op][k].source == CONSTANT and recipes[op][k].constant == 0.0


cdef operand_t slope(Graph g, int node, int k) noexcept nogil:
    """The slope of a node in its argument k; not of PAIR and WHERE, which are derived together."""
    cdef operand_t[STEP + MAX_STEPS] at
    cdef operand_t[3] x
    cdef recipe_t* recipe = &recipes[g.op[node]][k]
    cdef step_t* step
    cdef int s, j
    if recipe.source == CONSTANT:
        return constant(recipe.constant)
    at[0], at[1] = argument(g, node, 0), argument(g, node, 1)
    at[RESULT] = operand(g, node)
    for s in range(recipe.first, recipe.last):
        step = &steps[s]
        for j in range(step.arity):
            x[j] = constant(step.constant[j]) if step.source[j] == CONSTANT else at[step.source[j]]
        if step.arity == 1:
            at[STEP + s - recipe.first] = unary(g, step.op, x[0])
        elif step.arity == 2:
            at[STEP + s - recipe.first] = binary(g, step.op, x[0], x[1])
        else:
            at[STEP + s - recipe.first] = selection(g, x[0], x[1], x[2])
    return at[recipe.source]


def constant_slope(row, int k):
    """The number that a slope of an op is whatever the arguments are, or None."""
    cdef recipe_t* recipe = &recipes[<int>row.code][k]
    return recipe.constant if recipe.source == CONSTANT else None
