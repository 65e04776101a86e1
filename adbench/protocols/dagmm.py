"""The protocol of DAGMM on KDD Cup 99, in which normal connections are the anomaly."""

from dataclasses import replace

import numpy as np

from adbench.data.base import Table
from adbench.protocols.base import Parts, Protocol, shuffled


class DAGMM(Protocol):
    """Zong et al. 2018, "Deep Autoencoding Gaussian Mixture Model for Unsupervised Anomaly Detection".

    In the 10 percent file attacks are the majority, so **normal rows are the anomaly** and attacks are learned from.
    The attacks of a random half of the file fit; the other half tests. There are no calibration rows: the threshold
    is the top 20 % of the test scores (experiment=dagmm_kdd99).
    """

    calibrates = False

    def relabel(self, table: Table) -> Table:
        return replace(table, label=1 - table.label)

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        rows = shuffled(np.flatnonzero(~table.is_test), rng)
        first, second = np.split(rows, [len(rows) // 2])
        return Parts(fit=first[table.label[first] == 0], calibration=rows[:0], test=second)
