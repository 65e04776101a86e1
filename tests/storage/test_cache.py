"""Tests of cached rows: the same run, whatever happens to the folder, and labels under the same seal."""

import ast
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adbench
from adbench.arrays.archive import pack, unpack
from adbench.config.compose import compose
from adbench.config.identity import run_hash
from adbench.config.instantiate import build
from adbench.data import nslkdd
from adbench.errors import ConfigError, DataError, SealedLabelsError
from adbench.evaluation.seal import freeze
from adbench.results.provenance import source_digest
from adbench.results.record import Run
from adbench.runner import prepared_cache as prepared_files
from adbench.runner.prepare import prepare
from adbench.runner.prepared_cache import ROOMS, Prepared
from adbench.runner.reporter import Reporter, Stopwatch
from adbench.runner.run import train
from adbench.storage import cache as cache_module
from adbench.storage import scratch as scratch_module
from adbench.storage.cache import IN_USE, LABELS, UNSURE, Cache, CacheEntry

A, B, C, D = (letter * 32 for letter in "abcd")  # keys


@pytest.fixture
def entries(own_cache: Path) -> Callable[[], list[Path]]:
    """The entries of the cache, sorted by name."""
    return lambda: sorted((own_cache / "prepared").glob("*"))


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    cache_module._say.cache_clear()


@pytest.fixture
def run(quick: list[str], tmp_path: Path) -> Callable[..., Run]:
    """The same run, each time in a new folder."""

    def run(*overrides: str) -> Run:
        n_runs = len(list(tmp_path.glob("runs*")))
        done = train(["model=ae", *quick, f"runs_dir={tmp_path / f'runs{n_runs}'}", *overrides])
        assert done.status == "done", done.error
        return done

    return run


def without_times(run: Run) -> dict[str, float]:
    times = {name for name in run.metrics if name.endswith("_seconds")} | {"rows_per_second"}
    return {name: value for name, value in run.metrics.items() if name not in times}


def prepare_by(overrides: list[str]) -> Prepared:
    config = compose(overrides)
    return prepare(config, build(config["threshold"], "threshold"), Stopwatch(Reporter()))


