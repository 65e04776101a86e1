"""Columns as they were read -> numbers and categories, with what is missing marked and not yet filled."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.data.read_rows import some
from adbench.data.stores import Store
from adbench.data.table import Features
from adbench.errors import ConfigError, DataError

MISSING = "<missing>"  # the category of an empty cell, under data.missing=impute
# What stands for nothing in a column of numbers, beside an empty cell; in a column of texts these are texts.
MISSING_NUMBERS = ("na", "n/a", "#n/a", "nan", "null", "none", "?")
# More distinct texts than this are taken for times, names or ids, unless the column is named as categorical.
MAX_PROPOSED_VALUES = 1_000
MAX_VALUES = 10_000  # each becomes a column of the detector's input

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"

_log = logging.getLogger(__name__)

Numbers = npt.NDArray[np.float64]  # (rows,)
Codes = npt.NDArray[np.int32]  # (rows,)


class Rows(Protocol):
    """Rows as they were read: a pyarrow.Table, or one that is read a column at a time."""

    @property
    def column_names(self) -> list[str]: ...

    def __getitem__(self, name: str) -> pa.ChunkedArray: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Columns:
    """What is missing is NaN among the numbers and -1 among the codes of the categories."""

    store: Store
    numeric: dict[str, Numbers] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)  # categorical column -> its texts, by their codes
    n_missing: dict[str, int] = field(default_factory=dict)  # of the columns that lack a value somewhere

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


def type_columns(rows: Rows, names: list[str], categorical: list[str] | None, store: Store) -> Columns:
    """Numbers and categories, one column after the other. Without a list of the categorical columns, texts are
    categories, and that is said.

    Raises DataError for a column that is neither: of both numbers and words, of times, of ids.
    """
    for name in categorical or []:
        if name not in names:
            raise ConfigError(
                f"expected data.categorical to name feature columns, got {name!r}; there is {some(names)}"
            )
    columns, rising = Columns(store), []
    for name in names:
        column = _plain(rows[name], name)
        if name in (categorical or []):
            columns.add_categories(name, *_categories(column, name, MAX_VALUES))
        elif (numbers := _numbers(column, name)) is not None:
            columns.add_numbers(name, numbers)
            rising += [name] if categorical is None and _rises(numbers) else []
        elif categorical is None:
            columns.add_categories(name, *_categories(column, name, _proposable(len(column))))
        else:
            example = next(text for chunk in column.chunks for text in texts(chunk).drop_null()[:1].to_pylist())
            raise DataError(
                f"expected numbers in column {name!r}, got {example!r}; name it in data.categorical or in data.drop"
            )
    if categorical is None:
        _propose(columns, rising)
    return columns


def to_features(columns: Columns, kept: npt.NDArray[np.bool_], fill: bool) -> Features:
    """The columns as arrays, of the rows that are kept. fill: give each numeric column with missing values a 0/1 column
    `<name> is missing`.

    A missing number is filled with 0, which depends on no row: a median would have to be one of the fit rows, which
    nobody knows before the protocol has drawn them. A missing category is the value <missing>.
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
    """Codes in the order in which their values occur first; what is missing is a value, too."""
    values = [*values, MISSING]
    absent = values.index(MISSING)  # which may also stand there as a text
    found = np.where(codes < 0, absent, codes)
    first = np.full(len(values), len(found))
    first[found[::-1]] = np.arange(len(found))[::-1]  # the last to be assigned, so the first in the column
    order = [code for code in np.argsort(first, kind="stable") if first[code] < len(found)]
    place = np.zeros(len(values), dtype=np.int32)
    place[order] = np.arange(len(order))
    return place[found], [values[code] for code in order]


def _indicator(name: str, columns: Columns) -> str:
    indicator = f"{name} is missing"
    if indicator in columns.numeric:
        raise DataError(f"expected no column of the name {indicator!r}, which adbench adds, got one; rename it")
    return indicator


