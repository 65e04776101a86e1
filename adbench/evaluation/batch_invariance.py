"""A row's encoding and score must not depend on the rows it comes with: those are test rows, and tell of each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.errors import ScoresError

CHECKED_ROWS = 8
RELATIVE, ABSOLUTE = 1e-3, 1e-4  # float32 sums differ by the size of a batch; a statistic of the batch differs by more


def require_batch_invariant(
    result_of: Callable[[Any], npt.NDArray[Any]], x: npt.NDArray[Any] | None, together: npt.NDArray[Any], what: str
) -> None:
    """Raise ScoresError unless a few rows, one by one, give what they gave among all others.

    result_of: called with one row of x, shape (1, columns), or, where x is None, with the row's position, shape (1,).
    """
    for row in np.unique(np.linspace(0, len(together) - 1, CHECKED_ROWS).astype(int)):
        alone = result_of(np.array([row]) if x is None else x[row : row + 1])
        if not np.allclose(alone, together[row : row + 1], rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
            raise ScoresError(
                f"expected the {what} of test row {row + 1} to be the same alone and among the other rows, got"
                " something else; nothing may be computed from the test rows together"
            )
