"""Columns standardised to zero mean and unit variance on the fit rows."""

from typing import Any, ClassVar

import numpy.typing as npt

from adbench.preprocess.base import Encoder, Numeric, mean_and_scale


class Standard(Encoder):
    """z = (x - mean) / standard deviation."""

    change: ClassVar[float] = 3.0  # standard deviations

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        return mean_and_scale(x)

    def scale(self, x: Numeric) -> Numeric:
        return (x - self.arrays["mean"]) / self.arrays["scale"]
