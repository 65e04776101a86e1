"""A temporary folder for what does not fit in memory."""

import shutil
import tempfile
from pathlib import Path

import numpy.typing as npt

from adbench.arrays.memmap import Array, create, require_room


class Scratch:
    """A folder that is made when it is first asked for. What is mapped from it stays readable once it is removed."""

    def __init__(self) -> None:
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        """The folder. Raises DataError where there is no room for one."""
        if self._path is None:
            parent = Path(tempfile.gettempdir())
            with require_room(parent):
                self._path = Path(tempfile.mkdtemp(prefix="adbench.", dir=parent))
        return self._path

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, order: str = "C") -> Array:
        """A matrix that is its file, to be filled."""
        return create(self.path / name, shape, dtype, order)

    def remove(self) -> None:
        """Remove the folder, if there is one."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None
