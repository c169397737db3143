"""How much of the Nile's flow is its level, and how much is noise? Maximum likelihood by a Kalman filter.

The local level model of J. Durbin and S. J. Koopman, "Time Series Analysis by State Space Methods" (2nd edition, 2012),
chapter 2: the flow of each year is a level plus noise, and the level is a random walk. Section 2.10.3 gives the
variances that maximise the diffuse likelihood of the hundred years. The filter is the textbook's for any linear
model, in matrices and with a loop over the years.
"""

from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import wengert as wg

FLOWS = np.loadtxt(Path(__file__).parent / "data" / "nile.txt").ravel()
PUBLISHED = (15099.0, 1469.1)
"""Variances of the noise and of the steps of the level."""


def python_loop(step, state, xs):
    """What `wengert.scan` does, unrolled while it is recorded: longer to record, and faster for small states."""
    for x in xs:
        state, _ = step(state, x)
    return state, None


def log_likelihood(y, mean, covariance, observe, noise, move, steps, loop=python_loop):
    """Log density of observations, one by one.

    Parameters
    ----------
    y : array of shape (n,)
    mean, covariance : arrays of shape (m,) and (m, m)
        Of the state at the first observation.
    observe : array of shape (m,)
        An observation is ``observe @ state`` plus noise of this variance:
    noise : float
    move, steps : arrays of shape (m, m)
        The next state is ``move @ state`` plus a step of this covariance.
    loop : callable
        `python_loop` or `wengert.scan`.
    """

    def next_year(state, observation):
        mean, covariance, total = state
        surprise = observation - observe @ mean
        variance = observe @ covariance @ observe + noise
        total = total - 0.5 * (np.log(2.0 * np.pi * variance) + surprise**2 / variance)
        gain = move @ covariance @ observe / variance
        mean = move @ mean + gain * surprise
        covariance = move @ covariance @ (move - np.outer(gain, observe)).T + steps
        return (mean, covariance, total), None

    (_, _, total), _ = loop(next_year, (mean, covariance, 0.0), y)
    return total


def local_level(log_variances, y, loop=python_loop):
    """The diffuse log likelihood of the local level model: the first observation says where the level is."""
    noise, step = np.exp(log_variances)
    one = np.ones((1, 1))
    return log_likelihood(y[1:], y[:1], (noise + step) * one, np.ones(1), noise, one, step * one, loop)


with_gradient = wg.compile(wg.value_and_grad(lambda x, y: -local_level(x, y)))
with_gradient_by_scan = wg.compile(wg.value_and_grad(lambda x, y: -local_level(x, y, wg.scan)))
hessian = wg.compile(wg.hessian(lambda x, y: -local_level(x, y)))


def fit(y):
    """Variances that maximise the likelihood, their standard errors, and the maximum."""
    found = minimize(with_gradient, np.log([y.var(), y.var()]), (y,), jac=True, method="BFGS", options={"gtol": 1e-6})
    errors = np.sqrt(np.diag(np.linalg.inv(hessian(found.x, y))))  # of the logarithms
    return np.exp(found.x), np.exp(found.x) * errors, -found.fun


def main():
    variances, errors, maximum = fit(FLOWS)
    print("            fitted  (error)   published")
    for name, *numbers in zip(("noise", "level"), variances, errors, PUBLISHED, strict=True):
        print("{:8} {:9.1f} {:8.1f} {:11.1f}".format(name, *numbers))
    print(f"log likelihood {maximum:.4f}")


if __name__ == "__main__":
    main()
