"""Tests of sweeps with real workers: shared rows, and the state after they, or the sweep, are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data import nslkdd
from adbench.executors.base import LOST
from adbench.executors.local import Local, out_of_memory_kills
from adbench.models.classical.iforest import IForest
from adbench.results.record import ERROR, read_run
from adbench.runner import run as runner
from adbench.runner.prepare import prepare
from adbench.runner.prepared_cache import RowCache
from adbench.runner.reporter import Reporter, Stopwatch
from adbench.runner.run import Context
from adbench.storage.lock import holder_of
from adbench.sweeps.plan import plan

SWEEP = ["model=pca,iforest", "seed=range(2)"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_one_run_name_in_two_folders(tiny: list[str], tmp_path: Path) -> None:
    folders = f"runs_dir={tmp_path / 'a'},{tmp_path / 'b'}"
    result = invoke("sweep", *tiny[:-1], folders, "model=pca", "model.n_components=2", "executor.workers=2", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["runs"]) == 2


def test_nothing_is_imported_from_the_working_directory(tiny: list[str], tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('executed')", encoding="ascii")
    script = "import sys; sys.path.remove(''); from adbench.cli.main import main; main()"
    overrides = ["sweep", *tiny, "model=iforest", "executor.workers=1"]
    done = subprocess.run([sys.executable, "-c", script, *overrides], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_dies_is_noticed_though_its_child_lives(tiny: list[str], tmp_path: Path) -> None:
    job = plan([*tiny, "model=ae", "trainer=ddp_cpu", "trainer.max_epochs=100000"]).sampler.jobs[0]
    with closing(Local(workers=1, devices=[])) as executor:
        executor.start([job], force=False)
        while not (job.path / "history.csv").exists():
            assert executor.wait(0.05) == []
        holder = job.holder()
        assert holder is not None
        os.kill(int(holder.split()[1]), signal.SIGKILL)
        (ended,) = executor.wait(1.0) or executor.wait(1.0)
        assert (ended.outcome, ended.error) == (LOST, "the worker process was killed by SIGKILL")
        assert job.holder() is None


def test_rows_that_are_kept_give_the_same_run(quick: list[str], tmp_path: Path) -> None:
    kept = RowCache()
    of_both = ["model=ae", *quick[:1], *quick[2:]]

    def metrics(folder: str, *more: str) -> dict[str, float]:
        config = compose([*of_both, f"runs_dir={tmp_path / folder}", *more])
        run = runner.run(config, Context(Reporter(), rows=kept if folder == "kept" else None))
        assert run.status == "done", run.error
        times = {name for name in run.metrics if name.endswith("_seconds")} | {"rows_per_second"}
        return {name: value for name, value in run.metrics.items() if name not in times}

    for more in (
        ["model.latent_size=4"],
        ["model.latent_size=5"],
        ["seed=1"],
        ["preprocess=minmax"],
        ["model=iforest"],
    ):
        assert metrics("kept", *more) == metrics("alone", *more)
    finished = read_run(next((tmp_path / "kept").glob("*-ae-s0-*")))
    assert finished.metrics["load_seconds"] >= 0


def test_the_rows_of_the_last_run_are_in_memory(quick: list[str]) -> None:
    def made(rows: RowCache, *more: str) -> int:
        """The number of loads of the table without a disk cache."""
        config, load, n_loads = compose([*quick, "cache=false", *more]), nslkdd.load, []

        def counted(*args: Any, **kwargs: Any) -> Any:
            n_loads.append(1)
            return load(*args, **kwargs)

        counted.__module__ = "adbench.data.nslkdd"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(nslkdd, "load", counted)
            prepare(config, build(config["threshold"], "threshold"), Stopwatch(Reporter()), rows)
        return len(n_loads)

    rows = RowCache()
    # Rows do not depend on the model; only the last run's are in memory.
    for more, n_loads in (([], 1), (["model=iforest"], 0), (["preprocess=minmax"], 1), ([], 1), (["memory_gb=4"], 0)):
        assert made(rows, *more) == n_loads
    for small in (RowCache(memory_bytes=0), RowCache(memory_bytes=1000)):
        assert [made(small), made(small)] == [1, 1]
    on_disk = RowCache()
    assert [made(on_disk, "memory_gb=0"), made(on_disk, "memory_gb=0")] == [1, 1]


@pytest.mark.parametrize("cache", ["false", "null"])
def test_what_a_detector_writes_into_its_rows_reaches_no_other_run(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    def metrics(model: str, folder: str, kept: RowCache | None) -> dict[str, float]:
        config = compose([*quick[:1], *quick[2:], f"model={model}", f"runs_dir={tmp_path / folder}", f"cache={cache}"])
        run = runner.run(config, Context(Reporter(), rows=kept))
        assert run.status == "done", run.error
        return {name: value for name, value in run.metrics.items() if "second" not in name}

    honest = metrics("pca", "honest", None)
    learn, kept = IForest.learn, RowCache()

    def vandal(self: IForest, x: np.ndarray) -> dict[str, np.ndarray]:
        learned = learn(self, x)
        x[:] = x[::-1] * 2
        return learned

    monkeypatch.setattr(IForest, "learn", vandal)
    metrics("iforest", "vandal", kept)
    assert metrics("pca", "after", kept) == honest
    assert metrics("pca", "later", None) == honest


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from adbench.cli.main import main; main()", *arguments]


def start(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*arguments), cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    )


def workers_of(pid: int) -> list[int]:
    """The child processes of a process."""
    children = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            children.append(int(task.name))
    return children


def test_real_workers_run_jobs_and_failures_are_rows(tiny: list[str], tmp_path: Path) -> None:
    overrides = [*tiny, *SWEEP, "model.k=2,4000", "executor.workers=2"]
    dry = invoke("sweep", *overrides[:-1], "--dry-run", "model=knn", "--json")
    assert dry.exit_code == 0, dry.output
    assert [run["status"] for run in json.loads(dry.stdout)["runs"]] == ["incomplete"] * 4
    assert not (tmp_path / "runs").exists()

    result = invoke("sweep", *overrides, "model=knn", "--json")
    assert result.exit_code == 1, result.output
    runs = json.loads(result.stdout)["runs"]
    assert sorted(run["status"] for run in runs) == ["done", "done", "failed", "failed"]
    failed = next(run for run in runs if run["status"] == "failed")
    assert failed["error"].startswith("adbench.errors.ConfigError: expected model.k to be at most")
    assert "Traceback" in (Path(failed["run"]) / ERROR).read_text(encoding="utf-8")
    assert "[4/4]" in result.stderr

    status = json.loads(invoke("sweep", "--status", "--json", tiny[-1]).stdout)
    assert status["counts"] == {"done": 2, "failed": 2}
    assert "2 done, 2 failed" in invoke("sweep", "--status", tiny[-1]).stdout

    again = invoke("train", "-m", *overrides, "model=knn")
    assert again.exit_code == 1
    (of_failed,) = (line.split() for line in again.stdout.splitlines() if "model.k=4000" in line)
    assert of_failed[-11:][:3] == ["0", "2", "0"], again.stdout  # n, failed, missing
    assert again.stderr.count("failed: ") == 2


def test_a_job_in_a_worker_that_ran_others_is_the_run_that_it_is_alone(tiny: list[str], tmp_path: Path) -> None:
    result = invoke("sweep", *tiny, "model=iforest,ae,vae,gan", "executor.workers=1", "--json")
    assert result.exit_code == 0, result.output
    for run in json.loads(result.stdout)["runs"]:
        model = Path(run["run"]).name.split("-")[1]
        alone = runner.train([*tiny[:-1], f"model={model}", f"runs_dir={tmp_path / 'alone'}"])
        times = {name for name in alone.metrics if name.endswith("_seconds")} | {"rows_per_second"}
        assert {k: v for k, v in run["metrics"].items() if k not in times} == {
            k: v for k, v in alone.metrics.items() if k not in times
        }


def test_training_processes_of_a_worker_and_their_end(tiny: list[str], tmp_path: Path) -> None:
    overrides = [*tiny, "model=ae", "trainer=ddp_cpu", "executor.workers=1", "--json"]
    result = invoke("sweep", *overrides)
    assert result.exit_code == 0, result.output
    late = [*overrides, "trainer.max_epochs=100000", "--timeout", "4"]
    result = invoke("sweep", *late)
    assert [run["status"] for run in json.loads(result.stdout)["runs"]] == ["timeout"]
    run = Path(json.loads(result.stdout)["runs"][0]["run"])
    assert holder_of(run / ".lock") is None  # no training process outlives its worker
    assert read_run(run).status == "timeout"


def without_times(text: str) -> str:
    rows = pd.read_csv(StringIO(text))
    kept = [name for name in rows if not name.endswith("_seconds") and name != "rows_per_second"]
    return str(rows[kept].to_csv(index=False))


def summary(cwd: Path) -> str:
    done = subprocess.run(command("summarize", "--format", "csv"), cwd=cwd, capture_output=True, text=True, check=True)
    return without_times(done.stdout)


@pytest.fixture
def disturbed(table: Path, tmp_path: Path) -> Iterator[Callable[[int, int, float], None]]:
    """Runs a sweep undisturbed, then with SIGKILLs, and compares their tables."""
    started: list[subprocess.Popen[str]] = []

    def check(kills: int, seeds: int, longest: float) -> None:
        overrides = ["sweep", "data=table", f"data.path={table}", "data.label=label", "target_fpr=0.1"]
        overrides += ["model=ae,vae,gan,iforest", f"seed=range({seeds})", "trainer.max_epochs=30"]
        overrides += ["executor.workers=2"]
        calm, wild = tmp_path / "calm", tmp_path / "wild"
        calm.mkdir()
        wild.mkdir()
        subprocess.run(command(*overrides), cwd=calm, check=True, capture_output=True)
        draw = random.Random(0)
        for kill in range(kills):
            process = start(*overrides, cwd=wild)
            started.append(process)
            time.sleep(draw.uniform(0.5, longest))
            workers = workers_of(process.pid)
            if kill % 2 and workers:
                os.kill(draw.choice(workers), signal.SIGKILL)
                time.sleep(draw.uniform(0, longest / 4))
            process.kill()
            process.communicate()
            for worker in workers:
                wait_for_end(worker)
        finished = subprocess.run(command(*overrides), cwd=wild, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        assert summary(wild) == summary(calm)
        assert not list((wild / "runs").rglob("*.partial"))

    yield check
    for process in started:
        process.kill()


def wait_for_end(pid: int) -> None:
    """Wait until a worker whose sweep was killed ends by itself."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"worker {pid} outlives its sweep")


