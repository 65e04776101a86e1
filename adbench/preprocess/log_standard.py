"""Standardised logarithms, for counts and byte sizes that span many orders of magnitude."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_positive
from adbench.preprocess.base import Encoder, Numeric, mean_and_scale


class LogStandard(Encoder):
    """z = (s - mean(s)) / standard deviation(s) with s = sign(x) log(1 + |x|), clipped to [-clip, clip]."""

    def __init__(self, clip: float, categories: str | None = None) -> None:
        super().__init__(categories)
        require_positive("preprocess.clip", clip)
        self.clip = clip

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        return mean_and_scale(_signed_log(x))

    def scale(self, x: Numeric) -> Numeric:
        z = (_signed_log(x) - self.arrays["mean"]) / self.arrays["scale"]
        return np.clip(z, -self.clip, self.clip)


def _signed_log(x: Numeric) -> Numeric:
    return np.sign(x) * np.log1p(np.abs(x))
