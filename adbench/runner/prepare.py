"""Preparation of a configuration's rows: load, divide and encode them, unless cached."""

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Matrix
from adbench.config.alarm_rate import RELAX
from adbench.config.instantiate import build, locate
from adbench.config.keys import Config
from adbench.data.base import Features, Table, say
from adbench.data.groups import module_of
from adbench.errors import ConfigError
from adbench.evaluation.batch_invariance import WARMING_ROWS, try_rows
from adbench.evaluation.seal import Labels
from adbench.evaluation.thresholds.base import promised_rate
from adbench.preprocess.base import Encoder
from adbench.preprocess.deviations import Deviations
from adbench.preprocess.usual import usual_values
from adbench.protocols.base import Split
from adbench.runner.cross import encoder_for, n_calibrating
from adbench.runner.prepared_cache import DEVIATIONS, Matrices, Prepared, RowCache, Watch
from adbench.storage.cache import CacheEntry
from adbench.storage.scratch import Scratch
from adbench.text import suggest


def prepare(config: Config, rule: Any, seconds: Watch, rows: RowCache | None = None) -> Prepared:
    """The rows of a run. rule: refuses too few calibration rows before hours of training. rows: the shared cache."""
    prepared = (rows or RowCache(memory_bytes=0)).get_or_make(config, partial(_make, config, rule, seconds), seconds)
    rate_of(config, rule, len(prepared.matrices.calibration), len(prepared.matrices.fit))
    return prepared


def rate_of(config: Config, rule: Any, n_calibration: int, n_fit: int) -> float:
    """The target rate of a run's threshold: see `promised_rate`."""
    calibrates = locate(config["protocol"], "protocol").calibrates
    n = n_calibrating(config, n_calibration, n_fit)
    return promised_rate(rule, n, config["target_fpr"], config[RELAX], n_fit if calibrates else None)


def _make(
    config: Config, rule: Any, seconds: Watch, scratch: Scratch, store_labels: Callable[[Labels], None]
) -> Prepared:
    with seconds.of("load"):
        table = load(config, scratch)
        fingerprints, notes = table.fingerprints, table.notes
        say(notes)
    with seconds.of("preprocess"):
        split = divide(config, table, store_labels)
        del table  # and its labels: nothing called from here on can reach them
        rate_of(config, rule, len(split.calibration), len(split.fit))
        encoder = encoder_for(config).fit(split.fit)
        usual = usual_values(split.fit)
    with seconds.of("transform"):
        trial = try_rows(
            encoder,
            lambda copied, of_test: copied.transform(split.test.take(of_test)),
            len(split.test),
            warm=lambda fitted: fitted.transform(split.fit.take(np.arange(min(WARMING_ROWS, len(split.fit))))),
            scores=False,
        )
        parts = zip(Matrices._fields, (split.fit, split.calibration, split.test, split.anomalies), strict=True)
        matrices = Matrices(**_encode(encoder, dict(parts), scratch))
        deviations = _encode(Deviations().fit(split.fit), {DEVIATIONS: split.test}, scratch)[DEVIATIONS]
        if isinstance(encoder, Encoder) and matrices.test.ndim == 2:  # no windows
            lost = _flattened(config["choices"]["preprocess"], encoder, split, matrices.test)
            say(lost)
            notes = (*notes, *lost)
        trial.require_same(encoder, matrices.test)
    rows = split.test_rows, split.labels
    return Prepared(
        *(fingerprints, encoder, matrices, deviations, *rows, usual, notes, split.warnings),
        test_ids=split.test_ids,
        test_order=split.test_order,
        calibration_is_normal=split.calibration_is_normal,
    )


def load(config: Config, scratch: Scratch) -> Table:
    """Load the dataset of a configuration. Raises ConfigError for a plugin's without INFO."""
    module_of(config["choices"]["data"])
    table: Table = build(config["data"], "data", **_scratch(config, scratch))
    # Set here for all loaders, so that none has to.
    dropped = tuple(str(name) for name in config["data"].get("drop") or ())
    return replace(table, dropped=dropped, measured=_measured(config, table))