def test_a_sweep_killed_twice_ends_with_the_same_table(disturbed: Callable[[int, int, float], None]) -> None:
    disturbed(2, 1, 8.0)


@pytest.mark.slow
def test_a_sweep_killed_at_20_moments_ends_with_the_same_table(disturbed: Callable[[int, int, float], None]) -> None:
    disturbed(20, 6, 14.0)


def test_a_killed_worker_is_named_and_the_others_go_on(tiny: list[str], tmp_path: Path) -> None:
    overrides = [*tiny, "model=ae", "seed=range(3)", "trainer.max_epochs=3000", "executor.workers=1", "--json"]
    process = start("sweep", *overrides, "fuse=1", cwd=tmp_path)
    while not list((tmp_path / "runs").glob("*/history.csv")):
        time.sleep(0.05)
        assert process.poll() is None
    (worker,) = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    while len(list((tmp_path / "runs").glob("*/history.csv"))) < 2:  # the next job, in a new worker
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "interrupted; the same command" in errors
    runs = [read_run(path.parent) for path in (tmp_path / "runs").glob("*/config.yaml")]
    killed = [run for run in runs if run.status == "killed"]
    assert [run.error for run in killed] == ["the worker process was killed by SIGKILL"]


def test_a_killed_worker_takes_all_that_it_trains_as_one(tiny: list[str], tmp_path: Path) -> None:
    overrides = [*tiny, "model=ae", "seed=range(3)", "trainer.max_epochs=100000", "executor.workers=1", "--json"]
    process = start("sweep", *overrides, cwd=tmp_path)
    while len(list((tmp_path / "runs").glob("*/history.csv"))) < 3:
        time.sleep(0.05)
        assert process.poll() is None
    (worker,) = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 1, errors
    assert [run["status"] for run in json.loads(output)["runs"]] == ["killed"] * 3


def test_a_kill_for_want_of_memory_is_named(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    job = plan([*tiny, "model=ae", "trainer.max_epochs=100000"]).sampler.jobs[0]
    kills = iter([7, 8])  # the system's count at the job's start and after its worker's end
    monkeypatch.setattr("adbench.executors.local.out_of_memory_kills", lambda: next(kills))
    with closing(Local(workers=1, devices=[])) as executor:
        executor.start([job], force=False)
        while (holder := job.holder()) is None or "process" not in holder:
            assert executor.wait(0.05) == []
        os.kill(int(holder.split()[1]), signal.SIGKILL)
        (ended,) = executor.wait(5.0)
        assert ended.outcome == LOST
        assert ended.error.startswith("out of memory: the system killed the worker process (SIGKILL)")


def test_the_count_of_such_kills_is_a_number() -> None:
    assert out_of_memory_kills() >= 0
