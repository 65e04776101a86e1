"""From columns to one float32 matrix; the scalings differ only in what they do to numeric columns."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adbench.arrays.columns import CODE, ONE_HOT, Column, Columns
from adbench.arrays.memmap import release_pages
from adbench.config.checks import require_one_of
from adbench.data.base import Features
from adbench.errors import DataError
from adbench.preprocess.tails import departure, grown, require_tail, robust_scale

Numeric = npt.NDArray[np.float64]  # (rows, numeric columns)
UNSEEN = "<unseen>"
CODES = "codes"
CONSTANT = "constant"  # the array of the values of constant columns; NaN for the others
LOW, HIGH, SPREAD = "lowest", "highest", "robust_scale"  # the arrays of the range of the fit rows, and of its unit
RANGE = (LOW, HIGH, SPREAD, CONSTANT)
CATEGORIES = (CODES,)
PLAIN = "plain"
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
    zeros or an error. So is any change of a number that was constant: see `tails.departure`, in units of `change`. A
    number beyond the range of the fit rows lies beyond the encoded end of that range, farther the farther it is. A
    subclass gives `fit_numeric` and `scale`, and keeps what it learned in `self.arrays`.

    categories: None, or "codes": one column of whole numbers per categorical column instead, for models that embed
    them. A float32 holds those below 2^24 exactly.
    tail: how a number encodes that lies beyond the range by so many robust scales (see `tails.robust_scale`): `change`
    times their logarithm log(1 + distance) ("log") or the distance itself ("linear") beyond the end, or farther where
    `scale` says so; None as `scale` says. Where that no longer grows with the number, a run says so.
    constant: None, or "plain": a change of a column that was constant is scaled as any other number, by its own unit
    of 1, as published preparations have it.
    """

    change: ClassVar[float] = 1.0  # in the scale's units, the least that a change of a constant column counts

    def __init__(self, categories: str | None = None, tail: str | None = None, constant: str | None = None) -> None:
        if categories is not None:
            require_one_of("preprocess.categories", categories, CATEGORIES)
        require_tail(tail)
        if constant is not None:
            require_one_of("preprocess.constant", constant, (PLAIN,))
        self.tail, self.tells_changes = tail, constant != PLAIN
        self.codes = categories == CODES
        self.numeric_names: tuple[str, ...] = ()
        self.values: dict[str, tuple[str, ...]] = {}  # categorical column -> values seen at fit, sorted
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.columns = Columns(())  # of `transform`'s matrix
        self.constant_columns = np.empty(0, dtype=np.intp)
        self.ends: tuple[Numeric, Numeric] | None = None  # the range of the fit rows as `scale` has it, to be outgrown

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
        learned = [self.fit_numeric(column[:, None]) | _range(column) for column in features.columns()]
        learned = learned or [self.fit_numeric(np.empty((len(features), 0))) | dict.fromkeys(RANGE, np.empty(0))]
        self.arrays = {name: np.concatenate([of[name] for of in learned], axis=-1) for name in learned[0]}
        self._begin()
        return self

    def _begin(self) -> None:
        self.columns = self._columns()
        # Runs from before changes of constant columns were told have no such array.
        constant = self.arrays.get(CONSTANT, np.empty(0))
        self.constant_columns = np.flatnonzero(np.isfinite(constant) & self.tells_changes)
        self.prepare()
        self.ends = None
        if self.tail is not None:
            low, high = self.scale(np.stack([self.arrays[LOW], self.arrays[HIGH]]))
            self.ends = low, high

    def _columns(self) -> Columns:
        numbers = [Column(name) for name in self.numeric_names]
        if self.codes:
            return Columns((*numbers, *(Column(name, CODE, name, (*of, UNSEEN)) for name, of in self.values.items())))
        categories = (
            Column(f"{name}={value}", ONE_HOT, name)
            for name, values in self.values.items()
            for value in (*values, UNSEEN)
        )
        return Columns((*numbers, *categories))

    def transform(self, features: Features, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """The matrix, shape (rows, len(columns)).

        out: zeros of this shape to be filled, such as a file. Raises DataError when the columns are not those of `fit`.
        """
        found = (features.numeric_names, tuple(features.vocabularies))
        if found != (self.numeric_names, tuple(self.values)):
            raise DataError(
                f"expected the columns {self.numeric_names} and {tuple(self.values)}, got {found[0]} and {found[1]}"
            )
        x = np.zeros((len(features), len(self.columns)), dtype=np.float32) if out is None else out
        codes_of = self._positions(features.vocabularies)

        def encode(start: int) -> None:
            rows = slice(start, start + BLOCK_ROWS)
            numeric, codes = features.block(rows)
            self._encode(numeric, codes, codes_of, out=np.asarray(x)[rows])

        starts = range(0, len(features), BLOCK_ROWS)
        with ThreadPoolExecutor(THREADS) as pool:
            for some in range(0, len(starts), BLOCKS_HELD):
                list(pool.map(encode, starts[some : some + BLOCKS_HELD]))  # the list raises what a block raised
                features.release_pages()
                release_pages(x)
        return x

    def _positions(self, vocabularies: dict[str, tuple[str, ...]]) -> list[npt.NDArray[np.intp]]:
        """For each categorical column: code in these vocabularies -> code among the values seen at fit, unseen last, or
        the column of the matrix that is 1.
        """
        found, start = [], len(self.numeric_names)
        for name, values in self.values.items():
            position = {value: i for i, value in enumerate(values)}
            first = 0 if self.codes else start
            found.append(np.array([first + position.get(value, len(values)) for value in vocabularies[name]], np.intp))
            start += len(values) + 1
        return found

    def _encode(
        self,
        numeric: Numeric,
        codes: npt.NDArray[np.int32],
        positions: list[npt.NDArray[np.intp]],
        out: npt.NDArray[np.float32],
    ) -> None:
        with np.errstate(over="ignore"):  # what overflows is clipped like the rest
            scaled = self.scale(numeric)
            if self.ends is not None:
                self._outgrow(numeric, scaled, *self.ends)
            if len(constant := self.constant_columns):
                changes = departure(numeric[:, constant], self.arrays[CONSTANT][constant])
                scaled[:, constant] = self.change * changes
            out[:, : numeric.shape[1]] = np.clip(scaled, -FURTHEST, FURTHEST, out=scaled)
        rows = np.arange(len(out))
        for i, (position, column) in enumerate(zip(positions, codes.T, strict=True)):
            if self.codes:
                out[:, numeric.shape[1] + i] = position[column]
            else:
                out[rows, position[column]] = 1.0

    def _outgrow(self, x: Numeric, scaled: Numeric, low: Numeric, high: Numeric) -> None:
        """Move what lies beyond the range of the fit rows at least as far beyond its encoded ends as the tail says."""
        for fitted, end, side in ((self.arrays[LOW], low, -1), (self.arrays[HIGH], high, 1)):
            outside = x < fitted if side < 0 else x > fitted
            for column in np.flatnonzero(outside.any(axis=0)):
                rows = outside[:, column]
                distance = np.abs(x[rows, column] - fitted[column]) / self.arrays[SPREAD][column]
                own = side * (scaled[rows, column] - end[column])
                scaled[rows, column] = end[column] + side * np.maximum(own, self.change * grown(distance, self.tail))

    def description(self) -> dict[str, Any]:
        """What, beside `arrays`, restores a fitted encoder; plain JSON types."""
        values = {name: list(values) for name, values in self.values.items()}
        return {"numeric_names": list(self.numeric_names), "values": values}

    def restore(self, description: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        """The inverse of `description` and `arrays`."""
        self.numeric_names = tuple(description["numeric_names"])
        self.values = {name: tuple(values) for name, values in description["values"].items()}
        self.arrays = arrays
        self._begin()
        return self


def _range(column: Numeric) -> dict[str, npt.NDArray[Any]]:
    """The ends, the robust scale and, of a column that has only one, the value; each of shape (1,)."""
    low, high = column.min(), column.max()
    found = (low, high, robust_scale(column), low if low == high else np.nan)
    return {name: np.array([value]) for name, value in zip(RANGE, found, strict=True)}


def mean_and_scale(x: Numeric) -> dict[str, npt.NDArray[Any]]:
    """Mean and standard deviation a column; a constant column is centred on its value, with scale 1.

    Whether it is constant is asked of the values: their computed deviation is seldom exactly 0.
    """
    scale = x.std(axis=0)
    constant = (x.min(axis=0) == x.max(axis=0)) | (scale == 0)  # the last: differences too small to square
    return {"mean": np.where(constant, x[0], x.mean(axis=0)), "scale": np.where(constant, 1.0, scale)}
