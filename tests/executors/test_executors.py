"""Tests of every executor under configs/executor: equal results, lost processes, stopped jobs, one sentence."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.executors import ray as ray_executor
from adbench.executors.base import BUSY, LOST, NO_FOLDER, RAN, REFUSED, Ended, Executor
from adbench.executors.remote import run_there
from adbench.results.record import DONE, FAILED, LOCK
from adbench.runner.job import Job
from adbench.runner.run import MAX_SEED, train
from adbench.storage.lock import Lock
from adbench.sweeps.jobs import make_jobs
from adbench.sweeps.plan import plan

ON_THIS_MACHINE = {
    "local": ["executor=local", "executor.workers=2"],
    "ray": ["executor=ray", "executor.workers=2"],
    "slurm": ["executor=slurm", "executor.cluster=local", "executor.workers=2"],
}
NAMES = sorted(path.stem for path in (config_folder() / "executor").glob("*.yaml"))
NEEDS = {"ray": "ray", "slurm": "submitit"}
PATIENCE = 120  # seconds, for busy machines


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """Overrides for a very short run on a user table, which other processes can read."""
    random = np.random.default_rng(0)
    y = (np.arange(600) % 6 == 0).astype(int)
    pd.DataFrame({"a": random.normal(3 * y), "b": random.normal(size=600), "y": y}).to_csv(
        tmp_path / "rows.csv", index=False
    )
    return [
        *("data=table", f"data.path={tmp_path / 'rows.csv'}", "data.label=y", "data.normal=0", "data.categorical=[]"),
        *("target_fpr=0.05", f"runs_dir={tmp_path / 'runs'}"),
    ]


def job_of(*overrides: str) -> Job:
    return make_jobs([overrides])[0]


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ends(executor: Executor, n: int) -> Iterator[Ended]:
    deadline = time.monotonic() + PATIENCE
    while n:
        assert time.monotonic() < deadline
        for ended in executor.wait(0.5):
            n -= 1
            yield ended


def process_of(job: Job) -> int:
    """The process that runs a job: "process 12 on host"."""
    until(lambda: "process" in (job.holder() or "") or job.state().error)
    holder = job.holder()
    assert holder is not None, job.state().error
    return int(holder.split()[1])


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.chdir(tmp_path)
    here = [*tiny[:-1], "runs_dir=runs"]  # relative to the sweep, wherever a worker is started
    good, wrong = job_of(*here, "model=pca", "model.n_components=1"), job_of(*here, f"seed={MAX_SEED + 1}")
    together = [job_of(*here, "model=ae", f"seed={seed}") for seed in (0, 1)]
    endless = [job_of(*here, "model=ae", "trainer.max_epochs=1000000", f"seed={seed}") for seed in range(4)]
    executor = plan([*tiny, *ON_THIS_MACHINE[name]]).executor
    with closing(executor):
        executor.open()
        assert executor.slots == 2
        executor.start([good], force=False)
        executor.start([wrong], force=False)
        assert {ended.job.path: ended.outcome for ended in ends(executor, 2)} == {
            good.path: RAN,
            wrong.path: REFUSED,
        }

        executor.start(together, force=False)
        assert [(ended.job, ended.outcome) for ended in ends(executor, 2)] == [(job, RAN) for job in together]

        executor.start(endless[:2], force=False)
        os.kill(process_of(endless[1]), signal.SIGKILL)
        for job, lost in zip(endless[:2], ends(executor, 2), strict=True):
            assert (lost.job, lost.outcome) == (job, LOST)
            assert lost.error
            assert "\n" not in lost.error

        executor.start(endless[2:], force=False)
        process_of(endless[3])
        executor.stop(endless[3])
        assert all(job.holder() is None for job in endless)
        assert executor.wait(0.1) == []

        executor.start(endless[:2], force=False)
        process_of(endless[1])
    assert all(job.holder() is None for job in endless)  # closed while they ran
    for job, other in zip(together, reversed(together), strict=True):
        assert job.state().environment["trained_with"] == [other.name]
    run = good.state()
    assert run.status == DONE
    same = train([*good.overrides, "runs_dir=in_this_process"])
    assert measured(run.metrics) == measured(same.metrics)
    assert run.folder.name == same.folder.name
    assert wrong.state().status == FAILED
    assert "expected seed to be" in wrong.state().error


def measured(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if "second" not in name}


def test_the_executor_is_not_part_of_a_run(tiny: list[str]) -> None:
    jobs = [plan([*tiny, *ON_THIS_MACHINE[name], "seed=0,1"]).sampler.jobs for name in NAMES]
    assert all(of_one == jobs[0] for of_one in jobs)


def test_what_another_process_computes_is_left_to_it(tiny: list[str], tmp_path: Path) -> None:
    job = job_of(*tiny)
    job.path.mkdir(parents=True)
    lock = Lock(job.path / LOCK)
    assert lock.acquire()
    before = Path.cwd()
    try:
        assert run_there(str(tmp_path), [job.config], force=True)[0]["outcome"] == BUSY
    finally:
        os.chdir(before)
        lock.release()
    assert list(job.path.iterdir()) == []


def test_a_machine_without_the_shared_folder_says_so(tiny: list[str], tmp_path: Path) -> None:
    answers = run_there(str(tmp_path / "none"), [job_of(*tiny).config, job_of(*tiny, "seed=1").config], force=False)
    assert [answer["outcome"] for answer in answers] == [NO_FOLDER] * 2
    assert all("shared file system" in answer["error"] for answer in answers)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_missing_package_is_one_sentence(name: str, tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, NEEDS[name], None)
    refused(tiny, [f"executor={name}"], f"pip install 'adbench-runner[{name}]'")


def test_an_address_that_does_not_answer_is_one_sentence(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_executor, "ANSWER_SECONDS", 1)
    address = "127.0.0.1:9"
    refused(tiny, ["executor=ray", f"executor.address={address}"], f"executor.address={address}, got no answer in 1 s")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["executor=ray", "executor.workers=0"], "executor.workers to be a whole number of at least 1, got 0"),
        (["executor=ray", "executor.gpus_per_job=1.5"], "executor.gpus_per_job to be whole or below 1, got 1.5"),
        (["executor=slurm", "executor.cluster=moon"], "executor.cluster to be one of slurm, local, got moon"),
        (["executor=slurm", "executor.options=[3]"], "executor.options to be sbatch's, such as ['account=lab'], got 3"),
    ],
)
def test_a_wrong_value_is_one_sentence(tiny: list[str], overrides: list[str], message: str) -> None:
    refused(tiny, overrides, message)


def test_missing_commands_of_slurm_are_one_sentence(tiny: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "")
    refused(tiny, ["executor=slurm"], "got no sbatch, srun, sacct, scancel")


def refused(tiny: list[str], overrides: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["sweep", *tiny, *overrides])
    assert result.exit_code == 2
    assert result.stderr.startswith("adbench: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not Path(tiny[-1].removeprefix("runs_dir=")).exists()


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Fake Slurm commands: sbatch stores its input, sacct has one answer."""

    def make(**answers: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("sbatch", "srun", "sacct", "scancel"):
            (folder / name).write_text(
                f'#!/bin/sh\ncat "$1" > {folder}/{name}.told 2> /dev/null\n{answers.get(name, "")}\n'
            )
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return folder

    return make


STATES = ("OUT_OF_MEMORY", "TIMEOUT", "CANCELLED by 1000", "NODE_FAIL", "PREEMPTED")


@pytest.mark.parametrize("state", STATES)
def test_what_the_scheduler_ended_is_lost_with_its_word(
    state: str, tiny: list[str], scheduler: Callable[..., Path]
) -> None:
    pytest.importorskip("submitit")
    number = 100 + STATES.index(state)  # submitit caches the state by job number
    told = scheduler(
        sbatch=f"echo Submitted batch job {number}",
        sacct=f"printf 'JobID|State|NodeList\\n{number}|{state}|node1\\n'",
    )
    options = ["executor=slurm", "executor.partition=long", "executor.options=['account=lab',exclusive]"]
    job = job_of(*tiny)
    with closing(plan([*tiny, *options]).executor) as executor:
        executor.open()
        executor.start([job], force=False)
        (ended,) = ends(executor, 1)
    assert ended.outcome == LOST
    assert state.split()[0] in ended.error
    script = (told / "sbatch.told").read_text()
    for option in (
        "partition=long",
        "account=lab",
        "exclusive",
        "time=240",
        "mem=8GB",
        "cpus-per-task=1",
        "no-requeue",
    ):
        assert f"#SBATCH --{option}\n" in script


def test_a_refused_submission_is_one_sentence(tiny: list[str], scheduler: Callable[..., Path]) -> None:
    pytest.importorskip("submitit")
    scheduler(sbatch="echo 'sbatch: error: invalid partition' >&2; exit 1")
    with closing(plan([*tiny, "executor=slurm"]).executor) as executor:
        executor.open()
        with pytest.raises(ConfigError, match="expected Slurm to accept the job, got sbatch: error: invalid partition"):
            executor.start([job_of(*tiny)], force=False)


def test_a_submission_refused_while_others_run_loses_all_its_jobs(
    tiny: list[str], scheduler: Callable[..., Path]
) -> None:
    pytest.importorskip("submitit")
    commands = scheduler(
        sbatch="echo Submitted batch job 200", sacct="printf 'JobID|State|NodeList\n200|RUNNING|node1\n'"
    )
    jobs = [job_of(*tiny, f"seed={seed}") for seed in range(4)]
    with closing(plan([*tiny, "executor=slurm"]).executor) as executor:
        executor.open()
        executor.start(jobs[:2], force=False)
        (commands / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: too many jobs' >&2; exit 1\n")
        executor.start(jobs[2:], force=False)
        for job, lost in zip(jobs[2:], ends(executor, 2), strict=True):
            assert (lost.job, lost.outcome) == (job, LOST)
            assert "Slurm did not accept the job: sbatch: error: too many jobs" in lost.error
