"""Resolution of a user's paths, folders, globs and lists to files, and fingerprints of their bytes."""

import functools
import glob
import hashlib
from collections.abc import Iterator
from pathlib import Path

from adbench.errors import ConfigError, DataError
from adbench.storage.spool import spooled
from adbench.text import override

# Suffixes that mark files of a folder as tables, optionally followed by one of a compressed format.
_TABLES = (
    *(".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc"),
    *(".arff", ".json", ".jsonl", ".ndjson", ".mat", ".npy", ".npz", ".xlsx", ".xlsb", ".xls", ".ods"),
)
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_TEXTS = ("readme", "license", "licence", "notice", "changelog", "requirements")  # .txt files that are not tables


def find_files(path: str | list[str], key: str) -> list[Path]:
    """The files named by a path, a folder, a glob or a list of them, sorted and unique; "-" is standard input.

    A folder stands for its tables, recognised by name, without hidden files and subfolders. key: the configuration key
    of the path, for error messages. Raises DataError if a path names no file, and ConfigError for anything but paths.
    """
    patterns = [path] if isinstance(path, str) else path
    if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
        raise ConfigError(f"expected {key} to be a file, a glob or a list of them, got {path!r}")
    found = {file for pattern in patterns for file in _matches(pattern, key)}
    return sorted(found)


def _matches(pattern: str, key: str) -> Iterator[Path]:
    if once := spooled(pattern):
        yield once
        return
    path = Path(pattern).expanduser()
    if path.is_dir():
        yield from _tables_in(path, key)
        return
    if path.exists():
        yield path
        return
    # Unlike Path.glob this skips hidden files, such as the ._day1.csv that macOS leaves beside day1.csv.
    files = [file for file in map(Path, glob.glob(str(path), recursive=True)) if file.is_file()]  # noqa: PTH207
    if not files:
        raise DataError(f"expected the data file {pattern}, which does not exist; name an existing one with {key}=")
    yield from files


def _tables_in(folder: Path, key: str) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file()]
    except OSError as error:
        raise DataError(f"expected a folder that can be read at {folder}, got {error.strerror}") from None
    tables = [file for file in files if is_table(file.name)]
    if not tables:
        others = f", with {min(files).name}" if files else ""
        raise DataError(
            f"expected tables such as .csv files in {folder}{others}, got none; name the files, as in"
            f" {override(key, f'{folder}/*/*.csv')}"
        )
    return tables


def is_table(name: str) -> bool:
    """True if a file is a table, judged by its name."""
    bare = name.lower()
    for end in PACKED:
        bare = bare.removesuffix(end)
    end = Path(bare).suffix
    return end in _TABLES and not bare.startswith(_TEXTS) if end else bare != name.lower()


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes on disk. Raises DataError if the file cannot be read."""
    try:
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DataError(f"expected a file that can be read at {path}, got {error.strerror}; check its rights") from None


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    # Cached, with size and mtime_ns in the key: a run asks three times, and a large file takes seconds.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
