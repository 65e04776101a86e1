"""Unsupervised detection: nobody cleaned the training rows, so some anomalies hide among them."""

import numpy as np

from adbench.checks import require_fraction, require_share
from adbench.data.table import Table
from adbench.errors import DataError
from adbench.protocols.split import Parts, Protocol, Rows, normals_and_test, shuffled


class Unsupervised(Protocol):
    """As `one_class`, with anomalies of the training file hidden among the rows that fit and that calibrate.

    contamination: their share in both parts, 0 to 0.2; the threshold suffers from it as it would in use. Where the
    dataset has no test file, the hidden anomalies are missing from the test part.
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

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        normals, test = normals_and_test(table, rng, self.test_fraction)
        hidden = hidden_anomalies(table, rng, self.contamination, len(normals), ~table.is_test & (table.label == 1))
        learning = shuffled(np.concatenate([normals, hidden]), rng)
        n_calibration = round(self.calibration_fraction * len(learning))
        return Parts(
            fit=learning[n_calibration:], calibration=learning[:n_calibration], test=np.setdiff1d(test, hidden)
        )


def hidden_anomalies(
    table: Table, rng: np.random.Generator, contamination: float, n_normals: int, candidates: np.ndarray
) -> Rows:
    """So many of the candidate anomalies that they make up this share of the rows together with the normals."""
    n_hidden = round(contamination / (1 - contamination) * n_normals)
    anomalies = np.flatnonzero(candidates)
    if n_hidden > len(anomalies):
        raise DataError(
            f"expected {n_hidden:,} anomalies in the training part of {table.name} to hide, got {len(anomalies):,}; "
            "lower protocol.contamination"
        )
    return shuffled(anomalies, rng)[:n_hidden]
