"""From a configuration to matrices: loaded, split and encoded. Runs on the same rows in one process share them."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from adbench.config import Config, identity
from adbench.evaluation.alone import require_same_alone
from adbench.evaluation.sealed import SealedLabels
from adbench.instantiate import build
from adbench.protocols.split import Split

Matrix = npt.NDArray[np.float32]  # (rows, columns)
KEPT_BYTES = 2**30  # what is larger is prepared anew: to hold it twice could be too much


class Watch(Protocol):
    """Times stages: see `adbench.reporter.Stopwatch`."""

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
    controls: dict[str, dict[str, npt.NDArray[np.float64]]] = field(default_factory=dict)  # by their configuration

    @property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """Those that a detector gets."""
        return self.x_fit, self.x_calibration, self.x_test


class Kept:
    """The rows of the last run, for the next one that needs the same.

    A run gets labels under a seal of its own. Rows that a detector wrote into are not kept, nor are those above
    `KEPT_BYTES`.
    """

    def __init__(self) -> None:
        self._key = ""
        self._prepared: Prepared | None = None
        self._checksum: list[int] = []

    def get(self, config: Config) -> Prepared | None:
        """The rows for this configuration, if it is they that are kept."""
        if self._prepared is None or self._key != _key(config):
            self._prepared = None  # before others are loaded
            return None
        if _checksum(self._prepared) != self._checksum:
            self._prepared = None
            return None
        return replace(self._prepared, labels=self._prepared.labels.reseal())

    def put(self, config: Config, prepared: Prepared) -> Prepared:
        """Keep these, and hand them out as `get` will."""
        if sum(x.nbytes for x in prepared.matrices) > KEPT_BYTES:
            return prepared
        self._key, self._prepared, self._checksum = _key(config), prepared, _checksum(prepared)
        return replace(prepared, labels=prepared.labels.reseal())


def prepare(config: Config, rule: Any, seconds: Watch, kept: Kept | None = None) -> Prepared:
    """Load, split and encode; or take what is kept. rule: refuses too few calibration rows before hours of training."""
    from adbench.evaluation.thresholds.base import require_rows

    prepared = kept.get(config) if kept else None
    if prepared is not None:
        require_rows(rule, len(prepared.x_calibration), config["target_fpr"])
        return prepared
    with seconds.of("load"):
        table = build(config["data"], "data")
    with seconds.of("preprocess"):
        split: Split = build(config["protocol"], "protocol")(table, config["seed"])
        fingerprints = table.fingerprints
        del table  # and with it the labels: nothing that is called from here on finds them
        require_rows(rule, len(split.calibration), config["target_fpr"])
        encoder = build(config["preprocess"], "preprocess").fit(split.fit)
    with seconds.of("transform"):
        x_fit, x_calibration, x_test = map(encoder.transform, (split.fit, split.calibration, split.test))
        require_same_alone(lambda rows: encoder.transform(split.test.take(rows)), None, x_test, "encoding")
    prepared = Prepared(fingerprints, encoder, x_fit, x_calibration, x_test, split.test_rows, split.labels)
    return kept.put(config, prepared) if kept else prepared


def control_scores(config: Config, prepared: Prepared) -> Mapping[str, npt.NDArray[np.float64]]:
    """Control name -> scores of the test rows; computed once for the same rows, controls and seed."""
    key = json.dumps([config["controls"], config["seed"]], sort_keys=True)
    if key not in prepared.controls:
        controls = build(config["controls"], "controls")
        prepared.controls[key] = controls(prepared.x_fit, prepared.x_test, config["seed"])
    return prepared.controls[key]


def _key(config: Config) -> str:
    """What the rows depend on."""
    protocol = config["protocol"]
    seed = config["seed"] if protocol.get("split_seed") is None else None
    parts = [identity(config, "data"), config["data"].get("folder"), protocol, config["preprocess"], seed]
    return json.dumps(parts, sort_keys=True)


def _checksum(prepared: Prepared) -> list[int]:
    """Changes when a detector writes into the matrices, for less than it takes to encode them again."""
    return [zlib.crc32(np.ascontiguousarray(x).data) for x in prepared.matrices]
