"""Does SciPy's BLAS get the kernels that we choose, and the user's environment back?"""

import os
import subprocess
import sys

import pytest

from wengert._core import blas_choice

NAME = "OPENBLAS_CORETYPE"


@pytest.fixture
def amd_with_avx512(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setattr(blas_choice, "supported_builds", lambda: ["baseline", "avx2", "avx512"])
    monkeypatch.setattr(blas_choice, "processor_is_amd", lambda: True)


def test_the_environment_is_restored(amd_with_avx512):
    with blas_choice.choosing_kernels():
        assert os.environ[NAME] == "SkylakeX"
    assert NAME not in os.environ
    with pytest.raises(ImportError), blas_choice.choosing_kernels():
        raise ImportError
    assert NAME not in os.environ


def test_the_users_choice_stands(amd_with_avx512, monkeypatch):
    monkeypatch.setenv(NAME, "Haswell")
    with blas_choice.choosing_kernels():
        assert os.environ[NAME] == "Haswell"
    assert os.environ[NAME] == "Haswell"


@pytest.mark.parametrize("lacking", ["avx512", "amd"])
def test_other_processors_are_left_alone(amd_with_avx512, monkeypatch, lacking):
    if lacking == "amd":
        monkeypatch.setattr(blas_choice, "processor_is_amd", lambda: False)
    else:
        monkeypatch.setattr(blas_choice, "supported_builds", lambda: ["baseline", "avx2"])
    with blas_choice.choosing_kernels():
        assert NAME not in os.environ


def running_kernels(**environment):
    """What another process runs."""
    code = "from wengert._core import blas_choice; print(blas_choice.running_kernels())"
    kept = {name: value for name, value in os.environ.items() if name != NAME}
    kept["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_openblas_runs_them():
    chosen = blas_choice.better_kernels() if NAME not in os.environ else None
    running = running_kernels()
    if chosen is None or running == "None":
        pytest.skip("not this processor, or not OpenBLAS")
    assert running == chosen
    assert running_kernels(**{NAME: "Haswell"}) == "Haswell"


# ---- threads ----

CODE = """
import threading
import numpy as np
import wengert as wg
from wengert._core import blas_threads

product = wg.compile(lambda a: a @ a)
a = np.eye(300)
product(a)
if not blas_threads.is_found():
    print("another BLAS")
    raise SystemExit
blas_threads.choose(3)
seen, stop = set(), threading.Event()

def watch():
    while not stop.is_set():
        seen.add(blas_threads.number())

watcher = threading.Thread(target=watch)
watcher.start()
runners = [threading.Thread(target=lambda: [product(a) for _ in range(200)]) for _ in range(3)]
for thread in runners:
    thread.start()
for thread in runners:
    thread.join()
stop.set()
watcher.join()
try:
    wg.compile(np.linalg.inv)(np.zeros((50, 50)))
except np.linalg.LinAlgError:
    seen.add("singular")
print(sorted(map(str, seen)), blas_threads.number())
"""


def test_blas_has_one_thread_while_programs_run_and_then_its_own_again():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "4"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    if done.stdout.strip() == "another BLAS":
        pytest.skip("SciPy is not built with OpenBLAS here")
    assert done.stdout.strip() in ("['1', '3', 'singular'] 3", "['1', 'singular'] 3")
