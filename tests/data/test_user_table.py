"""Tests of data=table: values are read as written, and every uncertainty is one sentence."""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.instantiate import build
from adbench.data.base import Table
from adbench.data.reading.cells import FURTHEST, word
from adbench.data.table import load
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.storage.scratch import Scratch

# Letters of several alphabets, quotes, all separators, line ends inside a cell; no number and nothing empty.
# A cell with both a line end and separators can look like a quote that swallows lines.
WORDS = (
    st.text(st.sampled_from("aZé中 \"',;|\t\r"), max_size=6) | st.text(st.sampled_from("aZé \"'\n\r"), max_size=6)
).map(lambda text: f"w{text}")
NUMBERS = st.floats(-FURTHEST, FURTHEST) | st.integers(-(2**53), 2**53).map(float)
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def rows_of(table: Table) -> dict[str, list[Any]]:
    """The features as written: column -> values."""
    features = table.features
    found: dict[str, list[Any]] = {
        name: column.tolist() for name, column in zip(features.numeric_names, features.numeric.T, strict=True)
    }
    for (name, values), codes in zip(features.vocabularies.items(), features.codes.T, strict=True):
        found[name] = [values[code] for code in codes]
    return found


def as_csv(columns: dict[str, list[Any]], separator: str = ",", line_end: str = "\n", quoting: Any = 0) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end, quoting=quoting)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


SPELLED = WORDS.filter(lambda text: word(text) == text)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """One to four columns of numbers or words in canonical spelling, and a label with both values."""
    n_rows = draw(st.integers(2, 8))
    names = draw(st.lists(WORDS.map(str.strip), min_size=1, max_size=4, unique=True))
    columns: dict[str, list[Any]] = {
        name: draw(st.lists(draw(st.sampled_from([SPELLED, NUMBERS])), min_size=n_rows, max_size=n_rows))
        for name in names
    }
    label = draw(st.permutations([0, 1, *draw(st.lists(st.integers(0, 1), min_size=n_rows - 2, max_size=n_rows - 2))]))
    return columns | {"label": list(label)}


@settings(deadline=None, max_examples=150)
@given(
    columns=tables(),
    separator=st.sampled_from(list(SEPARATORS)),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    bom=st.booleans(),
    compressed=st.booleans(),
)
def test_what_is_written_is_read_back(
    columns: dict[str, list[Any]], separator: str, line_end: str, quoting: int, bom: bool, compressed: bool
) -> None:
    # Python's writer leaves a lone CR unquoted, which ends a line for any reader.
    if any("\r" in str(value) for name, values in columns.items() for value in (name, *values)):
        quoting = csv.QUOTE_ALL
    content = ("\ufeff" if bom else "") + as_csv(columns, SEPARATORS[separator], line_end, quoting)
    expected = {name: values for name, values in columns.items() if name != "label"}
    with tempfile.TemporaryDirectory() as folder:
        path, parquet = Path(folder) / "rows.csv", Path(folder) / "rows.parquet"
        path.write_bytes(gzip.compress(content.encode()) if compressed else content.encode())
        pyarrow.parquet.write_table(pa.table(columns), parquet)
        table = load(str(path), label="label", separator=separator, normal=0)
        assert rows_of(table) == expected
        assert table.label.tolist() == columns["label"]
        assert rows_of(load(str(parquet), label="label", normal=0)) == expected


@settings(deadline=None, max_examples=60)
@given(
    columns=st.integers(2, 6).flatmap(
        lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=2, max_size=30)
    ),
    separator=st.sampled_from(list(SEPARATORS.values())),
)
def test_the_separator_is_found_out(columns: list[list[float]], separator: str) -> None:
    named: dict[str, list[Any]] = {f"c{i}": list(column) for i, column in enumerate(zip(*columns, strict=True))}
    named["label"] = ["normal", *["odd"] * (len(columns) - 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text(as_csv(named, separator))
        assert rows_of(load(str(path), label="label")) == {k: v for k, v in named.items() if k != "label"}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-FURTHEST, FURTHEST) | st.none(), min_size=3, max_size=12))
