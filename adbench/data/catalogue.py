"""The bundled and fetched datasets: bring their files, check their files. Needs no torch."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from adbench.config.catalogue import _yaml
from adbench.config.compose import groups
from adbench.config.paths import data_folder
from adbench.data.download import fetch_file, problem_of
from adbench.errors import ConfigError, DataError
from adbench.text import suggest

OK, ABSENT, WRONG = "ok", "absent", "wrong"
KEPT, FETCHED = "kept", "fetched"


def fetch(name: str, source: str | None = None, report: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """Bring the files of a dataset to the data folder; a file that is there and whole stays.

    source: a folder, or a file, http or https address of one, instead of the dataset's mirrors. report: told of each
    step. Raises DataError when a file cannot be had; those before it stay.
    """
    module = _with_files(name)
    mirrors = [source] if source is not None else list(module.MIRRORS)
    fetched = []
    for file, path in files_of(module).items():
        problem = problem_of(path, module.FILES[file])
        entry = {"dataset": name, "file": file, "path": str(path), "status": FETCHED if problem else KEPT}
        if problem:
            if path.exists():
                report(f"{path} is {problem}, and is replaced")
            if not mirrors:
                raise DataError(
                    f"expected a mirror of {file}, got none: get it from {module.SOURCE}, then "
                    f"adbench data fetch {name} --from FOLDER"
                )
            entry["from"] = fetch_file(file, path, module.FILES[file], mirrors, report)
        fetched.append(entry)
    return fetched


def verify(name: str | None = None) -> list[dict[str, Any]]:
    """The sha256 and the number of rows of the files of one dataset, or of all, that are on disk.

    Each is ok, absent or wrong; a file that is wrong, or absent though its dataset was named, has a `problem`.
    """
    checked = []
    for dataset in [name] if name is not None else groups()["data"]:
        module = dataset_module(dataset) if name is None else _with_files(name)
        for file, path in files_of(module).items():
            problem = problem_of(path, module.FILES[file], module.ROWS[file])
            status = WRONG if problem else OK
            if problem and not path.exists():
                status, problem = ABSENT, "" if name is None else problem
            if status == WRONG:
                problem += _swapped(file, path, module)
            rows = module.ROWS[file] if status == OK else None
            entry = {"dataset": dataset, "file": file, "path": str(path), "status": status, "rows": rows}
            checked.append(entry | {"problem": problem})
    return checked


def _with_files(name: str) -> ModuleType:
    module = dataset_module(name)
    if not module.FILES:
        raise ConfigError(f"expected a dataset with upstream files, got {name}, which is {module.TITLE}")
    return module


def _swapped(file: str, path: Path, module: ModuleType) -> str:
    """Some copies have the names of two files swapped."""
    for other, sha256 in module.FILES.items():
        if other != file and not problem_of(path, sha256):
            return f", which is {other}: the names were swapped"
    return ""


def list_datasets() -> list[dict[str, Any]]:
    """Each dataset: its name on the command line, what it is, its licence, and whether its files are on disk."""
    entries = []
    for name in groups()["data"]:
        module = dataset_module(name)
        files = files_of(module)
        entries.append(
            {
                "name": name,
                "description": module.TITLE,
                "rows": sum(module.ROWS.values()) if files else None,
                "licence": module.LICENCE,
                "on disk": all(map(_is_file, files.values())) if files else None,
            }
        )
    return entries


def dataset_module(name: str) -> ModuleType:
    """The module with a dataset's facts. Raises ConfigError, with the nearest names, for an unknown dataset."""
    known = groups()["data"]
    if name not in known:
        raise ConfigError(f"expected a dataset that exists, got {name}{suggest(name, known)}")
    target = yaml.safe_load(_yaml("data", name))["_target_"]
    return importlib.import_module(target.rpartition(".")[0])


def files_of(module: ModuleType) -> dict[str, Path]:
    """A dataset's upstream files -> where each lies, or belongs, on disk."""
    # Two datasets can share a folder; one that lies in another's says so.
    folder = data_folder() / getattr(module, "FOLDER", module.__name__.rpartition(".")[2])
    return {file: folder / (file if file.endswith(".gz") else f"{file}.gz") for file in module.FILES}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, or a name too long
        return False
