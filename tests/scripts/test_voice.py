"""The count of phrases to translate finds each kind, in each kind of text, and does not grow."""

from pathlib import Path

import pytest

from scripts.docs import voice

ROOT = Path(__file__).parents[2]
ROOMS = tuple(
    sorted(path.name for path in (ROOT / "adbench").iterdir() if path.is_dir() and path.name != "__pycache__")
)
MODULE = '''"""What a module holds."""

import typer  # one name a line


def f(x: int = typer.Option(0, help="Rows a second.")) -> None:
    """The number of runs.

    Where there are
    none: 0.
    """
    return  # values
    # drawn
    # anew
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with a suspect of each kind in each kind of file."""
    for name, text in {
        "adbench/data/planted.py": MODULE,
        "configs/model/planted.yaml": "# so many\na: 1  # one number a\n      # column\n",
        "docs/planted.md": "One line\na run.\n\n```\none a row\n```\n\nBut for that.\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_kind_is_found_with_its_line(root: Path) -> None:
    assert [(one.path.name, one.line, one.rule) for one in voice.suspects(root)] == [
        ("planted.py", 1, "clause"),
        ("planted.py", 3, "per"),
        ("planted.py", 6, "per"),
        ("planted.py", 9, "turn"),
        ("planted.py", 14, "turn"),
        ("planted.yaml", 1, "turn"),
        ("planted.yaml", 2, "per"),
        ("planted.md", 1, "per"),
        ("planted.md", 8, "turn"),
    ]


def test_the_table_counts_by_folder_and_rule(root: Path) -> None:
    lines = [line.split() for line in voice.table(voice.suspects(root))]
    assert lines == [
        ["folder", "per", "clause", "turn", "all"],
        ["adbench/data", "2", "1", "2", "5"],
        ["configs", "1", "0", "1", "2"],
        ["docs", "1", "0", "1", "2"],
        ["all", "4", "1", "4", "9"],
    ]


def test_a_reader_has_nothing_to_translate() -> None:
    """A suspect that is fine as it stands belongs to the exceptions of the script's patterns."""
    folders = {"adbench", "configs", "scripts", "tests", *(f"adbench/{room}" for room in ROOMS)}
    assert [f"{one.path}:{one.line}: {one.text}" for one in voice.suspects(ROOT) if one.folder in folders] == []
