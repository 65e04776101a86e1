"""Shuffled batches of the rows of one or several matrices, gathered lazily."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from adbench.arrays.memmap import release_pages
from adbench.arrays.types import Matrix

# Larger matrices are shuffled in windows, not row by row, which would read one page of the disk per row.
SHUFFLED_BYTES = 2**30
BLOCK_ROWS = 512  # neighbouring rows that share a window
WINDOW_ROWS = 256 * BLOCK_ROWS


class Batches:
    """Loader of the rows of a matrix, or of several for stacked networks, with several batches per step.

    xs: matrices (rows, columns) or windows (rows, steps, columns) of equal shape, or memory-mapped ones. A batch has
    the shape (rows, ..., columns), of several matrices (matrices, rows, ..., columns). The order is a function of
    (seed, epoch) alone, one seed per matrix. Each of several processes takes its share of every batch, so that the
    batch size does not depend on their number; results do only through the random numbers each process draws for its
    own rows, and the last few rows that cannot be shared.

    A matrix of more than SHUFFLED_BYTES is shuffled in windows: a window takes random blocks of neighbouring rows, and
    shuffles their rows. Of a memory-mapped matrix, at most two windows are in memory.
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
        """Rows per pass, without a last batch that is too small for all processes."""
        rest = self.limit_rows % self.batch_size
        return self.limit_rows - rest if rest < _world_size() else self.limit_rows

    @property
    def n_batches(self) -> int:
        """Batches per pass."""
        return -(-self.n_rows // self.batch_size)

    def __len__(self) -> int:
        return -(-self.n_batches // self.batches_per_step)

    def __iter__(self) -> Iterator["Step"]:
        step_rows = self.batch_size * self.batches_per_step
        orders = [self._order(seed)[: self.n_rows] for seed in self.seeds]
        if self.on_disk:
            n_read = max(1, WINDOW_ROWS // step_rows) * step_rows
            for start in range(0, self.n_rows, n_read):
                read = self._read(orders[0][start : start + n_read])
                yield from self._steps([read], [torch.arange(len(read))], step_rows)
            return
        on_device = [torch.from_numpy(order).to(x.device) for x, order in zip(self.xs, orders, strict=True)]
        yield from self._steps(self.xs, on_device, step_rows)

    def _steps(self, xs: Sequence[Tensor], orders: Sequence[Tensor], step_rows: int) -> Iterator["Step"]:
        for start in range(0, len(orders[0]), step_rows):
            yield Step(xs, [order[start : start + step_rows] for order in orders], self.batch_size)

    def _order(self, seed: int) -> npt.NDArray[np.int64]:
        """The row order of this epoch, the same in memory and on disk."""
        n_rows, n_values = len(self.xs[0]), math.prod(self.xs[0].shape)
        if not self.shuffle:
            return np.arange(n_rows)
        rng = np.random.default_rng((seed, self.epoch))
        if 4 * n_values <= SHUFFLED_BYTES:
            return rng.permutation(n_rows)
        blocks = rng.permutation(-(-n_rows // BLOCK_ROWS))
        order = (blocks[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).ravel()
        order = order[order < n_rows]
        for start in range(0, n_rows, WINDOW_ROWS):
            rng.shuffle(order[start : start + WINDOW_ROWS])
        return order

    def _read(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Read these rows of a memory-mapped matrix, in this order."""
        x = self.xs[0]
        read = np.empty((len(rows), *x.shape[1:]), np.float32)
        as_they_lie = np.argsort(rows)
        for part in np.array_split(as_they_lie, max(1, len(rows) // BLOCK_ROWS)):
            read[part] = np.take(x, rows[part], axis=0)
        release_pages(x)
        return torch.from_numpy(read)


class Step:
    """The batches of one step, each gathered on demand, so that it is still in the processor's cache when used."""

    def __init__(self, xs: Sequence[Tensor], rows: Sequence[Tensor], batch_size: int) -> None:
        self.xs, self.rows, self.batch_size = xs, rows, batch_size

    def __iter__(self) -> Iterator[Tensor]:
        rank, world_size = _rank(), _world_size()
        for rows in zip(*(rows.split(self.batch_size) for rows in self.rows), strict=True):
            if len(rows) == 1:
                yield self.xs[0].index_select(0, rows[0][rank::world_size])
                continue
            batch = self.xs[0].new_empty(len(rows), len(rows[0]), *self.xs[0].shape[1:])
            for x, of_x, gathered in zip(self.xs, rows, batch, strict=True):
                torch.index_select(x, 0, of_x, out=gathered)
            yield batch


def _world_size() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def _rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
