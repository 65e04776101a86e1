"""One column as it was read -> numbers, or the codes of its texts; whatever could be meant in two ways is refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.errors import DataError
from adbench.text import override

# What stands for nothing, beside an empty cell, in small letters.
MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "none", "?", "-")
# More distinct texts than this are taken for times, names or ids, unless the column is named as categorical.
MAX_PROPOSED_VALUES = 1_000
MAX_VALUES = 10_000  # each becomes a column of the detector's input

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_GROUPED = r"^[+-]?\d{1,3}(([,' ’\x{00A0}]\d{3})+(\.\d+)?|(\.\d{3}){2,}(,\d+)?)$"  # thousands kept apart
_MEASURED = r"^([+-]?\d[\d.,]* ?(%|[A-Za-zµ°]{1,4})|[$€£] ?[\d.,]+|0[xX][0-9a-fA-F]+)$"  # a unit, percent, hexadecimal
MOSTLY = 0.9  # of the texts of a column, from which on they are numbers in another spelling
FURTHEST = 1e150  # of a number: the square of one beyond it is none any more
EXACT = 2.0**53  # whole numbers beyond it are rounded

DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"comma": ",", "point": ".", "space": " ", "apostrophe": "'"}

Numbers = npt.NDArray[np.float64]  # (rows,)
Codes = npt.NDArray[np.int32]  # (rows,)


@dataclass(frozen=True)
class NumberForm:
    """How numbers are written in texts, as far as the user says it: see DECIMALS and THOUSANDS.

    infinite: whether what is infinite counts as missing.
    """

    decimal: str = "point"
    thousands: str | None = None
    infinite: bool = False

    def plain(self, text: pa.Array) -> pa.Array:
        """The texts with a decimal point and nothing between thousands."""
        if self.thousands is not None:
            separators = [THOUSANDS[self.thousands]] + (["\u00a0", "\u202f"] if self.thousands == "space" else [])
            for separator in separators:
                text = pc.replace_substring(text, separator, "")
        return pc.replace_substring(text, ",", ".") if self.decimal == "comma" else text


PLAIN = NumberForm()


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


def words(column: Any) -> pa.Array:
    """A column as texts, each in one spelling, which labels, kinds and categories share.

    Blanks around a text do not belong to it; 6.0 is 6, and True is true; what stands for nothing is missing.
    """
    encoded = texts(column).dictionary_encode()
    return pa.array([word(text) for text in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def word(text: str) -> str | None:
    """The one spelling of a text; None where it stands for nothing."""
    text = text.strip()
    small = text.lower()
    if small in ("", *MISSING_WORDS):
        return None
    if small in ("true", "false"):
        return small
    return re.sub(r"^([+-]?[0-9]+)\.0+$", r"\1", text)


def plain(column: pa.ChunkedArray, name: str, remedy: str | None = None) -> pa.ChunkedArray:
    """Refuse what is neither numbers nor texts, whichever way the file stores them. remedy: what to do instead of
    leaving the column out.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if is_number or pa.types.is_null(kind) or _is_text(column):
        return column
    remedy = remedy or f"leave it out by {override('data.drop', [name])}, or write it as a number"
    raise DataError(f"expected numbers, texts or booleans in column {name!r}, got {kind}; {remedy}")


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def numbers_of_column(column: pa.ChunkedArray, name: str, form: NumberForm = PLAIN) -> Numbers | None:
    """The column as finite numbers, NaN where one is missing; None when it holds texts and no number at all."""
    values = _parsed(column, name, form) if _is_text(column) else _filled(column, _as_numbers)
    if values is None:
        return None
    infinite = np.isinf(values)
    if form.infinite:
        values[infinite] = np.nan
    elif infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"expected finite numbers in column {name!r}, got {values[row]} in row {row + 1:,}"
            f" ({int(infinite.sum()):,} such values); data.infinite=missing takes them for missing,"
            f" {override('data.drop', [name])} leaves the column out"
        )
    far = np.abs(values) > FURTHEST
    if far.any():
        row = int(np.argmax(far))
        raise DataError(
            f"expected numbers whose squares can be computed in column {name!r}, got {values[row]:g} in row {row + 1:,}"
            f" ({int(far.sum()):,} such values), as what stands for infinite; empty them, or"
            f" {override('data.drop', [name])}"
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
    absent = pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_WORDS]))
    return pc.if_else(absent, None, trimmed)


def _as_given(chunk: pa.Array) -> pa.Array:
    return _given(chunk).cast(pa.float64())


