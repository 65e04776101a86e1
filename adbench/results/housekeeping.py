"""Keep house in a folder of runs: list them, remove some, and rename those whose names an earlier version chose."""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbench.config.identity import run_name
from adbench.config.keys import Config
from adbench.errors import ConfigError, DataError, RunFolderError
from adbench.results.folder import writing
from adbench.results.formats import KEY
from adbench.results.record import (
    CONFIG,
    FAILED,
    KILLED,
    LOCK,
    TIMEOUT,
    UNREADABLE,
    Run,
    find_runs,
    read_run,
    read_runs,
)
from adbench.storage.fingerprints import find_files
from adbench.storage.lock import holder_of

UNSUCCESSFUL = (FAILED, TIMEOUT, KILLED, UNREADABLE)
RENAMED, LEFT = "renamed", "left"
_NAME = re.compile(r"(?P<prefix>[\w.-]+-s\d+-)[0-9a-f]{8}")  # <data>-<model>-s<seed>-<hash8>


def list_runs(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """One entry per run folder, in plain types."""
    return [_entry(run) for run in read_runs(folders)]


def _entry(run: Run) -> dict[str, Any]:
    choices = run.config["choices"]
    return {
        "run": str(run.folder),
        "status": run.status,
        "data": choices.get("data"),
        "model": choices.get("model"),
        "seed": run.config.get("seed"),
        "format": 1 if is_of_format_1(run.folder) else 2,
        "bytes": sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file()),
        "end": run.environment.get("end"),
    }


def choose(folders: Sequence[Path], failed: bool) -> list[Path]:
    """The run folders that `remove` would remove. failed: of those in these folders, the ones that did not succeed.

    Raises RunFolderError for a folder that is no run folder, and for one that a process is writing.
    """
    if failed:
        runs = [run for run in read_runs(folders) if run.status in UNSUCCESSFUL]
        return [run.folder for run in runs if holder_of(run.folder / LOCK) is None]
    for folder in folders:
        if folder.is_symlink() or not (folder / CONFIG).is_file():
            raise RunFolderError(
                f"expected a run folder with a {CONFIG}, got {folder}; name run folders, or add --failed to remove "
                "those in a folder of runs that failed"
            )
        if (holder := holder_of(folder / LOCK)) is not None:
            raise RunFolderError(
                f"expected a run that is not being written, got {folder} of {holder}; wait for its end"
            )
    return list(dict.fromkeys(folders))


def remove(folders: Iterable[Path]) -> None:
    """Remove run folders. Each disappears at once: it is renamed first, and half of a run is never found."""
    for folder in folders:
        hidden = folder.resolve().with_name(f".{folder.resolve().name}.removed")
        with writing(folder):
            folder.resolve().rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


@dataclass(frozen=True)
class Migration:
    """What became of a run folder of format 1; `reason` says why it was left."""

    before: Path
    status: str
    after: Path | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        after = None if self.after is None else str(self.after)
        return {"run": str(self.before), "status": self.status, "renamed_to": after, "reason": self.reason}


def migrate(folders: Iterable[Path], dry_run: bool = False) -> list[Migration]:
    """Give run folders of format 1 the names that their configurations have today; what is in them stays as it is."""
    migrations = []
    for folder in folders:
        paths = find_runs(folder)
        if not paths:
            raise RunFolderError(f"expected at least one run in {folder}, got none; name a folder of runs")
        migrations += [_migrate(path, dry_run) for path in paths if is_of_format_1(path)]
    return [migration for migration in migrations if migration is not None]


def _migrate(path: Path, dry_run: bool) -> Migration | None:
    path = path if path.name else path.resolve()
    if not _NAME.fullmatch(path.name):
        return Migration(path, LEFT, reason="its name is not one that adbench gave")
    if (holder := holder_of(path / LOCK)) is not None:
        return Migration(path, LEFT, reason=f"{holder} is writing it")
    try:
        run = read_run(path)
        target = path.with_name(_name_today(run))
    except (RunFolderError, DataError, ConfigError) as error:
        return Migration(path, LEFT, reason=str(error))
    if target == path:
        return None
    if target.exists():
        return Migration(path, LEFT, reason=f"{target.name} exists already")
    if not dry_run:
        with writing(target):
            path.rename(target)
    return Migration(path, RENAMED, target)


def _name_today(run: Run) -> str:
    """The name of a run's configuration, with the files that it was run on: today they may be others, or gone."""
    recorded = run.environment.get("data_sha256")
    data = run.config.get("data")
    if not isinstance(data, dict) or data.get("path") is None:
        return run_name(run.config)
    if isinstance(recorded, dict) and recorded and data.get("test_path") is None:
        return run_name(run.config, lambda _: list(recorded.values()))
    for key in ("path", "test_path"):
        if data.get(key) is not None:
            find_files(data[key], f"data.{key}")  # which says which file is missing
    return run_name(run.config)


def is_of_format_1(folder: Path) -> bool:
    """Whether a run folder is of the format that named Python paths; by its first line, since there may be many."""
    try:
        with (folder / CONFIG).open(encoding="utf-8") as file:
            return not file.readline().startswith(f"{KEY}:")
    except (OSError, ValueError):
        return False


def earlier_names(configs: Iterable[Config]) -> str | None:
    """A sentence about runs of an earlier naming that a train or sweep does not find; None where there are none."""
    jobs: dict[Path, set[str]] = {}
    for config in configs:
        name, folder = run_name(config), Path(config["runs_dir"])
        if not (folder / name).exists():
            jobs.setdefault(folder, set()).add(name[:-8])
    for folder, prefixes in jobs.items():
        found = [path for path in find_runs(folder) if _prefix(path) in prefixes and is_of_format_1(path)]
        if found:
            runs = "1 run" if len(found) == 1 else f"{len(found):,} runs"
            return (
                f"{runs} in {folder} got {'its name' if len(found) == 1 else 'their names'} from an earlier version and"
                f" cannot be found by today's; adbench runs migrate {folder} renames them"
            )
    return None


def _prefix(path: Path) -> str | None:
    match = _NAME.fullmatch(path.name)
    return match["prefix"] if match else None