def test_missing_numbers_are_marked_and_depend_on_no_other_row(values: list[float | None]) -> None:
    columns: dict[str, list[Any]] = {"x": values, "z": list(range(len(values))), "y": [0] * (len(values) - 1) + [1]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text(as_csv({name: ["" if v is None else v for v in of] for name, of in columns.items()}))
        found = rows_of(load(str(path), label="y", missing="impute"))
        assert found["x"] == [0.0 if value is None else value for value in values]
        if None not in values:
            assert set(found) == {"x", "z"}
            return
        assert found["x is missing"] == [float(value is None) for value in values]
        with pytest.raises(DataError, match=f"got {values.count(None)} missing ones in column 'x'"):
            load(str(path), label="y")


Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "rows.csv") -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write


def test_one_file_may_name_columns_in_another_order_and_the_files_are_sorted(write: Write, tmp_path: Path) -> None:
    write("kind,amount,y\nb,3,1\n", "day2.csv")
    write("amount;y;kind\n1;0;a\n2;0;b\n", "day1.csv")
    for path in (str(tmp_path / "day*.csv"), [str(tmp_path / "day2.csv"), str(tmp_path / "day1.csv")]):
        table = load(path, label="y")
        assert rows_of(table) == {"amount": [1, 2, 3], "kind": ["a", "b", "b"]}
        assert [Path(file).name for file in table.fingerprints] == ["day1.csv", "day2.csv"]
        assert not table.is_test.any()


def test_a_test_part_is_marked(write: Write) -> None:
    train, test = write("x,y\n1,0\n2,0\n", "train.csv"), write("x,y\n3,1\n", "test.csv")
    table = load(train, test_path=test, label="y")
    assert table.is_test.tolist() == [False, False, True]
    with pytest.raises(ConfigError, match="in both"):
        load(train, test_path=[train, test], label="y")


