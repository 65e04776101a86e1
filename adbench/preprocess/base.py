"""Encoder base class: columns to one float32 matrix. Subclasses differ only in how they scale numeric columns."""

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
CONSTANT = "constant"  # array of constant columns' values, NaN for other columns
LOW, HIGH, SPREAD = "lowest", "highest", "robust_scale"  # arrays of the fitted range and its unit
RANGE = (LOW, HIGH, SPREAD, CONSTANT)
CATEGORIES = (CODES,)
PLAIN = "plain"
# Encoded values are clipped here: the square of a larger one would overflow float32.
FURTHEST = 1e12
# Rows per block, small enough to stay in the processor's cache until its columns are joined.
BLOCK_ROWS = 8_192
# Only the numpy calls run in parallel (the Python between them holds the GIL), so more threads gain little.
THREADS = 4
BLOCKS_HELD = 64  # encoded before memory-mapped pages are released


class Encoder(ABC):
    """Encodes numeric columns scaled, then each categorical column one-hot: a 0/1 column per value seen, plus "unseen".

    The unseen column is 0 on every fit row, so that an unknown value is itself a deviation, not a row of zeros or an
    error. So is any change of a constant column: see `tails.departure`, in units of `change`. A number beyond the
    fitted range is encoded beyond the encoded end of that range, increasing with its distance. A subclass implements
    `fit_numeric` and `scale`, and stores what it learned in `self.arrays`.

    categories: None, or "codes": one column of integer codes per categorical column instead, for models that embed
    them. float32 represents codes below 2^24 exactly.
    tail: encoding of numbers beyond the fitted range, by their distance in robust scales (see `tails.robust_scale`):
    at least `change` times log(1 + distance) ("log") or the distance itself ("linear") beyond the encoded end; None:
    `scale` alone. A run warns if the encoding stops growing with the number.
    constant: None, or "plain": changes of constant columns are scaled like other numbers, with unit 1, as in
    published preparations.
    """

    change: ClassVar[float] = 1.0  # minimum encoded change of a constant column, in scaled units

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
        self.columns = Columns(())  # of the matrix `transform` returns
        self.constant_columns = np.empty(0, dtype=np.intp)
        self.ends: tuple[Numeric, Numeric] | None = None  # the fitted range, scaled; exceeded in `_outgrow`

    @abstractmethod
    def fit_numeric(self, x: Numeric) -> dict[str, npt.NDArray[Any]]:
        """The arrays `scale` needs, with one column (or entry) per numeric column; called once per column."""

    def prepare(self) -> None:  # noqa: B027 - most encoders have nothing to prepare
        """Derive from `self.arrays` whatever else `scale` needs; called after fitting and restoring."""

    @abstractmethod
    def scale(self, x: Numeric) -> Numeric:
        """Scale the numeric columns of some rows by `self.arrays`; called from several threads."""

    def fit(self, features: Features) -> Self:
        """Learn scales and vocabularies from these rows."""
        self.numeric_names = features.numeric_names
        self.values = {
            name: tuple(sorted(vocabulary[code] for code in np.unique(codes)))
            for (name, vocabulary), codes in zip(features.vocabularies.items(), features.code_columns(), strict=True)
        }
        # One column at a time, to bound the memory of a large table.
        learned = [self.fit_numeric(column[:, None]) | _range(column) for column in features.columns()]
        learned = learned or [self.fit_numeric(np.empty((len(features), 0))) | dict.fromkeys(RANGE, np.empty(0))]
        self.arrays = {name: np.concatenate([of[name] for of in learned], axis=-1) for name in learned[0]}
        self._begin()
        return self

    def _begin(self) -> None:
        self.columns = self._columns()
        # Runs older than the handling of constant columns lack this array.
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
        """Encode the rows, shape (rows, len(columns)).

        out: zeros of this shape to fill, such as a memory map. Raises DataError if the columns differ from `fit`'s.
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
                list(pool.map(encode, starts[some : some + BLOCKS_HELD]))  # list() re-raises a block's exception
                features.release_pages()
                release_pages(x)
        return x

    def _positions(self, vocabularies: dict[str, tuple[str, ...]]) -> list[npt.NDArray[np.intp]]:
        """Per categorical column, a map from a code in these vocabularies to the fitted code (unseen last) or, for
        one-hot columns, to the position of the column that is 1.
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
        with np.errstate(over="ignore"):  # overflow is clipped with the rest
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
        """Move values beyond the fitted range at least as far beyond its encoded ends as the tail requires."""
        for fitted, end, side in ((self.arrays[LOW], low, -1), (self.arrays[HIGH], high, 1)):
            outside = x < fitted if side < 0 else x > fitted
            for column in np.flatnonzero(outside.any(axis=0)):
                rows = outside[:, column]
                distance = np.abs(x[rows, column] - fitted[column]) / self.arrays[SPREAD][column]
                own = side * (scaled[rows, column] - end[column])
                scaled[rows, column] = end[column] + side * np.maximum(own, self.change * grown(distance, self.tail))

    def description(self) -> dict[str, Any]:
        """The state of a fitted encoder beside `arrays`, in plain JSON types."""
        values = {name: list(values) for name, values in self.values.items()}
        return {"numeric_names": list(self.numeric_names), "values": values}

    def restore(self, description: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        """Restore a fitted encoder from `description` and `arrays`."""
        self.numeric_names = tuple(description["numeric_names"])
        self.values = {name: tuple(values) for name, values in description["values"].items()}
        self.arrays = arrays
        self._begin()
        return self


def _range(column: Numeric) -> dict[str, npt.NDArray[Any]]:
    """Minimum, maximum, robust scale and, if the column is constant, its value (else NaN); each of shape (1,)."""
    low, high = column.min(), column.max()
    found = (low, high, robust_scale(column), low if low == high else np.nan)
    return {name: np.array([value]) for name, value in zip(RANGE, found, strict=True)}


def mean_and_scale(x: Numeric) -> dict[str, npt.NDArray[Any]]:
    """Mean and standard deviation per column; a constant column is centred on its value, with scale 1.

    Constant columns are recognised by their values, since the computed deviation is seldom exactly 0.
    """
    scale = x.std(axis=0)
    constant = (x.min(axis=0) == x.max(axis=0)) | (scale == 0)  # scale 0: differences too small to square
    return {"mean": np.where(constant, x[0], x.mean(axis=0)), "scale": np.where(constant, 1.0, scale)}
