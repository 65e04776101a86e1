"""Many runs: composed before the first one starts, run wherever the executor says, and never twice.

Run folders are the only state. Whatever kills a sweep, the same command goes on where it was.
"""

import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from adbench.benchmark import overrides_of
from adbench.checks import require_positive
from adbench.config import SWEEP, compose, groups
from adbench.errors import FolderInUseError, RunFolderError
from adbench.executors.base import LOST, Ended, Executor
from adbench.instantiate import build
from adbench.jobs import Job
from adbench.objective import Objective
from adbench.overrides import replace, root_of
from adbench.results import DONE, FAILED, INCOMPLETE, KILLED, PRUNED, STOP, TIMEOUT, UNREADABLE, Run
from adbench.run_folder import leave_error
from adbench.samplers.base import Sampler
from adbench.sweep_record import record
from adbench.worker import BUSY, NO_FOLDER

POLL_SECONDS = 0.5
SKIPPED = "skipped"  # the status of a job that this sweep did not start
# What the next sweep leaves as it is. What was killed is run again: what killed it need not come again.
LEFT_ALONE = (FAILED, TIMEOUT, PRUNED, UNREADABLE)


@dataclass(frozen=True)
class Plan:
    """A sweep that is composed and not yet started."""

    overrides: list[str]  # of its jobs, a benchmark's included
    sampler: Sampler
    executor: Executor
    objective: Objective | None


@dataclass(frozen=True)
class Rules:
    """What a sweep does about jobs that are finished, and those that do not finish.

    force: run again what is finished. retry_failed: run again what failed, took too long or was pruned. fail_fast:
    start nothing more after the first job that does not finish. timeout: seconds that a job may run.
    """

    force: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None:
            require_positive("--timeout", self.timeout)


class SweepReporter:
    """Hears how a sweep gets on. This one is silent; `adbench.sweep_progress` has those that speak."""

    def begin(self, n_jobs: int, slots: int) -> None:
        """The sweep begins."""

    def started(self, job: Job) -> None:
        """A job was handed to the executor."""

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        """A job is over; ran: in this sweep, not before."""

    def poll(self) -> None:
        """Some time has passed."""


def plan(overrides: Iterable[str]) -> Plan:
    """Compose a sweep and all its jobs. Raises ConfigError for the first that cannot be composed.

    overrides: of the jobs, where a key may have several values, and of the sweep itself: executor, sampler, objective,
    and benchmark, which stands for the overrides in configs/benchmark/NAME.yaml; what is typed replaces those.
    """
    overrides = list(overrides)
    own = (*groups(SWEEP), "objective")
    of_sweep = [text for text in overrides if root_of(text) in own]
    of_jobs = [text for text in overrides if root_of(text) not in own]
    benchmarks = [text for text in of_sweep if root_of(text) == "benchmark"]
    config = compose([text for text in of_sweep if text not in benchmarks], SWEEP)
    for text in benchmarks:
        of_jobs = replace(overrides_of(text), of_jobs)
    objective = None if config["objective"] is None else Objective(str(config["objective"]))
    sampler = build(config["sampler"], "sampler", overrides=of_jobs, objective=objective)
    return Plan(of_jobs, sampler, build(config["executor"], "executor"), objective)


def sweep(planned: Plan, rules: Rules, reporter: SweepReporter) -> list[Run]:
    """Run what is missing of a sweep, and hand back all its runs, finished or not.

    A job that did not start has the status "skipped". Raises RunFolderError when no run folder can be written, and
    ConfigError when the executor's engine is not there.
    """
    with closing(planned.executor), closing(planned.sampler):
        planned.executor.open()  # first: a sampler begins by writing
        planned.sampler.begin()
        reporter.begin(planned.sampler.n_jobs, planned.executor.slots)
        return _Sweep(planned, rules, reporter).run()


