"""Array types shared by all subpackages."""

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]  # (rows, columns), or (rows, steps, columns) if rows are windows
Scores = npt.NDArray[np.float64]  # (rows,), higher = more anomalous
Contributions = npt.NDArray[np.float64]  # contribution of each column to a row's score, shaped like the rows
RowLabels = npt.NDArray[np.int8]  # (rows,), 1 = known anomaly, 0 = not known to be one
Arrays = dict[str, npt.NDArray[Any]]
