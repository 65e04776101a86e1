"""Prepared rows and where they are found again: in memory for runs of one process, in the disk cache for others."""

import hashlib
import importlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.columns import Columns
from adbench.arrays.memmap import checksum
from adbench.arrays.types import Arrays, Matrix, RowLabels
from adbench.config.checks import require_not_negative
from adbench.config.identity import same_rows
from adbench.config.instantiate import build, locate
from adbench.config.keys import CONTENT, WHERE_NOT_WHAT, Config
from adbench.config.paths import cache_folder, data_folder
from adbench.data.base import DatasetInfo
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.evaluation.seal import Labels, SealedLabels
from adbench.results.provenance import cpu, source_digest
from adbench.storage.cache import Cache, CacheDraft, CacheEntry
from adbench.storage.fingerprints import find_files, sha256_of
from adbench.storage.scratch import Scratch

_log = logging.getLogger(__name__)

HEAD = "head"
MEMORY_BYTES = 2**30
GIB = 2**30

# The rooms whose code can change the bits of an entry; others than these cannot, and models least of all.
ROOMS = ("arrays", "storage", "config", "data", "evaluation", "preprocess", "protocols", "runner")


def cache_of(config: Config) -> Cache | None:
    """The cache that a configuration names; None where it wants none. Raises ConfigError for what is neither."""
    folder = config["cache"]
    if folder is False:
        return None
    if folder is not None and not isinstance(folder, str):
        raise ConfigError(f"expected cache to be a folder, null or false, got {folder!r}")
    return Cache(Path(folder).expanduser() if folder else cache_folder() / "prepared", bytes_of(config, "cache_gb"))


def bytes_of(config: Config, key: str) -> float:
    """A limit in GiB as bytes; null is none."""
    if config[key] is None:
        return float("inf")
    require_not_negative(key, config[key])
    return float(config[key]) * GIB


