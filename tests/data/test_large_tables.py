"""Tests of tables larger than memory: the same rows and run, and no remains in memory or on disk."""

import errno
import gzip
import os
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_user_table import BAD, as_csv

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Features, Table
from adbench.data.reading import tabular as read_rows
from adbench.data.reading.out_of_core import table_bytes
from adbench.data.table import load
from adbench.errors import AdbenchError, DataError
from adbench.runner.prepare import prepare
from adbench.runner.prepared_cache import Prepared
from adbench.runner.reporter import Reporter, Stopwatch
from adbench.runner.run import train
from adbench.storage.scratch import Scratch
from adbench.testing.capabilities import CLASSICAL, NEURAL, example_of

BLOCK_BYTES = 64  # few lines of CSV
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "numbers": st.floats(-1e9, 1e9) | st.integers(-9, 9),
    "gaps": st.none() | st.integers(0, 3),
    "words": st.sampled_from(["tcp", "udp", "icmp", "a b", "<missing>"]),
    "words with gaps": st.sampled_from(["x", "y", None]),
    "spelt": st.sampled_from([" 1", "+2", "NA", "?", "3.", "nan", "-4e1"]),
    "flags": st.booleans(),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Up to six columns of all kinds, and a label."""
    n_rows = draw(st.integers(3, 40))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    columns = {
        f"{kind} {i}": draw(st.lists(CELLS[kind], min_size=n_rows, max_size=n_rows)) for i, kind in enumerate(kinds)
    }
    labels = st.lists(st.sampled_from(["normal", "dos", "r2l"]), min_size=n_rows - 3, max_size=n_rows - 3)
    return columns | {"label": draw(st.permutations(["normal", "dos", "r2l", *draw(labels)]))}


def both_ways(path: Any, **arguments: Any) -> tuple[Table | str, Table | str]:
    """The table or the error, loaded in memory and on disk."""

    def outcome(scratch: Scratch | None) -> Table | str:
        try:
            return load(path, scratch=scratch, **arguments)
        except AdbenchError as error:
            return f"{type(error).__name__}: {error}"

    with Scratch(limit=-1.0) as scratch:
        on_disk = outcome(scratch)
        assert list(scratch.path.iterdir()) == [] or isinstance(on_disk, str)
    assert not scratch.path.exists()
    return outcome(None), on_disk


def assert_same(a: Table, b: Table) -> None:
    for field in fields(Table):
        mine, theirs = getattr(a, field.name), getattr(b, field.name)
        if isinstance(mine, Features):
            assert (mine.numeric_names, mine.vocabularies) == (theirs.numeric_names, theirs.vocabularies)
            for x, y in ((mine.numeric, theirs.numeric), (mine.codes, theirs.codes)):
                assert x.dtype == y.dtype
                assert x.shape == y.shape
                assert np.ascontiguousarray(x).tobytes() == np.ascontiguousarray(y).tobytes()
        else:
            np.testing.assert_array_equal(mine, theirs)
            assert getattr(mine, "dtype", None) == getattr(theirs, "dtype", None)


@settings(deadline=None, max_examples=150)
@given(columns=tables(), missing=st.sampled_from(["refuse", "impute", "drop_rows"]), kind=st.sampled_from("cgp"))
def test_a_table_on_disk_is_the_table_in_memory(columns: dict[str, list[Any]], missing: str, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "rows"
        if kind == "p":
            pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=3)
        else:
            content = as_csv({name: ["" if v is None else v for v in of] for name, of in columns.items()}).encode()
            path.write_bytes(gzip.compress(content) if kind == "g" else content)
        patch.setattr(read_rows, "BLOCK_BYTES", max(BLOCK_BYTES, 2 * len(",".join(columns))))
        in_memory, on_disk = both_ways(str(path), label="label", normal="normal", missing=missing)
        if isinstance(in_memory, str) or isinstance(on_disk, str):
            assert in_memory == on_disk
        else:
            assert isinstance(
                on_disk.features.numeric if on_disk.features.numeric_names else on_disk.features.codes, np.memmap
            )
            assert_same(in_memory, on_disk)


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_table_on_disk_is_refused_as_in_memory(case: str, tmp_path: Path) -> None:
    content, arguments, _ = BAD[case]
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    in_memory, on_disk = both_ways(**{"path": str(path), "label": "y"} | arguments)
    assert isinstance(in_memory, str)
    assert isinstance(on_disk, str)
    assert on_disk.split("CSV parse error")[0] == in_memory.split("CSV parse error")[0]  # Arrow may count rows


def test_several_files_of_several_kinds(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("x,k,y\n1,a,0\n2,b,1\n", encoding="ascii")
    (tmp_path / "2.csv").write_text("k;y;x\nb;0;3.5\nc;1;4\n", encoding="ascii")
    in_memory, on_disk = both_ways(str(tmp_path / "*.csv"), label="y")
    assert isinstance(in_memory, Table)
    assert isinstance(on_disk, Table)
    assert_same(in_memory, on_disk)
    for i, x in enumerate(([1, 2], [2.5, 3.0])):
        columns = {"x": x, "k.a": pa.array(["a", "b"]).dictionary_encode(), "k": [i, 5], "y": [0, 1]}
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / f"{i}.parquet")
    in_memory, on_disk = both_ways(str(tmp_path / "*.parquet"), label="y", drop=["k"])
    assert isinstance(in_memory, Table)
    assert isinstance(on_disk, Table)
    assert_same(in_memory, on_disk)


def test_the_size_of_a_table_is_estimated_before_it_is_read(tmp_path: Path) -> None:
    columns = {f"x{i}": np.arange(10_000) % 7 + 0.25 for i in range(5)}
    content = as_csv({name: x.tolist() for name, x in columns.items()}).encode()
    (tmp_path / "a.csv").write_bytes(content)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        assert 0.8 < table_bytes([path]) / (8 * 5 * 10_000) < 1.25, path


@pytest.fixture
def settings_of(table: Path, tmp_path: Path) -> list[str]:
    return ["data=table", f"data.path={table}", "data.label=label", "target_fpr=0.1", f"runs_dir={tmp_path / 'runs'}"]


def prepare_by(overrides: list[str]) -> Prepared:
    config = compose(overrides)
    return prepare(config, build(config["threshold"], "threshold"), Stopwatch(Reporter()))


@pytest.mark.parametrize(
    "more",
    [
        ["protocol=one_class"],
        ["protocol=unsupervised"],
        ["protocol=random_split", "protocol.deduplicate=true"],
        ["preprocess=log_standard"],
        ["preprocess=minmax"],
        ["preprocess=standard"],
    ],
)
def test_a_run_on_disk_is_the_run_in_memory(more: list[str], settings_of: list[str], tmp_path: Path) -> None:
    in_memory = prepare_by([*settings_of, *more, "cache=false"])
    for cache in ("cache=false", f"cache={tmp_path / 'cache'}", f"cache={tmp_path / 'cache'}"):
        on_disk = prepare_by([*settings_of, *more, cache, "memory_gb=0"])
        assert all(isinstance(x, np.memmap) for x in on_disk.matrices if len(x))
        for x, expected in zip(on_disk.matrices, in_memory.matrices, strict=True):
            np.testing.assert_array_equal(x, expected)
        for name, array in in_memory.encoder.arrays.items():
            np.testing.assert_array_equal(on_disk.encoder.arrays[name], array)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    runs = [
        train(
            [*settings_of, *more, "model=pca", "model.n_components=3", f"memory_gb={gb}", f"runs_dir={tmp_path / gb}"]
        )
        for gb in ("0", "4")
    ]
    a, b = (
        {k: v for k, v in run.metrics.items() if not k.endswith("_seconds") and "per_second" not in k} for run in runs
    )
    assert a == b


@pytest.mark.parametrize("model", [example_of(NEURAL), example_of(CLASSICAL)])  # the others: `adbench.testing`
def test_detectors_take_rows_on_disk(model: str, settings_of: list[str]) -> None:
    run = train([*settings_of, f"model={model}", "memory_gb=0", "trainer.max_epochs=2"])
    assert run.status == "done", run.error
    assert run.metrics["roc_auc"] > 0.7


@pytest.mark.parametrize("cache", ["cache=false", "cache_gb=1"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    cache: str, settings_of: list[str], own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match="expected room in .*, got No space left"):
        prepare_by([*settings_of, cache, "memory_gb=0"])
    assert list(scratch.iterdir()) == list((own_cache / "prepared").glob("*")) == []


def test_columns_and_values_of_rows_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numeric, codes = rng.normal(size=(50, 3)), rng.integers(0, 4, (50, 2)).astype(np.int32)
    vocabularies = {"k": ("d", "a", "c", "b"), "m": ("1", "2", "3", "4")}
    kept = []
    for name, array in {"numeric": numeric, "codes": codes}.items():
        np.asfortranarray(array).T.tofile(tmp_path / name)
        kept.append(np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape, order="F"))
    in_memory = Features(np.asfortranarray(numeric), ("x", "y", "z"), np.asfortranarray(codes), vocabularies)
    on_disk = Features(kept[0], ("x", "y", "z"), kept[1], vocabularies)
    rows = np.flatnonzero((codes != 1).all(axis=1))
    for features in (in_memory, on_disk):
        one = features.without({"y"}).take(rows).with_own_values().take(np.arange(len(rows))[::2]).with_own_values()
        assert one.numeric_names == ("x", "z")
        assert one.vocabularies == {"k": ("b", "c", "d"), "m": ("1", "3", "4")}
        block = one.block(slice(None))
        np.testing.assert_array_equal(block[0], numeric[rows[::2]][:, [0, 2]])
        np.testing.assert_array_equal(np.column_stack([*one.columns()]), block[0])
        np.testing.assert_array_equal(np.column_stack([*one.code_columns()]), block[1])
        texts = [[one.vocabularies[name][code] for code in of] for name, of in zip("km", block[1].T, strict=True)]
        expected = [
            [vocabularies[name][code] for code in of] for name, of in zip("km", codes[rows[::2]].T, strict=True)
        ]
        assert texts == expected
