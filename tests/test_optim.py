"""Do parameters move as the formulas of their optimizers say?"""

import math

import numpy as np
import pytest

import wengert as wg
from wengert import optim

STEPS = 25
A = np.array([[3.0, 0.5, 0.0], [0.5, 2.0, -0.4], [0.0, -0.4, 1.0]])
B = np.array([1.0, -2.0, 0.5])
START = np.array([2.0, -1.0, 0.3])


def gradient(x):
    """Of x' A x / 2 - B' x."""
    return A @ x - B


# ---- the formulas once more, element by element and as the papers have them ----


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    x, velocity = START.copy(), None
    for _ in range(STEPS):
        g = gradient(x) + weight_decay * x
        velocity = g if velocity is None else momentum * velocity + g
        x = x - lr * (g + momentum * velocity if nesterov else velocity)
        yield x


def adam(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    x, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, STEPS + 1):
        g = gradient(x)
        if decoupled:
            x = x - lr * weight_decay * x
        else:
            g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        x = x - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield x


def rmsprop(lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    x, v, velocity = START.copy(), np.zeros(3), np.zeros(3)
    for _ in range(STEPS):
        g = gradient(x) + weight_decay * x
        v = alpha * v + (1 - alpha) * g**2
        velocity = momentum * velocity + g / (np.sqrt(v) + eps)
        x = x - lr * velocity
        yield x


CASES = {
    "SGD": (optim.SGD, {"lr": 0.1}, sgd, "SGD"),
    "SGD with decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.2}, sgd, "SGD"),
    "momentum": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}, sgd, "SGD"),
    "Nesterov": (optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True}, sgd, "SGD"),
    "Adam": (optim.Adam, {"lr": 0.1}, adam, "Adam"),
    "Adam with decay": (optim.Adam, {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.1}, adam, "Adam"),
    "AdamW": (
        optim.AdamW,
        {"lr": 0.1, "weight_decay": 0.3},
        lambda **options: adam(decoupled=True, **options),
        "AdamW",
    ),
    "RMSprop": (optim.RMSprop, {"lr": 0.05}, rmsprop, "RMSprop"),
    "RMSprop with momentum": (
        optim.RMSprop,
        {"lr": 0.05, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1, "eps": 1e-3},
        rmsprop,
        "RMSprop",
    ),
}


def steps_of_vars(make, options):
    """The way of an array of vars."""
    x = wg.Var(START.copy())
    optimizer = make([x], **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * (x @ A @ x) - B @ x).backward()
        optimizer.step()
        yield x.data.copy()


def steps_of_scalars(make, options):
    """The way of three vars that are numbers."""
    xs = [wg.Var(x) for x in START]
    optimizer = make(xs, **options)
    for _ in range(STEPS):
        for x, g in zip(xs, gradient(np.array([x.data for x in xs])), strict=True):
            x.grad = g
        optimizer.step()
        yield np.array([x.data for x in xs])


def compiled_steps(make, options):
    """The way of a rule that is recorded."""
    optimizer = make(**options)
    rule = wg.compile(lambda x, g, state, numbers: optimizer.update(x, g, state, numbers))
    x, state = START.copy(), optimizer.start(START)
    for count in range(STEPS):
        x, state = rule(x, gradient(x), state, optimizer.numbers(count))
        yield x


@pytest.mark.parametrize("way", [steps_of_vars, steps_of_scalars, compiled_steps])
@pytest.mark.parametrize("name", CASES)
def test_steps_follow_the_formula(name, way):
    make, options, formula, _ = CASES[name]
    for mine, theirs in zip(way(make, options), formula(**options), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    make, options, _, theirs = CASES[name]
    x = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([x], **options)
    for mine in steps_of_vars(make, options):
        x.grad = torch.tensor(gradient(x.detach().numpy()))
        optimizer.step()
        np.testing.assert_allclose(mine, x.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop])
