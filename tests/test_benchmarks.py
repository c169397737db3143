"""Do the problems of the peers' benchmark say the same in every form, and does its report render?

No test here measures a time.
"""

import cmath
import importlib
import importlib.util
import json
import platform
import shutil
import sys
from multiprocessing import Pipe
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special

import wengert as wg
from wengert.benchmarks import peers_bench, peers_report, timing, worker
from wengert.benchmarks.peers import PEERS, NotDoneError, c_source, form, solve
from wengert.benchmarks.workloads import PROBLEMS, asian_basket, robot_arm

ROWS = 3
STEP = 1e-30  # of complex steps: nothing cancels, so it may be as small as one likes

with_gcc = pytest.mark.skipif(
    not (shutil.which("gcc") and sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="the C peer asks for gcc with the flags of x86-64",
)


def scan(step, state, rows):
    for row in rows:
        state = step(state, row)
    return state


NUMPY = SimpleNamespace(
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "sum", "mean", "cumsum")},
    concatenate=np.concatenate,
    constant=np.asarray,
    erf=special.erf,
    relu=lambda x: np.where(np.real(x) > 0, x, 0.0),
    scan=scan,
    sigmoid=special.expit,
    softplus=lambda x: np.logaddexp(0.0, x),
)

COMPLEX = SimpleNamespace(
    **{name: getattr(cmath, name) for name in ("exp", "log", "sqrt", "sin", "cos")},
    erf=special.erf,
    relu=lambda x: x if x.real > 0 else 0.0,
    sigmoid=lambda x: 1 / (1 + cmath.exp(-x)),
    softplus=lambda x: cmath.log(1 + cmath.exp(x)),
)


def sum_rows(f, shared, *data):
    return sum(f(shared, *row) for row in zip(*data, strict=True))


def few_rows(problem):
    """The problem's data, cut to a few rows where there are many."""
    data = problem.data()
    if problem.task in ("gradient", "gradient_into", "jacobian"):
        return data
    if problem.task == "total_gradient":
        return (data[0], *[table[:ROWS] for table in data[1:]])
    return tuple(table[:ROWS] for table in data)


def points(problem):
    """Each evaluation's point, and the scalar function of that point alone over given functions."""
    first, *data = few_rows(problem)
    if problem.task == "total_gradient":
        tables = [table.tolist() for table in data]
        yield first, lambda p, m: problem.scalar(p, *tables, m, sum_rows)
    else:
        for row in np.atleast_2d(first):
            yield row, problem.scalar


def outputs(result):
    return list(result) if isinstance(result, list | tuple) else [result]


# Ten million products in Python; smaller matrices run through the same lines.
SCALAR = [name for name in PROBLEMS if PROBLEMS[name].scalar and name != "minors_10"]


@pytest.fixture(params=SCALAR)
def problem(request):
    return PROBLEMS[request.param]


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_is_found_by_its_name(problem):
    assert PROBLEMS[problem.name] is problem
    assert problem.evaluations >= 1
    for array, again in zip(problem.data(), problem.data(), strict=True):
        assert np.array_equal(array, again)


def test_arrays_and_scalars_say_the_same(problem):
    if problem.arrays is None:
        pytest.skip("the problem has no form in arrays")
    first, *data = few_rows(problem)
    if problem.task == "jacobians":
        expected = np.array([problem.arrays(row, NUMPY) for row in first])
    else:
        expected = problem.arrays(first, *data, NUMPY)
    found = [np.real(outputs(f(point.astype(complex).tolist(), COMPLEX))) for point, f in points(problem)]
    np.testing.assert_allclose(np.array(found).reshape(np.shape(expected)), expected, rtol=1e-11, atol=1e-13)


def test_derivatives_match_a_complex_step_in_a_random_direction(problem):
    rng = np.random.default_rng(0)
    for point, f in points(problem):
        direction = rng.standard_normal(len(point))
        expected = [number.imag / STEP for number in outputs(f((point + 1j * STEP * direction).tolist(), COMPLEX))]
        rows = np.array(wg.jacobian(lambda x, f=f: outputs(f(x, wg)))(point.tolist()))
        np.testing.assert_allclose(rows @ direction, expected, rtol=1e-9, atol=1e-11)


def test_derivatives_by_hand_are_the_derivatives(problem):
    if problem.by_hand is None:
        pytest.skip("nobody worked them out")
    values, gradients, *second = problem.by_hand(*few_rows(problem))
    for k, (point, f) in enumerate(points(problem)):
        value, gradient = wg.value_and_grad(lambda x, f=f: f(x, wg))(point.tolist())
        np.testing.assert_allclose(np.ravel(values)[k], value, rtol=1e-12)
        np.testing.assert_allclose(np.atleast_2d(gradients)[k], gradient, rtol=1e-9, atol=1e-9)
    if second:
        bump = np.zeros_like(few_rows(problem)[0])
        bump[:, 0] = 1e-4
        above, below = (problem.by_hand(few_rows(problem)[0] + sign * bump)[1][:, 0] for sign in (1, -1))
        np.testing.assert_allclose(second[0], (above - below) / 2e-4, rtol=1e-6)


