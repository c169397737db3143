"""Which SIMD build of the kernels does this process run?

The same kernels are compiled for several instruction sets; the widest that the processor runs is taken at import.
``WENGERT_BUILD=baseline`` (or ``avx2``, ``avx512``) in the environment overrides it.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from wengert._core.cpu import supported_builds


def available_builds() -> list[str]:
    """Names of the builds that were compiled and run on this processor, the plainest first."""
    return [build for build in supported_builds() if find_spec(f"wengert._core.kernels_{build}")]


def load(build: str) -> ModuleType:
    """Import the kernels of one build."""
    if build not in available_builds():
        raise ImportError(f"there is no build {build!r} of wengert on this machine; choose from {available_builds()}")
    return import_module(f"wengert._core.kernels_{build}")


selected: str = os.environ.get("WENGERT_BUILD") or available_builds()[-1]
kernels: ModuleType = load(selected)
