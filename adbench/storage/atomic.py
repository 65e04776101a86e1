"""Files that are whole or not there: written beside their place under another name, then renamed."""

import contextlib
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".partial"
_TOKEN_BYTES = 8
_KEPT_BYTES = 200  # of a name: with what is added to it, it must stay within the 255 that file systems take


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Where to write what replaces the target when the block ends; removed when the block raises.

    The path is another one each time, so that several processes can write one target: the last to end wins. What a
    killed process leaves there is hidden; see `remove_partials`.
    """
    partial = target.with_name(f".{_kept(target.name)}.{os.urandom(_TOKEN_BYTES).hex()}{_SUFFIX}")
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def remove_partials(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of this file, or of any in the folder, while no other process writes there."""
    pattern = "*" if name is None else f"{glob.escape(_kept(name))}.{'?' * 2 * _TOKEN_BYTES}"
    for path in list(folder.glob(f".{pattern}{_SUFFIX}*")):  # what SQLite adds to a name comes last
        path.unlink(missing_ok=True)


def target_of(partial: str) -> str:
    """The name of the file that a killed process was writing under this name; else the name itself."""
    found = re.fullmatch(rf"\.(.+?)(\.[0-9a-f]{{{2 * _TOKEN_BYTES}}})?\{_SUFFIX}", partial, re.DOTALL)
    return found[1] if found else partial


def _kept(name: str) -> str:
    return os.fsencode(name)[:_KEPT_BYTES].decode(errors="ignore")
