"""How is SciPy's BLAS loaded, and which kernels does it run?

OpenBLAS chooses when it is loaded, from a list of processors that ends before AMD's Zen 4 and Zen 5: on these it takes
kernels for AVX2, half as fast in float32 as those for AVX-512.  ``OPENBLAS_CORETYPE`` in the environment decides
otherwise, and is read at that moment only.  So it is set for as long as the first import takes, and then restored.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from wengert._core import blas_threads
from wengert._core.cpu import supported_builds

VARIABLE = "OPENBLAS_CORETYPE"


def processor_is_amd() -> bool:
    """Is the processor one of AMD's?"""
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="ascii", errors="ignore") as file:
        return "AuthenticAMD" in file.read(200)  # the vendor stands first; all of the file takes long on many cores
    return "AuthenticAMD" in platform.processor()


def better_kernels() -> str | None:
    """Name of the kernels that OpenBLAS should take, or None to leave the choice to it or to the user."""
    if VARIABLE in os.environ or "avx512" not in supported_builds() or not processor_is_amd():
        return None
    return "SkylakeX"  # the plainest ones for AVX-512; newer ones differ in number types that we do not use


@contextmanager
def choosing_kernels() -> Iterator[None]:
    """Within it, the first import of SciPy's BLAS takes the better kernels.  Later imports change nothing."""
    name = better_kernels()
    if name is None:
        yield
        return
    os.environ[VARIABLE] = name
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def load(name: str) -> ModuleType:
    """Import one of our modules that need SciPy's BLAS, and thereby SciPy's BLAS.

    Parameters
    ----------
    name : str
        "lapack" or "products".
    """
    with choosing_kernels():
        module = import_module(f"wengert._core.{name}")
    if not blas_threads.is_found():
        for library in openblas_of_scipy():
            blas_threads.find(library["filepath"])
    return module


def running_kernels() -> str | None:
    """Name of the kernels that SciPy's OpenBLAS runs, or None if that cannot be told: it is another BLAS, say."""
    load("lapack")
    ours = openblas_of_scipy()
    return ours[0]["architecture"] if ours else None


def openblas_of_scipy() -> list[Any]:
    """What is known of SciPy's OpenBLAS, if that is what it uses."""
    from threadpoolctl import threadpool_info

    return [
        blas for blas in threadpool_info() if blas["internal_api"] == "openblas" and not is_numpys(blas["filepath"])
    ]


def is_numpys(library: str) -> bool:
    """Is it the BLAS that NumPy brings along for itself?"""
    return any(part.startswith("numpy") for part in Path(library).parts)
