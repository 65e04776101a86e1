"""Memory-mapped arrays, read in blocks so that little of them is resident at a time."""

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.errors import DataError

Array = npt.NDArray[Any]

BLOCK_BYTES = 1 << 25  # read or written before the pages are released


def create(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, order: str = "C") -> Array:
    """A new memory-mapped array of zeros. Raises OSError if the disk has no room for all of it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("wb") as file:
        if size and hasattr(os, "posix_fallocate"):  # else a full disk would kill the process when a page is written
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
    return _map(path, shape, dtype, "r+", order)


def open_copy(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """A copy-on-write map of the array in a file: writes stay in this process. Raises ValueError for another length."""
    if path.stat().st_size != int(np.prod(shape)) * np.dtype(dtype).itemsize:
        raise ValueError(f"expected a file of {shape} numbers at {path}, got another length")
    return _map(path, shape, dtype, "c", "C")


def _map(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, mode: Any, order: Any) -> Array:
    if not all(shape):  # an empty file cannot be mapped
        return np.empty(shape, dtype, order=order)
    return np.memmap(path, dtype, mode, shape=shape, order=order)


def checksum(x: Array) -> int:
    """The crc32 of the bytes of a C-contiguous array."""
    found = 0
    for block in blocks_of(x):
        found = zlib.crc32(block, found)
        release_pages(x)
    return found


def blocks_of(x: Array) -> Iterator[memoryview]:
    """The bytes of a C-contiguous array, in blocks."""
    content = x.data.cast("B") if x.size else memoryview(b"")
    return (content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES))


def release_pages(x: Array) -> None:
    """Drop the resident pages of a memory-mapped array or a slice of one; they are re-read on access.

    Discards changes made to a copy-on-write map.
    """
    owner: Any = x if isinstance(x, np.memmap) else None
    while isinstance(owner, np.ndarray):  # the base of a slice is its array, whose base are the pages
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        with contextlib.suppress(OSError, ValueError):
            owner.madvise(mmap.MADV_DONTNEED)


@contextlib.contextmanager
def require_room(folder: Path) -> Iterator[None]:
    """Raise failures to write as DataError: rows that do not fit in memory need room on disk."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"expected room in {folder} for rows that do not fit in memory_gb, got {error.strerror or error}; make"
            " room, name another folder by cache=, or raise memory_gb"
        ) from None