def test_the_arm_at_rest_reaches_where_its_maker_says():
    """With all joints at zero the links stand upright and the last one points down, 88 mm ahead of the axis."""
    pose = robot_arm.flange([0.0] * 7, COMPLEX)
    upright = 0.333 + 0.316 + 0.384 - 0.107
    np.testing.assert_allclose(np.real(pose[:3]), [0.088, 0.0, upright], atol=1e-15)
    np.testing.assert_allclose(np.real(pose[3:]), [1, 0, 0, 0, -1, 0, 0, 0, -1], atol=1e-15)


def test_rotations_of_the_arm_are_orthogonal():
    for angles in robot_arm.poses(5):
        matrix = np.real(robot_arm.flange(angles.tolist(), COMPLEX)[3:]).reshape(3, 3)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)


def test_factors_of_the_basket_reproduce_its_correlations():
    p = asian_basket.PARAMETERS
    f00, f10, f11, f20, f21, f22 = np.real(asian_basket.steps(p.astype(complex).tolist(), COMPLEX))[3:]
    low = np.array([[f00, 0, 0], [f10, f11, 0], [f20, f21, f22]])
    correlation = np.array([[1, p[6], p[7]], [p[6], 1, p[8]], [p[7], p[8], 1]])
    expected = correlation * np.outer(p[3:6], p[3:6]) * asian_basket.DT
    np.testing.assert_allclose(low @ low.T, expected, rtol=1e-13)


