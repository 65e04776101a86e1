"""One-class detection: fit on normals, test on the whole test file."""

import numpy as np

from adbench.config.checks import require_at_least, require_fraction, require_one_of
from adbench.data.base import Table
from adbench.errors import ConfigError, DataError
from adbench.protocols.base import Parts, Protocol, normals_and_test
from adbench.text import override

CROSS = "cross"  # calibration=
FOLDS = 5  # of it, where nothing else is said
MAX_FOLDS = 1_000  # each is a training


def require_folds(folds: int) -> None:
    """Raise ConfigError for a number of folds that is none, or that nobody waits for."""
    require_at_least("protocol.folds", folds, 2)
    if folds > MAX_FOLDS:
        raise ConfigError(f"expected protocol.folds to be at most {MAX_FOLDS:,}, got {folds:,}")


class OneClass(Protocol):
    """Training normals fit, a seeded part of them only calibrates; the official test file tests.

    calibration_fraction: the part of the training normals that is never fitted on. test_fraction: where the dataset
    has no test file, the part of all normals that tests, beside all anomalies. calibration: "cross" has all training
    normals fit, and calibrate where they were not fitted, in so many folds: see `adbench.runner.cross`.
    """

    def __init__(
        self,
        calibration_fraction: float,
        test_fraction: float,
        split_seed: int | None,
        deduplicate: bool,
        calibration: str | None = None,
        folds: int | None = None,
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
        self.calibration_fraction, self.test_fraction = calibration_fraction, test_fraction
        self.folds = None if calibration is None else folds or FOLDS

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        normals, test = normals_and_test(table, rng, self.test_fraction)
        if self.folds is not None:
            if len(normals) < self.folds:
                raise DataError(
                    f"expected a normal row for each of protocol.folds={self.folds}, got {len(normals):,}; bring more"
                )
            return Parts(fit=normals, calibration=normals[:0], test=test)
        n_calibration = round(self.calibration_fraction * len(normals))
        return Parts(fit=normals[n_calibration:], calibration=normals[:n_calibration], test=test)