def test_each_finds_the_minimum(make):
    x = wg.Var(START.copy())
    optimizer = make([x], lr=optim.decay(0.1, 0.99), weight_decay=0.0)
    for _ in range(1500):
        optimizer.zero_grad()
        (0.5 * (x @ A @ x) - B @ x).backward()
        optimizer.step()
    np.testing.assert_allclose(x.data, np.linalg.solve(A, B), atol=1e-3)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (optim.SGD, {"lr": -1.0}, "lr >= 0"),
        (optim.SGD, {"lr": math.nan}, "lr >= 0"),
        (optim.SGD, {"lr": 0.1, "momentum": 1.0}, "momentum < 1"),
        (optim.SGD, {"lr": 0.1, "nesterov": True}, "momentum for nesterov"),
        (optim.SGD, {"lr": 0.1, "weight_decay": -1.0}, "weight_decay >= 0"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "betas"),
        (optim.Adam, {"eps": -1.0}, "eps"),
        (optim.RMSprop, {"alpha": 1.5}, "alpha"),
    ],
)
def test_settings_that_cannot_descend_are_refused(make, options, message):
    with pytest.raises(wg.WengertError, match=f"{make.__name__} needs .*{message}"):
        make([wg.Var(1.0)], **options)


def test_an_optimizer_needs_parameters_to_step():
    with pytest.raises(wg.WengertError, match="got no parameters"):
        optim.SGD([], lr=0.1)
    with pytest.raises(wg.WengertError, match="has no parameters to move"):
        optim.Adam().step()


# ---- schedules and clipping ----


def test_cosine_is_pytorchs():
    torch = pytest.importorskip("torch")
    x = torch.zeros(1, requires_grad=True)
    theirs = torch.optim.SGD([x], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=40, eta_min=0.01)
    mine = optim.cosine(0.3, 40, lowest=0.01)
    for count in range(41):
        assert mine(count) == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        theirs.step()
        scheduler.step()


def test_a_schedule_decides_each_step():
    x = wg.Var(0.0)
    sgd_ = optim.SGD([x], lr=optim.decay(1.0, 0.5, every=2))
    moves = []
    for _ in range(6):
        x.grad = 1.0
        before = x.data
        sgd_.step()
        moves.append(before - x.data)
    assert moves == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("largest", [0.1, 5.0, 100.0])
def test_clipping_scales_all_together(largest):
    gradients = [np.array([[3.0, 0.0], [0.0, -4.0]]), np.array([12.0])]
    clipped, norm = optim.clip_by_global_norm(gradients, largest)
    assert norm == 13.0
    factor = min(1.0, largest / 13.0)
    for mine, given in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(mine, factor * given, rtol=1e-6)
    torch = pytest.importorskip("torch")
    parameters = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for parameter, given in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(given)
    torch.nn.utils.clip_grad_norm_(parameters, largest)
    for mine, parameter in zip(clipped, parameters, strict=True):
        np.testing.assert_allclose(mine, parameter.grad.numpy(), rtol=1e-12)


# ---- L-BFGS ----


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    def rosenbrock(p):
        x = np.concatenate([p[0], np.ravel(p[1])])
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    seen = []
    f = wg.compile(wg.value_and_grad(rosenbrock))
    start = [np.zeros(3), np.zeros((2, 2))]
    found = optim.LBFGS(max_iter=500, tolerance=1e-9).minimize(f, start, lambda p, value: seen.append((p, value)))
    np.testing.assert_allclose(np.concatenate([p.ravel() for p in found.parameters]), 1.0, atol=1e-7)
    assert found.converged
    assert len(seen) == found.n_iterations
    assert [value for _, value in seen] == [rosenbrock(p) for p, _ in seen]
    assert [p.shape for p in found.parameters] == [(3,), (2, 2)]


def test_lbfgs_stops_after_its_iterations():
    f = wg.value_and_grad(lambda p: np.sum((p[0] ** 2 - 1.0) ** 2))
    found = optim.LBFGS(max_iter=1).minimize(f, [np.full(3, 3.0, np.float32)])
    assert not found.converged
    assert found.n_iterations == 1
    assert found.parameters[0].dtype == np.float32


def test_lbfgs_refuses_settings_without_sense():
    with pytest.raises(wg.WengertError, match="LBFGS needs"):
        optim.LBFGS(max_iter=0)
