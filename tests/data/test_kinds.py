"""Tests of columns that cannot be features: left out or asked about, in one sentence with working overrides."""

import datetime
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Table
from adbench.data.table import load
from adbench.errors import AdbenchError, DataError
from adbench.storage.scratch import Scratch
from adbench.text import override


def write(folder: Path, columns: dict[str, Any], name: str = "rows.csv") -> str:
    pd.DataFrame(columns).to_csv(folder / name, index=False)
    return str(folder / name)


def features_of(table: Table) -> set[str]:
    return {*table.features.numeric_names, *table.features.vocabularies}


def pasted(sentence: Any, key: str, *more: str) -> Table:
    """The table loaded with the first override of this key in a sentence, parsed like in a shell."""
    (word, *_) = (word for word in shlex.split(str(sentence).replace(";", " ")) if word.startswith(f"{key}="))
    table: Table = build(compose(["data=table", *more, word])["data"], "data")
    return table


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(51, 90), min_size=2, max_size=2),
    start=st.integers(0, 1),
    order=st.sampled_from(["rising", "falling", "shuffled"]),
    each=st.booleans(),
    on_disk=st.booleans(),
    change=st.sampled_from([0, 0, 1]),
    random=st.randoms(use_true_random=False),
)
def test_a_count_of_the_rows_is_left_out_in_whatever_order(
    sizes: list[int], start: int, order: str, each: bool, on_disk: bool, change: int, random: Any
) -> None:
    counted = [list(range(start, start + size)) for size in sizes]
    if not each:
        counted[1] = [x + sizes[0] for x in counted[1]]
    for one in counted:
        one.sort(reverse=order == "falling")
        if order == "shuffled":
            random.shuffle(one)
    counted[0][5] += 1000 * change  # one row that is not counted
    with tempfile.TemporaryDirectory() as home, Scratch(0.0 if on_disk else 1e9, Path(home)) as scratch:
        paths = [
            write(Path(home), {"n": one, "x": [i % 7 for i in one], "y": [i % (5 - j) == 0 for i in one]}, f"{j}.csv")
            for j, one in enumerate(counted)
        ]
        table = load(paths[0], test_path=paths[1], label="y", scratch=scratch)
        assert features_of(table) == ({"n", "x"} if change else {"x"})
        assert sum("n counts the rows" in note and "data.id=n" in note for note in table.notes) == 1 - change
        carried = load(paths[0], test_path=paths[1], label="y", id="n", scratch=scratch)
        assert carried.ids is not None
        assert carried.ids.to_pylist() == counted[0] + counted[1]


@pytest.mark.parametrize(("name", "left_out"), [("index", 1), ("Row_ID", 1), ("no.", 1), ("Unnamed: 3", 1), ("age", 0)])
def test_a_rising_index_is_left_out_by_its_name(name: str, left_out: int, tmp_path: Path) -> None:
    columns = {"x": [i % 7 for i in range(90)], name: [3 * i + i % 2 for i in range(90)], "y": [0] * 80 + [1] * 10}
    assert features_of(load(write(tmp_path, columns), label="y")) == ({"x"} if left_out else {"x", name})
    columns[name][40] = 2  # a measurement falls, too
    assert features_of(load(write(tmp_path, columns), label="y")) == {"x", name}
    few = {key: values[-40:] for key, values in columns.items()}
    assert features_of(load(write(tmp_path, few), label="y")) == {"x", name}


def test_a_table_of_a_count_alone_is_taken_and_said(tmp_path: Path) -> None:
    table = load(write(tmp_path, {"n": range(90), "y": [0] * 80 + [1] * 10}), label="y")
    assert features_of(table) == {"n"}
    assert any("n counts the rows" in note and "all there is" in note for note in table.notes)


