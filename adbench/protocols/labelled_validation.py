"""For choosing hyper-parameters: everything, the anomalies to find included, comes from the training file."""

import numpy as np

from adbench.checks import require_fraction
from adbench.data.table import Table
from adbench.protocols.split import Split, build_split, shuffled_normals


class LabelledValidation:
    """Fit and calibrate on training normals, test on held-out training normals and all training anomalies.

    The test file is not touched, so what is chosen by these results owes nothing to it.

    calibration_fraction, validation_fraction: the parts of the training normals that calibrate and that test.
    """

    def __init__(self, calibration_fraction: float, validation_fraction: float) -> None:
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.validation_fraction", validation_fraction)
        require_fraction("the sum of both fractions", calibration_fraction + validation_fraction)
        self.calibration_fraction = calibration_fraction
        self.validation_fraction = validation_fraction

    def __call__(self, table: Table, seed: int) -> Split:
        normals = shuffled_normals(table, ~table.is_test, seed)
        n_calibration = round(self.calibration_fraction * len(normals))
        n_held_out = n_calibration + round(self.validation_fraction * len(normals))
        anomalies = np.flatnonzero(~table.is_test & (table.label == 1))
        return build_split(
            table,
            fit=normals[n_held_out:],
            calibration=normals[:n_calibration],
            test=np.concatenate([normals[n_calibration:n_held_out], anomalies]),
        )
