"""Scheduling of a sweep's jobs on its executor, each run once.

Run folders are the only state. If a sweep is killed, the same command resumes it.
"""

import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from adbench.config.plugins import used_by
from adbench.errors import ConfigError, FolderInUseError, RunFolderError
from adbench.executors.base import APART, BUSY, LOST, NO_FOLDER, REFUSED, Ended
from adbench.results.code import code_at_hand, difference
from adbench.results.folder import can_be_written, leave_error
from adbench.results.record import DONE, FAILED, INCOMPLETE, KILLED, OUTDATED, PRUNED, STOP, TIMEOUT, UNREADABLE, Run
from adbench.runner.job import Job
from adbench.sweeps.fusion import Groups
from adbench.sweeps.plan import Plan, Rules, SweepReporter, require_divisible
from adbench.sweeps.status import record

POLL_SECONDS = 0.5
SKIPPED = "skipped"  # status of a job that this sweep did not start
# Statuses that the next sweep keeps. Killed jobs are repeated: the cause may be gone.
LEFT_ALONE = (FAILED, TIMEOUT, UNREADABLE)


def sweep(planned: Plan, rules: Rules, reporter: SweepReporter) -> list[Run]:
    """Run the missing jobs of a sweep; returns all its runs, finished or not.

    A job that did not start has the status "skipped". Raises RunFolderError if no run folder can be written, and
    ConfigError if the executor's engine is missing, data and protocol of a job do not fit together, or the code of a
    plugin changes meanwhile: running jobs end first.
    """
    require_divisible(planned, rules)
    with closing(planned.executor), closing(planned.sampler):
        planned.executor.open()  # first, since a sampler begins by writing
        planned.sampler.begin()
        reporter.begin(planned.sampler.n_jobs, planned.executor.slots)
        for sentence in planned.left_out:
            reporter.note(sentence)
        return _Sweep(planned, rules, reporter).run()