@dataclass
class _Sweep:
    planned: Plan
    rules: Rules
    reporter: SweepReporter
    jobs: dict[Path, Job] = field(default_factory=dict)  # that were handed out
    over: dict[Path, Run] = field(default_factory=dict)
    running: dict[Path, Job] = field(default_factory=dict)
    began: dict[Path, float] = field(default_factory=dict)  # when a running job was first seen to hold its folder
    elsewhere: dict[Path, Job] = field(default_factory=dict)  # another sweep is running them
    recorded: set[Path] = field(default_factory=set)  # that another terminal is told of
    no_folder: str = ""  # why no run folder can be written

    def run(self) -> list[Run]:
        self._record()
        while self._start_some() or self.running or self.elsewhere:
            for ended in self.planned.executor.wait(POLL_SECONDS):
                self._end(ended)
            self._watch_running()
            self.reporter.poll()
        if self.no_folder:
            raise RunFolderError(f"{self.no_folder}; the same command goes on from here")
        return [self.over.get(path) or self._not_started(job) for path, job in self._all_jobs().items()]

    @property
    def _stopping(self) -> bool:
        failed = self.rules.fail_fast and any(run.status not in (DONE, PRUNED) for run in self.over.values())
        return failed or bool(self.no_folder)

    def _start_some(self) -> bool:
        """Fill the executor's slots; whether any job was started."""
        started = False
        while len(self.running) < self.planned.executor.slots and not self._stopping:
            job = self._next()
            if job is None:
                break
            started = True
            self.planned.executor.start(job, force=self.rules.force or job.state().status == UNREADABLE)
            self.running[job.path] = job
            self.reporter.started(job)
        if self._stopping:
            self.elsewhere.clear()
        return started

    def _next(self) -> Job | None:
        """A job that has to be run, here and now."""
        freed = [path for path, job in self.elsewhere.items() if job.holder() is None]
        while (job := self.elsewhere.pop(freed.pop()) if freed else self.planned.sampler.next()) is not None:
            first = self._known(job)
            if job.path in self.running:  # handed out a second time before its end
                self.elsewhere[job.path] = first
            elif job.path in self.over:
                self.planned.sampler.ended(job, self.over[job.path])
            elif job.holder() is not None:
                self.elsewhere[job.path] = job
            elif not self._is_over(job):
                return job
        return None

    def _known(self, job: Job) -> Job:
        """The job of this folder that came first; a sampler may make up new ones on the way, which are recorded."""
        first = self.jobs.setdefault(job.path, job)
        if job.path not in self.recorded:
            self._record()
        return first

    def _record(self) -> None:
        jobs = self._all_jobs()
        record(self.planned.overrides, list(jobs.values()))
        self.recorded = set(jobs)

    def _is_over(self, job: Job) -> bool:
        """Whether a job was over before this sweep, and stays so."""
        run = job.state()
        again = self.rules.force or (run.status != DONE and self.rules.retry_failed)
        if again or run.status not in (DONE, *LEFT_ALONE):
            return False
        self._close(job, run, ran=False)
        return True

    def _end(self, ended: Ended) -> None:
        """A job came back from the executor."""
        job = self.running.pop(ended.job.path)
        self.began.pop(job.path, None)
        if ended.outcome == BUSY:
            self.elsewhere[job.path] = job
            return
        if ended.outcome == NO_FOLDER:
            self.no_folder = ended.error
            return
        with suppress(OSError):
            (job.path / STOP).unlink(missing_ok=True)  # it may have ended before it saw this
        run = job.state()
        if ended.outcome == LOST and run.status != DONE:
            run = self._leave(job, f"{KILLED}: {ended.error}")
        self._close(job, run, ran=True)

    def _close(self, job: Job, run: Run, ran: bool) -> None:
        self.over[job.path] = run
        self.planned.sampler.ended(job, run)
        self.reporter.ended(job, run, ran)

    def _watch_running(self) -> None:
        """Stop what runs too long; tell what need not go on."""
        now = time.monotonic()
        for job in list(self.running.values()):
            if job.path not in self.began and job.holder() is not None:
                self.began[job.path] = now  # until then it may wait in a cluster's queue
            seconds = now - self.began.get(job.path, now)
            if self.rules.timeout is not None and seconds > self.rules.timeout:
                self.planned.executor.stop(job)
                del self.running[job.path], self.began[job.path]
                self._close(
                    job, self._leave(job, f"{TIMEOUT}: it ran for more than {self.rules.timeout:g} s"), ran=True
                )
            elif job.path in self.began and self.planned.sampler.stop_early(job):
                with suppress(OSError):  # it ended, and its folder is gone
                    (job.path / STOP).touch()

    def _leave(self, job: Job, text: str) -> Run:
        """The run of a job whose process is gone, after these words were left in its folder."""
        try:
            leave_error(job.path, job.config, text)
        except FolderInUseError:  # another sweep was quicker
            pass
        except RunFolderError as error:
            self.no_folder = str(error)
        run = job.state()
        word, _, reason = text.partition(": ")
        return run if run.status != INCOMPLETE else job.as_run(word, reason)

    def _all_jobs(self) -> dict[Path, Job]:
        """The jobs in the order in which the user listed them, as far as that is known."""
        listed = {job.path: job for job in self.planned.sampler.jobs}
        return listed | self.jobs

    def _not_started(self, job: Job) -> Run:
        run = job.state()
        return run if run.status in (DONE, *LEFT_ALONE) else job.as_run(SKIPPED)
