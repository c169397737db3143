"""What does `wengert train` do: from a table to a network in a file, and a score that says what it is worth?"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from wengert import models, nn, optim
from wengert.commands import report
from wengert.commands.csv_files import read_csv
from wengert.commands.table_tasks import Task
from wengert.errors import GradientWarning, MissingPackageError, TableError
from wengert.extras import needed
from wengert.training import History, Predictor, fit

# Epochs without gain before it stops. On the tables below, 20 gain 0.001 of accuracy and 0.004 of R2, for up to twice
# the time.
PATIENCE = 10
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Tell the parser of the command's options."""
    parser.add_argument("table", type=Path, metavar="CSV", help="the table, with names in its first line")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    tasks = ["classification", "regression"]
    parser.add_argument("--task", choices=tasks, help="what it is (default: as its values look)")
    parser.add_argument("--drop", type=names, default=[], metavar="A,B", help="columns not to use")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the model (default: beside the table)")
    parser.add_argument("--hidden", type=widths, default=[64, 64], metavar="N,N", help="hidden layers (default 64,64)")
    parser.add_argument("--epochs", type=count, default=200, help="passes over the rows, at most (default %(default)s)")
    parser.add_argument("--batch-size", type=count, help="rows per step (default: 32 to 256, by the size of the table)")
    # On digits, breast cancer, wine and diabetes, six seeds each, a dropout of 0.2 is as good for the classes as none,
    # and 0.05 of R2 better; the scores are those of a learning rate of 0.001, in a fifth fewer epochs.
    parser.add_argument("--lr", type=above_0, default=0.002, help="learning rate of Adam (default %(default)s)")
    parser.add_argument("--dropout", type=below_1, default=0.2, help="after each hidden layer (default %(default)s)")
    parser.add_argument("--balanced", action="store_true", help="all classes count the same, whatever their rows")
    parser.add_argument("--test-size", type=to_half, default=0.2, help="part that is held out (default %(default)s)")
    parser.add_argument("--seed", type=natural, default=0, help="of all that is random (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def checked(text: str, kind: type, holds: Callable[[Any], bool], what: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return value


def count(text: str) -> int:
    return int(checked(text, int, lambda n: n >= 1, "a positive whole number"))


def natural(text: str) -> int:
    return int(checked(text, int, lambda n: n >= 0, "a whole number from 0"))


def above_0(text: str) -> float:
    return float(checked(text, float, lambda x: 0 < x < math.inf, "a number above 0"))


def below_1(text: str) -> float:
    return float(checked(text, float, lambda x: 0 <= x < 1, "a number from 0 up to, and not including, 1"))


def to_half(text: str) -> float:
    return float(checked(text, float, lambda x: 0 < x <= 0.5, "a number above 0, up to 0.5"))


def names(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def widths(text: str) -> list[int]:
    return [count(item) for item in names(text)]


def run(options: argparse.Namespace) -> int:
    """Train; gives the exit code."""
    start = time.perf_counter()
    needed("safetensors.numpy", "saving", "nn")  # or its absence would be noticed after the training
    model = options.output or options.table.with_suffix(".safetensors")
    check_output(model, [options.table])
    curve = model.with_name(f"{model.stem}-curve.png")
    frame = read_csv(options.table)
    task = Task.of(frame, options.target, options.task, options.drop, options.test_size, options.seed)
    speaks = not (options.quiet or options.json)
    if speaks:
        report.show_table(task, options.table, frame)
        sys.stdout.flush()  # it is to be read while the network learns
    weights = task.balancing_weights() if options.balanced else None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", GradientWarning)
        net, history = trained(task, options, weights, speaks and sys.stderr.isatty() and bool(find_spec("tqdm")))
    notes = [str(warning.message) for warning in warned]
    if not history.epochs:
        print("wengert: interrupted in the first epoch; nothing is saved", file=sys.stderr)
        return INTERRUPTED
    models.save(net, model, extra=task.recipe.to_json())
    seconds = time.perf_counter() - start
    scores = {
        "network": task.scores(Predictor(net)(task.test.x)),
        "linear": task.scores(Predictor(task.linear_model(weights))(task.test.x)),
        "baseline": task.scores(task.baseline()),
    }
    try:
        history.plot(curve)
        where = str(curve)
    except MissingPackageError as error:
        where = f"none: {error}"
    if speaks:
        report.show_training(history, options.balanced, notes)
        report.show_scores(task, options.hidden, scores)
        report.show("model", str(model))
        report.show("curve", where)
    elif options.json:
        files = {"table": str(options.table), "model": str(model), "curve": where}
        print(json.dumps(files | report.facts(task, history, scores, notes) | {"seconds": seconds}))
    if history.stopped == "interrupted":
        best = f"the best network so far, of epoch {history.best.number} of {len(history.epochs)}"
        print(f"wengert: interrupted; {model} holds {best}", file=sys.stderr)
        return INTERRUPTED
    return 0


def check_output(path: Path, sources: list[Path]) -> None:
    """Say before the work, rather than after it, that its result cannot be written."""
    if path.is_dir():
        raise TableError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise TableError(f"cannot write {path}: its folder is not there, or cannot be written to")
    for source in sources:
        if path.exists() and source.exists() and path.samefile(source):
            raise TableError(f"the output would replace {source}")


def trained(task: Task, options: argparse.Namespace, weights: Any, progress: bool) -> tuple[nn.MLP, History]:
    """The network, and how it came about."""
    sizes = [*options.hidden, task.recipe.target.width]
    net = nn.MLP(task.recipe.width, sizes, seed=options.seed, dropout=options.dropout, dtype=np.float32)
    # Small tables need many steps, large ones fast steps; products are as fast with 256 rows as with more.
    batch_size = options.batch_size or min(256, max(32, len(task.train.x) // 64))
    history = fit(
        net,
        task.train.x,
        task.train.y,
        task.loss,
        optim.Adam(lr=options.lr),
        weights=weights,
        epochs=options.epochs,
        batch_size=batch_size,
        seed=options.seed,
        validation=(task.validation.x, task.validation.y),
        patience=PATIENCE,
        progress=progress,
    )
    return net, history
