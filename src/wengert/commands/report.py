"""How does `wengert train` tell what it did, to people and to machines?"""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

from wengert.commands.csv_files import Frame
from wengert.commands.table_columns import Category, Number, shortened
from wengert.commands.table_tasks import Scores, Task
from wengert.training import History


def show(what: str, text: str) -> None:
    """Print a line, or more if it is long."""
    wrapper = TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    wrapper.initial_indent, wrapper.subsequent_indent = f"{what:<10}", " " * 10
    print(wrapper.fill(text))


def show_table(task: Task, path: Path, frame: Frame) -> None:
    """What was read, and what became of it."""
    recipe = task.recipe
    show("read", f"{path}: {frame.height:,} rows, {frame.width:,} columns")
    classes = shortened([f"{label}: {count:,}" for label, count in task.counts.items()], 10)
    meaning = f"{len(task.counts)} classes ({classes})" if task.has_classes else "a number"
    without = f"; {task.n_without_target:,} rows without it are left out" if task.n_without_target else ""
    show("target", f"{recipe.target.name}: {meaning}{without}")
    numbers = [column for column in recipe.columns if isinstance(column, Number)]
    if numbers:
        show("numbers", f"{shortened([column.name for column in numbers])}: standardised")
    categories = [column for column in recipe.columns if isinstance(column, Category)]
    if categories:
        levels = [f"{column.name} ({len(column.levels)}{' and other' * column.other})" for column in categories]
        show("levels", f"{shortened(levels)}: one-hot")
    for reason in dict.fromkeys(recipe.left_out.values()):
        left_out = [name for name, why in recipe.left_out.items() if why == reason]
        show("left out", f"{shortened(left_out)}: {reason}")
    if task.missing:
        show("missing", shortened([f"{name} {n:,} ({imputed(task, name)})" for name, n in task.missing.items()], 10))
    for remark in task.remarks:
        show("note", remark)
    parts = [len(rows.x) for rows in (task.train, task.validation, task.test)]
    show("split", "{:,} rows to learn from, {:,} to validate, {:,} held out".format(*parts))


def imputed(task: Task, name: str) -> str:
    """What becomes of the missing values in a column."""
    column = next(column for column in task.recipe.columns if column.name == name)
    if isinstance(column, Number):
        return "median, marked" if column.indicator else "median"
    return "a level" if column.missing else "no level"


def show_training(history: History, balanced: bool, notes: list[str]) -> None:
    """How long it took, and what was strange."""
    seconds = math.fsum(epoch.seconds for epoch in history.epochs)
    weighted = ", classes balanced" if balanced else ""
    show("training", f"{len(history.epochs)} epochs in {seconds:.1f} s, the best is {history.best.number}{weighted}")
    for note in notes:
        show("note", note)


def show_scores(task: Task, hidden: list[int], scores: dict[str, Scores]) -> None:
    """What the network is worth."""
    network = f"network {'-'.join(map(str, hidden)) or 'without hidden layers'}"
    names = {"network": network, "linear": task.linear_name, "baseline": task.baseline_name}
    print(f"\n{'held-out rows':<30}" + "".join(f"{measure:>12}" for measure in scores["network"]))
    for which, values in scores.items():
        print(f"{names[which]:<30}" + "".join(f"{value:>12.4g}" for value in values.values()))
    print()


def facts(task: Task, history: History, scores: dict[str, Scores], notes: list[str]) -> dict[str, Any]:
    """The same as one object, of what JSON can say."""
    recipe = task.recipe
    return {
        "target": recipe.target.name,
        "task": "classification" if task.has_classes else "regression",
        "classes": task.counts,
        "numbers": [column.name for column in recipe.columns if isinstance(column, Number)],
        "levels": {column.name: list(column.levels) for column in recipe.columns if isinstance(column, Category)},
        "left out": recipe.left_out,
        "missing": task.missing,
        "rows without target": task.n_without_target,
        "notes": [*task.remarks, *notes],
        "rows": {"train": len(task.train.x), "validation": len(task.validation.x), "test": len(task.test.x)},
        "epochs": len(history.epochs),
        "best epoch": history.best.number,
        "stopped": history.stopped,
        "scores": {
            name: {measure: value if math.isfinite(value) else None for measure, value in values.items()}
            for name, values in scores.items()
        },
    }
