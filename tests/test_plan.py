"""Does a program compute what was recorded, with no more instructions, slots and memory than that needs?"""

import copy
import inspect
import pickle
import tracemalloc
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import bits, eager, numbers, run, straight

import wengert as wg
from wengert._core.program import Program


def rosenbrock(x):
    total = 0.0
    for k in range(len(x) - 1):
        total = total + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
    return total


# ---- what it computes ----


@given(straight, st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4))
@settings(max_examples=300)
def test_random_functions_bit_for_bit(statements, points):
    """Whatever is simplified, shared, folded and fused: no bit of a value changes. Once, in lanes, and in a mixture."""

    def f(*x):
        return run(statements, x)

    single, mapped = wg.compile(f), wg.compile(wg.vmap(f))
    columns = mapped(*np.array(points).T)
    for k, point in enumerate(points):
        assert bits(single(*point)) == bits(eager(statements, point))
        assert bits(column[k] for column in columns) == bits(eager(statements, point))
    shared = points[0][1]
    columns = wg.compile(wg.vmap(f, in_axes=(0, None, 0)))(np.array(points)[:, 0], shared, np.array(points)[:, 2])
    for k, point in enumerate(points):
        assert bits(column[k] for column in columns) == bits(eager(statements, (point[0], shared, point[2])))


