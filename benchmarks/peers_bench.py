"""How does wengert compare with its peers? ``make bench``.

Every peer has a process of its own and all stand on the same core. The driver asks them in turns, so that a slow moment
of the machine hits everybody, and reports the best of several rounds.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import multiprocessing
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wengert.benchmarks import peers_report, timing
from wengert.benchmarks.peers import PEERS
from wengert.benchmarks.worker import KERNEL_CHOICES, ONE_THREAD, serve
from wengert.benchmarks.workloads import PROBLEMS

ROUND_SECONDS = (
    0.03  # as many calls a round as fill this: long beside the clock's grain, short beside a machine's moods
)
BUDGET_SECONDS = 0.6  # a peer that has taken this long at a problem sits out the rounds that are left
PATIENCE_SECONDS = 120.0  # for one answer; a compiler that takes longer is ended

# Whose results are the measure for the others: derivatives worked out by hand first.
REFERENCES = ("numpy", "casadi", "jax_arrays", "jax", "torch", "autograd", "cpp", "gcc", "wengert", "micrograd")


class Worker:
    """The driver's end of one peer's process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.name), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, kind: str, argument: Any) -> tuple[Any, str | None]:
        """Send a question and wait for the answer; a process that died or takes too long is replaced by a fresh one."""
        try:
            self.connection.send((kind, argument))
            if self.connection.poll(PATIENCE_SECONDS):
                answer: tuple[Any, str | None] = self.connection.recv()
                return answer
            trouble = f"no answer within {PATIENCE_SECONDS:.0f} s"
        except (EOFError, OSError):
            trouble = "its process died"
        self.process.kill()
        self.process.join()
        self.start()
        return None, trouble

    def stop(self) -> None:
        self.connection.send(None)
        self.process.join()


def compare(workers: Sequence[Worker], problem: str, rounds: int) -> dict[str, dict[str, Any]]:
    """First and later calls of one problem by all peers: seconds per call, or the reason of a blank."""
    rows: dict[str, dict[str, Any]] = {}
    results: dict[str, tuple[np.ndarray, ...]] = {}
    seconds: dict[str, float] = {}
    for worker in workers:
        answer, trouble = worker.ask("first", problem)
        if trouble is not None:
            rows[worker.name] = {"blank": trouble}
            continue
        rows[worker.name] = {"first": answer["first"], "warm": answer["second"]}
        results[worker.name], seconds[worker.name] = answer["results"], answer["second"]
    agree(problem, rows, results)
    spent = {name: seconds.get(name, 0.0) for name in rows}
    for _ in range(rounds):
        for worker in workers:
            row = rows[worker.name]
            if "blank" in row or spent[worker.name] > BUDGET_SECONDS:
                continue
            calls = max(1, int(ROUND_SECONDS / max(seconds[worker.name], 1e-9)))
            answer, trouble = worker.ask("again", calls)
            if trouble is not None:
                rows[worker.name] = {"blank": trouble}
                continue
            seconds[worker.name] = answer
            spent[worker.name] += answer * calls
            row["warm"] = min(row["warm"], answer)
    return rows


def agree(problem: str, rows: dict[str, dict[str, Any]], results: dict[str, tuple[np.ndarray, ...]]) -> None:
    """Note each peer's difference from the reference; the times of a wrong result are withdrawn."""
    reference = next((name for name in REFERENCES if name in results), None)
    for name, arrays in results.items():
        far = difference(arrays, results[reference]) if reference else math.nan
        if far <= PROBLEMS[problem].tolerance:
            rows[name]["difference"] = far
        else:
            rows[name] = {"blank": f"differs from {PEERS[reference or name].title} by {far:.1e}", "wrong": True}


def difference(arrays: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> float:
    """Largest difference of two results, relative to the largest entry of each array."""
    if [array.shape for array in arrays] != [array.shape for array in reference]:
        return math.inf
    return max(
        float(np.max(np.abs(array - other)) / max(np.max(np.abs(other)), np.finfo(float).tiny))
        for array, other in zip(arrays, reference, strict=True)
    )


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the peers' packages that are installed."""
    found = {}
    for package in sorted({PEERS[name].package for name in names} - {""}):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def measure(problems: Sequence[str], peers: Sequence[str], rounds: int) -> dict[str, Any]:
    """All problems by all peers, as a dict that JSON can hold."""
    os.environ.update(ONE_THREAD)
    for name in KERNEL_CHOICES:
        os.environ.pop(name, None)
    workers = [Worker(name) for name in peers]
    rows = {}
    for name in problems:
        print(f"{PROBLEMS[name].title} ...", file=sys.stderr, flush=True)
        problem = PROBLEMS[name]
        rows[name] = {
            "title": problem.title,
            "evaluations": problem.evaluations,
            "first call counts": problem.first_call,
            "peers": compare(workers, name, rounds),
        }
    for worker in workers:
        worker.stop()
    return {"machine": timing.machine() | {"peers": versions(peers)}, "problems": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if a peer's result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m wengert.benchmarks.peers_bench", description=__doc__)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="NAME", help="instead of all small ones")
    parser.add_argument("--large", action="store_true", help="the large problems too, which take minutes")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write peers.json, peers.md and peers.png there")
    options = parser.parse_args(arguments)
    problems = options.problems or [name for name in PROBLEMS if options.large or not PROBLEMS[name].large]
    results = measure(problems, options.peers, options.rounds)
    if options.output:
        peers_report.write(results, options.output)
    print(peers_report.text(results))
    return int(any(row.get("wrong") for problem in results["problems"].values() for row in problem["peers"].values()))


if __name__ == "__main__":
    sys.exit(main())
