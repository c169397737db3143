"""What does one step of a sampler or a fit cost? The log-posterior of a hierarchical logistic regression.

Every row belongs to one of eight groups. The groups' intercepts come from a normal distribution whose mean and spread
are parameters too (in the non-centred form of Papaspiliopoulos, Roberts and Skoeld, Statistical Science 22, 2007); all
parameters have normal priors. A row of the design matrix holds the indicators of its group and four measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Problem

GROUPS = 8
MEASUREMENTS = 4
COLUMNS = GROUPS + MEASUREMENTS
ROWS = 50_000


def coefficients(p: Any, m: Any) -> tuple[list[Any], Any]:
    """Weight of each column, and the logarithm of the prior, from mean, log spread, offsets and slopes."""
    spread = m.exp(p[1])
    weights = [p[0] + spread * p[2 + k] for k in range(GROUPS)] + [p[2 + k] for k in range(GROUPS, COLUMNS)]
    prior = 0.0
    for k in range(2 + COLUMNS):
        prior = prior - 0.5 * p[k] * p[k]
    return weights, prior


def log_likelihood(weights: Any, row: Any, label: Any, m: Any) -> Any:
    score = 0.0
    for k in range(COLUMNS):
        score = score + weights[k] * row[k]
    return label * score - m.softplus(score)


def log_posterior(p: Any, design: Any, labels: Any, m: Any, sum_rows: Callable[..., Any]) -> Any:
    weights, prior = coefficients(p, m)
    return prior + sum_rows(lambda w, row, label: log_likelihood(w, row, label, m), weights, design, labels)


def log_posterior_arrays(p: Any, design: Any, labels: Any, m: Any) -> Any:
    weights = m.concatenate([p[0] + m.exp(p[1]) * p[2 : 2 + GROUPS], p[2 + GROUPS :]])
    scores = design @ weights
    return m.sum(labels * scores - m.softplus(scores), axis=-1) - 0.5 * m.sum(p * p, axis=-1)


def log_posterior_by_hand(p: np.ndarray, design: np.ndarray, labels: np.ndarray) -> Arrays:
    spread, offsets = np.exp(p[1]), p[2 : 2 + GROUPS]
    scores = design @ np.concatenate([p[0] + spread * offsets, p[2 + GROUPS :]])
    in_weights = (labels - 1 / (1 + np.exp(-scores))) @ design
    in_groups = in_weights[:GROUPS]
    in_hyper = [in_groups.sum(), spread * (offsets @ in_groups)]
    gradient = np.concatenate([in_hyper, spread * in_groups, in_weights[GROUPS:]]) - p
    return np.sum(labels * scores - np.logaddexp(0, scores)) - 0.5 * p @ p, gradient


def data() -> Arrays:
    rng = np.random.default_rng(5)
    design = np.hstack([np.eye(GROUPS)[rng.integers(GROUPS, size=ROWS)], rng.standard_normal((ROWS, MEASUREMENTS))])
    chances = 1 / (1 + np.exp(-design @ rng.standard_normal(COLUMNS)))
    labels = (rng.random(ROWS) < chances).astype(float)
    return 0.5 * rng.standard_normal(2 + COLUMNS), design, labels


LOGISTIC = Problem(
    name="logistic",
    title="Hierarchical logistic regression, 14 parameters, 50,000 rows",
    task="total_gradient",
    data=data,
    scalar=log_posterior,
    arrays=log_posterior_arrays,
    by_hand=log_posterior_by_hand,
)
