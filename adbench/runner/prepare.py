"""From a configuration to matrices: loaded, divided and encoded, unless they are found as they were made before."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import open_copy
from adbench.arrays.types import Matrix
from adbench.config.instantiate import build, locate
from adbench.config.keys import Config
from adbench.data.base import Features, say
from adbench.data.reading.column_store import Spool
from adbench.evaluation.batch_invariance import require_batch_invariant
from adbench.evaluation.thresholds.base import require_rows
from adbench.preprocess.usual import usual_values
from adbench.protocols.base import Split
from adbench.runner.prepared_cache import CacheWriter, Matrices, Prepared, RowCache, RowMemory, bytes_of, key_of
from adbench.storage.cache import CacheEntry


class Watch(Protocol):
    """Times stages: see `adbench.runner.reporter.Stopwatch`."""

    def of(self, stage: str) -> Any:
        """A context for one stage."""


def prepare(config: Config, rule: Any, seconds: Watch, memory: RowMemory | None = None) -> Prepared:
    """The rows of a run. rule: refuses too few calibration rows before hours of training."""
    rows = RowCache(config, memory)
    prepared = rows.get_or_make(lambda writer: _make(config, rule, seconds, writer), lambda: seconds.of("load"))
    require_rows(rule, len(prepared.matrices.calibration), config["target_fpr"])
    return prepared


def _make(config: Config, rule: Any, seconds: Watch, writer: CacheWriter) -> Prepared:
    with seconds.of("load"):
        table = build(config["data"], "data", **_spool(config, writer))
        if key_of(config) != writer.key:  # somebody writes the files
            writer.give_up()
        notes, fingerprints = table.notes, table.fingerprints
        say(notes)
    with seconds.of("preprocess"):
        split: Split = build(config["protocol"], "protocol")(table, config["seed"], writer.labels)
        del table  # and with it the labels: nothing that is called from here on finds them
        require_rows(rule, len(split.calibration), config["target_fpr"])
        encoder = build(config["preprocess"], "preprocess").fit(split.fit)
        usual = usual_values(split.fit)
    with seconds.of("transform"):
        parts = (split.fit, split.calibration, split.test, split.anomalies)
        n_bytes = 4 * sum(map(len, parts)) * int(np.prod(encoder.columns.shape))
        resident = n_bytes <= bytes_of(config, "memory_gb")
        named = zip(Matrices._fields, parts, strict=True)
        matrices = Matrices(*(_encode(encoder, name, part, None if resident else writer) for name, part in named))
        require_batch_invariant(lambda rows: encoder.transform(split.test.take(rows)), None, matrices.test, "encoding")
        prepared = Prepared(fingerprints, encoder, matrices, split.test_rows, split.labels, usual, notes)
        return writer.commit(prepared, resident)


def _spool(config: Config, writer: CacheWriter) -> dict[str, Any]:
    """For a loader that can keep a table out of memory: how large it may be, and where else it can lie."""
    parameters = inspect.signature(locate(config["data"], "data")).parameters
    limit = bytes_of(config, "memory_gb")
    return {"spool": Spool(limit, lambda: writer.place.path)} if "spool" in parameters else {}


def _encode(encoder: Any, name: str, part: Features, writer: CacheWriter | None) -> Matrix:
    """The matrix of a part, in memory or as a file: what is written into it from then on changes no file."""
    shape = len(part), *encoder.columns.shape
    if writer is None:
        x: Matrix = encoder.transform(part) if len(part) else np.empty(shape, np.float32)
        return x
    path, file = writer.create(name, shape)
    if len(part):  # an encoder is not asked to encode no row
        encoder.transform(part, out=file)
    return open_copy(path, shape, np.float32)


def control_scores(config: Config, prepared: Prepared) -> Mapping[str, npt.NDArray[np.float64]]:
    """Control name -> scores of the test rows; computed once for the same rows, controls, seed and threads."""
    # Linear algebra on another number of threads can differ in the last bits.
    key = json.dumps([config["controls"], config["seed"], config["trainer"]["threads"]], sort_keys=True)
    if key not in prepared.controls:
        prepared.controls[key] = _stored_scores(key, prepared.entry) or _made_scores(config, prepared, key)
    return prepared.controls[key]


def _made_scores(config: Config, prepared: Prepared, key: str) -> dict[str, npt.NDArray[np.float64]]:
    controls = build(config["controls"], "controls")
    scores = controls(prepared.plain(prepared.matrices.fit), prepared.plain(prepared.matrices.test), config["seed"])
    if prepared.entry:
        prepared.entry.add(_controls_file(key), scores, {"key": key, "names": list(scores)})
    return scores


def _stored_scores(key: str, entry: CacheEntry | None) -> dict[str, npt.NDArray[np.float64]] | None:
    if entry is None:
        return None
    try:
        scores, document = entry.read(_controls_file(key))
        return {name: scores[name] for name in document["names"]} if document["key"] == key else None
    except (LookupError, OSError, TypeError, ValueError):
        return None


def _controls_file(key: str) -> str:
    return f"controls-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
