"""Jobs of a Slurm cluster, submitted with submitit."""

import contextlib
import functools
import io
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adbench.config.checks import require_at_least, require_one_of
from adbench.config.extras import require_package
from adbench.config.keys import Config
from adbench.errors import ConfigError, RunFolderError
from adbench.executors.base import LOST, Ended, Executor
from adbench.executors.remote import one_line, run_there, wait_until
from adbench.results.record import SWEEPS
from adbench.runner.job import Job

SLURM, LOCAL = "slurm", "local"  # submitit's names
COMMANDS = ("sbatch", "srun", "sacct", "scancel")
ASK_SECONDS = 30  # otherwise submitit asks the scheduler only every ten minutes while a job leaves no answer
# The scheduler's states for jobs that it ended itself, and remedies.
ENDED_BY_SCHEDULER = {
    "OUT_OF_MEMORY": "take a larger executor.memory_gb, or fuse=1",
    "TIMEOUT": "take a larger executor.timeout_min",
    "DEADLINE": "take a larger executor.timeout_min",
    "CANCELLED": "",
    "NODE_FAIL": "",
    "BOOT_FAIL": "",
    "PREEMPTED": "",
}


class Slurm(Executor):
    """One job of the cluster per job of the sweep, or per group of jobs that are trained together.

    cluster: slurm, or local for the same with processes on this machine. workers: maximal number of the cluster's jobs
    queued or running. partition, timeout_min, cpus_per_job, memory_gb (None: the cluster's default), gpus_per_job:
    requested per job. options: further options of sbatch, such as "account=lab". folder: for logs; None: beside the
    runs.
    """

    def __init__(
        self,
        cluster: str,
        workers: int,
        partition: str | None,
        timeout_min: int,
        cpus_per_job: int,
        memory_gb: int | None,
        gpus_per_job: int,
        options: list[str],
        folder: str | None,
    ) -> None:
        require_one_of("executor.cluster", cluster, (SLURM, LOCAL))
        for key, value in (("workers", workers), ("timeout_min", timeout_min), ("cpus_per_job", cpus_per_job)):
            require_at_least(f"executor.{key}", value, 1)
        if memory_gb is not None:
            require_at_least("executor.memory_gb", memory_gb, 1)
        require_at_least("executor.gpus_per_job", gpus_per_job, 0)
        require_package("submitit", "slurm", "executor=slurm")
        self.cluster, self.slots, self.folder = cluster, workers, folder
        self.cpus_per_job = cpus_per_job
        self.parameters = {
            "timeout_min": timeout_min,
            "cpus_per_task": cpus_per_job,
            "mem_gb": memory_gb,
            "gpus_per_node": gpus_per_job or None,
            "slurm_partition": partition,
            "slurm_srun_args": [f"--cpus-per-task={cpus_per_job}"],  # srun does not inherit sbatch's setting
            # A requeued job would conflict with a sweep that has given it up.
            "slurm_additional_parameters": {"no-requeue": True} | _parsed(options),
        }
        self._submitit: Any = None
        self._running: list[tuple[Sequence[Job], Any]] = []  # with submitit's job
        self._refused: list[Ended] = []
        self._asked = time.monotonic()

    def open(self) -> None:
        missing = [command for command in COMMANDS if shutil.which(command) is None]
        if self.cluster == SLURM and missing:
            raise ConfigError(
                f"expected Slurm's commands for executor=slurm, got no {', '.join(missing)}; run it on a machine of "
                "the cluster, or take executor=local"
            )
        if self.folder is not None:
            self._prepare(Path(self.folder))

    def start(self, jobs: Sequence[Job], force: bool) -> None:
        from submitit.core.utils import environment_variables

        if self._submitit is None:
            self._prepare(jobs[0].path.parent / SWEEPS / "slurm")
        self._submitit.update_parameters(name=f"adbench-{jobs[0].name}")
        try:
            # A job inherits the environment of its submission, and must import nothing from the working directory;
            # submitit prints sbatch's warnings about that.
            safe = environment_variables(PYTHONSAFEPATH="1")
            with safe, contextlib.redirect_stderr(io.StringIO()), _kept_from_ctrl_c():
                configs = [job.config for job in jobs]
                submitted = self._submitit.submit(_run, str(Path.cwd()), configs, force)
        except RuntimeError as error:
            if not self._running:
                raise ConfigError(f"expected Slurm to accept the job, got {one_line(error)}") from None
            reason = f"Slurm did not accept the job: {one_line(error)}"
            self._refused += [Ended(job, LOST, reason) for job in jobs]
        else:
            self._running.append((jobs, submitted))

    def wait(self, seconds: float) -> list[Ended]:
        ended, self._refused = self._refused, []
        for over in self._over():
            self._running.remove(over)
            ended += _ended(*over)
        if not ended:
            time.sleep(seconds)
        return ended

    def stop(self, job: Job) -> None:
        group = next(group for group in self._running if job in group[0])
        self._running.remove(group)
        self._end([group])

    def close(self) -> None:
        self._end(self._running)
        self._running = []
        if self._submitit is not None:
            with contextlib.suppress(OSError):
                self._submitit.folder.rmdir()  # fails if something is left to be read

    def _prepare(self, folder: Path) -> None:
        """Create a new folder per sweep: submitit unpickles answers, so only our own jobs' may be in it."""
        import submitit

        try:
            folder.mkdir(parents=True, exist_ok=True)
            own = tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-"), dir=folder.resolve())
        except OSError as error:
            raise RunFolderError(
                f"expected a place that can be written at {folder}, got {error.strerror}; name another with "
                "executor.folder="
            ) from None
        self._submitit = submitit.AutoExecutor(own, cluster=self.cluster)
        self._submitit.update_parameters(**self.parameters)

    def _over(self) -> list[tuple[Sequence[Job], Any]]:
        """The groups that are over."""
        ask = time.monotonic() - self._asked > ASK_SECONDS
        over = []
        for group in self._running:
            _, submitted = group
            # One query to the scheduler covers all jobs.
            if submitted.done(force_check=ask) or _word(submitted) == "PREEMPTED":
                over.append(group)
            if ask:
                ask, self._asked = False, time.monotonic()
        return over

    def _end(self, running: list[tuple[Sequence[Job], Any]]) -> None:
        for _, submitted in running:
            if self.cluster == SLURM:
                submitted.cancel(check=False)
        for jobs, submitted in running:
            wait_until(functools.partial(self._is_gone, jobs, submitted))

    def _is_gone(self, jobs: Sequence[Job], submitted: Any) -> bool:
        if self.cluster == LOCAL and not submitted.done():
            os.kill(int(submitted.job_id), signal.SIGTERM)  # repeated: a job that is just starting misses the signal
            return False
        return all(job.holder() is None for job in jobs)


