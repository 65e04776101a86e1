"""Records of sweeps beside their run folders: overrides and names of runs, one JSON file per sweep."""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adbench.errors import RunFolderError
from adbench.results.folder import writing
from adbench.results.record import SWEEPS
from adbench.storage.atomic import replacing

Document = dict[str, Any]


def write_record(runs_dir: Path, overrides: Sequence[str], runs: Sequence[str]) -> None:
    """Write the record of a sweep. Raises RunFolderError if that fails."""
    name = hashlib.sha256(json.dumps(list(overrides)).encode()).hexdigest()[:8]
    target = runs_dir / SWEEPS / f"{name}.json"
    with writing(runs_dir):
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, {"overrides": list(overrides), "runs": list(runs)})


def read_latest(runs_dir: Path) -> tuple[Document, float]:
    """The record of the latest sweep and its time. Raises RunFolderError if there is none."""
    try:
        latest = max((runs_dir / SWEEPS).glob("*.json"), key=lambda path: path.stat().st_mtime, default=None)
        if latest is None:
            raise RunFolderError(f"expected a sweep over {runs_dir}, got none; name its folder with runs_dir=")
        return _read(latest), latest.stat().st_mtime
    except (OSError, ValueError) as error:
        raise RunFolderError(f"expected a readable record of a sweep in {runs_dir / SWEEPS}, got {error}") from None


def rename_runs(runs_dir: Path, names: Mapping[str, str]) -> None:
    """Rename runs in all records of a folder. Raises RunFolderError if one cannot be written."""
    for path in (runs_dir / SWEEPS).glob("*.json"):
        with contextlib.suppress(OSError, ValueError):  # skip damaged records
            document = _read(path)
            renamed = [names.get(name, name) for name in document["runs"]]
            if renamed == document["runs"]:
                continue
            with writing(path):
                _write(path, document | {"runs": renamed}, path.stat())


def _read(path: Path) -> Document:
    document: Any = json.loads(path.read_text(encoding="utf-8"))
    for key in ("overrides", "runs"):
        values = document.get(key) if isinstance(document, dict) else None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"no list of {key}")
    return dict(document)


def _write(target: Path, document: Document, times_of: os.stat_result | None = None) -> None:
    """Replace a record. times_of: status of the file whose times, the start of its sweep, are kept."""
    with replacing(target) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        if times_of is not None:
            os.utime(partial, ns=(times_of.st_atime_ns, times_of.st_mtime_ns))
