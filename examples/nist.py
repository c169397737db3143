"""How well do fits with exact Jacobians reproduce the certified answers of NIST's nonlinear regressions?

The Statistical Reference Datasets (https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml) are 27 regressions whose
parameters, standard deviations and sums of squares are certified to 11 digits, with a far and a near starting point
each. Every model below is written once, for one sample, as on NIST's page; its Jacobian over all samples comes from
wengert, and `scipy.optimize.least_squares` does the rest.
"""

import re
from dataclasses import dataclass
from functools import cache
from math import log10, pi
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

import wengert as wg

DATA = Path(__file__).parent / "data" / "nist"
EPSILON = np.finfo(float).eps
CERTIFIED_DIGITS = 11  # as many as NIST prints, so that more agreement cannot be seen


def wave(cosine, sine, turns):
    return cosine * wg.cos(2 * pi * turns) + sine * wg.sin(2 * pi * turns)


def rational(b, degree, x):
    top = sum(b[k] * x**k for k in range(degree + 1))
    return top / (1 + sum(b[degree + k] * x**k for k in range(1, degree + 1)))


FORMULAS = {
    "Misra1a BoxBOD": lambda b, x: b[0] * (1 - wg.exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x * (1 + b[1] * x) ** -1,
    "Chwirut1 Chwirut2": lambda b, x: wg.exp(-b[0] * x) / (b[1] + b[2] * x),
    "Lanczos1 Lanczos2 Lanczos3": lambda b, x: sum(b[k] * wg.exp(-b[k + 1] * x) for k in (0, 2, 4)),
    "Gauss1 Gauss2 Gauss3": lambda b, x: (
        b[0] * wg.exp(-b[1] * x) + sum(b[k] * wg.exp(-((x - b[k + 1]) ** 2) / b[k + 2] ** 2) for k in (2, 5))
    ),
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "Kirby2": lambda b, x: rational(b, 2, x),
    "Hahn1 Thurber": lambda b, x: rational(b, 3, x),
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "Nelson": lambda b, x: b[0] - b[1] * x[0] * wg.exp(-b[2] * x[1]),
    "MGH17": lambda b, x: b[0] + b[1] * wg.exp(-x * b[3]) + b[2] * wg.exp(-x * b[4]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - wg.atan(b[2] / (x - b[3])) / pi,
    "ENSO": lambda b, x: b[0] + wave(b[1], b[2], x / 12) + wave(b[4], b[5], x / b[3]) + wave(b[7], b[8], x / b[6]),
    "MGH10": lambda b, x: b[0] * wg.exp(b[1] / (x + b[2])),
    "Eckerle4": lambda b, x: b[0] / b[1] * wg.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Rat42": lambda b, x: b[0] / (1 + wg.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + wg.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
}
MODELS = {name: formula for names, formula in FORMULAS.items() for name in names.split()}


@cache  # one program for all fits of a model, whatever the number of their samples
def model_and_jacobian(model):
    """For ``model(b, x)`` of one sample: a function of b and all samples that gives values (N,) and Jacobian (N, n)."""
    return wg.compile(wg.vmap(wg.value_and_grad(model), in_axes=(None, 0)))


@dataclass
class Problem:
    """One data set: samples, starting points (2, n), certified parameters, deviations and sum of squares."""

    x: np.ndarray
    y: np.ndarray
    starts: np.ndarray
    parameters: np.ndarray
    deviations: np.ndarray
    squares: float


def read(name):
    """Parse a file of NIST; its header says which lines hold what."""
    lines = (DATA / f"{name}.dat").read_text().splitlines()
    ranges = re.findall(r"\(lines +(\d+) +to +(\d+)\)", "\n".join(lines[:10]))
    start, certified, data = (lines[int(first) - 1 : int(last)] for first, last in ranges)
    columns = np.array([line.split("=")[1].split() for line in start], float).T
    table = np.array([line.split() for line in data], float)
    (squares,) = (float(line.split()[-1]) for line in certified if line.startswith("Residual Sum of Squares"))
    y, x = table[:, 0], table[:, 1:]
    return Problem(x.squeeze(), np.log(y) if name == "Nelson" else y, columns[:2], columns[2], columns[3], squares)


def fit(name, start):
    """Fit one data set from one starting point.

    Returns
    -------
    parameters, polished, deviations : ndarray
        What the solver gives, then with Gauss-Newton steps, then the standard deviations there.
    evaluations : int
        How often the solver wanted the residuals.
    """
    problem = read(name)
    curve = model_and_jacobian(MODELS[name])
    tolerances = dict.fromkeys(("ftol", "xtol", "gtol"), EPSILON)
    with np.errstate(over="ignore"):  # a step that is tried too far out may overflow; the solver takes a shorter one
        found = least_squares(
            lambda b: curve(b, problem.x)[0] - problem.y,
            start,
            jac=lambda b: curve(b, problem.x)[1],
            x_scale="jac",  # parameters differ by up to eight powers of ten, and so do the columns of the Jacobian
            max_nfev=5000,
            **tolerances,
        )
    polished = polish(curve, problem, found.x)
    return found.x, polished, deviations(curve, problem, polished), found.nfev


def polish(curve, problem, b):
    """Gauss-Newton steps for as long as each is shorter than the one before.

    The sum of squares is flat at its minimum: when its last digit stops moving, and the solver with it, only about half
    of the digits of the parameters are settled. These steps look at the gradient only, and settle the others.
    """
    last = np.inf
    for _ in range(200):  # forty are enough for ENSO, where a step leaves two thirds of the error
        values, jacobian = curve(b, problem.x)
        columns = np.linalg.norm(jacobian, axis=0)  # of one length, or the smallest would be lost to rounding
        step = np.linalg.lstsq(jacobian / columns, problem.y - values, rcond=EPSILON)[0]
        if not np.linalg.norm(step) < last:
            break
        b, last = b + step / columns, np.linalg.norm(step)
    return b


def deviations(curve, problem, b):
    """Standard deviations: the residual one, times the roots of the diagonal of the inverse of J'J."""
    values, jacobian = curve(b, problem.x)
    columns = np.linalg.norm(jacobian, axis=0)
    # By a QR decomposition: J'J would square the condition number.
    inverse = np.linalg.inv(np.linalg.qr(jacobian / columns, mode="r"))
    residual = np.linalg.norm(values - problem.y) / (len(problem.y) - len(b)) ** 0.5
    return residual * np.linalg.norm(inverse, axis=1) / columns


def digits(found, certified):
    """Decimal digits to which the worst of some numbers is right, at most those that NIST certifies."""
    worst = np.max(np.abs(found - certified) / np.abs(certified))
    return CERTIFIED_DIGITS if worst == 0 else min(max(-log10(worst), 0.0), CERTIFIED_DIGITS)


def main():
    """Print a line per data set: samples, parameters, and how many digits are right from each start."""
    print("                  |           start 1            |           start 2")
    print("                  |       solver     polished    |       solver     polished")
    print("data set    N   n | evals param.  param.    dev. | evals param.  param.    dev.")
    for name in MODELS:
        problem = read(name)
        row = f"{name:9}{len(problem.y):4} {len(problem.parameters):3} "
        for start in problem.starts:
            solver, polished, spread, evaluations = fit(name, start)
            row += f"| {evaluations:5} {digits(solver, problem.parameters):6.1f} "
            row += f" {digits(polished, problem.parameters):6.1f}  {digits(spread, problem.deviations):6.1f} "
        print(row.rstrip())


if __name__ == "__main__":
    main()
