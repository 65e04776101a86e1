"""One-class detection: fit on the normals of the training file, test on the whole test file."""

import numpy as np

from adbench.checks import require_fraction
from adbench.data.table import Table
from adbench.protocols.split import Split, build_split, shuffled_normals


class OneClass:
    """Training normals fit, a seeded part of them only calibrates; the official test file tests.

    calibration_fraction: the part of the training normals that is never fitted on.
    """

    def __init__(self, calibration_fraction: float) -> None:
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        self.calibration_fraction = calibration_fraction

    def __call__(self, table: Table, seed: int) -> Split:
        normals = shuffled_normals(table, ~table.is_test, seed)
        n_calibration = round(self.calibration_fraction * len(normals))
        return build_split(
            table,
            fit=normals[n_calibration:],
            calibration=normals[:n_calibration],
            test=np.flatnonzero(table.is_test),
        )
