"""What is written down of the steps of an array program, so that it only has to be run?

For each group its loops (loops.py) and its code (array_code.pyx); for each row its arrays, and the kernel or the
product of matrices that computes it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert._core.array_code import KIND_GUARD, KIND_LANES, KIND_UNIFORM, write_code
from wengert._core.structured_kernels import kernel_params
from wengert._core.vm import INSTRUCTION
from wengert.array_programs.bodies import loop_tables
from wengert.array_programs.groups import parts_follow
from wengert.array_programs.layout import Layout, Step
from wengert.array_programs.loops import FIXED, GATHER, ROW, Loops, joined, plan_loops
from wengert.array_programs.products import Product, product
from wengert.array_programs.values import CODE, INDEXED, Row, Value
from wengert.array_programs.views import Shape, broadcast_strides, whole_strides

# Rows whose result is of integers.
PLACES = ("argmax", "argmin", "argsort", "searchsorted")
BY_CODE = {"sum": "add", "max": "max", "min": "min"}
FOLDS = {"sum": (1, -0.0), "max": (2, -math.inf), "min": (3, math.inf)}
# Lane-instructions of a chunk, after which Ctrl-C is noticed: about 10 ms.
LONGEST_WORK, SHORTEST_CHUNK = 1 << 26, 1 << 14
# As in program.pyx: wide blocks, as long as their slots stay in the caches; bytes that the slots take.
WIDTHS = ((512, 1 << 14), (256, 1 << 15), (128, 1 << 17), (64, 1 << 18))
NARROWEST = 32


def shared(read: list[dict[str, Any]], written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a group writes, and which of it cannot be written in place.

    That is what lies where the group reads, and what has the slot of another array.
    """
    places = {array["place"] for array in read}
    slots = {array["slot"] for array in read if array["mode"] != FIXED}
    result = []
    for array in written:
        result.append({**array, "shared": array["place"] in places or array["slot"] in slots})
        slots.add(array["slot"])
    return result


