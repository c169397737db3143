"""Does check_grad accept right derivatives, refuse wrong ones, and name the worst?"""

import math
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.ops import OPS


def times_its_constant(x):
    """A wrong derivative: half of the product's is dropped."""
    return x * wg.stop_gradient(x)


def smooth_point(row):
    """Arguments in the domain, away from kinks and jumps."""
    point = [0.3, 0.7, 1.9][: row.arity]
    return [
        low + 0.5 if np.isfinite(low) and not low < x < high else x
        for x, (low, high) in zip(point, row.domain, strict=True)
    ]


RIGHT = [row for row in OPS.values() if row.name != "stop_gradient"]


@pytest.mark.parametrize("row", RIGHT, ids=lambda row: row.name)
def test_every_op_passes(row):
    point = smooth_point(row)
    orders = [2.0] * len(row.orders)  # they come first, and have no slope
    assert wg.check_grad(partial(getattr(wg, row.name), *orders), *point[len(orders) :]) < 1e-9


SMOOTH = {
    "nest in": (lambda p: p["a"] * wg.exp(p["b"][0]), [{"a": 2.0, "b": [0.5]}]),
    "nest out": (lambda x, y: {"p": x * y, "q": [wg.sin(x)]}, [2.0, 3.0]),
    "branch": (lambda x: x * x if x > 1 else -x, [3.0]),
    "loop": (lambda x: sum(x**k for k in range(5)), [1.5]),
    "constant": (lambda x: 7.0, [1.5]),
    "no outputs": (lambda x: [], [1.5]),
    "numpy": (lambda x: np.tanh(x) * np.exp(x), [0.5]),
    "large": (lambda x: wg.log(x) * x, [1e8]),
    "small": (lambda x: wg.log(x), [1e-8]),
    "fast": (lambda x: wg.sin(100.0 * x), [0.3]),
    "not analytic": (lambda x, y: wg.hypot(x, y) * wg.erf(x), [0.3, -0.4]),
    "integers": (lambda x, y: x * y, [2, 3]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_right_derivatives_pass(name):
    f, args = SMOOTH[name]
    assert wg.check_grad(f, *args) < 1e-8


def test_complex_step_has_no_cancellation():
    assert wg.check_grad(lambda x: wg.exp(x) / wg.sqrt(wg.sin(x) ** 3 + wg.cos(x) ** 3), 1.5) < 1e-14


@given(st.floats(-1e3, 1e3), st.floats(0.01, 1e3))
def test_right_derivatives_pass_anywhere(x, y):
    wg.check_grad(lambda x, y: wg.tanh(x / y) * y + wg.log(y) - x * wg.sqrt(y), x, y)


WRONG = {
    "one number": (times_its_constant, [3.0], 0, 0, 3.0, 6.0),
    "second input": (lambda x, y: x + times_its_constant(y), [1.0, 4.0], 0, 1, 4.0, 8.0),
    "second output": (lambda x: [x, times_its_constant(x)], [5.0], 1, 0, 5.0, 10.0),
    "in a nest": (lambda p: times_its_constant(p["b"][1]), [{"a": 1.0, "b": [2.0, 3.0]}], 0, 2, 3.0, 6.0),
    "worst of two": (lambda x, y: times_its_constant(x) + 1.001 * y - 0.001 * wg.stop_gradient(y), [2.0, 3.0],
                     0, 0, 2.0, 4.0),
    "dropped": (wg.stop_gradient, [2.0], 0, 0, 0.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivative_is_named_with_both_numbers_and_the_input(name):
    f, args, output, entry, got, expected = WRONG[name]
    with pytest.raises(wg.WengertError) as caught:
        wg.check_grad(f, *args)
    message = str(caught.value)
    assert f"output {output} in input {entry} " in message
    found = re.search(r"got (\S+), expected (\S+) within (\S+), at the inputs (\[.*\])", message)
    numbers = [float(re.sub(r"np\.float64\((.*)\)", r"\1", text)) for text in found.groups()[:2]]
    assert numbers == pytest.approx([got, expected], rel=1e-8)
    assert float(found[3]) < 1e-6
    inputs = [x for part in args for x in ([part["a"], *part["b"]] if isinstance(part, dict) else [part])]
    assert found[4] == str(inputs)


@pytest.mark.parametrize("relative", [1e-6, 1e-3])
def test_small_errors_are_found_unless_allowed(relative):
    def slightly_wrong(x):
        return x * (1 + relative) - wg.stop_gradient(x) * relative

    assert wg.check_grad(slightly_wrong, 2.0, rtol=2 * relative) == pytest.approx(relative, rel=1e-3)
    with pytest.raises(wg.WengertError, match="wrong derivative"):
        wg.check_grad(slightly_wrong, 2.0)


def test_wrong_derivative_is_found_by_differences_too():
    """hypot takes no complex numbers, so here the error bound of differences must not swallow the error."""
    with pytest.raises(wg.WengertError):
        wg.check_grad(lambda x: wg.hypot(x, 1.0) * wg.stop_gradient(x), 2.0)


def test_kink_is_not_differentiable():
    with pytest.raises(wg.WengertError, match="wrong derivative of output 0 in input 0"):
        wg.check_grad(wg.relu, 0.0)


@pytest.mark.parametrize(
    ("f", "at"), [(wg.sqrt, 0.0), (wg.log, 0.0), (wg.log, -1.0), (wg.exp, 1e3), (wg.exp, math.nan)]
)
def test_point_without_a_numerical_derivative_is_not_called_right(f, at):
    """Nothing was compared, so nothing was shown."""
    with pytest.raises(wg.WengertError):
        wg.check_grad(f, at)


@pytest.mark.parametrize(("argnums", "passes"), [(1, True), ((1,), True), (0, False), ((0, 1), False), (None, False)])
def test_argnums_choose_what_is_compared(argnums, passes):
    def f(x, y):
        return times_its_constant(x) + y * y

    if passes:
        assert wg.check_grad(f, 2.0, 3.0, argnums=argnums) < 1e-8
    else:
        with pytest.raises(wg.WengertError):
            wg.check_grad(f, 2.0, 3.0, argnums=argnums)


def test_arguments_that_are_not_differentiated_may_be_anything():
    assert wg.check_grad(lambda x, name: x * x if name == "square" else x, 2.0, "square", argnums=0) < 1e-8


@pytest.mark.parametrize("bad", ["1", None, 1j, [1.0, "x"]])
def test_bad_input_is_refused(bad):
    with pytest.raises(wg.TracingError):
        wg.check_grad(lambda x: 1.0, bad)


def test_bad_output_is_refused():
    with pytest.raises(wg.TracingError):
        wg.check_grad(lambda x: "1", 1.0)


def test_arguments_and_leaves_stay_as_they_are():
    w, point = wg.Var(2.0), [1.0, 2.0]
    wg.check_grad(lambda v: v[0] * v[1] + 1.0, point)
    assert (w.grad, point) == (0.0, [1.0, 2.0])
