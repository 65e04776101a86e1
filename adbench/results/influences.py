"""Reading of stored influences of test rows on metrics."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from adbench.results.record import INFLUENCES

_LARGEST_FILE = 10_000_000  # bytes
_LENGTH = 8  # bytes that hold the header's length


@lru_cache(maxsize=100_000)
def read_influences(folder: Path, metric: str) -> npt.NDArray[np.float64] | None:
    """Influences of blocks of test rows on a metric, (N_BLOCKS,); None if missing or malformed.

    The safetensors file is parsed by hand, in a fifth of the library's time: a table may read thousands of runs.
    """
    try:
        with open(f"{folder}/{INFLUENCES}", "rb") as file:  # noqa: PTH123 - a path object costs as much as the reading
            if os.fstat(file.fileno()).st_size > _LARGEST_FILE:
                return None
            content = file.read()
        start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
        entry = orjson.loads(content[_LENGTH:start])[metric]
        (n,), (begin, end) = entry["shape"], entry["data_offsets"]
        if entry["dtype"] != "F32" or end - begin != 4 * n or begin < 0:
            return None
        found = np.frombuffer(content, "<f4", n, start + begin).astype(np.float64)
    except (OSError, LookupError, TypeError, ValueError):
        return None
    return found if len(found) and np.isfinite(found).all() else None
