"""Does every SIMD build that this processor runs carry the whole package, not only the widest, which is the default?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wengert._core import builds

FILES = ["test_check_grad.py", "test_texts.py", "test_transforms.py", "test_var.py"]


def run(build, *command):
    """Run Python in a fresh process, which chooses its build anew."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"WENGERT_BUILD": build},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("build", builds.available_builds())
def test_environment_chooses_the_build(build):
    done = run(build, "-c", "from wengert._core import builds; print(builds.selected, builds.kernels.__name__)")
    assert done.stdout == f"{build} wengert._core.kernels_{build}\n", done.stderr


def test_unknown_build_is_refused():
    done = run("avx3", "-c", "import wengert")
    assert done.returncode == 1
    assert f"choose from {builds.available_builds()}" in done.stderr


@pytest.mark.parametrize("build", [build for build in builds.available_builds() if build != builds.selected])
def test_suite_passes(build):
    """What is quick and goes through the whole package; the kernels themselves are tested in each build anyway."""
    done = run(build, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{file}" for file in FILES))
    assert done.returncode == 0, done.stdout