def texts(column: Any) -> pa.Array:
    """A column as texts, whole numbers without a fraction; an empty text is missing."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    text = array.cast(pa.string())
    if pa.types.is_floating(array.type):
        text = pc.replace_substring_regex(text, r"\.0+$", "")
    return pc.if_else(pc.equal(text, ""), None, text)


def _plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Refuse what is neither numbers nor texts, whichever way the file stores them."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if is_number or pa.types.is_null(kind) or _is_text(column):
        return column
    raise DataError(
        f"expected numbers, texts or booleans in column {name!r}, got {kind}; leave it out by data.drop=[{name}],"
        " or write it as a number"
    )


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def _numbers(column: pa.ChunkedArray, name: str) -> Numbers | None:
    """The column as finite numbers, NaN where one is missing; None when it holds texts and no number at all."""
    values = _parsed(column, name) if _is_text(column) else _filled(column, _as_numbers)
    if values is None:
        return None
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"expected finite numbers in column {name!r}, got {values[row]} in row {row + 1:,}"
            f" ({int(infinite.sum()):,} such values); correct them, empty them, or data.drop=[{name}]"
        )
    return values


def _filled(column: pa.ChunkedArray, numbers_of: Callable[[pa.Array], pa.Array]) -> Numbers:
    values, start = np.empty(len(column)), 0
    for chunk in column.chunks:
        values[start : start + len(chunk)] = numbers_of(chunk).to_numpy(zero_copy_only=False)
        start += len(chunk)
    return values


def _as_numbers(chunk: pa.Array) -> pa.Array:
    return (chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk).cast(pa.float64(), safe=False)


def _as_they_stand(chunk: pa.Array) -> pa.Array:
    return texts(chunk).cast(pa.float64())  # nearly always enough, and three times as fast


def _given(chunk: pa.Array) -> pa.Array:
    """Texts without the spaces around them and without those that stand for nothing."""
    trimmed = pc.utf8_trim_whitespace(texts(chunk))
    absent = pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_NUMBERS]))
    return pc.if_else(absent, None, trimmed)


def _as_given(chunk: pa.Array) -> pa.Array:
    return _given(chunk).cast(pa.float64())


def _without_plus(chunk: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(_given(chunk), r"^\+", "").cast(pa.float64())


def _parsed(column: pa.ChunkedArray, name: str) -> Numbers | None:
    # A reading is that of the whole column: what one part of it says decides for all.
    for numbers_of in (_as_they_stand, _as_given):
        try:
            return _filled(column, numbers_of)
        except pa.ArrowInvalid:
            pass
    n_numbers = n_given = start = 0
    word, row, has_commas = None, 0, True
    for chunk in column.chunks:
        given = _given(chunk)
        is_number = pc.fill_null(pc.match_substring_regex(given, _NUMBER), False)
        is_word = pc.and_(pc.is_valid(given), pc.invert(is_number))
        n_numbers += pc.sum(is_number).as_py() or 0
        n_given += len(given) - given.null_count
        if word is None and (place := pc.index(is_word, True).as_py()) >= 0:
            word, row = given[place].as_py(), start + place
        has_commas &= pc.all(pc.match_substring_regex(given, _DECIMAL_COMMA)).as_py() is not False
        start += len(chunk)
    if n_numbers == n_given:  # a leading plus sign is all that the cast does not know
        return _filled(column, _without_plus)
    if n_numbers:
        raise DataError(
            f"expected numbers or words in column {name!r}, got both: {n_numbers:,} numbers, and {word!r}"
            f" in row {row + 1:,}; correct the cells, or name it, with the other columns of text, in data.categorical"
        )
    if has_commas:
        raise DataError(
            f"expected a decimal point in column {name!r}, got {word!r}; write the file with decimal"
            " points, or name the column in data.categorical"
        )
    return None


def _proposable(n_rows: int) -> int:
    return min(MAX_PROPOSED_VALUES, max(50, n_rows // 2))


def _categories(column: pa.ChunkedArray, name: str, limit: int) -> tuple[Codes, list[str]]:
    """The code of each row, -1 where it is missing, and the texts of the codes in the order of their first rows."""
    place: dict[str, int] = {}
    codes, start = np.empty(len(column), dtype=np.int32), 0
    for chunk in column.chunks:
        encoded = texts(chunk).dictionary_encode()
        of_chunk = np.array([place.setdefault(text, len(place)) for text in encoded.dictionary.to_pylist()] + [-1])
        codes[start : start + len(chunk)] = of_chunk[pc.fill_null(encoded.indices, -1).to_numpy()]
        start += len(chunk)
    if len(place) > limit:
        remedy = "" if limit == MAX_VALUES else f", or name it in data.categorical (up to {MAX_VALUES:,} values)"
        raise DataError(
            f"expected at most {limit:,} different texts in column {name!r}, got {len(place):,} such as"
            f" {next(iter(place))!r}, as in a time, a name or an id; leave it out by"
            f" data.drop=[{name}]{remedy}"
        )
    return codes, list(place)


def _propose(columns: Columns, rising: list[str]) -> None:
    _log.warning(
        "adbench: proposed %d numeric and %d categorical columns%s; data.categorical=[%s] makes it final",
        len(columns.numeric),
        len(columns.codes),
        f" ({some(list(columns.codes))})" if columns.codes else "",
        ",".join(columns.codes),
    )
    if rising:
        _log.warning(
            "adbench: %s never falls from row to row: where it is a time or an id, data.drop=[%s] leaves it out",
            some(rising),
            ",".join(rising),
        )


def _rises(x: npt.NDArray[np.float64]) -> bool:
    return len(np.unique(x[:1000])) > 50 and bool((np.diff(x) >= 0).all())
