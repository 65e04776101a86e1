"""Table of mistakes in docs/seal.md, with the verdicts of `tests/contracts/test_mistakes.py`.

Run `python scripts/docs/seal.py` after adding a mistake to `tests/contracts/mistakes.py`; takes a second or two.
"""

import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "seal.md"
BEGIN, END = "<!-- mistakes: scripts/docs/seal.py writes this table -->", "<!-- end of mistakes -->"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.contracts.mistakes import MISTAKES, Bench, table_in_markdown

    for mistake in MISTAKES:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            if (found := mistake.comes_to(Bench(Path(folder), patch))) != mistake.verdict:
                sys.exit(f"expected {mistake.plugin}, {mistake.what}: {mistake.verdict}, got {found}; say so there")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table_in_markdown()}\n\n{END}{after}", encoding="utf-8")
    print(f"{len(MISTAKES)} mistakes in {PAGE}")


if __name__ == "__main__":
    main()