IDENTITIES = {  # of what is simplified, or must not be
    "x + 0": lambda x, y: x + 0.0,
    "x + -0": lambda x, y: x + -0.0,
    "x - 0": lambda x, y: x - 0.0,
    "0 - x": lambda x, y: 0.0 - x,
    "-0 - x": lambda x, y: -0.0 - x,
    "x * 0": lambda x, y: x * 0.0,
    "x * 1": lambda x, y: x * 1.0,
    "x * -1": lambda x, y: x * -1.0,
    "x - x": lambda x, y: x - x,
    "x / x": lambda x, y: x / x,
    "-(-x)": lambda x, y: -(-x),  # noqa: B002
    "x - (-y)": lambda x, y: x - (-y),
    "x + (-y)": lambda x, y: x + (-y),
    "(-x) + y": lambda x, y: -x + y,
    "-(x - y)": lambda x, y: -(x - y),
    "(-x) * (-y)": lambda x, y: (-x) * (-y),
    "(-x) / y": lambda x, y: -x / y,
    "x * 2 * 3": lambda x, y: x * 2.0 * 3.0,
    "x * 3 * 2": lambda x, y: x * 3.0 * 2.0,
    "x * 0.5 * 3": lambda x, y: x * 0.5 * 3.0,
    "x / 4": lambda x, y: x / 4.0,
    "x / 3": lambda x, y: x / 3.0,
    "x / 2**-1070": lambda x, y: x / 2.0**-1070,
    "1 / x": lambda x, y: 1.0 / x,
    "x ** 1": lambda x, y: x**1.0,
    "x ** 0": lambda x, y: x**0.0,
    "abs(x) + 0": lambda x, y: abs(x) + 0.0,
    "(abs(x) + y) * 1e-200 + 0": lambda x, y: (abs(x) + y) * 1e-200 + 0.0,
    "(abs(x) + y) * 2 + 0": lambda x, y: (abs(x) + y) * 2.0 + 0.0,
    "x * y + 0": lambda x, y: x * y + 0.0,
    "where(x, y, y)": lambda x, y: wg.where(x, y, y),
    "where(x < y, x, y)": lambda x, y: wg.where(x < y, x, y),
    "not (x < y)": lambda x, y: wg.where(wg.logical_not(x < y), x, y),
    "x == x": lambda x, y: x == x,
    "x * y - y * x": lambda x, y: x * y - y * x,
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities_keep_every_bit(name):
    special = [0.0, -0.0, 1.0, -1.0, 3.0, inf, -inf, nan, 5e-324, -5e-324, 1e-200, -1e-200, 1e308, -1e308]
    x, y = (grid.ravel() for grid in np.meshgrid(special, special))
    f = IDENTITIES[name]
    wanted = [f(wg.Var(a), wg.Var(b)).data for a, b in zip(x, y, strict=True)]
    single = wg.compile(f)
    assert bits(single(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)) == bits(wanted)
    assert bits(wg.compile(wg.vmap(f))(x, y)) == bits(wanted)


# ---- how much it needs ----

COUNTS = {  # of instructions
    "nothing": (lambda x, y: x, 0),
    "a constant": (lambda x, y: wg.exp(wg.stop_gradient(1.0)) + 0.0, 0),
    "folded": (lambda x, y: (wg.Var(2.0) * 3.0 + 1.0) * x, 1),
    "the same twice": (lambda x, y: wg.exp(x * y) + wg.exp(y * x), 3),
    "not needed": (lambda x, y: (wg.sin(x), x + y)[1], 1),
    "not needed, of a gradient": (wg.grad(lambda x, y: wg.exp(y) + 3.0 * x), 0),
    "identities": (lambda x, y: -(-(x + -0.0)) * 1.0 - 0.0, 0),  # noqa: B002
    "multiply and add": (lambda x, y: x * y + 1.0, 1),
    "two outputs that share": (lambda x, y: (wg.exp(x), wg.exp(x) * y), 2),
    "square": (lambda x, y: x**2 + y * y, 2),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_instructions(name):
    f, n = COUNTS[name]
    assert wg.compile(f).program(2.0, 3.0).n_instructions == n
    assert wg.compile(wg.vmap(f)).program(np.ones(2), np.ones(2)).n_instructions == n


def test_a_gradient_is_little_more_than_its_value():
    """The gradient of a sum of squares reads each input once; Rosenbrock's needs few slots beside its inputs."""
    x = np.linspace(-1.0, 1.0, 100)
    program = wg.compile(wg.vmap(wg.value_and_grad(rosenbrock))).program(x[None])
    assert program.n_slots <= 115
    assert program.n_instructions <= 10 * 99
    assert wg.compile(wg.vmap(rosenbrock)).program(x[None]).n_instructions <= 5 * 99
    assert program.n_bytes >= program.n_slots * program.n_lanes_per_block * 8
    cost = program.cost()
    assert cost["flops"] == cost["bytes"] == 0
    assert program.n_instructions <= cost["flops per lane"] <= 2 * program.n_instructions


def test_a_chain_needs_two_slots():
    def f(x):
        for _ in range(1000):
            x = wg.sin(x)
        return x

    assert wg.compile(wg.vmap(f)).program(np.ones(1)).n_slots == 2


@pytest.mark.filterwarnings("ignore::wengert.LongLoopWarning")
def test_a_million_nodes():
    """Deep as well as wide: nothing recurses over the graph."""

    def f(x):
        total, y = 0.0, x[0]
        for k in range(500_000):
            y = y * 0.999 + x[k % 10]
            total = total + y if k % 100 == 0 else total
        return total

    x = np.linspace(0.0, 1.0, 10)
    c = wg.compile(f)
    assert c(x) == f(x)
    assert 500_000 <= c.program(x).n_instructions <= 1_010_000


@pytest.mark.filterwarnings("ignore::wengert.LongLoopWarning")
def test_memory_is_proportional_to_the_graph():
    def f(x, n):
        for _ in range(n):
            x = wg.sin(x) * x
        return x

    def peak(n):
        c = wg.compile(wg.value_and_grad(f))
        tracemalloc.start()
        c(0.5, n)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(20_000) < 2.6 * peak(10_000)
    wg.current_graph().compact()


# ---- the program as an object ----


def branchy(x):
    y = np.sum(x * x)
    if y > 1.0:
        y = wg.exp(-y)
    return y, x / y


def test_the_listing_names_the_lines():
    program = wg.compile(branchy).program(np.array([1.0, 2.0]))
    first_line = inspect.getsourcelines(branchy)[1]
    listing = str(program)
    assert f"branchy, line {first_line + 3} of {__file__}" in next(
        line for line in listing.splitlines() if "exp" in line
    )
    assert f"line {first_line + 2}" in next(line for line in listing.splitlines() if "guard" in line)
    assert listing.startswith(f"program of {program.n_instructions} instructions, 2 inputs, 3 outputs\nonce:")
    assert repr(program) == f"<Program of {program.n_instructions} instructions, 0 slots, 2 inputs, 3 outputs>"
    mapped = str(wg.compile(wg.vmap(branchy)).program(np.array([[1.0, 2.0]])))
    assert "for each lane:" in mapped
    assert "s0 = input 0" in mapped


def test_a_program_survives_pickling():
    c = wg.compile(branchy)
    x = np.array([1.0, 2.0])
    program = c.program(x)
    again = pickle.loads(pickle.dumps(program))
    assert str(again) == str(program)
    assert pickle.loads(pickle.dumps(again)).cost() == program.cost()
    assert str(copy.deepcopy(program)) == str(program)


def test_a_program_cannot_be_changed():
    program = wg.compile(branchy).program(np.array([1.0, 2.0]))
    with pytest.raises(AttributeError):
        program.n_slots = 3
    with pytest.raises(AttributeError):
        program.anything = 3


def corrupted(parts, change):
    parts = copy.deepcopy(parts)
    change(parts)
    return parts


def set_code(field, number, row=0):
    def change(parts):
        parts["code"][field][row] = number

    return change


CORRUPTIONS = {
    "an op that does not exist": set_code("op", 9999),
    "a node without op": set_code("op", 1),
    "an op of nothing but uniform operands": set_code("kind", 7, row=2),
    "an operand that the op has not": set_code("kind", 4, row=1),
    "a destination beyond the slots": set_code("dst", 10**6),
    "a negative destination": set_code("dst", -1),
    "an argument beyond the slots": set_code("a", 10**6),
    "a negative argument": set_code("a", -5),
    "a second argument beyond the pool": set_code("b", 10**6),
    "a third one": set_code("c", -1),
    "fewer slots": lambda parts: parts.update(n_slots=0),
    "fewer inputs": lambda parts: parts.update(n_inputs=0),
    "a smaller pool": lambda parts: parts.update(pool=parts["pool"][:0]),
    "a piece that ends too late": lambda parts: parts["pieces"][0].update(stop=10**6),
    "a piece that begins before": lambda parts: parts["pieces"][0].update(start=-1),
    "a piece that ends before it begins": lambda parts: parts["pieces"][0].update(start=1, stop=0),
    "an input that does not exist": lambda parts: parts["pieces"][-1].update(inputs=[(10**6, 0)]),
    "an input into no slot": lambda parts: parts["pieces"][-1].update(inputs=[(0, -1)]),
    "a sum of no slot": lambda parts: parts["pieces"][-1].update(sums=[(10**6, 0)]),
    "a sum into nothing": lambda parts: parts["pieces"][-1].update(sums=[(0, 10**6)]),
    "an output from nowhere": lambda parts: parts.update(output_places=parts["output_places"] + 10**6),
    "an output of no piece": lambda parts: parts.update(output_pieces=parts["output_pieces"] + 100),
    "an output of an unlike piece": lambda parts: parts.update(output_pieces=0 * parts["output_pieces"]),
    "outputs that are not as many": lambda parts: parts.update(output_pieces=parts["output_pieces"][:1]),
    "a uniform input that does not exist": lambda parts: parts.update(uniform_inputs=[(10**6, 0)]),
    "a uniform input into nothing": lambda parts: parts.update(uniform_inputs=[(0, -7)]),
}


@pytest.fixture(scope="module")
def parts():
    """Of a program with a uniform piece, a varying one, a guard, and a sum."""

    def f(p, x):
        scale = wg.exp(p)
        values = wg.vmap(lambda e: scale * e * wg.sin(e) if e > 0.0 else e)(x)
        return np.sum(values), values, wg.log(np.sum(values * scale))

    x = np.array([1.0, 2.0])
    program = wg.compile(f).program(1.0, x)
    rebuilt = program.__reduce__()[1][0]
    Program(copy.deepcopy(rebuilt))
    assert len(rebuilt["pieces"]) == 3
    return rebuilt


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupted_parts_are_refused(name, parts):
    with pytest.raises(wg.ProgramFormatError):
        Program(corrupted(parts, CORRUPTIONS[name]))
