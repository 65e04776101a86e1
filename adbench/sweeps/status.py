"""What a sweep leaves beside its run folders, so that another terminal can ask how it gets on."""

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
    """One job as its folder tells it now."""

    run: Path
    status: str  # of its run, or running, or waiting
    detail: str  # how far a running one is, or why another one did not finish


@dataclass(frozen=True)
class Status:
    """A sweep as its run folders tell it now."""

    overrides: list[str]
    started: str
    entries: list[Entry]


def record(overrides: Sequence[str], jobs: Sequence[Job]) -> None:
    """Note the jobs of a sweep beside their run folders. Raises RunFolderError where that cannot be written."""
    for runs_dir in {job.path.parent for job in jobs}:
        write_record(runs_dir, overrides, [job.name for job in jobs if job.path.parent == runs_dir])


def read_status(runs_dir: Path) -> Status:
    """The sweep over this folder that was started last. Raises RunFolderError when there was none."""
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
    """How far the training of a running job is: "epoch 3  loss 0.0123"; nothing before its first epoch ended."""
    last = (read_history(run / HISTORY) or [{}])[-1]
    if "epoch" not in last:
        return ""
    losses = "  ".join(f"{name} {value:.4f}" for name, value in last.items() if name not in ("epoch", "seconds"))
    return f"epoch {last['epoch'] + 1:g}  {losses}"
