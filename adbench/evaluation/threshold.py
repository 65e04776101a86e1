"""The threshold, set by normals that were never fitted on."""

import math

import numpy as np
import numpy.typing as npt

from adbench.checks import require_fraction
from adbench.errors import DataError
from adbench.evaluation.sealed import require_scores


def quantile_threshold(calibration_scores: npt.NDArray[np.float64], target_fpr: float) -> float:
    """The ceil((n + 1) (1 - target_fpr))-th smallest of n calibration scores.

    A later normal row, exchangeable with the calibration rows, then scores above it with probability at most
    `target_fpr` (Vovk et al. 2005, split-conformal quantile). Normals that drifted since promise nothing.

    Raises DataError when there are too few rows for the asked rate, ConfigError when the rate is no rate.
    """
    require_fraction("target_fpr", target_fpr)
    require_scores(calibration_scores, len(calibration_scores), "calibration rows")
    n = len(calibration_scores)
    # The rounding undoes what 1 - target_fpr lost, which would otherwise push an exact rank up by one.
    rank = math.ceil(round((n + 1) * (1 - target_fpr), 9))
    if rank > n:
        needed = math.ceil(1 / target_fpr) - 1
        raise DataError(
            f"expected at least {needed:,} calibration rows for target_fpr={target_fpr}, got {n:,}; "
            "raise target_fpr or protocol.calibration_fraction"
        )
    return float(np.partition(calibration_scores, rank - 1)[rank - 1])
