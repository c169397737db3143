"""Does the code in the documentation and in the docstrings run, and print what it says?"""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import wengert as wg

ROOT = Path(__file__).parent.parent
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))] if path.exists()]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def code_blocks(page):
    """Line number and text of each Python block."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        indent, code = found.groups()
        yield text.count("\n", 0, found.start(2)), re.sub(f"^{indent}", "", code, flags=re.MULTILINE)


def run_examples(text, names, where, line=0):
    """Run the `>>>` examples of a text, which may change the names; give the report of what failed."""
    report = []
    test = doctest.DocTest(doctest.DocTestParser().get_examples(text), names, where, where, line, text)
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append, clear_globs=False)
    names.update(test.globs)  # a copy
    return "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_of_the_page_runs(page, tmp_path, monkeypatch):
    """In order, in one namespace that starts empty: a reader can type it in."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for line, code in code_blocks(page):
        if code.lstrip().startswith(">>>"):
            report = run_examples(code, names, str(page), line)
            assert not report, report
        else:
            # The empty lines give tracebacks the line numbers of the page.
            exec(compile("\n" * line + code, page, "exec"), names)


def test_pages_with_examples_are_found():
    assert ROOT / "docs" / "texts.md" in PAGES
    assert len(list(code_blocks(ROOT / "docs" / "texts.md"))) >= 10


def public_docstrings():
    """Of every public object and its public members: full name, docstring, names that its examples may use."""
    for name in wg.__all__:
        thing = getattr(wg, name)
        yield f"wengert.{name}", thing.__doc__, vars(thing) if type(thing) is type(wg) else {}
        for member, value in vars(thing).items() if isinstance(thing, type | type(wg)) else ():
            if not member.startswith("_") and getattr(value, "__module__", "wengert").startswith("wengert"):
                yield f"wengert.{name}.{member}", value.__doc__, {}


DOCSTRINGS = {name: (text or "", names) for name, text, names in public_docstrings()}


@pytest.mark.parametrize("name", [name for name, (text, _) in DOCSTRINGS.items() if ">>>" in text])
def test_examples_of_the_docstring_run(name):
    text, names = DOCSTRINGS[name]
    report = run_examples(text, {**names, "wg": wg, "np": np}, name)
    assert not report, report


@pytest.mark.parametrize("name", wg.__all__)
def test_public_name_says_what_it_is(name):
    """A first sentence on one line; of functions and classes also a two-line example."""
    thing = getattr(wg, name)
    assert re.match(r"\S.*[.?]\n?", thing.__doc__)
    is_error = isinstance(thing, type) and issubclass(thing, Exception)
    if callable(thing) and not is_error:
        assert ">>> " in thing.__doc__