def no_load(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("loaded")


no_load.__module__ = "adbench.data.nslkdd"


@pytest.mark.parametrize("more", [[], ["protocol=dagmm", "threshold=top_fraction"], ["preprocess=log_standard"]])
def test_a_hit_is_the_same_run(
    more: list[str], run: Callable[..., Run], quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    miss = run(*more)
    monkeypatch.setattr(nslkdd, "load", no_load)
    monkeypatch.setattr("adbench.evaluation.controls.Controls.__call__", no_load)
    hit = run(*more)
    assert list(without_times(hit).items()) == list(without_times(miss).items())
    for name in ("model.safetensors", "preprocess.safetensors", "preprocess.json", "scores.parquet", "model.json"):
        assert (hit.folder / name).read_bytes() == (miss.folder / name).read_bytes()
    assert hit.environment["data_sha256"] == miss.environment["data_sha256"] == nslkdd.INFO.files
    with pytest.raises(AssertionError, match="loaded"):
        prepare_by([*quick, "data.test=both"])


def test_what_the_rows_depend_on_is_the_key_and_nothing_else(quick: list[str], tiny_data: Path) -> None:
    def key(*overrides: str) -> str | None:
        return prepared_files.key_of(compose([*quick, *overrides]))

    same = [["model=vae"], ["trainer.max_epochs=9"], ["target_fpr=0.2"], ["cache_gb=1"], ["threshold=evt"]]
    assert {key(*overrides) for overrides in same} == {key()}
    other = [["seed=1"], ["preprocess=minmax"], ["preprocess.tail=linear"], ["data.test=both"], ["protocol=dagmm"]]
    assert len({key(), *(key(*overrides) for overrides in other)}) == 1 + len(other)
    fixed = "protocol.split_seed=3"
    assert key(fixed, "seed=1") == key(fixed)
    before, file = key(), tiny_data / "nslkdd" / "KDDTest+.txt.gz"
    file.write_bytes(file.read_bytes() + b" ")
    assert key() != before


def test_where_rows_are_kept_is_no_part_of_a_run(quick: list[str]) -> None:
    overrides = [["cache=false"], ["cache=elsewhere"], ["cache_gb=1"], ["cache_gb=null"], ["memory_gb=1"]]
    assert {run_hash(compose([*quick, *more])) for more in overrides} == {run_hash(compose(quick))}
    for wrong, sentence in {
        "cache=3": "a folder, null or false",
        "cache_gb=-1": "cache_gb",
        "memory_gb=-1": "memory",
    }.items():
        with pytest.raises(ConfigError, match=sentence):
            prepare_by([*quick, wrong])


def test_no_cache(quick: list[str], entries: Callable[[], list[Path]]) -> None:
    prepare_by([*quick, "cache=false"])
    assert entries() == []


@pytest.mark.parametrize("changed", ["__version__ of numpy", "source"])
def test_an_entry_of_another_version_is_not_taken(
    changed: str, quick: list[str], entries: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_by(quick)
    if changed == "source":
        monkeypatch.setattr(prepared_files, "source_digest", lambda *parts: "other")
    else:
        monkeypatch.setattr(np, "__version__", "0")
    prepare_by(quick)
    assert len(entries()) == 2


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "flipped": flip,
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_as_it_was_written_is_made_anew(
    damage: str, quick: list[str], entries: Callable[[], list[Path]]
) -> None:
    first = prepare_by(quick)
    expected = [x.copy() for x in first.matrices]
    names = sorted(path.name for path in entries()[0].iterdir())
    assert names == ["anomalies", "calibration", "deviations", "fit", "head", LABELS, "test"]
    assert (entries()[0] / "anomalies").stat().st_size == 0  # this protocol knows none: there is nothing to damage
    for name in names[1:]:
        DAMAGES[damage](entries()[0] / name)
        again = prepare_by(quick)
        for x, x_first in zip(again.matrices, expected, strict=True):
            np.testing.assert_array_equal(x, x_first)
        assert sorted(path.name for path in entries()[0].iterdir()) == names
        assert prepare_by(quick).entry is not None
        assert len(entries()) == 1


def test_damaged_control_scores_are_made_anew(run: Callable[..., Run], entries: Callable[[], list[Path]]) -> None:
    first = run()
    (controls,) = entries()[0].glob("controls-*")
    flip(controls)
    assert without_times(run()) == without_times(first)


@pytest.mark.parametrize("step", ["folder", "labels", "matrices", "head"])
def test_a_full_disk_costs_a_sentence(
    step: str, run: Callable[..., Run], entries: Callable[[], list[Path]], monkeypatch: Any, caplog: Any
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def pack_or_full(arrays: Any, document: Any) -> bytes:
        return full() or b"" if ("encoder" in document) == (step == "head") else pack(arrays, document)

    name = {"folder": "SharedFile", "matrices": "blocks_of"}.get(step, "pack")
    monkeypatch.setattr(cache_module, name, pack_or_full if name == "pack" else full)
    first, second = run(), run()
    assert without_times(first) == without_times(second)
    said = [r.getMessage() for r in caplog.records if "cache" in r.getMessage()]
    assert len(said) == 1
    assert "goes on without a cache" in said[0]
    assert "No space left" in said[0]
    assert entries() == []


def test_a_folder_that_cannot_be_written_costs_a_sentence(run: Callable[..., Run], tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    run(f"cache={tmp_path / 'file' / 'cache'}")
    assert "goes on without a cache" in caplog.text


def test_of_two_writers_one_wins(quick: list[str], entries: Callable[[], list[Path]]) -> None:
    barrier, config = threading.Barrier(3), compose(quick)
    rule = build(config["threshold"], "threshold")

    def one(_: int) -> Prepared:
        barrier.wait()
        return prepare(config, rule, Stopwatch(Reporter()))

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(one, range(3)))
    assert len(entries()) == 1
    for prepared in [*made, prepare_by(quick)]:
        for x, expected in zip(prepared.matrices, made[0].matrices, strict=True):
            np.testing.assert_array_equal(x, expected)


def filled(cache: Cache, key: str, size: int = 1000) -> CacheEntry | None:
    with cache.writer(key) as writer:
        writer.write_labels({}, None)
        writer.save("x", np.zeros((size // 4, 1), np.float32))
        return writer.commit()


def test_what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=3500)
    held = filled(cache, A)
    for i, key in enumerate((B, C, D)):
        filled(cache, key)
        assert os.utime(cache.folder / key / LABELS, (i + 10, i + 10)) is None
    assert cache.open(B) is not None  # used now
    cache.trim()
    assert sorted(path.name for path in cache.folder.iterdir()) == [A, B, D]
    cache.limit = 0
    cache.trim()
    assert [path.name for path in cache.folder.iterdir()] == [A]
    assert held is not None
    del held
    cache.trim()
    assert list(cache.folder.iterdir()) == []


def test_an_entry_that_another_process_uses_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=0)
    filled(cache, A)
    script = (
        "import sys; from pathlib import Path; from adbench.storage.cache import Cache;"
        "held = Cache(Path(sys.argv[1]), 0).open('a' * 32); print(held is not None, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(cache.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        cache.trim()
        assert cache.clear() == {A: IN_USE}
        assert (cache.folder / A).exists()
        other.kill()
        other.communicate()
    cache.trim()
    assert not (cache.folder / A).exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=1e9)
    alive, dead = cache.writer(A), cache.writer(B)
    assert alive.path is not None
    assert dead.path is not None
    path = dead.path
    (path / "scratch").mkdir()
    (path / "scratch" / "fit").write_bytes(b"0")
    del dead
    cache.trim()
    assert alive.path.exists()
    assert not path.exists()
    unlocked = cache.folder / f"{C}.12345678.new"
    unlocked.mkdir()
    cache.trim()
    assert cache.clear() == {alive.path.name: IN_USE, unlocked.name: UNSURE}
    assert unlocked.exists()  # its process may be about to lock it
    os.utime(unlocked, (0, 0))
    cache.trim()
    assert not unlocked.exists()


def test_why_an_entry_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache", limit=1e9)
    for key in (A, B, C):
        filled(cache, key)
    (cache.folder / B / LABELS).unlink()
    (cache.folder / B / LABELS).mkdir()
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == C:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        assert cache.clear() == {C: os.strerror(errno.EACCES)}  # B is no longer an entry
    assert sorted(path.name for path in cache.folder.iterdir()) == [B, C]  # no remains of the attempt
    assert cache.clear() == {}


def test_what_is_no_entry_is_never_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=0)
    others = [tmp_path / name for name in ("pictures", "tmp", "plans.new", "2023")]
    for path in others:
        path.mkdir()
        (path / LABELS).touch()
        (path / "x").touch()
        os.utime(path, (0, 0))
    filled(cache, A)
    assert cache.size()[0] == 1
    cache.trim()
    assert cache.clear() == {}
    assert sorted(tmp_path.iterdir()) == sorted(others)
    assert all((path / "x").exists() for path in others)


def test_rows_stay_readable_while_their_entry_is_removed(quick: list[str], own_cache: Path, tmp_path: Path) -> None:
    made = prepare_by(quick)
    mapped = prepare_by([*quick, "memory_gb=0"])
    assert all(isinstance(x, np.memmap) for x in mapped.matrices if len(x))
    assert mapped.entry is not None
    Cache(own_cache / "prepared", 0).forget(mapped.entry.path)
    for x, expected in zip(mapped.matrices, made.matrices, strict=True):
        np.testing.assert_array_equal(x, expected)
    frozen = freeze(np.zeros(len(mapped.labels)), 0.0, tmp_path / "record")
    np.testing.assert_array_equal(mapped.labels.open(frozen).label, made.labels.open(frozen).label)


@pytest.mark.parametrize("memory", ["memory_gb=4", "memory_gb=0"])
def test_a_detector_that_writes_into_its_rows_does_not_change_the_cache(memory: str, quick: list[str]) -> None:
    expected = [x.copy() for x in prepare_by(quick).matrices]
    for x in prepare_by([*quick, memory]).matrices:
        x[:] = -1.0
    for x, x_expected in zip(prepare_by([*quick, memory]).matrices, expected, strict=True):
        np.testing.assert_array_equal(x, x_expected)


def test_labels_are_not_read_before_they_are_opened(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[Path]]
) -> None:
    prepare_by(quick)
    read, honest = [], CacheEntry.labels
    monkeypatch.setattr(CacheEntry, "labels", lambda self: read.append(self) or honest(self))
    labels = prepare_by(quick).labels
    for reach in (np.asarray, list, lambda sealed: sealed.label):
        with pytest.raises(SealedLabelsError):
            reach(labels)  # type: ignore[operator]
    assert read == []
    frozen = freeze(np.zeros(len(labels)), 0.0, tmp_path / "record")
    found = labels.open(frozen)
    assert len(read) == 1
    assert set(found.label) == {0, 1}
    assert found.known_attacks
    with pytest.raises(SealedLabelsError, match="a second time"):
        labels.open(frozen)
    later = prepare_by(quick).labels
    flip(entries()[0] / LABELS)
    with pytest.raises(DataError, match="expected the test labels in"):
        later.open(frozen)


def test_too_few_calibration_rows_are_refused_from_the_cache_too(quick: list[str]) -> None:
    prepare_by(quick)
    with pytest.raises(DataError, match="expected at least 9,999 calibration rows"):
        prepare_by([*quick, "target_fpr=0.0001"])


def test_a_loader_says_again_what_it_took_for_certain(table: Path, caplog: Any) -> None:
    overrides = ["data=table", f"data.path={table}", "data.label=label", "target_fpr=0.1"]
    for _ in range(2):
        caplog.clear()
        prepare_by(overrides)
        assert caplog.text.count("label=0 is taken as normal") == 1


def test_a_loader_that_refuses_says_what_it_took_for_certain_too(table: Path, caplog: Any) -> None:
    table.write_text(table.read_text(encoding="utf-8").replace(",", ";") + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="data.label"):
        prepare_by(["data=table", f"data.path={table}", "data.label=elsewhere"])
    assert caplog.text.count("is read as separated by semicolon") == 1


@pytest.mark.parametrize("cache", ["cache=false", "cache_gb=1"])
def test_what_is_large_is_on_disk_alone(
    cache: str, quick: list[str], entries: Callable[[], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    prepared = prepare_by([*quick, cache, "memory_gb=0"])
    assert prepared.matrices.fit.any()  # still readable after its file was removed
    assert list(scratch.iterdir()) == []
    assert len(entries()) == (cache != "cache=false")
    for entry in entries():
        assert sorted(path.name for path in entry.iterdir()) == sorted([*prepared.stored(), "head", LABELS])


def test_files_that_are_written_while_they_are_loaded_are_not_kept(
    quick: list[str], tiny_data: Path, entries: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, file = nslkdd.load, tiny_data / "nslkdd" / "KDDTest+.txt.gz"

    def load(*args: Any, **kwargs: Any) -> Any:
        table = honest(*args, **kwargs)
        file.write_bytes(file.read_bytes() + b" ")
        return table

    load.__module__ = "adbench.data.nslkdd"
    monkeypatch.setattr(nslkdd, "load", load)
    assert prepare_by(quick).entry is None
    assert entries() == []


def test_packed_bytes_are_whole_or_nothing() -> None:
    arrays = {"a": np.arange(3), "b": np.zeros((0, 2), np.float32), "c": np.array([True])}
    packed = pack(arrays, {"words": ["é", None]})
    found, document = unpack(packed)
    assert document == {"words": ["é", None]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    for i in range(len(packed)):
        with pytest.raises(ValueError, match="expected"):
            unpack(packed[:i])
        with pytest.raises(ValueError, match="expected"):
            unpack(packed[:i] + bytes([packed[i] ^ 1]) + packed[i + 1 :])


def test_whatever_decides_about_the_bits_of_an_entry_is_in_its_key() -> None:
    script = "import sys, adbench.runner.prepare; print([m for m in sys.modules if m.startswith('adbench.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in ast.literal_eval(done.stdout)}
    # Messages, the key's own ingredients, and names of capabilities.
    assert rooms - set(ROOMS) == {"errors", "text", "results", "models"}
    package = Path(adbench.__file__).parent
    assert all((package / room).is_dir() for room in ROOMS)


def test_an_edited_room_is_another_key(quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "adbench"
    shutil.copytree(Path(adbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(adbench, "__file__", str(package / "__init__.py"))

    def key() -> str | None:
        source_digest.cache_clear()
        return prepared_files.key_of(compose(quick))

    try:
        keys = [key()]
        for room in (*ROOMS, "models"):
            file = sorted((package / room).rglob("*.py"))[-1]
            file.write_text(file.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
            keys.append(key())
    finally:
        source_digest.cache_clear()
    assert None not in keys
    assert len(set(keys)) == 1 + len(ROOMS)
    assert keys[-1] == keys[-2]  # a model's code does not affect rows


@pytest.mark.parametrize("name", [A, f"{A}.abcdefgh.new", "tmpabcdefgh.new", "thesis"])
@pytest.mark.parametrize("content", ["thesis.txt", "labels", "labels/train.txt"])
def test_what_is_not_of_the_cache_is_never_removed(name: str, content: str, tmp_path: Path) -> None:
    precious = tmp_path / name / content
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    for path in (precious, precious.parent, tmp_path / name):
        os.utime(path, (0, 0))
    cache = Cache(tmp_path, 0.0)
    cache.open(A)
    cache.forget(tmp_path / name)
    cache.trim()
    assert cache.clear() == {}
    assert cache.size() == (0, 0)
    assert precious.read_text() == "mine"


def test_a_cache_without_room_leaves_large_rows_to_the_temporary_folder(
    quick: list[str], entries: Callable[[], list[Path]], own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    expected = [x.copy() for x in prepare_by([*quick, "cache=false"]).matrices]

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    create = scratch_module.create
    there = lambda path, *of: full() if own_cache in path.parents else create(path, *of)  # noqa: E731
    monkeypatch.setattr(scratch_module, "create", there)
    monkeypatch.setattr(cache_module, "blocks_of", full)
    found = prepare_by([*quick, "memory_gb=0"])
    for x, x_expected in zip(found.matrices, expected, strict=True):
        np.testing.assert_array_equal(x, x_expected)
    assert "goes on without a cache" in caplog.text
    assert entries() == []
