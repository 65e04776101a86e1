"""Cache of prepared rows: in memory within a process, on disk across processes."""

import hashlib
import importlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.columns import Columns
from adbench.arrays.memmap import checksum
from adbench.arrays.order import Order
from adbench.arrays.types import Arrays, Matrix, RowLabels
from adbench.config.checks import require_not_negative
from adbench.config.identity import same_rows
from adbench.config.instantiate import locate
from adbench.config.keys import CONTENT, TARGET, WHERE_NOT_WHAT, Config
from adbench.config.paths import cache_folder
from adbench.config.plugins import used_by
from adbench.data.base import DatasetInfo, say
from adbench.data.catalogue import root_of
from adbench.data.groups import module_of
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.evaluation.seal import Labels, SealedLabels
from adbench.results.provenance import cpu, source_digest
from adbench.runner.cross import encoder_for
from adbench.storage.cache import LABELS, Cache, CacheEntry
from adbench.storage.fingerprints import find_files, sha256_of
from adbench.storage.scratch import Scratch

HEAD, DEVIATIONS = "head", "deviations"
MEMORY_BYTES = 2**30
GIB = 2**30

# Groups whose options can change the bits of an entry; for a plugin, all of its files count.
DECIDING = ("data", "protocol", "preprocess")
# The packages whose code can change the bits of an entry; models, among others, cannot.
ROOMS = ("arrays", "storage", "config", "data", "evaluation", "preprocess", "protocols", "runner", "stats")


def _cache_of(config: Config) -> Cache | None:
    """The cache of a configuration; None if switched off. Raises ConfigError for any other value."""
    folder = config["cache"]
    if folder is False:
        return None
    if folder is not None and not isinstance(folder, str):
        raise ConfigError(f"expected cache to be a folder, null or false, got {folder!r}")
    return Cache(Path(folder).expanduser() if folder else cache_folder() / "prepared", bytes_of(config, "cache_gb"))


def bytes_of(config: Config, key: str) -> float:
    """A limit in GiB as bytes; null: no limit."""
    if config[key] is None:
        return float("inf")
    require_not_negative(key, config[key])
    return float(config[key]) * GIB


def key_of(config: Config) -> str | None:
    """A digest of everything the bits of prepared rows depend on; None if a file is missing."""
    protocol = config["protocol"]
    try:
        files = _data_files(config["choices"]["data"], config["data"])
    except (AdbenchError, OSError, TypeError, ValueError):  # the loader has the better message
        return None
    data = {k: v for k, v in config["data"].items() if k not in (*CONTENT["data"], *(WHERE_NOT_WHAT["data"] or ()))}
    seed = config["seed"] if protocol.get("split_seed") is None else None
    plugins = [plugin.sha256() for plugin in used_by({group: config["choices"][group] for group in DECIDING})]
    made_with = [source_digest(*ROOMS), np.__version__, pa.__version__, cpu(), *plugins]
    parts = json.dumps(
        [made_with, files, data, protocol, config["preprocess"], seed, config.get("measured")], sort_keys=True
    )
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _data_files(option: str, data: Config) -> list[Any]:
    """The names and current sha256 of all files that the loader can read."""
    named = [key for key in CONTENT["data"] if key in data]
    if named:
        paths = {key: find_files(data[key], f"data.{key}") for key in named if data[key] is not None}
        return [[key, str(path), sha256_of(path)] for key, of_key in paths.items() for path in of_key]
    module = importlib.import_module(locate(data, "data").__module__)
    if hasattr(module, "files_read"):
        return [[path.name, sha256_of(path)] for path in module.files_read(**{k: data[k] for k in data if k != TARGET})]
    info: DatasetInfo = module_of(option).INFO
    if not info.files:
        raise DataError(f"expected data={option} to tell which files it reads, got no files in its INFO")
    folder = Path(data.get("folder") or root_of(option, info)) / info.folder
    return [[path.name, sha256_of(path)] for path in sorted(folder.iterdir()) if path.is_file()]


def _packed(labels: Labels) -> tuple[Arrays, Any]:
    """Labels as arrays and a document."""
    names = {"family": labels.family, "attack": labels.attack}
    arrays: Arrays = {"label": labels.label} | {name: column.codes for name, column in names.items()}
    arrays |= {f"subset/{name}": rows for name, rows in labels.subsets.items()}
    if labels.identity is not None:
        arrays["identity"] = labels.identity
    document = {name: list(column.values) for name, column in names.items()}
    known = None if labels.known_attacks is None else sorted(labels.known_attacks)
    return arrays, document | {"known_attacks": known, "subsets": list(labels.subsets)}


