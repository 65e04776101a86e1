import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from adbench.analysis.rows import tidy_rows
from adbench.cli.main import app
from adbench.config.benchmarks import overrides_of
from adbench.config.compose import compose
from adbench.config.identity import data_name, run_name
from adbench.data import adbench47
from adbench.data.groups import chosen_on
from adbench.errors import ConfigError, DataError
from adbench.gate.configurations import configurations_of
from adbench.results.record import DONE, Run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes tables of 80 normal rows and 20 anomalies, three columns, under the names of the collection."""

    def write_tables(*names: str, within: str = "", **arrays: object) -> Path:
        folder = tmp_path / within
        folder.mkdir(exist_ok=True)
        for seed, name in enumerate(names):
            y = np.repeat([0, 1], [80, 20])
            x = np.random.default_rng(seed).normal(size=(100, 3)) + 2 * y[:, None]
            np.savez_compressed(folder / name, **({"X": x, "y": y} | arrays))  # type: ignore[arg-type]
        return tmp_path

    return write_tables


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("within", ["", "adbench47"])
def test_a_table_is_read_by_its_name(write: Callable[..., Path], within: str) -> None:
    table = adbench47.load(str(write("6_cardio.npz", within=within)), table="cardio")
    assert table.name == "adbench47-cardio"
    assert table.features.numeric_names == ("x1", "x2", "x3")
    assert table.features.numeric.flags.f_contiguous
    assert int(table.label.sum()) == 20
    assert set(table.family[table.label == 1]) == {"anomaly"}
    assert not table.is_test.any()
    assert table.fingerprints.keys() == {"6_cardio.npz"}
    assert "is not the file of ADBench at 3dac822" in table.notes[0]


def test_one_name_for_a_table_and_another_for_each(write: Callable[..., Path]) -> None:
    folder = write("6_cardio.npz", "38_thyroid.npz")
    names = [
        run_name(compose(["data=adbench47", f"data.table={table}", f"data.folder={folder}"]))
        for table in ("cardio", "6_cardio", "6_cardio.npz", "thyroid")
    ]
    assert len(set(names[:3])) == 1
    assert len(set(names)) == 2
    assert names[0].startswith("adbench47-cardio-")
    assert data_name(compose(["data=adbench47", "data.table=31_satimage-2"])) == "adbench47-satimage-2"


def test_results_on_two_tables_are_two_tasks(tmp_path: Path) -> None:
    configs = [compose(["data=adbench47", f"data.table={table}"]) for table in ("cardio", "6_cardio", "thyroid")]
    runs = [Run(tmp_path / str(i), DONE, config, {"roc_auc": 0.9}, {}) for i, config in enumerate(configs)]
    assert list(tidy_rows(runs)["task"]) == ["adbench47-cardio", "adbench47-cardio", "adbench47-thyroid"]
    assert [found.data for found in configurations_of(runs)] == ["adbench47-cardio", "adbench47-thyroid"]


def test_columns_are_dropped_by_name(write: Callable[..., Path]) -> None:
    folder = str(write("6_cardio.npz"))
    assert adbench47.load(folder, "cardio", drop=["x2"]).features.numeric_names == ("x1", "x3")
    with pytest.raises(ConfigError, match=r"data\.drop to name columns, got x4; there is x1 to x3"):
        adbench47.load(folder, "cardio", drop=["x4"])


def test_what_is_said_of_a_table(write: Callable[..., Path]) -> None:
    folder = str(write("1_ALOI.npz", "38_thyroid.npz"))
    assert adbench47.load(folder, "ALOI").notes == (
        "the bytes of 1_ALOI.npz are not known to adbench: compare its rows with the paper's",
    )
    assert "another version than the dataset thyroid" in adbench47.load(folder, "thyroid").notes[-1]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, r"expected data\.table, .* write data\.table=cardio; .* has annthyroid"),
        ("cardo", r"got 'cardo'; did you mean cardio\?"),
        ("pima", "did you mean Pima"),
        ("cardio", "expected 6_cardio.npz in .*; adbench data fetch adbench47 brings it, or data.folder="),
        ("speech", "expected 36_speech.npz in .*; get it at https://raw.*/36_speech.npz, or data.folder="),
    ],
)
def test_a_table_that_is_not_there(write: Callable[..., Path], table: str | None, said: str) -> None:
    folder = str(write("2_annthyroid.npz"))
    with pytest.raises((ConfigError, DataError), match=said):
        adbench47.load(folder, table)


@pytest.mark.parametrize("word", ["../cardio", "", "6", "[a]"])
def test_a_name_that_no_folder_should_have(word: str, tmp_path: Path) -> None:
    result = invoke("train", "model=iforest", "data=adbench47", f"data.table={word}", f"runs_dir={tmp_path}")
    assert result.exit_code == 2
    assert "data.table" in result.output


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": np.zeros((99, 3))}, r"a label y for each in .*, got X of float64 \(99, 3\) and 100 labels"),
        ({"X": np.array([["a"]] * 100)}, "expected rows of numbers X"),
        ({"X": np.array([[object()]] * 100)}, "got a file that cannot be read .Object arrays cannot be loaded"),
        ({"y": np.repeat([0, 2], 50)}, "expected the labels 0 and 1 in .*, got 0, 2"),
    ],
)
def test_arrays_that_are_no_table(write: Callable[..., Path], arrays: dict[str, object], said: str) -> None:
    folder = str(write("6_cardio.npz", **arrays))
    with pytest.raises(DataError, match=said):
        adbench47.load(folder, "cardio")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"version https://git-lfs", b"\x80\x04N.", b"\x93NUMPY"])
def test_bytes_that_are_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "6_cardio.npz").write_bytes(content)
    with pytest.raises(DataError, match="expected a table of ADBench with the arrays X and y"):
        adbench47.load(str(tmp_path), "cardio")


def test_a_damaged_table_is_one_sentence(write: Callable[..., Path]) -> None:
    """Changing any byte, or truncating there, gives the same rows or a DataError."""
    folder = write("6_cardio.npz")
    whole = (folder / "6_cardio.npz").read_bytes()
    x = adbench47.load(str(folder), "cardio").features.numeric
    for position in np.random.default_rng(0).choice(len(whole), 60, replace=False):
        for damaged in (whole[:position], whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :]):
            (folder / "6_cardio.npz").write_bytes(damaged)
            try:
                found = adbench47.load(str(folder), "cardio")
            except DataError:
                continue
            np.testing.assert_array_equal(found.features.numeric, x)
            assert found.label.sum() == 20


def test_tables_are_fetched_as_they_are(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib
    from dataclasses import replace

    from adbench.data import catalogue

    source = write("6_cardio.npz", "38_thyroid.npz", within="mirror") / "mirror"
    shutil.copy(source / "6_cardio.npz", source / "1_ALOI.npz")
    sha256 = {
        name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in ("6_cardio.npz", "38_thyroid.npz")
    }
    monkeypatch.setattr(adbench47, "INFO", replace(adbench47.INFO, files=sha256, rows=dict.fromkeys(sha256, 100)))
    monkeypatch.setenv("ADBENCH_DATA", str(tmp_path / "fetched"))
    assert invoke("data", "fetch", "adbench47", "--from", str(source)).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "fetched" / "adbench47").iterdir()) == sorted(sha256)
    assert [file["status"] for file in catalogue.verify("adbench47")] == ["ok", "ok"]
    assert adbench47.load(table="cardio").notes == ()
    (tmp_path / "fetched" / "adbench47" / "6_cardio.npz").write_bytes(b"PK")
    assert invoke("data", "verify", "adbench47").exit_code == 2
    shown = invoke("data", "show", "adbench47", "data.table=thyroid", "--json")
    assert json.loads(shown.stdout)["parts"]["all rows"]["anomalies"] == 20


def test_a_table_can_be_typed_as_it_is_printed() -> None:
    typed = compose(["data=adbench47-satimage-2", "data.drop=[x1]"])
    assert typed == compose(["data=adbench47", "data.table=satimage-2", "data.drop=[x1]"])
    assert data_name(typed) == "adbench47-satimage-2"
    for wrong in ("shill-2", "nslkd-2"):  # no collection, no dataset
        with pytest.raises(ConfigError, match=f"expected a data that exists, got data={wrong}"):
            compose([f"data={wrong}"])


def test_the_tables_of_the_benchmark_are_run_where_they_are_and_the_others_named(write: Callable[..., Path]) -> None:
    folder = write("6_cardio.npz", "29_Pima.npz", within="adbench47")
    words = ["benchmark=tables", "model=pca", "seed=0", f"data.folder={folder}", f"runs_dir={folder / 'runs'}"]
    words += ["controls.nearest_rows=20"]
    result = invoke("sweep", *words)
    assert result.exit_code == 0, result.stderr
    runs = {path.name.rpartition("-pca-")[0] for path in (folder / "runs").glob("*-pca-s0-*")}
    assert runs == {"adbench47-cardio", "adbench47-Pima"}
    assert (
        "left out, since the files are not on this machine: nslkdd; adbench data fetch nslkdd brings" in result.stderr
    )
    assert "get them from UCI" in result.stderr  # ai4i has no mirror
    listed = invoke("sweep", *words, "--dry-run")
    assert listed.stdout.count("done") == 2
    assert "adbench data fetch adbench47" in listed.stderr
    none = invoke("sweep", *words, f"data.folder={folder / 'runs'}")
    assert (none.exit_code, none.stdout) == (2, "")
    assert "expected data of data=nslkdd,kddcup99" in none.stderr
    alone = invoke("sweep", *words, "data=shill")  # typed explicitly, hence refused
    assert alone.exit_code == 2
    assert "Shill_Bidding" in alone.stderr


def test_the_benchmark_holds_every_table_that_is_known_and_marks_what_was_chosen_on() -> None:
    listed = {name for text in overrides_of("benchmark=tables") for name in text.removeprefix("data=").split(",")}
    tables = {f"adbench47-{table}" for table in adbench47.INFO.chosen_on}
    assert tables <= listed
    assert {adbench47._file(table) for table in adbench47.INFO.chosen_on} == set(adbench47.INFO.files)
    assert all(map(chosen_on, tables))
    assert not any(map(chosen_on, ("nslkdd", "shill", "adbench47-wine", "adbench47")))
