"""How does micrograd solve each task? Scalar values, built and torn down in every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from micrograd.engine import Value

from wengert.benchmarks.peers import NotDoneError


class Functions:
    """The one function that micrograd has."""

    relu = staticmethod(Value.relu)

    def __getattr__(self, name: str) -> Any:
        raise NotDoneError(f"micrograd has no {name}")


FUNCTIONS = Functions()


def sum_rows(f: Callable[..., Any], shared: Any, *data: Any) -> Any:
    return sum(f(shared, *row) for row in zip(*data, strict=True))


def gradient(f: Callable[..., Any], x: np.ndarray, *data: np.ndarray) -> Any:
    numbers, constants = x.tolist(), [array.tolist() for array in data]

    def call() -> Any:
        leaves = [Value(number) for number in numbers]
        output = f(leaves, *constants)
        output.backward()
        return output.data, [leaf.grad for leaf in leaves]

    return call, lambda results: tuple(np.asarray(result) for result in results)


total_gradient = gradient
