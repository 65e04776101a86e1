"""The types of arrays that all rooms share."""

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]  # (rows, columns)
Scores = npt.NDArray[np.float64]  # (rows,), higher = more anomalous
Arrays = dict[str, npt.NDArray[Any]]
