"""Typing of a table's columns as numbers or categories, with missing values marked but not yet filled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.data.base import Features
from adbench.data.reading.cells import MAX_VALUES, Codes, Numbers, categories_of, numbers_of_column, plain
from adbench.data.reading.column_store import ColumnStore
from adbench.data.reading.findings import Findings, Unfit
from adbench.data.reading.kinds import DATES, TEXTS, counts_the_rows, is_time, kind_of_texts
from adbench.data.reading.questions import Questions
from adbench.data.reading.spellings import PLAIN, NumberForm
from adbench.data.reading.tabular import abbreviated
from adbench.errors import ConfigError, DataError
from adbench.text import override

MISSING = "<missing>"  # the category of an empty cell, under data.missing=impute


class Rows(Protocol):
    """Untyped rows: a pyarrow.Table, or one that is read column by column."""

    @property
    def column_names(self) -> list[str]: ...

    def __getitem__(self, name: str) -> pa.ChunkedArray: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Files:
    """The number of rows of each file, in order, and which files belong to the test part."""

    n_rows: tuple[int, ...]
    tested: tuple[bool, ...]

    @property
    def of_both_parts(self) -> bool:
        """True if there are files of the test part and others."""
        return len({*self.tested}) > 1

    @cached_property
    def says(self) -> Any:
        """The rows that decide the type of a column: those of the training files if there are files of both parts,
        otherwise all."""
        return ~np.repeat(self.tested, self.n_rows) if self.of_both_parts else slice(None)

    @property
    def n_saying(self) -> list[int]:
        """The number of deciding rows per deciding file."""
        files = zip(self.n_rows, self.tested, strict=True)
        return [n for n, tested in files if not (tested and self.of_both_parts)]

    def part(self, column: pa.ChunkedArray, tested: bool) -> pa.ChunkedArray:
        """The rows of the files of one part."""
        starts = np.cumsum([0, *self.n_rows])
        files = zip(starts, self.n_rows, self.tested, strict=False)
        slices = [column.slice(start, n) for start, n, of_test in files if of_test == tested]
        return pa.chunked_array([chunk for one in slices for chunk in one.chunks], column.type)


@dataclass(frozen=True)
class Columns:
    """Typed columns. A missing value is NaN among the numbers and -1 among the codes of the categories."""

    store: ColumnStore
    numeric: dict[str, Numbers] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)  # categorical column -> its texts, by code
    n_missing: dict[str, int] = field(default_factory=dict)  # for columns that lack values

    def missing(self, name: str) -> npt.NDArray[np.bool_]:
        """The rows that lack a value in this column."""
        return np.isnan(self.numeric[name]) if name in self.numeric else self.codes[name] < 0

    def add_numbers(self, name: str, numbers: Numbers) -> None:
        """Add a numeric column."""
        self.numeric[name] = self.store.keep(numbers)
        if n := int(np.isnan(numbers).sum()):
            self.n_missing[name] = n

    def add_categories(self, name: str, codes: Codes, values: list[str]) -> None:
        """Add a categorical column."""
        self.codes[name], self.values[name] = self.store.keep(codes), values
        if n := int((codes < 0).sum()):
            self.n_missing[name] = n


def type_columns(
    rows: Rows,
    names: list[str],
    categorical: list[str] | None,
    store: ColumnStore,
    notes: list[str],
    form: NumberForm = PLAIN,
    n_rows: Sequence[int] = (),
    tested: Sequence[bool] = (),
    *,
    questions: Questions,
) -> Columns:
    """Type each column as numbers or categories. Without a list of categorical columns, text columns are proposed as
    categories, which is noted. n_rows: per file. tested: whether a file belongs to the test part.

    If there are files of both parts, the training files alone decide the type of a column: no cell of a test file can
    turn numbers into a category or remove a column; a cell that does not fit is refused. If all files belong to one
    part, the fitted rows are not known yet, and all rows decide.

    questions: collects errors about columns that are neither (mixed numbers and words, times, ids), which are left out.
    """
    with questions.asked():
        _require_columns(categorical or [], names)
    columns, found = Columns(store), Findings(questions.dropped)
    files = Files(tuple(n_rows) or (len(rows),), tuple(tested) or (False,))
    for name in names:
        with questions.asked():
            _take(name, rows[name], categorical, form, files, columns, found)
    if found.unfit:
        questions.errors.append(found.refused([*columns.codes]))
    for name, numbers in found.counting.items() if not columns.numeric and not columns.codes else ():
        columns.add_numbers(name, numbers)
    if not questions.errors:
        notes += found.notes(columns, is_final=categorical is not None)
    return columns


def _require_columns(categorical: list[str], names: list[str]) -> None:
    for name in set(categorical) - set(names):
        raise ConfigError(
            f"expected data.categorical to name feature columns, got {name!r}; there is {abbreviated(names)}"
        )


def _take(
    name: str,
    column: pa.ChunkedArray,
    categorical: list[str] | None,
    form: NumberForm,
    files: Files,
    columns: Columns,
    found: Findings,
) -> None:
    """Add a column to the typed ones, or to the findings."""
    if is_time(column.type) and name not in (categorical or []):
        found.unfit[name] = Unfit(DATES, str(next(iter(column.drop_null()), "nothing")), len(column))
        return
    column = plain(column.cast(pa.string()) if is_time(column.type) else column, name)
    if name in (categorical or []):
        columns.add_categories(name, *categories_of(column, name, form, MAX_VALUES))
    elif categorical is None and pa.types.is_dictionary(column.type):  # declares categories
        _propose(name, *categories_of(column, name, form), files, columns, found, is_final=False)
    elif (numbers := _numbers(name, column, form, files, found.dropped)) is None:
        _propose(name, *categories_of(column, name, form), files, columns, found, is_final=categorical is not None)
    elif counts_the_rows(name, numbers[files.says], files.n_saying):
        found.counting[name] = numbers
    else:
        columns.add_numbers(name, numbers)
        found.look_at(name, column, numbers, is_final=categorical is not None)


def _numbers(
    name: str, column: pa.ChunkedArray, form: NumberForm, files: Files, dropped: Sequence[str]
) -> Numbers | None:
    """The column as numbers; None if the deciding rows hold texts."""
    if not files.of_both_parts:
        return numbers_of_column(column, name, form)
    saying, other = (files.part(column, tested) for tested in (False, True))
    numbers, tested = numbers_of_column(saying, name, form), None
    if numbers is None:
        return None
    if (tested := numbers_of_column(other, name, form, judged_by=saying)) is None:
        example = categories_of(other, name, form)[1][0]
        raise DataError(
            f"expected numbers in column {name!r} of the test file, as in the files to learn from, got texts such as"
            f" {example!r}; {override('data.drop', [*dropped, name])} leaves it out"
        )
    both = np.empty(len(column))
    both[files.says], both[~files.says] = numbers, tested
    return both


def _propose(
    name: str, codes: Codes, values: list[str], files: Files, columns: Columns, found: Findings, is_final: bool
) -> None:
    """Add a text column as categories, unless it is unfit for that or the user has named all categorical columns."""
    saying = codes[files.says]
    said = np.flatnonzero(np.bincount(saying[saying >= 0], minlength=len(values)))
    kind = TEXTS if is_final else kind_of_texts([values[code] for code in said], int((saying >= 0).sum()))
    if kind is None:
        columns.add_categories(name, codes, values)
    else:
        found.unfit[name] = Unfit(kind, values[said[0]], len(said))


def to_features(columns: Columns, kept: npt.NDArray[np.bool_], fill: bool) -> Features:
    """The columns as arrays, restricted to the kept rows. fill: add, for each numeric column with missing values, a 0/1
    column `<name> is missing`, which the protocol removes if no fit row has a 1 in it.

    A missing number is filled with 0, which depends on no row: a median would have to be that of the fit rows, which
    are unknown before the protocol has drawn them. A missing category becomes the value <missing>.
    """
    everything = bool(kept.all())
    n_rows = int(np.count_nonzero(kept))
    gaps = [name for name in columns.numeric if fill and columns.missing(name)[kept].any()]
    indicators = [_indicator(name, columns) for name in gaps]

    def numbers() -> Iterator[Numbers]:
        for name, values in columns.numeric.items():
            taken = values if everything else values[kept]
            yield np.where(np.isnan(taken), 0.0, taken) if name in gaps else taken
        for name in gaps:
            yield columns.missing(name)[kept].astype(np.float64)

    vocabularies: dict[str, tuple[str, ...]] = {}

    def codes() -> Iterator[Codes]:
        for name, of_name in columns.codes.items():
            found, values = _in_order(of_name if everything else of_name[kept], columns.values[name])
            vocabularies[name] = tuple(values)
            yield found

    names = (*columns.numeric, *indicators)
    x = columns.store.matrix(numbers(), (n_rows, len(names)), np.float64, as_kept=everything and not gaps)
    whole = everything and not any(name in columns.codes for name in columns.n_missing)
    if whole:
        vocabularies |= {name: tuple(values) for name, values in columns.values.items()}
    encoded = columns.store.matrix(
        columns.codes.values() if whole else codes(), (n_rows, len(columns.codes)), np.int32, as_kept=whole
    )
    return Features(x, names, encoded, vocabularies)


def _in_order(codes: Codes, values: list[str]) -> tuple[Codes, list[str]]:
    """The codes reordered by first occurrence of their values; a missing value counts as a value."""
    values = [*values, MISSING]
    absent = values.index(MISSING)  # which can also occur as a text
    found = np.where(codes < 0, absent, codes)
    first = np.full(len(values), len(found))
    first[found[::-1]] = np.arange(len(found))[::-1]  # the last assignment wins: the first occurrence in the column
    order = [code for code in np.argsort(first, kind="stable") if first[code] < len(found)]
    place = np.zeros(len(values), dtype=np.int32)
    place[order] = np.arange(len(order))
    return place[found], [values[code] for code in order]


def _indicator(name: str, columns: Columns) -> str:
    indicator = f"{name} is missing"
    if indicator in columns.numeric:
        raise DataError(f"expected no column of the name {indicator!r}, which adbench adds, got one; rename it")
    return indicator
