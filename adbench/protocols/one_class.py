"""One-class detection: fit on normals, test on the whole test file."""

import numpy as np

from adbench.config.checks import require_fraction
from adbench.data.base import Table
from adbench.protocols.base import Parts, Protocol, normals_and_test


class OneClass(Protocol):
    """Training normals fit, a seeded part of them only calibrates; the official test file tests.

    calibration_fraction: the part of the training normals that is never fitted on. test_fraction: where the dataset
    has no test file, the part of all normals that tests, beside all anomalies.
    """

    def __init__(
        self, calibration_fraction: float, test_fraction: float, split_seed: int | None, deduplicate: bool
    ) -> None:
        super().__init__(split_seed, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.test_fraction", test_fraction)
        self.calibration_fraction, self.test_fraction = calibration_fraction, test_fraction

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        normals, test = normals_and_test(table, rng, self.test_fraction)
        n_calibration = round(self.calibration_fraction * len(normals))
        return Parts(fit=normals[n_calibration:], calibration=normals[:n_calibration], test=test)
