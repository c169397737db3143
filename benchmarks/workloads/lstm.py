"""What does a gradient through a long recurrence cost? GradBench's (and ADBench's) problem ``lstm``.

A network with long short-term memory predicts the next character from 14 bits; its matrices are diagonal. So there are
thousands of small steps that wait for each other. As in GradBench, the constant 2 is added to the sum of exponentials.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from wengert.benchmarks.workloads.problem import Arrays, Cpp, Problem

BITS = 14


def gates(main: Any) -> list[list[Any]]:
    """Of each layer the weights of its forget, enter, leave and change gates, then their biases."""
    return [
        [main[2 * k + bias, gate * BITS : (gate + 1) * BITS] for bias in (0, 1) for gate in range(4)]
        for k in range(len(main) // 2)
    ]


def step(state: Any, pair: Any, main: list[list[Any]], extra: list[Any], m: Any) -> Any:
    """All layers' (hidden, cell) and the sum, after one character and the next, which was to be predicted."""
    layers, total = state
    values = pair[0] * extra[0]
    updated = []
    for (hidden, cell), gate in zip(layers, main, strict=True):
        forget = m.sigmoid(values * gate[0] + gate[4])
        enter = m.sigmoid(hidden * gate[1] + gate[5])
        leave = m.sigmoid(values * gate[2] + gate[6])
        change = m.tanh(hidden * gate[3] + gate[7])
        cell = cell * forget + enter * change
        values = leave * m.tanh(cell)
        updated.append((values, cell))
    predicted = values * extra[1] + extra[2]
    normal = m.log(2.0 + m.sum(m.exp(predicted)))
    return updated, total + m.sum(pair[1] * (predicted - normal))


def loss(parameters: Any, state: Any, pairs: Any, m: Any) -> Any:
    main, extra = gates(parameters[0]), [parameters[1][k] for k in range(3)]
    layers = [(state[2 * k], state[2 * k + 1]) for k in range(len(state) // 2)]
    _, total = m.fold(lambda state, pair: step(state, pair, main, extra, m), (layers, m.constant(np.zeros(()))), pairs)
    return -total / (len(pairs) * BITS)


def loss_columns(parameters: Any, state: Any, pairs: Any, m: Any) -> Any:
    """The same step, on expressions; the constants that it shares are repeated for each character."""
    ca = m.casadi
    (main, extra), count, layers = parameters, pairs.shape[1], state.shape[1] // 2
    symbols = [ca.SX.sym(name, *p.shape) for name, p in (("state", state), ("main", main), ("extra", extra))]
    pair, (before, weights, ends) = ca.SX.sym("pair", 2 * BITS), symbols
    columns = [[weights[g * BITS : (g + 1) * BITS, k] for g in range(4)] for k in range(2 * layers)]
    functions = SimpleNamespace(sum=ca.sum1, exp=ca.exp, log=ca.log, tanh=ca.tanh, sigmoid=m.sigmoid)
    after, loss = step(
        ([(before[:, 2 * k], before[:, 2 * k + 1]) for k in range(layers)], 0.0),
        (pair[:BITS], pair[BITS:]),
        [columns[2 * k] + columns[2 * k + 1] for k in range(layers)],
        [ends[:, k] for k in range(3)],
        functions,
    )
    one = ca.Function("one", [before, pair, weights, ends], [ca.horzcat(*[x for layer in after for x in layer]), loss])
    _, losses = one.mapaccum(count)(state, pairs, ca.repmat(main, 1, count), ca.repmat(extra, 1, count))
    return -ca.sum2(losses) / (count * BITS)


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
        columns=loss_columns,
        cpp=Cpp("lstm", (layers, characters - 1, BITS), ((), (2 * layers, 4 * BITS), (3, BITS))),
        wanted=2,
        large=large,
    )


LSTM = (problem(2, 1024), problem(4, 4096, large=True))
