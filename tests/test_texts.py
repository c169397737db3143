"""Does wengert give the numbers of the texts that it was written from?"""

import importlib.util
from itertools import pairwise
from math import cos, exp, log, sin
from pathlib import Path

import pytest

PATH = Path(__file__).parent.parent / "examples" / "texts.py"
spec = importlib.util.spec_from_file_location("texts", PATH)
texts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(texts)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def close(expected):
    return pytest.approx(expected, rel=1e-12)


def test_circuit():
    assert texts.circuit() == {"q": 3.0, "f": -12.0, "df/dq": -4.0, "df/dx": -4.0, "df/dy": -4.0, "df/dz": 3.0}


def test_staged_values_and_gradients():
    """Against the backward pass by hand, one line per stage."""
    x, y = 3.0, -4.0
    sigy, sigx, xpy = sigmoid(y), sigmoid(x), x + y
    num, xpysqr = x + sigy, xpy * xpy
    den = sigx + xpysqr
    invden = 1 / den
    dnum, dinvden = invden, num
    dden = -dinvden / (den * den)
    dsigx = dxpysqr = dden
    dxpy = 2 * xpy * dxpysqr
    dsigy = dnum
    dx = dxpy + dnum + sigx * (1 - sigx) * dsigx
    dy = dxpy + sigy * (1 - sigy) * dsigy
    expected = {
        "x": (x, dx), "y": (y, dy), "sigy": (sigy, dsigy), "num": (num, dnum), "sigx": (sigx, dsigx),
        "xpy": (xpy, dxpy), "xpysqr": (xpysqr, dxpysqr), "den": (den, dden), "invden": (invden, dinvden),
        "f": (num * invden, 1.0),
    }  # fmt: skip
    stages = texts.staged()
    assert stages.keys() == expected.keys()
    for name, numbers in expected.items():
        assert stages[name] == close(numbers), name


def test_staged_gradient_is_the_quotient_rule():
    x, y = 3.0, -4.0
    top, bottom = x + sigmoid(y), sigmoid(x) + (x + y) ** 2
    in_x = (bottom - top * (sigmoid(x) * sigmoid(-x) + 2 * (x + y))) / bottom**2
    in_y = (sigmoid(y) * sigmoid(-y) * bottom - top * 2 * (x + y)) / bottom**2
    stages = texts.staged()
    assert (stages["x"][1], stages["y"][1]) == (close(in_x), close(in_y))


def test_line():
    assert texts.line() == (10.0, 2.0)


def test_cube():
    assert texts.cube() == (close(11.0**3), (close(9 * 11.0**2), close(12 * 11.0**2)))