@pytest.mark.parametrize(
    ("labels", "normal", "expected"),
    [
        ("0 1", None, [0, 1]),
        ("1.0 0.0", None, [1, 0]),
        ("False True", None, [0, 1]),
        ("normal neptune", None, [0, 1]),
        ("Attack BENIGN", None, [1, 0]),
        ("-1 1", 1, [1, 0]),
        ("-1 1", 1.0, [1, 0]),
        ("False True", True, [1, 0]),
        ("good bad", "good", [0, 1]),
        ("a b c", "b", [1, 0, 1]),
    ],
)
def test_labels(labels: str, normal: Any, expected: list[int], write: Write) -> None:
    words = labels.split()
    table = load(write("x,y\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words))), label="y", normal=normal)
    assert table.label.tolist() == expected
    kinds = words if len(words) > 2 else ["anomaly"] * 2
    assert table.family.tolist() == [kind if is_one else "normal" for kind, is_one in zip(kinds, expected, strict=True)]


@pytest.mark.parametrize(
    ("labels", "proposed"),
    [("apache2 neptune normal neptune", "normal"), ("yes no no", "no"), ("Benign dos benign", "[Benign,benign]")],
)
def test_the_word_for_normal_is_proposed_or_the_most_frequent_value(labels: str, proposed: str, write: Write) -> None:
    rows = "".join(f"{i},{word}\n" for i, word in enumerate(labels.split()))
    with pytest.raises(ConfigError, match=re.escape(f"write data.normal={proposed} if that is it")):
        load(write(f"x,y\n{rows}"), label="y")


def test_families_come_from_their_column(write: Write) -> None:
    path = write("x,y,kind\n1,0,\n2,1,fraud\n3,1,\n")
    table = load(path, label="y", family="kind", normal=0)
    assert table.family.tolist() == ["normal", "fraud", "unknown"]
    assert rows_of(table) == {"x": [1, 2, 3]}


def test_what_is_taken_is_said_on_stderr(write: Write) -> None:
    def said(content: str, *keys: str) -> str:
        overrides = [f"data.path={write(content)}", "data.label=y", *keys]
        script = f"from adbench.cli.main import app; app({['data', 'show', 'table', *overrides, '--json']!r})"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["parts"]["all rows"]["rows"] > 1
        return done.stderr

    rows = "".join(f"{2 * i}\t{i % 7}\t{'ab'[i % 2]}\t{i % 2}\n" for i in range(100))
    found = said(f"time\tx\tkind\ty\n{rows}")
    for words in ("separated by tab", "y=0 is taken as normal", "(kind); data.categorical=[kind]", "data.drop=[time]"):
        assert found.count(words) == 1
    assert said("x,kind,y\n1,a,0\n2,b,1\n", "data.normal=0", "data.categorical=[kind]") == ""


def test_rows_with_missing_values_can_be_left_out(write: Write) -> None:
    path = write("x,kind,y\n1,a,0\nNA,b,0\n3,,1\n4,b,1\n")
    table = load(path, label="y", missing="drop_rows")
    assert rows_of(table) == {"x": [1, 4], "kind": ["a", "b"]}
    assert table.label.tolist() == [0, 1]
    assert rows_of(load(path, label="y", missing="impute"))["kind"] == ["a", "b", "<missing>", "b"]


def test_numbers_can_be_categories_and_parquet_keeps_its_types(write: Write, tmp_path: Path) -> None:
    path = write("code,x,y\n01,+1.5,0\n1,-2e3,1\n")
    assert rows_of(load(path, label="y", categorical=["code"])) == {"code": ["01", "1"], "x": [1.5, -2000.0]}
    columns = {"flag": [True, False], "x": [2**60, 1], "kind": pa.array(["a", "b"]).dictionary_encode(), "y": [0, 1]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    found = rows_of(load(str(tmp_path / "rows.parquet"), label="y"))
    assert found == {"flag": ["true", "false"], "x": [float(2**60), 1.0], "kind": ["a", "b"]}


HALF = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(60))
BAD: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "empty": (b"", {}, "got an empty file"),
    "only a BOM": (b"\xef\xbb\xbf\r\n", {}, "got an empty file"),
    "header only": ("x,y\n", {}, "expected rows in .*none below its header"),
    "one column": ("x\n1\n2\n", {}, "separated by comma, semicolon, tab, pipe.*none of them"),
    "two separators": ("a;b,y\n1;2,0\n1;2,1\n", {}, "got comma and semicolon; name it by data.separator="),
    "duplicate column": ("x,x,y\n1,2,0\n3,4,1\n", {}, "distinct column names.*'x' for columns 1 and 2"),
    "nameless column": ("x,,y\n1,2,0\n3,4,1\n", {}, "got none for column 2"),
    "short row": ("a,x,y\n1,2,0\n3,4\n", {}, "expected 3 columns in each line .*, got 2 in row 2, '3,4'; correct it"),
    "open quote": ('x,k,y\n1,"a,0\n2,b,1\n', {}, "expected .* columns in each line|none below"),
    "latin-1": ("x,y\né,0\nb,1\n".encode("latin-1"), {}, "expected UTF-8 text .* 0xe9 at position 4"),
    "latin-1 far down": (
        ("x,y\n" + "aaaaaaa,0\n" * 600_000).encode() + "é,1\n".encode("latin-1"),
        {},
        "expected UTF-8 text .* 0xe9 at position",
    ),
    "a damaged archive": (b"PK\x03\x04rest", {}, "expected a file that can be read .*not a zip file"),
    "damaged parquet": (b"PAR1" + bytes(100), {}, "expected a readable Parquet file"),
    "damaged gzip": (gzip.compress(HALF.encode())[:40], {}, "expected a file that can be read"),
    "wide": (",".join(map(str, range(20_000))) + "\n", {}, "at most 10,000 columns in .*got 20,000"),
    "a million columns": (",".join(map(str, range(1_000_000))) + "\n", {}, "at most 10,000 columns"),
    "no label": (HALF, {"label": None}, "expected data.label.*scoring unlabelled tables comes later; there is x, y"),
    "wrong label": (HALF, {"label": "z"}, "expected data.label to name a column .*got 'z'; there is x, y"),
    "dropped label": (HALF, {"drop": ["y"]}, "expected data.label to name a column that data.drop leaves"),
    "wrong family": (HALF, {"family": "z"}, "expected data.family to name a column"),
    "wrong drop": (HALF, {"drop": ["z"]}, "expected data.drop to name columns .*got 'z'"),
    "drop no list": (HALF, {"drop": "x"}, "data.drop to be a list"),
    "wrong categorical": (HALF, {"categorical": ["z"]}, "expected data.categorical to name feature columns, got 'z'"),
    "nothing left": (HALF, {"drop": ["x"]}, "expected feature columns beside 'y'"),
    "one label": ("x,y\n1,0\n2,0\n", {}, "got only '0' in column 'y'"),
    "three labels": ("x,y\n1,a\n2,b\n3,c\n", {}, r"got none and 3 values \(a, b, c\); write data.normal=a"),
    "uncertain pair": ("x,y\n1,-1\n2,1\n", {}, r"expected data.normal.*2 values \(-1, 1\)"),
    "normal and benign": ("x,y\n1,normal\n2,benign\n", {}, "expected data.normal"),
    "normal not there": (HALF, {"normal": 2}, "expected data.normal to be a value of column 'y', got 2; there is 0, 1"),
    "missing label": ("x,y\n1,0\n2,\n3,1\n", {}, "expected a label in each row, got 1 empty.*row 2"),
    "missing cell": ("x,k,y\n1,a,0\n,b,1\nnan,,0\n", {}, "2 missing ones in column 'x', and some in 1 other columns"),
    "all rows lack": ("x,y\n,0\n,1\n", {"missing": "drop_rows"}, "expected a row without missing values"),
    "policy": (HALF, {"missing": "guess"}, "expected data.missing to be one of refuse, impute, drop_rows"),
    "infinite": ("x,y\n1,0\ninf,1\n", {}, "expected finite numbers in column 'x', got inf in row 2"),
    "too large": ("x,y\n1,0\n1e999,1\n", {}, "expected finite numbers in column 'x', got inf in row 2"),
    "mixed": ("x,y\n1,0\n2,0\nabc,1\n", {}, "numbers or words in column 'x', got both: 2 numbers, and 'abc' in row 3"),
    "text": (
        "x,k,y\n1,a,0\n2,b,1\n",
        {"categorical": []},
        "got texts in column 'k', such as 'a'; data.drop=.k. leaves it",
    ),
    "decimal comma": ("x;y\n1,5;0\n2,5;1\n", {}, "expected a decimal point in column 'x', got '1,5'"),
    "an id": (
        "k,y\n" + "".join(f"id-{i},{i % 2}\n" for i in range(200)),
        {},
        "a name or an id in column 'k', 200 different texts such as 'id-0'; data.drop=.k. .* data.id=k",
    ),
    "too many values": (
        "k,y\n" + "".join(f"id-{i},{i % 2}\n" for i in range(10_001)),
        {"categorical": ["k"]},
        "at most 10,000 different texts",
    ),
    "family called normal": ("x,y,k\n1,0,a\n2,1,Normal\n", {"family": "k"}, "label and family contradict each other"),
    "separator": (HALF, {"separator": "::"}, "expected data.separator to be one character"),
    "no path": (HALF, {"path": None}, "expected data.path, .* got none"),
    "path is no text": (HALF, {"path": [3]}, "expected data.path to be a file, a glob"),
    "no such file": (HALF, {"path": "/nowhere/*.csv"}, "expected the data file /nowhere.* does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(case: str, write: Write) -> None:
    content, keys, sentence = BAD[case]
    with pytest.raises(AdbenchError, match=sentence) as caught:
        load(**{"path": write(content), "label": "y"} | keys)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_files_that_do_not_fit_together(write: Write, tmp_path: Path) -> None:
    first = write("x,y\n1,0\n", "a.csv")
    for content, sentence in {
        "x,label\n1,0\n": "got no 'y'",
        "x,y,z\n1,1,1\n": "got 'z' besides",
        "x,y\n": "none below its header",
    }.items():
        with pytest.raises(DataError, match=sentence):
            load([first, write(content, "b.csv")], label="y")
    pyarrow.parquet.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="same type in all files"):
        load([first, str(tmp_path / "c.parquet")], label="y")


def test_times_and_nested_columns_of_parquet_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for column in (pa.array([0, 1], pa.timestamp("s")), pa.array([[1], [2]])):
        pyarrow.parquet.write_table(pa.table({"t": column, "x": [1, 2], "y": [0, 1]}), path)
        with pytest.raises(DataError, match=r"in column 't'.*data\.drop=\[t\]"):
            load(str(path), label="y")
        assert rows_of(load(str(path), label="y", drop=["t"])) == {"x": [1, 2]}


def test_a_run_depends_on_the_bytes_and_not_on_where_they_lie(write: Write, tmp_path: Path) -> None:
    def name(*paths: str) -> str:
        return run_name(compose(["data=table", f"data.path=[{','.join(paths)}]"]))

    here, copy = write(HALF, "here.csv"), write(HALF, "copy.csv")
    assert name(here) == name(copy) != name(here, copy)
    assert name(here).startswith("table-vae-s0-")
    before = name(here)
    write(HALF.replace("59,1", "59,0"), "here.csv")
    assert name(here) != before
    assert name("/nowhere/a.csv") != name("/nowhere/b.csv")


def test_it_is_built_from_the_configuration(write: Write) -> None:
    overrides = [f"data.path={write(HALF)}", "data.label=y", "data.normal=1", "data.drop=[]", "data.separator=comma"]
    table: Table = build(compose(["data=table", *overrides])["data"], "data")
    assert table.label.tolist() == [1, 0] * 30


@pytest.fixture
def payments(tmp_path: Path) -> list[str]:
    """Overrides for a table of payments: amounts near 20, and frauds of 500 from nowhere."""
    rng = np.random.default_rng(0)
    for name, n_frauds in {"train": 10, "test": 40}.items():
        n = 400
        amount, hour = rng.normal(20, 3, n), rng.integers(0, 24, n)
        country = rng.choice(["de", "fr"], n).tolist()
        amount[:n_frauds], country[: n_frauds - 2] = 500, ["nowhere"] * (n_frauds - 2)
        fraud = (np.arange(n) < n_frauds).astype(int)
        columns = {"id": range(n), "amount": amount, "hour": hour, "country": country, "fraud": fraud}
        (tmp_path / f"{name}.csv").write_text(as_csv({key: list(values) for key, values in columns.items()}))
    keys = ["data.label=fraud", "data.drop=[id]", f"data.test_path={tmp_path / 'test.csv'}"]
    return [f"data.path={tmp_path / 'train.csv'}", *keys]


def test_train_on_a_table_of_ones_own(payments: list[str], tmp_path: Path) -> None:
    arguments = ["train", "model=ae", "data=table", *payments, f"runs_dir={tmp_path / 'runs'}", "--json"]
    result = CliRunner().invoke(app, [*arguments, "trainer.max_epochs=3", "trainer.min_steps=0", "target_fpr=0.05"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["metrics"]["roc_auc"] > 0.75
    assert document["metrics"]["n_test"] == 400
    environment = json.loads((Path(document["run"]) / "environment.json").read_text())
    assert {Path(file).name for file in environment["data_sha256"]} == {"train.csv", "test.csv"}


def test_only_categories_are_enough(write: Write, tmp_path: Path) -> None:
    rows = "".join(f"{'ab'[i % 2]},{'cd'[i % 3 == 0]},{int(i % 10 == 0)}\n" for i in range(100))
    test = "".join(f"{'z' if i % 2 else 'a'},c,{i % 2}\n" for i in range(20))
    paths = [
        f"data.path={write('k,l,y' + chr(10) + rows)}",
        f"data.test_path={write('k,l,y' + chr(10) + test, 't.csv')}",
    ]
    settings = ["trainer.max_epochs=1", "trainer.min_steps=0", "target_fpr=0.1", f"runs_dir={tmp_path / 'runs'}"]
    for preprocess in ("quantile", "standard"):
        overrides = ["train", "data=table", *paths, "data.label=y", *settings, f"preprocess={preprocess}"]
        result = CliRunner().invoke(app, overrides)
        assert result.exit_code == 0, result.stderr


def test_without_a_test_file_the_protocol_sets_rows_apart(payments: list[str], tmp_path: Path) -> None:
    arguments = ["train", "model=pca", "data=table", *payments[:-1], f"runs_dir={tmp_path / 'runs'}", "--json"]
    result = CliRunner().invoke(app, [*arguments, "model.n_components=3", "target_fpr=0.05"])
    assert result.exit_code == 0, result.stderr
    metrics = json.loads(result.stdout)["metrics"]
    # Half of the 390 normals, and all 10 frauds; none of them is known from training.
    assert (metrics["n_test"], metrics["n_fit"] + metrics["n_calibration"]) == (205, 195)
    assert "novel/n" not in metrics


SPELLINGS = st.sampled_from(["{}", " {}", "{} ", "\t{}", "{}.0", "{}.00"])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["6", "17", "-1"]), SPELLINGS), min_size=4, max_size=12))
def test_one_value_has_one_spelling_in_categories_labels_and_families(cells: list[tuple[str, str]]) -> None:
    texts = [spelling.format(value) for value, spelling in cells]
    lines = [f'"{text}",{int(i == 0)},"{text}"' for i, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("proto,y,kind\n" + "\n".join(lines) + "\n")
        table = load(str(path), label="y", family="kind", categorical=["proto"], normal=0)
        assert rows_of(table)["proto"] == [value for value, _ in cells]
        assert table.family.tolist() == [cells[0][0], *["normal"] * (len(cells) - 1)]
        if len({value for value, _ in cells}) > 1:
            labelled = load(str(path), label="kind", normal=int(cells[0][0]), drop=["y"], categorical=["proto"])
            assert labelled.label.tolist() == [int(value != cells[0][0]) for value, _ in cells]


@pytest.mark.parametrize("nothing", ["NaN", "NA", " null ", "None", "?", "-", "n/a"])
def test_what_stands_for_nothing_among_numbers_does_so_among_texts(nothing: str, write: Write) -> None:
    lines = "".join(f"a,{i % 2}\n" for i in range(10))
    with pytest.raises(DataError, match="got 1 missing ones in column 'kind'"):
        load(write(f"kind,y\n{lines}{nothing},0\n"), label="y")
    with pytest.raises(DataError, match="a label in each row, got 1 empty cells"):
        load(write(f"kind,y\n{lines}b,{nothing}\n"), label="y", normal=0)


@pytest.mark.parametrize("other", ["Benign", "benign", "normal.", "NORMAL"])
def test_another_spelling_of_normal_is_asked_and_a_list_names_them(other: str, write: Write) -> None:
    path = write("x,y\n" + "".join(f"{i},{('BENIGN', other, 'dos')[i % 3]}\n" for i in range(9)))
    with pytest.raises(ConfigError, match=f"got {other} beside BENIGN; write .*data.normal=.BENIGN,") as caught:
        load(path, label="y", normal="BENIGN")
    assert "\n" not in str(caught.value)
    assert load(path, label="y", normal=["BENIGN", other]).label.sum() == 3


def test_a_guess_that_makes_most_rows_anomalies_is_asked(write: Write) -> None:
    path = write("x,y\n" + "".join(f"{i},{int(i > 0)}\n" for i in range(10)))
    with pytest.raises(ConfigError, match=r"90% of the rows anomalies; write data.normal=0 or data.normal=1"):
        load(path, label="y")
    assert load(path, label="y", normal=1).label.sum() == 1


def test_a_label_that_is_a_struct_is_one_sentence(tmp_path: Path) -> None:
    rows = pa.table({"x": [1.0, 2.0], "label": [{"is": 1}, {"is": 0}]})
    pyarrow.parquet.write_table(rows, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="booleans in column 'label', got struct"):
        load(str(tmp_path / "rows.parquet"), label="label")


ROWS = [f"{i},{'ab'[i % 2]},{int(i % 5 == 0)}" for i in range(20)]


@pytest.fixture(params=["in memory", "on disk"])
def load_from(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Table]:
    def load_it(path: str, **keys: Any) -> Table:
        if request.param == "in memory":
            return load(path, **keys)
        with Scratch(0.0, tmp_path) as scratch:
            return load(path, scratch=scratch, **keys)

    return load_it


def test_a_header_that_comes_again_is_left_out_and_noted(write: Write, load_from: Callable[..., Table]) -> None:
    lines = ["x,kind,y", *ROWS[:7], "x,kind,y", *ROWS[7:15], " x , kind,y", *ROWS[15:]]
    table = load_from(write("\n".join(lines) + "\n"), label="y", normal=0)
    assert rows_of(table)["x"] == list(range(20))
    (note,) = [note for note in table.notes if "header" in note]
    assert "2 rows" in note
    assert "row 8" in note


def test_a_first_line_that_is_a_record_is_asked_and_names_can_be_given(
    write: Write, load_from: Callable[..., Table]
) -> None:
    path = write("\n".join(ROWS) + "\n")
    with pytest.raises(DataError, match=r"looks like a record: 0, a, 1; .* data.header=\[c0,c1,c2\]"):
        load_from(path, label="y")
    table = load_from(path, label="y", header=["x", "kind", "y"], normal=0)
    assert rows_of(table)["x"] == list(range(20))
    with pytest.raises(ConfigError, match="name the 3 columns of .*, got 2 names"):
        load_from(path, label="y", header=["x", "y"])
    counted = write("0,1,2\n" + "\n".join(ROWS) + "\n", "counted.csv")
    assert rows_of(load_from(counted, label="2", normal=0))["0"] == list(range(20))


@pytest.mark.parametrize("line", ["# made on Monday", "sep=,", "#"])
def test_lines_before_the_header_are_named_and_can_be_left_out(
    line: str, write: Write, load_from: Callable[..., Table]
) -> None:
    path = write("\n".join([line, "x,kind,y", *ROWS]) + "\n")
    with pytest.raises(DataError, match=r"in line 1 of .*; leave it out by data.skip_rows=1"):
        load_from(path, label="y")
    assert rows_of(load_from(path, label="y", normal=0, skip_rows=1))["x"] == list(range(20))


def test_a_quote_that_swallows_lines_names_its_row(write: Write, load_from: Callable[..., Table]) -> None:
    lines = list(ROWS)
    lines[4], lines[12] = '4,"a,1', '12,a",0'
    with pytest.raises(DataError, match="in column 'kind' of row 5 that goes on for 8 more lines"):
        load_from(write("x,kind,y\n" + "\n".join(lines) + "\n"), label="y")
    honest = 'x,kind,y\n1,"two\nlines, and a comma",0\n2,b,1\n3,b,0\n'
    assert rows_of(load_from(write(honest, "honest.csv"), label="y"))["x"] == [1, 2, 3]


def test_an_index_that_pandas_wrote_is_left_out_and_noted(write: Write, tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": range(20), "y": [int(i % 5 == 0) for i in range(20)]}).sample(frac=0.9, random_state=0)
    rows.to_csv(tmp_path / "rows.csv")
    rows.to_parquet(tmp_path / "rows.parquet")
    for name, said in (("rows.csv", "the first column of"), ("rows.parquet", "__index_level_0__ of")):
        table = load(str(tmp_path / name), label="y")
        assert list(rows_of(table)) == ["x"]
        assert sum(said in note and "left out" in note for note in table.notes) == 1


SEPARATED = {"comma": ("{:,.2f}", "point"), "space": ("{:,.2f}", "comma"), "apostrophe": ("{:,.2f}", "point")}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=2, max_size=10))
@pytest.mark.parametrize("thousands", list(SEPARATED))
def test_numbers_are_read_as_they_are_said_to_be_written(thousands: str, values: list[float]) -> None:
    form, decimal = SEPARATED[thousands]
    signs = {",": {"comma": ",", "space": " ", "apostrophe": "'"}[thousands], ".": "," if decimal == "comma" else "."}
    cells = ["".join(signs.get(sign, sign) for sign in form.format(value)) for value in values]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("x;y\n" + "".join(f"{cell};{int(i == 0)}\n" for i, cell in enumerate(cells)))
        table = load(str(path), label="y", normal=0, thousands=thousands, decimal=decimal, categorical=[])
    assert rows_of(table)["x"] == values


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            ["1,250,000", "950", "12,000"],
            "got '1,250,000' in row 1, as with separators of thousands; write data.thousands",
        ),
        (["1.250.000", "12.000.000", "950"], "separators of thousands"),
        (["12 kB", "3 MB", "7 kB"], "got '12 kB' in row 1, as with a unit"),
        (["12%", "3.5%", "7%"], "as with a unit, percent"),
        (["0x1f", "0x20", "0xff"], "hexadecimal"),
        (["$5", "$7.50", "$1"], "as with a unit"),
        (["1e200", "2", "3"], r"whose squares can be computed in column 'x', got 1e\+200 in row 1"),
        (["1.7976931348623157e308", "2", "3"], "whose squares can be computed"),
        (["inf", "2", "3"], "data.infinite=missing takes them for missing"),
    ],
)
def test_numbers_in_other_spellings_are_asked_and_never_become_categories(
    cells: list[str], sentence: str, write: Write
) -> None:
    content = "x;y\n" + "".join(f"{cell};{int(i == 2)}\n" for i, cell in enumerate(cells))
    with pytest.raises(DataError, match=sentence) as caught:
        load(write(content), label="y")
    assert "\n" not in str(caught.value)


