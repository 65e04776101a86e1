"""Unsupervised detection: training rows contaminated with anomalies."""

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_fraction, require_share
from adbench.data.base import Table
from adbench.errors import DataError
from adbench.protocols.base import Parts, Protocol, Rows, normals_and_test, shuffled


class Unsupervised(Protocol):
    """`one_class` with anomalies of the training file hidden among the fit and calibration rows.

    contamination: their share of both parts, 0 to 0.2; it affects the threshold as it would in use. For datasets
    without a test file, the hidden anomalies are removed from the test part.
    """

    def __init__(
        self,
        calibration_fraction: float,
        test_fraction: float,
        contamination: float,
        split_seed: int | None,
        deduplicate: bool,
    ) -> None:
        super().__init__(split_seed, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.test_fraction", test_fraction)
        require_share("protocol.contamination", contamination, 0.2)
        self.calibration_fraction, self.test_fraction = calibration_fraction, test_fraction
        self.contamination = contamination

    def may_hide(self, table: Table) -> npt.NDArray[np.bool_]:
        """The anomalies that may be hidden in training."""
        return ~table.is_test & (table.label == 1)

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        normals, test = normals_and_test(table, rng, self.test_fraction)
        hidden = self._hidden(table, rng, len(normals))
        learning = shuffled(np.concatenate([normals, hidden]), rng)
        n_calibration = round(self.calibration_fraction * len(learning))
        return Parts(
            fit=learning[n_calibration:], calibration=learning[:n_calibration], test=np.setdiff1d(test, hidden)
        )

    def _hidden(self, table: Table, rng: np.random.Generator, n_normals: int) -> Rows:
        """Anomalies that make up the share `contamination` of the rows together with the normals."""
        n_hidden = round(self.contamination / (1 - self.contamination) * n_normals)
        anomalies = np.flatnonzero(self.may_hide(table))
        if n_hidden > len(anomalies):
            raise DataError(
                f"expected {n_hidden:,} anomalies in the training part of {table.name} to hide, got"
                f" {len(anomalies):,}; lower protocol.contamination"
            )
        return shuffled(anomalies, rng)[:n_hidden]
