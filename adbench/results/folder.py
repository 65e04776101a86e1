"""A run's folder while it is written. Needs no torch."""

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

PREVIOUS = ".previous"  # where an earlier attempt's files wait until this one is finished


class RunFolder:
    """metrics.json comes last: a run is complete or it is not. Whatever cannot be written is a RunFolderError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._created: list[Path] = []  # folders that this object made, outermost first
        self._own = Lock(path / LOCK)
        self._started = False
        self._trains = False  # whether a checkpoint there is this attempt's

    def claim(self) -> None:
        """Make the folder, for this process alone. Raises FolderInUseError when another one has it."""
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
        """Make the folder and write its configuration; what an earlier attempt left is put aside.

        Its checkpoint stays where it is, unless `resume` is false.
        """
        self.claim()
        self._started = True
        with writing(self.path):
            if not resume:
                self.forget_checkpoint()  # first: a finished run must never look like one to be resumed
            remove_partials(self.path)
            previous = self.path / PREVIOUS
            if (previous / METRICS).is_file():
                _remove_files(self.path)  # of an attempt to run a finished run again, which did not get far
            elif any((self.path / name).exists() for name in FILES):
                _remove_files(previous)
                previous.mkdir(exist_ok=True)
                _move_files(reversed(FILES), self.path, previous)
        self.write_text(CONFIG, yaml.safe_dump(stored(config), sort_keys=False))

    def checkpoint(self) -> Path:
        """Where the training keeps its state from now on: what is there outlives a kill, but no end of the run."""
        self._trains = True
        return self.path / CHECKPOINT

    def finish(self, metrics: dict[str, float]) -> None:
        """Write the metrics: from now on the run is complete, and an earlier attempt is forgotten."""
        self.write_json(METRICS, metrics)
        self._forget_previous()
        self.forget_checkpoint()  # last: a kill before the metrics must not cost the training

    def fail(self, name: str, traceback: str) -> None:
        """Leave the traceback where the metrics would be; an earlier finished attempt stays aside until the next."""
        if self._trains:
            self.forget_checkpoint()
        self.write_text(name, traceback)
        if not (self.path / PREVIOUS / METRICS).is_file():
            self._forget_previous()

    def discard(self) -> None:
        """Take back all that `start` and its successors wrote, and nothing else; an earlier attempt comes back."""
        if not self._own.held:
            return  # the files are somebody else's
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
                path.rmdir()  # refuses when somebody else put something there

    def write_text(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        with self._replacing(name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # an error can quote any bytes

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        self.write_text(name, json.dumps(document, indent=2, allow_nan=False) + "\n")

    def write_part(self, part: str, description: dict[str, Any], arrays: Arrays) -> None:
        """A model or a preprocessing: its option and arguments as JSON, its arrays as safetensors; no pickle."""
        self.write_json(f"{part}.json", description)
        with self._replacing(f"{part}.safetensors") as partial:
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            partial.write_bytes(safetensors.numpy.save(contiguous))

    def write_objects(self, objects: dict[str, Any]) -> None:
        """model.skops: the objects of a library that a model learned."""
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
        """scores.parquet: row and score, and, once the labels were opened, label, family and attack.

        ids: a pyarrow array of what the user calls each row, where they said so. order: when each came about, where the
        data tell.
        """
        columns = {"row": _numbers(rows)} | ({} if ids is None else {"id": ids})
        columns |= ({} if order is None else {"time": _numbers(order.time)}) | {"score": _numbers(scores)}
        if labels is not None:
            columns |= {"label": _numbers(labels.label), "family": _texts(labels.family)}
            columns["attack"] = _texts(labels.attack)
        with self._replacing(SCORES) as partial:
            # A dictionary of scores would take more time and memory to find than it spares.
            pyarrow.parquet.write_table(pa.table(columns), partial, use_dictionary=["family", "attack"])

    def write_calibration(self, scores: npt.NDArray[np.float64]) -> None:
        """calibration.parquet: the scores of the calibration rows."""
        with self._replacing(CALIBRATION) as partial:
            pyarrow.parquet.write_table(
                pa.table({"score": _numbers(scores.astype(np.float64))}), partial, use_dictionary=False
            )

    def write_influences(self, influences: Arrays) -> None:
        """influences.safetensors: metric -> the influences of blocks of the test rows."""
        with self._replacing(INFLUENCES) as partial:
            partial.write_bytes(safetensors.numpy.save({k: x.astype(np.float32) for k, x in influences.items()}))

    def unlock(self) -> None:
        """Let others have the folder."""
        self._own.release()

    def tidy(self) -> None:
        """Remove what a process that was killed right after the metrics leaves: a checkpoint, and a lock of nobody."""
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
    """As pa.array(x), which would import pandas, if it is there, to ask whether x is of it."""
    x = np.ascontiguousarray(x)
    return pa.Array.from_buffers(pa.from_numpy_dtype(x.dtype), len(x), [None, pa.py_buffer(x)])


def _texts(names: CategoryColumn) -> pa.Array:
    """A dictionary of those that occur."""
    occurring, codes = np.unique(names.codes, return_inverse=True)
    encoded = [names.values[code].encode() for code in occurring]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.DictionaryArray.from_arrays(
        _numbers(codes.astype(np.int32)), pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    )


def leave_error(path: Path, config: dict[str, Any], text: str) -> None:
    """Say in a run's folder why it did not finish, where the run itself cannot any more.

    What it wrote stays beside it; a finished run stays finished.
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
    """Whether a file of some size can be written there: it is a folder, and the disk is neither read-only nor full."""
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
    """Whatever cannot be written is a RunFolderError about this path."""
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
