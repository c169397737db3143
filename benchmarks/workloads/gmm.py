"""What does the fit of a Gaussian mixture cost? The log-likelihood of GradBench's (and ADBench's) problem ``gmm``.

Each component has a weight, a mean and a lower triangular root of its inverse covariance: the logarithms q of its
diagonal and, column by column, the entries l below it. A Wishart distribution is the prior of the covariances.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem

GAMMA = 1.0  # of the Wishart prior, as in GradBench; its degrees of freedom beyond d + 1 are 0


def logsumexp(x: Any, axis: int, m: Any) -> Any:
    largest = m.max(x, axis=axis, keepdims=True)
    return m.sum(largest, axis=axis) + m.log(m.sum(m.exp(x - largest), axis=axis))


def wishart_constant(d: int) -> float:
    """Logarithm of the prior's normalising factor."""
    freedom = d + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
    return freedom * d * (math.log(GAMMA) - 0.5 * math.log(2)) - log_gamma


def log_posterior(parameters: Any, x: Any, m: Any) -> Any:
    alpha, mu, q, l = parameters  # noqa: E741
    n, d = x.shape
    columns, rows = np.triu_indices(d, 1)
    below = m.fill((len(alpha), d, d), (slice(None), rows, columns), l)
    diagonal = m.exp(q)
    roots = below + diagonal[:, :, None] * m.constant(np.eye(d))
    # Not root (x - mu): of root x - root mu the first is one product of two matrices, for all points and components.
    whitened = (x @ roots.reshape(-1, d).T).reshape(n, -1, d) - m.einsum("kij,kj->ki", roots, mu)
    terms = alpha + m.sum(q, axis=1) - 0.5 * m.sum(whitened * whitened, axis=2)
    likelihood = m.sum(logsumexp(terms, 1, m)) - n * logsumexp(alpha, 0, m) - 0.5 * n * d * math.log(2 * math.pi)
    prior = len(alpha) * wishart_constant(d) - 0.5 * GAMMA**2 * (m.sum(diagonal * diagonal) + m.sum(l * l))
    return likelihood + prior


def log_posterior_columns(parameters: Any, x: Any, m: Any) -> Any:
    ca = m.casadi
    alpha, mu, q, l = parameters  # noqa: E741
    (d, n), components = x.shape, mu.shape[1]
    offset, means, diagonal, below = symbols = [ca.SX.sym("p", *p.shape) for p in parameters]
    point = ca.SX.sym("x", d)
    terms = []
    for k in range(components):
        centered = point - means[:, k]
        root, entry = ca.diag(diagonal[:, k]), 0
        for j in range(d):
            for i in range(j + 1, d):
                root[i, j] = below[entry, k]
                entry += 1
        terms.append(offset[k] - 0.5 * ca.sumsqr(root @ centered))
    one = ca.Function("one", [*symbols, point], [ca.logsumexp(ca.vertcat(*terms))])
    roots = ca.exp(q)
    likelihood = ca.sum2(one.map(n)(alpha + ca.sum1(q).T, mu, roots, l, x)) - n * ca.logsumexp(alpha)
    prior = components * wishart_constant(d) - 0.5 * GAMMA**2 * (ca.sumsqr(roots) + ca.sumsqr(l))
    return likelihood - 0.5 * n * d * math.log(2 * math.pi) + prior


def data(d: int, k: int, n: int) -> Arrays:
    rng = np.random.default_rng(31337)
    alpha, mu = rng.standard_normal(k), rng.uniform(size=(k, d))
    return (
        alpha,
        mu,
        rng.standard_normal((k, d)),
        rng.standard_normal((k, d * (d - 1) // 2)),
        rng.standard_normal((n, d)),
    )


def problem(d: int, k: int, n: int) -> Problem:
    shapes = ((), (k,), (k, d), (k, d), (k, d * (d - 1) // 2))
    return Problem(
        name=f"gmm_{d}_{k}",
        title=f"Gaussian mixture, d={d} K={k} N={n}",
        task="array_gradient",
        data=lambda: data(d, k, n),
        arrays=log_posterior,
        columns=log_posterior_columns,
        cpp=Cpp("gmm", (d, k, n), shapes),
        wanted=4,
    )


GMM_SMALL = problem(2, 5, 1000)
GMM_MEDIUM = problem(20, 50, 1000)
GMM_LARGE = problem(64, 100, 1000)
