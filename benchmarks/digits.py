"""How long from the start of a process to a saved network that reads digits? ``python -m wengert.benchmarks.digits``.

Each library trains the same network, 64-128-10 with rectifiers, on the same three quarters of scikit-learn's 1797
digits, by Adam in batches of 64, until 97 % of the rest are right, and saves it. The clock stands outside of the
process, so imports and compiling count. One core; the best of several rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

GOAL, RATE, BATCH, MOST_EPOCHS = 0.97, 3e-3, 64, 100
SIZES = (64, 128, 10)


def batches(n: int) -> Iterator[Any]:
    """Of one epoch after the other."""
    for epoch in range(MOST_EPOCHS):
        order = np.random.default_rng(epoch).permutation(n)
        yield [order[k : k + BATCH] for k in range(0, n, BATCH)]


def start() -> list[Any]:
    """Weights and biases, He's."""
    rng = np.random.default_rng(0)
    arrays: list[Any] = []
    for a, b in pairwise(SIZES):
        arrays += [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), np.zeros(b, np.float32)]
    return arrays


def by_wengert(x: Any, y: Any, x_test: Any, y_test: Any, path: Path) -> float:
    import wengert as wg

    net = wg.nn.MLP(SIZES[0], SIZES[1:], dtype=np.float32)
    for parameter, array in zip(net.parameters(), start(), strict=True):
        parameter.data = array
    objective = wg.training.supervised(wg.nn.cross_entropy)
    step = wg.training.Step(net, objective, wg.optim.Adam(lr=RATE), BATCH, threads=1)
    reached = 0.0
    for epoch in batches(len(x)):
        for index in epoch:
            step(x, y, index)
        step.finish()
        reached = float(np.mean(net(x_test).data.argmax(axis=1) == y_test))
        if reached >= GOAL:
            break
    wg.models.save(net, path)
    return reached


def by_scikit_learn(x: Any, y: Any, x_test: Any, y_test: Any, path: Path) -> float:
    """It draws its weights and its order itself."""
    import pickle

    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(SIZES[1:-1], learning_rate_init=RATE, batch_size=BATCH, alpha=0.0, random_state=0)
    reached = 0.0
    for _ in range(MOST_EPOCHS):
        model.partial_fit(x, y, classes=np.arange(SIZES[-1]))
        reached = float(np.mean(model.predict(x_test) == y_test))
        if reached >= GOAL:
            break
    path.write_bytes(pickle.dumps(model))
    return reached


def by_torch(x: Any, y: Any, x_test: Any, y_test: Any, path: Path) -> float:
    import torch

    torch.set_num_threads(1)
    net = torch.nn.Sequential(torch.nn.Linear(*SIZES[:2]), torch.nn.ReLU(), torch.nn.Linear(*SIZES[1:]))
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), start(), strict=True):
            parameter.copy_(torch.from_numpy(array.T))
    data, labels, test = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(x_test)
    adam = torch.optim.Adam(net.parameters(), lr=RATE)
    reached = 0.0
    for epoch in batches(len(x)):
        for index in map(torch.from_numpy, epoch):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(net(data[index]), labels[index]).backward()
            adam.step()
        with torch.no_grad():
            reached = float(np.mean(net(test).argmax(dim=1).numpy() == y_test))
        if reached >= GOAL:
            break
    torch.save(net.state_dict(), path)
    return reached


def by_jax(x: Any, y: Any, x_test: Any, y_test: Any, path: Path) -> float:
    """The last batch of an epoch is filled up with samples of weight zero, since another size is compiled anew."""
    import jax
    import jax.numpy as jnp

    def logits(p: Any, x: Any) -> Any:
        return jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3]

    def loss(p: Any, x: Any, y: Any, weights: Any) -> Any:
        scores = logits(p, x)
        costs = jax.nn.logsumexp(scores, axis=1) - jnp.take_along_axis(scores, y[:, None], 1)[:, 0]
        return jnp.sum(weights * costs) / jnp.sum(weights)

    @jax.jit
    def step(p: Any, m: Any, v: Any, t: Any, x: Any, y: Any, index: Any, weights: Any) -> Any:
        g = jax.grad(loss)(p, x[index], y[index], weights)
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        scale = RATE / (1 - 0.9**t)
        root = jnp.sqrt(1 - 0.999**t)
        p = [a - scale * b / (jnp.sqrt(c) / root + 1e-8) for a, b, c in zip(p, m, v, strict=True)]
        return p, m, v

    right = jax.jit(lambda p, x, y: jnp.mean(logits(p, x).argmax(axis=1) == y))
    p = [jnp.asarray(array) for array in start()]
    m, v = [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p]
    data, labels, test, test_labels = map(jnp.asarray, (x, y, x_test, y_test))
    count, reached = 0, 0.0
    for epoch in batches(len(x)):
        for index in epoch:
            count += 1
            weights = (np.arange(BATCH) < len(index)).astype(np.float32)
            p, m, v = step(p, m, v, float(count), data, labels, np.resize(index, BATCH), weights)
        reached = float(right(p, test, test_labels))
        if reached >= GOAL:
            break
    np.savez(path, *map(np.asarray, p))
    return reached


LIBRARIES: dict[str, Callable[..., float]] = {
    "wengert": by_wengert,
    "scikit-learn": by_scikit_learn,
    "PyTorch": by_torch,
    "JAX": by_jax,
}


def write_data(path: Path) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    parts = train_test_split((x / 16).astype(np.float32), y, test_size=0.25, random_state=0, stratify=y)
    np.savez(path, **dict(zip(("x", "x_test", "y", "y_test"), parts, strict=True)))


def one(library: str, data: Path, model: Path) -> None:
    """What runs in the process that is timed."""
    with np.load(data) as file:
        reached = LIBRARIES[library](file["x"], file["y"], file["x_test"], file["y_test"], model)
    print(json.dumps(reached))


def race(rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds and accuracy of each library that is installed."""
    from wengert.benchmarks.worker import KERNEL_CHOICES, ONE_THREAD

    environment = {name: value for name, value in os.environ.items() if name not in KERNEL_CHOICES} | ONE_THREAD
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "digits.npz")
        write_data(data)
        for _ in range(rounds):
            for name in LIBRARIES:
                # As a file: as a module of this package, everybody would import wengert first.
                command = [sys.executable, "-P", __file__, "--one", name, str(data), f"{folder}/model"]
                begin = time.perf_counter()
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                took = time.perf_counter() - begin
                if done.returncode == 0:
                    reached = json.loads(done.stdout.splitlines()[-1])
                    found[name] = min(found.get(name, (took, reached)), (took, reached))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=3, metavar=("LIBRARY", "DATA", "MODEL"), help="what the driver calls")
    options = parser.parse_args()
    if options.one:
        one(options.one[0], Path(options.one[1]), Path(options.one[2]))
        return
    found = race(options.rounds)
    print("| from process start to a saved network | seconds | accuracy | wengert / it |\n|---|---|---|---|")
    for name, (seconds, reached) in found.items():
        print(f"| {name} | {seconds:.2f} | {reached:.4f} | {found['wengert'][0] / seconds:.2f} |")


if __name__ == "__main__":
    main()
