"""What can be read only once, such as standard input and pipes: laid down in a file, once in a process."""

import atexit
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from adbench.errors import DataError

STANDARD_INPUT = "standard input"
_SPELLINGS = ("-", "/dev/stdin")
# Where a sweep has laid it down for its workers, whose own standard input is none of the user's.
_VARIABLE = "ADBENCH_STANDARD_INPUT"

_names: dict[Path, str] = {}  # of the files here, as the user calls them


def name_of(path: Path) -> str:
    """A file as the user calls it."""
    return _names.get(path, str(path))


def is_spooled(path: Path) -> bool:
    """Whether the file is one of those that are gone with the process."""
    return path in _names


def spooled(pattern: str) -> Path | None:
    """The bytes of standard input or of a pipe as a file; None for what can be read again by its own name.

    Raises DataError where nobody writes into it, or they do not fit.
    """
    if pattern in _SPELLINGS:
        return _standard_input()
    path = Path(pattern).expanduser()
    return _pipe(path) if path.is_fifo() else None


@functools.cache
def _standard_input() -> Path:
    if given := os.environ.get(_VARIABLE):
        _names[Path(given)] = STANDARD_INPUT
        return Path(given)
    if sys.stdin.isatty():
        raise DataError("expected rows on standard input, got a terminal; pipe a table into the command")
    path = _laid_down(sys.stdin.buffer, STANDARD_INPUT)
    os.environ[_VARIABLE] = str(path)
    return path


@functools.cache
def _pipe(path: Path) -> Path:
    with path.open("rb") as stream:
        return _laid_down(stream, str(path))


def _laid_down(stream: BinaryIO, name: str) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="adbench."))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = folder / Path(name).name
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        raise DataError(
            f"expected room in {tempfile.gettempdir()} for {name}, got {error.strerror}; make room, name another folder"
            " by TMPDIR, or name a file"
        ) from None
    _names[path] = name
    return path
