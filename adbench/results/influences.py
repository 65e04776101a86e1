"""The influences that a run's test rows have on its metrics, as its folder keeps them."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors

from adbench.results.record import INFLUENCES

_LARGEST_FILE = 10_000_000  # bytes


@lru_cache(maxsize=100_000)
def read_influences(folder: Path, metric: str) -> npt.NDArray[np.float64] | None:
    """Of the blocks of test rows on a metric, (N_BLOCKS,); None where a run has none, or what lies there is none."""
    path = folder / INFLUENCES
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return None
        with safetensors.safe_open(path, "np") as file:
            found = np.asarray(file.get_tensor(metric), dtype=np.float64)
    except (OSError, ValueError, TypeError, safetensors.SafetensorError):
        return None
    return found if found.ndim == 1 and len(found) and np.isfinite(found).all() else None
