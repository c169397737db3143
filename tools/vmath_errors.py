"""How far from the true value are the functions of vmath?

`python tools/vmath_errors.py` measures each function of `tools/vmath_rows.py` in each build that runs on this machine
and prints a Markdown table; `--write` puts it into docs/vmath.md.  Names of functions restrict it to them.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

from vmath_intervals import Array, Interval
from vmath_rows import INF, ROWS, Row
from wengert._core.builds import available_builds, load

PAGE = Path(__file__).parent.parent / "docs/vmath.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- measured: begin -->", "<!-- measured: end -->"


class Truth(NamedTuple):
    """Arguments and true values of one interval, times a scale with which 2^1024 and the ends of subnormals fit."""

    a: Array
    b: Array | None
    scale: Array
    head: Array  # the true value times scale is head + tail
    tail: Array
    ulp: Array  # of the true value, times scale


@cache
def truth(row: Row, interval: Interval, count: int) -> Truth:
    """Draw the points of an interval, always the same, and evaluate the reference."""
    rng = np.random.default_rng(zlib.crc32(f"{row.name} {interval.label}".encode()))
    drawn = interval.draw(rng, count)
    arguments: tuple[Array, ...] = drawn if isinstance(drawn, tuple) else (drawn,)
    scale, head, tail, ulp = np.empty((4, len(arguments[0])))
    for i, point in enumerate(zip(*arguments, strict=True)):
        value = row.reference(*map(mp.mpf, point))
        # Beyond 2^1024 every value is infinity; as wide as that the result may be off.
        value = mp.sign(value) * min(abs(value), mp.mpf(2) ** 1024)
        exponent = max(int(mp.frexp(value)[1]), -1021) if value else -1021
        scale[i] = 2.0**-64 if exponent > 0 else 2.0**64
        value *= scale[i]
        head[i] = float(value)
        tail[i] = float(value - head[i])
        ulp[i] = math.ldexp(scale[i], exponent - 53)
    return Truth(arguments[0], arguments[1] if len(arguments) == 2 else None, scale, head, tail, ulp)


def evaluate(build: str, name: str, a: Any, b: Any = None) -> Array:
    """The function of vmath in one build."""
    value: Array = load(build).evaluate(name, a, b)[0]
    return value


def errors(build: str, row: Row, interval: Interval, count: int) -> tuple[Array, Truth]:
    """Errors in ulp (infinite for NaN), and what they were measured against."""
    t = truth(row, interval, count)
    value = evaluate(build, row.name, t.a, t.b)
    scaled = np.clip(value * t.scale, -(2.0**960), 2.0**960)  # infinity counts as 2^1024
    error = np.abs((scaled - t.head) - t.tail) / t.ulp
    return np.where(np.isnan(error), INF, error), t


def table(rows: list[Row], builds: list[str], count: int) -> Iterator[str]:
    """The lines of the Markdown table."""
    yield f"| function | arguments | {' | '.join(builds)} | worst at |"
    yield f"|---|---|{'---|' * len(builds)}---|"
    for row in rows:
        for interval in row.intervals:
            measured = [errors(build, row, interval, count) for build in builds]
            worst, t = max(measured, key=lambda pair: float(pair[0].max()))
            i = int(worst.argmax())
            where = ", ".join(float(x[i]).hex() for x in (t.a, t.b) if x is not None)
            yield f"| {row.name} | {interval.label} | {' | '.join(f'{e.max():.3f}' for e, _ in measured)} | {where} |"
        truth.cache_clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions to measure (default: all)")
    parser.add_argument("--points", type=int, default=20_000, help="per interval (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args()
    lines = []
    for line in table(
        [row for row in ROWS if not options.names or row.name in options.names], available_builds(), options.points
    ):
        lines.append(line)
        print(line, flush=True)
    if options.write:
        before, rest = PAGE.read_text().split(TABLE_BEGINS)
        after = rest.split(TABLE_ENDS)[1]
        note = f"{options.points} points per line, by `python tools/vmath_errors.py --points {options.points} --write`."
        PAGE.write_text(before + "\n\n".join([TABLE_BEGINS, note, "\n".join(lines), TABLE_ENDS]) + after)


if __name__ == "__main__":
    main()
