"""Columns as they were read -> numbers and categories, with what is missing marked and not yet filled."""

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.data.read_rows import some
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


@dataclass(frozen=True)
class Columns:
    """What is missing is NaN among the numbers and null among the categories."""

    numeric: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    categorical: dict[str, pa.Array] = field(default_factory=dict)  # of texts

    def take(self, kept: npt.NDArray[np.bool_]) -> "Columns":
        """Only the rows where `kept` is true."""
        mask = pa.array(kept)
        return Columns(
            {name: values[kept] for name, values in self.numeric.items()},
            {name: values.filter(mask) for name, values in self.categorical.items()},
        )

    def missing(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Of each column that lacks a value somewhere: which rows lack it."""
        found = {name: np.isnan(values) for name, values in self.numeric.items()}
        found |= {name: values.is_null().to_numpy(zero_copy_only=False) for name, values in self.categorical.items()}
        return {name: rows for name, rows in found.items() if rows.any()}


def type_columns(table: pa.Table, categorical: list[str] | None) -> Columns:
    """Numbers and categories. Without a list of the categorical columns, texts are categories, and that is said.

    Raises DataError for a column that is neither: of both numbers and words, of times, of ids.
    """
    for name in categorical or []:
        if name not in table.column_names:
            raise ConfigError(
                f"expected data.categorical to name feature columns, got {name!r}; there is {some(table.column_names)}"
            )
    columns = Columns()
    for name in table.column_names:
        column = _plain(table[name].combine_chunks(), name)
        if name in (categorical or []):
            columns.categorical[name] = _categories(column, name, MAX_VALUES)
        elif (numbers := _numbers(column, name)) is not None:
            columns.numeric[name] = numbers
        elif categorical is None:
            columns.categorical[name] = _categories(column, name, _proposable(len(column)))
        else:
            example = pc.drop_null(column)[0].as_py()
            raise DataError(
                f"expected numbers in column {name!r}, got {example!r}; name it in data.categorical or in data.drop"
            )
    if categorical is None:
        _propose(columns)
    return columns


def to_features(columns: Columns, fill: bool) -> Features:
    """The columns as arrays. fill: give each numeric column with missing values a 0/1 column `<name> is missing`.

    A missing number is filled with 0, which depends on no row: a median would have to be one of the fit rows, which
    nobody knows before the protocol has drawn them. A missing category is the value <missing>.
    """
    numeric = dict(columns.numeric)
    if fill:
        for name, values in columns.numeric.items():
            if (absent := np.isnan(values)).any():
                numeric[name] = np.where(absent, 0.0, values)
                _add_indicator(numeric, name, absent)
    n_rows = len(next(iter([*numeric.values(), *columns.categorical.values()])))
    encoded = {
        name: (pc.fill_null(values, MISSING) if fill else values).dictionary_encode()
        for name, values in columns.categorical.items()
    }
    x = np.empty((n_rows, len(numeric)), order="F")
    codes = np.empty((n_rows, len(encoded)), dtype=np.int32, order="F")
    for i, values in enumerate(numeric.values()):
        x[:, i] = values
    for i, values in enumerate(encoded.values()):
        codes[:, i] = values.indices.to_numpy()
    vocabularies = {name: tuple(values.dictionary.to_pylist()) for name, values in encoded.items()}
    return Features(x, tuple(numeric), codes, vocabularies)


def _add_indicator(numeric: dict[str, npt.NDArray[np.float64]], name: str, absent: npt.NDArray[np.bool_]) -> None:
    indicator = f"{name} is missing"
    if indicator in numeric:
        raise DataError(f"expected no column of the name {indicator!r}, which adbench adds, got one; rename it")
    numeric[indicator] = absent.astype(np.float64)


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


def _plain(column: Any, name: str) -> pa.Array:
    """Texts as texts and numbers as numbers, whichever way the file stores them."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return texts(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return column
    raise DataError(
        f"expected numbers, texts or booleans in column {name!r}, got {kind}; leave it out by data.drop=[{name}],"
        " or write it as a number"
    )


def _numbers(column: pa.Array, name: str) -> npt.NDArray[np.float64] | None:
    """The column as finite numbers, NaN where one is missing; None when it holds texts and no number at all."""
    if pa.types.is_string(column.type):
        found = _parsed(column, name)
        if found is None:
            return None
        column = found
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(
            f"expected finite numbers in column {name!r}, got {values[row]} in row {row + 1:,}"
            f" ({int(np.isinf(values).sum()):,} such values); correct them, empty them, or data.drop=[{name}]"
        )
    return values


def _parsed(column: pa.Array, name: str) -> pa.Array | None:
    try:
        return column.cast(pa.float64())  # nearly always enough, and three times as fast
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(column)
    absent = pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_NUMBERS]))
    given = pc.if_else(absent, None, trimmed)
    try:
        return given.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    is_number = pc.fill_null(pc.match_substring_regex(given, _NUMBER), False)
    n_numbers, n_given = pc.sum(is_number).as_py(), len(given) - given.null_count
    if n_numbers == n_given:  # a leading plus sign is all that the cast does not know
        return pc.replace_substring_regex(given, r"^\+", "").cast(pa.float64())
    is_word = pc.and_(pc.is_valid(given), pc.invert(is_number))
    row = pc.index(is_word, True).as_py()
    if n_numbers:
        raise DataError(
            f"expected numbers or words in column {name!r}, got both: {n_numbers:,} numbers, and {given[row].as_py()!r}"
            f" in row {row + 1:,}; correct the cells, or name it, with the other columns of text, in data.categorical"
        )
    if pc.all(pc.match_substring_regex(given, _DECIMAL_COMMA)).as_py():
        raise DataError(
            f"expected a decimal point in column {name!r}, got {given[row].as_py()!r}; write the file with decimal"
            " points, or name the column in data.categorical"
        )
    return None


def _proposable(n_rows: int) -> int:
    return min(MAX_PROPOSED_VALUES, max(50, n_rows // 2))


def _categories(column: pa.Array, name: str, limit: int) -> pa.Array:
    text = texts(column)
    n_values = pc.count_distinct(text).as_py()
    if n_values > limit:
        remedy = "" if limit == MAX_VALUES else f", or name it in data.categorical (up to {MAX_VALUES:,} values)"
        raise DataError(
            f"expected at most {limit:,} different texts in column {name!r}, got {n_values:,} such as"
            f" {pc.drop_null(text)[0].as_py()!r}, as in a time, a name or an id; leave it out by"
            f" data.drop=[{name}]{remedy}"
        )
    return text


def _propose(columns: Columns) -> None:
    rising = [name for name, x in columns.numeric.items() if _rises(x)]
    _log.warning(
        "adbench: proposed %d numeric and %d categorical columns%s; data.categorical=[%s] makes it final",
        len(columns.numeric),
        len(columns.categorical),
        f" ({some(list(columns.categorical))})" if columns.categorical else "",
        ",".join(columns.categorical),
    )
    if rising:
        _log.warning(
            "adbench: %s never falls from row to row: where it is a time or an id, data.drop=[%s] leaves it out",
            some(rising),
            ",".join(rising),
        )


def _rises(x: npt.NDArray[np.float64]) -> bool:
    return len(np.unique(x[:1000])) > 50 and bool((np.diff(x) >= 0).all())
