"""How does straight-line C solve each task? What an expert with time could have: one loop over rows, nothing between.

The compiler may do everything: the machine's widest vectors, glibc's vector functions, and arithmetic that it may
rearrange (``-ffast-math``), which none of the other peers allows itself. The first call includes compiling.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wengert.benchmarks.peers import NotDoneError, c_source

FUNCTIONS = c_source.FUNCTIONS
FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp-simd", "-fPIC", "-w")


def compiled(text: str) -> Any:
    """The function ``run`` of a C source."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise NotDoneError("gcc is not installed")
    with tempfile.TemporaryDirectory() as folder:
        source, code, library = (Path(folder) / f"straight.{ending}" for ending in ("c", "o", "so"))
        source.write_text(text)
        subprocess.run([gcc, *FLAGS, "-c", str(source), "-o", str(code)], check=True)
        # Linked without -ffast-math, which would take subnormal numbers from the whole process.
        subprocess.run([gcc, "-shared", str(code), "-o", str(library), "-lmvec", "-lm"], check=True)
        return ctypes.CDLL(str(library)).run


def over_rows(listing: c_source.Listing, groups: Sequence[Sequence[Any]], x: np.ndarray) -> Any:
    run = compiled(c_source.source(listing, groups))
    results = tuple(np.empty((len(x), len(group))) for group in groups)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, *results)]
    n = ctypes.c_long(len(x))
    return lambda: run(n, *pointers), results


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    listing = c_source.Listing(x.shape[1])
    value = f(listing.inputs)
    call, (values, slopes) = over_rows(listing, [[value], listing.gradient(value)], x)
    return call, lambda _: (values[:, 0], slopes)


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    listing = c_source.Listing(x.shape[1])
    price = f(listing.inputs)
    slopes = listing.gradient(price)
    gamma = listing.gradient(slopes[0])[0]
    call, (prices, gradients, gammas) = over_rows(listing, [[price], slopes, [gamma]], x)
    return call, lambda _: (prices[:, 0], gradients, gammas[:, 0])


def jacobians(f: Callable[..., Any], x: np.ndarray) -> Any:
    listing = c_source.Listing(x.shape[1])
    rows = [listing.gradient(output) for output in f(listing.inputs)]
    call, (entries,) = over_rows(listing, [[entry for row in rows for entry in row]], x)
    return call, lambda _: (entries.reshape(len(x), len(rows), -1),)
