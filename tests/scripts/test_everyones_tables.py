"""Tests of the transcript of first commands: the pasted answers, and a result for every public table."""

from pathlib import Path

import pytest

from adbench.text import override
from scripts.docs import everyones_tables as script
from scripts.docs.everyones_tables import Outcome, Round, Sources, Table, first_overrides

TYPED = ["adbench", "train", "data.label=y"]


@pytest.mark.parametrize(
    ("advice", "answer"),
    [
        ("got none and 2 values (no, yes); write data.normal=no if that is it", "data.normal=no"),
        ("got 3 gaps; choose data.missing=impute or data.missing=drop_rows", "data.missing=impute"),
        ("got a copy; leave it out with data.drop=[a,b], or take data.family=a", "data.drop=[a,b]"),
        (
            f"got ids; {override('data.drop', ['Product ID', 'b'])}, or {override('data.id', 'b')}",
            override("data.drop", ["Product ID", "b"]),
        ),
        ("got target_fpr=0.01; raise it, or write threshold=evt.", "threshold=evt"),
        ("got data.label=y; name another", None),
        ("got y; data.label=y is one; data.label=z too", "data.label=z"),
        (f"got 2; write {override('data.normal', '0')} if that is it", override("data.normal", "0")),
        ("got a pickle; save it as CSV", None),
    ],
)
def test_the_first_override_of_the_sentence_is_pasted(advice: str, answer: str | None) -> None:
    said = f"adbench: y=0 is taken as normal; data.normal= says otherwise\nadbench: expected something, {advice}"
    assert first_overrides(Round(TYPED, 2, said), TYPED) == ([] if answer is None else [answer])


def test_each_sentence_is_answered() -> None:
    said = "adbench: expected a, got b; write data.normal=no\nadbench: expected c, got d; data.missing=impute, or none"
    assert first_overrides(Round(TYPED, 2, said), TYPED) == ["data.normal=no", "data.missing=impute"]


def test_a_question_is_answered_twice_at_most_and_what_is_left_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    typed = []

    def run(words: list[str], folder: Path) -> Round:
        typed.append(words[4:])
        return Round(words, 2, f"adbench: expected more, got less; write data.skip_rows={len(typed)} | `so`")

    monkeypatch.setattr(script, "run", run)
    table = Table("rows.csv", "y", "Rows", lambda path, _: (10, 2))
    outcome = script.tried(table, Sources(tmp_path, None))
    assert outcome is not None
    first = ["data.path=rows.csv", "data.label=y"]
    assert typed == [first, [*first, "data.skip_rows=1"], [*first, "data.skip_rows=2"]]
    assert (outcome.is_result, outcome.remark) == (False, "no result after 2 rounds of answers")
    below = Outcome(table, (10, 2), [Round(TYPED, 0, "done")], 0.6, ("mean_abs_z", 0.7))
    page = script.document([outcome, below])
    assert "2 tables: 1 asked, 1 without a result, 1 below the best of their own controls" in page
    assert "| `rows.csv` | 10 x 2 | 0 | 0.6000 | mean \\|z\\| 0.7000 | below its control |" in page


@pytest.mark.slow
@pytest.mark.parametrize("table", script.TABLES, ids=lambda table: table.file)
def test_every_public_table_has_a_result_after_two_rounds_at_most(table: Table) -> None:
    outcome = script.tried(table, Sources(script.data_folder(), None))
    if outcome is None:
        pytest.skip("the file is not at hand")
    assert outcome.is_result, outcome.rounds[-1].said
