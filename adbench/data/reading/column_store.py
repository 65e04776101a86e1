"""Where the columns of a table lie: in memory, or on disk, from where they are read as they are needed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages, require_room

Array = npt.NDArray[Any]


class Store(Protocol):
    """Takes columns one by one, and gives them back as the columns of a matrix."""

    def keep(self, column: Array) -> Array:
        """A column, to be asked for later."""

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """Columns as a matrix, each contiguous. as_kept: they are all that was kept of this type, in this order."""


class InMemory:
    """As long as there is room."""

    def keep(self, column: Array) -> Array:
        """The column itself."""
        return column

    def matrix(self, columns: Iterable[Array], shape: tuple[int, int], dtype: npt.DTypeLike, as_kept: bool) -> Array:
        """A new matrix."""
        x = np.empty(shape, dtype, order="F")
        for i, column in enumerate(columns):
            x[:, i] = column
        return x


class OnDisk:
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


@dataclass(frozen=True)
class Spool:
    """What a loader needs to keep a large table out of memory."""

    limit: float  # bytes: a table that would take more is to lie on disk
    folder: Callable[[], Path]  # where, made when it is asked for; all in it may be removed once the table is loaded
