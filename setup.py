"""How are the extension modules built?

``WENGERT_MODE`` in the environment chooses: ``release`` (default), ``debug`` (bounds and None checks, assertions),
``asan`` (the same under AddressSanitizer and UndefinedBehaviorSanitizer), ``trace`` (line tracing for coverage).
"""

import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = "src/wengert/_core"
MODE = os.environ.get("WENGERT_MODE", "release")
CHECKED = MODE != "release"
X86 = platform.machine().lower() in ("x86_64", "amd64")
MSVC = sys.platform == "win32"

if MSVC:
    FLAGS = ["/O2", "/fp:precise", "/std:c11"]
    BUILDS = {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
else:
    # No errno and no traps let the compiler vectorise; neither changes a value. Contraction to fma would.
    FLAGS = ["-O3", "-std=c11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
    AVX512 = ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mprefer-vector-width=512"]
    BUILDS = {"baseline": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx2", "-mfma", *AVX512]}
    if MODE in ("debug", "asan"):
        FLAGS += ["-O1", "-g", "-UNDEBUG"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] if MODE == "asan" else []
MACROS = [("CYTHON_TRACE", "1"), ("CYTHON_USE_SYS_MONITORING", "0")] if MODE == "trace" else []
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "cdivision": True,
    "linetrace": MODE == "trace",
}


def extension(name: str, flags: list[str]) -> Extension:
    return Extension(
        f"wengert._core.{name}",
        [f"{CORE}/{name}.pyx"],
        include_dirs=[CORE],
        extra_compile_args=FLAGS + flags + SANITIZE,
        extra_link_args=SANITIZE,
        define_macros=MACROS,
        depends=[str(path) for ending in ("*.pxd", "*.pxi", "*.h", "vmath/*.h") for path in Path(CORE).glob(ending)],
    )


builds = BUILDS if X86 else {"baseline": []}
extensions = [extension(name, []) for name in ("cpu", "graph", "var", "functions")]
extensions += [extension(f"kernels_{build}", flags) for build, flags in builds.items()]
setup(ext_modules=cythonize(extensions, compiler_directives=DIRECTIVES, force=CHECKED))