SMALL = ("square", "rosenbrock_10", "staged", "black_scholes", "logistic", "network", "robot_arm_call", "robot_arm")
QUICK = [
    pytest.param(peer, name, id=f"{peer}-{name}", marks=[with_gcc] if peer == "gcc" else [])
    for peer in PEERS
    for name in SMALL
    if form(PEERS[peer], PROBLEMS[name]) and name in (PEERS[peer].only or SMALL)
    # There JAX unrolls a loop and compiles for ten seconds.
    if (peer, name) != ("jax", "network")
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(("peer", "name"), QUICK)
def test_peers_that_are_installed_agree_with_eager_derivatives(peer, name):
    if PEERS[peer].package and not importlib.util.find_spec(PEERS[peer].package):
        pytest.skip(f"{PEERS[peer].package} is not installed")
    module = importlib.import_module(f"wengert.benchmarks.peers.{PEERS[peer].module}")
    problem = PROBLEMS[name]
    try:
        data = few_rows(problem)
        call, read = solve(PEERS[peer], problem, module, data)
        found = read(call())
    except NotDoneError as refusal:
        pytest.skip(str(refusal))
    expected = [np.array(wg.jacobian(lambda x, f=f: outputs(f(x, wg)))(x.tolist())) for x, f in points(problem)]
    derivatives = found[0] if problem.task.startswith("jacobian") else found[1]
    np.testing.assert_allclose(derivatives, np.reshape(expected, derivatives.shape), rtol=1e-9, atol=1e-9)


def test_listing_computes_once_what_is_computed_twice():
    listing = c_source.Listing(2)
    x, y = listing.inputs
    assert x * y is x * y
    assert x * 1.0 is x
    assert x + 0.0 is x
    assert x * 0.0 == 0.0
    assert listing.statements([x * y]) == [
        "const double t0 = x[0];",
        "const double t1 = x[1];",
        "const double t2 = t0 * t1;",
    ]


def test_peer_that_is_not_installed_gives_blanks(monkeypatch):
    monkeypatch.setattr(timing, "pin", lambda: None)
    monkeypatch.setitem(sys.modules, "casadi", None)
    monkeypatch.delitem(sys.modules, "wengert.benchmarks.peers.with_casadi", raising=False)
    here, there = Pipe()
    for question in (("first", "square"), ("first", "staged"), None):
        here.send(question)
    worker.serve(there, "casadi")
    assert [here.recv() for _ in range(2)] == [(None, "casadi is not installed")] * 2


def test_worker_answers_with_times_results_and_reasons(monkeypatch):
    monkeypatch.setattr(timing, "pin", lambda: None)
    here, there = Pipe()
    for question in (("first", "square"), ("again", 2), ("first", "robot_arm"), None):
        here.send(question)
    worker.serve(there, "numpy")
    (first, _), (again, _), (nothing, reason) = (here.recv() for _ in range(3))
    assert [array.tolist() for array in first["results"]] == [9.0, [6.0]]
    assert min(first["first"], first["second"], again) > 0
    assert nothing is None
    assert reason == "outside its idiom: the problem has no form 'by_hand'"


def test_driver_measures_in_processes_of_their_own(tmp_path, capsys, monkeypatch):
    for name in worker.ONE_THREAD:
        monkeypatch.setenv(name, "1")  # restored after the test, whatever the driver sets
    pytest.importorskip("matplotlib")
    arguments = ["--problems", "square", "--peers", "numpy", "micrograd", "--rounds", "1", "--output", str(tmp_path)]
    assert peers_bench.main(arguments) == 0
    rows = json.loads((tmp_path / "peers.json").read_text())["problems"]["square"]["peers"]
    assert rows["numpy"]["warm"] > 0
    assert rows["micrograd"]["difference"] == 0
    assert "x*x, one call" in capsys.readouterr().out


def test_wrong_results_lose_their_times():
    rows = {"numpy": {"warm": 1.0}, "jax": {"warm": 0.1}, "torch": {"warm": 0.1}}
    right, wrong = (np.array(9.0), np.array([6.0])), (np.array(9.0), np.array([6.1]))
    peers_bench.agree("square", rows, {"numpy": right, "jax": wrong, "torch": right[:1]})
    assert rows["numpy"] == {"warm": 1.0, "difference": 0.0}
    assert rows["jax"] == {"blank": "differs from NumPy by hand by 1.7e-02", "wrong": True}
    assert rows["torch"]["wrong"]


def fake_results():
    """Rosenbrock by three peers, one of which refuses, and a first call."""

    def problem(title, evaluations, first_call, **peers):
        return {"title": title, "evaluations": evaluations, "first call counts": first_call, "peers": peers}

    def row(first, warm):
        return {"first": first, "warm": warm, "difference": 0.0}

    return {
        "machine": timing.machine() | {"peers": {"jax": "1.0"}},
        "problems": {
            "rosenbrock_10": problem(
                "Rosenbrock-10",
                1000,
                False,
                wengert=row(1e-3, 2e-5),
                jax=row(0.2, 5e-5),
                torch={"blank": "torch is not installed"},
            ),
            "rosenbrock_1000": problem("Rosenbrock-1000", 1, True, wengert=row(0.1, 1e-6), jax=row(23.4, 1e-6)),
        },
    }


def test_report_has_times_ratios_targets_and_blanks():
    lines = peers_report.text(fake_results()).splitlines()
    assert "| | wengert | JAX, same code |" in lines
    assert "| Rosenbrock-10 | 20 ns | 50 ns (2.5x) |" in lines
    assert "| Rosenbrock-10 | 1 ms | 200 ms (200x) |" in lines
    assert lines.count("| Rosenbrock-1000 | 100 ms | 23 s (234x) |") == 2
    assert "| Rosenbrock-10: to JAX, same code | 0.5 | 0.4 | reached |" in lines
    assert "| Rosenbrock-1000: first call, to JAX, same code | 0.002 | 0.00427 | **not reached** |" in lines
    assert "- Rosenbrock-10, PyTorch: torch is not installed" in lines


def test_report_says_which_first_results_are_late():
    results = fake_results()
    assert peers_report.cold_start(results) == []
    for name, first in (("lse_1000", 0.01), ("gmm_2_5", 0.2)):
        results["problems"][name] = {"title": PROBLEMS[name].title, "peers": {"wengert": {"first": first}}}
    assert peers_report.cold_start(results)[-1] == (
        "First result within 50 ms: 1 of 2 problems; later: Gaussian mixture, d=2 K=5 N=1000 (200 ms)."
    )


def test_large_problems_are_measured_only_when_asked_for(monkeypatch, capsys):
    measured = []
    nothing = fake_results() | {"problems": {}}
    monkeypatch.setattr(peers_bench, "measure", lambda problems, *_: measured.append(set(problems)) or nothing)
    peers_bench.main([])
    peers_bench.main(["--large"])
    assert measured[1] == set(PROBLEMS)
    assert measured[1] - measured[0] == {name for name, problem in PROBLEMS.items() if problem.large} != set()


def test_report_is_written_as_table_plot_and_file_for_machines(tmp_path):
    pytest.importorskip("matplotlib")
    peers_report.write(fake_results(), tmp_path)
    assert json.loads((tmp_path / "peers.json").read_text()) == json.loads(json.dumps(fake_results()))
    assert (tmp_path / "peers.md").read_text() == peers_report.text(fake_results()) + "\n"
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_targets_name_problems_and_peers_that_exist():
    for target in peers_report.TARGETS:
        assert target.problem in PROBLEMS
        assert {target.peer, target.ours} <= set(PEERS)
        assert target.measure in ("first", "warm")


@pytest.mark.parametrize(
    ("seconds", "text"), [(23.4, "23 s"), (0.133, "133 ms"), (6.96e-6, "7 us"), (4.3e-8, "43 ns"), (3.9e-10, "0.39 ns")]
)
def test_durations_have_two_digits(seconds, text):
    assert peers_report.duration(seconds) == text
