"""A folder of what can be made again: one entry a key, shared by all processes, and bounded in size.

An entry is written beside the others and renamed when it is whole; an entry that exists is never changed, only added
to. Its file LABELS is locked as long as a process uses the entry, so that no other removes it. A folder that cannot be
written, or a disk that is full, costs the time to make things anew, and one sentence.
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
IN_USE, UNSURE = "held by a running process", "perhaps just being written"  # why an entry is left
_NEW = ".new"  # ends the names of entries that are not whole yet
_REMOVED = "adbench-removed."  # begins the names of folders in which entries are removed
# A key, or an entry of it that is being written. A folder of such a name can still be somebody else's: see `_is_ours`.
_KEY = re.compile(rf"[0-9a-f]{{32}}(\.\w{{8}}\{_NEW})?", re.ASCII)
_ABANDONED_SECONDS = 3600.0  # after which a folder without a file to lock is nobody's

_log = logging.getLogger(__name__)


class CacheEntry:
    """What lies under a key. While a process holds it, no other removes it."""

    def __init__(self, path: Path, held: SharedFile) -> None:
        self.path, self._held = path, held

    def read(self, name: str) -> tuple[Arrays, Any]:
        """Packed arrays and their document. Raises OSError or ValueError where they are not there, or not whole."""
        return unpack((self.path / name).read_bytes())

    def add(self, name: str, arrays: Arrays, document: Any) -> None:
        """Add packed arrays, for the next one; where that fails, the next one makes them anew."""
        with contextlib.suppress(OSError), replacing(self.path / name) as partial:
            partial.write_bytes(pack(arrays, document))

    def matrix(self, name: str, shape: tuple[int, ...], crc: int, resident: bool) -> Array:
        """A float32 matrix, in memory or on disk. Raises OSError or ValueError unless its bytes are those written."""
        x = open_copy(self.path / name, shape, np.float32)
        if resident:
            x = np.array(x)
        if checksum(x) != crc:
            raise ValueError(f"expected the bytes that were written to {self.path / name}, got others")
        return x

    def labels(self) -> tuple[Arrays, Any]:
        """The packed labels. Raises ValueError where they are not whole."""
        return unpack(b"".join(self._held.content()))

    def labels_checksum(self) -> int:
        """The crc32 of their bytes, which are not looked at."""
        return functools.reduce(lambda found, block: zlib.crc32(block, found), self._held.content(), 0)


class CacheWriter:
    """Writes an entry, under a name that nobody looks for; a context, after which what was not committed is gone.

    Once something cannot be written, that is said, and the rest is left out.
    """

    def __init__(self, cache: "Cache", key: str) -> None:
        self._cache, self._target = cache, cache.folder / key
        self.path: Path | None = None  # the folder; None where none can be made
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
        """Write the labels, packed, and forget them."""
        with self._writing() as folder:
            if folder:
                content = pack(arrays, document)
                with os.fdopen(os.dup(self._held.file), "wb") as file:
                    file.write(content)
                self._labels_checksum = zlib.crc32(content)

    def save(self, name: str, x: npt.NDArray[np.float32], at: Path | None = None) -> None:
        """Write a matrix. at: its file, where it has one, which becomes the entry's."""
        with self._writing() as folder:
            if folder and at:
                at.rename(folder / name)
            elif folder:
                with (folder / name).open("wb") as file:
                    for block in blocks_of(x):
                        file.write(block)

    def write(self, name: str, arrays: Arrays, document: dict[str, Any]) -> None:
        """Write packed arrays. The document also gets the checksum of the labels."""
        with self._writing() as folder:
            if folder:
                (folder / name).write_bytes(pack(arrays, document | {LABELS: self._labels_checksum}))

    def commit(self) -> CacheEntry | None:
        """Make it the entry of its key; None where something is missing, or another process was faster."""
        if self.path is None or self._failed:
            return None
        self._held.lock(SHARED)  # before anybody can find it: who meets a stronger lock takes it for unusable
        try:
            self.path.rename(self._target)
        except OSError:
            return None
        self.path = None
        return CacheEntry(self._target, self._held)


class Cache:
    """The entries in a folder, whose keys are of 32 hexadecimal digits.

    limit: their bytes together, beyond which those unused for longest are removed.
    """

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder, self.limit = folder, limit

    def open(self, key: str) -> CacheEntry | None:
        """The entry of a key, if there is one."""
        path = self.folder / key
        try:
            held = SharedFile(path / LABELS, os.O_RDONLY, SHARED)
        except FileNotFoundError:
            self.forget(path)  # not whole, or just being removed
            return None
        except OSError:  # it may be whole: it is another's, or there are too many open files
            return None
        with contextlib.suppress(OSError):  # a folder for reading only
            os.utime(held.file)
        return CacheEntry(path, held)

    def writer(self, key: str) -> CacheWriter:
        """What writes an entry."""
        return CacheWriter(self, key)

    def goes_on_without(self, error: OSError) -> None:
        """Say, once a process, that nothing can be kept."""
        _say(f"goes on without a cache: {self.folder} cannot be written ({error.strerror or error})")

    def forget(self, path: Path) -> None:
        """Remove an entry that is not what was written, though others use it: what they have open stays."""
        with contextlib.suppress(OSError):
            if _is_ours(path):
                _remove(path)

    def trim(self) -> None:
        """Remove what a killed process left, then what was not used for longest, until the rest is within the limit."""
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
        """The number of entries, and their bytes. Raises OSError for a folder that cannot be read."""
        sizes = [_size(path) for path in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> dict[str, str]:
        """Remove the entries; the names of those that were left, with the reason. Raises OSError as `size` does."""
        reasons = {path.name: _remove_unused(path, _last_use(path)) for path in sorted(self._entries())}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _entries(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if _is_ours(path)]
        except FileNotFoundError:
            return []  # nothing was kept yet


@functools.cache
def _say(sentence: str) -> None:
    _log.warning("adbench: %s", sentence)


def _is_ours(path: Path) -> bool:
    """Whether a folder is an entry, or what is left of one: one of its files is packed arrays, or it is empty.

    Nothing else that lies in a cache's folder is ever removed.
    """
    if path.is_symlink() or not path.is_dir() or not (path.name.startswith(_REMOVED) or _KEY.fullmatch(path.name)):
        return False
    try:
        files = list(path.iterdir())
        return not files or path.name.startswith(_REMOVED) or any(map(_is_packed, files))
    except OSError:
        return True  # and cannot be removed either, which its removal says


def _is_packed(file: Path) -> bool:
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as content:
        start = content.read(len(MAGIC))
    return start == MAGIC or (file.name == LABELS and not start)  # which a draft begins with


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
    """Remove an entry that no process uses. The reason where it is left, else None."""
    held = None
    try:
        held = SharedFile(path / LABELS, os.O_RDWR, EXCLUSIVE)
    except BlockingIOError:
        return IN_USE
    except FileNotFoundError:
        # Of a process that was killed, or removed it, before it could lock anything; unless it is about to.
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
    # Renamed first: half of an entry must never be found under its key.
    rubbish = Path(tempfile.mkdtemp(prefix=_REMOVED, suffix=_NEW, dir=path.parent))
    try:
        path.rename(rubbish / path.name)
    finally:
        shutil.rmtree(rubbish)
