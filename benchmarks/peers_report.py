"""How do the figures of the peers' benchmark read? Tables, the targets, a plot, a file for machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wengert.benchmarks.peers import OUTSIDE, PEERS
from wengert.benchmarks.workloads import PROBLEMS

OURS = "wengert"


@dataclass(frozen=True)
class Target:
    """A bound on the ratio of two times."""

    problem: str
    measure: str
    at_most: float
    peer: str
    ours: str = OURS


TARGETS = (
    Target("rosenbrock_10", "warm", 0.5, "jax"),
    Target("rosenbrock_100", "warm", 0.02, "jax"),
    Target("asian_option", "warm", 0.17, "jax"),
    Target("staged", "warm", 1.0, "jax"),
    Target("rosenbrock_10_call", "warm", 1 / 7, "jax"),
    Target("rosenbrock_10_call", "warm", 1 / 15, "casadi"),
    Target("rosenbrock_10_into", "warm", 1.5, "casadi"),
    Target("rosenbrock_1000", "first", 1 / 500, "jax"),
    Target("rosenbrock_1000", "first", 1 / 5, "casadi"),
    Target("asian_option", "warm", 1 / 1.9, OURS, ours="wengert_2_threads"),
    Target("train_2_16_16_1", "warm", 0.6, "jax_arrays"),
    Target("train_2_16_16_1", "warm", 1 / 14, "torch"),
    Target("train_64_128_10", "warm", 1.0, "jax_arrays"),
    Target("train_64_128_10", "warm", 0.25, "torch"),
    Target("train_784_512_512_10", "warm", 1.0, "jax_arrays"),
    Target("train_784_512_512_10", "warm", 0.55, "torch"),
    *(
        Target(problem.name, "warm", 1.0, peer)
        for problem in PROBLEMS.values()
        for peer in (("numexpr", "jax_arrays") if problem.expression else ("cpp", "jax_arrays"))
        if problem.cpp is not None
    ),
)

COLD = 0.05  # seconds to the first result, recording and compiling included, in every problem with C++ beside it

FORMS = (
    '"Same code" is the function that wengert takes, in scalars and loops; "arrays" is one rewritten by hand in slices '
    "and matrices, as PyTorch and autograd have it too. C is straight-line code with all derivatives, which gcc may "
    "rearrange (-ffast-math); NumPy and C++ (-O3 -march=native, no library) have derivatives worked out by a person."
)

UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))


def duration(seconds: float) -> str:
    """Two significant digits and a unit."""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= size), UNITS[-1])
    count = seconds / size
    return f"{count:.2g} {unit}" if count < 99.5 else f"{count:.0f} {unit}"


def factor(ratio: float) -> str:
    return f"{ratio:.2g}x" if ratio < 99.5 else f"{ratio:.0f}x"


def ratio(results: dict[str, Any], target: Target) -> float | None:
    """The measured ratio that a target bounds, if both sides were measured."""
    rows = results["problems"].get(target.problem, {}).get("peers", {})
    ours, theirs = (rows.get(name, {}).get(target.measure) for name in (target.ours, target.peer))
    return ours / theirs if ours and theirs else None


def target_table(results: dict[str, Any]) -> list[str]:
    lines = ["| target: time of wengert / time of the peer | at most | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        found = ratio(results, target)
        if target.problem not in results["problems"]:
            continue
        title = results["problems"][target.problem]["title"]
        ours = "" if target.ours == OURS else f"{PEERS[target.ours].title}, "
        verdict = "" if found is None else "reached" if found <= target.at_most else "**not reached**"
        measured = "" if found is None else f"{found:.3g}"
        call = "first call, " if target.measure == "first" and "first" not in title else ""
        lines.append(
            f"| {title}: {call}{ours}to {PEERS[target.peer].title} | {target.at_most:.3g} | {measured} | {verdict} |"
        )
    return lines


def cold_start(results: dict[str, Any]) -> list[str]:
    """Which first results of wengert take longer than they should, among the problems with C++ beside them."""
    names = [name for name in results["problems"] if name in PROBLEMS and PROBLEMS[name].cpp]
    times = {name: results["problems"][name]["peers"].get(OURS, {}).get("first") for name in names}
    known = {name: first for name, first in times.items() if first is not None}
    late = [f"{results['problems'][name]['title']} ({duration(t)})" for name, t in known.items() if t > COLD]
    if not known:
        return []
    verdict = "; later: " + ", ".join(late) if late else ""
    return ["", f"First result within {duration(COLD)}: {len(known) - len(late)} of {len(known)} problems{verdict}."]


def time_table(results: dict[str, Any], measure: str) -> list[str]:
    """Time of each peer, and in brackets how many times that of wengert it is."""
    problems = results["problems"].values()
    names = [name for name in PEERS if any("warm" in problem["peers"].get(name, {}) for problem in problems)]
    lines = ["| | " + " | ".join(PEERS[name].title for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for problem in problems:
        counts = "first" if problem["first call counts"] else measure
        evaluations = problem["evaluations"] if counts == "warm" else 1
        ours = problem["peers"].get(OURS, {}).get(counts)
        cells = []
        for name in names:
            seconds = problem["peers"].get(name, {}).get(counts)
            cell = "" if seconds is None else duration(seconds / evaluations)
            if seconds is not None and ours is not None and name != OURS:
                cell += f" ({factor(seconds / ours)})"
            cells.append(cell)
        lines.append(f"| {problem['title']} | " + " | ".join(cells) + " |")
    return lines


def blanks(results: dict[str, Any]) -> list[str]:
    """Why cells are empty: errors and refusals, but not tasks that a peer's best idiom does not cover."""
    lines = []
    for problem in results["problems"].values():
        for name, row in problem["peers"].items():
            if "blank" in row and not row["blank"].startswith(OUTSIDE):
                lines.append(f"- {problem['title']}, {PEERS[name].title}: {row['blank']}")
    return lines