@contextlib.contextmanager
def _kept_from_ctrl_c() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: it goes to the sweep, which then decides."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _run(folder: str, configs: Sequence[Config], force: bool) -> list[dict[str, str]]:
    """Run jobs inside the cluster without submitit's signal handlers: only the scheduler ends or requeues them."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    return run_there(folder, configs, force)


def _ended(jobs: Sequence[Job], submitted: Any) -> list[Ended]:
    """The outcomes of the jobs. Their files are removed if they left an answer; otherwise they stay for diagnosis."""
    word, paths = _word(submitted), submitted.paths
    answered = paths.result_pickle.exists()
    if not answered and word in ENDED_BY_SCHEDULER:
        advice = ENDED_BY_SCHEDULER[word] or f"see {paths.stderr}"
        memory = "out of memory: " if word == "OUT_OF_MEMORY" else ""
        return _lost(jobs, f"{memory}the scheduler ended the job with {word}; {advice}")
    try:
        # On a network file system the answer can become visible after the scheduler reports the end.
        answer = submitted.result() if answered or word == "COMPLETED" else None
    except RuntimeError:
        answer = None
    if answer is None:
        return _lost(jobs, f"the process ended without an answer ({word}); see {paths.stderr}")
    for file in paths.folder.glob(f"{submitted.job_id}_*"):
        file.unlink(missing_ok=True)
    return [Ended(job, **of_job) for job, of_job in zip(jobs, answer, strict=True)]


def _lost(jobs: Sequence[Job], reason: str) -> list[Ended]:
    return [Ended(job, LOST, reason) for job in jobs]


def _word(submitted: Any) -> str:
    """The scheduler's word for the state of a job, such as CANCELLED for "CANCELLED by 1000"."""
    return str(submitted.state).split()[0]


def _parsed(options: list[str]) -> dict[str, Any]:
    """sbatch's own options, parsed from "account=lab" or "exclusive"."""
    parsed: dict[str, Any] = {}
    for text in options:
        key, has_value, value = str(text).removeprefix("--").partition("=")
        if not isinstance(text, str) or not key:
            raise ConfigError(f"expected executor.options to be sbatch's, such as ['account=lab'], got {text!r}")
        parsed[key] = value if has_value else True
    return parsed
