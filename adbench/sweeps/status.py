"""What a sweep leaves beside its run folders, so that another terminal can ask how it gets on."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbench.errors import AdbenchError, RunFolderError
from adbench.results.folder import writing
from adbench.results.record import (
    CONFIG,
    HISTORY,
    INCOMPLETE,
    LOCK,
    METRICS,
    SWEEPS,
    UNREADABLE,
    read_history,
    read_run,
)
from adbench.runner.job import Job
from adbench.storage.atomic import replacing
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
        _record_in(runs_dir, overrides, [job.name for job in jobs if job.path.parent == runs_dir])


def _record_in(runs_dir: Path, overrides: Sequence[str], names: list[str]) -> None:
    name = hashlib.sha256(json.dumps(list(overrides)).encode()).hexdigest()[:8]
    target = runs_dir / SWEEPS / f"{name}.json"
    document = {"overrides": list(overrides), "runs": names}
    with writing(runs_dir):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial:
            partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_status(runs_dir: Path) -> Status:
    """The sweep over this folder that was started last. Raises RunFolderError when there was none."""
    try:
        latest = max((runs_dir / SWEEPS).glob("*.json"), key=lambda path: path.stat().st_mtime, default=None)
        if latest is None:
            raise RunFolderError(f"expected a sweep over {runs_dir}, got none; name its folder with runs_dir=")
        document = _document(json.loads(latest.read_text(encoding="utf-8")))
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(latest.stat().st_mtime))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"expected a readable record of a sweep in {runs_dir / SWEEPS}, got {error}") from None
    return Status(document["overrides"], started, [_entry(runs_dir / Path(name).name) for name in document["runs"]])


def _document(document: Any) -> dict[str, list[str]]:
    for key in ("overrides", "runs"):
        values = document.get(key) if isinstance(document, dict) else None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"no list of {key}")
    return document


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
