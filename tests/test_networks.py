"""Do the networks of the examples learn what is known?"""

import numpy as np
import pytest

import cartpole
import digits
import oscillator
import quantiles
from wengert import models


def test_digits_are_read_by_a_network_that_was_saved(tmp_path):
    pytest.importorskip("safetensors")
    x, x_test, y, y_test = digits.data()
    net, history = digits.train(x, y)
    assert digits.accuracy(net, x_test, y_test) >= 0.97
    assert history.losses[-1] < history.losses[0] / 10
    models.save(net, tmp_path / "net.safetensors")
    again = models.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again(x_test).data, net(x_test).data)


def test_motion_obeys_its_equation():
    t, h = np.linspace(0.1, 5.0, 50), 1e-4
    velocity = (oscillator.motion(t + h) - oscillator.motion(t - h)) / (2 * h)
    acceleration = (oscillator.motion(t + h) - 2 * oscillator.motion(t) + oscillator.motion(t - h)) / h**2
    rest = acceleration + 2 * oscillator.DAMPING * velocity + oscillator.STIFFNESS * oscillator.motion(t)
    np.testing.assert_allclose(rest, 0.0, atol=1e-5)


def test_derivatives_within_the_loss_are_those_of_the_network():
    t, h = np.linspace(0.5, 5.0, 7), 1e-4
    parameters = [parameter.data for parameter in oscillator.NET.parameters()]

    def u(t):
        return oscillator.network(parameters, t)

    velocity = oscillator.derivative(u)
    np.testing.assert_allclose(velocity(t), (u(t + h) - u(t - h)) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(oscillator.derivative(velocity)(t), (u(t + h) - 2 * u(t) + u(t - h)) / h**2, atol=1e-5)


def test_constants_of_a_motion_are_found():
    (damping, stiffness), parameters, found = oscillator.fit(1500)
    t = np.linspace(0.0, oscillator.END, 200)
    assert damping == pytest.approx(oscillator.DAMPING, rel=0.15)
    assert stiffness == pytest.approx(oscillator.STIFFNESS, rel=0.05)
    np.testing.assert_allclose(oscillator.network(parameters, t), oscillator.motion(t), atol=0.1)
    assert found.value < 2.0  # 1 would be all noise and no misfit


def test_a_pole_falls_as_its_energy_says():
    """Without pushes, and with a cart too heavy to move, the pole is a pendulum that keeps its energy."""
    heavy = 1e9
    before = cartpole.CART
    cartpole.CART, step, cartpole.STEP = heavy, cartpole.STEP, 1e-5
    try:
        state = np.array([[0.0, 0.0, 0.1, 0.0]])
        for _ in range(20_000):
            state = cartpole.moved(state, np.zeros(1))
    finally:
        cartpole.CART, cartpole.STEP = before, step
    _, _, angle, spin = state[0]
    energy = 2 / 3 * cartpole.HALF_LENGTH * spin**2 + cartpole.GRAVITY * np.cos(angle)
    assert energy == pytest.approx(cartpole.GRAVITY * np.cos(0.1), rel=1e-5)
    assert angle == pytest.approx(
        0.1 * np.cosh(0.2 * np.sqrt(cartpole.GRAVITY / (4 / 3 * cartpole.HALF_LENGTH))), rel=5e-3
    )


def test_the_policy_learns_to_balance():
    lengths = cartpole.train(60)
    assert np.mean(lengths[:5]) < 60
    assert np.mean(lengths[-10:]) > 180


def test_quantiles_of_a_linear_network_are_those_of_linear_programming():
    x, _, y, _ = quantiles.data()
    mine, theirs = quantiles.linear(x, y)(x), quantiles.by_linear_programming(x, y)(x)
    assert quantiles.pinball(mine, y) == pytest.approx(quantiles.pinball(theirs, y), rel=1e-4)
    assert quantiles.pinball(mine, y) >= quantiles.pinball(theirs, y) - 1e-9  # which is the least there is


def test_quantiles_of_a_network_cover_what_they_say():
    x, x_test, y, y_test = quantiles.data()
    below = np.mean(y_test[:, None] < quantiles.curved(x, y)(x_test), axis=0)
    np.testing.assert_allclose(below, quantiles.LEVELS, atol=0.1)
