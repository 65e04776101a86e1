"""Standardised logarithms, for counts and byte sizes that span many orders of magnitude."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_positive
from adbench.preprocess.base import Encoder, Numeric, mean_and_scale
from adbench.preprocess.tails import grown


class LogStandard(Encoder):
    """z = (s - mean(s)) / standard deviation(s) with s = sign(x) log(1 + |x|).

    clip: the number of standard deviations beyond which z grows logarithmically or linearly (tail), or stays (None).
    """

    change: ClassVar[float] = 3.0  # standard deviations

    def __init__(self, clip: float, categories: str | None = None, tail: str | None = None) -> None:
        super().__init__(categories, tail)
        require_positive("preprocess.clip", clip)
        self.clip = clip

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        return mean_and_scale(_signed_log(x))

    def scale(self, x: Numeric) -> Numeric:
        z = (_signed_log(x) - self.arrays["mean"]) / self.arrays["scale"]
        inside = np.clip(z, -self.clip, self.clip)
        return inside + np.sign(z) * grown(np.abs(z - inside), self.tail)


def _signed_log(x: Numeric) -> Numeric:
    return np.sign(x) * np.log1p(np.abs(x))
