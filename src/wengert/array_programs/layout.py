"""In which order do the steps of an array program run, and where does each of its arrays live?

Numbers come first, then rows and groups, each as soon as what it reads is there. Every array that is stored gets its
place in one arena, or in an output; a group writes where it has just read something for the last time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert._core.array_code import KIND_CONSTANT
from wengert.array_programs.groups import Group, Groups, parts_follow
from wengert.array_programs.memory import Lifetime, place
from wengert.array_programs.read import Reading
from wengert.array_programs.tape import Tape
from wengert.array_programs.values import Value
from wengert.array_programs.views import Base, View, whole


@dataclass
class Step:
    """What is run at once, and the stored arrays that it reads and writes."""

    kind: str
    level: int
    group: Group | None = None
    row: int = -1
    output: int = -1
    reads: set[Base] = field(default_factory=set)
    writes: set[Base] = field(default_factory=set)


class Layout:
    """The steps of one tape, in order, and where they read and write.

    Attributes
    ----------
    steps : list of Step
    pool : list of float
        The numbers of the program that outlive a step: constants first, of which there are `n_constants`.
    pool_place : dict of int to int
        Of each term that is a number: its entry there.
    arena : int
        Bytes of the arena.
    """

    def __init__(self, tape: Tape, reading: Reading, groups: Groups, single: bool) -> None:
        self.tape, self.reading, self.groups, self.single = tape, reading, groups, single
        self.item = 4 if single else 8
        self.direct: dict[Base, int] = {}  # stored arrays that are outputs
        self.steps = self.order()
        self.pool: list[float] = []
        self.pool_place: dict[int, int] = {}
        self.pin_numbers()
        self.inside: dict[Base, tuple[Base, int]] = {}  # of arrays that are parts of joined ones: where
        self.join()
        self.offset: dict[Base, int] = {}
        self.arena = self.place()

    def type_of(self, dtype: np.dtype[Any]) -> str:
        return "q" if dtype.kind in "iu" else "f" if self.single else "d"

    # ---- order ----

    def order(self) -> list[Step]:
        reading, groups = self.reading, self.groups
        steps = []
        for group in groups.groups.values():
            step = Step("numbers" if group.shape == () else "group", group.level, group)
            self.describe_group(step, group)
            steps.append(step)
        for number in sorted(groups.live_rows):
            row = reading.rows[number]
            step = Step("row", groups.row_level[number], row=number, writes={("row", number)})
            if row.name != "assemble":
                step.reads = {self.base_of(v) for v in row.operands if not groups.is_written_number(row, v)}
            steps.append(step)
        last = 1 + max([step.level for step in steps], default=0)
        for k, value in enumerate(reading.outputs):
            if not self.take_output(k, value):
                steps.append(Step("output", last, output=k, reads={self.base_of(value)}))
        rank = {"numbers": 0, "row": 1, "group": 2, "output": 3}
        return sorted(steps, key=lambda step: (step.level, rank[step.kind]))

    def describe_group(self, step: Step, group: Group) -> None:
        """What a group reads and writes."""
        groups, reading = self.groups, self.reading
        if group.shape == ():
            step.writes = {("term", t) for t in group.stores}
            step.reads = {reading.views[groups.arguments[t][0]].base for t in group.targets if groups.is_leaf[t]}
            return
        step.writes = {("term", t) for t in group.targets} | {("reduction", r) for r in group.reductions}
        step.reads = {self.view_of(t).base for t in self.members(group)[1]}

    def members(self, group: Group) -> tuple[list[int], list[int]]:
        """The terms that a group computes, and those that it reads from memory, each in rising order."""
        groups = self.groups
        computed: set[int] = set()
        loaded: set[int] = set()
        wanted = [*group.targets, *[self.reading.reductions[r].term for r in group.reductions]]
        mine = set(group.targets)
        while wanted:
            t = wanted.pop()
            if t in computed or t in loaded or groups.is_uniform[t]:
                continue
            here = groups.is_computed[t] and groups.shapes[t] == group.shape and (t in mine or t not in groups.kept)
            (computed if here else loaded).add(t)
            if here:
                wanted.extend(groups.arguments[t])
        return sorted(computed), sorted(loaded)

    def view_of(self, t: int) -> View:
        """Where a varying term is read from memory."""
        if self.groups.is_leaf[t]:
            return self.reading.views[self.groups.arguments[t][0]]
        return whole(("term", t), self.groups.shapes[t])

    def view_of_value(self, value: Value) -> View:
        if value.view is not None:
            return value.view
        return self.view_of(value.term)

    def base_of(self, value: Value) -> Base:
        return self.view_of_value(value).base

    def take_output(self, number: int, value: Value) -> bool:
        """Compute an output in place, if it is all of something that is stored."""
        view = self.view_of_value(value)
        if view.base[0] in ("input", "constant") or view.base in self.direct or view.offset:
            return False
        if not view.is_whole or view.size != math.prod(value.shape) or view.size != self.size_of(view.base):
            return False
        self.direct[view.base] = number
        return True

    def spans(self, base: Base) -> list[tuple[int, int]]:
        """The stretches of a stored array that are read: first elements, and those behind the last."""
        groups, reading = self.groups, self.reading
        views = [self.view_of(t) for t in range(len(groups.live)) if groups.live[t] and groups.is_leaf[t]]
        values = [v for r in groups.live_rows for v in reading.rows[r].operands] + reading.outputs
        views += [value.view for value in values if value.view is not None]
        return [view.span for view in views if view.base == base]

    # ---- places ----

    def pin_numbers(self) -> None:
        """Give numbers that outlive their step a pool entry."""
        groups = self.groups
        for t in range(len(groups.live)):
            if groups.live[t] and groups.kind[t] == KIND_CONSTANT:
                self.pool_place[t] = len(self.pool)
                number = self.reading.number_of(t)
                self.pool.append(float(np.float32(number)) if self.single else float(number or 0.0))
        self.n_constants = len(self.pool)
        used = set()
        for t in range(len(groups.live)):
            if groups.live[t] and groups.is_computed[t]:
                for a in groups.arguments[t]:
                    if not groups.is_uniform[t] or groups.is_leaf[a] or groups.level[a] != groups.level[t]:
                        used.add(a)
        used |= {t for t, _, _ in self.reading.guards}
        for r in groups.live_rows:
            if self.reading.rows[r].name == "assemble":
                used |= {v.term for v in self.reading.rows[r].operands}
        for t in range(len(groups.live)):
            if t in used and groups.live[t] and groups.is_uniform[t] and groups.kind[t] != KIND_CONSTANT:
                self.pool_place[t] = len(self.pool)
                self.pool.append(0.0)

    def join(self) -> None:
        """Let what is stored only to be joined be stored where it will be."""
        for number in sorted(self.groups.live_rows):
            row = self.reading.rows[number]
            if not parts_follow(row):
                continue
            start = 0
            for value in row.operands:
                size = math.prod(value.shape)
                base = self.base_of(value)
                if size and value.dtype.kind == "f" and self.is_movable(base) and self.is_all(value, base):
                    self.inside[base] = (("row", number), start)
                start += size

    def is_movable(self, base: Base) -> bool:
        """Is this an array that is computed, and has no place yet?"""
        computed = base[0] in ("row", "reduction") or (base[0] == "term" and not self.groups.is_uniform[base[1]])
        return computed and base not in self.inside and base not in self.direct

    def is_all(self, value: Value, base: Base) -> bool:
        """Are the elements of a value all of those of its base, in their order?"""
        view = self.view_of_value(value)
        return view == whole(base, view.shape) and view.size == math.prod(value.shape) == self.size_of(base)

    def size_of(self, base: Base) -> int:
        """Elements of a stored array."""
        kind, number = base
        if kind == "term":
            return math.prod(self.groups.shapes[number])
        return math.prod((self.reading.rows if kind == "row" else self.reading.reductions)[number].shape)

    def item_of(self, base: Base) -> int:
        """Bytes of an element."""
        kind, number = base
        if kind == "row":
            return 8 if self.type_of(self.reading.rows[number].dtype) == "q" else self.item
        if kind in ("input", "constant"):
            array = self.tape.nodes[self.tape.inputs[number]] if kind == "input" else self.reading.constants[number]
            return 8 if array.dtype.kind in "iu" else self.item
        return self.item

    def place(self) -> int:
        """Lay out the arena."""
        first: dict[Base, int] = {}
        last: dict[Base, int] = {}
        for k, step in enumerate(self.steps):
            for base in step.writes:
                first[base] = last[base] = k
            for base in step.reads:
                last[base] = k
        for base in self.inside:
            around = base
            while around in self.inside:
                around = self.inside[around][0]
                first[around] = min(first[around], first[base])
                last[around] = max(last[around], last[base])
        # What a group writes where it has just read something for the last time lies in the same place.
        same: dict[Base, Base] = {}
        for k, step in enumerate(self.steps):
            if step.kind == "group":
                self.overwrite(step, {base for base in step.reads if last[base] == k}, same, last)
        mine = [base for base in first if base not in self.direct and base not in same and base not in self.inside]
        offsets, size = place([Lifetime(self.size_of(b) * self.item_of(b), first[b], last[b]) for b in mine])
        self.offset = dict(zip(mine, offsets, strict=True))
        for base, other in same.items():
            self.offset[base] = self.offset[other]
        return size

    def overwrite(self, step: Step, ended: set[Base], same: dict[Base, Base], last: dict[Base, int]) -> None:
        """Find arrays of the whole shape of a group that may take the place of others."""
        group = step.group
        assert group is not None
        views = [self.view_of(t) for t in self.members(group)[1]]
        bases = [view.base for view in views]
        joined = {*self.inside, *[base for base, _ in self.inside.values()]}
        free = [
            view.base
            for view in views
            if view.base in ended
            and view.base[0] not in ("input", "constant")
            and view.base not in self.direct
            and view.base not in joined
            and view == whole(view.base, group.shape)
            and bases.count(view.base) == 1
            and self.size_of(view.base) == math.prod(group.shape)
            and self.item_of(view.base) == self.item
        ]
        for t in group.targets:
            if free and ("term", t) not in self.direct and ("term", t) not in joined:
                old = free.pop()
                root = same.get(old, old)
                same[("term", t)] = root
                last[root] = max(last[root], last[("term", t)])

    def buffer(self, base: Base, offset: int = 0) -> tuple[int, int]:
        """Buffer and offset in bytes of an element of a base."""
        kind, number = base
        n_inputs, n_constants = len(self.tape.inputs), len(self.reading.constants)
        at = offset * self.item_of(base)
        if base in self.inside:
            around, start = self.inside[base]
            return self.buffer(around, start + offset)
        if kind == "input":
            return 1 + number, at
        if kind == "constant":
            return 1 + n_inputs + number, at
        if base in self.direct:
            return 1 + n_inputs + n_constants + self.direct[base], at
        return 0, self.offset[base] + at

    def output_place(self, number: int) -> tuple[int, int]:
        """Buffer and offset of an output."""
        return 1 + len(self.tape.inputs) + len(self.reading.constants) + number, 0
