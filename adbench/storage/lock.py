"""A lock between processes, and between machines where they share a file system, that dies with its holder."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path

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
                mine = _lock(file, fcntl.LOCK_EX) and _is_at(file, self.path)
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


def holder_of(path: Path) -> str | None:
    """Who holds the lock, as "process 12 on host"; None when nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return None if _lock(file, fcntl.LOCK_SH) else os.read(file, 200).decode(errors="replace").strip() or "another"
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