def text(results: dict[str, Any]) -> str:
    """Everything as Markdown."""
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in (machine["versions"] | machine["peers"]).items())
    missing = blanks(results)
    parts = [
        ["Time per evaluation with all derivatives, one core; in brackets, how many times wengert's it is.", FORMS, ""],
        time_table(results, "warm"),
        ["", "Time of the first call: recording, compiling, running.", ""],
        time_table(results, "first"),
        [""],
        target_table(results),
        cold_start(results),
        ["", "Blanks:", "", *missing] if missing else [],
        ["", f"{machine['processor']}, {machine['build']} build, Python {machine['python']}, {packages}"],
    ]
    return "\n".join(line for part in parts for line in part)


def plot(results: dict[str, Any], path: Path) -> None:
    """For every problem the time of each peer as a multiple of wengert's."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    problems = [problem for problem in results["problems"].values() if "warm" in problem["peers"].get(OURS, {})]
    figure, axes = plt.subplots(figsize=(10, 1.5 + 0.4 * len(problems)), layout="constrained")
    for k, name in enumerate(name for name in PEERS if PEERS[name].threads == 1 and name != OURS):
        places, ratios = [], []
        for place, problem in enumerate(problems):
            counts = "first" if problem["first call counts"] else "warm"
            if counts in problem["peers"].get(name, {}):
                places.append(place)
                ratios.append(problem["peers"][name][counts] / problem["peers"][OURS][counts])
        if places:
            axes.plot(ratios, places, "os^vD<>P"[k % 8], color=f"C{k + 1}", label=PEERS[name].title)
    axes.axvline(1.0, color="C0", linewidth=2, label="wengert")
    axes.set_yticks(range(len(problems)), [problem["title"] for problem in problems])
    axes.set(xscale="log", xlabel="time, as a multiple of wengert's (one core)")
    axes.grid(axis="both", color="0.9")
    axes.set_axisbelow(True)
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=5, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(results: dict[str, Any], folder: Path) -> None:
    """Put `peers.json`, `peers.md` and `peers.png` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "peers.md").write_text(text(results) + "\n")
    plot(results, folder / "peers.png")
