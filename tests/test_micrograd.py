"""Do micrograd's tests, networks and demo give the same numbers with a wengert Var in place of its Value?"""

import importlib.util
import random
import subprocess
import sys
import tarfile
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
from micrograd import nn as micrograd_nn
from micrograd.engine import Value
from sklearn.datasets import make_moons

import wengert as wg

# ---- micrograd's tests of its engine ----


class Item(float):
    def item(self):
        return float(self)


class Tensor:
    """As much of torch's tensor as micrograd's tests use, computed by micrograd itself: it is their witness here."""

    def __init__(self, content):
        self.value = Value(content[0]) if isinstance(content, list) else content

    def double(self):
        return self

    def backward(self):
        self.value.backward()

    @property
    def data(self):
        return Item(self.value.data)

    @property
    def grad(self):
        return Item(self.value.grad)


def lifted(name):
    def method(self, *others):
        return Tensor(getattr(self.value, name)(*[o.value if isinstance(o, Tensor) else o for o in others]))

    return method


for operator in ("add", "sub", "mul", "truediv"):
    setattr(Tensor, f"__{operator}__", lifted(f"__{operator}__"))
    setattr(Tensor, f"__r{operator}__", lifted(f"__r{operator}__"))
for name in ("__pow__", "__neg__", "relu"):
    setattr(Tensor, name, lifted(name))


def module(name, **content):
    made = ModuleType(name)
    vars(made).update(content)
    return made


@pytest.fixture(scope="session")
def engine_tests(tmp_path_factory):
    """Source of micrograd's tests, which only its sdist has."""
    folder = tmp_path_factory.mktemp("micrograd")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-binary", ":all:", "--dest", folder, "micrograd==0.1.0"], check=True)
    with tarfile.open(folder / "micrograd-0.1.0.tar.gz") as sdist:
        return sdist.extractfile("micrograd-0.1.0/test/test_engine.py").read().decode()


def test_engine_tests_pass(engine_tests):
    modules = {"micrograd.engine": module("micrograd.engine", Value=wg.Var)}
    try:
        import torch  # noqa: F401  (here, since what is first imported below is dropped again, which torch does not survive)
    except ImportError:
        modules["torch"] = module("torch", Tensor=Tensor)
    names = {}
    with patch.dict(sys.modules, modules):
        exec(compile(engine_tests, "test_engine.py", "exec"), names)
    assert names["Value"] is wg.Var
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


# ---- attributes ----


def expression(number):
    """All of micrograd's operators, on both sides, in place, and shared."""
    a, b = number(-4.0), number(2.0)
    c = a * b + b**3 - a / b
    c += 1 - c * (a + 2.5).relu() + (-a)
    d = (3 / b - c).relu() + c**2 * 0.5
    return a, b, c, d


def test_data_and_grad():
    ours, theirs = expression(wg.Var), expression(Value)
    ours[-1].backward()
    theirs[-1].backward()
    for mine, their in zip(ours, theirs, strict=True):
        assert (mine.data, mine.grad) == pytest.approx((their.data, their.grad), rel=1e-15)


def test_prev_and_op_draw_the_graph():
    """The walk of micrograd's drawing code: nodes, edges, operators."""
    a, b, _, d = expression(wg.Var)
    nodes, edges, pending = set(), set(), [d]
    while pending:
        node = pending.pop()
        if node not in nodes:
            nodes.add(node)
            edges |= {(child, node) for child in node._prev}
            pending.extend(node._prev)
    assert {node for node in nodes if not node._prev} == {a, b}
    assert {node._op for node in nodes} == {"", "+", "-", "*", "/", "**", "**2", "relu"}
    # Every node but the last is the argument of another.
    assert {child for child, _ in edges} == nodes - {d}


def test_gradients_are_reset_by_assignment():
    x = wg.Var(2.0)
    for _ in range(2):
        x.grad = 0
        (x * x).backward()
        assert x.grad == 4.0


# ---- its networks and its demo ----


def networks_of(number):
    """micrograd's nn, the installed source, on another engine."""
    spec = importlib.util.spec_from_file_location("micrograd_nn_elsewhere", micrograd_nn.__file__)
    made = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"micrograd.engine": module("micrograd.engine", Value=number)}):
        spec.loader.exec_module(made)
    assert made.Value is number
    return made


def train(number, steps):
    """The demo: two moons, a network of two hidden layers, hinge loss with L2 and gradient descent.

    Yields the loss, the accuracy and the gradient after the backward pass of each step.
    """
    points, labels = make_moons(n_samples=100, noise=0.1, random_state=1337)
    points, labels = points.tolist(), (2 * labels - 1).tolist()
    random.seed(1337)
    model = networks_of(number).MLP(2, [16, 16, 1])
    for k in range(steps):
        scores = [model([number(x) for x in point]) for point in points]
        margins = [(1 - label * score).relu() for label, score in zip(labels, scores, strict=True)]
        weights = model.parameters()
        loss = sum(margins) * (1 / len(margins)) + 1e-4 * sum(weight * weight for weight in weights)
        right = [(label > 0) == (score.data > 0) for label, score in zip(labels, scores, strict=True)]
        model.zero_grad()
        loss.backward()
        yield loss.data, np.mean(right), [weight.grad for weight in weights]
        for weight in weights:
            weight.data -= (1.0 - 0.9 * k / 100) * weight.grad


def test_network_gives_the_same_output_and_gradient():
    results = []
    for number in (wg.Var, Value):
        random.seed(7)
        model = networks_of(number).MLP(3, [4, 4, 1])
        y = model([1.0, -2.0, 0.5])
        y.backward()
        results.append([y.data, *[p.grad for p in model.parameters()]])
        assert repr(model).startswith("MLP of [Layer of [ReLUNeuron(3)")
    np.testing.assert_allclose(*results, rtol=1e-13)


def test_demo_gives_micrograds_numbers():
    for ours, theirs in zip(train(wg.Var, 5), train(Value, 5), strict=True):
        assert ours[0] == pytest.approx(theirs[0], rel=1e-9)
        assert ours[1] == theirs[1]
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-9, atol=1e-15)


def test_demo_learns_the_moons():
    losses, accuracies, gradients = zip(*train(wg.Var, 100), strict=True)
    assert len(gradients[0]) == 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    assert accuracies[-1] == 1.0
    assert losses[-1] < 0.05 < losses[0]