class Writer:
    """Writes the steps of one layout; `parts` is what a `Runner` takes."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.reading, self.groups = layout, layout.reading, layout.groups
        self.single, self.item = layout.single, layout.item
        self.n_pinned = self.n_pool = len(layout.pool)
        self.code: list[Any] = []
        self.origins: list[Any] = []
        self.n_code = 0
        self.products: list[Product] = []
        self.loops: list[dict[str, Any]] = []
        steps = [made for step in layout.steps for made in self.write(step)]
        origins = np.concatenate([*self.origins, np.empty(0, np.int64)])
        tape = layout.tape
        self.parts = {
            "single": self.single,
            "inputs": [self.entry(tape.nodes[k].shape, tape.nodes[k].dtype) for k in tape.inputs],
            "outputs": [self.entry(tape.nodes[k].shape, tape.nodes[k].dtype) for k in tape.outputs],
            "constants": self.used_constants(steps),
            "arena": layout.arena,
            "pool": layout.pool + [0.0] * (self.n_pool - len(layout.pool)),
            "n_constants": layout.n_constants,
            "code": np.concatenate([*self.code, np.empty(0, INSTRUCTION)]),
            "positions": [self.reading.positions[int(k)] for k in origins],
            "steps": steps,
            "products": self.products,
            "loops": self.loops,
            "rows": [self.row_entry(row) for row in self.reading.rows],
        }

    def used_constants(self, steps: list[dict[str, Any]]) -> list[Any]:
        """The constants that a step reads; the others are kept no longer."""
        used = {array["place"][0] for step in steps for array in step["arrays"]}
        used |= {link[1] for step in steps for link in step["links"]}
        first = 1 + len(self.layout.tape.inputs)
        return [x if first + k in used else x.reshape(-1)[:0].copy() for k, x in enumerate(self.reading.constants)]

    def entry(self, shape: Shape, dtype: np.dtype[Any]) -> tuple[int, str]:
        return math.prod(shape), self.layout.type_of(dtype)

    def row_entry(self, row: Row) -> Any:
        # The runner keeps bools as floats, and so what is computed of integers; rows tell them apart.
        dtypes = [v.dtype if v.view is None and v.dtype.kind in "biu" else None for v in row.operands]
        return row.name, dtypes, dict(row.params)

    def write(self, step: Step) -> list[dict[str, Any]]:
        if step.kind == "row" and parts_follow(self.reading.rows[step.row]):
            return self.write_joined(step)
        made = self.write_one(step)
        return [] if made is None else [made]

    def write_joined(self, step: Step) -> list[dict[str, Any]]:
        """Copies of the parts that are not stored in their place."""
        row, base = self.reading.rows[step.row], ("row", step.row)
        copies: list[dict[str, Any]] = []
        links, start = [], 0
        for value in row.operands:
            size = math.prod(value.shape)
            here = self.layout.view_of_value(value).base
            if self.groups.is_written_number(row, value):
                links.append((self.layout.pool_place[value.term], *self.layout.buffer(base, start)))
            elif self.layout.inside.get(here) != (base, start) and size:
                copies.append(self.write_copy(value, self.layout.buffer(base, start), row.dtype))
            start += size
        if links:
            copies.append({"kind": "numbers", "arrays": [], "links": links})
        return copies

    def write_one(self, step: Step) -> dict[str, Any] | None:
        if step.kind == "numbers":
            return self.write_numbers(step)
        if step.kind == "group":
            return self.write_group(step)
        if step.kind == "output":
            value = self.reading.outputs[step.output]
            return self.write_copy(value, self.layout.output_place(step.output), value.dtype)
        row = self.reading.rows[step.row]
        target = self.layout.buffer(("row", step.row))
        if row.name in ("copy", "to_float", "to_int"):
            made = self.write_copy(row.operands[0], target, row.dtype)
            return {**made, "position": row.position}
        if row.name == "assemble":
            links = [
                (self.layout.pool_place[v.term], target[0], target[1] + k * self.item)
                for k, v in enumerate(row.operands)
            ]
            return {"kind": "numbers", "arrays": [], "links": links}
        arrays = [self.array_of(v) for v in row.operands]
        arrays.append(self.array(target, self.layout.type_of(row.dtype), row.shape, whole_strides(row.shape)))
        if row.name == "product":
            (a, b), (u, v) = row.operands, [self.layout.view_of_value(value) for value in row.operands]
            self.products.append(product(u, a.shape, v, b.shape))
            return {
                "kind": "product",
                "arrays": arrays,
                "links": [],
                "number": len(self.products) - 1,
                "position": row.position,
            }
        made = {"arrays": arrays, "links": [], "n_read": len(row.operands), "position": row.position}
        if row.name == "loop":
            self.loops.append(loop_tables(row, self.wants_carry(step.row)))
            return {**made, "kind": "loop", "number": len(self.loops) - 1}
        name = self.kernel_of(row)
        params = None if name is None else kernel_params(name, dict(row.params), shapes_of(row))
        if params is not None:
            return {**made, "kind": "kernel", "name": name, "params": params}
        return {**made, "kind": "python", "number": step.row}

    def wants_carry(self, number: int) -> list[bool]:
        """Of each part of the carry of a loop: is more than the last one read?"""
        steps = dict(self.reading.rows[number].params)["steps"]
        spans = self.layout.spans(("row", number))
        result = []
        for k, (begin, distance, _) in enumerate(steps.tables[1][: steps.n_carry].tolist()):
            last = begin + (steps.length - 1) * distance
            start, stop = steps.output_starts[k], steps.output_starts[k + 1]
            ends = [(start, last), (last + abs(distance), stop)]
            result.append(any(low < b and a < high for low, high in spans for a, b in ends))
        return result

    def kernel_of(self, row: Row) -> str | None:
        """Name of the kernel that may compute a row, or None if Python has to."""
        if row.name == "take" and all(v.view is not None and v.dtype == np.int64 for v in row.operands):
            return "take_integers"
        for k, value in enumerate(row.operands):
            is_index = row.name in INDEXED and k == 1
            if (value.view is not None) != is_index or (not is_index and value.dtype.kind != "f"):
                return None
        return row.name if row.dtype.kind == ("i" if row.name in PLACES else "f") else None

    def array(self, place: tuple[int, int], kind: str, shape: Shape, strides: tuple[int, ...]) -> dict[str, Any]:
        item = 4 if kind == "f" else 8
        return {"place": place, "type": kind, "shape": shape, "strides": tuple(s * item for s in strides)}

    def array_of(self, value: Value) -> dict[str, Any]:
        """A value as an array of its shape."""
        view = self.layout.view_of_value(value)
        kind = self.layout.type_of(value.dtype) if value.view is not None else "f" if self.single else "d"
        strides = broadcast_strides(view.shape, view.strides, value.shape)
        return self.array(self.layout.buffer(view.base, view.offset), kind, value.shape, strides)

    def write_copy(self, value: Value, target: tuple[int, int], dtype: np.dtype[Any]) -> dict[str, Any]:
        view = self.layout.view_of_value(value)
        source = self.array_of(value)
        lengths, (x, y) = joined(
            value.shape, [broadcast_strides(view.shape, view.strides, value.shape), whole_strides(value.shape)]
        )
        return {
            "kind": "copy",
            "links": [],
            "arrays": [
                self.array(source["place"], source["type"], lengths, x),
                self.array(target, self.layout.type_of(dtype), lengths, y),
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
            if groups.is_leaf[t] and t in self.layout.pool_place:
                view = self.layout.view_of(t)
                loads.append((self.layout.pool_place[t], *self.layout.buffer(view.base, view.offset)))
        computed = [t for t in group.targets if groups.is_computed[t]]
        mine = set(computed)
        # Constants, leaves and numbers of earlier steps, in their pool entries.
        outside = {a for t in computed for a in groups.arguments[t] if a not in mine}
        outside |= {t for t, _, _ in group.guards if t not in mine}
        place_of: dict[int, int] = {}
        nodes: list[Any] = []
        for t in sorted(outside):
            place_of[t] = len(nodes)
            nodes.append((KIND_UNIFORM, self.layout.pool_place[t], -1, -1, 0))
        more, place_of = self.nodes_of(computed, place_of)
        nodes += more
        targets = [(place_of[t], self.layout.pool_place.get(t, -1)) for t in computed if t in self.layout.pool_place]
        stored = [t for t in group.stores if t in mine and t not in self.layout.pool_place]
        targets += [(place_of[t], -1) for t in stored]
        for t, number, outcome in group.guards:
            targets.append((len(nodes), -1))
            nodes.append((KIND_GUARD, place_of[t], number, int(outcome), groups.origin[t]))
        code, _, places = self.emit(nodes, targets, False)
        stores = []
        for t in group.stores:
            at = self.layout.pool_place[t] if t in self.layout.pool_place else places[place_of[t]]
            stores.append((at, *self.layout.buffer(("term", t))))
        if not loads and not stores and code[0] == code[1]:
            return None
        return {"kind": "numbers", "arrays": [], "links": loads + stores, "n_loads": len(loads), "code": code}

    def write_group(self, step: Step) -> dict[str, Any] | None:
        groups, group, reading = self.groups, step.group, self.reading
        assert group is not None
        shape = group.shape
        if math.prod(shape) == 0:
            return None
        computed, loaded = self.layout.members(group)
        views = [self.layout.view_of(t) for t in loaded]
        read = [broadcast_strides(v.shape, v.strides, shape) for v in views]
        stored = [whole_strides(shape) for _ in group.targets]
        folded = [whole_strides(reading.reductions[r].shape) for r in group.reductions]
        loops = plan_loops(shape, read, stored, folded)
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
        for number in sorted({a for t in computed for a in groups.arguments[t] if groups.is_uniform[a]}):
            place_of[number] = len(nodes)
            nodes.append((KIND_UNIFORM, self.layout.pool_place[number], -1, -1, 0))
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
            arrays.append(self.looped(self.layout.buffer(view.base, view.offset), loops, k, slot))
        written = []
        for k, t in enumerate(group.targets):
            written.append(self.looped(self.layout.buffer(("term", t)), loops, len(loaded) + k, places[results[k]]))
        sums: list[dict[str, Any]] = []
        for r, (reduction, j) in zip(group.reductions, folds, strict=True):
            place = self.layout.buffer(("reduction", r))
            array = self.looped(place, loops, j, places[results[j - len(loaded)]])
            array["fold"], array["first"] = FOLDS[reduction.kind]
            array["count"] = math.prod(reduction.shape)
            (sums if loops.modes[j] == ROW and j not in by_code else written).append(array)
            if j in by_code:
                arrays.append(self.looped(place, loops, j, places[so_far[j]]))
        chunk = loops.chunk
        if loops.rows == 1:
            chunk = min(chunk, max(SHORTEST_CHUNK, LONGEST_WORK // (code[1] - code[0] + 1)))
        return {
            "kind": "group",
            "arrays": arrays + sums + shared(arrays, written),
            "links": [],
            "code": code,
            "n_slots": max(n_slots, 1),
            "width": self.width(n_slots, chunk * loops.rows),
            "n_read": len(arrays),
            "n_written": len(sums) + len(written),
            "n_sums": len(sums),
            "rows": loops.rows,
            "chunk": chunk,
        }

    def looped(self, place: tuple[int, int], loops: Loops, k: int, slot: int) -> dict[str, Any]:
        kind = "f" if self.single else "d"
        array = {**self.array(place, kind, loops.shape, loops.strides[k]), "mode": loops.modes[k], "slot": slot}
        if loops.modes[k] != GATHER:
            return array
        in_one, lengths, strides = loops.nest(k)
        nest = (lengths, tuple(s * self.item for s in strides))
        return {**array, "still": loops.still(k), "rows_in_one": in_one, "nest": nest}

    def width(self, n_slots: int, chunk: int) -> int:
        """Lanes of a block."""
        widest = next((width for width, n_bytes in WIDTHS if width * self.item * n_slots <= n_bytes), NARROWEST)
        return min(widest, (chunk + 7) // 8 * 8)


def shapes_of(row: Row) -> list[Shape]:
    """Shapes of the operands, then of the result."""
    return [*[v.shape for v in row.operands], row.shape]
