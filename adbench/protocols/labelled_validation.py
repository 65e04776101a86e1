"""Validation split for choosing hyper-parameters: all rows, anomalies included, come from the training file."""

import numpy as np

from adbench.config.checks import require_at_least, require_fraction
from adbench.data.base import Table
from adbench.protocols.base import Parts, Protocol, require_test_file, shuffled


class LabelledValidation(Protocol):
    """Fit and calibrate on training normals, test on held-out training normals and all training anomalies.

    The test file is untouched, so that choices made by these results are independent of it.

    calibration_fraction, validation_fraction: shares of the training normals that calibrate and that test.
    max_anomalies: the maximum number of training anomalies to test, sampled at random; None: all.
    """

    validates = True

    def __init__(
        self,
        calibration_fraction: float,
        validation_fraction: float,
        split_seed: int | None,
        deduplicate: bool,
        max_anomalies: int | None = None,
    ) -> None:
        super().__init__(split_seed, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.validation_fraction", validation_fraction)
        require_fraction("the sum of both fractions", calibration_fraction + validation_fraction)
        if max_anomalies is not None:
            require_at_least("protocol.max_anomalies", max_anomalies, 1)
        self.max_anomalies = max_anomalies
        self.calibration_fraction = calibration_fraction
        self.validation_fraction = validation_fraction

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        require_test_file(table, "labelled_validation", "its anomalies are all needed for testing")
        normals = shuffled(np.flatnonzero(~table.is_test & (table.label == 0)), rng)
        n_calibration = round(self.calibration_fraction * len(normals))
        n_held_out = n_calibration + round(self.validation_fraction * len(normals))
        anomalies = np.flatnonzero(~table.is_test & (table.label == 1))
        if self.max_anomalies is not None:
            anomalies = np.sort(shuffled(anomalies, rng)[: self.max_anomalies])
        return Parts(
            fit=normals[n_held_out:],
            calibration=normals[:n_calibration],
            test=np.concatenate([normals[n_calibration:n_held_out], anomalies]),
        )
