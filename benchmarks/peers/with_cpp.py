"""How does C++ solve each task? With the derivatives that a person worked out, in a file beside each problem.

It is what a good programmer writes: plain loops in the order of memory, vectors where the compiler finds them, IEEE
arithmetic, no library. The first call includes compiling.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from wengert.benchmarks.peers import NotDoneError
from wengert.benchmarks.workloads.problem import Cpp

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared")


def compiled(source: Path) -> Any:
    """The function ``run`` of a C++ source."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise NotDoneError("no C++ compiler is installed")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / f"{source.stem}.so"
        subprocess.run([compiler, *FLAGS, str(source), "-o", str(library)], check=True)
        return ctypes.CDLL(str(library)).run


def pointers(arrays: Any) -> Any:
    return (ctypes.c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])


def by_source(cpp: Cpp, first: Any, *data: np.ndarray) -> Any:
    run = compiled(cpp.source)
    inputs = (*first, *data) if isinstance(first, tuple) else (first, *data)
    results = tuple(np.empty(shape) for shape in cpp.shapes)
    sizes = (ctypes.c_long * len(cpp.sizes))(*cpp.sizes)
    into, out = pointers(inputs), pointers(results)
    # Who can read the results keeps alive what the pointers point to.
    return lambda: run(sizes, into, out), lambda _, keep=inputs: results


array_gradient = gradient = curvature = observed_jacobians = elementwise = by_source
