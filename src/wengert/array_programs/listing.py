"""How does an array program look to its reader: what are its steps, and what do they cost?"""

from __future__ import annotations

import math
from typing import Any

from wengert import ops
from wengert.array_programs.tape import Position

NAMES = {row.code: row.name for row in ops.OPS.values()} | {row.code: row.name for row in ops.FUSED.values()}
ARITY = {row.code: row.arity for row in ops.OPS.values()}
ARITY |= {row.code: ops.OPS[row.inner].arity + ops.OPS[row.outer].arity - 1 for row in ops.FUSED.values()}
FUSED = {row.code for row in ops.FUSED.values()}
FOLDS = {1: "sum", 2: "max", 3: "min"}


def with_position(text: str, position: Position | None) -> str:
    return f"{text:48} {position[2]}, line {position[1]} of {position[0]}" if position else text


class Listing:
    """The lines that describe a program."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts
        self.firsts = [1, 1 + len(parts["inputs"])]
        self.firsts.append(self.firsts[1] + len(parts["constants"]))
        n_inputs, n_outputs = len(parts["inputs"]), len(parts["outputs"])
        self.lines = [f"array program of {len(parts['steps'])} steps, {n_inputs} inputs, {n_outputs} outputs"]
        for step in parts["steps"]:
            self.describe(step)

    def place(self, buffer: int, offset: int) -> str:
        """A name for a place in memory."""
        for name, first in zip(("output", "constant", "input"), self.firsts[::-1], strict=True):
            if buffer >= first:
                return f"{name} {buffer - first}" + (f" + {offset}" if offset else "")
        return f"array {offset}"

    def array(self, array: dict[str, Any]) -> str:
        return f"{self.place(*array['place'])} {array['shape']}"

    def describe(self, step: dict[str, Any]) -> None:
        arrays, kind = step["arrays"], step["kind"]
        if kind == "numbers":
            self.lines.append("once:")
            links = step["links"]
            n_loads = step.get("n_loads", 0)
            self.lines += [f"  u{pool} = {self.place(*place)}" for pool, *place in links[:n_loads]]
            self.instructions(step, varies=False)
            self.lines += [f"  {self.place(*place)} = {self.number(pool)}" for pool, *place in links[n_loads:]]
        elif kind == "group":
            shape = arrays[0]["shape"]
            self.lines.append(f"for each of {' x '.join(map(str, shape))}:")
            for array in arrays[: step["n_read"]]:
                is_fixed = array["mode"] == 3
                self.lines.append(f"  {'u' if is_fixed else 's'}{array['slot']} = {self.place(*array['place'])}")
            self.instructions(step, varies=True)
            for array in arrays[step["n_read"] :]:
                fold = FOLDS.get(array.get("fold", 0))
                what = f"{fold} of s{array['slot']}" if fold else f"s{array['slot']}"
                self.lines.append(f"  {self.place(*array['place'])} = {what}")
        else:
            *operands, out = [self.array(array) for array in arrays]
            name = self.parts["rows"][step["number"]][0] if kind == "python" else step.get("name", kind)
            text = f"{out} = {name} {', '.join(operands)}" + (" (by NumPy)" if kind == "python" else "")
            self.lines.append(with_position(text, step.get("position")))

    def number(self, place: int) -> str:
        """The name of a pool entry, or the constant that it is."""
        parts = self.parts
        return repr(float(parts["pool"][place])) if place < parts["n_constants"] else f"u{place}"

    def instructions(self, step: dict[str, Any], varies: bool) -> None:
        for k in range(*step.get("code", (0, 0))):
            op, kind, expected, dst, a, b, c = self.parts["code"][k].tolist()
            uniform = [not varies or kind >> bit & 1 for bit in range(3)]
            names = [self.number(x) if u else f"s{x}" for x, u in zip((a, b, c), uniform, strict=True)]
            if op in NAMES:
                text = f"  {'s' if varies else 'u'}{dst} = {NAMES[op]} {', '.join(names[: ARITY[op]])}"
            else:
                text = f"  guard {b}: {names[0]} is {'true' if expected else 'false'}"
            self.lines.append(with_position(text, self.parts["positions"][k]))


def listing(parts: dict[str, Any]) -> str:
    """The steps of a program, a line for each instruction."""
    return "\n".join(Listing(parts).lines)


def cost(parts: dict[str, Any]) -> dict[str, int]:
    """Operations, and bytes that steps read and write."""
    result = {"flops": 0, "bytes": 0}
    for step in parts["steps"]:
        arrays = step["arrays"]
        n_elements = math.prod(arrays[0]["shape"]) if step["kind"] == "group" else 1
        codes = parts["code"]["op"][slice(*step.get("code", (0, 0)))].tolist()
        result["flops"] += n_elements * sum(2 if code in FUSED else 1 for code in codes if code in NAMES)
        result["flops"] += n_elements * sum(1 for array in arrays if array.get("fold"))
        if step["kind"] == "product":
            product = parts["products"][step["number"]]
            result["flops"] += 2 * product.m * product.n * product.k * math.prod(product.stack)
        for array in arrays:
            lengths = [n for n, stride in zip(array["shape"], array["strides"], strict=True) if stride]
            result["bytes"] += math.prod(lengths) * (4 if array["type"] == "f" else 8)
    return result
