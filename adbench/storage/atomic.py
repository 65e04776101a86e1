"""Atomic file writes: to a temporary name beside the target, then renamed."""

import contextlib
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".partial"
_TOKEN_BYTES = 8
_KEPT_BYTES = 200  # of a name, so that prefix and suffix fit into the file systems' limit of 255


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces the target when the block ends, and is removed if the block raises.

    The path is unique, so that several processes can write one target: the last to end wins. A killed process leaves
    a hidden file; see `remove_partials`.
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
    """Remove partial files of killed processes, of one target or all in the folder; not while others write there."""
    pattern = "*" if name is None else f"{glob.escape(_kept(name))}.{'?' * 2 * _TOKEN_BYTES}"
    for path in list(folder.glob(f".{pattern}{_SUFFIX}*")):  # SQLite appends suffixes to a name
        path.unlink(missing_ok=True)


def target_of(partial: str) -> str:
    """The target of a partial file's name; any other name unchanged."""
    found = re.fullmatch(rf"\.(.+?)(\.[0-9a-f]{{{2 * _TOKEN_BYTES}}})?\{_SUFFIX}", partial, re.DOTALL)
    return found[1] if found else partial


def _kept(name: str) -> str:
    return os.fsencode(name)[:_KEPT_BYTES].decode(errors="ignore")