def _labels_in(entry: CacheEntry) -> Labels:
    """The labels of an entry. Raises DataError if their file has changed since it was checked."""
    try:
        arrays, document = entry.labels()
        return Labels(
            label=arrays["label"],
            family=CategoryColumn(document["family"], arrays["family"]),
            attack=CategoryColumn(document["attack"], arrays["attack"]),
            known_attacks=None if document["known_attacks"] is None else frozenset(document["known_attacks"]),
            subsets={name: arrays[f"subset/{name}"] for name in document["subsets"]},
            identity=arrays.get("identity"),
        )
    except (OSError, ValueError) as error:
        raise DataError(f"expected the test labels in {entry.path}, got {error}; run it again") from None


class Matrices(NamedTuple):
    """The encoded rows of a run, by purpose."""

    fit: Matrix
    calibration: Matrix
    test: Matrix
    anomalies: Matrix  # known ones of the training file, for detectors that learn from labels


@dataclass(frozen=True)
class Prepared:
    """The rows of a run, as detectors see them. It reveals no test row's label before the seal is opened."""

    fingerprints: dict[str, str]
    encoder: Any  # fitted on the fit rows
    matrices: Matrices
    deviations: Matrix  # of the test rows, in the table's own columns: see `adbench.preprocess.deviations`
    test_rows: npt.NDArray[np.intp]  # position of each test row in the table
    labels: SealedLabels
    usual: list[dict[str, Any]]  # see `adbench.preprocess.usual.usual_values`
    notes: tuple[str, ...]  # see `adbench.data.base.Table`
    warnings: tuple[str, ...]  # see `adbench.protocols.base.Split`
    test_ids: Any = None  # a pyarrow array, if the user named an id column
    test_order: Order | None = None  # of the test rows, if the data have times
    calibration_is_normal: bool = True  # see `adbench.protocols.base.Split`
    controls: dict[str, dict[str, npt.NDArray[np.float64]]] = field(default_factory=dict)  # scores by configuration
    entry: CacheEntry | None = None  # the rows' cache entry, protected from eviction while referenced

    @property
    def n_bytes(self) -> int:
        """The size of all matrices."""
        return sum(x.nbytes for x in self.stored().values())

    def stored(self) -> dict[str, Matrix]:
        """All matrices by name."""
        return self.matrices._asdict() | {DEVIATIONS: self.deviations}

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The names of the table's columns, those of `deviations`."""
        return tuple(entry["name"] for entry in self.usual)

    def for_one_run(self) -> "Prepared":
        """A copy for one run, with matrices that it may modify and freshly sealed labels."""
        return replace(self, matrices=Matrices(*map(np.array, self.matrices)), labels=self.labels.reseal())

    def shaped(self, columns: Columns) -> "Prepared":
        """The same rows, reshaped to these columns."""
        return replace(self, matrices=Matrices(*(x.reshape(len(x), *columns.shape) for x in self.matrices)))

    def plain(self, x: Matrix) -> Matrix:
        """Rows of one of the matrices as plain numbers, for controls: see `Columns.plain`."""
        rows: Matrix = self.encoder.columns.plain_rows(x)
        return rows

    def with_anomalies(self) -> tuple[Matrix, RowLabels]:
        """The fit rows followed by the known anomalies, and their labels."""
        fit, anomalies = self.matrices.fit, self.matrices.anomalies
        labels = np.repeat(np.array([0, 1], np.int8), [len(fit), len(anomalies)])
        return np.concatenate([fit, anomalies]), labels


class Watch(Protocol):
    """A timer of stages: see `adbench.runner.reporter.Stopwatch`."""

    def of(self, stage: str) -> Any:
        """A context that times one stage."""


# Called with scratch space for large matrices, and a function that stores the labels before they are sealed.
Make = Callable[[Scratch, Callable[[Labels], None]], Prepared]


