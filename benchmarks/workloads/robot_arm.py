"""What does a controller's Jacobian cost? Forward kinematics of a robot arm with seven joints.

The Denavit-Hartenberg parameters, in Craig's convention, are those of the Franka Emika Panda as its maker documents
them (Franka Control Interface documentation, "Denavit-Hartenberg parameters"). The twelve outputs are the position of
the flange in metres, then its rotation matrix row by row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Problem

# Length a and offset d of each joint in metres, twist as its cosine and sine: all twists are quarter turns.
JOINTS = (
    (0.0, 0.333, 1.0, 0.0),
    (0.0, 0.0, 0.0, -1.0),
    (0.0, 0.316, 0.0, 1.0),
    (0.0825, 0.0, 0.0, 1.0),
    (-0.0825, 0.384, 0.0, -1.0),
    (0.0, 0.0, 0.0, 1.0),
    (0.088, 0.0, 0.0, 1.0),
)
FLANGE = 0.107
# Limits of the joints in radians, from the same page.
LOWER = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
UPPER = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)


def flange(angles: Any, m: Any) -> list[Any]:
    """Pose of the flange, from the columns x, y, z of its rotation and its position."""
    x, y, z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    position = [0.0, 0.0, 0.0]
    for k, (length, offset, cos_twist, sin_twist) in enumerate(JOINTS):
        # Twist about the old x axis first, then length along it, offset along and rotation about the new z axis.
        position = [at + length * along for at, along in zip(position, x, strict=True)]
        y, z = (
            [cos_twist * b + sin_twist * c for b, c in zip(y, z, strict=True)],
            [cos_twist * c - sin_twist * b for b, c in zip(y, z, strict=True)],
        )
        position = [at + offset * along for at, along in zip(position, z, strict=True)]
        cos, sin = m.cos(angles[k]), m.sin(angles[k])
        x, y = (
            [cos * a + sin * b for a, b in zip(x, y, strict=True)],
            [cos * b - sin * a for a, b in zip(x, y, strict=True)],
        )
    position = [at + FLANGE * along for at, along in zip(position, z, strict=True)]
    return position + [axis[row] for row in range(3) for axis in (x, y, z)]


def flange_arrays(angles: Any, m: Any) -> Any:
    """The same as a product of 4x4 matrices, for one pose."""
    pose = m.constant(np.eye(4))
    for k, (length, offset, cos_twist, sin_twist) in enumerate(JOINTS):
        link = np.array(
            [
                [1.0, 0.0, 0.0, length],
                [0.0, cos_twist, -sin_twist, -sin_twist * offset],
                [0.0, sin_twist, cos_twist, cos_twist * offset],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
        turned, across, still = np.zeros((4, 4)), np.zeros((4, 4)), np.diag([0.0, 0.0, 1.0, 1.0])
        turned[0, 0] = turned[1, 1] = across[1, 0] = 1.0
        across[0, 1] = -1.0
        turn = m.cos(angles[k]) * m.constant(turned) + m.sin(angles[k]) * m.constant(across) + m.constant(still)
        pose = pose @ m.constant(link) @ turn
    position = pose[:3, 3] + FLANGE * pose[:3, 2]
    return m.concatenate([position, pose[:3, :3].reshape(-1)])


def poses(arms: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(LOWER, UPPER, (arms, len(JOINTS)))


ROBOT_ARM_CALL = Problem(
    name="robot_arm_call",
    title="Robot arm, 7 joints, Jacobian of the pose, one call",
    task="jacobian",
    data=lambda: (poses(1)[0],),
    scalar=flange,
    arrays=flange_arrays,
)


ROBOT_ARM = Problem(
    name="robot_arm",
    title="Robot arm, 7 joints, Jacobian of the pose, 10,000 poses",
    task="jacobians",
    data=lambda: (poses(10_000),),
    scalar=flange,
    arrays=flange_arrays,
)
