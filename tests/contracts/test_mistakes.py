"""Tests of every row of the table in docs/seal.md, and of the table itself."""

from pathlib import Path

import pytest

from tests.contracts.mistakes import MISTAKES, Bench, Mistake, table_in_markdown

PAGE = Path(__file__).parents[2] / "docs" / "seal.md"


def test_nothing_is_refused_of_what_is_honest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch)
    assert bench.run().status == "done"
    bench.contract(lambda table: table)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.plugin}: {mistake.what}")
def test_a_mistake(mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mistake.comes_to(Bench(tmp_path, monkeypatch)) == mistake.verdict


def test_the_page_prints_these_verdicts() -> None:
    assert table_in_markdown() in PAGE.read_text(encoding="utf-8")