def key_of(config: Config) -> str | None:
    """A digest of all that the bits of prepared rows depend on; None where their files are not all there."""
    protocol = config["protocol"]
    try:
        files = _data_files(config["data"])
    except (AdbenchError, OSError, TypeError, ValueError):  # which the loader says better
        return None
    data = {k: v for k, v in config["data"].items() if k not in (*CONTENT["data"], *(WHERE_NOT_WHAT["data"] or ()))}
    seed = config["seed"] if protocol.get("split_seed") is None else None
    made_with = [source_digest(*ROOMS), np.__version__, pa.__version__, cpu()]
    parts = json.dumps([made_with, files, data, protocol, config["preprocess"], seed], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _data_files(data: Config) -> list[Any]:
    """The names of all files that the loader can read, and the sha256 of their bytes as they lie there."""
    named = [key for key in CONTENT["data"] if key in data]
    if named:
        paths = {key: find_files(data[key], f"data.{key}") for key in named if data[key] is not None}
        return [[key, str(path), sha256_of(path)] for key, of_key in paths.items() for path in of_key]
    info: DatasetInfo = importlib.import_module(locate(data, "data").__module__).INFO
    folder = Path(data.get("folder") or data_folder()) / info.folder
    return [[path.name, sha256_of(path)] for path in sorted(folder.iterdir()) if path.is_file()]


def packed_labels(labels: Labels) -> tuple[Arrays, Any]:
    """Labels as numbers and words."""
    names = {"family": labels.family, "attack": labels.attack}
    arrays: Arrays = {"label": labels.label} | {name: column.codes for name, column in names.items()}
    arrays |= {f"subset/{name}": rows for name, rows in labels.subsets.items()}
    document = {name: list(column.values) for name, column in names.items()}
    known = None if labels.known_attacks is None else sorted(labels.known_attacks)
    return arrays, document | {"known_attacks": known, "subsets": list(labels.subsets)}


def labels_of(entry: CacheEntry) -> Labels:
    """The labels of an entry. Raises DataError where their file was changed after it was checked."""
    try:
        arrays, document = entry.labels()
        return Labels(
            label=arrays["label"],
            family=CategoryColumn(document["family"], arrays["family"]),
            attack=CategoryColumn(document["attack"], arrays["attack"]),
            known_attacks=None if document["known_attacks"] is None else frozenset(document["known_attacks"]),
            subsets={name: arrays[f"subset/{name}"] for name in document["subsets"]},
        )
    except (OSError, ValueError) as error:
        raise DataError(f"expected the test labels in {entry.path}, got {error}; run it again") from None


class Matrices(NamedTuple):
    """The encoded rows of a run, by what they are for."""

    fit: Matrix
    calibration: Matrix
    test: Matrix
    anomalies: Matrix  # few, known, of the training file: for detectors that learn from labels


@dataclass(frozen=True)
class Prepared:
    """The rows of a run, as detectors see them. Nothing in it tells a test row's label before the seal is broken."""

    fingerprints: dict[str, str]
    encoder: Any  # fitted on the fit rows
    matrices: Matrices
    test_rows: npt.NDArray[np.intp]  # position of each test row in the table
    labels: SealedLabels
    usual: list[dict[str, Any]]  # see `adbench.preprocess.usual.usual_values`
    notes: tuple[str, ...]  # see `adbench.data.base.Table`
    controls: dict[str, dict[str, npt.NDArray[np.float64]]] = field(default_factory=dict)  # by their configuration
    entry: CacheEntry | None = None  # where they lie in the cache, which nobody removes as long as this lives

    def shaped(self, columns: Columns) -> "Prepared":
        """The same rows, each in the shape that these columns have."""
        return replace(self, matrices=Matrices(*(x.reshape(len(x), *columns.shape) for x in self.matrices)))

    def plain(self) -> tuple[Matrix, Matrix]:
        """The fit and the test rows as plain numbers, for controls: see `Columns.plain`."""
        rows = self.encoder.columns.plain_rows
        return rows(self.matrices.fit), rows(self.matrices.test)

    def with_anomalies(self) -> tuple[Matrix, RowLabels]:
        """The fit rows, followed by the known anomalies, and which are which."""
        fit, anomalies = self.matrices.fit, self.matrices.anomalies
        labels = np.repeat(np.array([0, 1], np.int8), [len(fit), len(anomalies)])
        return np.concatenate([fit, anomalies]), labels


class RowMemory:
    """The rows of the last run of this process, for the next one that needs the same.

    A run gets matrices of its own, in which it may write, and labels under a seal of its own. Rows that lie on disk are
    not memoised, nor are those above MEMORY_BYTES: a second copy could exhaust the memory.
    """

    def __init__(self) -> None:
        self._key = ""
        self._prepared: Prepared | None = None

    def get(self, config: Config) -> Prepared | None:
        """The rows for this configuration, if it is they that are here."""
        if self._prepared is None or self._key != same_rows(config):
            self._prepared = None  # before others are loaded
            return None
        matrices = Matrices(*map(np.array, self._prepared.matrices))
        return replace(self._prepared, matrices=matrices, labels=self._prepared.labels.reseal())

    def put(self, config: Config, prepared: Prepared) -> Prepared:
        """Keep these, and hand them out as `get` will."""
        matrices = prepared.matrices
        if sum(x.nbytes for x in matrices) > MEMORY_BYTES or any(isinstance(x, np.memmap) for x in matrices):
            return prepared
        self._key, self._prepared = same_rows(config), prepared
        return self.get(config) or prepared


class RowCache:
    """The one door to prepared rows: those in memory, else those in the disk cache, else those that are made."""

    def __init__(self, config: Config, memory: RowMemory | None) -> None:
        self.config, self.memory = config, memory

    def get_or_make(self, make: Callable[["CacheWriter"], Prepared], loading: Callable[[], Any]) -> Prepared:
        """The rows of this configuration. make: called with what writes them into the cache. loading: times a load."""
        memory = self.memory
        if memory is not None and (found := memory.get(self.config)) is not None:
            return found
        bytes_of(self.config, "memory_gb")  # refuses what is none
        with loading():
            cache = cache_of(self.config)
            key = key_of(self.config) if cache else None
            prepared = self._read(cache, key) if cache and key else None
        if prepared is None:
            with CacheWriter(cache, key) as writer:
                prepared = make(writer)
        return prepared if memory is None else memory.put(self.config, prepared)

    def _read(self, cache: Cache, key: str) -> Prepared | None:
        """The rows in the cache; what is not as it was written is removed."""
        entry = cache.open(key)
        if entry is None:
            return None
        try:
            return self._restored(entry)
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
            cache.forget(entry.path)
            return None

    def _restored(self, entry: CacheEntry) -> Prepared:
        arrays, document = entry.read(HEAD)
        if entry.labels_checksum() != document["labels"]:
            raise ValueError("expected the labels that were written, got others")
        shapes = document["matrices"]
        n_bytes = sum(4 * math.prod(shape) for shape, _ in shapes.values())
        resident = n_bytes <= bytes_of(self.config, "memory_gb")
        test_rows = arrays.pop("test_rows")
        learned = {name.removeprefix("encoder/"): array for name, array in arrays.items()}
        matrices = {name: entry.matrix(name, tuple(s), crc, resident) for name, (s, crc) in shapes.items()}
        prepared = Prepared(
            fingerprints=document["fingerprints"],
            encoder=build(self.config["preprocess"], "preprocess").restore(document["encoder"], learned),
            matrices=Matrices(**matrices),
            test_rows=test_rows,
            labels=SealedLabels.elsewhere(lambda: labels_of(entry), len(test_rows)),
            usual=document["usual"],
            notes=tuple(document["notes"]),
            entry=entry,
        )
        say(prepared.notes)
        return prepared


class CacheWriter:
    """Writes rows into the disk cache while they are prepared; a full disk costs the entry, not the run."""

    def __init__(self, cache: Cache | None, key: str | None) -> None:
        self.cache, self.key = cache, key
        self._draft = cache.draft(key) if cache and key else None
        self._scratch = Scratch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_up()
        self._scratch.remove()

    @property
    def place(self) -> CacheDraft | Scratch:
        """Where large files are written: where they are to stay, or a temporary folder."""
        return self._draft or self._scratch

    @contextmanager
    def _trying(self) -> Iterator[CacheDraft | None]:
        try:
            yield self._draft
        except OSError as error:
            self.give_up()
            if self.cache:
                self.cache.goes_on_without(error)

    def labels(self, labels: Labels) -> None:
        """Write the labels, and forget them."""
        with self._trying() as draft:
            if draft:
                draft.write_labels(*packed_labels(labels))

    def commit(self, prepared: Prepared, resident: bool) -> Prepared:
        """Write the rest, and let others find it; returns the rows with their entry. resident: matrices in memory."""
        entry = None
        with self._trying() as draft:
            if draft and self.cache:
                for name, x in prepared.matrices._asdict().items() if resident else ():
                    draft.save(name, x)
                draft.write(HEAD, *_head(prepared, draft.labels_checksum))
                entry = draft.commit()
                self._draft = None if entry else self._draft
                self.cache.trim()
        return replace(prepared, entry=entry)

    def give_up(self) -> None:
        """Remove what was written into the cache; what is mapped stays readable."""
        if self._draft:
            self._draft.discard()
        self._draft = None


def _head(prepared: Prepared, labels_checksum: int) -> tuple[Arrays, Any]:
    arrays = {f"encoder/{name}": array for name, array in prepared.encoder.arrays.items()}
    document = {
        "fingerprints": prepared.fingerprints,
        "encoder": prepared.encoder.description(),
        "matrices": {name: [x.shape, checksum(x)] for name, x in prepared.matrices._asdict().items()},
        "notes": prepared.notes,
        "usual": prepared.usual,
        "labels": labels_checksum,
    }
    return arrays | {"test_rows": prepared.test_rows}, document


def say(notes: Iterable[str]) -> None:
    """Tell the user what a loader took for certain."""
    for note in notes:
        _log.warning("adbench: %s", note)
