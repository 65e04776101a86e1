"""Housekeeping in a folder of runs: listing, removing, and renaming those named by an earlier version."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbench.config.identity import data_name, run_name
from adbench.config.keys import CONTENT, Config
from adbench.errors import ConfigError, DataError, RunFolderError
from adbench.results.folder import PREVIOUS, writing
from adbench.results.formats import KEY
from adbench.results.record import (
    CHECKPOINT,
    CONFIG,
    FAILED,
    FILES,
    KILLED,
    LOCK,
    REMOVED,
    TIMEOUT,
    UNREADABLE,
    Run,
    find_runs,
    read_run,
    read_runs,
)
from adbench.results.sweep_record import rename_runs
from adbench.storage.atomic import target_of
from adbench.storage.fingerprints import find_files
from adbench.storage.lock import holder_of

UNSUCCESSFUL = (FAILED, TIMEOUT, KILLED, UNREADABLE)
RENAMED, LEFT = "renamed", "left"
_NAME = re.compile(r"(?P<prefix>[\w.-]+-s\d+-)[0-9a-f]{8}")  # <data>-<model>-s<seed>-<hash8>
_REMOVED = re.compile(rf"\..+\{REMOVED}", re.DOTALL)
_WRITTEN = (*FILES, CHECKPOINT)
_OWN = frozenset((LOCK, *_WRITTEN))  # the files of a run


def list_runs(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """One entry per run folder, in plain types."""
    return [_entry(run) for run in read_runs(folders)]


def _entry(run: Run) -> dict[str, Any]:
    choices = run.config["choices"]
    return {
        "run": str(run.folder),
        "status": run.status,
        "data": data_name(run.config) if "data" in choices else None,
        "model": choices.get("model"),
        "seed": run.config.get("seed"),
        "format": 1 if is_of_format_1(run.folder) else 2,
        "bytes": sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file()),
        "end": run.environment.get("end"),
    }


def choose(folders: Sequence[Path], failed: bool) -> list[Path]:
    """The run folders to remove. failed: select the unsuccessful runs in these folders of runs.

    Raises RunFolderError for a folder that is not a run folder, or that a process is writing.
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
        _require_free(folder)
    return list(dict.fromkeys(folders))


def _require_free(folder: Path) -> None:
    if (holder := holder_of(folder / LOCK)) is not None:
        raise RunFolderError(f"expected a run that is not being written, got {folder} of {holder}; wait for its end")


def remove(folders: Iterable[Path]) -> None:
    """Remove run folders, each atomically: it is renamed first, so that no partial run is ever found.

    Raises RunFolderError for a folder that cannot be removed, or that a process is writing.
    """
    for folder in folders:
        _require_free(folder)
        place = folder.resolve()
        try:
            # A unique name: an earlier removal of the same name may have left files that must stay.
            hidden = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=REMOVED, dir=place.parent))
            try:
                place.rename(hidden)
            except OSError:
                hidden.rmdir()
                raise
            _remove_tree(hidden)
        except OSError as error:
            raise RunFolderError(
                f"expected a run folder that can be removed, got {folder} ({error.strerror or error}); see who may "
                "write there"
            ) from None


def finish_removals(folders: Iterable[Path]) -> dict[Path, str]:
    """Finish killed removals in these folders of runs, or beside these run folders.

    Returns the folders left, with the reason: they contain other files than a run's, or cannot be removed.
    """
    left = {}
    homes = dict.fromkeys(_home(folder) for folder in folders)
    for path in [path for home in homes for path in sorted(home.glob(f".*{REMOVED}"))]:
        if _REMOVED.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            try:
                if strange := _strange_file(path):
                    left[path] = f"it holds {strange}, which no run wrote"
                else:
                    _remove_tree(path)
            except OSError as error:
                left[path] = error.strerror or str(error)
    return left


def _home(folder: Path) -> Path:
    of_runs = folder.is_dir() and not (folder / CONFIG).is_file()
    return folder if of_runs else folder.resolve().parent


def _strange_file(folder: Path) -> str | None:
    """The name of a file in the folder that no run writes; None if there is none."""
    for path in sorted(folder.iterdir()):
        strange = None if target_of(path.name) in _OWN and path.is_file() else path.name
        if path.name == PREVIOUS and path.is_dir():
            strange = _strange_file(path)
        if strange is not None:
            return strange
    return None


