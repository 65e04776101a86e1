"""Writing of a run folder. Free of torch."""

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import safetensors.numpy
import yaml

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.objects import written_objects
from adbench.arrays.order import Order
from adbench.arrays.types import Arrays
from adbench.errors import FolderInUseError, RunFolderError
from adbench.evaluation.seal import Labels
from adbench.results.formats import stored
from adbench.results.record import (
    CALIBRATION,
    CHECKPOINT,
    CONFIG,
    ERROR,
    FILES,
    INFLUENCES,
    LOCK,
    METRICS,
    OBJECTS,
    SCORES,
)
from adbench.storage.atomic import remove_partials, replacing
from adbench.storage.lock import Lock, holder_of

PREVIOUS = ".previous"  # holds an earlier attempt's files until this one is finished


class RunFolder:
    """A run folder being written. metrics.json comes last and completes the run. Write errors are RunFolderErrors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._created: list[Path] = []  # folders created by this object, outermost first
        self._own = Lock(path / LOCK)
        self._started = False
        self._trains = False  # whether the checkpoint belongs to this attempt

    def claim(self) -> None:
        """Create and lock the folder. Raises FolderInUseError if another process holds it."""
        if self._own.held:
            return
        with writing(self.path):
            self._created = [path for path in (self.path, *self.path.parents) if not path.exists()][::-1]
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._own.acquire():
                raise FolderInUseError(
                    f"expected {self.path} for this run alone, got {holder_of(self.path / LOCK) or 'another adbench'}"
                    " that is running it; wait for its end"
                )

    def start(self, config: dict[str, Any], *, resume: bool = True) -> None:
        """Create the folder and write its configuration, setting aside an earlier attempt's files.

        Its checkpoint stays in place, unless `resume` is false.
        """
        self.claim()
        self._started = True
        with writing(self.path):
            if not resume:
                self.forget_checkpoint()  # first: a finished run must never look resumable
            remove_partials(self.path)
            previous = self.path / PREVIOUS
            if (previous / METRICS).is_file():
                _remove_files(self.path)  # of an aborted attempt to repeat a finished run
            elif any((self.path / name).exists() for name in FILES):
                _remove_files(previous)
                previous.mkdir(exist_ok=True)
                _move_files(reversed(FILES), self.path, previous)
        self.write_text(CONFIG, yaml.safe_dump(stored(config), sort_keys=False))

    def checkpoint(self) -> Path:
        """Path of the training's checkpoint, which survives a kill but not the end of the run."""
        self._trains = True
        return self.path / CHECKPOINT

    def finish(self, metrics: dict[str, float]) -> None:
        """Write the metrics, which completes the run, and delete an earlier attempt's files."""
        self.write_json(METRICS, metrics)
        self._forget_previous()
        self.forget_checkpoint()  # last: a kill before the metrics must not cost the training

    def fail(self, name: str, traceback: str) -> None:
        """Write the traceback in place of metrics; an earlier finished attempt stays set aside until the next."""
        if self._trains:
            self.forget_checkpoint()
        self.write_text(name, traceback)
        if not (self.path / PREVIOUS / METRICS).is_file():
            self._forget_previous()

    def discard(self) -> None:
        """Undo everything since `start`, and nothing else; an earlier attempt's files are restored."""
        if not self._own.held:
            return  # the files belong to another process
        if self._trains:
            self.forget_checkpoint()
        with contextlib.suppress(OSError):
            if self._started:
                _remove_files(self.path)
                if (self.path / PREVIOUS).is_dir():
                    _move_files(FILES, self.path / PREVIOUS, self.path)
                    (self.path / PREVIOUS).rmdir()
        self.unlock()
        for path in reversed(self._created):
            with contextlib.suppress(OSError):
                path.rmdir()  # fails if anything else was put there

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically."""
        with self._replacing(name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # errors can quote any bytes

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON file atomically."""
        self.write_text(name, json.dumps(document, indent=2, allow_nan=False) + "\n")

    def write_part(self, part: str, description: dict[str, Any], arrays: Arrays) -> None:
        """Write a model or preprocessing: option and arguments as JSON, arrays as safetensors; no pickle."""
        self.write_json(f"{part}.json", description)
        with self._replacing(f"{part}.safetensors") as partial:
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            partial.write_bytes(safetensors.numpy.save(contiguous))

    def write_objects(self, objects: dict[str, Any]) -> None:
        """Write model.skops, the library objects that a model learned."""
        content = written_objects(objects)
        with self._replacing(OBJECTS) as partial:
            partial.write_bytes(content)

    def write_scores(
        self,
        rows: npt.NDArray[np.intp],
        scores: npt.NDArray[np.float64],
        labels: Labels | None,
        ids: Any = None,
        order: Order | None = None,
    ) -> None:
        """Write scores.parquet: row and score, and, once the labels are opened, label, family and attack.

        ids: a pyarrow array of the user's row ids, if any. order: the rows' times, if the data have them.
        """
        columns = {"row": _numbers(rows)} | ({} if ids is None else {"id": ids})
        columns |= ({} if order is None else {"time": _numbers(order.time)}) | {"score": _numbers(scores)}
        if labels is not None:
            columns |= {"label": _numbers(labels.label), "family": _texts(labels.family)}
            columns["attack"] = _texts(labels.attack)
        with self._replacing(SCORES) as partial:
            # Dictionary encoding of the scores would cost more time and memory than it saves.
            pyarrow.parquet.write_table(pa.table(columns), partial, use_dictionary=["family", "attack"])

    def write_calibration(self, scores: npt.NDArray[np.float64]) -> None:
        """Write calibration.parquet, the scores of the calibration rows."""
        with self._replacing(CALIBRATION) as partial:
            pyarrow.parquet.write_table(
                pa.table({"score": _numbers(scores.astype(np.float64))}), partial, use_dictionary=False
            )

    def write_influences(self, influences: Arrays) -> None:
        """Write influences.safetensors: metric -> influences of blocks of test rows."""
        with self._replacing(INFLUENCES) as partial:
            partial.write_bytes(safetensors.numpy.save({k: x.astype(np.float32) for k, x in influences.items()}))

    def unlock(self) -> None:
        """Release the lock on the folder."""
        self._own.release()

    def tidy(self) -> None:
        """Remove the checkpoint and stale lock left by a process that was killed right after writing the metrics."""
        self.forget_checkpoint()
        if self._own.path.is_file():
            with contextlib.suppress(OSError):
                if self._own.acquire():
                    self._own.release()

    def forget_checkpoint(self) -> None:
        """Remove the checkpoint."""
        with contextlib.suppress(OSError):
            (self.path / CHECKPOINT).unlink(missing_ok=True)

    def _forget_previous(self) -> None:
        with contextlib.suppress(OSError):
            _remove_files(self.path / PREVIOUS)
            (self.path / PREVIOUS).rmdir()

    @contextlib.contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        target = self.path / name
        with writing(target), replacing(target) as partial:
            yield partial


