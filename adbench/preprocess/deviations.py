"""Per-column unusualness of raw table values, computed before any encoding; the basis of the controls."""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adbench.data.base import Features
from adbench.preprocess.base import CODES, Encoder, Numeric
from adbench.preprocess.tails import robust_scale


class Deviations(Encoder):
    """z = (x - median) / robust scale per number, -log(frequency) per category, relative to the fit rows.

    A category missing from the fit rows counts as half a row. See `tails.robust_scale`.
    """

    change: ClassVar[float] = 3.0  # robust scales

    def __init__(self) -> None:
        super().__init__(CODES)
        self.surprise: list[npt.NDArray[np.float32]] = []  # per column, of each category; unseen last

    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        return {"median": np.median(x, axis=0), "spread": np.array([robust_scale(column) for column in x.T])}

    def scale(self, x: Numeric) -> Numeric:
        return (x - self.arrays["median"]) / self.arrays["spread"]

    def fit(self, features: Features) -> Self:
        """Learn medians, scales and frequencies from these rows."""
        super().fit(features)
        self.surprise = []
        for (name, vocabulary), codes in zip(features.vocabularies.items(), features.code_columns(), strict=True):
            count = dict(zip(vocabulary, np.bincount(codes, minlength=len(vocabulary)), strict=True))
            rows = np.array([*(count[value] for value in self.values[name]), 0.5])
            self.surprise.append(-np.log(rows / (len(features) + 0.5)).astype(np.float32))
        return self

    def transform(self, features: Features, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """The deviations, shape (rows, columns of the table): numbers, then categories. out: zeros to be filled."""
        x = super().transform(features, out)
        for i, surprise in enumerate(self.surprise, start=len(self.numeric_names)):
            x[:, i] = surprise[x[:, i].astype(np.intp)]
        return x
