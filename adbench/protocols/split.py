"""What every protocol returns, and what protocols share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.data.table import NORMAL, Features, Table
from adbench.errors import DataError
from adbench.evaluation.sealed import Labels, SealedLabels

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """The rows of one run. Nothing in it tells a test row's label before the seal is broken."""

    fit: Features  # normals the preprocessing and the detector are fitted on
    calibration: Features  # normals never fitted on: they set the threshold; may be none
    test: Features
    test_rows: Rows  # position of each test row in the table: its id in scores.parquet
    labels: SealedLabels  # of the test rows


def shuffled_normals(table: Table, candidates: npt.NDArray[np.bool_], seed: int) -> Rows:
    """The candidate rows that are normal, in an order drawn from the seed."""
    rows = np.flatnonzero(candidates & (table.label == 0))
    return np.random.default_rng(seed).permutation(rows)


def build_split(table: Table, fit: Rows, calibration: Rows, test: Rows) -> Split:
    """Take the rows and seal the test labels.

    Rows are taken in file order: whoever wants them shuffled says so with a seed of their own.
    Raises DataError when nothing is left to fit or to test. Whether it takes calibration rows, the threshold rule says.
    """
    for name, rows in {"fit": fit, "test": test}.items():
        if not len(rows):
            raise DataError(f"expected at least one {name} row in {table.name}, got none; change protocol.*")
    fit, calibration, test = np.sort(fit), np.sort(calibration), np.sort(test)
    labels = Labels(
        label=table.label[test],
        family=table.family[test],
        attack=table.attack[test],
        known_attacks=frozenset(np.unique(table.attack[~table.is_test]).tolist()) - {NORMAL},
    )
    take = table.features.take
    return Split(take(fit), take(calibration), take(test), test, SealedLabels(labels))
