"""From columns to one float32 matrix; the scalings differ only in what they do to numeric columns."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from adbench.arrays.memmap import let_go
from adbench.data.base import Features
from adbench.errors import DataError

Numeric = npt.NDArray[np.float64]  # (rows, numeric columns)
UNSEEN = "<unseen>"
# A value so many scales away is as strange as can be; further out its square would no longer be a float32.
FURTHEST = 1e12
# Rows encoded at a time: a block is still in the processor's cache when its columns are laid beside each other.
BLOCK_ROWS = 8_192
# Their numpy calls run side by side, while the Python between them takes turns: more threads gain little.
THREADS = 4
BLOCKS_HELD = 64  # encoded before the memory of what lies on disk is given up


class Encoder(ABC):
    """Numeric columns scaled, then for each categorical column a 0/1 column a value seen at fit, plus one "unseen".

    The unseen column is 0 on every fit row: a value never met is then itself a deviation, rather than a row of
    zeros or an error. A subclass gives `fit_numeric` and `scale`, and keeps what it learned in `self.arrays`.
    """

    def __init__(self) -> None:
        self.numeric_names: tuple[str, ...] = ()
        self.values: dict[str, tuple[str, ...]] = {}  # categorical column -> values seen at fit, sorted
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    @abstractmethod
    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        """The arrays that `scale` needs, each with one column (or entry) a numeric column; called with one of them."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Work out what `scale` needs beside `self.arrays`; called whenever they were learned or restored."""

    @abstractmethod
    def scale(self, x: Numeric) -> Numeric:
        """The scaled numeric columns of some rows, by `self.arrays`; called from several threads."""

    def fit(self, features: Features) -> Self:
        """Learn scales and vocabularies from these rows."""
        self.numeric_names = features.numeric_names
        self.values = {
            name: tuple(sorted(vocabulary[code] for code in np.unique(codes)))
            for (name, vocabulary), codes in zip(features.vocabularies.items(), features.code_columns(), strict=True)
        }
        # Column by column: so much of a large table is in memory at a time.
        learned = [self.fit_numeric(column[:, None]) for column in features.columns()]
        learned = learned or [self.fit_numeric(np.empty((len(features), 0)))]
        self.arrays = {name: np.concatenate([of[name] for of in learned], axis=-1) for name in learned[0]}
        self.prepare()
        return self

    @property
    def column_names(self) -> list[str]:
        """One name a column of `transform`'s matrix."""
        one_hot = [f"{name}={value}" for name, values in self.values.items() for value in (*values, UNSEEN)]
        return [*self.numeric_names, *one_hot]

    def transform(self, features: Features, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """The matrix, shape (rows, len(column_names)).

        out: zeros of this shape to be filled, such as a file. Raises DataError when the columns are not those of `fit`.
        """
        found = (features.numeric_names, tuple(features.vocabularies))
        if found != (self.numeric_names, tuple(self.values)):
            raise DataError(
                f"expected the columns {self.numeric_names} and {tuple(self.values)}, got {found[0]} and {found[1]}"
            )
        x = np.zeros((len(features), len(self.column_names)), dtype=np.float32) if out is None else out
        hot = self._one_hot_columns(features.vocabularies)

        def encode(start: int) -> None:
            rows = slice(start, start + BLOCK_ROWS)
            numeric, codes = features.block(rows)
            self._encode(numeric, codes, hot, out=np.asarray(x)[rows])

        starts = range(0, len(features), BLOCK_ROWS)
        with ThreadPoolExecutor(THREADS) as pool:
            for some in range(0, len(starts), BLOCKS_HELD):
                list(pool.map(encode, starts[some : some + BLOCKS_HELD]))  # the list raises what a block raised
                features.let_go()
                let_go(x)
        return x

    def _one_hot_columns(self, vocabularies: dict[str, tuple[str, ...]]) -> list[npt.NDArray[np.intp]]:
        """For each categorical column: code -> the column of the matrix that is 1."""
        columns, start = [], len(self.numeric_names)
        for name, values in self.values.items():
            position = {value: i for i, value in enumerate(values)}
            columns.append(
                np.array([start + position.get(value, len(values)) for value in vocabularies[name]], np.intp)
            )
            start += len(values) + 1
        return columns

    def _encode(
        self,
        numeric: Numeric,
        codes: npt.NDArray[np.int32],
        hot: list[npt.NDArray[np.intp]],
        out: npt.NDArray[np.float32],
    ) -> None:
        with np.errstate(over="ignore"):  # what overflows is clipped like the rest
            scaled = self.scale(numeric)
            out[:, : numeric.shape[1]] = np.clip(scaled, -FURTHEST, FURTHEST, out=scaled)
        rows = np.arange(len(out))
        for of_code, column in zip(hot, codes.T, strict=True):
            out[rows, of_code[column]] = 1.0

    def description(self) -> dict[str, Any]:
        """What, beside `arrays`, restores a fitted encoder; plain JSON types."""
        values = {name: list(values) for name, values in self.values.items()}
        return {"numeric_names": list(self.numeric_names), "values": values}

    def restore(self, description: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        """The inverse of `description` and `arrays`."""
        self.numeric_names = tuple(description["numeric_names"])
        self.values = {name: tuple(values) for name, values in description["values"].items()}
        self.arrays = arrays
        self.prepare()
        return self


def mean_and_scale(x: Numeric) -> dict[str, npt.NDArray[Any]]:
    """Mean and standard deviation a column; a constant column is centred on its value, with scale 1.

    Whether it is constant is asked of the values: their computed deviation is seldom exactly 0.
    """
    scale = x.std(axis=0)
    constant = (x.min(axis=0) == x.max(axis=0)) | (scale == 0)  # the last: differences too small to square
    return {"mean": np.where(constant, x[0], x.mean(axis=0)), "scale": np.where(constant, 1.0, scale)}