class RowCache:
    """The only access to prepared rows: the last run's in memory, else cached ones on disk, else newly made.

    memory_bytes: larger row sets, and those on disk, are not memoised: keeping a second copy could exhaust memory.
    """

    def __init__(self, memory_bytes: float = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._key = ""
        self._last: Prepared | None = None

    def get_or_make(self, config: Config, make: Make, seconds: Watch) -> Prepared:
        """The rows of a configuration. seconds: times reading from and writing to disk."""
        if self._last is None or self._key != same_rows(config):
            self._last = None  # freed before others are loaded
            prepared = _find_or_make(config, make, seconds)
            if any(isinstance(x, np.memmap) for x in prepared.matrices) or prepared.n_bytes > self._memory_bytes:
                return prepared
            self._key, self._last = same_rows(config), prepared
        return self._last.for_one_run()


def _find_or_make(config: Config, make: Make, seconds: Watch) -> Prepared:
    limit = bytes_of(config, "memory_gb")
    with seconds.of("load"):
        cache = _cache_of(config)
        key = key_of(config) if cache else None
        found = _find(config, cache, key, limit) if cache and key else None
    if found is not None:
        return found
    if cache is None or key is None:
        with Scratch(limit) as scratch:
            return make(scratch, lambda labels: None)
    with cache.writer(key) as writer:
        with Scratch(limit, writer.path) as scratch:
            prepared = make(scratch, lambda labels: writer.write_labels(*_packed(labels)))
            if key_of(config) != key:  # the files are being changed
                return prepared
            with seconds.of("transform"):
                for name, x in prepared.stored().items():
                    writer.save(name, x, scratch.files.get(name))
                writer.write(HEAD, *_head(prepared))
        entry = writer.commit()  # after removing the scratch folder inside it
    cache.trim()
    return replace(prepared, entry=entry)


def _find(config: Config, cache: Cache, key: str, limit: float) -> Prepared | None:
    """The cached rows; a damaged entry is removed."""
    entry = cache.open(key)
    if entry is None:
        return None
    try:
        prepared = _restored(config, entry, limit)
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
        cache.forget(entry.path)
        return None
    say(prepared.notes)
    return prepared


def rows_on_disk(config: Config) -> tuple[int, int] | None:
    """The numbers of calibration and fit rows of a configuration, if cached, without reading the rows."""
    cache, key = _cache_of(config), key_of(config)
    entry = cache.open(key) if cache and key else None
    try:
        shapes = entry.read(HEAD)[1]["matrices"] if entry else None
        return (shapes["calibration"][0][0], shapes["fit"][0][0]) if shapes else None
    except (LookupError, OSError, TypeError, ValueError):
        return None


def _restored(config: Config, entry: CacheEntry, limit: float) -> Prepared:
    arrays, document = entry.read(HEAD)
    if entry.labels_checksum() != document[LABELS]:
        raise ValueError("expected the labels that were written, got others")
    shapes = document["matrices"]
    resident = sum(4 * math.prod(shape) for shape, _ in shapes.values()) <= limit
    test_rows, ids, times = arrays.pop("test_rows"), arrays.pop("test_ids", None), arrays.pop("test_times", None)
    learned = {name.removeprefix("encoder/"): array for name, array in arrays.items()}
    matrices = {name: entry.matrix(name, tuple(s), crc, resident) for name, (s, crc) in shapes.items()}
    return Prepared(
        fingerprints=document["fingerprints"],
        encoder=encoder_for(config).restore(document["encoder"], learned),
        deviations=matrices.pop(DEVIATIONS),
        matrices=Matrices(**matrices),
        test_rows=test_rows,
        labels=SealedLabels.elsewhere(lambda: _labels_in(entry), len(test_rows)),
        usual=document["usual"],
        notes=tuple(document["notes"]),
        warnings=tuple(document["warnings"]),
        test_ids=None if ids is None else pa.ipc.open_stream(pa.py_buffer(ids)).read_all()["id"].combine_chunks(),
        test_order=None if times is None else Order(times, bool(document["times_are_dates"])),
        calibration_is_normal=document["calibration_is_normal"],
        entry=entry,
    )


def _head(prepared: Prepared) -> tuple[Arrays, dict[str, Any]]:
    arrays = {f"encoder/{name}": array for name, array in prepared.encoder.arrays.items()}
    document = {
        "fingerprints": prepared.fingerprints,
        "encoder": prepared.encoder.description(),
        "matrices": {name: [x.shape, checksum(x)] for name, x in prepared.stored().items()},
        "notes": prepared.notes,
        "warnings": prepared.warnings,
        "usual": prepared.usual,
        "calibration_is_normal": prepared.calibration_is_normal,
    }
    if prepared.test_order is not None:
        arrays["test_times"] = prepared.test_order.time
        document["times_are_dates"] = prepared.test_order.is_date
    if prepared.test_ids is not None:
        arrays["test_ids"] = np.frombuffer(_stream(pa.table({"id": prepared.test_ids})), np.uint8)
    return arrays | {"test_rows": prepared.test_rows}, document


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
