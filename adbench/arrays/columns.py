"""Descriptions of a detector's input columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Matrix

NUMBER = "number"  # a scaled number
ONE_HOT = "one_hot"  # 0 or 1: whether the source column has this value
CODE = "code"  # an integer: the index of the source column's value


@dataclass(frozen=True)
class Column:
    """One input column. source: the table's column it was derived from, shared by the one-hot columns of a group.

    values: the meanings of a code's integers, from 0 on; empty for every other kind. step: for a window flattened into
    one row, the time step: 0 is the last one, earlier ones are negative.
    """

    name: str
    kind: str = NUMBER
    source: str = ""
    values: tuple[str, ...] = ()
    step: int | None = None

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.name)


@dataclass(frozen=True)
class Columns(Sequence[Column]):
    """The columns of a row, in order; for windows of shape (steps, columns), those of each step."""

    of_row: tuple[Column, ...]
    steps: int | None = None  # None: rows are not windows

    @classmethod
    def numbers(cls, n_columns: int, steps: int | None = None) -> Self:
        """Plain numbers, named x0, x1, ..."""
        return cls(tuple(Column(f"x{i}") for i in range(n_columns)), steps)

    def __len__(self) -> int:
        return len(self.of_row)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # Sequence's two overloads
        return self.of_row[index]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row: (columns,), or (steps, columns) for a window."""
        return (len(self),) if self.steps is None else (self.steps, len(self))

    @property
    def names(self) -> list[str]:
        """The name of each column."""
        return [column.name for column in self.of_row]

    @property
    def sources(self) -> list[str]:
        """The distinct source columns, in order."""
        return list(dict.fromkeys(column.source for column in self.of_row))

    def of_kind(self, kind: str) -> npt.NDArray[np.intp]:
        """The positions of the columns of a kind."""
        return np.array([i for i, column in enumerate(self.of_row) if column.kind == kind], dtype=np.intp)

    def groups(self) -> dict[str, npt.NDArray[np.intp]]:
        """Positions of the one-hot columns of each source and step, exactly one of which is 1 in every row."""
        found: dict[str, list[int]] = {}
        for i, column in enumerate(self.of_row):
            if column.kind == ONE_HOT:
                key = column.source if column.step is None else f"{column.source}@{column.step}"
                found.setdefault(key, []).append(i)
        return {source: np.array(positions, dtype=np.intp) for source, positions in found.items()}

    def flattened(self) -> "Columns":
        """The columns of windows flattened to rows of steps * columns, step by step."""
        if self.steps is None:
            return self
        laid = (
            replace(column, name=f"{column.name}@{step}", step=step)
            for step in range(1 - self.steps, 1)
            for column in self.of_row
        )
        return Columns(tuple(laid))

    def plain(self) -> "Columns":
        """The columns for models that only know rows of numbers: windows flattened, codes one-hot encoded."""
        opened = (
            [Column(f"{column.name}={value}", ONE_HOT, column.source) for value in column.values]
            if column.kind == CODE
            else [column]
            for column in self.of_row
        )
        return Columns(tuple(chain.from_iterable(opened)), self.steps).flattened()

    def plain_rows(self, x: Matrix) -> Matrix:
        """The rows of x in the columns of `plain`; a view of x if it has no codes."""
        if not len(self.of_kind(CODE)):
            return x.reshape(len(x), self.flattened().shape[0])
        x = x.reshape(len(x), *self.shape)
        width = sum(len(column.values) if column.kind == CODE else 1 for column in self.of_row)
        opened, start = np.zeros((*x.shape[:-1], width), np.float32), 0
        for i, column in enumerate(self.of_row):
            if column.kind == CODE:
                for value in range(len(column.values)):
                    opened[..., start + value] = x[..., i] == value
                start += len(column.values)
            else:
                opened[..., start] = x[..., i]
                start += 1
        return opened.reshape(len(x), -1)
