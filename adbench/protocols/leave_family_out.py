"""Detection of a novel family of attacks: the others may contaminate the training rows, this one never."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_one_of
from adbench.data.base import NORMAL, Table
from adbench.protocols.base import Parts
from adbench.protocols.unsupervised import Unsupervised


class LeaveFamilyOut(Unsupervised):
    """Fit and calibrate on training rows without the family, test on the test normals and that family alone.

    family: the family left out. contamination: share of anomalies of other families among the fit and calibration
    rows; 0: normals only.
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
        super().__init__(calibration_fraction, test_fraction, contamination, split_seed, deduplicate)
        self.family = family

    def may_hide(self, table: Table) -> npt.NDArray[np.bool_]:
        return super().may_hide(table) & (table.family != self.family)

    def may_have_met(self, table: Table) -> npt.NDArray[np.bool_]:
        return super().may_have_met(table) & (table.family != self.family)

    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        families = tuple(name for name in table.family[table.label == 1].counts() if name != NORMAL)
        require_one_of("protocol.family", self.family, families)
        parts = super().divide(table, rng)
        wanted = (table.label[parts.test] == 0) | (table.family[parts.test] == self.family)
        return replace(parts, test=parts.test[wanted])
