"""What might anybody write? Random functions of numbers, straight and with branches and loops, to compile.

A function is a list of statements over a growing list of values; `run` interprets it on floats or vars alike.
"""

import operator
import struct
from math import inf, nan

from hypothesis import strategies as st

import wengert as wg

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -0.5, 0.25, 3.0, inf, -inf, nan, 5e-324, -1e-310, 1e-200, 1e200, -1e300, 2.0**60]
# The product of the chain rule is a product in a program as far as it can be, which may give its zeros another sign.
OPS = [row for row in wg.ops.OPS.values() if row.name != "mul_no_nan"]
SIMPLE = [wg.ops.OPS[name] for name in ("add", "sub", "mul", "div", "neg", "square", "abs", "max", "min", "where")]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]

numbers = st.sampled_from(SPECIAL) | st.floats(-4, 4) | st.floats()
operands = st.integers(-12, -1) | st.sampled_from(SPECIAL)  # counted from the last value; or a constant


@st.composite
def calls(draw, rows):
    row = draw(st.sampled_from(rows))
    return ("call", row.name, draw(st.lists(operands, min_size=row.arity, max_size=row.arity)))


simple = calls(OPS) | calls(SIMPLE)
straight = st.lists(simple, min_size=1, max_size=14)
conditions = st.tuples(st.sampled_from(COMPARISONS), operands, operands)


def around(block):
    """Statements that contain others."""
    return (
        st.tuples(st.just("if"), conditions, block, block)
        | st.tuples(st.just("and"), conditions, conditions, block, block)
        | st.tuples(st.just("or"), conditions, conditions, block, block)
        | st.tuples(st.just("while"), conditions, st.integers(1, 3), block)
        | st.tuples(st.just("break"), conditions, st.integers(1, 3), block)
        | st.tuples(st.just("sorted"), st.lists(operands, min_size=2, max_size=3))
        | st.tuples(st.just("least"), st.lists(operands, min_size=2, max_size=3))
    )


short = st.lists(simple, min_size=1, max_size=3)
branching = st.lists(simple | around(st.lists(simple | around(short), min_size=1, max_size=3)), min_size=1, max_size=5)


def value_of(operand, values):
    return operand if isinstance(operand, float) else values[operand % len(values)]


def holds(condition, values):
    compare, left, right = condition
    return bool(compare(value_of(left, values), value_of(right, values)))


def run(statements, values):
    """The last three values after these statements."""
    values = list(values)
    for kind, *rest in statements:
        if kind == "call":
            name, arguments = rest
            values.append(getattr(wg, name)(*[value_of(argument, values) for argument in arguments]))
        elif kind == "if":
            values += run(rest[1] if holds(rest[0], values) else rest[2], values)
        elif kind == "and":
            values += run(rest[2] if holds(rest[0], values) and holds(rest[1], values) else rest[3], values)
        elif kind == "or":
            values += run(rest[2] if holds(rest[0], values) or holds(rest[1], values) else rest[3], values)
        elif kind == "while":
            turns = 0
            while holds(rest[0], values) and turns < rest[1]:
                values += run(rest[2], values)
                turns += 1
        elif kind == "break":
            for _ in range(rest[1]):
                values += run(rest[2], values)
                if holds(rest[0], values):
                    break
        elif kind == "sorted":
            values += sorted([value_of(operand, values) for operand in rest[0]])
        else:
            values.append(min([value_of(operand, values) for operand in rest[0]]))
    return values[-3:]


def eager(statements, values):
    """The same on vars, as floats: what a compiled function must give."""
    results = run(statements, [wg.Var(value) for value in values])
    return [result.data if isinstance(result, wg.Var) else float(result) for result in results]


def bits(numbers):
    """The bits of some numbers; any NaN is as good as another."""
    return [struct.pack("d", nan if x != x else x) for x in numbers]
