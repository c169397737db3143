"""How much does an exact Jacobian help a solver of stiff differential equations?

Two chemical reactions of the Test Set for Initial Value Problem Solvers (F. Mazzia and C. Magherini, Bari,
https://archimede.uniba.it/~testset), which prints their solutions to 16 digits: Robertson's, whose rate constants
differ by nine powers of ten, until t = 1e11, and HIRES, the high irradiance responses of plants.
`scipy.integrate.solve_ivp` solves them with implicit methods, which need the Jacobian of the right-hand side: by
differences, as SciPy does if it gets none, or from wengert.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

import wengert as wg


def robertson(y):
    made = 0.04 * y[0] - 1e4 * y[1] * y[2]
    spent = 3e7 * y[1] * y[1]
    return [-made, made - spent, spent]


def hires(y):
    bound, loss = 280 * y[5] * y[7], 1.81 * y[6]
    return [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -bound + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        bound - loss,
        loss - bound,
    ]


@dataclass(frozen=True)
class Reaction:
    """A right-hand side, where it starts, when it ends, its reference solution there, and an absolute tolerance."""

    rates: object
    start: tuple
    end: float
    solution: tuple
    atol: float


REACTIONS = {
    "Robertson": Reaction(
        robertson,
        start=(1.0, 0.0, 0.0),
        end=1e11,
        solution=(0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050),
        atol=1e-22,  # the second species is at 1e-13
    ),
    "HIRES": Reaction(
        hires,
        start=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057),
        end=321.8122,
        solution=(
            *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2),
            *(0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2),
        ),
        atol=1e-14,
    ),
}


def numbers(f):
    """A function to a list, compiled, as a function of time and state to an array."""
    compiled = wg.compile(f)
    return lambda t, y: np.array(compiled(y))


def solve(reaction, method, rtol, exact):
    """Solve a reaction.

    Returns
    -------
    digits : float
        Decimal digits to which the worst component is right at the end.
    steps, evaluations, jacobians : int
        Steps of the solver, calls of the right-hand side (for differences too), Jacobians.
    """
    evaluations = 0
    rates = numbers(reaction.rates)

    def counted(t, y):
        nonlocal evaluations
        evaluations += 1
        return rates(t, y)

    jacobian = numbers(wg.jacobian(reaction.rates)) if exact else None
    done = solve_ivp(
        counted, (0, reaction.end), reaction.start, method=method, jac=jacobian, rtol=rtol, atol=reaction.atol
    )
    error = np.max(np.abs(done.y[:, -1] / reaction.solution - 1))
    return -np.log10(error), len(done.t) - 1, evaluations, done.njev


def main():
    """Print a line per reaction, method, tolerance and kind of Jacobian."""
    print("reaction   method   rtol  Jacobian     digits  steps  right-hand sides  Jacobians")
    for name, reaction in REACTIONS.items():
        for method in ("Radau", "BDF"):
            for rtol in (1e-6, 1e-10):
                for exact in (False, True):
                    digits, steps, evaluations, jacobians = solve(reaction, method, rtol, exact)
                    kind = "wengert" if exact else "differences"
                    print(f"{name:10} {method:6} {rtol:6.0e}  {kind:12}{digits:7.1f}", end="")
                    print(f"{steps:7}{evaluations:18}{jacobians:11}")


if __name__ == "__main__":
    main()
