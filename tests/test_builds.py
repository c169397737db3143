"""Does every SIMD build carry the whole package, not only the widest, which is the default, and the checked build?

`make test-builds`, `make test-checked` and `make test-asan` run the whole suite; this is the short form.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wengert._core import builds

FILES = ["test_check_grad.py", "test_texts.py", "test_transforms.py", "test_var.py"]


ROOT = Path(__file__).parent.parent


def run(build, *command, **environment):
    """Run Python in a fresh process, which chooses its build anew."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"WENGERT_BUILD": build} | environment,
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


@pytest.mark.repository
def test_suite_passes_with_checks_compiled_in(tmp_path):
    """Bounds, None and assertions are checked there: what overruns a buffer unseen elsewhere is an error."""
    options = ["--quiet", "--no-deps", "--target", str(tmp_path)]
    done = run("", "-m", "pip", "install", *options, str(ROOT), WENGERT_MODE="debug")
    assert done.returncode == 0, done.stderr
    place = run("", "-c", "import wengert; print(wengert.__file__)", PYTHONPATH=str(tmp_path)).stdout
    assert Path(place.strip()).is_relative_to(tmp_path)
    files = [f"tests/{file}" for file in (*FILES, "test_graph.py")]
    quick = "not ten_million and not million_training_steps"
    done = run("", "-m", "pytest", "-p", "no:cacheprovider", "-k", quick, *files, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
