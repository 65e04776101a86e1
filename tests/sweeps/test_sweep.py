"""Tests of sweeps: missing jobs run once, failures are rows, and kills do not change the final table."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from adbench.cli.display.sweep_progress import Lines
from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.overrides import expand, replace, root_of
from adbench.errors import ConfigError, RunFolderError, SealedLabelsError
from adbench.evaluation.seal import freeze
from adbench.executors.base import BUSY, LOST, NO_FOLDER, REFUSED, Ended, Executor
from adbench.results.folder import RunFolder, can_be_written
from adbench.results.provenance import describe
from adbench.results.record import ALWAYS_MEASURED, CONFIG, ENVIRONMENT, ERROR, METRICS, STOP, read_run
from adbench.runner.job import Job
from adbench.runner.prepare import prepare
from adbench.runner.prepared_cache import RowCache
from adbench.runner.reporter import Reporter, Stopwatch
from adbench.storage.lock import Lock, holder_of
from adbench.sweeps.jobs import make_jobs
from adbench.sweeps.plan import Plan, Rules, SweepReporter, plan
from adbench.sweeps.samplers.grid import Grid
from adbench.sweeps.schedule import sweep
from adbench.sweeps.status import read_status

SWEEP = ["model=pca,iforest", "seed=range(2)"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class Fake(Executor):
    """Ends each job with the result of `end`: a worker's outcome, or metrics."""

    def __init__(self, end: Callable[[Job], str | dict[str, float]], slots: int = 2) -> None:
        self.end, self.slots = end, slots
        self.running: dict[str, Job] = {}
        self.started: list[str] = []
        self.closed = False

    def start(self, jobs: Sequence[Job], force: bool) -> None:
        (job,) = jobs
        self.started.append(job.name)
        self.running[job.name] = job
        assert len(self.running) <= self.slots

    def wait(self, seconds: float) -> list[Ended]:
        if not self.running:
            time.sleep(0.01)
            return []
        job = self.running.pop(next(iter(self.running)))
        how = self.end(job)
        if isinstance(how, str):
            return [Ended(job, how, "as the test says")]
        folder = RunFolder(job.path)
        folder.start(job.config)
        folder.write_json(ENVIRONMENT, describe(job.config, {}))
        if how:
            folder.finish(how)
        else:
            folder.fail(ERROR, "Traceback\nValueError: it failed\n")
        folder.unlock()
        return [Ended(job)]

    def stop(self, job: Job) -> None:
        del self.running[job.name]

    def close(self) -> None:
        self.closed = True


def some_metrics(_: Job) -> dict[str, float]:
    return dict.fromkeys(ALWAYS_MEASURED, 0.5)


def no_metrics(_: Job) -> dict[str, float]:
    return {}


def run_fake(overrides: list[str], executor: Executor, **rules: Any) -> list[str]:
    """The statuses of a sweep's runs."""
    planned = Plan(overrides, Grid(overrides, None), executor, None)
    return [run.status for run in sweep(planned, Rules(**rules), SweepReporter())]


@pytest.fixture
def four(tmp_path: Path) -> list[str]:
    return [*SWEEP, f"runs_dir={tmp_path / 'runs'}"]


