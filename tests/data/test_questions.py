"""Tests of questions about a table: asked at once, and answered by pasting each sentence's first override."""

import pickle
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.data import table
from adbench.data.base import Table
from adbench.errors import AdbenchError, DataError, SeveralError
from scripts.docs.everyones_tables import Round, first_overrides

N_ROWS = 60


def load(path: Path, *overrides: str) -> Table:
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    typed = {one.get_key_element().removeprefix("data."): one.value() for one in parsed}
    return table.load(path=str(path), label="y", separator="semicolon", **typed)


# Oddity of a column -> its cells, by row.
ODD = {
    "comma": lambda i: f"{i},5",
    "thousands": lambda i: f"{i + 1} 250 000",
    "day": lambda i: f"2024-01-{i % 28 + 1:02}",
    "name": lambda i: f"customer {i * 7919} of {i}",
    "gap": lambda i: "" if i == 9 else str(i % 7),
    "word": lambda i: "offline" if i == 9 else str(i % 7),
}


@settings(max_examples=40, deadline=None)
@given(
    odd=st.sets(st.sampled_from(sorted(ODD))),
    twice=st.booleans(),
    label=st.sampled_from([("0", "1"), ("gut", "defekt"), ("1", "2")]),
)
def test_all_that_is_odd_is_asked_at_once(
    odd: set[str], twice: bool, label: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("odd") / "rows.csv"
    cells = {"plain": [str(i * 37 % 11) for i in range(N_ROWS)]}
    for name in sorted(odd):
        for column in (name, f"{name} too")[: 1 + twice]:
            cells[column] = [ODD[name](i) for i in range(N_ROWS)]
    cells["y"] = [label[i % 10 == 0] for i in range(N_ROWS)]
    pd.DataFrame(cells).to_csv(path, sep=";", index=False)
    asks = odd or label != ("0", "1")
    answers: list[str] = []
    if asks:
        with pytest.raises(AdbenchError) as raised:
            load(path)
        said = "\n".join(f"adbench: {sentence}" for sentence in raised.value.sentences)
        # Dates and names share a sentence, as columns that cannot be features. Gaps and words have one each.
        kinds = {"name" if one == "day" else one for one in odd} | ({"label"} if label != ("0", "1") else set())
        assert len(raised.value.sentences) == len(kinds), said
        answers = shlex.split(" ".join(first_overrides(Round([], 2, said), [])))
    if "word" in odd and "gap" not in odd:  # now a missing value
        answers.append("data.missing=impute")
    found = load(path, *answers)
    assert len(found.label) == N_ROWS
    assert found.label.sum() == N_ROWS // 10


def test_columns_of_one_kind_are_one_sentence_that_keeps_what_was_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = {"x": np.arange(9), "a": ["1 kB"] * 9, "b": ["2 kB"] * 9, "t": ["?!"] * 9, "y": [0] * 8 + [1]}
    pd.DataFrame(rows).to_csv(path, sep=";", index=False)
    with pytest.raises(DataError, match=re.escape("in columns 'a', 'b', got '1 kB' in row 1")) as raised:
        load(path, "data.drop=[t]")
    assert "data.drop=[t,a,b]" in str(raised.value)
    assert list(load(path, "data.drop=[t,a,b]").features.numeric_names) == ["x"]


def test_each_sentence_is_a_line_and_a_sweep_is_refused_before_its_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"x": ["off", *range(40)], "y": [2, *[1] * 40]}).to_csv("rows.csv", index=False)
    overrides = ["data=table", "data.path=rows.csv", "data.label=y"]
    for command in (["train", "model=pca"], ["sweep", "model=pca,knn"], ["data", "show", "table"]):
        result = CliRunner().invoke(app, [*command, *(overrides if command[0] != "data" else overrides[1:])])
        assert result.exit_code == 2
        lines = [line for line in result.stderr.splitlines() if line.startswith("adbench: expected")]
        assert [line.split()[2] for line in lines] == ["data.normal,", "numbers"], result.stderr
        assert not list(tmp_path.glob("runs/*"))
    several = pickle.loads(pickle.dumps(SeveralError([DataError("a"), DataError("b")])))
    assert several.followed_by(", in c").sentences == ["a", "b, in c"]


def written(value: float, style: str) -> str:
    """A number in this locale's notation, with two decimals if it has any."""
    whole, _, cents = f"{value:,.2f}".partition(".")
    separator, point = {
        "en": (",", "."),
        "de": (".", ","),
        "ch": ("\u2019", "."),
        "fr": ("\u202f", ","),
        "c": ("", "."),
    }[style]
    return whole.replace(",", separator) + ("" if cents == "00" else point + cents)


@settings(max_examples=60, deadline=None)
@given(
    columns=st.lists(
        st.tuples(
            st.sampled_from(["en", "de", "ch", "fr", "c"]),
            st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 100), min_size=9, max_size=9, unique=True),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_number_is_what_was_written_or_it_is_asked(
    columns: list[tuple[str, list[float]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("styles") / "rows.csv"
    cells = {f"x{i}": [written(value, style) for value in values] for i, (style, values) in enumerate(columns)}
    pd.DataFrame(cells | {"y": [0] * 8 + [1]}).to_csv(path, sep=";", index=False)
    answers: dict[str, str] = {}
    found = None
    for _ in range(3):
        try:
            found = load(path, *[f"{key}={value}" for key, value in answers.items()])
            break
        except AdbenchError as error:
            said = "\n".join(f"adbench: {sentence}" for sentence in error.sentences)
            answers |= dict(
                word.split("=", 1) for word in shlex.split(" ".join(first_overrides(Round([], 2, said), [])))
            )
    if found is None:
        assert len({style for style, _ in columns}) > 1, said
        return
    for name, column in zip(found.features.numeric_names, found.features.columns(), strict=True):
        np.testing.assert_allclose(column, columns[int(name[1:])][1], err_msg=f"{cells[name]} {answers}")


def test_thousands_and_fractions_of_one_column_are_one_question(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame({"x": ["945,10", "4.103,68", "12"] * 3, "y": [0] * 8 + [1]}).to_csv(path, sep=";", index=False)
    with pytest.raises(DataError, match=re.escape("write data.thousands=point")):
        load(path)
    assert load(path, "data.thousands=point").features.numeric[:3, 0].tolist() == [945.1, 4103.68, 12]
