"""Do the sdist and the wheel hold what they should, and does the wheel pass the suite without the source tree?"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import every_python
import wengert

pytestmark = pytest.mark.repository
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The sdist of the source tree, and the wheel built from that sdist, each in an isolated environment."""
    folder = tmp_path_factory.mktemp("dist")
    every_python.run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist_files(distributions):
    with tarfile.open(distributions[0]) as archive:
        return {PurePosixPath(*Path(item.name).parts[1:]).as_posix() for item in archive if item.isfile()}


@pytest.fixture(scope="module")
def wheel_files(distributions):
    with zipfile.ZipFile(distributions[1]) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_names_carry_the_version(distributions):
    sdist, wheel = distributions
    assert sdist.name == f"wengert-{wengert.__version__}.tar.gz"
    assert wheel.name.startswith(f"wengert-{wengert.__version__}-cp{sys.version_info.major}{sys.version_info.minor}-")


def test_sdist_holds_the_source_tree(sdist_files):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("the source tree is no git checkout, so there is no list to compare with")
    assert not set(tracked.stdout.splitlines()) - sdist_files


def test_sdist_holds_nothing_that_was_built(sdist_files):
    built = re.compile(r"^build/|\.(c|so|pyd|pyc)$")
    assert not [name for name in sdist_files if built.search(name)]


def test_wheel_holds_what_runs(wheel_files):
    """Modules, stubs and py.typed as in the source tree, and one extension module per .pyx."""
    installed = {"wengert": ROOT / "src/wengert", "wengert/benchmarks": ROOT / "benchmarks"}
    expected = {
        f"{target}/{path.relative_to(source).as_posix()}"
        for target, source in installed.items()
        for ending in ("*.py", "*.pyi", "*.cpp", "py.typed")
        for path in source.rglob(ending)
    }
    compiled = {name for name in wheel_files if name.endswith((".so", ".pyd"))}
    assert wheel_files - compiled == expected
    assert {name.split(".")[0] for name in compiled} == {
        f"wengert/_core/{path.stem}" for path in (ROOT / "src/wengert/_core").glob("*.pyx")
    }


# What takes longest and asks least of how the package was installed: `make test-pythons` runs it on wheels too.
LONG = (
    "test_array_joins.py", "test_array_plan.py", "test_batching.py", "test_benchmarks.py", "test_benchmark_arrays.py",
    "test_bodies.py", "test_elementwise.py", "test_fits.py", "test_networks.py", "test_numpy_derivatives.py",
    "test_numpy_surface.py", "test_ops.py", "test_pending.py", "test_quick.py", "test_sharing.py", "test_sklearn.py",
    "test_special.py", "test_structured.py", "test_structured_kernels.py", "test_vm.py", "test_vmath.py",
)  # fmt: skip


def test_suite_passes_on_the_wheel_alone(distributions, tmp_path):
    python = every_python.install(Path(sys.executable), distributions[1], tmp_path / "environment")
    place = every_python.run(python, "-c", "import wengert; print(wengert.__file__)", folder=tmp_path)
    assert Path(place).is_relative_to(tmp_path)
    assert re.search(r"[1-9]\d* passed", every_python.run_suite(python, tmp_path / "suite", *LONG))
