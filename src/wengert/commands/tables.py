"""How does a table become numbers for a network, and the next table in the same way?

A *recipe* is learned from one table and applied to others: what its columns are (`table_columns`), and what the
target means. It is plain JSON in the file of a network, so reading it runs no code.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from wengert.commands.csv_files import Frame
from wengert.commands.table_columns import (
    NUMERIC_SHARE,
    Array,
    Category,
    Column,
    Number,
    Texts,
    as_texts,
    column_of,
    examples,
    is_finite,
    numbers,
    shortened,
)
from wengert.errors import ProgramFormatError, TableError

KINDS: dict[str, type[Column]] = {"number": Number, "category": Category}
# Whole numbers with at most so many values, each in five rows or more on average, are classes.
MOST_NUMBERED_CLASSES = 20


# ---- targets ----


@dataclass(frozen=True)
class Classes:
    """A target of which each value is a class.

    Attributes
    ----------
    name : str
    labels : sequence of str
        What the table has for each.
    """

    name: str
    labels: Sequence[str]

    def __post_init__(self) -> None:
        are_texts = isinstance(self.labels, list | tuple) and all(isinstance(text, str) for text in self.labels)
        if not (isinstance(self.name, str) and are_texts and len(set(self.labels)) == len(self.labels) > 1):
            raise ProgramFormatError(f"{self} is no target of classes")

    @property
    def width(self) -> int:
        """How many numbers the network gives."""
        return len(self.labels)


@dataclass(frozen=True)
class Quantity:
    """A target that is a number, for the network with mean 0 and standard deviation 1.

    Attributes
    ----------
    name : str
    mean, std : float
        Of the table.
    """

    name: str
    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and is_finite(self.mean) and is_finite(self.std) and self.std > 0):
            raise ProgramFormatError(f"{self} is no target of numbers")

    @property
    def width(self) -> int:
        """How many numbers the network gives."""
        return 1


Target = Classes | Quantity


def classes_of(texts: Texts, task: str | None = None) -> tuple[list[str], Array] | None:
    """The classes of a target, and of each row the number of its class; None if the target is to be a number.

    Parameters
    ----------
    texts : polars.Series
        With no missing values.
    task : {"classification", "regression"}, optional
        By default there are classes, unless the values are numbers with a fraction or too many to be classes.

    Raises
    ------
    TableError
        If the values fit neither, or are all the same.

    Examples
    --------
    >>> import polars
    >>> from wengert.commands.tables import classes_of
    >>> classes_of(polars.Series("grown", ["yes", "no", "no", "yes"]))
    (['no', 'yes'], array([1, 0, 0, 1]))
    """
    values = numbers(texts)
    name = texts.name
    if task == "regression" and np.isnan(values).any():
        raise TableError(f"the target {name!r} is to be a number, but holds {examples(texts.filter(np.isnan(values)))}")
    is_numeric = bool(np.isfinite(values).all())
    if texts.n_unique() == 1 or (is_numeric and np.ptp(values) == 0):
        raise TableError(f"the target {name!r} is {examples(texts[:1])} in every row, so there is nothing to learn")
    is_whole = is_numeric and bool((values == np.floor(values)).all() and np.abs(values).max() < 2**53)
    labels = values.astype(np.int64).astype(str).tolist() if is_whole else texts.to_list()
    levels = sorted(set(labels), key=int if is_whole else None)
    few = len(levels) <= max(2, min(MOST_NUMBERED_CLASSES, len(labels) // 5))
    if task == "regression" or (task is None and is_numeric and not (is_whole and few)):
        return None
    if len(levels) > len(labels) // 2:
        what = f"has {len(levels):,} different values in {len(labels):,} rows, so these are no classes"
        if NUMERIC_SHARE <= np.isfinite(values).mean() < 1:
            what += f"; it holds numbers, but also {examples(texts.filter(np.isnan(values)))}"
        raise TableError(f"the target {name!r} {what}")
    place = {level: k for k, level in enumerate(levels)}
    return levels, np.array([place[label] for label in labels])


# ---- the whole table ----


@dataclass(frozen=True)
class Recipe:
    """How a table becomes numbers, and numbers become what the target was.

    Attributes
    ----------
    columns : sequence of Number or Category
    target : Classes or Quantity
    left_out : dict of str to str
        Columns that the recipe does not use, and why.

    Examples
    --------
    >>> import polars
    >>> from wengert.commands.tables import Quantity, Recipe
    >>> frame = polars.DataFrame({"kind": ["oak", "fir", "oak", None], "height": [21.0, None, 17.0, 19.0]})
    >>> recipe = Recipe.learned(frame, Quantity("age", 50.0, 10.0))
    >>> numbers, _ = recipe.encoded(frame)
    >>> recipe.names
    ['kind fir', 'kind oak', 'kind missing', 'height', 'height missing']
    >>> numbers[:2].round(2).tolist()
    [[0.0, 1.0, 0.0, 1.409999966621399, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0]]
    """

    columns: Sequence[Column]
    target: Target
    left_out: dict[str, str]

    def __post_init__(self) -> None:
        if not self.columns:
            raise ProgramFormatError("a recipe needs a column")

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def names(self) -> list[str]:
        """Of these numbers."""
        names = []
        for column in self.columns:
            if isinstance(column, Number):
                names += [column.name, f"{column.name} missing"][: column.width]
            else:
                levels = [*column.levels, *["other"] * column.other, *["missing"] * column.missing]
                names += [f"{column.name} {level}" for level in levels]
        return names

    @classmethod
    def learned(cls, frame: Frame, target: Target) -> Self:
        """Look at every column of a table but the target."""
        columns_of_texts = as_texts(frame.drop(target.name, strict=False)).get_columns()
        found = {texts.name: column_of(texts) for texts in columns_of_texts}
        left_out = {name: reason for name, reason in found.items() if isinstance(reason, str)}
        columns = [column for column in found.values() if not isinstance(column, str)]
        if not columns:
            why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it is the only one"
            raise TableError(f"there is no column to predict {target.name!r} from ({why[:200]})")
        return cls(columns, target, left_out)

    def encoded(self, frame: Frame) -> tuple[Array, list[str]]:
        """A table with these columns, in any order and among others, as numbers.

        Returns
        -------
        numbers : ndarray of float32, shape (n, width)
        said : list of str
            What is strange about the table.

        Raises
        ------
        TableError
            If a column is not there, or not of its kind.
        """
        there = set(frame.columns)
        for name in (column.name for column in self.columns if column.name not in there):
            check_there(frame.columns, name)
        frame = as_texts(frame.select([column.name for column in self.columns]))
        result = np.empty((frame.height, self.width), np.float32)
        said, at = [], 0
        for column, texts in zip(self.columns, frame.get_columns(), strict=True):
            result[:, at : at + column.width], remark = column.encoded(texts)
            at += column.width
            said += [remark] if remark else []
        return result, said

    def to_json(self) -> dict[str, Any]:
        """Itself as dicts, lists, strings and numbers."""
        names = {kind: name for name, kind in KINDS.items()}
        return {
            "columns": [{"kind": names[type(column)], **asdict(column)} for column in self.columns],
            "target": asdict(self.target),
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, json: Any) -> Self:
        """What `to_json` gave.

        Raises
        ------
        ProgramFormatError
            If it is anything else.
        """
        try:
            described = [{**column} for column in json["columns"]]
            columns = [KINDS[column.pop("kind")](**column) for column in described]
            target = (Classes if "labels" in json["target"] else Quantity)(**json["target"])
            return cls(columns, target, {str(name): str(why) for name, why in json["left_out"].items()})
        except ProgramFormatError:
            raise
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ProgramFormatError(f"this is no recipe of a table: {type(error).__name__} {error}"[:200]) from error


def check_there(names: Sequence[str], name: str) -> None:
    """Is there a column of that name?"""
    if name in names:
        return
    folded = {other.strip().casefold(): other for other in names}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}?" if near else f"there are {shortened(names)}"
    raise TableError(f"there is no column {name!r}; {hint}")
