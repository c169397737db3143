"""What does `scipy.optimize.minimize` gain from exact gradients?

Two functions with known answers. Rosenbrock's, of 2 to 100 variables, has its minimum 0 at ones; by differences every
gradient takes as many more evaluations as there are variables. And a maximum likelihood fit: did the cold damage the
O-rings of the space shuttle? The flights are those of S. Dalal et al., "Risk analysis of the space shuttle", JASA 84
(1989): the temperature in degrees Fahrenheit and whether a field joint showed distress. R's
``glm(fail > 0 ~ temp, family = binomial)`` gives the published coefficients and standard errors.
"""

import numpy as np
from scipy.optimize import minimize, rosen

import wengert as wg

TEMPERATURES = (66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58)
DISTRESS = (0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1)
PUBLISHED = {"intercept": (15.0429, 7.3786), "temperature": (-0.2322, 0.1082)}
LAUNCH = 31  # degrees on the morning of the Challenger's last flight


def rosenbrock(x):
    return sum(100 * (x[k + 1] - x[k] ** 2) ** 2 + (1 - x[k]) ** 2 for k in range(len(x) - 1))


def surprise(b):
    """Minus the logarithm of the likelihood of the flights, if ``sigmoid(b[0] + b[1] t)`` is the risk at t degrees."""
    total = 0.0
    for t, distress in zip(TEMPERATURES, DISTRESS, strict=True):
        score = b[0] + b[1] * t
        total = total + wg.softplus(-score if distress else score)
    return total


def with_gradient(f):
    """Value and gradient of a function at an array, as minimize(..., jac=True) wants them."""
    return wg.compile(wg.value_and_grad(f))


def evaluations(n):
    """Evaluations that BFGS needs for Rosenbrock's function of n variables: without a gradient, and with ours.

    Returns
    -------
    without, with_ours : int
        The evaluations, each of the latter with a gradient.
    error : float
        Distance of our minimum from the true one, in its worst coordinate.
    """
    start = np.zeros(n)
    options = {"gtol": 1e-5, "maxiter": 10_000}
    without = minimize(rosen, start, method="BFGS", options=options)
    ours = minimize(with_gradient(rosenbrock), start, jac=True, method="BFGS", options=options)
    return without.nfev, ours.nfev, float(np.max(np.abs(ours.x - 1)))


def risk():
    """The coefficients of the O-rings' risk, their standard errors, and the risk at the launch."""
    # In units of ten degrees around 70 the two coefficients are of one size, which BFGS likes.
    shape = np.array([[1.0, -7.0], [0.0, 0.1]])
    scaled = with_gradient(surprise)

    def objective(c):
        value, gradient = scaled(shape @ c)
        return value, shape.T @ gradient

    found = minimize(objective, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-10})
    b = shape @ found.x
    errors = np.sqrt(np.diag(np.linalg.inv(wg.compile(wg.hessian(surprise))(b))))
    return b, errors, 1 / (1 + np.exp(-(b[0] + b[1] * LAUNCH)))


def main():
    """Print both tables."""
    print("Rosenbrock: variables   evaluations without gradient   with it   error")
    for n in (2, 5, 10, 20, 50, 100):
        print("{:21}{:31}{:10}   {:.0e}".format(n, *evaluations(n)))
    b, errors, danger = risk()
    print("\nO-rings        fitted  (error)     published  (error)")
    for (name, published), *ours in zip(PUBLISHED.items(), b, errors, strict=True):
        print("{:12}{:9.4f}  ({:.4f}){:13.4f}  ({:.4f})".format(name, *ours, *published))
    print(f"risk of distress at {LAUNCH} degrees: {danger:.4f}")


if __name__ == "__main__":
    main()
