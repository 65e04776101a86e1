"""Is a family of attacks found that nobody had met? The other families may hide in training, this one never."""

import numpy as np

from adbench.checks import require_fraction, require_one_of, require_share
from adbench.data.table import NORMAL, Table
from adbench.protocols.split import Parts, Protocol, normals_and_test, shuffled
from adbench.protocols.unsupervised import hidden_anomalies


class LeaveFamilyOut(Protocol):
    """Fit and calibrate on training rows without the family, test on the test normals and that family alone.

    family: the one that is left out. contamination: the share of anomalies of the other families among the rows that
    fit and calibrate; with 0 only normals do.
    """

    def __init__(
        self,
        calibration_fraction: float,
        test_fraction: float,
        family: str,
        contamination: float,
        split_seed: int | None,
        deduplicate: bool,
    ) -> None:
        super().__init__(split_seed, deduplicate)
        require_fraction("protocol.calibration_fraction", calibration_fraction)
        require_fraction("protocol.test_fraction", test_fraction)
        require_share("protocol.contamination", contamination, 0.2)
        self.calibration_fraction, self.test_fraction = calibration_fraction, test_fraction
        self.family, self.contamination = family, contamination

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        known = tuple(np.setdiff1d(table.family[table.label == 1], [NORMAL]).tolist())
        require_one_of("protocol.family", self.family, known)
        normals, test = normals_and_test(table, rng, self.test_fraction)
        others = ~table.is_test & (table.label == 1) & (table.family != self.family)
        hidden = hidden_anomalies(table, rng, self.contamination, len(normals), others)
        learning = shuffled(np.concatenate([normals, hidden]), rng)
        n_calibration = round(self.calibration_fraction * len(learning))
        wanted = (table.label[test] == 0) | (table.family[test] == self.family)
        return Parts(fit=learning[n_calibration:], calibration=learning[:n_calibration], test=test[wanted])
