"""Tests of the imports, links and scripts shown in README.md and docs/."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_import_that_is_shown_works() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    shown = set(re.findall(r"(?m)^(?:from adbench[\w.]* import .+|import adbench.*)$", text))
    shown |= set(re.findall(r"`(import adbench|from adbench[\w.]* import \w+)", text))
    assert len(shown) >= 3
    done = subprocess.run([sys.executable, "-c", "\n".join(sorted(shown))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_file_that_is_linked_or_named_is_there() -> None:
    named: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text()
        named |= {str((page.parent / link).resolve()): page.name for link in re.findall(r"\]\(([\w./-]+)\)", text)}
        named |= {str(ROOT / path): page.name for path in re.findall(r"`(?:python )?(scripts/[\w/]+\.py)", text)}
    missing = {path: page for path, page in named.items() if not Path(path).exists()}
    assert len(named) >= 10
    assert missing == {}
