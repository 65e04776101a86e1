"""The protocol of GOAD on KDD Cup 99 and on its reversed version KDDRev."""

from dataclasses import replace

import numpy as np

from adbench.data.base import Table
from adbench.protocols.base import Parts, Protocol, shuffled


class GOAD(Protocol):
    """Bergman & Hoshen 2020, "Classification-Based Anomaly Detection for General Data".

    Half of the inliers of the 10 percent file fit, the other half and all anomalies test. On KDD Cup 99 the attacks
    are the inliers and **normal rows the anomaly**. `reverse`: KDDRev, where normal rows are the inliers, and attacks
    are sampled down to a quarter of their number. The papers' F1 flags the true number of anomalies, which requires
    the test labels: `oracle_f1_at_count`, which counts ties proportionally. GOAD's code flags all tied rows: the `f1`
    of experiment=goad_kdd99.
    """

    calibrates = False

    def __init__(self, reverse: bool, split_seed: int | None, deduplicate: bool) -> None:
        super().__init__(split_seed, deduplicate)
        self.reverse = reverse

    def relabel(self, table: Table) -> Table:
        return table if self.reverse else replace(table, label=1 - table.label)

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        inliers = shuffled(np.flatnonzero(~table.is_test & (table.label == 0)), rng)
        anomalies = shuffled(np.flatnonzero(~table.is_test & (table.label == 1)), rng)
        if self.reverse:
            anomalies = anomalies[: len(inliers) // 4]
        fit, held_out = np.split(inliers, [len(inliers) // 2])
        return Parts(fit=fit, calibration=inliers[:0], test=np.concatenate([held_out, anomalies]))
