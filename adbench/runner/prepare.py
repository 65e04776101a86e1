"""From a configuration to matrices: loaded, split and encoded. Runs on the same rows share them: those of one process
in memory, others through the cache."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from adbench.arrays.columns import Columns
from adbench.arrays.memmap import checksum
from adbench.arrays.types import Matrix
from adbench.config.identity import same_rows
from adbench.config.instantiate import build, locate
from adbench.config.keys import Config
from adbench.data.base import Features
from adbench.data.reading.column_store import Spool
from adbench.evaluation.batch_invariance import require_same_alone
from adbench.evaluation.seal import SealedLabels
from adbench.preprocess.usual import usual_values
from adbench.protocols.base import Split
from adbench.runner.prepared_cache import HEAD, Writer, bytes_of, cache_of, heard, key_of, labels_of, say
from adbench.storage.cache import Cache, Entry

MATRICES = ("x_fit", "x_calibration", "x_test")
KEPT_BYTES = 2**30  # what is larger is prepared anew: to hold it twice could be too much


class Watch(Protocol):
    """Times stages: see `adbench.runner.reporter.Stopwatch`."""

    def of(self, stage: str) -> Any:
        """A context for one stage."""


@dataclass(frozen=True)
class Prepared:
    """The rows of a run, as detectors see them. Nothing in it tells a test row's label before the seal is broken."""

    fingerprints: dict[str, str]
    encoder: Any  # fitted on the fit rows
    x_fit: Matrix
    x_calibration: Matrix
    x_test: Matrix
    test_rows: npt.NDArray[np.intp]  # position of each test row in the table
    labels: SealedLabels
    usual: list[dict[str, Any]]  # see `adbench.preprocess.usual.usual_values`
    controls: dict[str, dict[str, npt.NDArray[np.float64]]] = field(default_factory=dict)  # by their configuration
    entry: Entry | None = None  # where they lie in the cache, which nobody removes as long as this lives

    def shaped(self, columns: Columns) -> "Prepared":
        """The same rows, each in the shape that these columns have."""
        x_fit, x_calibration, x_test = (x.reshape(len(x), *columns.shape) for x in self.matrices)
        return replace(self, x_fit=x_fit, x_calibration=x_calibration, x_test=x_test)

    def plain(self) -> "Prepared":
        """The fit and test rows as plain numbers, for controls: see `Columns.plain`."""
        rows = self.encoder.columns.plain_rows
        return replace(self, x_fit=rows(self.x_fit), x_test=rows(self.x_test))

    @property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """Those that a detector gets."""
        return self.x_fit, self.x_calibration, self.x_test


class Kept:
    """The rows of the last run, for the next one that needs the same.

    A run gets matrices of its own, in which it may write, and labels under a seal of its own. Rows that lie on disk are
    not kept, nor are those above `KEPT_BYTES`.
    """

    def __init__(self) -> None:
        self._key = ""
        self._prepared: Prepared | None = None

    def get(self, config: Config) -> Prepared | None:
        """The rows for this configuration, if it is they that are kept."""
        if self._prepared is None or self._key != same_rows(config):
            self._prepared = None  # before others are loaded
            return None
        x_fit, x_calibration, x_test = map(np.array, self._prepared.matrices)
        labels = self._prepared.labels.reseal()
        return replace(self._prepared, x_fit=x_fit, x_calibration=x_calibration, x_test=x_test, labels=labels)

    def put(self, config: Config, prepared: Prepared) -> Prepared:
        """Keep these, and hand them out as `get` will."""
        n_bytes = sum(x.nbytes for x in prepared.matrices)
        if n_bytes > KEPT_BYTES or any(isinstance(x, np.memmap) for x in prepared.matrices):
            return prepared
        self._key, self._prepared = same_rows(config), prepared
        return self.get(config) or prepared


def prepare(config: Config, rule: Any, seconds: Watch, kept: Kept | None = None) -> Prepared:
    """Load, split and encode; or take what is kept, or what the cache has. rule: refuses too few calibration rows
    before hours of training.
    """
    from adbench.evaluation.thresholds.base import require_rows

    prepared = kept.get(config) if kept else None
    if prepared is not None:
        require_rows(rule, len(prepared.x_calibration), config["target_fpr"])
        return prepared
    bytes_of(config, "memory_gb")  # refuses what is none
    with seconds.of("load"):
        cache = cache_of(config)
        key = key_of(config) if cache else None
        prepared = _find(config, cache, key) if cache and key else None
    if prepared is not None:
        require_rows(rule, len(prepared.x_calibration), config["target_fpr"])
    else:
        writer = Writer(cache, key)
        try:
            prepared = _make(config, rule, seconds, writer, key)
        finally:
            writer.discard()
    return kept.put(config, prepared) if kept else prepared


