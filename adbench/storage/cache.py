"""Disk cache shared by all processes: one entry per key, evicted least-recently-used first.

An entry is written under a temporary name and renamed atomically; files of an existing entry never change, but can be
added. Its file LABELS is locked while a process uses the entry, which protects it from eviction. A read-only folder or
a full disk costs only the caching, and one warning.
"""

import contextlib
import functools
import logging
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from adbench.arrays.archive import MAGIC, pack, unpack
from adbench.arrays.memmap import Array, blocks_of, checksum, open_copy
from adbench.arrays.types import Arrays
from adbench.storage.atomic import replacing
from adbench.storage.lock import EXCLUSIVE, SHARED, SharedFile

LABELS = "labels"
IN_USE, UNSURE = "held by a running process", "perhaps just being written"  # reasons for not removing an entry
_NEW = ".new"  # suffix of incomplete entries
_REMOVED = "adbench-removed."  # prefix of folders in which entries are removed
# A key, or its incomplete entry. A folder with such a name can still be foreign: see `_is_ours`.
_KEY = re.compile(rf"[0-9a-f]{{32}}(\.\w{{8}}\{_NEW})?", re.ASCII)
_ABANDONED_SECONDS = 3600.0  # age after which a folder without a lock file is abandoned

_log = logging.getLogger(__name__)


class CacheEntry:
    """An entry of the cache, protected from removal while a process holds it."""

    def __init__(self, path: Path, held: SharedFile) -> None:
        self.path, self._held = path, held

    def read(self, name: str) -> tuple[Arrays, Any]:
        """Packed arrays and their document. Raises OSError or ValueError if missing or damaged."""
        return unpack((self.path / name).read_bytes())

    def add(self, name: str, arrays: Arrays, document: Any) -> None:
        """Add packed arrays for later readers; on failure, they recompute them."""
        with contextlib.suppress(OSError), replacing(self.path / name) as partial:
            partial.write_bytes(pack(arrays, document))

    def matrix(self, name: str, shape: tuple[int, ...], crc: int, resident: bool) -> Array:
        """A float32 matrix, in memory or memory-mapped. Raises OSError or ValueError if missing or damaged."""
        x = open_copy(self.path / name, shape, np.float32)
        if resident:
            x = np.array(x)
        if checksum(x) != crc:
            raise ValueError(f"expected the bytes that were written to {self.path / name}, got others")
        return x

    def labels(self) -> tuple[Arrays, Any]:
        """The packed labels. Raises ValueError if damaged."""
        return unpack(b"".join(self._held.content()))

    def labels_checksum(self) -> int:
        """The crc32 of the packed labels, without unpacking them."""
        return functools.reduce(lambda found, block: zlib.crc32(block, found), self._held.content(), 0)


class CacheWriter:
    """Context that writes an entry under a temporary name and removes it at the end unless committed.

    The first write error is reported, and all further writes are skipped.
    """

    def __init__(self, cache: "Cache", key: str) -> None:
        self._cache, self._target = cache, cache.folder / key
        self.path: Path | None = None  # the folder; None if it cannot be created
        self._labels_checksum: int | None = None
        self._failed = False
        with self._writing():
            cache.folder.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_NEW, dir=cache.folder))
            self._held = SharedFile(self.path / LABELS, os.O_RDWR | os.O_CREAT, EXCLUSIVE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Path | None]:
        try:
            yield None if self._failed else self.path
        except OSError as error:
            self._failed = True
            self._cache.goes_on_without(error)

    def write_labels(self, arrays: Arrays, document: Any) -> None:
        """Write the labels, packed, without keeping them in memory."""
        with self._writing() as folder:
            if folder:
                content = pack(arrays, document)
                with os.fdopen(os.dup(self._held.file), "wb") as file:
                    file.write(content)
                self._labels_checksum = zlib.crc32(content)

    def save(self, name: str, x: npt.NDArray[np.float32], at: Path | None = None) -> None:
        """Write a matrix. at: its existing file, if any, which is moved into the entry."""
        with self._writing() as folder:
            if folder and at:
                at.rename(folder / name)
            elif folder:
                with (folder / name).open("wb") as file:
                    for block in blocks_of(x):
                        file.write(block)

    def write(self, name: str, arrays: Arrays, document: dict[str, Any]) -> None:
        """Write packed arrays. The labels' checksum is added to the document."""
        with self._writing() as folder:
            if folder:
                (folder / name).write_bytes(pack(arrays, document | {LABELS: self._labels_checksum}))

    def commit(self) -> CacheEntry | None:
        """Publish the entry under its key; None if it is incomplete or another process was faster."""
        if self.path is None or self._failed:
            return None
        self._held.lock(SHARED)  # before it can be found: readers treat an exclusive lock as unusable
        try:
            self.path.rename(self._target)
        except OSError:
            return None
        self.path = None
        return CacheEntry(self._target, self._held)


