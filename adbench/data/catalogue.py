"""Catalogue of the datasets: listing, downloading and verifying their files. Needs no torch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from adbench.config.options import groups
from adbench.config.paths import data_folder
from adbench.config.plugins import ROOMS, provider
from adbench.data.base import DatasetInfo
from adbench.data.download import fetch_file, problem_of
from adbench.data.groups import dataset_of, module_of
from adbench.data.reading.upstream import as_it_lies, stored_name
from adbench.errors import ConfigError, DataError
from adbench.text import suggest

OK, ABSENT, WRONG = "ok", "absent", "wrong"
KEPT, FETCHED = "kept", "fetched"


def fetch(name: str, source: str | None = None, report: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """Download the files of a dataset into the data folder; files that are complete already are kept.

    source: a folder, or a file, http or https address of one, instead of the dataset's mirrors. report: called with
    each step. Raises DataError if a file is not available; files downloaded before it are kept.
    """
    info = _with_files(name)
    mirrors = [source] if source is not None else list(info.mirrors)
    fetched = []
    for file, path in files_of(name, info).items():
        problem = problem_of(path, info.files[file])
        entry = {"dataset": name, "file": file, "path": str(path), "status": FETCHED if problem else KEPT}
        if problem:
            if path.exists():
                report(f"{path} is {problem}, and is replaced")
            if not mirrors:
                raise DataError(
                    f"expected a mirror of {file}, got none: get it from {info.source}, then "
                    f"adbench data fetch {name} --from FOLDER"
                )
            entry["from"] = fetch_file(file, path, info.files[file], mirrors, report)
        fetched.append(entry)
    return fetched


def verify(name: str | None = None) -> list[dict[str, Any]]:
    """The sha256 and the number of rows of the files on disk, of one dataset or of all.

    Each file is ok, absent or wrong; one that is wrong, or absent although its dataset was named, has a `problem`.
    """
    checked: list[dict[str, Any]] = []
    for dataset in [name] if name is not None else groups()["data"]:
        try:
            info = dataset_info(dataset) if name is None else _with_files(name)
        except ConfigError as error:
            if name is not None:
                raise
            nothing = {"dataset": dataset, "file": "", "path": "", "status": WRONG, "rows": None}
            checked.append(nothing | {"problem": str(error)})  # of a plugin
            continue
        for file, path in files_of(dataset, info).items():
            path = as_it_lies(path)
            problem = problem_of(path, info.files[file], info.rows[file])
            status = WRONG if problem else OK
            if problem and not path.exists():
                status, problem = ABSENT, "" if name is None else problem
            if status == WRONG:
                problem += _swapped(file, path, info)
            rows = info.rows[file] if status == OK else None
            entry = {"dataset": dataset, "file": file, "path": str(path), "status": status, "rows": rows}
            checked.append(entry | {"problem": problem})
    return checked


def _with_files(name: str) -> DatasetInfo:
    info = dataset_info(name)
    if not info.files:
        raise ConfigError(
            f"expected a dataset whose upstream files are known, got {name}, of which there are no checksums; they come"
            f" from {info.source}"
        )
    return info


def _swapped(file: str, path: Path, info: DatasetInfo) -> str:
    """The end of an error sentence if the file is another one of the dataset: some copies have swapped names."""
    for other, sha256 in info.files.items():
        if other != file and not problem_of(path, sha256):
            return f", which is {other}: the names were swapped"
    return ""


def list_datasets() -> list[dict[str, Any]]:
    """Each dataset: its name on the command line, description, licence, and whether its files are on disk."""
    entries: list[dict[str, Any]] = []
    for name in groups()["data"]:
        try:
            info = dataset_info(name)
        except ConfigError as error:  # of a plugin
            entries.append({"name": name, "description": str(error), "rows": None, "licence": "", "on disk": None})
            continue
        files = files_of(name, info)
        entries.append(
            {
                "name": name,
                "description": info.title,
                "rows": sum(info.rows.values()) if files else None,
                "licence": info.licence,
                "on disk": all(_is_file(as_it_lies(path)) for path in files.values()) if files else None,
            }
        )
    return entries


def dataset_info(name: str) -> DatasetInfo:
    """Facts about a dataset. Raises ConfigError, with the nearest names, for an unknown dataset."""
    known = groups()["data"]
    if name not in known:
        raise ConfigError(f"expected a dataset that exists, got {name}{suggest(name, known)}")
    info: DatasetInfo = module_of(name).INFO
    return info


def files_of(name: str, info: DatasetInfo) -> dict[str, Path]:
    """A dataset's upstream files -> their paths on disk, existing or not."""
    folder = root_of(name, info) / info.folder
    return {file: folder / stored_name(file) for file in info.files}


def root_of(name: str, info: DatasetInfo) -> Path:
    """The data folder of one dataset: `data` of its plugin if that holds its files, else the common one."""
    plugin = provider("data", name)
    own = plugin.folder / ROOMS["data"] if plugin is not None else None
    return own if own is not None and info.folder and (own / info.folder).is_dir() else data_folder()


def not_on_disk(names: Iterable[str], folder: str | None = None) -> dict[str, list[str]]:
    """The datasets among these whose files are missing, grouped: a sentence that says how to get them -> their names.

    names: as in tables, such as adbench47-cardio. A dataset without known upstream files is never missing. folder: the
    value of data.folder.
    """
    missing: dict[str, list[str]] = {}
    for name in names:
        module, table = dataset_of(name)
        if module is None:
            continue
        info, option = module.INFO, name.partition("-")[0]
        root = Path(folder) if folder else root_of(option, info)
        if table:
            try:
                module.files_read(folder, table)
                continue
            except DataError:
                pass
        elif all(_is_file(as_it_lies(root / info.folder / stored_name(file))) for file in info.files):
            continue
        fetch = f"adbench data fetch {option}"
        way = f"{fetch} brings them" if info.mirrors else f"get them from {info.source}, then {fetch} --from FOLDER"
        missing.setdefault(f"{way}, or data.folder= names the folder that holds them", []).append(name)
    return missing


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an inaccessible folder, or a name too long
        return False
