"""How does a tape become an array program?

A. *Read* (array_read.py): terms, views, reductions and rows, simplified and hash-consed.
B. *Group* (array_groups.py): which terms are computed in one loop, and which are stored.
C. *Order*: groups and rows, each as soon as what it reads is there; numbers first.
D. *Place* (array_memory.py): every stored array gets its place in one arena, or in an output.
E. *Write*: the loops (array_loops.py) and the code (array_code.pyx) of each group, the arrays of each row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert._core.array_code import KIND_CONSTANT, KIND_GUARD, KIND_LANES, KIND_UNIFORM, write_code
from wengert._core.array_run import Runner
from wengert._core.structured_kernels import kernel_params
from wengert._core.vm import INSTRUCTION
from wengert.array_groups import Group, Groups
from wengert.array_listing import cost, listing
from wengert.array_loops import FIXED, ROW, joined, plan_loops
from wengert.array_memory import Lifetime, place
from wengert.array_products import Product, product
from wengert.array_read import CODE, INDEXED, Reading, Row, Value
from wengert.array_tape import Tape
from wengert.array_views import Base, Shape, View, broadcast_strides, whole, whole_strides

# Rows whose result is of integers.
PLACES = ("argmax", "argmin", "argsort", "searchsorted")
BY_CODE = {"sum": "add", "max": "max", "min": "min"}
FOLDS = {"sum": (1, -0.0), "max": (2, -math.inf), "min": (3, math.inf)}
# As in program.pyx: wide blocks, as long as their slots stay in the caches; bytes that the slots take.
WIDTHS = ((512, 1 << 14), (256, 1 << 15), (128, 1 << 17), (64, 1 << 18))
NARROWEST = 32


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


class ArrayPlan:
    """The plan of one tape; `parts` is what a `Runner` takes."""

    def __init__(self, tape: Tape, single: bool) -> None:
        self.tape, self.single = tape, single
        self.item = 4 if single else 8
        self.reading = Reading(tape, single)
        self.groups = Groups(self.reading)
        self.direct: dict[Base, int] = {}  # stored arrays that are outputs
        self.steps = self.order()
        self.pool: list[float] = []
        self.pool_place: dict[int, int] = {}
        self.pin_numbers()
        self.n_pinned = self.n_pool = len(self.pool)
        self.offset: dict[Base, int] = {}
        self.arena = self.place()
        self.code: list[Any] = []
        self.origins: list[Any] = []
        self.n_code = 0
        self.products: list[Product] = []
        steps = [self.write(step) for step in self.steps]
        origins = np.concatenate([*self.origins, np.empty(0, np.int64)])
        self.parts = {
            "single": single,
            "inputs": [self.entry(tape.nodes[k].shape, tape.nodes[k].dtype) for k in tape.inputs],
            "outputs": [self.entry(tape.nodes[k].shape, tape.nodes[k].dtype) for k in tape.outputs],
            "constants": self.reading.constants,
            "arena": self.arena,
            "pool": self.pool + [0.0] * (self.n_pool - len(self.pool)),
            "code": np.concatenate([*self.code, np.empty(0, INSTRUCTION)]),
            "positions": [self.reading.positions[int(k)] for k in origins],
            "steps": [step for step in steps if step is not None],
            "products": self.products,
            "n_constants": self.n_constants,
            "rows": [self.row_entry(number) for number in range(len(self.reading.rows))],
            "n_guards": len(tape.guards),
        }

    def type_of(self, dtype: np.dtype[Any]) -> str:
        return "q" if dtype.kind in "iu" else "f" if self.single else "d"

    def entry(self, shape: Shape, dtype: np.dtype[Any]) -> tuple[int, str]:
        return math.prod(shape), self.type_of(dtype)

    def row_entry(self, number: int) -> Any:
        row = self.reading.rows[number]
        # The runner keeps bools as floats, and so what is computed of integers; rows tell them apart.
        dtypes = [v.dtype if v.view is None and v.dtype.kind in "biu" else None for v in row.operands]
        return row.name, dtypes, dict(row.params)

    # ---- C: order ----

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
                step.reads = {self.base_of(v) for v in row.operands}
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

    # ---- D: place ----

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
                    if not groups.is_uniform[t] or groups.level[a] != groups.level[t]:
                        used.add(a)
        for r in groups.live_rows:
            if self.reading.rows[r].name == "assemble":
                used |= {v.term for v in self.reading.rows[r].operands}
        for t in range(len(groups.live)):
            if groups.live[t] and groups.is_uniform[t] and (groups.is_leaf[t] or (groups.is_computed[t] and t in used)):
                self.pool_place[t] = len(self.pool)
                self.pool.append(0.0)

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
        # What a group writes where it has just read something for the last time lies in the same place.
        same: dict[Base, Base] = {}
        for k, step in enumerate(self.steps):
            if step.kind == "group":
                self.overwrite(step, {base for base in step.reads if last[base] == k}, same, last)
        mine = [base for base in first if base not in self.direct and base not in same]
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
        free = [
            view.base
            for view in views
            if view.base in ended
            and view.base[0] not in ("input", "constant")
            and view.base not in self.direct
            and view == whole(view.base, group.shape)
            and bases.count(view.base) == 1
            and self.size_of(view.base) == math.prod(group.shape)
            and self.item_of(view.base) == self.item
        ]
        for t in group.targets:
            if free and ("term", t) not in self.direct:
                old = free.pop()
                root = same.get(old, old)
                same[("term", t)] = root
                last[root] = max(last[root], last[("term", t)])

    def buffer(self, base: Base, offset: int = 0) -> tuple[int, int]:
        """Buffer and offset in bytes of an element of a base."""
        kind, number = base
        n_inputs, n_constants = len(self.tape.inputs), len(self.reading.constants)
        at = offset * self.item_of(base)
        if kind == "input":
            return 1 + number, at
        if kind == "constant":
            return 1 + n_inputs + number, at
        if base in self.direct:
            return 1 + n_inputs + n_constants + self.direct[base], at
        return 0, self.offset[base] + at

    # ---- E: write ----

    def write(self, step: Step) -> dict[str, Any] | None:
        if step.kind == "numbers":
            return self.write_numbers(step)
        if step.kind == "group":
            return self.write_group(step)
        if step.kind == "output":
            value = self.reading.outputs[step.output]
            n_inputs, n_constants = len(self.tape.inputs), len(self.reading.constants)
            target = (1 + n_inputs + n_constants + step.output, 0)
            return self.write_copy(value, target, value.dtype)
        row = self.reading.rows[step.row]
        target = self.buffer(("row", step.row))
        if row.name in ("copy", "to_float", "to_int"):
            made = self.write_copy(row.operands[0], target, row.dtype)
            return {**made, "position": row.position} if made else None
        if row.name == "assemble":
            links = [
                (self.pool_place[v.term], target[0], target[1] + k * self.item) for k, v in enumerate(row.operands)
            ]
            return {"kind": "numbers", "arrays": [], "links": links}
        arrays = [self.array_of(v) for v in row.operands]
        arrays.append(self.array(target, self.type_of(row.dtype), row.shape, whole_strides(row.shape)))
        if row.name == "product":
            (a, b), (u, v) = row.operands, [self.view_of_value(value) for value in row.operands]
            self.products.append(product(u, a.shape, v, b.shape))
            return {
                "kind": "product",
                "arrays": arrays,
                "links": [],
                "number": len(self.products) - 1,
                "position": row.position,
            }
        made = {"arrays": arrays, "links": [], "n_read": len(row.operands), "position": row.position}
        params = self.kernel_params(row)
        if params is not None:
            return {**made, "kind": "kernel", "name": row.name, "params": params}
        return {**made, "kind": "python", "number": step.row}

    def kernel_params(self, row: Row) -> list[int] | None:
        """What the kernel of a row reads, or None if Python has to compute it."""
        for k, value in enumerate(row.operands):
            is_index = row.name in INDEXED and k == 1
            if (value.view is not None) != is_index or (not is_index and value.dtype.kind != "f"):
                return None
        if row.dtype.kind != ("i" if row.name in PLACES else "f"):
            return None
        return kernel_params(row.name, dict(row.params), [*[v.shape for v in row.operands], row.shape])

    def array(self, place: tuple[int, int], kind: str, shape: Shape, strides: tuple[int, ...]) -> dict[str, Any]:
        item = 4 if kind == "f" else 8
        return {"place": place, "type": kind, "shape": shape, "strides": tuple(s * item for s in strides)}

    def array_of(self, value: Value) -> dict[str, Any]:
        """A value as an array of its shape."""
        view = self.view_of_value(value)
        kind = self.type_of(value.dtype) if value.view is not None else "f" if self.single else "d"
        strides = broadcast_strides(view.shape, view.strides, value.shape)
        return self.array(self.buffer(view.base, view.offset), kind, value.shape, strides)

    def write_copy(self, value: Value, target: tuple[int, int], dtype: np.dtype[Any]) -> dict[str, Any] | None:
        view = self.view_of_value(value)
        source = self.array_of(value)
        lengths, (x, y) = joined(
            value.shape, [broadcast_strides(view.shape, view.strides, value.shape), whole_strides(value.shape)]
        )
        return {
            "kind": "copy",
            "links": [],
            "arrays": [
                self.array(source["place"], source["type"], lengths, x),
                self.array(target, self.type_of(dtype), lengths, y),
            ],
        }

    def emit(self, nodes: list[Any], targets: list[tuple[int, int]], varies: bool) -> tuple[Any, int, list[int]]:
        """Write code, and keep it; give its range, slots and the places of nodes."""
        code, origins, n_places, places = write_code(nodes, targets, varies, 0 if varies else self.n_pinned)
        start = self.n_code
        self.n_code += len(code)
        self.code.append(code)
        self.origins.append(origins)
        if not varies:
            self.n_pool = max(self.n_pool, n_places)
        return (start, self.n_code), n_places, places

    def nodes_of(self, terms: list[int], place_of: dict[int, int]) -> tuple[list[Any], dict[int, int]]:
        """Nodes for `write_code`, after those that are there already, of a group's own terms."""
        groups = self.groups
        nodes = []
        for t in terms:
            arguments = [place_of[a] for a in groups.arguments[t]]
            a, b, c = [*arguments, -1, -1][:3]
            place_of[t] = len(place_of)
            nodes.append((groups.kind[t], a, b, c, groups.origin[t]))
        return nodes, place_of

    def write_numbers(self, step: Step) -> dict[str, Any] | None:
        groups, group = self.groups, step.group
        assert group is not None
        loads = []
        for t in group.targets:
            if groups.is_leaf[t]:
                view = self.view_of(t)
                loads.append((self.pool_place[t], *self.buffer(view.base, view.offset)))
        computed = [t for t in group.targets if groups.is_computed[t]]
        mine = set(computed)
        # Constants, leaves and numbers of earlier steps, in their pool entries.
        outside = {a for t in computed for a in groups.arguments[t] if a not in mine}
        outside |= {t for t, _, _ in group.guards if t not in mine}
        place_of: dict[int, int] = {}
        nodes: list[Any] = []
        for t in sorted(outside):
            place_of[t] = len(nodes)
            nodes.append((KIND_UNIFORM, self.pool_place[t], -1, -1, 0))
        more, place_of = self.nodes_of(computed, place_of)
        nodes += more
        targets = [(place_of[t], self.pool_place.get(t, -1)) for t in computed if t in self.pool_place]
        stored = [t for t in group.stores if t in mine and t not in self.pool_place]
        targets += [(place_of[t], -1) for t in stored]
        for t, number, outcome in group.guards:
            targets.append((len(nodes), -1))
            nodes.append((KIND_GUARD, place_of[t], number, int(outcome), groups.origin[t]))
        code, _, places = self.emit(nodes, targets, False)
        stores = []
        for t in group.stores:
            at = self.pool_place[t] if t in self.pool_place else places[place_of[t]]
            stores.append((at, *self.buffer(("term", t))))
        if not loads and not stores and code[0] == code[1]:
            return None
        return {"kind": "numbers", "arrays": [], "links": loads + stores, "n_loads": len(loads), "code": code}

    def write_group(self, step: Step) -> dict[str, Any] | None:
        groups, group, reading = self.groups, step.group, self.reading
        assert group is not None
        shape = group.shape
        if math.prod(shape) == 0:
            return None
        computed, loaded = self.members(group)
        views = [self.view_of(t) for t in loaded]
        read = [broadcast_strides(v.shape, v.strides, shape) for v in views]
        stored = [whole_strides(shape) for _ in group.targets]
        folded = []
        for r in group.reductions:
            folded.append(whole_strides(reading.reductions[r].shape))
        loops = plan_loops(shape, read, stored, folded, [reading.reductions[r].kind for r in group.reductions])
        # What is fixed along the lanes is a number in the pool, anew for each row.
        place_of: dict[int, int] = {}
        nodes: list[Any] = []
        n_fixed = 0
        fixed: dict[int, int] = {}
        for k, t in enumerate(loaded):
            place_of[t] = len(nodes)
            if loops.modes[k] == FIXED:
                fixed[k] = self.n_pinned + n_fixed
                n_fixed += 1
                nodes.append((KIND_UNIFORM, fixed[k], -1, -1, 0))
            else:
                nodes.append((KIND_LANES, k, -1, -1, 0))
        self.n_pool = max(self.n_pool, self.n_pinned + n_fixed)
        for t in sorted({a for t in computed for a in groups.arguments[t] if groups.is_uniform[a]}):
            place_of[t] = len(nodes)
            nodes.append((KIND_UNIFORM, self.pool_place[t], -1, -1, 0))
        more, place_of = self.nodes_of(computed, place_of)
        nodes += more
        # A reduction over rows is an instruction too, on the row so far and the new one.
        first = len(loaded) + len(group.targets)
        folds = [(reading.reductions[r], first + k) for k, r in enumerate(group.reductions)]
        by_code = {j for _, j in folds if loops.modes[j] == ROW and loops.strides[j][-1]}
        results = [place_of[t] for t in group.targets]
        so_far = {}
        for reduction, j in folds:
            result = place_of[reduction.term]
            if j in by_code:
                so_far[j] = len(nodes)
                nodes.append((KIND_LANES, j, -1, -1, 0))
                nodes.append((CODE[BY_CODE[reduction.kind]], so_far[j], result, -1, 0))
                result = len(nodes) - 1
            results.append(result)
        code, n_slots, places = self.emit(nodes, [(result, -1) for result in results], True)
        arrays = []
        for k, (t, view) in enumerate(zip(loaded, views, strict=True)):
            slot = fixed[k] if k in fixed else places[place_of[t]]
            arrays.append(self.looped(self.buffer(view.base, view.offset), loops, k, slot))
        written = []
        for k, t in enumerate(group.targets):
            written.append(self.looped(self.buffer(("term", t)), loops, len(loaded) + k, places[results[k]]))
        sums = []
        for r, (reduction, j) in zip(group.reductions, folds, strict=True):
            place = self.buffer(("reduction", r))
            array = self.looped(place, loops, j, places[results[j - len(loaded)]])
            array["fold"], array["first"] = FOLDS[reduction.kind]
            array["count"] = math.prod(reduction.shape)
            (sums if loops.modes[j] == ROW and j not in by_code else written).append(array)
            if j in by_code:
                arrays.append(self.looped(place, loops, j, places[so_far[j]]))
        return {
            "kind": "group",
            "arrays": arrays + sums + written,
            "links": [],
            "code": code,
            "n_slots": max(n_slots, 1),
            "width": self.width(n_slots, loops.chunk * loops.rows),
            "n_read": len(arrays),
            "n_written": len(sums) + len(written),
            "n_sums": len(sums),
            "rows": loops.rows,
            "chunk": loops.chunk,
        }

    def looped(self, place: tuple[int, int], loops: Any, k: int, slot: int) -> dict[str, Any]:
        kind = "f" if self.single else "d"
        array = self.array(place, kind, loops.shape, loops.strides[k])
        return {**array, "mode": loops.modes[k], "slot": slot}

    def width(self, n_slots: int, chunk: int) -> int:
        """Lanes of a block."""
        widest = next((width for width, n_bytes in WIDTHS if width * self.item * n_slots <= n_bytes), NARROWEST)
        return min(widest, (chunk + 7) // 8 * 8)


class ArrayProgram(Runner):
    """A compiled function of arrays.

    It is immutable, can be pickled, and may run in several threads at once. ``str(program)`` lists its steps with the
    source lines that they come from.

    Parameters
    ----------
    tape : Tape
    single : bool
        Compute in float32 throughout?

    Attributes
    ----------
    n_steps, n_instructions : int
        What is run one after the other, and the elementwise instructions in it.
    n_bytes : int
        Memory that a run needs beside its inputs and outputs, and beside what NumPy takes for rows without a kernel.
    """

    def __init__(self, tape: Tape, single: bool = False) -> None:
        super().__init__(ArrayPlan(tape, single).parts)

    @property
    def n_instructions(self) -> int:
        """Number of elementwise instructions."""
        return len(self.parts["code"])

    def cost(self) -> dict[str, int]:
        """What a run costs.

        Returns
        -------
        dict of str to int
            ``flops``: operations, in which a function such as exp counts as one; ``bytes``: what the steps read from and
            write to arrays.
        """
        return cost(self.parts)

    def __repr__(self) -> str:
        n_inputs, n_outputs = len(self.parts["inputs"]), len(self.parts["outputs"])
        return f"<ArrayProgram of {self.n_steps} steps, {n_inputs} inputs, {n_outputs} outputs>"

    def __str__(self) -> str:
        return listing(self.parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (self.parts,)


def restore(parts: dict[str, Any]) -> ArrayProgram:
    """A program from its parts: what unpickling does."""
    program = ArrayProgram.__new__(ArrayProgram)
    Runner.__init__(program, parts)
    return program
