"""Findings about the columns of a user's table, reported in as few sentences as possible."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from adbench.data.reading.cells import MAX_VALUES, Numbers, rounded
from adbench.data.reading.kinds import DATES, FREE, IDS, MANY, TEXTS, names_the_rows
from adbench.data.reading.tabular import abbreviated
from adbench.errors import DataError
from adbench.text import override, shorten

_LONGEST = 40  # characters of a displayed text
_WHAT = {
    DATES: "dates or times in column {name!r}, such as {example!r}",
    IDS: "a name or an id in column {name!r}, {n:,} different texts such as {example!r}",
    FREE: "free text in column {name!r}, such as {example!r}",
    MANY: "{n:,} different texts in column {name!r}, such as {example!r}",
    TEXTS: "texts in column {name!r}, such as {example!r}",
}


@dataclass(frozen=True)
class Unfit:
    """A column that is not usable as a feature: its kind (see `kinds`), an example, the number of distinct texts."""

    kind: str
    example: str
    n_values: int


@dataclass
class Findings:
    """Findings collected while typing the columns. dropped: the columns that the user left out."""

    dropped: Sequence[str]
    unfit: dict[str, Unfit] = field(default_factory=dict)
    counting: dict[str, Numbers] = field(default_factory=dict)  # columns that count the rows
    naming: list[str] = field(default_factory=list)  # columns that look like ids of the rows
    rising: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)  # sentences

    def look_at(self, name: str, column: pa.ChunkedArray, numbers: Numbers, is_final: bool) -> None:
        """Record special properties of a numeric column. is_final: the user has named the categorical columns."""
        if (of_column := rounded(column, numbers)) is not None:
            n, example, row = of_column
            self.rounded.append(
                f"{name} has {n:,} whole numbers beyond 2^53, the first {example} in row {row:,}, which 64-bit floats"
                f" round: {self._drop([name])} leaves the column out, {override('data.id', name)} takes it as an id"
            )
        if is_final:
            return
        if names_the_rows(name, numbers):
            self.naming.append(name)
        elif _rises(numbers):
            self.rising.append(name)

    def notes(self, columns: Any, is_final: bool) -> Iterator[str]:
        """Notes about the accepted columns. columns: `adbench.data.reading.columns.Columns`."""
        yield from self.rounded
        for name in self.counting:
            left = "is all there is to learn from" if name in columns.numeric else "is left out"
            carried = f"{override('data.id', name)} carries it into scores.parquet"
            yield f"{name} counts the rows, as an index does, and {left}; {carried}"
        if is_final:
            return
        named = f" ({abbreviated(list(columns.codes))})" if columns.codes else ""
        yield (
            f"proposed {len(columns.numeric)} numeric and {len(columns.codes)} categorical columns{named};"
            f" {override('data.categorical', list(columns.codes))} makes it final"
        )
        if self.naming:
            yield (
                f"{abbreviated(self.naming)} has another whole number in each row, as an id has:"
                f" {self._drop(self.naming)} leaves it out, {override('data.id', self.naming[0])} carries it into"
                " scores.parquet"
            )
        if self.rising:
            yield (
                f"{abbreviated(self.rising)} never falls from row to row: where it is a time or an id,"
                f" {self._drop(self.rising)} leaves it out, {override('data.time', self.rising[0])} takes it as the"
                " time of the rows"
            )

    def refused(self, categories: Sequence[str]) -> DataError:
        """One error about all columns that are unusable as features. categories: the columns that are categories."""
        return DataError(
            f"expected numbers or categories, got {', '.join(_said(self.unfit))}; {'; '.join(self._ways(categories))}"
        )

    def _ways(self, categories: Sequence[str]) -> Iterator[str]:
        all_of_them = list(self.unfit)
        yield f"{self._drop(all_of_them)} leaves {'it' if len(all_of_them) == 1 else 'them'} out"
        if dates := [name for name, one in self.unfit.items() if one.kind == DATES]:
            yield f"{override('data.time', dates[0])} takes {dates[0]} as the time of the rows"
            yield f"a time can be a feature as a number, such as the hour, in place of {abbreviated(dates)}"
        if ids := [name for name, one in self.unfit.items() if one.kind == IDS]:
            yield f"{override('data.id', ids[0])} carries an id into scores.parquet"
        if few := [name for name, one in self.unfit.items() if one.kind != FREE and one.n_values <= MAX_VALUES]:
            takes = "takes texts as categories" if len(few) > 1 else f"takes {few[0]} as categories"
            yield f"{override('data.categorical', [*categories, *few])} {takes}"

    def _drop(self, names: Sequence[str]) -> str:
        return override("data.drop", [*self.dropped, *names])


def _said(unfit: Mapping[str, Unfit]) -> Iterator[str]:
    for name, one in unfit.items():
        yield _WHAT[one.kind].format(name=name, example=shorten(one.example, _LONGEST), n=one.n_values)


def _rises(x: Numbers) -> bool:
    return len(np.unique(x[:1000])) > 50 and bool((np.diff(x) >= 0).all())
