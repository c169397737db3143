"""How is time measured here?

On one core, in turns, the best of several rounds, with the garbage collector on as users have it. A ratio is that of
two best times from the same rounds.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wengert._core.builds import selected


def pin() -> None:
    """Keep this process on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def seconds(run: Callable[[], object], calls: int = 1) -> float:
    """Wall time per call."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def best_in_turns(runs: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """Best seconds per call of several functions, each called so many times a round, one after the other."""
    best = dict.fromkeys(runs, float("inf"))
    for name in runs:
        seconds(runs[name][0])
    for _ in range(rounds):
        for name, (run, calls) in runs.items():
            gc.collect()
            best[name] = min(best[name], seconds(run, calls))
    return best


def machine() -> dict[str, Any]:
    """What was measured on and with."""
    packages = ("wengert", "numpy", "micrograd", "scikit-learn", "Cython")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "build": selected,
        "versions": versions,
    }


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
