"""Storage of a table's columns, in memory or on disk."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages, require_room

Array = npt.NDArray[Any]


class ColumnStore:
    """Stores columns one by one in memory, and returns them as the columns of a matrix."""

    def keep(self, column: Array) -> Array:
        """Store a column; returns it as stored."""
        return column

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """The columns as a matrix, each contiguous. as_kept: they are all stored columns of this type, in order."""
        x = np.empty(shape, dtype, order="F")
        for i, column in enumerate(columns):
            x[:, i] = column
        return x


class ColumnStoreOnDisk(ColumnStore):
    """Stores columns in files of a folder, one per type of number; they are deleted when nothing uses them any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sizes: dict[Path, int] = {}

    def keep(self, column: Array) -> Array:
        """Store a column; returns it memory-mapped."""
        return self._append(self.folder / f"columns.{column.dtype}", column)

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """The columns as a memory-mapped matrix; the stored file itself if as_kept."""
        kept = self.folder / f"columns.{np.dtype(dtype)}"
        path = kept if as_kept else self.folder / f"taken.{np.dtype(dtype)}"
        if not as_kept:
            for column in columns:
                self._append(path, column)
        try:
            return np.memmap(path, dtype, "r", shape=shape, order="F") if all(shape) else np.empty(shape, dtype, "F")
        finally:
            for file in {kept, path}:
                file.unlink(missing_ok=True)

    def _append(self, path: Path, column: Array) -> Array:
        start = self._sizes.get(path, 0)
        with require_room(self.folder), path.open("ab") as file:
            file.write(np.ascontiguousarray(column).data)
        self._sizes[path] = start + column.nbytes
        kept = np.memmap(path, column.dtype, "r", start, column.shape) if len(column) else column
        release_pages(kept)
        return kept