def _measured(config: Config, table: Table) -> tuple[str, ...]:
    """The columns declared by the user to be measurements, not labels."""
    columns = (*table.features.numeric_names, *table.features.vocabularies)
    named = config.get("measured") or []
    for name in (names := named if isinstance(named, list) else [named]):
        if name not in columns:
            raise ConfigError(
                f"expected measured to list columns of {table.name}, got {name!r}{suggest(str(name), columns)}"
            )
    return tuple(names)


def divide(config: Config, table: Table, store_labels: Callable[[Labels], None] = lambda _: None) -> Split:
    """Divide the table by the protocol of a configuration."""
    split: Split = build(config["protocol"], "protocol")(table, config["seed"], store_labels)
    return split


def _flattened(name: str, encoder: Encoder, split: Split, x_test: Matrix) -> list[str]:
    """A note if the encoding maps test values outside the fitted range to its ends."""
    fit = split.fit
    ends = np.array([[column.min(), column.max()] for column in fit.columns()]).reshape(-1, 2).T
    codes = np.repeat(fit.block(slice(1))[1], 2, axis=0)
    low, high = encoder.transform(Features(np.asfortranarray(ends), fit.numeric_names, codes, fit.vocabularies))
    found = {}
    for i, (column, values) in enumerate(zip(fit.numeric_names, split.test.columns(), strict=True)):
        encoded = x_test[:, i]
        below, above = (values < ends[0, i]) & (encoded >= low[i]), (values > ends[1, i]) & (encoded <= high[i])
        if n := int(np.count_nonzero(below | above)):
            found[column] = n
    if not found:
        return []
    column, n = max(found.items(), key=lambda item: item[1])
    columns = "1 other column" if len(found) == 2 else f"{len(found) - 1:,} other columns"
    others = f", {sum(found.values()) - n:,} more in {columns}" if len(found) > 1 else ""
    return [
        f"{n:,} of {len(x_test):,} test values of column {column!r} lie outside the fitted range{others}, and"
        f" preprocess={name} does not keep how far; preprocess=standard does"
    ]


def _scratch(config: Config, scratch: Scratch) -> dict[str, Scratch]:
    """The scratch argument, for loaders that can keep a table on disk."""
    parameters = inspect.signature(locate(config["data"], "data")).parameters
    return {"scratch": scratch} if "scratch" in parameters else {}


def _encode(encoder: Any, parts: dict[str, Features], scratch: Scratch) -> dict[str, Matrix]:
    """The matrix of each part; on disk if they do not fit in memory together."""
    shapes = {name: (len(part), *encoder.columns.shape) for name, part in parts.items()}
    resident = 4 * sum(map(math.prod, shapes.values())) <= scratch.limit

    def encode(name: str, part: Features) -> Matrix:
        if not len(part):  # encoders need not handle zero rows
            return np.empty(shapes[name], np.float32)
        if resident:
            return encoder.transform(part)
        return scratch.matrix(name, shapes[name], partial(encoder.transform, part))

    return {name: encode(name, part) for name, part in parts.items()}


def control_scores(config: Config, prepared: Prepared) -> Mapping[str, npt.NDArray[np.float64]]:
    """Control name -> scores of the test rows; cached per rows, controls, seed and threads."""
    # Linear algebra can differ in the last bits between numbers of threads.
    key = json.dumps([config["controls"], config["seed"], config["trainer"]["threads"]], sort_keys=True)
    if key not in prepared.controls:
        prepared.controls[key] = _stored_scores(key, prepared.entry) or _made_scores(config, prepared, key)
    return prepared.controls[key]


def _made_scores(config: Config, prepared: Prepared, key: str) -> dict[str, npt.NDArray[np.float64]]:
    controls = build(config["controls"], "controls")
    fit, test = (prepared.plain(x) for x in (prepared.matrices.fit, prepared.matrices.test))
    scores = controls(fit, test, prepared.deviations, config["seed"])
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
