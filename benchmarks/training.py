"""Does a classifier of real data train the same with three engines, and how long does each take?

scikit-learn's breast-cancer table (569 tumours, 30 measurements each), a perceptron of one hidden layer of rectifiers,
hinge loss, mini-batches, gradient descent with momentum: the same Python code over wengert's vars, micrograd's values
and our own engine in plain Python, from the same weights.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import wengert as wg
from wengert.benchmarks import pure_python
from wengert.benchmarks.eager import network_code, node_bytes

HIDDEN = 8
BATCH = 32
LEARNING_RATE = 0.1
MOMENTUM = 0.9
TOLERANCE = 1e-9  # relative, of losses and gradients between engines


@dataclass
class Table:
    """Standardised measurements and labels -1 or 1, split."""

    x: list[list[float]]
    labels: list[int]
    x_test: list[list[float]]
    labels_test: list[int]


@dataclass
class Run:
    """What one engine did."""

    seconds: float = 0.0
    accuracy: float = 0.0
    losses: list[float] = field(default_factory=list)
    gradients: list[list[float]] = field(default_factory=list)


def load_table(seed: int = 0) -> Table:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    x, target = load_breast_cancer(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, 2 * target - 1, random_state=seed, stratify=target)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    return Table(((x - mean) / spread).tolist(), y.tolist(), ((x_test - mean) / spread).tolist(), y_test.tolist())


def logistic_accuracy(table: Table) -> float:
    """Test accuracy of scikit-learn's logistic regression, the bar to meet."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(table.x, table.labels)
    return float(model.score(table.x_test, table.labels_test))


def accuracy(net: Any, table: Table) -> float:
    hits = [(net(x).data > 0) == (label > 0) for x, label in zip(table.x_test, table.labels_test, strict=True)]
    return float(np.mean(hits))


def engines(n_in: int) -> dict[str, Callable[[], Any]]:
    """The network of each engine, before its weights are set."""
    from micrograd.engine import Value

    return {
        "wengert": lambda: network_code(wg.Var).MLP(n_in, [HIDDEN, 1]),
        "pure Python": lambda: pure_python.MLP(n_in, [HIDDEN, 1]),
        "micrograd": lambda: network_code(Value).MLP(n_in, [HIDDEN, 1]),
    }


def batch_loss(net: Any, table: Table, rows: list[int]) -> Any:
    """Mean hinge loss; in terms of what all three engines have."""
    total = sum((net(table.x[row]) * -table.labels[row] + 1.0).relu() for row in rows)
    return total * (1.0 / len(rows))


def train(net: Any, table: Table, batches: list[list[int]], progress: Callable[[], object]) -> Run:
    """Train in place; the clock runs for the steps only, not for the bookkeeping of the comparison."""
    run = Run()
    optimizer = wg.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    for rows in batches:
        start = time.perf_counter()
        loss = batch_loss(net, table, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.seconds += time.perf_counter() - start
        run.losses.append(loss.data)
        run.gradients.append([parameter.grad for parameter in net.parameters()])
        progress()
    run.accuracy = accuracy(net, table)
    return run


def disagreement(run: Run, other: Run) -> float:
    """Largest relative difference of any loss or gradient of any step."""
    ours = np.hstack([np.array(run.losses)[:, None], run.gradients])
    theirs = np.hstack([np.array(other.losses)[:, None], other.gradients])
    return float(np.max(np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))))


def bytes_per_node(net: Any, table: Table, rows: list[int], nodes: int) -> float:
    """Memory that a recorded batch holds in an engine of Python objects."""
    gc.collect()
    tracemalloc.start()
    loss = batch_loss(net, table, rows)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    loss.backward()
    return held / nodes


def compare(epochs: int, show_progress: bool = True) -> dict[str, Any]:
    """Train with every engine and give all figures.

    Raises
    ------
    ArithmeticError
        If two engines differ in a loss or gradient by more than `TOLERANCE`, or the accuracy misses the bar.
    """
    from tqdm import tqdm

    table = load_table()
    rng = np.random.default_rng(0)
    batches = [
        order[start : start + BATCH].tolist()
        for order in (rng.permutation(len(table.x)) for _ in range(epochs))
        for start in range(0, len(order), BATCH)
    ]
    nets = {name: make() for name, make in engines(len(table.x[0])).items()}
    first = wg.nn.MLP(len(table.x[0]), [HIDDEN, 1], seed=5)
    of_neurons = [np.c_[layer.weights.data.T, layer.bias.data].ravel() for layer in first.layers]
    weights = np.concatenate(of_neurons).tolist()
    loss = batch_loss(nets["wengert"], table, batches[0])
    nodes_per_batch = len(loss.graph.sort([loss])) - len(weights)
    nodes = nodes_per_batch * sum(map(len, batches)) // len(batches[0])
    del loss
    runs = {}
    for name, net in nets.items():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.data = weight
        gc.collect()
        with tqdm(total=len(batches), desc=f"{name:>11}", disable=not show_progress, unit="step") as progress:
            runs[name] = train(net, table, batches, progress.update)
    for name, run in runs.items():
        difference = disagreement(runs["wengert"], run)
        if not difference <= TOLERANCE:
            raise ArithmeticError(f"wengert and {name} differ by {difference:.1e} in a loss or gradient")
    bar = logistic_accuracy(table)
    if runs["wengert"].accuracy < bar - 0.01:
        raise ArithmeticError(f"accuracy {runs['wengert'].accuracy:.3f} is not within a point of the linear {bar:.3f}")
    memory = {
        name: bytes_per_node(net, table, batches[0], nodes_per_batch) for name, net in nets.items() if name != "wengert"
    }
    memory["wengert"] = node_bytes()["after backward"]
    return {
        "data": "breast cancer (scikit-learn): 426 rows to train, 143 to test, 30 columns",
        "model": f"MLP(30, [{HIDDEN}, 1]), hinge loss, batches of {BATCH}, {len(batches)} steps",
        "logistic regression accuracy": bar,
        "losses": runs["wengert"].losses,
        "engines": {
            name: {
                "seconds": run.seconds,
                "nodes per second": nodes / run.seconds,
                "bytes per node": memory[name],
                "ratio": run.seconds / runs["wengert"].seconds,
                "accuracy": run.accuracy,
                "largest difference": disagreement(runs["wengert"], run),
            }
            for name, run in runs.items()
        },
    }
