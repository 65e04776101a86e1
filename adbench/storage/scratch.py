"""Temporary folder for matrices that do not fit in memory."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from adbench.arrays.memmap import Array, create, open_copy, require_room


class Scratch:
    """Context with a temporary folder that is created on first use and removed at the end.

    Open memory maps stay readable. limit: bytes that fit in memory. parent: the folder's parent; None: the system's
    temporary folder.
    """

    def __init__(self, limit: float, parent: Path | None = None) -> None:
        self.limit, self._parent = limit, parent
        self._path: Path | None = None
        self._elsewhere = None if parent is None else Scratch(limit)
        self.files: dict[str, Path] = {}  # of the matrices stored here

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
        if self._elsewhere is not None:
            self._elsewhere.__exit__()

    @property
    def path(self) -> Path:
        """The folder. Raises DataError if there is no space for it."""
        if self._path is None:
            parent = self._parent or Path(tempfile.gettempdir())
            with require_room(parent):
                self._path = Path(tempfile.mkdtemp(prefix="adbench.", dir=parent))
        return self._path

    def matrix(self, name: str, shape: tuple[int, ...], fill: Callable[[Array], Any]) -> Array:
        """A float32 matrix on disk, initially zero, filled by `fill`; mapped copy-on-write afterwards.

        Raises DataError if there is no space for it, not even in the system's temporary folder.
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
