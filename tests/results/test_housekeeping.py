"""Tests of `adbench runs` and `adbench cache`: only named things are removed, and old runs are found again."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.results.housekeeping import migrate
from adbench.results.record import LOCK, find_runs
from adbench.results.sweep_record import write_record
from adbench.runner.run import train
from adbench.storage.cache import Cache
from adbench.storage.lock import Lock
from adbench.sweeps.status import read_status

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format1"
OLD = "table-vae-s0-780c62a9"
ARGUMENTS = [
    "data=table",
    "data.path=rows.csv",
    "data.label=label",
    "target_fpr=0.1",
    "trainer.max_epochs=3",
    "preprocess=quantile",
    "preprocess.tail=null",
]


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of runs of format 1, at its original place."""
    shutil.copytree(FORMAT_1, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return Path("runs")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


# Defaults that were others when the fixtures were made.
WAS = {
    "ae": ["model.hidden_sizes=[64,32]"],
    "iforest": ["model.sample_size=256"],
    "vae": ["model.beta=1.0", "model.hidden_sizes=[64]"],
}


@pytest.mark.parametrize("model", ["ae", "gan", "iforest", "knn", "vae"])
def test_a_migrated_run_is_found_finished(model: str, old: Path) -> None:
    written = {path.parent.name.split("-")[1]: path.stat().st_mtime_ns for path in old.glob("*/metrics.json")}
    result = invoke("runs", "migrate", "runs")
    assert (result.exit_code, result.stdout.count(" -> ")) == (0, 5), result.output
    run = train([f"model={model}", *WAS.get(model, []), *ARGUMENTS, "runs_dir=runs"], keep_old=True)
    assert (run.folder / "metrics.json").stat().st_mtime_ns == written[model]
    assert len(names(old)) == 5
    assert invoke("runs", "migrate", "runs", "--json").stdout.split() == ["{", '"runs":', "[]", "}"]


def test_names_follow_the_rows_that_were_fitted_not_todays_file(old: Path) -> None:
    kept = names(old)
    Path("rows.csv").rename("elsewhere.csv")
    assert {m.status for m in migrate([old])} == {"renamed"}
    assert names(old).isdisjoint(kept)
    Path("elsewhere.csv").rename("rows.csv")
    before = names(old)
    train(["model=knn", *ARGUMENTS, "runs_dir=runs"])
    assert names(old) == before


def test_a_dry_run_renames_nothing_and_what_is_in_the_way_is_left(old: Path) -> None:
    before = names(old)
    planned = {m.before.name: m for m in migrate([old], dry_run=True)}
    assert names(old) == before
    (old / OLD).rename(old / "mine")
    (old / "table-ae-s0-069422fa" / LOCK).touch()
    target = planned["table-gan-s0-dac10797"].after
    assert target is not None
    target.mkdir()
    lock = Lock(old / "table-ae-s0-069422fa" / LOCK)
    assert lock.acquire()
    found = {m.before.name: (m.status, m.reason) for m in migrate([old])}
    lock.release()
    assert found.pop("mine") == ("left", "its name is not one that adbench gave")
    assert found.pop("table-gan-s0-dac10797") == ("left", f"{target.name} exists already")
    assert "is writing it" in found.pop("table-ae-s0-069422fa")[1]
    assert {status for status, _ in found.values()} == {"renamed"}


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_who_would_run_again_is_told(command: str, old: Path) -> None:
    words = [command, "model=knn", *ARGUMENTS, "runs_dir=runs"]
    assert "1 run in runs got its name from an earlier version" in invoke(*words).stderr
    assert "earlier version" not in invoke(*words).stderr  # it is finished under its current name
    assert "earlier version" not in invoke(*words, "seed=1").stderr


def test_runs_are_listed(old: Path) -> None:
    entries = json.loads(invoke("runs", "list", "--json").stdout)["runs"]
    assert {(e["model"], e["format"], e["status"]) for e in entries} == {
        (model, 1, "done") for model in ("ae", "gan", "iforest", "knn", "vae")
    }
    assert all(e["bytes"] > 10_000 for e in entries)
    assert OLD in invoke("runs", "list").stdout


def test_only_runs_that_are_named_are_removed(old: Path, tmp_path: Path) -> None:
    before = names(old)
    for arguments, sentence in (
        ((old,), "expected a run folder"),
        ((old / OLD, tmp_path), "expected a run folder"),
        ((old / OLD,), "add --yes"),
    ):
        result = invoke("runs", "rm", *arguments)
        assert (result.exit_code, sentence in result.stderr) == (2, True), result.output
    link = tmp_path / "link"
    link.symlink_to((old / OLD).resolve())
    assert invoke("runs", "rm", link, "--yes").exit_code == 2
    lock = Lock(old / OLD / LOCK)
    assert lock.acquire()
    assert invoke("runs", "rm", old / OLD, "--yes").exit_code == 2
    lock.release()
    assert f"would remove {old / OLD}" in invoke("runs", "rm", old / OLD, "--dry-run").stdout
    assert names(old) == before
    assert invoke("runs", "rm", old / OLD, "--yes").exit_code == 0
    assert names(old) == before - {OLD}


def test_what_failed_is_removed_and_nothing_else(old: Path) -> None:
    before = names(old)
    (old / OLD / "metrics.json").unlink()
    (old / OLD / "error.txt").write_text("ValueError: no\n")
    assert json.loads(invoke("runs", "rm", "--failed", old, "--yes", "--json").stdout) == {"removed": [f"runs/{OLD}"]}
    assert names(old) == before - {OLD}
    assert invoke("runs", "rm", "--failed", old).exit_code == 0  # nothing to ask about


def test_a_sweep_lists_the_runs_it_made_under_the_names_they_have_today(old: Path) -> None:
    today = {m.before.name: m.after.name for m in migrate([old]) if m.after}
    assert invoke("sweep", "--keep-old", "model=knn,gan", *ARGUMENTS, "runs_dir=runs").exit_code == 0
    (record,) = (old / ".sweeps").glob("*.json")
    text = record.read_text()
    for before, after in today.items():  # as written by the earlier version
        (old / after).rename(old / before)
        text = text.replace(after, before)
    record.write_text(text)
    os.utime(record, (1e9, 1e9))
    (old / ".sweeps" / "damaged.json").write_text("{")
    os.utime(old / ".sweeps" / "damaged.json", (1, 1))
    was = json.loads(invoke("sweep", "--status", "runs_dir=runs", "--json").stdout)
    assert {Path(entry["run"]).name for entry in was["runs"]} < set(today)
    assert invoke("runs", "migrate", "--dry-run").exit_code == 0
    assert record.read_text() == text
    assert invoke("runs", "migrate").exit_code == 0
    status = json.loads(invoke("sweep", "--status", "runs_dir=runs", "--json").stdout)
    assert [entry["run"] for entry in status["runs"]] == [f"runs/{today[Path(e['run']).name]}" for e in was["runs"]]
    assert status["counts"] == {"done": 2}
    assert (status["started"], status["overrides"]) == (was["started"], was["overrides"])
    assert sorted(path.name for path in (old / ".sweeps").iterdir()) == sorted([record.name, "damaged.json"])


def test_a_migration_that_was_killed_is_finished_by_the_next(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    today = {m.before.name: m.after.name for m in migrate([old], dry_run=True) if m.after}
    write_record(old, [], list(today))
    honest, n_renamed = Path.rename, 0

    def killed(path: Path, target: Path) -> Path:
        nonlocal n_renamed
        n_renamed += 1
        if n_renamed == 3:
            raise KeyboardInterrupt
        return honest(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        assert invoke("runs", "migrate").exit_code == 130
    assert len(names(old) & set(today)) == 3
    migrate([old])
    assert names(old) == set(today.values())
    assert {(e.run.name, e.status) for e in read_status(old).entries} == {(name, "done") for name in today.values()}


def test_two_runs_never_get_one_name(old: Path) -> None:
    shutil.copytree(old / OLD, old / "table-vae-s0-00000000")
    found = migrate([old, old])
    assert sorted(m.status for m in found) == ["left", *["renamed"] * 5]
    assert names(old) == {(m.after or m.before).name for m in found}


def test_runs_that_would_be_left_are_not_counted(old: Path) -> None:
    shutil.copytree(old / "table-knn-s0-fdc405ef", old / "table-knn-s0-00000000")
    words = ["train", "model=knn", *ARGUMENTS, "runs_dir=runs"]
    lock = Lock(old / "table-knn-s0-fdc405ef" / LOCK)
    assert lock.acquire()
    assert "1 run in runs got its name" in invoke(*words, "seed=0", "target_fpr=0.2").stderr
    other = Lock(old / "table-knn-s0-00000000" / LOCK)
    assert other.acquire()
    assert "earlier version" not in invoke(*words, "target_fpr=0.3").stderr
    lock.release()
    other.release()
    assert "1 run in runs got its name" in invoke(*words, "target_fpr=0.15").stderr  # the other one blocks its name


@pytest.mark.parametrize("command", [("list", "runs"), ("rm", "--failed", "runs"), ("rm", "runs/gone")])
def test_a_removal_that_was_killed_is_finished(command: tuple[str, ...], old: Path, monkeypatch: Any) -> None:
    def killed(folder: Path) -> None:
        (folder / "metrics.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        assert invoke("runs", "rm", old / OLD, "--yes").exit_code == 130
    (left,) = old.glob(".*.removed")
    assert OLD in left.name
    assert (left / "config.yaml").is_file()
    assert len(find_runs(old)) == 4
    (old / f".{OLD}.removed" / ".previous").mkdir(parents=True)  # as an earlier version left it
    (old / f".{OLD}.removed" / ".previous" / "metrics.json").touch()
    (old / f".{OLD}.removed" / ".model.json.partial").touch()
    assert "left of a removal" not in invoke("runs", *command).stderr
    assert list(old.glob(".*.removed")) == []
    assert len(names(old)) == 4


def test_only_what_is_left_of_a_run_is_removed_unasked(old: Path, tmp_path: Path) -> None:
    blocking, others = old / f".{OLD}.removed", [old / name for name in (".a.removed.old", "b.removed", ".removed")]
    for path in (blocking, *others):
        path.mkdir()
        (path / "config.yaml").touch()
    (blocking / ".previous").mkdir()
    (blocking / ".previous" / "notes.txt").touch()
    (tmp_path / "elsewhere").mkdir()
    (old / ".link.removed").symlink_to(tmp_path / "elsewhere")
    told = invoke("runs", "list", "runs").stderr
    assert told == (
        f"adbench: {blocking} is left of a removal that was interrupted: it holds notes.txt, which no run wrote;"
        " remove it by hand\n"
    )
    assert invoke("runs", "rm", old / OLD, "--yes").exit_code == 0
    assert OLD not in names(old)
    assert [path for path in old.glob(".*.removed") if not path.is_symlink()] == [blocking]
    assert all((path / "config.yaml").is_file() for path in others)
    assert (tmp_path / "elsewhere").is_dir()


def test_a_run_that_cannot_be_removed_stays_where_it_is(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(old.iterdir())

    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        result = invoke("runs", "rm", old / OLD, "--yes")
    assert (result.exit_code, f"{old / OLD} (Permission denied)" in result.stderr) == (2, True), result.output
    assert sorted(old.iterdir()) == before


def test_the_cache_is_measured_and_cleared(tiny: list[str], own_cache: Path) -> None:
    assert json.loads(invoke("cache", "size", "--json").stdout)["entries"] == 0
    train(["model=pca", *tiny])
    found = json.loads(invoke("cache", "size", "--json").stdout)
    assert (found["entries"], found["folder"]) == (1, str(own_cache / "prepared"))
    assert found["bytes"] > 10_000
    assert invoke("cache", "clear").exit_code == 2
    assert json.loads(invoke("cache", "clear", "--yes", "--json").stdout)["removed"] == 1
    assert json.loads(invoke("cache", "size", "--json").stdout)["entries"] == 0


def test_another_cache_is_looked_at_by_its_folder(tiny: list[str], own_cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    train(["model=pca", *tiny, f"cache={folder}"])
    assert f"{folder}: 1 entries" in invoke("cache", "size", "--folder", folder).stdout
    assert (
        f"from {own_cache / 'prepared'}" in invoke("cache", "clear", "--yes").stdout
    )  # the default folder, which is empty
    (entry,) = folder.iterdir()
    held = Cache(folder, 0).open(entry.name)
    assert held is not None
    told = invoke("cache", "clear", "--folder", folder, "--yes").stdout
    assert told == f"removed 0 entries, 0.00 GiB, from {folder}\nleft 1: held by a running process\n"
    left = json.loads(invoke("cache", "clear", "--folder", folder, "--yes", "--json").stdout)
    assert (left["removed"], left["in_use"], left["left"]) == (0, 1, {entry.name: "held by a running process"})
    del held
    (entry / "labels").unlink()
    (entry / "labels").mkdir()
    told = invoke("cache", "clear", "--folder", folder, "--yes").stdout
    assert "left 1: Is a directory" in told
    assert "running" not in told


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "does not exist"), ("rows.csv", "Not a directory")])
@pytest.mark.parametrize("command", ["size", "clear"])
def test_a_folder_that_is_no_cache_is_refused(command: str, name: str, reason: str, table: Path) -> None:
    result = invoke("cache", command, "--folder", table.with_name(name))
    assert (result.exit_code, reason in result.stderr) == (2, True), result.output
