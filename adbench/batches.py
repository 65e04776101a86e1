"""The rows of one or several matrices in shuffled batches, gathered when their turn comes."""

import mmap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Matrix = npt.NDArray[np.float32]  # (rows, columns)

# Of a matrix on disk so many neighbouring rows are read at once; a window of so many such blocks is shuffled in memory.
BLOCK_ROWS, WINDOW_BLOCKS = 512, 256


class Batches:
    """Passes over the rows of a matrix, several batches in one step; or of several matrices, for stacked networks.

    xs: matrices of equal shape, or memory-mapped ones. A batch has the shape (rows, columns), of several matrices
    (matrices, rows, columns). The order is a function of (seed, epoch) alone, one seed a matrix. Under several
    processes each takes its share of every batch, so that the batch size does not depend on how many there are; the
    result does so only by what each draws for its own rows, and by the last few rows that cannot be shared.

    A matrix on disk is shuffled in windows: blocks of neighbouring rows from all over it, and the rows among these. In
    memory are two windows, however many rows there are.
    """

    def __init__(
        self,
        xs: Sequence[Matrix],
        seeds: Sequence[int],
        batch_size: int,
        batches_per_step: int,
        shuffle: bool,
        limit: int | None,
        device: torch.device | None = None,
    ) -> None:
        self.on_disk = isinstance(xs[0], np.memmap)
        self.xs: Sequence[Any] = xs if self.on_disk else [torch.from_numpy(x).to(device) for x in xs]
        self.seeds, self.shuffle = seeds, shuffle
        self.batch_size, self.batches_per_step = batch_size, batches_per_step
        self.limit_rows = len(xs[0]) if limit is None else min(len(xs[0]), limit * batch_size)
        self.epoch = 0
        self.sampler = self  # Lightning calls loader.sampler.set_epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = epoch

    @property
    def n_rows(self) -> int:
        """Rows in one pass. A last batch too small to give every process a row is left out."""
        rest = self.limit_rows % self.batch_size
        return self.limit_rows - rest if rest < _world_size() else self.limit_rows

    @property
    def n_batches(self) -> int:
        """Batches in one pass."""
        return -(-self.n_rows // self.batch_size)

    def __len__(self) -> int:
        return -(-self.n_batches // self.batches_per_step)

    def __iter__(self) -> Iterator["Step"]:
        step_rows = self.batch_size * self.batches_per_step
        if self.on_disk:
            for window in self._windows(step_rows):
                yield from self._steps([window], [torch.arange(len(window))], step_rows)
            return
        orders = [self._order(seed)[: self.n_rows].to(x.device) for x, seed in zip(self.xs, self.seeds, strict=True)]
        yield from self._steps(self.xs, orders, step_rows)

    def _steps(self, xs: Sequence[Tensor], orders: Sequence[Tensor], step_rows: int) -> Iterator["Step"]:
        for start in range(0, len(orders[0]), step_rows):
            yield Step(xs, [order[start : start + step_rows] for order in orders], self.batch_size)

    def _order(self, seed: int) -> Tensor:
        n_rows = len(self.xs[0])
        if not self.shuffle:
            return torch.arange(n_rows)
        return torch.from_numpy(np.random.default_rng((seed, self.epoch)).permutation(n_rows))

    def _windows(self, step_rows: int) -> Iterator[Tensor]:
        """Rows of a matrix on disk, in the order in which they are trained on; a whole number of steps but the last."""
        x, rng = self.xs[0], np.random.default_rng((self.seeds[0], self.epoch))
        blocks: list[int] = list(range(0, len(x), BLOCK_ROWS))
        if self.shuffle:
            blocks = rng.permutation(blocks).tolist()
        rows = np.concatenate([np.arange(start, min(start + BLOCK_ROWS, len(x))) for start in blocks])[: self.n_rows]
        window_rows = -(-BLOCK_ROWS * WINDOW_BLOCKS // step_rows) * step_rows
        for start in range(0, len(rows), window_rows):
            window = rows[start : start + window_rows]
            read = np.empty((len(window), x.shape[1]), np.float32)
            place = rng.permutation(len(window)) if self.shuffle else np.arange(len(window))
            for first in range(0, len(window), BLOCK_ROWS):
                part = slice(first, first + BLOCK_ROWS)
                read[place[part]] = np.take(x, window[part], axis=0)
            _forget(x)
            yield torch.from_numpy(read)


class Step:
    """The batches of one step, each gathered as it is asked for: it is still in the cache when it is used."""

    def __init__(self, xs: Sequence[Tensor], rows: Sequence[Tensor], batch_size: int) -> None:
        self.xs, self.rows, self.batch_size = xs, rows, batch_size

    def __iter__(self) -> Iterator[Tensor]:
        rank, world_size = _rank(), _world_size()
        for rows in zip(*(rows.split(self.batch_size) for rows in self.rows), strict=True):
            if len(rows) == 1:
                yield self.xs[0].index_select(0, rows[0][rank::world_size])
                continue
            batch = self.xs[0].new_empty(len(rows), len(rows[0]), self.xs[0].shape[1])
            for x, of_x, gathered in zip(self.xs, rows, batch, strict=True):
                torch.index_select(x, 0, of_x, out=gathered)
            yield batch


def _forget(x: Any) -> None:
    """Let the system have the memory of the pages that were read; they can be read again."""
    if getattr(x, "mode", "") == "r" and hasattr(mmap, "MADV_DONTNEED"):
        x._mmap.madvise(mmap.MADV_DONTNEED)


def _world_size() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def _rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
