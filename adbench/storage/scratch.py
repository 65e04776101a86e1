"""A temporary folder for what does not fit in memory."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from adbench.arrays.memmap import Array, create, open_copy, require_room


class Scratch:
    """A context with a folder that is made when it is first asked for, and removed at the end.

    What is mapped from it stays readable. limit: bytes that fit in memory. parent: where the folder is to lie; None:
    where the system keeps what is temporary.
    """

    def __init__(self, limit: float, parent: Path | None = None) -> None:
        self.limit, self._parent = limit, parent
        self._path: Path | None = None
        self._elsewhere = None if parent is None else Scratch(limit)
        self.files: dict[str, Path] = {}  # of the matrices that found room here

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
        if self._elsewhere is not None:
            self._elsewhere.__exit__()

    @property
    def path(self) -> Path:
        """The folder. Raises DataError where there is no room for one."""
        if self._path is None:
            parent = self._parent or Path(tempfile.gettempdir())
            with require_room(parent):
                self._path = Path(tempfile.mkdtemp(prefix="adbench.", dir=parent))
        return self._path

    def matrix(self, name: str, shape: tuple[int, ...], fill: Callable[[Array], Any]) -> Array:
        """A float32 matrix on disk, of zeros that `fill` fills; what is written into it later changes no file.

        Raises DataError where there is no room for it, not even where the system keeps what is temporary.
        """
        path = self.path / name
        try:
            x = create(path, shape, np.float32)
        except OSError:
            path.unlink(missing_ok=True)
            if self._elsewhere is not None:
                return self._elsewhere.matrix(name, shape, fill)
            with require_room(self.path):
                raise
        fill(x)
        self.files[name] = path
        return open_copy(path, shape, np.float32)
