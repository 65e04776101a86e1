"""Where the columns of a table lie: in memory, or on disk, from where they are read as they are needed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages, require_room

Array = npt.NDArray[Any]


class ColumnStore:
    """Takes columns one by one, and gives them back as the columns of a matrix: in memory."""

    def keep(self, column: Array) -> Array:
        """The column itself."""
        return column

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """Columns as a matrix, each contiguous. as_kept: they are all that was kept of this type, in this order."""
        x = np.empty(shape, dtype, order="F")
        for i, column in enumerate(columns):
            x[:, i] = column
        return x


class ColumnStoreOnDisk(ColumnStore):
    """In files of a folder, one for each type of number; they are gone as soon as nothing uses them any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sizes: dict[Path, int] = {}

    def keep(self, column: Array) -> Array:
        """The column as it lies in the file."""
        return self._append(self.folder / f"columns.{column.dtype}", column)

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """The file of the kept columns as a matrix, or one of other columns."""
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
