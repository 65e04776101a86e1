"""Spooling of inputs that can be read only once, such as standard input and pipes, to a file per process."""

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
# Path of the spooled file, for a sweep's workers, which do not inherit the user's standard input.
_VARIABLE = "ADBENCH_STANDARD_INPUT"

_names: dict[Path, str] = {}  # the user's names of spooled files


def name_of(path: Path) -> str:
    """The user's name of a file."""
    return _names.get(path, str(path))


def is_spooled(path: Path) -> bool:
    """True if the file is spooled, and so deleted with the process."""
    return path in _names


def spooled(pattern: str) -> Path | None:
    """Spool standard input or a pipe to a file; None for anything that can be read repeatedly by name.

    Raises DataError if standard input is a terminal, or the bytes do not fit.
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
