"""How does NumPy solve each task? With the derivatives that a person worked out, kept beside each problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS = np


def by_hand(f: Callable[..., Any], *data: np.ndarray) -> Any:
    return lambda: f(*data), lambda results: tuple(np.asarray(result) for result in results)


elementwise = gradient = gradients = greeks = jacobians = total_gradient = by_hand


def training_step(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    now = [array.copy() for array in p]
    return lambda: f(now, *data), lambda results: tuple(np.array(result) for result in results)