def test_infinite_numbers_can_be_missing_ones(write: Write) -> None:
    path = write("x,y\n1,0\nInfinity,0\n-inf,1\n4,0\n")
    with pytest.raises(DataError, match="got 2 missing ones in column 'x'"):
        load(path, label="y", infinite="missing")
    assert rows_of(load(path, label="y", infinite="missing", missing="drop_rows"))["x"] == [1, 4]
    for keys in (
        {"decimal": "dot"},
        {"thousands": "dot"},
        {"infinite": "keep"},
        {"decimal": "comma", "thousands": "comma"},
    ):
        with pytest.raises(ConfigError, match=r"expected data\."):
            load(path, label="y", **keys)


@pytest.mark.parametrize("nothing", ["null", "NaN", "-", "none"])
def test_a_word_for_missing_is_a_label_where_it_is_named(nothing: str, write: Write) -> None:
    path = write(f"x,y\n1,{nothing}\n2,odd\n3, {nothing} \n")
    with pytest.raises(DataError, match="got 2 empty cells in column 'y', the first in row 1; .*write data.normal="):
        load(path, label="y")
    assert load(path, label="y", normal=nothing).label.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="got 1 empty cells in column 'y', the first in row 4"):
        load(write(f"x,y\n1,{nothing}\n2,odd\n3,{nothing}\n4,\n"), label="y", normal=nothing)


def test_normal_rows_in_the_test_file_alone_are_named(write: Write) -> None:
    train, test = write("x,y\n1,bad\n2,worse\n", "a.csv"), write("x,y\n1,bad\n2,ok\n", "b.csv")
    with pytest.raises(DataError, match=r"in the files of data\.path, got 2 rows with y=bad, worse and none with ok"):
        load(train, test_path=test, label="y", normal="ok")
    assert load(test, test_path=train, label="y", normal="ok").label.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("cell", ["w\n;", "a\n;\nb", "x\n\n\ny;"])
def test_a_text_of_several_lines_is_no_open_quote(cell: str, write: Write) -> None:
    path = write(as_csv({"k": [cell, "b", "b"], "y": [0, 1, 0]}, ";"))
    assert rows_of(load(path, label="y", separator="semicolon")) == {"k": [cell, "b", "b"]}