def _make(config: Config, rule: Any, seconds: Watch, writer: Writer, key: str | None) -> Prepared:
    from adbench.evaluation.thresholds.base import require_rows

    with seconds.of("load"), heard() as said:
        table = build(config["data"], "data", **_spool(config, writer))
        if key_of(config) != key:  # somebody writes the files
            writer.discard()
    with seconds.of("preprocess"):
        split: Split = build(config["protocol"], "protocol")(table, config["seed"], writer.labels)
        fingerprints = table.fingerprints
        del table  # and with it the labels: nothing that is called from here on finds them
        require_rows(rule, len(split.calibration), config["target_fpr"])
        encoder = build(config["preprocess"], "preprocess").fit(split.fit)
        usual = usual_values(split.fit)
    with seconds.of("transform"):
        parts = dict(zip(MATRICES, (split.fit, split.calibration, split.test), strict=True))
        n_columns = len(encoder.columns)
        resident = 4 * n_columns * sum(map(len, parts.values())) <= bytes_of(config, "memory_gb")
        x_fit, x_calibration, x_test = (
            _encode(encoder, name, part, None if resident else writer) for name, part in parts.items()
        )
        require_same_alone(lambda rows: encoder.transform(split.test.take(rows)), None, x_test, "encoding")
        matrices = dict(zip(MATRICES, (x_fit, x_calibration, x_test), strict=True))
        for name, x in matrices.items() if resident else ():
            writer.save(name, x)
        arrays = {f"encoder/{name}": array for name, array in encoder.arrays.items()} | {"test_rows": split.test_rows}
        document = {
            "fingerprints": fingerprints,
            "encoder": encoder.description(),
            "matrices": {name: [x.shape, checksum(x)] for name, x in matrices.items()},
            "said": said,
            "usual": usual,
        }
        entry = writer.commit(arrays, document)
    return Prepared(
        fingerprints, encoder, x_fit, x_calibration, x_test, split.test_rows, split.labels, usual, entry=entry
    )


def _spool(config: Config, writer: Writer) -> dict[str, Any]:
    """For a loader that can keep a table out of memory: how large it may be, and where else it can lie."""
    parameters = inspect.signature(locate(config["data"], "data")).parameters
    return {"spool": Spool(bytes_of(config, "memory_gb"), writer.folder)} if "spool" in parameters else {}


def _encode(encoder: Any, name: str, part: Features, writer: Writer | None) -> Matrix:
    """The matrix of a part: in memory, or by the writer on disk."""
    if writer is None:
        x: Matrix = encoder.transform(part)
        return x
    shape = len(part), len(encoder.columns)
    encoder.transform(part, out=writer.create(name, shape))
    return writer.reopened(name, shape)


def _find(config: Config, cache: Cache, key: str) -> Prepared | None:
    """The rows in the cache; what is not as it was written is removed."""
    entry = cache.open(key)
    if entry is None:
        return None
    try:
        return _restore(config, entry)
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
        cache.forget(entry.path)
        return None


def _restore(config: Config, entry: Entry) -> Prepared:
    arrays, document = entry.read(HEAD)
    if entry.labels_checksum() != document["labels"]:
        raise ValueError("expected the labels that were written, got others")
    n_bytes = sum(4 * int(np.prod(shape)) for shape, _ in document["matrices"].values())
    resident = n_bytes <= bytes_of(config, "memory_gb")
    shapes = document["matrices"]
    x_fit, x_calibration, x_test = (entry.matrix(name, tuple(s), crc, resident) for name, (s, crc) in shapes.items())
    test_rows = arrays.pop("test_rows")
    learned = {name.removeprefix("encoder/"): array for name, array in arrays.items()}
    encoder = build(config["preprocess"], "preprocess").restore(document["encoder"], learned)
    labels = SealedLabels.elsewhere(lambda: labels_of(entry), len(test_rows))
    for sentence in document["said"]:
        say(sentence)
    fingerprints, usual = document["fingerprints"], document["usual"]
    return Prepared(fingerprints, encoder, x_fit, x_calibration, x_test, test_rows, labels, usual, entry=entry)


def control_scores(config: Config, prepared: Prepared) -> Mapping[str, npt.NDArray[np.float64]]:
    """Control name -> scores of the test rows; computed once for the same rows, controls, seed and threads."""
    # Linear algebra on another number of threads can differ in the last bits.
    key = json.dumps([config["controls"], config["seed"], config["trainer"].get("threads")], sort_keys=True)
    if key not in prepared.controls:
        prepared.controls[key] = _kept_scores(key, prepared.entry) or _made_scores(config, prepared, key)
    return prepared.controls[key]


def _made_scores(config: Config, prepared: Prepared, key: str) -> dict[str, npt.NDArray[np.float64]]:
    controls = build(config["controls"], "controls")
    scores = controls(prepared.x_fit, prepared.x_test, config["seed"])
    if prepared.entry:
        prepared.entry.add(_controls_file(key), scores, {"key": key, "names": list(scores)})
    return scores


def _kept_scores(key: str, entry: Entry | None) -> dict[str, npt.NDArray[np.float64]] | None:
    if entry is None:
        return None
    try:
        scores, document = entry.read(_controls_file(key))
        return {name: scores[name] for name in document["names"]} if document["key"] == key else None
    except (LookupError, OSError, TypeError, ValueError):
        return None


def _controls_file(key: str) -> str:
    return f"controls-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
