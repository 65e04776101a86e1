"""Tests of data=table from one file per class, its ids, and its name."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.data.table import load
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.results.record import read_run
from adbench.runner.reproduce import reproduce
from adbench.storage.scratch import Scratch

VALUES = st.lists(st.integers(-99, 99), min_size=1, max_size=6)


def write(folder: Path, name: str, rows: list[str], header: str) -> str:
    (folder / name).write_text("\n".join([header, *rows]) + "\n")
    return str(folder / name)


@settings(deadline=None, max_examples=40)
@given(
    normal=st.lists(VALUES, min_size=1, max_size=2),
    anomalies=st.lists(VALUES, min_size=1, max_size=3),
    tested=st.none() | VALUES,
    on_disk=st.booleans(),
)
def test_rows_have_the_class_of_their_file(
    normal: list[list[int]], anomalies: list[list[int]], tested: list[int] | None, on_disk: bool
) -> None:
    with tempfile.TemporaryDirectory() as home, Scratch(0.0 if on_disk else 1e9, Path(home)) as scratch:
        folder = Path(home)
        # A column that makes all files' bytes differ.
        paths = [
            [
                write(folder, f"{kind}{i}.csv", [f"{x},{kind}{i}" for x in rows], "x,file")
                for i, rows in enumerate(files)
            ]
            for kind, files in {"n": normal, "a": anomalies}.items()
        ]
        keys: dict[str, Any] = {"normal_path": paths[0], "anomaly_path": paths[1]}
        expected = [(x, 0, "normal") for rows in normal for x in rows]
        expected += [
            (x, 1, f"a{i}" if len(anomalies) > 1 else "anomaly") for i, rows in enumerate(anomalies) for x in rows
        ]
        if tested:
            labelled = [f"t,{x},{int(i > 0)}" for i, x in enumerate([7, *tested])]
            keys |= {"test_path": write(folder, "test.csv", labelled, "file,x,y"), "label": "y", "normal": 0}
            expected += [(x, int(i > 0), "anomaly" if i else "normal") for i, x in enumerate([7, *tested])]
        table = load(**keys, drop=["file"], scratch=scratch)
        found = zip(table.features.numeric[:, 0].tolist(), table.label.tolist(), table.family.tolist(), strict=True)
        assert list(found) == expected
        assert table.is_test.sum() == (len(tested) + 1 if tested else 0)


def test_a_file_of_one_class_can_be_of_the_test_part(tmp_path: Path) -> None:
    normal = [write(tmp_path, f"day{i}.csv", [f"{x},1" for x in range(i, 9)], "x,w") for i in range(2)]
    attack = write(tmp_path, "attack.csv", ["50,1", "51,1"], "x,w")
    table = load(normal_path=normal, anomaly_path=attack, test_path=[normal[1], attack])
    assert table.is_test.tolist() == [False] * 9 + [True] * 10
    assert table.label.tolist() == [0] * 17 + [1] * 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "expected data.path, .* files? .*normal rows by data.normal_path="),
    "no label": ({"path": ["a.csv", "n.csv"]}, "expected data.label.*the files of anomalies by data.anomaly_path="),
    "normal rows alone": ({"normal_path": "n.csv"}, "got files of normal rows alone.* data.anomaly_path="),
    "anomalies alone": ({"anomaly_path": "a.csv"}, "got files of anomalies alone.* data.normal_path="),
    "one file of both": (
        {"normal_path": "n.csv", "anomaly_path": "n.csv"},
        "other files in data.anomaly_path .*in both",
    ),
    "the same bytes": ({"normal_path": "n.csv", "anomaly_path": "n2.csv"}, "for each class, got the same bytes in "),
    "bytes of training": (
        {"path": "l.csv", "test_path": "l2.csv", "label": "y"},
        "to test on than to learn from, got the same bytes in .*l.csv and .*l2.csv",
    ),
    "a label for nothing": ({"normal_path": "n.csv", "anomaly_path": "a.csv", "label": "y"}, "leave data.label out$"),
    "other columns": (
        {"normal_path": "n.csv", "test_path": "other.csv", "label": "y"},
        "expected the columns of .*n.csv in .*other.csv, got no 'x'",
    ),
    "no such id": ({"path": "l.csv", "label": "y", "id": "key"}, "expected data.id to name a column .* got 'key'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_files_that_contradict_each_other_are_one_sentence(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("n.csv", "n2.csv"):
        write(tmp_path, name, ["1,1", "2,1"], "x,w")
    write(tmp_path, "a.csv", ["9,1"], "x,w")
    for name in ("l.csv", "l2.csv"):
        write(tmp_path, name, ["1,1,0", "2,1,1"], "x,w,y")
    write(tmp_path, "other.csv", ["1,1,0", "2,1,1"], "z,w,y")
    keys, sentence = REFUSED[case]
    with pytest.raises(AdbenchError, match=sentence) as caught:
        load(**keys)
    assert isinstance(caught.value, ConfigError | DataError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ids", [[f"card-{i:03}" for i in range(80)], [7 * i for i in range(80)], ["007"] * 80])
def test_ids_are_carried_into_the_scores_and_are_no_feature(ids: list[Any], tmp_path: Path) -> None:
    rows = [f"{one},{'' if i == 3 else i % 9},{i % 5},{int(i % 10 == 0)}" for i, one in enumerate(ids)]
    path = write(tmp_path, "rows.csv", rows, "card,x,z,y")
    keys = ["data=table", f"data.path={path}", "data.label=y", "data.id=card", "data.missing=drop_rows"]
    arguments = ["train", "model=knn", *keys, "target_fpr=0.2", f"runs_dir={tmp_path / 'runs'}", "--json", "--force"]
    for _ in range(2):  # newly made, then from the cache
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.stderr
        scores = pd.read_parquet(Path(json.loads(result.stdout)["run"]) / "scores.parquet")
        kept = [one for i, one in enumerate(ids) if i != 3]
        assert scores["id"].tolist() == [kept[row] for row in scores["row"]]
    columns = json.loads((Path(json.loads(result.stdout)["run"]) / "columns.json").read_text())["columns"]
    assert [column["name"] for column in columns] == ["x", "z"]


def test_a_table_has_a_name_of_its_own(table: Path, tiny: list[str], tmp_path: Path) -> None:
    named = ["model=knn", *tiny, "data.name=pump.v2"]
    assert run_name(compose(["model=knn", *tiny])).startswith("table-knn-s0-")
    assert run_name(compose(named)).startswith("pump.v2-knn-s0-")
    result = CliRunner().invoke(app, ["train", *named])
    assert result.exit_code == 0, result.stderr
    assert "knn on pump.v2, seed 0" in result.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    result = CliRunner().invoke(app, ["summarize", str(tmp_path / "runs"), "--json"])
    assert [row["data"] for row in json.loads(result.stdout)["rows"]] == ["pump.v2"]
    assert reproduce(folder).verdict == "identical"
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("pump.v2", "../pump"))
    with pytest.raises(AdbenchError, match="a name of the data"):
        read_run(folder)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "-x", "", "a b", "x" * 101, "nslkdd", 7, True])
def test_what_cannot_be_a_folder_or_is_another_dataset_is_no_name(name: Any) -> None:
    value = f'"{name}"' if isinstance(name, str) else str(name)
    with pytest.raises(ConfigError, match=r"data\.name"):
        compose(["data=table", f"data.name={value}"])


def test_a_run_from_before_there_were_names_and_files_of_a_class_keeps_its_own(table: Path, tiny: list[str]) -> None:
    config = compose(["model=knn", *tiny])
    before = {**config, "data": {k: v for k, v in config["data"].items() if k not in ("name", "id")}}
    before["data"] = {k: v for k, v in before["data"].items() if k not in ("normal_path", "anomaly_path")}
    assert run_name(before) == run_name(config)
