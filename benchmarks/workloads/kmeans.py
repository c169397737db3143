"""What does a Newton step of k-means cost? Gradient and diagonal Hessian of GradBench's problem ``kmeans``.

The cost is the sum over points of the squared distance to the nearest centroid. Nothing but the diagonal of its
Hessian differs from zero, so the diagonal is the Hessian times a vector of ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem

DIMENSIONS = 8


def cost(centroids: Any, points: Any, m: Any) -> Any:
    """Squares of distances by a matrix product, since an array (points, centroids, dimensions) fits in no cache."""
    squares = m.sum(points * points, axis=1)[:, None] + m.sum(centroids * centroids, axis=1)
    return m.sum(m.min(squares - 2 * (points @ centroids.T), axis=1))


def cost_columns(centroids: Any, points: Any, m: Any) -> Any:
    ca = m.casadi
    centers, point = ca.SX.sym("centers", *centroids.shape), ca.SX.sym("point", DIMENSIONS)
    least = ca.sumsqr(centers[:, 0] - point)
    for k in range(1, centroids.shape[1]):
        least = ca.fmin(least, ca.sumsqr(centers[:, k] - point))
    one = ca.Function("one", [centers, point], [least])
    return ca.sum2(one.map(points.shape[1])(centroids, points))


def data(k: int, n: int) -> Arrays:
    points = np.random.default_rng(31337).uniform(size=(n, DIMENSIONS))
    return np.array(points[-k:]), points  # so no centroid is without a point


def problem(k: int, n: int, *, large: bool = False) -> Problem:
    return Problem(
        name=f"kmeans_{k}",
        title=f"k-means, k={k:,} n={n:,}: gradient and diagonal Hessian",
        task="curvature",
        data=lambda: data(k, n),
        arrays=cost,
        columns=cost_columns,
        cpp=Cpp("kmeans", (k, n, DIMENSIONS), ((k, DIMENSIONS), (k, DIMENSIONS))),
        large=large,
    )


KMEANS = (problem(10, 1000), problem(100, 10_000), problem(1000, 10_000))
