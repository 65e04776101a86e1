"""A sweep's progress: one live table in a terminal, one line per job elsewhere."""

import time
from collections import Counter
from contextlib import suppress
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from adbench.results.record import DONE, Run
from adbench.runner.job import Job
from adbench.sweeps.plan import SweepReporter
from adbench.sweeps.status import last_epoch
from adbench.text import printable

FAILURES_SHOWN = 5


class _Counting(SweepReporter):
    """Counts finished jobs and estimates the remaining time."""

    def begin(self, n_jobs: int, slots: int) -> None:
        self.n_jobs, self.began = n_jobs, time.monotonic()
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []  # of each finished job
        self.running: dict[str, tuple[Job, float]] = {}  # by run folder, with the time of its start

    def expect(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def started(self, job: Job) -> None:
        self.running[str(job.path)] = job, time.monotonic()

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        self.statuses[run.status] += 1
        _, began = self.running.pop(str(job.path), (job, time.monotonic()))
        if ran:
            self.seconds.append(time.monotonic() - began)

    @property
    def n_over(self) -> int:
        """Number of jobs that are over."""
        return sum(self.statuses.values())

    def counts(self) -> str:
        """Counts as text, such as "3 done, 1 failed, 2 running, 6 to go, about 2 min left"."""
        parts = [f"{n} {status}" for status, n in sorted(self.statuses.items())]
        parts += [f"{len(self.running)} running"] if self.running else []
        to_go = max(0, self.n_jobs - self.n_over - len(self.running))
        parts += [f"{to_go} to go"] if to_go else []
        if self.seconds and (to_go or self.running):
            # Running jobs are half done on average, however many are trained as one.
            n_done, n_left = len(self.seconds) + len(self.running) / 2, to_go + len(self.running) / 2
            parts.append(f"about {duration((time.monotonic() - self.began) * n_left / n_done)} left")
        return ", ".join(parts)


class Lines(_Counting):
    """One line per finished job, for a log or a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def begin(self, n_jobs: int, slots: int) -> None:
        super().begin(n_jobs, slots)
        self._say(f"adbench: {n_jobs:,} jobs, {slots} workers")

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        super().ended(job, run, ran)
        if ran:
            width = len(str(self.n_jobs))
            took = duration(self.seconds[-1])
            self._say(f"[{self.n_over:{width}}/{self.n_jobs}] {run.status:7} {job.name}  {outcome(run)}  {took}")

    def note(self, sentence: str) -> None:
        self._say(f"adbench: {printable(sentence)}")

    def _say(self, line: str) -> None:
        with suppress(OSError):  # the reader has closed the stream: the sweep continues
            print(line, file=self.stream, flush=True)


class LiveTable(_Counting):
    """A table that is redrawn continuously: running jobs with their progress, the last failures, the counts."""

    def __init__(self, console: Console) -> None:
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.failures: list[Text] = []

    def __enter__(self) -> "LiveTable":
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def ended(self, job: Job, run: Run, ran: bool) -> None:
        super().ended(job, run, ran)
        if run.status != DONE:
            self.failures.append(
                Text(f"{run.status} {job.name}: {printable(run.error)}", style="red", overflow="ellipsis")
            )
        self.poll()

    def note(self, sentence: str) -> None:
        self.live.console.print(Text(f"adbench: {printable(sentence)}"))

    def poll(self) -> None:
        running = Table(box=None, pad_edge=False, show_header=False)
        for job, began in self.running.values():
            running.add_row(job.name, duration(time.monotonic() - began), last_epoch(job.path))
        bar = ProgressBar(total=max(1, self.n_jobs), completed=self.n_over, width=40)
        shown = self.failures[-FAILURES_SHOWN:]
        self.live.update(Group(running, *shown, bar, Text(self.counts())), refresh=True)


def outcome(run: Run) -> str:
    """The result of a finished run, for its line."""
    if run.status == DONE:
        return f"AUROC {run.metrics['roc_auc']:.4f}"
    return printable(run.error)


def duration(seconds: float) -> str:
    """A duration as text, such as "9.1 s", "12 min", "3.5 h"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
