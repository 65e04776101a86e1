"""Tests of source digests: they depend on content, not on formatting."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbench.storage.syntax import _read, reached, source_of

SAID = '''"""A module."""
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere import Thing


class Model:
    """A model."""

    size = 3

    def score(self, x: float, *, of: "Thing | None" = None) -> float:
        """The score."""
        with open(f"{x!r:>{self.size}}") as file:  # a comment
            return -math.log(x + 1e-9) if file and of is not None else [y**2 for y in (x, 0.5)][0]
'''


def digest(text: str) -> str:
    return _read(text.encode(), "package")[0]


@pytest.mark.parametrize(
    "written",
    [
        SAID.replace('"""A module."""\n', ""),
        SAID.replace("# a comment", "# another\n            # and more"),
        SAID.replace('"""The score."""', "'What was thought of it.'"),
        SAID.replace("\n\n\n", "\n").replace("    ", "  "),
        SAID.replace("(x, 0.5)", "(\n    x,\n    .5_0,\n)").replace("-math", "(-math").replace("1e-9)", "1E-9))"),
        SAID.replace("from elsewhere import Thing", "from nowhere import Thing, Other"),
        SAID.replace('"{x!r', "'{x!r").replace('}}") as', "}}') as"),
        SAID.replace("\n", "\r\n"),
    ],
)
def test_how_it_is_written_does_not_matter(written: str) -> None:
    assert written != SAID
    assert digest(written) == digest(SAID)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("1e-9", "1e-8"),
        ("size = 3", "size = 3.0"),
        ("size = 3", 'size = "3"'),
        ("-math", "+math"),
        ("is not None", "is None"),
        ("math.log", "math.log2"),
        ("*, of", "of"),
        ("x: float", "x: int"),
        (":>{", ":<{"),
        ("!r", "!s"),
        ("if file and", "if file or"),
        ("import math", "import cmath as math"),
        ("**2", "**3"),
    ],
)
def test_what_it_says_does(was: str, now: str) -> None:
    assert was in SAID
    assert digest(SAID.replace(was, now)) != digest(SAID)


def test_the_digest_is_the_same_in_every_version_of_python() -> None:
    assert digest(SAID) == "d61ad0d3f1455111bea4cfd7b43025cb8c565dfc69ca152874f20db00609c323"


def test_what_is_no_python_has_the_digest_of_its_bytes() -> None:
    assert len({digest("def"), digest("def "), digest("x = (" + "(" * 9999), digest("\0")}) == 4


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary package with modules that import some of the others, and a script beside it."""
    files = {
        "own/__init__.py": "",
        "own/model.py": "import numpy, own\nfrom . import near\nfrom .deep.far import f\ndef g():\n import own.late\n",
        "own/near.py": "import os.path\n",
        "own/late.py": "from own.near import x\n",
        "own/deep/__init__.py": "from ..beside_deep import y\n",
        "own/deep/far.py": "",
        "own/beside_deep.py": "",
        "own/unused.py": "",
        "script.py": "import helper, numpy, json\n",
        "helper.py": "import own.near\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("own", "script", "helper")]:
        del sys.modules[name]


def test_imports_are_followed_within_the_package_and_beside_a_script(package: Path) -> None:
    found, others = reached(["own.model"], lambda name: True)
    assert {name: source.file for name, source in found.items()} == {
        "own": package / "own/__init__.py",
        "own.model": package / "own/model.py",
        "own.near": package / "own/near.py",
        "own.late": package / "own/late.py",
        "own.deep": package / "own/deep/__init__.py",
        "own.deep.far": package / "own/deep/far.py",
        "own.beside_deep": package / "own/beside_deep.py",
    }
    assert others["own.model"] == {"numpy"}
    assert set(reached(["own.model"], lambda name: name != "own.deep")[0]) >= {"own.near", "own.deep.far"}
    assert set(reached(["script"], lambda name: True)[0]) == {"script", "helper", "own", "own.near"}
    assert not {"own", "script", "helper"} & set(sys.modules)


def test_what_was_imported_is_what_runs_until_it_is_reloaded(package: Path) -> None:
    def edit(text: str) -> str:
        (package / "helper.py").write_text(text)
        importlib.invalidate_caches()
        source = source_of("helper")
        assert source is not None
        return source.digest

    first = edit("x = 1\n")
    assert edit("x = 22\n") != first
    helper = importlib.import_module("helper")
    second = edit("x = 333\n")
    assert (helper.x, second) == (22, edit("x = 22\n"))
    assert edit("x = 4444\n") == second
    importlib.reload(helper)
    assert (helper.x, edit("x = 4444\n") != second) == (4444, True)
