"""What is a column of a table: which numbers does it become, or why is it left out?

A column is a number (missing values become the median, then mean 0 and standard deviation 1) or a category (one number
per level, of which one is 1). What is learned of it from one table is applied to others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from wengert.commands.csv_files import Frame
from wengert.errors import ProgramFormatError, TableError
from wengert.extras import needed

Texts = Any
"""A `polars.Series` of strings; null where a value is missing."""
Array = np.ndarray[Any, Any]

MISSING = ("", "?", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null")
"""What stands for a missing value: what pandas takes for one, and a question mark."""

# A few words among numbers ("unknown", "n. d.") are missing values; with more of them it is a column of texts.
NUMERIC_SHARE = 0.95
# More numbers of one category than this cost more than rare levels tell.
MOST_LEVELS = 30
# Of so many present values nearly all different, none is met again in a new table.
DISTINCT_SHARE = 0.9
# Below this share of missing values there are too few of them to learn what they mean.
INDICATOR_SHARE = 0.01
# So many standard deviations from the mean, a value says "far": further out, one row would outweigh all others.
FARTHEST = 10.0
DATE = r"^(\d{4}-\d{1,2}-\d{1,2}([T ]\d.*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}( \d.*)?|\d{1,2}:\d{2}(:\d{2}.*)?)$"
ROW_NUMBER = re.compile(r"(?i)(column 1|index|row|.*\bid|.*_id)")


# ---- columns ----


@dataclass(frozen=True)
class Number:
    """A column of numbers.

    Attributes
    ----------
    name : str
    median, mean, std : float
        The last two after missing values became the median.
    indicator : bool
        Whether a second number says that the value was missing.
    """

    name: str
    median: float
    mean: float
    std: float
    indicator: bool

    def __post_init__(self) -> None:
        finite = all(is_finite(number) for number in (self.median, self.mean, self.std))
        if not (isinstance(self.name, str) and finite and self.std > 0 and isinstance(self.indicator, bool)):
            raise ProgramFormatError(f"{self} is no column of numbers")

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return 1 + self.indicator

    @classmethod
    def learned(cls, name: str, values: Array) -> Self | None:
        """What the column is made of, NaN being missing; None if all others are the same."""
        is_missing = np.isnan(values)
        median = float(np.median(values[~is_missing]))
        mean, std = mean_and_std(np.where(is_missing, median, values))
        return cls(name, median, mean, std, bool(is_missing.mean() >= INDICATOR_SHARE)) if std else None

    def encoded(self, texts: Texts) -> tuple[Array, str | None]:
        """Numbers (n, width), and what is to be said of them."""
        values = numbers(texts)
        is_missing = np.isnan(values)
        with np.errstate(over="ignore"):
            standard = (np.where(is_missing, self.median, values) - self.mean) / self.std
        columns = [np.clip(standard, -FARTHEST, FARTHEST), is_missing][: self.width]
        n_strange = int(is_missing.sum()) - texts.null_count()
        if not n_strange:
            return np.stack(columns, axis=1), None
        strange = examples(texts.filter(is_missing).drop_nulls())
        if n_strange > (1 - NUMERIC_SHARE) * len(texts):
            raise TableError(f"column {self.name!r} should hold numbers, but holds {strange}")
        return np.stack(columns, axis=1), f"{self.name}: not numbers, so taken as missing: {strange}"


@dataclass(frozen=True)
class Category:
    """A column of texts, each of them a level.

    Attributes
    ----------
    name : str
    levels : sequence of str
        Each becomes a number that is 1 where it stands.
    other : bool
        Whether there is one more for all other levels.
    missing : bool
        Whether there is one more for missing values.
    """

    name: str
    levels: Sequence[str]
    other: bool
    missing: bool

    def __post_init__(self) -> None:
        are_texts = isinstance(self.levels, list | tuple) and all(isinstance(text, str) for text in self.levels)
        flags = isinstance(self.other, bool) and isinstance(self.missing, bool)
        if not (isinstance(self.name, str) and are_texts and flags and len(set(self.levels)) == len(self.levels) > 0):
            raise ProgramFormatError(f"{self} is no column of levels")

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return len(self.levels) + self.other + self.missing

    @classmethod
    def learned(cls, texts: Texts) -> Self:
        """The most frequent levels; those with equal counts in the order of the alphabet."""
        counts = texts.drop_nulls().value_counts(name="n of rows").rows()
        counts.sort(key=lambda row: (-row[1], row[0]))
        levels = sorted(text for text, _ in counts[:MOST_LEVELS])
        return cls(texts.name, levels, len(counts) > MOST_LEVELS, texts.null_count() > 0)

    def encoded(self, texts: Texts) -> tuple[Array, str | None]:
        """Numbers (n, width), and what is to be said of them."""
        is_missing = texts.is_null().to_numpy()
        columns = [(texts == level).fill_null(value=False).to_numpy() for level in self.levels]
        is_new = ~np.any(columns, axis=0) & ~is_missing
        columns += [is_new] * self.other + [is_missing] * self.missing
        said = None
        if is_new.any() and not self.other:
            said = f"{self.name}: levels that were not learned: {examples(texts.filter(is_new))}"
        return np.stack(columns, axis=1), said


Column = Number | Category


def column_of(texts: Texts) -> Column | str:
    """What a column is; or why it is left out."""
    n_present = len(texts) - texts.null_count()
    if not n_present:
        return "no values"
    values = numbers(texts)
    finite = values[np.isfinite(values)]
    if len(finite) >= NUMERIC_SHARE * n_present:
        if len(finite) == len(texts) and is_row_number(texts.name, finite):
            return "numbers of rows"
        if column := Number.learned(texts.name, values):
            return column
        if len(finite) == len(texts):
            return "constant"
    present = texts.drop_nulls()
    n_levels = present.n_unique()
    if n_levels == 1 and n_present == len(texts):
        return "constant"
    if present.str.contains(DATE).all():
        return "dates and times"
    if n_levels > DISTINCT_SHARE * n_present:
        return "another text in nearly every row"
    return Category.learned(texts)


def is_row_number(name: str, values: Array) -> bool:
    """Do the numbers count the rows, or name them?"""
    if len(np.unique(values)) < len(values) or not (values == np.floor(values)).all():
        return False
    counts = values.min() in (0.0, 1.0) and np.ptp(values) == len(values) - 1
    return bool(counts or ROW_NUMBER.fullmatch(name))


# ---- values ----


def as_texts(frame: Frame) -> Frame:
    """A table as texts; null where a value is missing."""
    polars = needed("polars", "a table", "nn")
    texts = polars.all().cast(polars.String)
    return frame.select(polars.when(~texts.is_in(MISSING)).then(texts))


def numbers(texts: Texts) -> Array:
    """Their values; NaN if missing, infinite or no number."""
    polars = needed("polars", "a table", "nn")
    values = texts.cast(polars.Float64, strict=False).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def mean_and_std(values: Array) -> tuple[float, float]:
    """Without overflow, and exactly 0 if all are the same."""
    largest = float(np.abs(values).max())
    if values.min() == values.max():
        return float(values[0]), 0.0
    return float((values / largest).mean()) * largest, float((values / largest).std()) * largest


def shortened(names: Sequence[str], most: int = 6) -> str:
    """Some of the names, and how many there are if these are not all."""
    printable = [name if name.isprintable() else repr(name) for name in names[:most]]
    shown = ", ".join(name if len(name) <= 40 else f"{name[:37]}..." for name in printable)
    return shown if len(names) <= most else f"{shown}, ... ({len(names)})"


def examples(texts: Texts) -> str:
    """Some values, to be shown."""
    return shortened([repr(text) for text in sorted(texts.unique().to_list())], 3)


def is_finite(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
