"""Columns scaled to the unit interval."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.preprocess.base import Encoder, Numeric


class MinMax(Encoder):
    """(x - min) / (max - min), over the fit rows."""

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        low, high = x.min(axis=0), x.max(axis=0)
        return {"low": low, "width": np.where(high > low, high - low, 1.0)}

    def scale(self, x: Numeric) -> Numeric:
        return (x - self.arrays["low"]) / self.arrays["width"]
