"""Does the suite pass on the wheel of every CPython from 3.11 that this machine has?

Run `python tools/every_python.py`. The interpreters are those on PATH and those that pyenv keeps. For each, a wheel is
built and installed into an empty environment, and the suite runs far away from the source tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUITE = ("conftest.py", "docs", "examples", "pyproject.toml", "README.md", "tests", "tools")
"""What the suite needs besides the installed package."""

ASK = "import sys, sysconfig; print(sys.implementation.name, *sys.version_info[:2], sysconfig.get_config_var('SOABI'))"


def run(*command: str | Path, folder: Path | None = None) -> str:
    """Run a command and give what it prints; if it fails, show that and stop."""
    # Nothing of the source tree or of a chosen build may leak in.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "WENGERT_"))}
    done = subprocess.run(command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


def interpreters() -> dict[str, Path]:
    """Every CPython from 3.11, by the ending of its extension modules, which names version, processor and GIL."""
    folders = [*map(Path, os.get_exec_path()), *(Path.home() / ".pyenv/versions").glob("*/bin")]
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("python3.[0-9]*"))):
        if path.name.removeprefix("python3.").rstrip("t").isdecimal():
            asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True)
            if asked.returncode == 0:  # pyenv's shims fail for versions that are not selected
                name, major, minor, ending = asked.stdout.split()
                if name == "cpython" and (int(major), int(minor)) >= (3, 11):
                    found.setdefault(ending, path)
    return found


def install(python: Path, wheel: Path, folder: Path) -> Path:
    """Install a wheel and what its tests need into a fresh environment; gives the environment's interpreter."""
    run(python, "-m", "venv", folder)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(inside, "-m", "pip", "install", "--quiet", f"{wheel}[test]")
    return inside


def run_suite(python: Path, folder: Path, *without: str) -> str:
    """Run the suite, but for some of its files, in a folder of its own; gives pytest's closing line."""
    folder.mkdir()
    for name in SUITE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)
    ignored = [f"--ignore=tests/{name}" for name in without]
    return run(python, "-m", "pytest", "-m", "not repository", *ignored, folder=folder).splitlines()[-1]


def main() -> None:
    for ending, python in sorted(interpreters().items()):
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, ROOT)
            inside = install(python, next(place.glob("*.whl")), place / "environment")
            sys.stdout.write(f"{ending}: {run_suite(inside, place / 'suite')}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