def _without_plus(chunk: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(_given(chunk), r"^\+", "").cast(pa.float64())


def _parsed(column: pa.ChunkedArray, name: str, form: NumberForm) -> Numbers | None:
    # A reading is that of the whole column: what one part of it says decides for all.
    if form.decimal != PLAIN.decimal or form.thousands is not None:
        try:
            return _filled(column, lambda chunk: form.plain(_given(chunk)).cast(pa.float64()))
        except pa.ArrowInvalid:
            pass  # a column of texts, or of numbers as they are written everywhere
    for numbers_of in (_as_they_stand, _as_given):
        try:
            return _filled(column, numbers_of)
        except pa.ArrowInvalid:
            pass
    n_numbers = n_given = n_grouped = n_measured = start = 0
    word, row, has_commas = None, 0, True
    for chunk in column.chunks:
        given = _given(chunk)
        is_number = pc.fill_null(pc.match_substring_regex(given, _NUMBER), False)
        is_word = pc.and_(pc.is_valid(given), pc.invert(is_number))
        n_numbers += pc.sum(is_number).as_py() or 0
        n_grouped += pc.sum(pc.match_substring_regex(given, _GROUPED)).as_py() or 0
        n_measured += pc.sum(pc.match_substring_regex(given, _MEASURED)).as_py() or 0
        n_given += len(given) - given.null_count
        if word is None and (place := pc.index(is_word, True).as_py()) >= 0:
            word, row = given[place].as_py(), start + place
        has_commas &= pc.all(pc.match_substring_regex(given, _DECIMAL_COMMA)).as_py() is not False
        start += len(chunk)
    if n_numbers == n_given:  # a leading plus sign is all that the cast does not know
        return _filled(column, _without_plus)
    _require_plain_numbers(name, word, row, (n_numbers, n_grouped, n_measured), n_given)
    if n_numbers:
        raise DataError(
            f"expected numbers or words in column {name!r}, got both: {n_numbers:,} numbers, and {word!r}"
            f" in row {row + 1:,}; correct the cells, or name it, with the other columns of text, in data.categorical"
        )
    if has_commas:
        raise DataError(
            f"expected a decimal point in column {name!r}, got {word!r}; write data.decimal=comma, or name the column"
            " in data.categorical"
        )
    return None


def _require_plain_numbers(name: str, word: str | None, row: int, found: tuple[int, int, int], n_given: int) -> None:
    """Raise DataError for a column that is nearly all numbers, written in a way that can be meant in two."""
    n_numbers, n_grouped, n_measured = found
    if n_grouped and n_numbers + n_grouped >= MOSTLY * n_given:
        raise DataError(
            f"expected plain numbers in column {name!r}, got {word!r} in row {row + 1:,}, as with separators of"
            " thousands; write data.thousands=comma (or point, space, apostrophe), or name it in data.categorical"
        )
    if n_measured and n_numbers + n_measured >= MOSTLY * n_given:
        raise DataError(
            f"expected plain numbers in column {name!r}, got {word!r} in row {row + 1:,}, as with a unit, percent or"
            f" hexadecimal; write them as numbers, name it in data.categorical, or {override('data.drop', [name])}"
        )


def proposable(n_rows: int) -> int:
    return min(MAX_PROPOSED_VALUES, max(50, n_rows // 2))


def categories_of(column: pa.ChunkedArray, name: str, limit: int) -> tuple[Codes, list[str]]:
    """The code of each row, -1 where it is missing, and the texts of the codes in the order of their first rows."""
    place: dict[str, int] = {}
    codes, start = np.empty(len(column), dtype=np.int32), 0
    for chunk in column.chunks:
        encoded = texts(chunk).dictionary_encode()
        spelled = [word(text) for text in encoded.dictionary.to_pylist()]
        of_chunk = np.array([-1 if text is None else place.setdefault(text, len(place)) for text in spelled] + [-1])
        codes[start : start + len(chunk)] = of_chunk[pc.fill_null(encoded.indices, -1).to_numpy()]
        start += len(chunk)
    if len(place) > limit:
        remedy = "" if limit == MAX_VALUES else f", or name it in data.categorical (up to {MAX_VALUES:,} values)"
        raise DataError(
            f"expected at most {limit:,} different texts in column {name!r}, got {len(place):,} such as"
            f" {next(iter(place))!r}, as in a time, a name or an id; leave it out by"
            f" {override('data.drop', [name])}{remedy}"
        )
    return codes, list(place)
