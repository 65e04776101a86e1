"""Test for a shift of the normals: scores of the calibration normals against scores of the test normals."""

from collections.abc import Mapping

import numpy as np

from adbench.arrays.row_hash import row_hashes
from adbench.arrays.types import Matrix, Scores
from adbench.evaluation.seal import Frozen, Labels
from adbench.stats.two_samples import effective_size, mann_whitney

AUROC, P = "shift_auroc", "shift_p"
CALIBRATION_SIZE, TEST_SIZE = "shift_n_calibration", "shift_n_test"
LEVEL = 0.05  # p values above it are not reported as a shift


def normal_shift(
    frozen: Frozen, labels: Labels, x_test: Matrix, calibration_scores: Scores, x_calibration: Matrix
) -> dict[str, float]:
    """`shift_auroc`, the probability that a test normal scores above a calibration normal, and `shift_p`, of the
    Mann-Whitney test: with equal distributions, p is below .05 in 5 % of runs.

    Rows that are copies of each other, such as those of one burst, are weaker evidence than independent rows: both
    sides count with their effective sizes, `shift_n_calibration` and `shift_n_test`. Rows that are similar but not
    equal still count as independent. x_test, x_calibration: the scored rows; all calibration rows are normal.
    """
    normal = labels.label == 0
    sizes = effective_size(row_hashes(_flat(x_calibration))), effective_size(row_hashes(_flat(x_test))[normal])
    found = mann_whitney(np.asarray(calibration_scores, np.float64), frozen.scores[normal], *sizes)
    return {AUROC: found.probability, P: found.p, CALIBRATION_SIZE: sizes[0], TEST_SIZE: sizes[1]}


def _flat(x: Matrix) -> Matrix:
    return x.reshape(len(x), -1)


def moved(m: Mapping[str, float]) -> bool:
    """True if the shift is significant."""
    return m[P] < LEVEL


def in_words(m: Mapping[str, float]) -> str | None:
    """One sentence for people; None if the run has no test."""
    if not {AUROC, P} <= m.keys():
        return None
    odds = f"P = {_share(m[AUROC])}, {_p(m[P])}{_of_copies(m)}"
    if not moved(m):
        return f"no sign that the normals moved ({odds})"
    higher = "higher" if m[AUROC] > 0.5 else "lower"
    return f"the test normals score {higher} than the calibration normals ({odds}): they have moved"


def _of_copies(m: Mapping[str, float]) -> str:
    """A clause about copies, if they reduce either side to less than half."""
    of, n = m.get(TEST_SIZE), m.get("n_test", 0) * (1 - m.get("base_rate", 0))
    if of is None or of > n / 2:
        return ""
    return f"; so many test normals are copies that they count as {of:,.0f}"


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.00"


def _p(p: float) -> str:
    if p < 1e-9:
        return "p < 1e-9"
    return f"p = {p:.1g}".replace("= 0.", "= .") if p < 0.1 else f"p = {_share(p)}"
