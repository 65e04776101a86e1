"""One-class detection: fit on normals, test on the whole test file."""

from dataclasses import replace

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.checks import require_at_least, require_fraction, require_one_of, require_share
from adbench.data.base import NORMAL, Features, Table, row_hashes
from adbench.errors import ConfigError, DataError
from adbench.evaluation.seal import Labels
from adbench.protocols.base import Parts, Protocol, Rows, normals_and_test, shuffled
from adbench.protocols.corrupt import require_irrelevant, require_kind, with_irrelevant, with_synthetic
from adbench.text import override

CROSS = "cross"  # calibration=
FOLDS = 5  # of cross calibration, by default
MAX_FOLDS = 1_000  # each fold trains a detector


def require_folds(folds: int) -> None:
    """Raise ConfigError for an invalid or excessive number of folds."""
    require_at_least("protocol.folds", folds, 2)
    if folds > MAX_FOLDS:
        raise ConfigError(f"expected protocol.folds to be at most {MAX_FOLDS:,}, got {folds:,}")


class OneClass(Protocol):
    """Training normals fit, except for a seeded part that calibrates; the official test file tests.

    calibration_fraction: share of the training normals that is never fitted on. test_fraction: for datasets without a
    test file, the share of all normals that tests, beside all anomalies. calibration: "cross" fits on all training
    normals, each of which calibrates in the one of `folds` folds that holds it out: see `adbench.runner.cross`.
    """

    def __init__(
        self,
        calibration_fraction: float,
        test_fraction: float,
        split_seed: int | None,
        deduplicate: bool,
        calibration: str | None = None,
        folds: int | None = None,
        label_noise: float | None = None,
        irrelevant: float | None = None,
        synthetic: str | None = None,
    ) -> None:
        super().__init__(split_seed, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.test_fraction", test_fraction)
        if calibration is not None:
            require_one_of("protocol.calibration", calibration, (CROSS,))
        if folds is not None:
            require_folds(folds)
            if calibration is None:
                raise ConfigError(
                    f"expected protocol.calibration={CROSS} beside protocol.folds, got none; write"
                    f" {override('protocol.calibration', CROSS)}"
                )
        if label_noise is not None:
            require_share("protocol.label_noise", label_noise, 0.5)
        require_irrelevant(irrelevant)
        require_kind(synthetic)
        self.label_noise, self.irrelevant, self.synthetic = label_noise, irrelevant, synthetic
        self.calibration_fraction, self.test_fraction = calibration_fraction, test_fraction
        self.folds = None if calibration is None else folds or FOLDS

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        normals, test = normals_and_test(table, rng, self.test_fraction)
        if self.label_noise is not None:
            normals, test = self._mislabelled(table, normals, test, self.label_noise, rng)
        if self.folds is not None:
            if len(normals) < self.folds:
                raise DataError(
                    f"expected a normal row for each of protocol.folds={self.folds}, got {len(normals):,}; bring more"
                )
            return Parts(fit=normals, calibration=normals[:0], test=test)
        n_calibration = round(self.calibration_fraction * len(normals))
        return Parts(fit=normals[n_calibration:], calibration=normals[:n_calibration], test=test)

    def _mislabelled(
        self, table: Table, normals: Rows, test: Rows, share: float, rng: np.random.Generator
    ) -> tuple[Rows, Rows]:
        """The rows labelled normal for training, in random order, and the remaining test rows."""
        anomalies = shuffled(np.flatnonzero(~table.is_test & (table.label == 1)), rng)
        if not table.is_test.any():
            anomalies = anomalies[: len(anomalies) - round(self.test_fraction * len(anomalies))]
        hidden = anomalies[: round(share * len(anomalies))]
        kept = normals[round(share * len(normals)) :]
        return shuffled(np.concatenate([kept, hidden]), rng), np.setdiff1d(test, hidden)

    def corrupt(
        self, parts: tuple[Features, ...], labels: Labels, warnings: tuple[str, ...], rng: np.random.Generator
    ) -> tuple[tuple[Features, ...], Labels, tuple[str, ...]]:
        """Add the requested noise and synthetic anomalies."""
        if self.synthetic is not None:
            fit, calibration, test, anomalies = parts
            parts = fit, calibration, with_synthetic(test, labels.label, fit, self.synthetic, rng), anomalies
            kind = CategoryColumn.renamed([NORMAL, self.synthetic], labels.label)
            labels = replace(labels, family=kind, attack=kind, known_attacks=None)
            made = f"{int(labels.label.sum()):,} test anomalies are {self.synthetic} ones made of normal rows"
            warnings = (f"all {made} (protocol.synthetic)",)  # earlier warnings concern the replaced anomalies
        if self.label_noise is not None:
            warnings += (f"{self.label_noise:.3g} of the training labels are wrong on purpose (protocol.label_noise)",)
        if self.irrelevant is not None:
            before = len(parts[0].numeric_names)
            parts = tuple(with_irrelevant(parts, self.irrelevant, rng))
            n_noise = len(parts[0].numeric_names) - before
            warnings += (f"{n_noise:,} columns of noise were added on purpose (protocol.irrelevant)",)
        if self.synthetic is not None or self.irrelevant is not None:
            labels = replace(labels, identity=row_hashes(parts[2]))
        return parts, labels, warnings