DATES = st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2069, 1, 1))
FORMS = ["%Y-%m-%d", "%d/%m/%Y %H:%M", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S.%fZ", "%d %b %Y", "%H:%M:%S", "%m/%d/%y %I:%M %p"]


@settings(deadline=None, max_examples=30)
@given(dates=st.lists(DATES, min_size=4, max_size=10), form=st.sampled_from(FORMS))
def test_dates_are_asked_about_however_they_are_written(dates: list[datetime.datetime], form: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        columns = {"day": [one.strftime(form) for one in dates], "x": range(len(dates))}
        path = write(Path(home), columns | {"y": [1] + [0] * (len(dates) - 1)})
        with pytest.raises(DataError, match=r"dates or times in column 'day', .*data.drop=\[day\].* as a number"):
            load(path, label="y")


def test_all_columns_that_are_no_features_are_asked_about_at_once_and_each_way_out_works(tmp_path: Path) -> None:
    n = 120
    columns = {
        "day": [f"2024-03-{1 + i % 28:02}" for i in range(n)],
        "kind": ["ab"[i % 2] for i in range(n)],
        "card no": [f"c-{7 * i:05}" for i in range(n)],
        "said": [f"the {i}th customer said so" for i in range(n)],
        "street": [f"street {i % 70}" for i in range(n)],
        "x": [i % 9 for i in range(n)],
        "t": [3 * i for i in range(n)],
        "y": [int(i % 10 == 0) for i in range(n)],
    }
    more = [f"data.path={write(tmp_path, columns)}", "data.label=y", "data.drop=[t]"]
    with pytest.raises(DataError) as caught:
        build(compose(["data=table", *more])["data"], "data")
    sentence = str(caught.value)
    assert "\n" not in sentence
    for words in (
        "dates or times in column 'day'",
        "an id in column 'card no', 120 different",
        "free text in column 'said'",
    ):
        assert words in sentence
    assert "70 different texts in column 'street'" in sentence
    assert features_of(pasted(sentence, "data.drop", *more)) == {"kind", "x"}
    named = pasted(sentence, "data.id", *more[:2], "data.drop=[t,day,said,street]")
    assert features_of(named) == {"kind", "x"}
    assert named.ids.to_pylist() == columns["card no"]
    as_categories = pasted(sentence, "data.categorical", *more[:2], "data.drop=[t,said]")
    assert set(as_categories.features.vocabularies) == {"kind", "day", "card no", "street"}


def test_a_number_called_an_id_is_noted(tmp_path: Path) -> None:
    columns = {"customer_id": [(7919 * i) % 10_007 for i in range(90)], "y": [0] * 80 + [1] * 10}
    table = load(write(tmp_path, columns | {"paid": columns["customer_id"], "x": [1, 2, 3] * 30}), label="y")
    (note,) = (note for note in table.notes if "as an id has" in note)
    assert "customer_id has another" in note
    assert "data.drop=[customer_id]" in note
    assert features_of(table) == {"customer_id", "paid", "x"}


@settings(deadline=None, max_examples=25)
@given(
    numbers=st.lists(st.integers(-99, 99), min_size=18, max_size=30),
    words=st.lists(st.sampled_from(["unknown", "n.d.", "<5", "tbd", "Missing!"]), min_size=1, max_size=2),
    form=st.sampled_from(["{}", "+{}", "{}.5", "{},5", "{} kB", "{}%"]),
)
def test_texts_that_are_nearly_all_numbers_are_asked_about_and_never_taken_for_categories(
    numbers: list[int], words: list[str], form: str
) -> None:
    cells = [form.format(abs(x)) for x in numbers]
    cells[3:3] = words
    with tempfile.TemporaryDirectory() as home:
        path = write(Path(home), {"x": cells, "z": range(len(cells)), "y": [1] + [0] * (len(cells) - 1)})
        with pytest.raises(DataError, match="column 'x', got") as caught:
            load(path, label="y")
        if form not in ("{}", "+{}", "{}.5"):
            return
        assert f"{words[0]!r} in row 4" in str(caught.value)
        assert override("data.missing_words", list(dict.fromkeys(words))) in str(caught.value)
        table = load(path, label="y", missing="drop_rows", missing_words=words)
        assert table.features.numeric[:, 0].tolist() == [float(form.format(abs(x))) for x in numbers]


def test_words_for_missing_can_be_numbers_and_are_meant_in_every_feature(tmp_path: Path) -> None:
    columns = {"x": ["1", "-999", "unknown", "4"], "kind": ["a", "Unknown", "b", "a"], "y": [0, 0, 1, 1]}
    for path in (write(tmp_path, columns), str(tmp_path / "rows.parquet")):
        if path.endswith("parquet"):
            pd.DataFrame(columns | {"x": [1.0, -999.0, None, 4.0]}).to_parquet(path)
        table = load(path, label="y", normal=0, missing="drop_rows", missing_words=["unknown", "-999"])
        assert table.features.numeric[:, 0].tolist() == [1, 4]
        assert table.features.vocabularies == {"kind": ("a",)}


def test_what_was_said_already_is_not_advised_again(tmp_path: Path) -> None:
    cells = [f"{i},5" for i in range(20)] + ["broken"]
    (tmp_path / "rows.csv").write_text("x;y\n" + "".join(f"{cell};{int(i == 0)}\n" for i, cell in enumerate(cells)))
    with pytest.raises(DataError, match="write data.decimal=comma"):
        load(str(tmp_path / "rows.csv"), label="y")
    with pytest.raises(DataError, match=r"20 numbers, and 'broken' in row 21; data.missing_words=\[broken\]") as caught:
        load(str(tmp_path / "rows.csv"), label="y", decimal="comma")
    assert "decimal" not in str(caught.value)
    keys: dict[str, Any] = {"decimal": "comma", "missing": "drop_rows", "missing_words": ["broken"]}
    assert load(str(tmp_path / "rows.csv"), label="y", **keys).features.numeric[:, 0].tolist() == [
        i + 0.5 for i in range(20)
    ]


@pytest.mark.parametrize("as_parquet", [True, False])
def test_whole_numbers_that_floats_cannot_tell_apart_are_named(as_parquet: bool, tmp_path: Path) -> None:
    columns = {"big": [5, 2**53, 2**53 + 1, -(2**60)], "x": [1.5, 1e300 / 1e200, 3.0, 4.0], "y": [0, 0, 1, 1]}
    path = write(tmp_path, columns)
    if as_parquet:
        path = str(tmp_path / "rows.parquet")
        pd.DataFrame(columns).to_parquet(path)
    table = load(path, label="y", normal=0)
    (note,) = (note for note in table.notes if "2^53" in note)
    assert re.match(r"big has 1 whole numbers beyond 2\^53, the first -1152921504606846976 in row 4", note)
    assert (
        pasted(note, "data.id", f"data.path={path}", "data.label=y", "data.normal=0").ids.to_pylist() == columns["big"]
    )


def test_an_id_or_word_of_the_wrong_kind_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, {"x": [1, 2], "y": [0, 1]})
    for keys in ({"id": "nowhere"}, {"missing_words": "unknown"}, {"id": "y"}):
        with pytest.raises(AdbenchError, match=r"expected data\."):
            load(path, label="y", **keys)


def test_the_files_to_learn_from_say_what_a_column_is_and_no_cell_of_a_test_file(tmp_path: Path) -> None:
    n = 120
    label = ([0, 0, 0, 1] * n)[:n]
    trained = {"i": range(n), "x": [i % 7 for i in range(n)], "k": ["a", "b"] * (n // 2), "y": label}
    for i, k in ((range(n), ["a", "b"] * (n // 2)), (range(3, n + 3), [str(j) for j in range(n)])):
        tested = {"i": i, "x": [i % 5 for i in range(n)], "k": k, "y": label}
        table = load(write(tmp_path, trained), test_path=write(tmp_path, tested, "test.csv"), label="y")
        assert table.features.numeric_names == ("x",), "i counts the rows to learn from"
        assert [*table.features.vocabularies] == ["k"]
    texts = write(tmp_path, trained | {"i": [7] * n, "x": ["far", "near"] * (n // 2)}, "test.csv")
    with pytest.raises(DataError, match=r"expected numbers in column 'x' of the test file.* such as 'far'.*drop=\[x\]"):
        load(write(tmp_path, trained), test_path=texts, label="y")


@pytest.mark.parametrize(("trained", "tested", "first"), [("1.200", "3.400", 1200.0), ("0.25", "1.200", 0.25)])
def test_what_points_mean_in_a_test_file_the_files_to_learn_from_say(
    trained: str, tested: str, first: float, tmp_path: Path
) -> None:
    label = [0, 0, 0, 1] * 10
    paths = [
        write(tmp_path, {"x": [text] * 40, "z": [i % 9 for i in range(40)], "y": label}, f"{name}.csv")
        for name, text in {"train": trained, "test": tested}.items()
    ]
    table = load(paths[0], test_path=paths[1], label="y", thousands="point")
    assert table.features.numeric[0, 0] == first
    assert table.features.numeric[40, 0] == (3400.0 if first > 1 else 1.2)
    write(tmp_path, {"x": ["0.25"] * 40, "z": [1] * 40, "y": label}, "test.csv")
    if first > 1:
        with pytest.raises(DataError, match="expected points between thousands in column 'x' of the test file"):
            load(paths[0], test_path=paths[1], label="y", thousands="point")