def _numbers(x: npt.NDArray[Any]) -> pa.Array:
    """pa.array(x) without its import of pandas."""
    x = np.ascontiguousarray(x)
    return pa.Array.from_buffers(pa.from_numpy_dtype(x.dtype), len(x), [None, pa.py_buffer(x)])


def _texts(names: CategoryColumn) -> pa.Array:
    """A dictionary array of the names that occur."""
    occurring, codes = np.unique(names.codes, return_inverse=True)
    encoded = [names.values[code].encode() for code in occurring]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.DictionaryArray.from_arrays(
        _numbers(codes.astype(np.int32)), pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    )


def leave_error(path: Path, config: dict[str, Any], text: str) -> None:
    """Record in a run folder why the run did not finish, if the run itself no longer can.

    Its other files stay; a finished run stays finished.
    """
    folder = RunFolder(path)
    try:
        folder.claim()
        if (path / METRICS).is_file():
            return
        if not (path / CONFIG).is_file():
            folder.write_text(CONFIG, yaml.safe_dump(stored(config), sort_keys=False))
        folder.write_text(ERROR, text)
    finally:
        folder.unlock()


def can_be_written(folder: Path) -> bool:
    """True if a file can be written in the folder: it exists, on a disk that is neither read-only nor full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe") as probe:
            probe.write(bytes(2**18))
            probe.flush()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Context that turns write errors into a RunFolderError about this path."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFolderError(
            f"expected a place that can be written at {path}, got {reason}; name another with runs_dir="
        ) from None


def _remove_files(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _move_files(names: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        if (source / name).exists():
            (source / name).replace(target / name)