def test_the_grammar_of_values() -> None:
    assert expand(["model=ae,vae", "seed=range(2)"]) == [
        ("model=ae", "seed=0"), ("model=ae", "seed=1"), ("model=vae", "seed=0"), ("model=vae", "seed=1"),
    ]  # fmt: skip
    assert expand(["model.hidden_sizes=[8],[8,4]"]) == [("model.hidden_sizes=[8]",), ("model.hidden_sizes=[8,4]",)]
    assert {"model=ae", "model=pca"} <= {job[0] for job in expand(["model=glob(*)"])}
    assert expand(["model=glob([p*,v*])"]) == [("model=pca",), ("model=vae",)]
    assert expand(["seed=choice(3,1)"]) == [("seed=3",), ("seed=1",)]
    assert expand([]) == [()]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model.learning_rate=interval(0.1,0.2)", "expected values to run one by one"),
        ("model=glob(z*)", "expected at least one value for model, got none"),
        ("seed=range(3,0)", "expected at least one value for seed|expected values for seed"),
    ],
)
def test_values_that_are_none(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        expand([text])


def test_roots_and_replacement() -> None:
    assert [root_of(text) for text in ("model=a", "++model.x=1", "~debug", "executor.workers=2", "a@b=c")] == [
        "model", "model", "debug", "executor", "a",
    ]  # fmt: skip
    assert replace(["seed=range(5)", "model=ae"], ["seed=1"]) == ["model=ae", "seed=1"]


def test_jobs_that_compose_to_the_same_configuration_are_one() -> None:
    assert len(make_jobs(expand(["seed=0,1,0", "trainer.threads=1,2"]))) == 2


def test_many_jobs_compose_as_each_alone() -> None:
    overrides = expand(["model=ae,iforest", "data=nslkdd,kddcup99", "seed=range(2)", "target_fpr=0.02"])
    assert [job.config for job in make_jobs(overrides)] == [compose(of_job) for of_job in overrides]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=ae,vea"], "got model=vea; did you mean vae"),
        (["model=ae", "sed=range(3)"], "did you mean seed"),
        (["executor=locl"], "got executor=locl; did you mean local"),
        (["executor.workers=0"], "expected executor.workers to be a whole number of at least 1"),
        (["executor.wokers=2"], "did you mean executor.workers"),  # codespell:ignore
        (["sampler=gird"], "did you mean grid"),  # codespell:ignore
        (["benchmark=leaderbord"], "did you mean leaderboard"),
        (["objective=test/roc_auc"], "owes nothing to the test rows"),
        (["objective=roc_auc"], "owes nothing to the test rows"),
        (["objective=validation/roc_auc"], "expected protocol=labelled_validation"),
        (["objective=calibration/los"], "did you mean calibration/loss"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_runs(overrides: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence):
        plan([*overrides, f"runs_dir={tmp_path / 'runs'}"])
    result = invoke("sweep", *overrides, f"runs_dir={tmp_path / 'runs'}")
    assert result.exit_code == 2
    assert result.stderr.startswith("adbench: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_benchmark_stands_for_its_overrides_and_what_is_typed_replaces_them() -> None:
    planned = plan(["benchmark=leaderboard", "seed=3", "data=nslkdd"])
    seeds = {(job.config["choices"]["data"], job.config["seed"]) for job in planned.sampler.jobs}
    assert seeds == {("nslkdd", 3)}
    assert len(planned.sampler.jobs) >= 7
    planned.executor.close()


def test_a_finished_job_is_not_run_again(four: list[str]) -> None:
    first, second = Fake(some_metrics), Fake(some_metrics)
    assert run_fake(four, first) == ["done"] * 4
    assert len(first.started) == 4
    assert run_fake(four, second) == ["done"] * 4
    assert second.started == []
    third = Fake(some_metrics)
    assert run_fake(four, third, force=True) == ["done"] * 4
    assert len(third.started) == 4


def test_a_failure_is_a_row_and_runs_again_only_when_asked(four: list[str]) -> None:
    def end(job: Job) -> dict[str, float]:
        return some_metrics(job) if job.config["seed"] == 0 else {}

    assert run_fake(four, Fake(end)) == ["done", "failed", "done", "failed"]
    again = Fake(some_metrics)
    assert run_fake(four, again) == ["done", "failed", "done", "failed"]
    assert again.started == []
    retried = Fake(some_metrics)
    assert run_fake(four, retried, retry_failed=True) == ["done"] * 4
    assert len(retried.started) == 2


def test_fail_fast_starts_nothing_more(four: list[str]) -> None:
    assert run_fake(four, Fake(no_metrics, slots=1), fail_fast=True) == ["failed", "skipped", "skipped", "skipped"]
    # and the next sweep does the rest
    assert run_fake(four, Fake(some_metrics), retry_failed=True) == ["done"] * 4


def test_a_lost_worker_is_a_killed_run_and_the_next_sweep_runs_it(four: list[str]) -> None:
    assert run_fake(four, Fake(lambda _: LOST)) == ["killed"] * 4
    run = read_run(Path(Grid(four, None).jobs[0].path))
    assert (run.status, run.error) == ("killed", "as the test says")
    assert run_fake(four, Fake(some_metrics)) == ["done"] * 4


def test_what_was_to_be_run_again_and_was_not_is_no_success(four: list[str]) -> None:
    run_fake(four, Fake(some_metrics))
    assert run_fake(four, Fake(lambda _: LOST), force=True) == ["killed"] * 4
    assert run_fake(four, Fake(lambda _: REFUSED), force=True) == ["failed"] * 4
    assert run_fake(four, Fake(no_metrics, slots=1)) == ["done"] * 4  # the finished runs are still there


def test_a_kill_before_the_first_file_is_as_if_nothing_had_been(four: list[str]) -> None:
    for job in Grid(four, None).jobs:
        job.path.mkdir(parents=True)
        (job.path / ".lock").touch()
    assert run_fake(four, Fake(some_metrics)) == ["done"] * 4


@pytest.mark.parametrize("recorded", [{"code": {"task": {"sha256": "0" * 64}}}, {}])
def test_what_other_code_made_is_run_again_or_kept_when_asked(four: list[str], recorded: dict[str, Any]) -> None:
    class Hearing(SweepReporter):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, sentence: str) -> None:
            self.notes.append(sentence)

    def again(**rules: bool) -> tuple[list[str], list[str], list[str]]:
        executor, reporter = Fake(some_metrics), Hearing()
        runs = sweep(Plan(four, Grid(four, None), executor, None), Rules(**rules), reporter)
        return [run.status for run in runs], executor.started, reporter.notes

    run_fake(four, Fake(some_metrics))
    old = Grid(four, None).jobs[:2]
    for job in old:
        environment = json.loads((job.path / ENVIRONMENT).read_text())
        del environment["code"]
        (job.path / ENVIRONMENT).write_text(json.dumps(environment | recorded), encoding="ascii")
    listed = invoke("sweep", *four, "--dry-run")
    assert (listed.stdout.count("outdated"), "4 jobs, 2 of them not run yet" in listed.stderr) == (2, True)
    statuses, started, notes = again(keep_old=True)
    assert (statuses, started, len(notes)) == (["done"] * 4, [], 1)
    assert "is kept as it is" in notes[0]
    statuses, started, notes = again()
    assert (statuses, sorted(started)) == (["done"] * 4, sorted(job.name for job in old))
    assert len(notes) == 1
    assert "run again, and so are others like it; --keep-old keeps them" in notes[0]
    assert again() == (["done"] * 4, [], [])
    refused = invoke("sweep", *four, "--force", "--keep-old")
    assert (refused.exit_code, "expected --force or --keep-old, got both" in refused.stderr) == (2, True)


def test_a_killed_run_keeps_what_it_wrote_beside_the_reason(four: list[str]) -> None:
    def end(job: Job) -> str:
        folder = RunFolder(job.path)
        folder.start(job.config)
        folder.write_text("history.csv", "epoch,seconds,loss\n0,1.0,0.5\n")
        folder.unlock()
        return LOST

    assert run_fake(four, Fake(end)) == ["killed"] * 4
    assert "0.5" in (Grid(four, None).jobs[0].path / "history.csv").read_text(encoding="utf-8")


def test_a_killed_attempt_to_run_again_does_not_cost_the_finished_run(four: list[str]) -> None:
    run_fake(four, Fake(some_metrics))
    job = Grid(four, None).jobs[0]
    for _ in range(2):  # the second finds the results of the first
        folder = RunFolder(job.path)
        folder.start(job.config, resume=False)
        folder.unlock()
    folder.start(job.config)
    folder.discard()
    assert read_run(job.path).status == "done"


def test_a_pruned_run_is_run_by_whoever_does_not_prune(four: list[str]) -> None:
    run_fake(four, Fake(some_metrics))
    job = Grid(four, None).jobs[0]
    (job.path / METRICS).unlink()
    (job.path / ERROR).write_text("pruned: after epoch 1\n", encoding="ascii")
    executor = Fake(some_metrics)
    assert run_fake(four, executor) == ["done"] * 4
    assert executor.started == [job.name]


def test_fail_fast_counts_what_fails_now(four: list[str]) -> None:
    executors = [Fake(no_metrics, slots=1) for _ in range(4)]
    for i, executor in enumerate(executors):
        statuses = run_fake(four, executor, fail_fast=True)
        assert statuses.count("failed") == i + 1
        assert len(executor.started) == 1
    assert run_fake(four, Fake(some_metrics), fail_fast=True, retry_failed=True) == ["done"] * 4


def test_a_sweep_tells_a_run_to_stop_and_takes_it_back(four: list[str]) -> None:
    seen: list[bool] = []

    class Impatient(Grid):
        def stop_early(self, job: Job) -> bool:
            return True

    class Watched(Fake):
        def start(self, jobs: Sequence[Job], force: bool) -> None:
            super().start(jobs, force)
            (job,) = jobs
            job.path.mkdir(parents=True)
            self.lock = Lock(job.path / ".lock")
            assert self.lock.acquire()
            self.waits = 0

        def wait(self, seconds: float) -> list[Ended]:
            self.waits += 1
            if self.waits < 3 or not self.running:
                return []
            job = next(iter(self.running.values()))
            seen.append((job.path / STOP).exists())
            self.lock.release()
            metrics, self.running = some_metrics(job), {}
            (job.path / CONFIG).write_text("{}", encoding="ascii")
            (job.path / METRICS).write_text(json.dumps(metrics), encoding="ascii")
            return [Ended(job)]

    planned = Plan(four, Impatient(four, None), Watched(some_metrics, slots=1), None)
    runs = sweep(planned, Rules(), SweepReporter())
    assert [run.status for run in runs] == ["done"] * 4
    assert seen == [True] * 4
    assert not any((run.folder / STOP).exists() for run in runs)


def test_a_worker_lost_after_its_run_was_finished_lost_nothing(four: list[str]) -> None:
    def end(job: Job) -> str:
        folder = RunFolder(job.path)
        folder.start(job.config)
        folder.finish(some_metrics(job))
        folder.unlock()
        return LOST

    assert run_fake(four, Fake(end)) == ["done"] * 4


def test_a_file_in_the_place_of_one_run_is_a_row(four: list[str]) -> None:
    assert run_fake(four, Fake(lambda _: NO_FOLDER)) == ["failed"] * 4


def test_a_folder_that_cannot_be_written_stops_the_sweep(four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adbench.sweeps.schedule.can_be_written", lambda _: False)
    executor = Fake(lambda _: NO_FOLDER, slots=1)
    with pytest.raises(RunFolderError, match="as the test says; the same command goes on from here"):
        run_fake(four, executor)
    assert len(executor.started) == 1
    assert executor.closed


def test_a_job_that_another_sweep_runs_is_waited_for(four: list[str]) -> None:
    job = Grid(four, None).jobs[0]
    job.path.mkdir(parents=True)
    lock = Lock(job.path / ".lock")
    assert lock.acquire()
    polls = 0

    class Polling(SweepReporter):
        def poll(self) -> None:
            nonlocal polls
            polls += 1
            if polls == 8:  # the other sweep finishes it
                (job.path / ENVIRONMENT).write_text(json.dumps(describe(job.config, {})), encoding="ascii")
                (job.path / CONFIG).write_text("x: 1\n", encoding="ascii")
                (job.path / METRICS).write_text(json.dumps(some_metrics(job)), encoding="ascii")
                lock.release()

    executor = Fake(some_metrics)
    planned = Plan(four, Grid(four, None), executor, None)
    runs = sweep(planned, Rules(), Polling())
    assert [run.status for run in runs] == ["done"] * 4
    assert len(executor.started) == 3


def test_a_job_that_another_sweep_took_first_is_taken_later(four: list[str]) -> None:
    refused: list[str] = []

    def end(job: Job) -> str | dict[str, float]:
        if job.name not in refused:
            refused.append(job.name)
            return BUSY
        return some_metrics(job)

    assert run_fake(four, Fake(end)) == ["done"] * 4


def test_a_damaged_folder_is_a_row_and_is_run_again_when_asked(four: list[str]) -> None:
    jobs = Grid(four, None).jobs
    run_fake(four, Fake(some_metrics))
    (jobs[0].path / METRICS).write_text('{"roc_auc": 0.', encoding="ascii")
    (jobs[1].path / "notes.txt").write_text("somebody's", encoding="ascii")
    assert run_fake(four, Fake(some_metrics)) == ["unreadable", "done", "done", "done"]
    assert (jobs[1].path / "notes.txt").read_text(encoding="ascii") == "somebody's"
    assert run_fake(four, Fake(some_metrics), retry_failed=True) == ["done"] * 4


def test_a_job_that_takes_too_long_is_stopped_and_stays_a_row(four: list[str]) -> None:
    class Hanging(Fake):
        locks: list[Lock] = []  # noqa: RUF012

        def start(self, jobs: Sequence[Job], force: bool) -> None:
            super().start(jobs, force)
            (job,) = jobs
            job.path.mkdir(parents=True)
            self.locks.append(Lock(job.path / ".lock"))
            assert self.locks[-1].acquire()

        def wait(self, seconds: float) -> list[Ended]:
            time.sleep(0.02)
            return []

        def stop(self, job: Job) -> None:
            super().stop(job)
            next(lock for lock in self.locks if lock.path.parent == job.path).release()

    assert run_fake(four, Hanging(some_metrics), timeout=0.1) == ["timeout"] * 4
    run = read_run(Grid(four, None).jobs[0].path)
    assert (run.status, run.error) == ("timeout", "it ran for more than 0.1 s")
    assert run_fake(four, Fake(some_metrics)) == ["timeout"] * 4
    assert run_fake(four, Fake(some_metrics), retry_failed=True) == ["done"] * 4


def test_jobs_of_the_same_split_follow_one_another(tmp_path: Path) -> None:
    sampler = Grid(["model=ae,vae,pca", "seed=range(3)", f"runs_dir={tmp_path}"], None)
    seeds = [job.config["seed"] for job in iter(sampler.next, None)]
    assert seeds == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_place_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert can_be_written(tmp_path / "new")
    assert not can_be_written(tmp_path / "file")
    assert not list((tmp_path / "new").iterdir())


def test_a_job_that_cannot_be_composed_is_named() -> None:
    with pytest.raises(ConfigError, match=r"model\.latent_size.*, in the job model=pca model\.latent_size=4$"):
        make_jobs(expand(["model=ae,pca", "model.latent_size=4"]))


def test_a_status_from_another_folder(four: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_fake([*four[:-1], "runs_dir=runs"], Fake(some_metrics))
    job = Grid(four, None).jobs[0]
    (job.path / METRICS).write_text("{", encoding="ascii")
    monkeypatch.chdir("/")
    status = read_status(tmp_path / "runs")
    assert [entry.status for entry in status.entries] == ["unreadable", "done", "done", "done"]


def test_a_progress_line_that_nobody_reads_is_no_reason_to_stop() -> None:
    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Lines(Closed()).begin(3, 1)


def test_a_lock_is_held_by_one_and_freed_by_death(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = f"from pathlib import Path; from adbench.storage.lock import Lock; lock = Lock(Path({str(path)!r}))"
    script = f"{lock}; print(lock.acquire()); input()"
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    assert holder_of(path) == f"process {other.pid} on {os.uname().nodename}"
    assert not Lock(path).acquire()
    other.kill()
    other.communicate()
    assert path.exists()  # stale: its holder is dead
    assert holder_of(path) is None
    mine = Lock(path)
    assert mine.acquire()
    mine.release()
    assert not path.exists()


def test_each_run_on_kept_rows_breaks_a_seal_of_its_own(quick: list[str], tmp_path: Path) -> None:
    kept, config = RowCache(), compose(quick)
    rule = build(config["threshold"], "threshold")
    first = prepare(config, rule, Stopwatch(Reporter()), kept).labels
    second = prepare(config, rule, Stopwatch(Reporter()), kept).labels
    frozen = freeze(np.zeros(len(first)), 0.0, tmp_path / "record")
    assert first.open(frozen).label.sum() == second.open(frozen).label.sum() > 0
    for labels in (first, second):
        with pytest.raises(SealedLabelsError, match="a second time"):
            labels.open(frozen)
        with pytest.raises(SealedLabelsError, match="got those of one run"):
            labels.reseal()
