"""64-bit hashes of rows, to find equal rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import release_pages
from adbench.arrays.types import Matrix

Hashes = npt.NDArray[np.uint64]  # (rows,)
_HASHED_ROWS = 16_384  # per block, to bound memory


def row_hashes(x: Matrix) -> Hashes:
    """A 64-bit hash of each row's bytes; n distinct rows collide with a probability of about n^2 / 2^65."""
    hashes = start_hashes(len(x))
    for start in range(0, len(x), _HASHED_ROWS):
        block = slice(start, start + _HASHED_ROWS)
        columns = np.ascontiguousarray(x[block].T) + np.float32(0)  # adding 0 turns -0.0 into 0.0, whose bytes differ
        release_pages(x)
        state = hashes[block]
        for bits in columns.view(np.uint32):
            mix_in(state, bits)
    return hashes


def start_hashes(n_rows: int) -> Hashes:
    """Initial hashes, before any column is mixed in."""
    return np.full(n_rows, 0x9E3779B97F4A7C15, dtype=np.uint64)


def mix_in(hashes: Hashes, bits: npt.NDArray[np.unsignedinteger[Any]]) -> None:
    """Mix one more column into the hashes, in place: a round of MurmurHash3's 64-bit finalizer."""
    hashes ^= bits
    hashes *= np.uint64(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> np.uint64(33)


def distinct_rows(x: Matrix) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The first index of each distinct row, ascending, and for each row of x the position of its value among them."""
    _, first, inverse = np.unique(row_hashes(x), return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order], place[inverse]
