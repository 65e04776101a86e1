"""Status of a sweep, recorded beside its run folders so that another terminal can query it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adbench.errors import AdbenchError
from adbench.results.record import (
    CONFIG,
    HISTORY,
    INCOMPLETE,
    LOCK,
    METRICS,
    UNREADABLE,
    read_history,
    read_run,
)
from adbench.results.sweep_record import read_latest, write_record
from adbench.runner.job import Job
from adbench.storage.lock import holder_of

RUNNING, WAITING = "running", "waiting"


@dataclass(frozen=True)
class Entry:
    """The current state of one job, read from its folder."""

    run: Path
    status: str  # its run's status, or running, or waiting
    detail: str  # progress if running, or the reason for not finishing


@dataclass(frozen=True)
class Status:
    """The current state of a sweep, read from its run folders."""

    overrides: list[str]
    started: str
    entries: list[Entry]


def record(overrides: Sequence[str], jobs: Sequence[Job]) -> None:
    """Record the jobs of a sweep beside their run folders. Raises RunFolderError if that cannot be written."""
    for runs_dir in {job.path.parent for job in jobs}:
        write_record(runs_dir, overrides, [job.name for job in jobs if job.path.parent == runs_dir])


def read_status(runs_dir: Path) -> Status:
    """The latest sweep over this folder. Raises RunFolderError if there is none."""
    document, started = read_latest(runs_dir)
    entries = [_entry(runs_dir / Path(name).name) for name in document["runs"]]
    return Status(document["overrides"], time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started)), entries)


def _entry(run: Path) -> Entry:
    try:
        holder = holder_of(run / LOCK)
        if holder is not None and not (run / METRICS).is_file():
            return Entry(run, RUNNING, " ".join(filter(None, (last_epoch(run), holder))))
        if not (run / CONFIG).is_file():
            return Entry(run, WAITING, "")
        found = read_run(run, config={})
    except (AdbenchError, OSError, ValueError) as error:
        return Entry(run, UNREADABLE, str(error))
    return Entry(run, WAITING if found.status == INCOMPLETE else found.status, found.error)


def last_epoch(run: Path) -> str:
    """Training progress of a running job, as "epoch 3  loss 0.0123"; "" before the end of the first epoch."""
    last = (read_history(run / HISTORY) or [{}])[-1]
    if "epoch" not in last:
        return ""
    losses = "  ".join(f"{name} {value:.4f}" for name, value in last.items() if name not in ("epoch", "seconds"))
    return f"epoch {last['epoch'] + 1:g}  {losses}"
