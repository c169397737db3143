"""Do the transforms differentiate plain functions of numbers and nests, and nothing else?"""

import functools
import math
import operator
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert import TracingError, Var

TRANSFORMS = [wg.grad, wg.value_and_grad, wg.jacobian]
Point = namedtuple("Point", "x y")


def power_loop(x):
    result = 1.0
    for _ in range(5):
        result = result * x
    return result


def halvings(x):
    while x > 1:
        x = x / 2
    return x * x


def fibonacci(n, x):
    return x if n < 2 else fibonacci(n - 1, x) + fibonacci(n - 2, x) * x


def newton_sqrt(a):
    x = a
    while abs(x * x - a) > 1e-14 * a:
        x = (x + a / x) / 2
    return x


PLAIN = {
    "if, one side": (lambda x: x * x if x > 0 else -x, 3.0, 6.0),
    "if, other side": (lambda x: x * x if x > 0 else -x, -3.0, -1.0),
    "for": (power_loop, 2.0, 80.0),
    "while": (halvings, 10.0, 2 * 10 / 16**2),
    "recursion": (lambda x: fibonacci(4, x), 2.0, 1 + 6 * 2.0 + 3 * 2.0**2),  # of x + 3 x^2 + x^3
    "newton": (newton_sqrt, 2.0, 0.5 / math.sqrt(2.0)),
    "comprehension": (lambda x: sum([x**k for k in range(4)]), 2.0, 1 + 4 + 12.0),
    "reduce": (lambda x: functools.reduce(operator.mul, [x] * 3), 2.0, 12.0),
    "max": (lambda x: max(x, 3 * x, 2.0), 2.0, 3.0),
    "sorted": (lambda x: sorted([x * x, x, 1.0])[2], 2.0, 4.0),
    "try": (lambda x: next(iter([x * x])), 2.0, 4.0),
    "numpy": (lambda x: np.exp(x) * np.float64(2.0), 0.0, 2.0),
    "constant": (lambda x: 7.0, 2.0, 0.0),
    "identity": (lambda x: x, 2.0, 1.0),
    "integer input": (lambda x: x * x, 3, 6.0),
    "comparison": (lambda x: x > 1, 3.0, 0.0),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_python_just_works(name):
    f, x, slope = PLAIN[name]
    value, gradient = wg.value_and_grad(f)(x)
    assert value == float(f(float(x)))
    assert gradient == pytest.approx(slope, rel=1e-14)
    assert type(value) is type(gradient) is float
    assert wg.grad(f)(x) == gradient
    assert wg.jacobian(f)(x) == gradient


# ---- nests ----

NESTS = [
    [1.0, 2.0],
    (1.0, 2.0),
    {"b": 1.0, "a": 2.0},
    [[1.0], (2.0, {"c": 3.0}), []],
    Point(1.0, [2.0, 3.0]),
    OrderedDict(z=1.0, a=2.0),
    [],
    [1, True, np.float64(3.0), np.float32(4.0)],
    5.0,
]


def numbers_in(nest):
    match nest:
        case dict():
            return [x for part in nest.values() for x in numbers_in(part)]
        case list() | tuple():
            return [x for part in nest for x in numbers_in(part)]
        case number:
            return [number]


@pytest.mark.parametrize("nest", NESTS, ids=str)
def test_gradient_has_the_form_of_the_argument(nest):
    gradient = wg.grad(lambda n: sum((x * x for x in numbers_in(n)), 0.0))(nest)
    assert type(gradient) is (float if nest == 5.0 else type(nest))
    assert numbers_in(gradient) == [2.0 * float(x) for x in numbers_in(nest)]


def test_function_sees_the_form_of_the_argument():
    seen = []
    wg.grad(lambda p, other: seen.append((p, other)) or p.x)(Point(1.0, [2.0]), "other")
    ((p, other),) = seen
    assert (type(p), type(p.x), type(p.y), other) == (Point, Var, list, "other")


def test_jacobian_has_the_forms_of_output_and_argument():
    matrix = wg.jacobian(lambda p: {"product": p["a"] * p["b"], "rest": (p["a"], 1.0)})({"a": 2.0, "b": 3.0})
    assert matrix == {"product": {"a": 3.0, "b": 2.0}, "rest": ({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0})}


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_jacobian_rows_are_gradients(point):
    outputs = [lambda v: sum(x * x for x in v), lambda v: wg.sin(v[0]) * v[-1], lambda v: v[len(v) // 2], lambda v: 3.0]
    matrix = wg.jacobian(lambda v: [f(v) for f in outputs])(point)
    assert matrix == [wg.grad(f)(point) for f in outputs]


# ---- argnums ----


def cubic(x, y, z):
    return x * y * y + z * z * z


ARGNUMS = {
    0: 9.0,
    1: 12.0,
    2: 48.0,
    -1: 48.0,
    -3: 9.0,
    (0,): (9.0,),
    (0, 2): (9.0, 48.0),
    (2, 0): (48.0, 9.0),
    (0, -1): (9.0, 48.0),
    (): (),
}


@pytest.mark.parametrize("argnums", ARGNUMS, ids=str)
def test_argnums(argnums):
    expected = ARGNUMS[argnums]
    assert wg.grad(cubic, argnums)(2.0, 3.0, 4.0) == expected
    assert wg.value_and_grad(cubic, argnums=argnums)(2.0, 3.0, 4.0) == (82.0, expected)
    assert wg.jacobian(cubic, argnums)(2.0, 3.0, 4.0) == expected


def test_argnums_as_a_list_or_numpy_integer():
    assert wg.grad(cubic, [0, 2])(2.0, 3.0, 4.0) == (9.0, 48.0)
    assert wg.grad(cubic, np.int64(1))(2.0, 3.0, 4.0) == 12.0


@pytest.mark.parametrize("argnums", [3, -4, (0, 3), "a", None, 0.5, (0, 0), (0, -3)], ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_argnums_that_name_no_argument_or_one_twice(transform, argnums):
    with pytest.raises(TracingError, match="argnums"):
        transform(cubic, argnums)(2.0, 3.0, 4.0)


def test_keyword_arguments_are_handed_on():
    assert wg.grad(lambda x, *, scale: scale * x)(3.0, scale=5.0) == 5.0


def test_docstring_is_kept():
    def f(x):
        """What f is."""
        return x

    assert all(transform(f).__doc__ == "What f is." for transform in TRANSFORMS)


# ---- what must not happen ----


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("bad", ["1", None, 1j, object(), {"a": "b"}, [None], [[1.0, "x"]], b"1"], ids=str)
def test_inputs_that_are_no_numbers(transform, bad):
    with pytest.raises(TracingError):
        transform(lambda x: 1.0)(bad)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("bad", ["1", None, 1j, object(), b"1"], ids=str)
def test_outputs_that_are_no_numbers(transform, bad):
    with pytest.raises(TracingError, match=f"returned.*{type(bad).__name__}"):
        transform(lambda x: bad)(1.0)


@pytest.mark.parametrize("several", [[1.0], (1.0, 2.0), {"a": 1.0}, np.ones(2)], ids=str)
def test_several_outputs_of_grad_lead_to_jacobian(several):
    for transform in (wg.grad, wg.value_and_grad):
        with pytest.raises(TracingError, match=r"wengert\.jacobian"):
            transform(lambda x: several)(1.0)


def test_leaves_outside_keep_their_gradients():
    w = Var(2.0)
    (w * 3.0).backward()
    gradient = wg.grad(lambda x: x * w)(5.0)
    value, zero = wg.value_and_grad(lambda x: w * w)(5.0)
    assert (gradient.data, value.data, zero, w.grad) == (2.0, 4.0, 0.0, 3.0)


def test_derivative_inside_that_does_not_depend_on_the_inputs_is_a_number():
    assert wg.grad(lambda x: x * wg.grad(lambda y: y**3)(2.0))(5.0) == 12.0


def test_backward_inside_a_transform():
    w = Var(2.0)

    def with_inputs(x):
        (x * w).backward()
        return x

    def without_inputs(x):
        (w * w).backward()
        return x * w.grad

    with pytest.raises(TracingError, match="enclosing"):
        wg.grad(with_inputs)(3.0)
    assert wg.grad(without_inputs)(3.0) == 4.0
    assert w.grad == 4.0


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_failure_inside_leaves_no_trace(transform):
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        transform(fails)(1.0)
    with pytest.raises(TracingError):
        transform(lambda x: x)("no number")
    x = Var(3.0)
    (x * x).backward()  # refused while a transform is open
    assert x.grad == 6.0


def test_input_that_escapes_is_an_ordinary_var_afterwards():
    escaped = []
    wg.grad(lambda x: escaped.append(x * 2.0) or x)(3.0)
    (y,) = escaped
    y.backward()
    assert (y.data, y.grad) == (6.0, 1.0)


def test_calls_do_not_grow_the_graph():
    def run():
        f = wg.value_and_grad(lambda v: sum(x * x for x in v))
        for _ in range(20_000):
            f([1.0, 2.0, 3.0])
        return wg.current_graph().capacity

    with ThreadPoolExecutor(1) as pool:
        wg.Var(0.0)
        assert pool.submit(run).result() <= 4096


def test_transforms_run_in_threads():
    f = wg.grad(lambda x: wg.sin(x) * x)
    points = [k / 100 for k in range(400)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(f, points)) == [f(x) for x in points]


def test_non_finite_inputs_give_ieee_gradients():
    assert math.isnan(wg.grad(lambda x: x * x)(math.nan))
    assert wg.grad(lambda x: x * x)(math.inf) == math.inf
    assert wg.grad(wg.log)(0.0) == math.inf


@pytest.mark.parametrize("f", [lambda x: x + (-x), lambda x: x * 2.0 - (x + x), lambda x: (-x) + x])
def test_contributions_that_cancel_leave_zero(f):
    """Also where one came through the neighbouring node and the other through memory."""
    assert wg.grad(f)(3.0) == 0.0
    assert wg.jacobian(lambda x: [f(x), x])(3.0) == [0.0, 1.0]
    z = wg.Var(1.0) * 3.0
    f(z).backward()
    assert z.grad == 0.0