class Cache:
    """A cache in a folder, with keys of 32 hexadecimal digits.

    limit: total bytes, beyond which the least recently used entries are evicted.
    """

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder, self.limit = folder, limit

    def open(self, key: str) -> CacheEntry | None:
        """The entry of a key, or None."""
        path = self.folder / key
        try:
            held = SharedFile(path / LABELS, os.O_RDONLY, SHARED)
        except FileNotFoundError:
            self.forget(path)  # incomplete, or being removed
            return None
        except OSError:  # possibly intact: no permission, or too many open files
            return None
        with contextlib.suppress(OSError):  # a read-only folder
            os.utime(held.file)
        return CacheEntry(path, held)

    def writer(self, key: str) -> CacheWriter:
        """A writer of the entry of this key."""
        return CacheWriter(self, key)

    def goes_on_without(self, error: OSError) -> None:
        """Warn, once per process, that nothing can be cached."""
        _say(f"goes on without a cache: {self.folder} cannot be written ({error.strerror or error})")

    def forget(self, path: Path) -> None:
        """Remove a damaged entry even while others use it: their open files stay readable."""
        with contextlib.suppress(OSError):
            if _is_ours(path):
                _remove(path)

    def trim(self) -> None:
        """Remove incomplete entries of killed processes, then evict least recently used ones down to the limit."""
        try:
            found = self._entries()
        except OSError:
            return
        used = {path: _last_use(path) for path in found}
        sizes = {path: _size(path) for path in found}
        for path in sorted(found, key=lambda path: (not path.name.endswith(_NEW), used[path])):
            if not path.name.endswith(_NEW) and sum(sizes.values()) <= self.limit:
                return
            if _remove_unused(path, used[path]) is None:
                del sizes[path]

    def size(self) -> tuple[int, int]:
        """The number of entries and their bytes. Raises OSError if the folder cannot be read."""
        sizes = [_size(path) for path in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> dict[str, str]:
        """Remove all entries; returns the names of those left, with the reason. Raises OSError as `size` does."""
        reasons = {path.name: _remove_unused(path, _last_use(path)) for path in sorted(self._entries())}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _entries(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if _is_ours(path)]
        except FileNotFoundError:
            return []  # nothing is cached yet


@functools.cache
def _say(sentence: str) -> None:
    _log.warning("adbench: %s", sentence)


def _is_ours(path: Path) -> bool:
    """True if a folder is an entry or its remains: it contains a file of packed arrays, or is empty.

    Nothing else in a cache's folder is ever removed.
    """
    if path.is_symlink() or not path.is_dir() or not (path.name.startswith(_REMOVED) or _KEY.fullmatch(path.name)):
        return False
    try:
        files = list(path.iterdir())
        return not files or path.name.startswith(_REMOVED) or any(map(_is_packed, files))
    except OSError:
        return True  # it cannot be removed either, which its removal reports


def _is_packed(file: Path) -> bool:
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as content:
        start = content.read(len(MAGIC))
    return start == MAGIC or (file.name == LABELS and not start)  # empty in a new entry


def _last_use(path: Path) -> float:
    for file in (path / LABELS, path):
        with contextlib.suppress(OSError):
            return file.stat().st_mtime
    return time.time()


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in path.iterdir())
    return 0


def _remove_unused(path: Path, last_use: float) -> str | None:
    """Remove an entry unless a process uses it. Returns the reason if it is left, else None."""
    held = None
    try:
        held = SharedFile(path / LABELS, os.O_RDWR, EXCLUSIVE)
    except BlockingIOError:
        return IN_USE
    except FileNotFoundError:
        # Its process was killed, or removed it, before locking anything; or it is about to lock.
        if (path / LABELS).exists() or time.time() - last_use < _ABANDONED_SECONDS:
            return UNSURE if path.exists() else None
    except OSError as error:
        return error.strerror or str(error)
    try:
        _remove(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    finally:
        del held
    return None


def _remove(path: Path) -> None:
    # Renamed first, so that no partial entry is found under its key.
    rubbish = Path(tempfile.mkdtemp(prefix=_REMOVED, suffix=_NEW, dir=path.parent))
    try:
        path.rename(rubbish / path.name)
    finally:
        shutil.rmtree(rubbish)
