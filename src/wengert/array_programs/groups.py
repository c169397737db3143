"""Which terms of a tape are computed together, in one loop over their elements, and which of them are kept?

A. *Live*: what outputs and guards need.
B. *Levels*: after how many steps of other kinds can each term be computed? Terms of one shape and level form a group.
C. *Kept*: a term is stored if something beside elementwise terms of its shape reads it; or if several groups do, unless
   computing it again costs no more than reading it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from wengert._core.array_code import KIND_CONSTANT, KIND_LANES, KIND_UNIFORM
from wengert.array_programs.read import Reading
from wengert.array_programs.values import CODE, Row, Value
from wengert.array_programs.views import Shape, View

# What an element costs, in additions: an instruction on a block takes 0.1 ns a lane from the first-level cache, a
# division or root four times that, a vmath function ten times or more (docs/vmath.md).
CHEAP = "add sub mul neg mul_no_nan square abs sign min max where lt le gt ge eq ne logical_and logical_or logical_not"
COST = dict.fromkeys(CODE.values(), 10) | {CODE[name]: 1 for name in CHEAP.split()}
COST |= {CODE[name]: 4 for name in ("div", "reciprocal", "sqrt")}
# Up to so many additions and leaves, computing again beats a trip to memory and back.
CHEAP_COST, CHEAP_LEAVES = 3, 2


@dataclass
class Group:
    """Terms of one shape that are computed in one loop; of the shape () they are numbers, computed once.

    Attributes
    ----------
    targets : list of int
        Terms that are kept; of numbers all that are computed or loaded here.
    reductions : list of int
    guards : list of (int, int, bool)
        Term, number, expected truth value.
    stores : list of int
        Numbers that are wanted in memory, for rows and outputs.
    """

    shape: Shape
    level: int
    targets: list[int] = field(default_factory=list)
    reductions: list[int] = field(default_factory=list)
    guards: list[tuple[int, int, bool]] = field(default_factory=list)
    stores: list[int] = field(default_factory=list)


def parts_follow(row: Row) -> bool:
    """Is it an array joined of parts that follow each other in memory?"""
    axis: int = dict(row.params).get("axis", 0)
    return row.name == "concatenate" and row.dtype.kind == "f" and math.prod(row.shape[:axis]) == 1


class Groups:
    """The groups of a tape that has been read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        n = len(reading.terms)
        described = [reading.terms.describe(t) for t in range(n)]
        self.kind = [d[0] for d in described]
        self.arguments = [d[1] for d in described]
        self.origin = [d[3] for d in described]
        self.shapes = [reading.shape_of(t) for t in range(n)]
        self.is_leaf = [kind in (KIND_LANES, KIND_UNIFORM) for kind in self.kind]
        self.is_computed = [
            not leaf and kind != KIND_CONSTANT for leaf, kind in zip(self.is_leaf, self.kind, strict=True)
        ]
        self.is_uniform = [shape == () for shape in self.shapes]
        self.live = [False] * n
        self.live_rows: set[int] = set()
        self.live_reductions: set[int] = set()
        self.kept: set[int] = set()  # varying terms that are stored
        self.stored: set[int] = set()  # uniform terms that are wanted in memory
        self.find_live()
        self.level = [0] * n
        self.row_level = [0] * len(reading.rows)
        self.reduction_level = [0] * len(reading.reductions)
        self.find_levels()
        self.groups: dict[tuple[Shape, int], Group] = {}
        self.make_groups()

    # ---- A: live ----

    def find_live(self) -> None:
        for value in self.reading.outputs:
            self.want(value)
        for t, _, _ in self.reading.guards:
            self.live[t] = True
        for t in range(len(self.live) - 1, -1, -1):
            if not self.live[t]:
                continue
            if self.is_leaf[t]:
                self.want_base(self.reading.views[self.arguments[t][0]])
            elif self.is_computed[t]:
                for a in self.arguments[t]:
                    self.live[a] = True
                    if self.is_computed[a] and not self.is_uniform[a] and self.shapes[a] != self.shapes[t]:
                        self.kept.add(a)

    def want(self, value: Value) -> None:
        """A value that is read from memory."""
        if value.view is not None:
            self.want_base(value.view)
            return
        t = value.term
        self.live[t] = True
        if self.is_computed[t] and not self.is_uniform[t]:
            self.kept.add(t)
        elif not self.is_leaf[t]:
            self.stored.add(t)

    def want_base(self, view: View) -> None:
        kind, number = view.base
        if kind == "term":
            self.live[number] = True
            self.kept.add(number)
        elif kind == "row" and number not in self.live_rows:
            self.live_rows.add(number)
            row = self.reading.rows[number]
            for value in row.operands:
                if row.name == "assemble" or self.is_written_number(row, value):
                    self.live[value.term] = True
                else:
                    self.want(value)
        elif kind == "reduction":
            self.live_reductions.add(number)
            self.live[self.reading.reductions[number].term] = True

    def is_written_number(self, row: Row, value: Value) -> bool:
        """Is it a known number that is written where it is joined to others?"""
        return (
            parts_follow(row)
            and math.prod(value.shape) == 1
            and value.view is None
            and self.kind[value.term] == KIND_CONSTANT
        )

    # ---- B: levels ----

    def find_levels(self) -> None:
        for t in range(len(self.level)):
            if not self.live[t]:
                continue
            if self.is_leaf[t]:
                self.level[t] = self.level_of_base(self.reading.views[self.arguments[t][0]])
            elif self.is_computed[t]:
                self.level[t] = max(self.level_beside(a, self.shapes[t]) for a in self.arguments[t])

    def level_beside(self, t: int, shape: Shape | None) -> int:
        """The first level at which a group of this shape can use a term; for a row the shape is None."""
        ready = not self.is_computed[t] or self.is_uniform[t] or self.shapes[t] == shape
        return self.level[t] + (not ready)

    def level_of_base(self, view: View) -> int:
        kind, number = view.base
        if kind == "term":
            return self.level[number] + 1
        if kind == "row":
            operands = self.reading.rows[number].operands
            self.row_level[number] = max([self.level_of(v) for v in operands], default=0)
            return self.row_level[number] + 1
        if kind == "reduction":
            self.reduction_level[number] = self.level[self.reading.reductions[number].term]
            return self.reduction_level[number] + 1
        return 0

    def level_of(self, value: Value) -> int:
        """The level of a row that reads this value."""
        return self.level_of_base(value.view) if value.view is not None else self.level_beside(value.term, None)

    # ---- C: kept ----

    def group(self, shape: Shape, level: int) -> Group:
        return self.groups.setdefault((shape, level), Group(shape, level))

    def make_groups(self) -> None:
        reading = self.reading
        for value in reading.outputs:
            if value.view is not None:
                self.level_of_base(value.view)
        for t, number, outcome in reading.guards:
            self.group((), self.level[t]).guards.append((t, number, outcome))
        for t in self.stored:
            self.group((), self.level[t]).stores.append(t)
        needed: list[set[int]] = [set() for _ in self.level]
        for number in sorted(self.live_reductions):
            term = reading.reductions[number].term
            self.group(self.shapes[term], self.reduction_level[number]).reductions.append(number)
            needed[term].add(self.reduction_level[number])
        # Beside what is stored anyway more is cheap, so what is stored is decided twice.
        homes = self.find_homes(needed, self.find_cheap(self.kept))
        homes = self.find_homes(needed, self.find_cheap(set(homes)))
        self.kept = set(homes)
        for t in range(len(self.level)):
            if t in homes:
                self.group(self.shapes[t], homes[t]).targets.append(t)
            elif self.live[t] and self.is_uniform[t] and self.kind[t] != KIND_CONSTANT:
                self.group((), self.level[t]).targets.append(t)

    def find_homes(self, reduced: list[set[int]], cheap: list[bool]) -> dict[int, int]:
        """The varying terms that are stored, and the level of the group that computes each.

        Parameters
        ----------
        reduced : list of set of int
            Of each term: the levels of its reductions.
        cheap : list of bool
        """
        needed = [set(levels) for levels in reduced]
        homes: dict[int, int] = {}
        for t in range(len(self.level) - 1, -1, -1):
            if not self.live[t] or not self.is_computed[t] or self.is_uniform[t]:
                continue
            if t in self.kept:
                homes[t] = self.level[t]
            elif len(needed[t]) > 1 and not cheap[t]:
                homes[t] = min(needed[t])
            if t in homes:
                needed[t] = {homes[t]}
            for a in self.arguments[t]:
                if self.is_computed[a] and self.shapes[a] == self.shapes[t]:
                    needed[a] |= needed[t]
        return homes

    def find_cheap(self, kept: set[int]) -> list[bool]:
        """Which varying terms are as cheap to compute again as to read, if these are stored?"""
        cost = [0] * len(self.level)
        leaves: list[set[int]] = [set() for _ in self.level]
        cheap = [False] * len(self.level)
        for t in range(len(self.level)):
            if self.is_leaf[t] and not self.is_uniform[t]:
                leaves[t] = {t}
            elif self.is_computed[t] and self.live[t] and not self.is_uniform[t]:
                cost[t] = COST[self.kind[t]] + sum(cost[a] for a in self.arguments[t])
                leaves[t] = {x for a in self.arguments[t] for x in leaves[a]} if cost[t] <= CHEAP_COST else set()
                cheap[t] = cost[t] <= CHEAP_COST and len(leaves[t]) <= CHEAP_LEAVES
                if t in self.kept or (t in kept and not cheap[t]):
                    cost[t], leaves[t] = 0, {t}
        return cheap
