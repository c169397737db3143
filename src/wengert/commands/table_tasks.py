"""What is to be learned from a table, from which rows, and how good is what was learned?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from wengert import nn
from wengert.commands.csv_files import Frame
from wengert.commands.table_columns import Array, as_texts, mean_and_std, numbers, shortened
from wengert.commands.tables import Classes, Quantity, Recipe, Target, check_there, classes_of
from wengert.errors import TableError
from wengert.optim import LBFGS
from wengert.training import fit, supervised

# Of the rows that are not held out, so many decide when to stop.
VALIDATION = 0.15
# With fewer there is less than one to validate with.
LEAST_ROWS = 10

Scores = dict[str, float]


@dataclass(frozen=True)
class Rows:
    """Some rows, as numbers: labels, or amounts in standard deviations."""

    x: Array
    y: Array


@dataclass(frozen=True)
class Task:
    """A table, a recipe learned from some of its rows, and all rows as numbers.

    Attributes
    ----------
    recipe : Recipe
    train, validation, test : Rows
        Those that are learned from, those that decide when to stop, and those that are held out.
    counts : dict
        How many rows each class has; empty if the target is a number.
    missing : dict
        How many values are missing in each column that the recipe uses, where any are.
    n_without_target : int
        How many rows were left out because of it.
    remarks : list of str
        What is strange about the table.
    """

    recipe: Recipe
    train: Rows
    validation: Rows
    test: Rows
    counts: dict[str, int]
    missing: dict[str, int]
    n_without_target: int
    remarks: list[str]

    @classmethod
    def of(
        cls,
        frame: Frame,
        target: str,
        kind: str | None = None,
        drop: Sequence[str] = (),
        test_size: float = 0.2,
        seed: int = 0,
    ) -> Self:
        """Look at a table.

        Parameters
        ----------
        frame : polars.DataFrame
        target : str
            Name of the column to predict.
        kind : {"classification", "regression"}, optional
            By default the target's values decide.
        drop : sequence of str
            Columns not to use.
        test_size : float, default 0.2
            Part of the rows to hold out.
        seed : int, default 0
            Of the choice of rows.

        Raises
        ------
        TableError
            If nothing can be learned from it.
        """
        for name in [target, *drop]:
            check_there(frame.columns, name)
        if target in drop:
            raise TableError(f"the target {target!r} cannot be dropped")
        frame = as_texts(frame.drop(drop))
        texts = frame.get_column(target)
        n_without_target = texts.null_count()
        if n_without_target == len(texts):
            raise TableError(f"the target {target!r} has no values")
        frame, texts = frame.filter(texts.is_not_null()), texts.drop_nulls()
        if frame.height < LEAST_ROWS:
            what = f"{frame.height} rows with a target are too few to learn from"
            raise TableError(f"{what}; {LEAST_ROWS} are needed to train, validate and test")
        classes = classes_of(texts, kind)
        labels, y = ([], numbers(texts)) if classes is None else classes
        counts = dict(zip(labels, np.bincount(y).tolist(), strict=True)) if labels else {}
        groups = y if labels else np.zeros(len(y), int)
        rng = np.random.default_rng([seed, 1])
        rest, held_out = divided(np.arange(len(y)), groups, test_size, rng)
        learned, validating = divided(rest, groups, VALIDATION, rng)
        of_target: Target = Classes(target, labels) if labels else Quantity(target, *spread_of(y[learned], target))
        if isinstance(of_target, Quantity):
            y = ((y - of_target.mean) / of_target.std).astype(np.float32)
        recipe = Recipe.learned(frame[learned], of_target)
        x, remarks = recipe.encoded(frame)
        missing = frame.select([column.name for column in recipe.columns]).null_count().row(0, named=True)
        if single := [label for label, count in counts.items() if count == 1]:
            remarks.append(f"classes with one row, which can be learned but not tested: {shortened(single)}")
        train, validation, test = (Rows(x[rows], y[rows]) for rows in (learned, validating, held_out))
        missing = {name: n for name, n in missing.items() if n}
        return cls(recipe, train, validation, test, counts, missing, n_without_target, remarks)

    @property
    def has_classes(self) -> bool:
        """Whether the target is one of classes."""
        return isinstance(self.recipe.target, Classes)

    @property
    def loss(self) -> Callable[..., Any]:
        """What a network should make small."""
        return nn.cross_entropy if self.has_classes else nn.squared_loss

    def balancing_weights(self) -> Array:
        """Weights of the rows that are learned from, with the same sum in every class."""
        if not self.has_classes:
            raise TableError(f"classes can be balanced, but the target {self.recipe.target.name!r} is a number")
        counts = np.bincount(self.train.y)
        return (len(self.train.y) / (len(counts) * counts))[self.train.y].astype(np.float32)

    def scores(self, outputs: Array) -> Scores:
        """How good a network's outputs for the rows that are held out are."""
        y, outputs = self.test.y, np.asarray(outputs, np.float64)
        target = self.recipe.target
        if isinstance(target, Classes):
            logs = np.log(probabilities(outputs)[np.arange(len(y)), y])
            return {"accuracy": float(np.mean(outputs.argmax(axis=1) == y)), "log loss": -float(np.mean(logs))}
        error, variance = outputs - y, float(np.var(y, dtype=np.float64))
        r2 = 1.0 - float(np.mean(error**2)) / variance if variance else math.nan
        return {"R2": r2, "MAE": float(np.mean(np.abs(error))) * target.std}

    # ---- what a network is to be compared with ----

    @property
    def baseline_name(self) -> str:
        """What one would say without looking at the row."""
        return "most frequent class" if self.has_classes else "mean"

    def baseline(self) -> Array:
        """That, as a network would say it, for each row that is held out."""
        n = len(self.test.y)
        return np.tile(np.log(np.bincount(self.train.y)), (n, 1)) if self.has_classes else np.zeros(n)

    @property
    def linear_name(self) -> str:
        """What statistics calls a network without hidden layers."""
        return "logistic regression" if self.has_classes else "ridge regression"

    def linear_model(self, weights: Array | None = None) -> nn.MLP:
        """That, with the penalty that scikit-learn's has by default, where its loss is least."""
        # That is |w|^2 for ridge, |w|^2 / 2 for logistic regression. Of two classes scikit-learn has one column of w,
        # which is the difference of the two here: those have half of its square, together.
        alpha = 1.0 if self.recipe.target.width <= 2 else 0.5
        loss, n = supervised(self.loss), len(self.train.y)

        def objective(net: Any, *data: Any) -> Any:
            return loss(net, *data) + alpha / n * np.sum(net.layers[0].weights ** 2)

        net = nn.MLP(self.recipe.width, [self.recipe.target.width])
        fit(net, self.train.x, self.train.y, optimizer=LBFGS(), objective=objective, weights=weights)
        return net


def divided(rows: Array, groups: Array, part: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows that stay and rows that are taken, the same part of each group; of a group of one row, none."""
    groups = groups[rows]
    can_be_taken = np.flatnonzero(np.bincount(groups)[groups] > 1)
    n = min(len(can_be_taken) // 2, max(1, round(part * len(rows))))
    if not n:
        raise TableError("there are too few rows of each class to train, validate and test")
    # In the order of the groups, and by chance within each, evenly spaced ones: at least two apart, so none takes all.
    order = can_be_taken[np.lexsort((rng.random(len(can_be_taken)), groups[can_be_taken]))]
    is_taken = np.zeros(len(rows), bool)
    is_taken[order[((np.arange(n) + 0.5) * len(order) / n).astype(int)]] = True
    return rows[~is_taken], rows[is_taken]


def spread_of(values: Array, name: str) -> tuple[float, float]:
    mean, std = mean_and_std(values)
    if not std:
        raise TableError(f"the target {name!r} is {mean:g} in every row that could be learned from")
    return mean, std


def probabilities(logits: Array) -> Array:
    """Softmax, (n, n_classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
