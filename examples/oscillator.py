"""How fast does it swing? A network that has to obey an equation of motion whose constants are not known.

A damped oscillator, u'' + 2 d u' + k u = 0, is measured with noise for the first half of the time. A network u(t) is
fitted to the measurements, and to the equation at points over all of the time, where no measurements are; d and k are
fitted along with it. The derivatives of the network in t are part of the loss (Raissi, Perdikaris & Karniadakis,
"Physics-informed neural networks", 2019), and the loss is differentiated in the parameters.
"""

import numpy as np

import wengert as wg

DAMPING, STIFFNESS = 0.4, 9.0
END, SPREAD = 6.0, 0.02


def motion(t):
    """The solution with u(0) = 1 and u'(0) = 0, in closed form."""
    w = np.sqrt(STIFFNESS - DAMPING**2)
    return np.exp(-DAMPING * t) * (np.cos(w * t) + DAMPING / w * np.sin(w * t))


def measurements():
    t = np.linspace(0.0, END / 2, 40)
    return t, motion(t) + np.random.default_rng(0).normal(0.0, SPREAD, len(t))


NET = wg.nn.MLP(1, [32, 32, 1], activation="tanh", initialiser=wg.nn.glorot)


def network(parameters, t):
    """u(t) at times t (n,)."""
    return NET.with_parameters(parameters)(2.0 * np.expand_dims(t, 1) / END - 1.0)


def derivative(f):
    """Of a function that treats every time by itself."""
    return lambda t: wg.jvp(f, (t,), (np.ones_like(t),))[1]


def loss(unknown, times, t, u):
    """Mean squares of the misfit, in units of the noise, and of what is left of the equation."""
    *parameters, constants = unknown
    damping, stiffness = np.exp(constants)  # which are positive

    def of_time(t):
        return network(parameters, t)

    velocity = derivative(of_time)
    acceleration = derivative(velocity)
    rest = acceleration(times) + 2.0 * damping * velocity(times) + stiffness * of_time(times)
    return np.mean(((of_time(t) - u) / SPREAD) ** 2) + np.mean(rest**2)


def fit(n_iterations=4000):
    """Constants d and k, and the parameters of the network."""
    times, (t, u) = np.linspace(0.0, END, 120), measurements()
    compiled = wg.compile(wg.value_and_grad(loss))
    start = [*[parameter.data for parameter in NET.parameters()], np.log([1.0, 4.0])]
    lbfgs = wg.optim.LBFGS(memory=50, max_iter=n_iterations, tolerance=1e-4)
    found = lbfgs.minimize(lambda unknown: compiled(unknown, times, t, u), start)
    *parameters, constants = found.parameters
    return np.exp(constants), parameters, found


def main():
    (damping, stiffness), parameters, found = fit()
    t = np.linspace(0.0, END, 500)
    error = network(parameters, t) - motion(t)
    print(f"after {found.n_iterations} iterations the loss is {found.value:.3f}")
    print(f"damping   {damping:.4f}   true {DAMPING}")
    print(f"stiffness {stiffness:.4f}   true {STIFFNESS}")
    print(
        f"largest error where it was measured {np.abs(error[t < END / 2]).max():.4f}, beyond {np.abs(error).max():.4f}"
    )


if __name__ == "__main__":
    main()
