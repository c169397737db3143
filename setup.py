"""How are the extension modules built?

``WENGERT_MODE`` in the environment chooses: ``release`` (default), ``debug`` (bounds and None checks, assertions),
``asan`` (the same under AddressSanitizer and UndefinedBehaviorSanitizer), ``trace`` (line tracing for coverage).
"""

import os
import platform
import sys
import sysconfig
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = Path("src/wengert/_core")
MODE = os.environ.get("WENGERT_MODE", "release")
if MODE not in ("release", "debug", "asan", "trace"):
    sys.exit(f"WENGERT_MODE={MODE!r}: choose release, debug, asan or trace")
CHECKED = MODE != "release"
# A folder for each mode and Python, so that none links what another compiled. It is named for `build_ext` too, since an
# editable installation would else compile everything in a temporary folder, every time.
FOLDER = f"build/{MODE}/{sysconfig.get_config_var('EXT_SUFFIX').split('.')[1]}"
FOLDERS = {"build_lib": f"{FOLDER}/lib", "build_temp": f"{FOLDER}/temp"}
X86 = platform.machine().lower() in ("x86_64", "amd64")

if sys.platform == "win32":
    FLAGS = ["/O2", "/fp:precise", "/std:c11"]
    BUILDS = {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
else:
    # No errno and no traps let the compiler vectorise; neither changes a value. Contraction to fma would.
    FLAGS = ["-O3", "-std=c11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
    AVX2 = ["-mavx2", "-mfma"]
    AVX512 = [*AVX2, "-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mprefer-vector-width=512"]
    BUILDS = {"baseline": [], "avx2": AVX2, "avx512": AVX512}
    if sys.platform == "darwin":
        # A universal Python compiles for two processors in one call, and only one of them knows these flags.
        BUILDS = {name: [word for flag in flags for word in ("-Xarch_x86_64", flag)] for name, flags in BUILDS.items()}
    if MODE in ("debug", "asan"):
        FLAGS += ["-O1", "-g", "-UNDEBUG"]

SANITIZE = []
if MODE == "asan":
    SANITIZE = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
MACROS = [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")] if MODE == "trace" else []
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "cdivision": True,
    "linetrace": MODE == "trace",
}


def extension(source: Path) -> Extension:
    return Extension(
        f"wengert._core.{source.stem}",
        [str(source)],
        include_dirs=[str(CORE), np.get_include()],
        extra_compile_args=FLAGS + BUILDS.get(source.stem.removeprefix("kernels_"), []) + SANITIZE,
        extra_link_args=SANITIZE,
        define_macros=[*MACROS, ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        depends=[str(path) for ending in ("*.pxd", "*.pxi", "*.h", "vmath/*.h") for path in CORE.glob(ending)],
    )


foreign = set() if X86 else {"kernels_avx2", "kernels_avx512"}
extensions = [extension(source) for source in sorted(CORE.glob("*.pyx")) if source.stem not in foreign]
setup(
    ext_modules=cythonize(extensions, compiler_directives=DIRECTIVES, build_dir=FOLDER),
    options={"build": FOLDERS, "build_ext": FOLDERS | {"parallel": os.cpu_count() or 1}},
)
