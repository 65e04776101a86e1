"""`adbench runs` and `adbench cache`: nothing is lost that was not named, and old runs are found again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.results.housekeeping import migrate
from adbench.results.record import LOCK
from adbench.runner.run import train
from adbench.storage.cache import Cache
from adbench.storage.lock import Lock

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format1"
OLD = "table-vae-s0-780c62a9"
ARGUMENTS = ["data=table", "data.path=rows.csv", "data.label=label", "target_fpr=0.1", "trainer.max_epochs=3"]


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of the runs of format 1, in the folder where they were made."""
    shutil.copytree(FORMAT_1, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return Path("runs")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("model", ["ae", "gan", "iforest", "knn", "vae"])
def test_a_migrated_run_is_found_finished(model: str, old: Path) -> None:
    written = {path.parent.name.split("-")[1]: path.stat().st_mtime_ns for path in old.glob("*/metrics.json")}
    result = invoke("runs", "migrate", "runs")
    assert (result.exit_code, result.stdout.count(" -> ")) == (0, 5), result.output
    run = train([f"model={model}", *ARGUMENTS, "runs_dir=runs"])
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
    assert "earlier version" not in invoke(*words).stderr  # it is finished under today's name
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
    )  # the default, which holds nothing
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
