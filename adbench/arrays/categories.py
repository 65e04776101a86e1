"""Categorical columns: a few distinct texts, stored as codes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_HASHED_ROWS = 2**16  # per block, as Python strings


class CategoryColumn:
    """A categorical column: integer codes into a tuple of names, one byte per row for up to 256 names.

    Indexing returns the names of those rows, comparison with a name one boolean per row. numpy reads it as an array of
    texts, which is only then created.
    """

    __slots__ = ("codes", "values")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: Any, codes: npt.NDArray[np.integer[Any]]) -> None:
        """values: distinct names, some of which may not occur. codes: per row, an index into values."""
        self.values: tuple[str, ...] = tuple(map(str, values))
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"expected distinct names, got {self.values}")
        if len(codes) and not (codes.min() >= 0 and codes.max() < len(self.values)):
            raise ValueError(f"expected codes of {len(self.values)} names, got {codes.min()} to {codes.max()}")
        self.codes = codes.astype(np.min_scalar_type(max(len(self.values) - 1, 0)), copy=False)

    @classmethod
    def of(cls, texts: Any) -> "CategoryColumn":
        """A column from a sequence of texts; a column is returned unchanged."""
        if isinstance(texts, CategoryColumn):
            return texts
        place: dict[str, int] = {}
        codes = np.empty(len(texts), dtype=np.int32)
        for start in range(0, len(texts), _HASHED_ROWS):
            block = np.asarray(texts[start : start + _HASHED_ROWS]).tolist()
            codes[start : start + len(block)] = [place.setdefault(text, len(place)) for text in block]
        return cls(place, codes)

    @classmethod
    def renamed(cls, values: Any, codes: npt.NDArray[np.integer[Any]]) -> "CategoryColumn":
        """A column from values that need not be distinct: codes with equal names are merged."""
        distinct = cls.of(values)
        return cls(distinct.values, distinct.codes[codes])

    @classmethod
    def joined(cls, columns: Sequence["CategoryColumn"]) -> "CategoryColumn":
        """The rows of several columns, one after the other."""
        starts = np.cumsum([0, *(len(column.values) for column in columns)])
        codes = [column.codes + start for column, start in zip(columns, starts, strict=False)]
        return cls.renamed([value for column in columns for value in column.values], np.concatenate(codes))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Any:
        codes = self.codes[rows]
        return CategoryColumn(self.values, codes) if codes.ndim else self.values[codes]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> Any:
        if isinstance(other, str):
            return self.codes == self.values.index(other) if other in self.values else np.zeros(len(self), dtype=bool)
        return np.asarray(self) == np.asarray(other)

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("expected leave to copy: names become an array of texts only so")
        return np.array(self.values or ("",))[self.codes].astype(dtype or np.str_, copy=False)

    def __repr__(self) -> str:
        return f"CategoryColumn({self.counts()})"

    def tolist(self) -> list[str]:
        """The name of each row."""
        return [self.values[code] for code in self.codes.tolist()]

    def counts(self) -> dict[str, int]:
        """Number of rows per name that occurs, in the order of the names."""
        counts = np.bincount(self.codes, minlength=len(self.values)).tolist()
        return {value: count for value, count in sorted(zip(self.values, counts, strict=True)) if count}

    def rows(self) -> dict[str, npt.NDArray[np.intp]]:
        """The ascending row indices of each name that occurs."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(np.bincount(self.codes, minlength=len(self.values)))[:-1]
        by_name = zip(self.values, np.split(order, ends), strict=True) if self.values else ()
        return {value: rows for value, rows in sorted(by_name) if len(rows)}
