"""Locks between processes, and between machines where they share a file system, that die with their holder."""

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
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.02  # `holder_of` looks at a lock by taking it, for microseconds


class Lock:
    """An exclusive lock on a file that exists only while it is held; the system frees it however the holder ends.

    A lock on the run folder itself would not do: on network file systems it would hold on one machine only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self) -> bool:
        """Take the lock, unless another process has it. Raises OSError where no file can be written."""
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
                with contextlib.suppress(OSError):  # who holds it is told for people; a full disk cannot tell
                    os.ftruncate(file, 0)
                    os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                return True
            os.close(file)
        return False

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()  # while it is held: whoever waits for this file finds that it is gone
            os.close(self._file)
            self._file = None


class SharedFile:
    """An open file, locked until nothing refers to this any more."""

    def __init__(self, path: Path, flags: int, kind: int) -> None:
        self.file = os.open(path, flags | os.O_CLOEXEC, 0o644)
        if not self.lock(kind):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        if not os.fstat(self.file).st_nlink:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))  # somebody is removing it

    def lock(self, kind: int) -> bool:
        """Whether the lock is ours now; on a file system without locks everything is."""
        try:
            return _lock(self.file, kind)
        except OSError:
            return True

    def content(self) -> Iterator[bytes]:
        """The bytes of the file, some at a time; also where it has been removed meanwhile."""
        position = 0
        while block := os.pread(self.file, _READ_BYTES, position):
            position += len(block)
            yield block

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)


def holder_of(path: Path) -> str | None:
    """Who holds the lock, as "process 12 on host"; None when nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return None if _lock(file, SHARED) else os.read(file, 200).decode(errors="replace").strip() or "another"
    except OSError:  # a file system without locks: nobody can hold one
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
    """Whether an open file still lies at the path: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