# ln x1 + x1 x2 - sin x2 at (2, 5): value, tangent in x1, adjoint.
TRACE = {
    "v-1": (2.0, 1.0, 5.5),
    "v0": (5.0, 0.0, 2 - cos(5)),
    "v1": (log(2), 0.5, 1.0),
    "v2": (10.0, 5.0, 1.0),
    "v3": (sin(5), 0.0, -1.0),
    "v4": (log(2) + 10, 5.5, 1.0),
    "v5": (log(2) + 10 - sin(5), 5.5, 1.0),
}
# As Baydin et al. print it (tables 2 and 3), with the two numbers of four digits from the running text.
PRINTED = {
    "v-1": ("2", "1", "5.5"), "v0": ("5", "0", "1.716"), "v1": ("0.693", "0.5", "1"), "v2": ("10", "5", "1"),
    "v3": ("-0.959", "0", "-1"), "v4": ("10.693", "5.5", "1"), "v5": ("11.652", "5.5", "1"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACE)
def test_trace(name):
    numbers = texts.trace()[name]
    row = tuple(numbers[column] for column in ("value", "tangent", "adjoint"))
    assert row == close(TRACE[name])
    assert tuple(f"{round(number, 3):g}" if abs(number) < 10 else f"{number:.5g}" for number in row) == PRINTED[name]


def test_trace_to_four_digits():
    rows = texts.trace()
    assert f"{rows['v5']['value']:.4f}" == "11.6521"
    assert rows["v-1"]["adjoint"] == 5.5
    assert f"{rows['v0']['adjoint']:.4f}" == "1.7163"


def test_adjoints_of_the_inputs_are_sums_of_two():
    rows = texts.trace()
    assert (rows["v-1"]["through v1"], rows["v-1"]["through v2"]) == (0.5, 5.0)
    assert (rows["v0"]["through v2"], rows["v0"]["through v3"]) == (2.0, close(-cos(5)))
    for name, paths in {"v-1": ("through v1", "through v2"), "v0": ("through v2", "through v3")}.items():
        assert rows[name]["adjoint"] == close(sum(rows[name][path] for path in paths))


def test_jacobian_row_by_row():
    rows, at_once = texts.rows_of_a_jacobian()
    assert rows == at_once
    assert rows == [close([12.0, 4.0]), close([5.0, cos(3)])]


def test_input_gradient_is_the_sum_over_both_paths():
    numbers = texts.two_paths()
    assert numbers == {
        "y": 0.5 * 3.0 + 4.0 * -4.5,
        "dy/dx": 0.5 * 2.0 + 4.0 * -3.0,
        "through h1": 0.5 * 2.0,
        "through h2": 4.0 * -3.0,
        "dy/dw1": 0.5 * 1.5,
        "dy/dw2": 4.0 * 1.5,
        "dy/du1": 2.0 * 1.5,
        "dy/du2": -3.0 * 1.5,
    }
    assert numbers["dy/dx"] == numbers["through h1"] + numbers["through h2"]


def test_error_signal_is_shared():
    W, x, b, u = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], [1.0, -2.0, 0.5], [0.1, -0.2], [2.0, -3.0]  # noqa: N806
    z = [sum(w * v for w, v in zip(row, x, strict=True)) + bias for row, bias in zip(W, b, strict=True)]
    h = [sigmoid(unit) for unit in z]
    delta = [weight * unit * (1 - unit) for weight, unit in zip(u, h, strict=True)]
    numbers = texts.error_signal()
    assert numbers["s"] == close(u[0] * h[0] + u[1] * h[1])
    assert numbers["delta"] == close(delta)
    assert numbers["ds/db"] == numbers["delta"]
    assert numbers["ds/dW"] == [[d * v for v in x] for d in numbers["delta"]]
    assert numbers["ds/du"] == close(h)
    assert numbers["ds/dx"] == close([W[0][k] * delta[0] + W[1][k] * delta[1] for k in range(3)])


def test_error_signal_is_computed_once():
    """13 leaves; per unit 3 products, 3 sums, a sigmoid and a product with u; one last sum. Backward adds nothing."""
    numbers = texts.error_signal()
    assert numbers["nodes"] == 13 + 2 * (3 + 3 + 1 + 1) + 1
    assert numbers["nodes added by backward"] == 0


def test_descent_lowers_the_cost_at_every_step():
    costs, w, b = texts.descent()
    assert all(later < earlier for earlier, later in pairwise(costs[:100]))
    # Normal equations; the x sum to zero, so they are two divisions.
    assert (w, b) == (pytest.approx(20.2 / 10, rel=1e-8), pytest.approx(5.0 / 5, rel=1e-8))
    assert costs[0] == close((2.9**2 + 1.2**2 + 1.1**2 + 2.8**2 + 5.2**2) / 10)


@pytest.mark.parametrize(("weight", "derivative"), [(0.5, 2.0**-10), (1.0, 1.0), (1.5, 1.5**10), (10.0, 1e10)])
def test_ten_layers_vanish_or_explode(weight, derivative):
    assert texts.ten_layers(weight) == derivative


def test_page(capsys):
    texts.main()
    page = capsys.readouterr().out
    for number in ("df/dx = -4", "2.059570", "11.6521", "1.7163", "0.000977", "57.665039", "nodes = 30"):
        assert number in page