@dataclass
class _Sweep:
    planned: Plan
    rules: Rules
    reporter: SweepReporter
    jobs: dict[Path, Job] = field(default_factory=dict)  # handed out
    over: dict[Path, Run] = field(default_factory=dict)
    running: dict[Path, Job] = field(default_factory=dict)
    began: dict[Path, float] = field(default_factory=dict)  # when a running job was first seen holding its folder
    elsewhere: dict[Path, Job] = field(default_factory=dict)  # running in another sweep
    recorded: set[Path] = field(default_factory=set)  # listed in the record for other terminals
    finished_before: dict[Path, int] = field(default_factory=dict)  # of running jobs: the time of their older metrics
    group_of: dict[Path, int] = field(default_factory=dict)  # of running jobs; a group ends together
    n_groups: int = 0  # number of groups started
    said: set[str] = field(default_factory=set)  # topics of notes that are given once
    failed: bool = False  # whether a job of this sweep did not finish
    no_folder: str = ""  # the reason why no run folder can be written
    changed: str = ""  # the plugin whose code changed since the sweep began

    def run(self) -> list[Run]:
        # With a timeout, jobs must be stoppable one by one.
        self.groups = Groups(self.planned.most if self.rules.timeout is None else 1, self.planned.executor.slots)
        self._record()
        while self._start_some() or self.running or self.elsewhere:
            for ended in self.planned.executor.wait(POLL_SECONDS):
                self._end(ended)
            self._watch_running()
            self.reporter.poll()
        if self.no_folder:
            raise RunFolderError(f"{self.no_folder}; the same command goes on from here")
        if self.changed:
            raise ConfigError(
                f"expected the plugin {self.changed} as it was when the sweep began, got other code by now; the same"
                " command goes on, and runs again what the code before made"
            )
        return [self.over.get(path) or self._not_started(job) for path, job in self._all_jobs().items()]

    @property
    def _stopping(self) -> bool:
        return (self.rules.fail_fast and self.failed) or bool(self.no_folder) or bool(self.changed)

    def _start_some(self) -> bool:
        """Fill the executor's slots; returns whether any job was started."""
        started = False
        while len({self.group_of[path] for path in self.running}) < self.groups.slots and not self._stopping:
            jobs = self._next_group()
            self.changed = next(filter(None, map(_changed_plugin, jobs)), "")
            if not jobs or self.changed:
                break
            started = True
            for job in jobs:
                self.running[job.path], self.finished_before[job.path] = job, job.finished_at()
                self.group_of[job.path] = self.n_groups
            self.n_groups += 1
            again = self.rules.force or any(job.state().status == UNREADABLE for job in jobs)
            self.planned.executor.start(jobs, force=again)
            for job in jobs:
                self.reporter.started(job)
        if self._stopping:
            self.elsewhere.clear()
        return started

    def _next_group(self) -> list[Job]:
        """The jobs to be submitted together."""
        while not self.groups.waiting or self.groups.most > 1:
            job = self._next()
            if job is None:
                break
            self.groups.waiting.append(job)
        return self.groups.next()

    def _next(self) -> Job | None:
        """The next job that has to be run here; None if there is none for now."""
        freed = [path for path, job in self.elsewhere.items() if job.holder() is None]
        while (job := self.elsewhere.pop(freed.pop()) if freed else self.planned.sampler.next()) is not None:
            first = self._known(job)
            if job.path in self.running:  # handed out again before its end
                self.elsewhere[job.path] = first
            elif job.path in self.over:
                self.planned.sampler.ended(job, self.over[job.path])
                self.reporter.expect(self.planned.sampler.n_jobs)
            elif job.holder() is not None:
                self.elsewhere[job.path] = job
            elif not self._is_over(job):
                return job
        return None

    def _known(self, job: Job) -> Job:
        """The first job with this folder; jobs that a sampler adds on the way are recorded."""
        first = self.jobs.setdefault(job.path, job)
        if job.path not in self.recorded:
            self._record()
        return first

    def _record(self) -> None:
        jobs = self._all_jobs()
        record(self.planned.overrides, list(jobs.values()))
        self.recorded = set(jobs)

    def _is_over(self, job: Job) -> bool:
        """True if a job had ended before this sweep and is not repeated."""
        run = job.state(self.rules.keep_old)
        again = self.rules.force or (run.status != DONE and self.rules.retry_failed)
        if again or not self._stays(run):
            self._say_outdated(job, run)
            return False
        if self.rules.keep_old and run.status == DONE and (why := difference(run, job.code)):
            self._say_once("kept", f"{job.name} was {why}, and is kept as it is; so are others like it")
        self._close(job, run, ran=False)
        return True

    def _say_outdated(self, job: Job, run: Run) -> None:
        if run.status == OUTDATED and not self.rules.force:
            told = f"{job.name} was {run.error}: it is run again, and so are others like it; --keep-old keeps them"
            self._say_once(OUTDATED, told)

    def _say_once(self, about: str, sentence: str) -> None:
        if about not in self.said:
            self.said.add(about)
            self.reporter.note(sentence)

    def _stays(self, run: Run) -> bool:
        """True if the same command keeps this run. Only searches that prune keep pruned runs."""
        return run.status in (DONE, *LEFT_ALONE) or (run.status == PRUNED and self.planned.sampler.prunes)

    def _end(self, ended: Ended) -> None:
        """Handle a job returned by the executor."""
        job = self.running.pop(ended.job.path)
        self.began.pop(job.path, None)
        with suppress(OSError):
            (job.path / STOP).unlink(missing_ok=True)  # it may have ended before noticing
        if ended.outcome == BUSY:
            self.elsewhere[job.path] = job
        elif ended.outcome == APART:
            self.groups.put_back(job, whole_kind=not ended.error)
            if ended.error:
                self._say_once(ended.error, f"not trained as one with the others: {job.name}: {ended.error}")
        elif ended.outcome == NO_FOLDER and not can_be_written(job.path.parent):
            self.no_folder = ended.error
        elif ended.outcome == NO_FOLDER:  # the problem is specific to this job
            self._close(job, job.as_run(FAILED, ended.error), ran=True)
        elif ended.outcome == LOST:
            self._leave(job, KILLED, ended.error)
        else:
            run = job.state()
            if ended.outcome == REFUSED and run.status == DONE:  # an older run that was to be repeated
                run = job.as_run(FAILED, ended.error)
            elif run.status == INCOMPLETE:
                run = job.as_run(FAILED, "its folder was not written; did a data file change since the sweep began?")
            self._close(job, run, ran=True)

    def _close(self, job: Job, run: Run, ran: bool) -> None:
        self.over[job.path] = run
        self.failed |= ran and run.status not in (DONE, PRUNED)
        self.planned.sampler.ended(job, run)
        self.reporter.expect(self.planned.sampler.n_jobs)
        self.reporter.ended(job, run, ran)

    def _watch_running(self) -> None:
        """Stop jobs that time out, and signal those that a search prunes."""
        now = time.monotonic()
        for job in list(self.running.values()):
            if job.path not in self.began and job.holder() is not None:
                self.began[job.path] = now  # before that it may wait in a cluster's queue
            seconds = now - self.began.get(job.path, now)
            if self.rules.timeout is not None and seconds > self.rules.timeout:
                self.planned.executor.stop(job)
                del self.running[job.path], self.began[job.path]
                self._leave(job, TIMEOUT, f"it ran for more than {self.rules.timeout:g} s")
            elif job.path in self.began and self.planned.sampler.stop_early(job):
                with suppress(OSError):  # it has ended, and its folder is gone
                    (job.path / STOP).touch()

    def _leave(self, job: Job, status: str, reason: str) -> None:
        """Close a job whose process is gone, and record this in its folder, unless it finished at the last moment."""
        run = job.state()
        if run.status != DONE or job.finished_at() == self.finished_before[job.path]:
            try:
                leave_error(job.path, job.config, f"{status}: {reason}")
            except FolderInUseError:
                if status == KILLED:  # another sweep has already taken it
                    self.elsewhere[job.path] = job
                    return
            except RunFolderError as error:
                self.no_folder = str(error)
            run = job.as_run(status, reason)
        self._close(job, run, ran=True)

    def _all_jobs(self) -> dict[Path, Job]:
        """The jobs in the user's order, as far as known."""
        listed = {job.path: job for job in self.planned.sampler.jobs}
        return listed | self.jobs

    def _not_started(self, job: Job) -> Run:
        run = job.state(self.rules.keep_old)
        return run if self._stays(run) else job.as_run(SKIPPED)


def _changed_plugin(job: Job) -> str:
    """The plugins of a job if its code has changed since the job was planned; else ""."""
    plugins = used_by(job.config["choices"])
    return " and ".join(plugin.name for plugin in plugins) if plugins and code_at_hand(job.config) != job.code else ""
