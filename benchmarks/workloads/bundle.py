"""What does the sparse Jacobian of bundle adjustment cost? GradBench's (and ADBench's) problem ``ba``.

A camera (rotation, centre, focal length, principal point, radial distortion) sees a point; two weighted differences to
the measured place are the outputs. Each depends on 11 numbers of its camera, 3 of its point and a weight, so all that
differs from zero are 2 x 15 slopes per observation. GradBench's penalty of each weight, 1 - w * w, needs no engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem


def rotated(r: Any, v: Any, m: Any) -> list[Any]:
    """Rodrigues' formula; for the zero rotation its limit, which has slopes where the formula has 0 / 0."""
    square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    turns = square > 0
    angle = m.sqrt(m.where(turns, square, 1.0))
    cos, sin = m.cos(angle), m.sin(angle)
    axis = [r[k] / angle for k in range(3)]
    along = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1.0 - cos)
    across, small = cross(axis, v), cross(r, v)
    return [m.where(turns, v[k] * cos + across[k] * sin + axis[k] * along, v[k] + small[k]) for k in range(3)]


def cross(a: Any, b: Any) -> list[Any]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def misses(camera: Any, point: Any, weight: Any, feature: Any, m: Any) -> tuple[Any, Any]:
    """The outputs of one observation; in columns, of all."""
    seen = rotated(camera[0:3], [point[k] - camera[3 + k] for k in range(3)], m)
    x, y = seen[0] / seen[2], seen[1] / seen[2]
    square = x * x + y * y
    scale = camera[6] * (1.0 + camera[9] * square + camera[10] * square * square)
    return weight * (x * scale + camera[7] - feature[0]), weight * (y * scale + camera[8] - feature[1])


def data(n: int, m: int, p: int) -> Arrays:
    """Cameras near the origin that look along the third axis at points in front of them, and their observations."""
    rng = np.random.default_rng(31337)
    cameras = np.hstack(
        [
            rng.uniform(-0.3, 0.3, (n, 3)),
            rng.uniform(-1, 1, (n, 3)),
            rng.uniform(400, 600, (n, 1)),
            rng.uniform(-20, 20, (n, 2)),
            rng.uniform(-0.1, 0.1, (n, 2)),
        ]
    )
    points = rng.uniform(-2, 2, (m, 3)) + np.array([0, 0, 6])
    order = np.arange(p)
    return cameras, points, rng.uniform(0.5, 1.5, p), rng.uniform(-100, 100, (p, 2)), order % n, order % m


def problem(n: int, m: int, p: int, *, large: bool = False) -> Problem:
    return Problem(
        name=f"bundle_{p}",
        title=f"Bundle adjustment, {p:,} observations, sparse Jacobian",
        task="observed_jacobians",
        data=lambda: data(n, m, p),
        arrays=misses,
        columns=misses,
        cpp=Cpp("bundle", (p,), ((p, 2, 11), (p, 2, 3), (p, 2))),
        large=large,
    )


BUNDLE = (problem(49, 7776, 31_843), problem(257, 65_132, 225_911, large=True))
