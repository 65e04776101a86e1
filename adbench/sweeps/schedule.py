"""Many runs, run wherever the executor says, and never twice.

Run folders are the only state. Whatever kills a sweep, the same command goes on where it was.
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
SKIPPED = "skipped"  # the status of a job that this sweep did not start
# What the next sweep leaves as it is. What was killed is run again: what killed it need not come again.
LEFT_ALONE = (FAILED, TIMEOUT, UNREADABLE)


def sweep(planned: Plan, rules: Rules, reporter: SweepReporter) -> list[Run]:
    """Run what is missing of a sweep, and hand back all its runs, finished or not.

    A job that did not start has the status "skipped". Raises RunFolderError when no run folder can be written, and
    ConfigError when the executor's engine is not there, data and protocol of a job cannot go together, or the code of a
    plugin changes meanwhile: what runs then ends first.
    """
    require_divisible(planned, rules)
    with closing(planned.executor), closing(planned.sampler):
        planned.executor.open()  # first: a sampler begins by writing
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
    jobs: dict[Path, Job] = field(default_factory=dict)  # that were handed out
    over: dict[Path, Run] = field(default_factory=dict)
    running: dict[Path, Job] = field(default_factory=dict)
    began: dict[Path, float] = field(default_factory=dict)  # when a running job was first seen to hold its folder
    elsewhere: dict[Path, Job] = field(default_factory=dict)  # another sweep is running them
    recorded: set[Path] = field(default_factory=set)  # that another terminal is told of
    finished_before: dict[Path, int] = field(default_factory=dict)  # of running jobs, when older metrics were written
    group_of: dict[Path, int] = field(default_factory=dict)  # of running jobs: those of a group end together
    n_groups: int = 0  # that were started
    said: set[str] = field(default_factory=set)  # what the user was told about, which is said once
    failed: bool = False  # a job of this sweep did not finish
    no_folder: str = ""  # why no run folder can be written
    changed: str = ""  # the plugin whose code changed since the sweep began

    def run(self) -> list[Run]:
        # What runs too long is stopped alone.
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
        """Fill the executor's slots; whether any job was started."""
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
        """Jobs to be handed to a worker at once."""
        while not self.groups.waiting or self.groups.most > 1:
            job = self._next()
            if job is None:
                break
            self.groups.waiting.append(job)
        return self.groups.next()

    def _next(self) -> Job | None:
        """A job that has to be run, here and now."""
        freed = [path for path, job in self.elsewhere.items() if job.holder() is None]
        while (job := self.elsewhere.pop(freed.pop()) if freed else self.planned.sampler.next()) is not None:
            first = self._known(job)
            if job.path in self.running:  # handed out a second time before its end
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
        """Whether the same command leaves it as it is. A search's verdict is none for other sweeps."""
        return run.status in (DONE, *LEFT_ALONE) or (run.status == PRUNED and self.planned.sampler.prunes)

    def _end(self, ended: Ended) -> None:
        """A job came back from the executor."""
        job = self.running.pop(ended.job.path)
        self.began.pop(job.path, None)
        with suppress(OSError):
            (job.path / STOP).unlink(missing_ok=True)  # it may have ended before it saw this
        if ended.outcome == BUSY:
            self.elsewhere[job.path] = job
        elif ended.outcome == APART:
            self.groups.put_back(job, whole_kind=not ended.error)
            if ended.error:
                self._say_once(ended.error, f"not trained as one with the others: {job.name}: {ended.error}")
        elif ended.outcome == NO_FOLDER and not can_be_written(job.path.parent):
            self.no_folder = ended.error
        elif ended.outcome == NO_FOLDER:  # something is wrong with this one
            self._close(job, job.as_run(FAILED, ended.error), ran=True)
        elif ended.outcome == LOST:
            self._leave(job, KILLED, ended.error)
        else:
            run = job.state()
            if ended.outcome == REFUSED and run.status == DONE:  # an older run, which was to be run again
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
        """Stop what runs too long; tell what need not go on."""
        now = time.monotonic()
        for job in list(self.running.values()):
            if job.path not in self.began and job.holder() is not None:
                self.began[job.path] = now  # until then it may wait in a cluster's queue
            seconds = now - self.began.get(job.path, now)
            if self.rules.timeout is not None and seconds > self.rules.timeout:
                self.planned.executor.stop(job)
                del self.running[job.path], self.began[job.path]
                self._leave(job, TIMEOUT, f"it ran for more than {self.rules.timeout:g} s")
            elif job.path in self.began and self.planned.sampler.stop_early(job):
                with suppress(OSError):  # it ended, and its folder is gone
                    (job.path / STOP).touch()

    def _leave(self, job: Job, status: str, reason: str) -> None:
        """Close a job whose process is gone, and say so in its folder, unless it finished in its last moment."""
        run = job.state()
        if run.status != DONE or job.finished_at() == self.finished_before[job.path]:
            try:
                leave_error(job.path, job.config, f"{status}: {reason}")
            except FolderInUseError:
                if status == KILLED:  # and another sweep has taken it already
                    self.elsewhere[job.path] = job
                    return
            except RunFolderError as error:
                self.no_folder = str(error)
            run = job.as_run(status, reason)
        self._close(job, run, ran=True)

    def _all_jobs(self) -> dict[Path, Job]:
        """The jobs in the order in which the user listed them, as far as that is known."""
        listed = {job.path: job for job in self.planned.sampler.jobs}
        return listed | self.jobs

    def _not_started(self, job: Job) -> Run:
        run = job.state(self.rules.keep_old)
        return run if self._stays(run) else job.as_run(SKIPPED)


def _changed_plugin(job: Job) -> str:
    """The plugins of a job, where its code is not what it was when the job was planned; else empty."""
    plugins = used_by(job.config["choices"])
    return " and ".join(plugin.name for plugin in plugins) if plugins and code_at_hand(job.config) != job.code else ""
