"""What does a gradient through a long recurrence cost? GradBench's (and ADBench's) problem ``lstm``.

A network with long short-term memory predicts the next character from 14 bits; its matrices are diagonal. So there are
thousands of small steps that wait for each other. As in GradBench, the constant 2 is added to the sum of exponentials.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem

BITS = 14


def step(state: Any, pair: Any, main: Any, extra: Any, m: Any) -> Any:
    """All layers' (hidden, cell) and the sum, after one character and the next, which was to be predicted."""
    layers, total = state
    values = pair[0] * extra[0]
    updated = []
    for k, (hidden, cell) in enumerate(layers):
        weight, bias = main[2 * k].reshape(4, BITS), main[2 * k + 1].reshape(4, BITS)
        forget = m.sigmoid(values * weight[0] + bias[0])
        enter = m.sigmoid(hidden * weight[1] + bias[1])
        leave = m.sigmoid(values * weight[2] + bias[2])
        change = m.tanh(hidden * weight[3] + bias[3])
        cell = cell * forget + enter * change
        values = leave * m.tanh(cell)
        updated.append((values, cell))
    predicted = values * extra[1] + extra[2]
    normal = m.log(2.0 + m.sum(m.exp(predicted)))
    return updated, total + m.sum(pair[1] * (predicted - normal))


def loss(parameters: Any, state: Any, pairs: Any, m: Any) -> Any:
    main, extra = parameters
    layers = [(state[2 * k], state[2 * k + 1]) for k in range(len(state) // 2)]
    _, total = m.fold(lambda state, pair: step(state, pair, main, extra, m), (layers, m.constant(np.zeros(()))), pairs)
    return -total / (len(pairs) * BITS)


def data(layers: int, characters: int) -> Arrays:
    """Bits of a text as random as its letters; pairs of each character and the next."""
    rng = np.random.default_rng(31337)
    bits = rng.integers(2, size=(characters, BITS)).astype(float)
    main, extra = rng.uniform(size=(2 * layers, 4 * BITS)), rng.uniform(size=(3, BITS))
    return main, extra, rng.uniform(size=(2 * layers, BITS)), np.stack([bits[:-1], bits[1:]], axis=1)


def problem(layers: int, characters: int, *, large: bool = False) -> Problem:
    return Problem(
        name=f"lstm_{layers}",
        title=f"LSTM, {layers} layers, {characters:,} characters",
        task="array_gradient",
        data=lambda: data(layers, characters),
        arrays=loss,
        cpp=Cpp("lstm", (layers, characters - 1, BITS), ((), (2 * layers, 4 * BITS), (3, BITS))),
        wanted=2,
        large=large,
    )


LSTM = (problem(2, 1024), problem(4, 4096, large=True))
