"""Contract tests of every loader, on a few lines of the bundled files and on small user tables."""

import gzip
import hashlib
import importlib
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from adbench.config.paths import data_folder
from adbench.data import table
from adbench.data.base import Table
from adbench.testing.loaders import CHECKS, Check, Lines, Load

N_LINES = 160
# Dataset -> its files, with the lines taken from the bundled ones, and the columns that are not features.
BUNDLED = {
    "nslkdd": (6_000, {"told": (41, 42), "tested": ("KDDTest+.txt",)}),
    "kddcup99": (80_000, {"told": (41,), "tested": ("corrected",)}),
    "unswnb15": (82_333, {"told": (43, 44), "fixed": (0,), "header": True}),
    "thyroid": (9_172, {"told": (29,)}),
    "ai4i": (10_001, {"told": (8, 9, 10, 11, 12, 13), "fixed": (0, 1), "header": True}),
    "shill": (6_322, {"told": (12,), "fixed": (0, 1, 2), "header": True}),
}
TABLES = {"one file": (), "a test file": ("test.csv",)}


@cache
def lines_of(name: str) -> Lines:
    """Evenly spaced lines of each bundled file."""
    n_read, about = BUNDLED[name]
    info = importlib.import_module(f"adbench.data.{name}").INFO
    files = {}
    for file in info.files:
        with gzip.open(data_folder() / info.folder / f"{file}.gz", "rt", encoding="utf-8-sig") as opened:
            read = [line.rstrip("\r\n") for line in islice(opened, n_read)]
        head = int(about.get("header", False))
        files[file] = [*read[:head], *read[head :: len(read) // N_LINES]]
    return Lines(files, **about)


def loads(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The dataset's own loader, on modified files."""
    module = importlib.import_module(f"adbench.data.{name}")

    def load(lines: Lines) -> Table:
        (folder / module.INFO.folder).mkdir(exist_ok=True)
        for file in lines.files:
            content = lines.content(file)
            (folder / module.INFO.folder / f"{file}.gz").write_bytes(gzip.compress(content, 1))
            monkeypatch.setitem(module.INFO.files, file, hashlib.sha256(content).hexdigest())
            monkeypatch.setitem(module.INFO.rows, file, content.count(b"\n") - lines.header)
        loaded: Table = module.load(str(folder))
        return loaded

    return load


def table_lines(tested: tuple[str, ...]) -> Lines:
    """A small table with a gap here and there, and a word that occurs in few rows."""
    rows = [
        f"{(7 * i) % 11},{'' if i % 10 == 5 else (i * i) % 17 / 4},{'' if i % 19 == 7 else 'abcd'[i % 4]},"
        f"{'rare' if i % 67 == 66 else 'usual'},{int(i % 5 == 0)}"
        for i in range(200)
    ]
    head = "x,y,kind,word,label"
    files = (
        {"rows.csv": [head, *rows[:120]], "test.csv": [head, *rows[120:]]} if tested else {"rows.csv": [head, *rows]}
    )
    return Lines(files, told=(4,), header=True, may_be_empty=(0, 1, 2), tested=tested)


def loads_table(folder: Path) -> Load:
    def load(lines: Lines) -> Table:
        for file in lines.files:
            (folder / file).write_bytes(lines.content(file))
        test = str(folder / "test.csv") if lines.tested else None
        return table.load(str(folder / "rows.csv"), test, label="label", missing="impute")

    return load


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_dataset(name: str, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(loads(name, tmp_path, monkeypatch), lines_of(name))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("of", TABLES)
def test_a_table_of_ones_own(of: str, check: Callable[[Load, Lines], None], tmp_path: Path) -> None:
    check(loads_table(tmp_path), table_lines(TABLES[of]))