def _remove_tree(folder: Path) -> None:
    while folder.exists():
        with contextlib.suppress(FileNotFoundError):  # if another process removes it too
            shutil.rmtree(folder)


@dataclass(frozen=True)
class Migration:
    """The migration of a run folder of format 1; `reason` says why it was left."""

    before: Path
    status: str
    after: Path | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """The migration as `--json` prints it."""
        after = None if self.after is None else str(self.after)
        return {"run": str(self.before), "status": self.status, "renamed_to": after, "reason": self.reason}


def migrate(folders: Iterable[Path], dry_run: bool = False) -> list[Migration]:
    """Rename run folders of format 1 to their current names, without changing their content."""
    found: dict[Path, Path] = {}
    for folder in folders:
        paths = find_runs(folder)
        if not paths:
            raise RunFolderError(f"expected at least one run in {folder}, got none; name a folder of runs")
        found |= {path.absolute(): path for path in paths if is_of_format_1(path)}
    planned = _plan(found.values())
    if not dry_run:
        _rename([(one.before, one.after) for one in planned if one.after is not None])
    return planned


def _plan(paths: Iterable[Path]) -> list[Migration]:
    """The planned migrations of run folders of format 1, excluding those with current names."""
    planned = []
    taken: set[Path] = set()
    for path in (path if path.name else path.resolve() for path in paths):
        one = _plan_one(path, taken)
        if one.after != path:
            planned.append(one)
            taken |= {one.after} if one.after is not None else set()
    return planned


def _plan_one(path: Path, taken: set[Path]) -> Migration:
    if not _NAME.fullmatch(path.name):
        return Migration(path, LEFT, reason="its name is not one that adbench gave")
    if (holder := holder_of(path / LOCK)) is not None:
        return Migration(path, LEFT, reason=f"{holder} is writing it")
    try:
        target = path.with_name(_name_today(read_run(path)))
    except (RunFolderError, DataError, ConfigError) as error:
        return Migration(path, LEFT, reason=str(error))
    if target != path and (target.exists() or target in taken):
        return Migration(path, LEFT, reason=f"{target.name} exists already")
    return Migration(path, RENAMED, target)


def _rename(pairs: Sequence[tuple[Path, Path]]) -> None:
    # Sweep records first: after a kill in between, the folders can still be renamed the next time.
    for home in {after.parent for _, after in pairs}:
        rename_runs(home, {before.name: after.name for before, after in pairs if after.parent == home})
    for before, after in pairs:
        with writing(after):
            before.rename(after)


def _name_today(run: Run) -> str:
    """The current name of a run, by the recorded files: those on disk may have changed or be missing."""
    recorded = run.environment.get("data_sha256")
    data = run.config.get("data")
    if not isinstance(data, dict) or data.get("path") is None:
        return run_name(run.config)
    if isinstance(recorded, dict) and recorded and data.get("test_path") is None:
        return run_name(run.config, lambda _: list(recorded.values()))
    for key in CONTENT["data"]:
        if data.get(key) is not None:
            find_files(data[key], f"data.{key}")  # raises an error that names the missing file
    return run_name(run.config)


def is_of_format_1(folder: Path) -> bool:
    """True if a run folder is of format 1, judged by the first line alone, for speed."""
    try:
        with (folder / CONFIG).open(encoding="utf-8") as file:
            return not file.readline().startswith(f"{KEY}:")
    except (OSError, ValueError):
        return False


def earlier_names(configs: Iterable[Config]) -> str | None:
    """A sentence on runs under earlier names that a train or sweep will not find; None if there are none."""
    jobs: dict[Path, set[str]] = {}
    for config in configs:
        name, folder = run_name(config), Path(config["runs_dir"])
        if not (folder / name).exists():
            jobs.setdefault(folder, set()).add(name[:-8])
    for folder, prefixes in jobs.items():
        found = [path for path in find_runs(folder) if _prefix(path) in prefixes and is_of_format_1(path)]
        if n := sum(one.status == RENAMED for one in _plan(found)):
            runs = "1 run" if n == 1 else f"{n:,} runs"
            return (
                f"{runs} in {folder} got {'its name' if n == 1 else 'their names'} from an earlier version and"
                f" cannot be found by today's; adbench runs migrate {folder} renames them"
            )
    return None


def _prefix(path: Path) -> str | None:
    match = _NAME.fullmatch(path.name)
    return match["prefix"] if match else None
