"""Does the repository agree with itself: generated files, version, workflows, commands?"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lower_ops
import wengert

pytestmark = pytest.mark.repository
ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def run(tool: str, *arguments: str) -> str:
    """Run a tool of the extra [lint], which is installed beside the interpreter."""
    command = [str(Path(sys.executable).parent / tool), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", lower_ops.FILES)
def test_generated_files_are_those_of_the_op_table(name):
    assert (ROOT / "src/wengert/_core" / name).read_text() == lower_ops.FILES[name]()


def test_version_stands_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", wengert.__version__)
    others = [ROOT / "setup.py", ROOT / "pyproject.toml", *WORKFLOWS]
    assert not [path.name for path in others if re.search(rf"\b{re.escape(wengert.__version__)}\b", path.read_text())]


def test_every_package_is_installed():
    files = [path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("__init__.py")]
    files += ["wengert" / path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("__init__.py")]
    packages = {".".join(path.parent.parts) for path in files}
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])


def test_workflows_fit_their_schemas():
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))
    run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")


def test_workflows_are_safe():
    run("zizmor", "--offline", "--quiet", "--persona", "pedantic", ".github")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits(workflow):
    uses = re.findall(r"uses: (.*)", workflow.read_text())
    assert uses
    assert not [action for action in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)]


@pytest.mark.parametrize("platform", ["linux", "macos", "windows"])
def test_wheels_cover_every_supported_python(platform):
    printed = run("cibuildwheel", "--print-build-identifiers", "--platform", platform, "--archs", "all")
    pythons = {name.split("-")[0] for name in printed.split()}
    assert pythons == {"cp311", "cp312", "cp313", "cp314", "cp314t"}


def test_readme_leads_with_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert -1 < readme.index("make run") < 3000
    assert -1 < readme.index("make test") < 3000


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script[-2:] == ["make lint", "make test"]
