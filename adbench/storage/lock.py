"""Locks between processes, also on machines sharing a file system, released when their holder dies."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

EXCLUSIVE, SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH
_READ_BYTES = 1 << 24
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.02  # `holder_of` briefly takes a lock to inspect it


class Lock:
    """An exclusive lock on a file that exists only while held; the system releases it however the holder ends.

    A lock on the run folder itself would not suffice: on network file systems it holds on one machine only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """True if this object holds the lock."""
        return self._file is not None

    def acquire(self) -> bool:
        """Take the lock unless another process has it. Raises OSError if the file cannot be written."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            try:
                mine = _lock(file, EXCLUSIVE) and _is_at(file, self.path)
            except OSError:  # a file system without locks
                os.close(file)
                raise
            if mine:
                self._file = file
                with contextlib.suppress(OSError):  # the holder's name is informative only; a full disk may lose it
                    os.ftruncate(file, 0)
                    os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                return True
            os.close(file)
        return False

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()  # while held, so that waiting processes notice the removal
            os.close(self._file)
            self._file = None


class SharedFile:
    """An open file, locked until this object is garbage-collected."""

    def __init__(self, path: Path, flags: int, kind: int) -> None:
        self.file = os.open(path, flags | os.O_CLOEXEC, 0o644)
        if not self.lock(kind):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        if not os.fstat(self.file).st_nlink:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))  # being removed

    def lock(self, kind: int) -> bool:
        """Take the lock; returns whether it was taken, always true on a file system without locks."""
        try:
            return _lock(self.file, kind)
        except OSError:
            return True

    def content(self) -> Iterator[bytes]:
        """The bytes of the file in blocks, even if it has been removed meanwhile."""
        position = 0
        while block := os.pread(self.file, _READ_BYTES, position):
            position += len(block)
            yield block

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)


def holder_of(path: Path) -> str | None:
    """The holder of the lock, as "process 12 on host", or None."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return None if _lock(file, SHARED) else os.read(file, 200).decode(errors="replace").strip() or "another"
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(file)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    """True if an open file is still at the path: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
