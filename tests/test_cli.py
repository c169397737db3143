"""Does the command do what it says, and does the main job run to its end?"""

import json
import subprocess
import sys

import pytest

import wengert
from wengert import cli


def wengert_command(*arguments, code=0):
    command = [sys.executable, "-m", "wengert.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def test_info():
    printed = wengert_command("info").stdout
    facts = json.loads(wengert_command("info", "--json").stdout)
    assert facts["wengert"] == wengert.__version__
    assert facts["build"] in facts["builds available"]
    for name in facts:
        assert name in printed


@pytest.mark.parametrize("arguments", [[], ["train"], ["bench", "--epochs", "0"], ["bench", "--rounds", "x"]])
def test_wrong_usage_gives_code_2(arguments):
    assert "usage" in wengert_command(*arguments, code=2).stderr


def test_bench_without_its_extra_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # as if it were not installed
    assert cli.main(["bench"]) == 2
    assert "pip install 'wengert[run]'" in capsys.readouterr().err


def test_main_job(tmp_path):
    """Two epochs: every engine takes every step, agrees, and reaches the bar; the files are written."""
    for package in ("matplotlib", "tqdm"):
        pytest.importorskip(package)
    done = wengert_command("bench", "--epochs", "2", "--rounds", "1", "--json", "--output", str(tmp_path))
    results = json.loads(done.stdout)
    assert json.loads((tmp_path / "bench.json").read_text()) == results
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    training = results["training"]
    assert len(training["losses"]) == 2 * 14
    assert set(training["engines"]) == {"wengert", "pure Python", "micrograd"}
    for row in training["engines"].values():
        assert row["largest difference"] <= 1e-9
        assert row["accuracy"] >= training["logistic regression accuracy"] - 0.01
        assert row["seconds"] > 0
    for name in results["figures"]:
        assert f"| {name} |" in (tmp_path / "bench.md").read_text()
