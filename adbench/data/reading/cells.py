"""One column as it was read -> numbers, or the codes of its texts; whatever could be meant in two ways is refused."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.data.reading.questions import CellsError
from adbench.errors import DataError
from adbench.text import override

# What stands for nothing, beside an empty cell, in small letters.
MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "none", "?", "-")
MAX_VALUES = 10_000  # each becomes a column of the detector's input

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_FRACTION = r"^[+-]?(\d*,(\d{1,2}|\d{4,})|(\d{4,}|0),\d+)$"  # its comma can be none between thousands
_POINT_FRACTION = _FRACTION.replace(",(", r"\.(").replace("0),", r"0)\.")
# Thousands kept apart, and the fraction that may follow. A single point before three digits may be a decimal point.
_GROUPED = (
    r"^[+-]?[1-9]\d{0,2}"
    r"((,\d{3})+(\.\d+)?|([' \x{2019}\x{00A0}\x{202F}]\d{3})+([.,]\d+)?|(\.\d{3}){2,}(,\d+)?|\.\d{3},\d+)$"
)
_MEASURED = r"^([+-]?\d[\d.,]* ?(%|[A-Za-zµ°]{1,4})|[$€£] ?[\d.,]+|0[xX][0-9a-fA-F]+)$"  # a unit, percent, hexadecimal
MOSTLY = 0.9  # of the texts of a column, from which on they are numbers in another spelling
FURTHEST = 1e150  # of a number: the square of one beyond it is none any more
MAX_WORDS = 5  # that a sentence names, for them to be taken for missing
EXACT = 2.0**53  # whole numbers beyond it are rounded

DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"comma": ",", "point": ".", "space": " \u00a0\u202f", "apostrophe": "'\u2019"}

Numbers = npt.NDArray[np.float64]  # (rows,)
Codes = npt.NDArray[np.int32]  # (rows,)


@dataclass(frozen=True)
class NumberForm:
    """How numbers are written in texts, as far as the user says it: see DECIMALS and THOUSANDS.

    infinite: whether what is infinite counts as missing. missing: further words for what is missing, in small letters.
    """

    decimal: str = "point"
    thousands: str | None = None
    infinite: bool = False
    missing: tuple[str, ...] = ()

    def plain(self, text: pa.Array) -> pa.Array:
        """The texts with a decimal point and nothing between thousands."""
        if self.thousands is not None:
            # Only where they do keep thousands apart: 0.2973 stays what it is, whatever other columns need.
            separators = "".join(map(re.escape, THOUSANDS[self.thousands]))
            fraction = ",." if self.thousands in ("space", "apostrophe") else DECIMALS[self.decimal]
            grouped = pc.match_substring_regex(
                text, rf"^[+-]?[1-9]\d{{0,2}}([{separators}]\d{{3}})+([{fraction}]\d+)?$"
            )
            joined = pc.replace_substring_regex(text, f"[{separators}]", "")
            text = pc.if_else(grouped, pc.replace_substring(joined, ",", "."), text)
        return pc.replace_substring(text, ",", ".") if self.decimal == "comma" else text

    @property
    def missing_numbers(self) -> list[float]:
        """Those of the words for what is missing that are numbers."""
        return [float(word) for word in self.missing if re.fullmatch(_NUMBER, word)]


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


def ids_of(column: Any) -> pa.Array:
    """What a column calls each row: whole numbers where it has no others, else its texts as they stand."""
    text = texts(column)
    try:
        numbers = text.cast(pa.int64())
    except pa.ArrowInvalid:
        return text
    return numbers if numbers.cast(pa.string()).equals(text) else text


def words(column: Any) -> pa.Array:
    """A column as texts, each in one spelling, which labels, kinds and categories share.

    Blanks around a text do not belong to it; 6.0 is 6, and True is true; what stands for nothing is missing.
    """
    encoded = texts(column).dictionary_encode()
    return pa.array([word(text) for text in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def word(text: str, missing: tuple[str, ...] = ()) -> str | None:
    """The one spelling of a text; None where it stands for nothing, as further words do, in small letters."""
    text = text.strip()
    small = text.lower()
    if small in ("", *MISSING_WORDS, *missing):
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
    if remedy is not None:
        raise DataError(f"expected numbers, texts or booleans in column {name!r}, got {kind}; {remedy}")
    raise CellsError(
        "nested",
        name,
        lambda columns, drop, _: (
            f"expected numbers, texts or booleans in {columns}, got {kind}; leave {_it(columns)}"
            f" out by {drop}, or write {_it(columns)} as numbers"
        ),
    )


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def numbers_of_column(column: pa.ChunkedArray, name: str, form: NumberForm = PLAIN) -> Numbers | None:
    """The column as finite numbers, NaN where one is missing; None when it holds texts and no number at all."""
    values = _parsed(column, name, form) if _is_text(column) else _filled(column, _as_numbers)
    if values is None:
        return None
    if form.missing_numbers:
        values[np.isin(values, form.missing_numbers)] = np.nan
    infinite = np.isinf(values)
    if form.infinite:
        values[infinite] = np.nan
    elif infinite.any():
        row = int(np.argmax(infinite))
        got = f"got {values[row]} in row {row + 1:,}"
        n = f" ({int(infinite.sum()):,} such values)"
        raise CellsError(
            "infinite",
            name,
            lambda columns, drop, _: (
                f"expected finite numbers in {columns}, {got}{n if _it(columns) == 'it' else ''};"
                f" data.infinite=missing takes them for missing, {drop} leaves {_it(columns)} out"
            ),
        )
    far = np.abs(values) > FURTHEST
    if far.any():
        row = int(np.argmax(far))
        got = f"got {values[row]:g} in row {row + 1:,} ({int(far.sum()):,} such values)"
        raise CellsError(
            "far",
            name,
            lambda columns, drop, _: (
                f"expected numbers whose squares can be computed in {columns}, {got}, as what"
                f" stands for infinite; empty them, or {drop}"
            ),
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


def _given(chunk: pa.Array, form: NumberForm) -> pa.Array:
    """Texts without the spaces around them and without those that stand for nothing."""
    trimmed = pc.utf8_trim_whitespace(texts(chunk))
    absent = pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_WORDS, *form.missing]))
    return pc.if_else(absent, None, trimmed)


def _parsed(column: pa.ChunkedArray, name: str, form: NumberForm) -> Numbers | None:
    # A reading is that of the whole column: what one part of it says decides for all.
    says_how = form.decimal != PLAIN.decimal or form.thousands is not None
    # A column with 0.2973 in it has points before fractions, 0.297 in it too.
    if form.thousands == "point" and any(_count(_given(chunk, form), _POINT_FRACTION) for chunk in column.chunks):
        says_how = False
    ways: list[Callable[[pa.Array], pa.Array]] = [
        *([lambda chunk: form.plain(_given(chunk, form)).cast(pa.float64())] if says_how else []),
        _as_they_stand,
        lambda chunk: _given(chunk, form).cast(pa.float64()),
    ]
    for numbers_of in ways:
        try:
            return _filled(column, numbers_of)
        except pa.ArrowInvalid:
            pass
    found = _Found.of(column, form)
    if found.n_numbers == found.n_given:  # a leading plus sign is all that the cast does not know

        def without_plus(chunk: pa.Array) -> pa.Array:
            return pc.replace_substring_regex(form.plain(_given(chunk, form)), r"^\+", "").cast(pa.float64())

        return _filled(column, without_plus)
    _require_plain_numbers(name, found, form)
    return None


@dataclass
class _Found:
    """How many texts of a column are numbers, and how many are written as numbers are elsewhere."""

    n_given: int = 0
    n_numbers: int = 0
    n_commas: int = 0  # 1,5
    n_fractions: int = 0  # of these, those that can be no thousands: 1,5
    n_grouped: int = 0  # 1,250,000
    thousands: str = ""  # what keeps these apart, of THOUSANDS
    n_measured: int = 0  # 12 kB
    word: str = ""  # the first text that is no number
    row: int = 0  # its row
    words: dict[str, None] = field(default_factory=dict)  # the first different texts that are no numbers

    @classmethod
    def of(cls, column: pa.ChunkedArray, form: NumberForm) -> "_Found":
        found, start = cls(), 0
        for chunk in column.chunks:
            given = _given(chunk, form)
            is_number = pc.fill_null(pc.match_substring_regex(form.plain(given), _NUMBER), False)
            is_word = pc.and_(pc.is_valid(given), pc.invert(is_number))
            found.n_given += len(given) - given.null_count
            found.n_numbers += pc.sum(is_number).as_py() or 0
            others = given.filter(is_word)
            found.n_commas += _count(others, _DECIMAL_COMMA)
            found.n_fractions += _count(others, _FRACTION)
            found.n_grouped += _count(others, _GROUPED)
            if found.n_grouped and not found.thousands:
                found.thousands = _separator(others)
            found.n_measured += _count(others, _MEASURED)
            if not found.words and (place := pc.index(is_word, True).as_py()) >= 0:
                found.word, found.row = given[place].as_py(), start + place + 1
            if len(found.words) <= MAX_WORDS:
                found.words |= dict.fromkeys(pc.unique(given.filter(is_word))[: MAX_WORDS + 1].to_pylist())
            start += len(chunk)
        return found


def _count(given: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(given, pattern)).as_py() or 0


def _separator(given: pa.Array) -> str:
    """What keeps the thousands apart in the first text that has them."""
    first = given[pc.index(pc.match_substring_regex(given, _GROUPED), True).as_py()].as_py()
    character = first.lstrip("+-0123456789")[0]
    return next(name for name, characters in THOUSANDS.items() if character in characters)


def _require_plain_numbers(name: str, found: _Found, form: NumberForm) -> None:
    """Raise CellsError for a column of texts that has numbers, or is nearly all numbers in another spelling."""
    where = f"{found.word!r} in row {found.row:,}"
    alike = found.n_numbers + found.n_commas + found.n_grouped + found.n_measured >= MOSTLY * found.n_given
    if found.n_grouped and alike and not found.n_fractions and form.thousands is None:
        raise CellsError(
            f"thousands by {found.thousands}",
            name,
            lambda columns, _, __: (
                f"expected plain numbers in {columns}, got {where}, as with separators of"
                f" thousands; write data.thousands={found.thousands}, or name {_it(columns)} in data.categorical"
            ),
        )
    if found.n_grouped and alike and form.thousands is not None:
        raise CellsError(
            "other thousands",
            name,
            lambda columns, drop, _: (
                f"expected thousands kept apart by a {form.thousands} in {columns}, got {where};"
                f" write them as plain numbers, name {_it(columns)} in data.categorical, or {drop}"
            ),
        )
    if found.n_measured and alike:
        raise CellsError(
            "measured",
            name,
            lambda columns, drop, _: (
                f"expected plain numbers in {columns}, got {where}, as with a unit, percent or"
                f" hexadecimal; write them as numbers, name {_it(columns)} in data.categorical, or {drop}"
            ),
        )
    if found.n_commas and alike and form.decimal == "point":
        way = "data.decimal=comma" if form.thousands != "comma" else "them with a point"
        raise CellsError(
            "decimal",
            name,
            lambda columns, _, __: (
                f"expected a decimal point in {columns}, got {where}; write {way}, or name"
                f" {_it(columns)} in data.categorical"
            ),
        )
    if found.n_numbers:
        some = found.n_given - found.n_numbers
        among = f", one of {some:,} texts" if some > 1 else ""
        few = len(found.words) <= MAX_WORDS

        def numbers_and_words(columns: str, drop: str, words: Sequence[str]) -> str:
            it = _it(columns)
            these = "it" if some == 1 and it == "it" else "these"
            missing = f"{override('data.missing_words', [*form.missing, *words])} takes {these} for missing, "
            got = f"{found.n_numbers:,} numbers, and {where}{among}" if it == "it" else f"numbers, and such as {where}"
            return (
                f"expected numbers or words in {columns}, got both: {got};"
                f" {missing if few else ''}{drop} leaves {it} out, or name {it}, with the"
                " other columns of text, in data.categorical"
            )

        raise CellsError("words" if few else "many words", name, numbers_and_words, [*found.words])


def _it(columns: str) -> str:
    """What stands for one column or several in a sentence that has named them."""
    return "them" if columns.startswith("columns ") else "it"


def rounded(column: pa.ChunkedArray, numbers: Numbers) -> tuple[int, str, int] | None:
    """How many whole numbers of a column are beyond 2^53, the first of them, and its row; None where none is."""
    far = np.flatnonzero(np.abs(numbers) > EXACT)
    if not len(far) or pa.types.is_floating(column.type):
        return None
    spelled = [text and text.strip() for text in texts(column.take(pa.array(far))).to_pylist()]
    whole = [i for i, text in enumerate(spelled) if text and re.fullmatch(r"[+-]?\d+", text)]
    return (len(whole), spelled[whole[0]], int(far[whole[0]]) + 1) if whole else None


def categories_of(
    column: pa.ChunkedArray, name: str, form: NumberForm = PLAIN, limit: int | None = None
) -> tuple[Codes, list[str]]:
    """The code of each row, -1 where it is missing, and the texts of the codes in the order of their first rows."""
    place: dict[str, int] = {}
    codes, start = np.empty(len(column), dtype=np.int32), 0
    for chunk in column.chunks:
        encoded = texts(chunk).dictionary_encode()
        spelled = [word(text, form.missing) for text in encoded.dictionary.to_pylist()]
        of_chunk = np.array([-1 if text is None else place.setdefault(text, len(place)) for text in spelled] + [-1])
        codes[start : start + len(chunk)] = of_chunk[pc.fill_null(encoded.indices, -1).to_numpy()]
        start += len(chunk)
    if limit is not None and len(place) > limit:
        got = f"{len(place):,} such as {next(iter(place))!r}"
        raise CellsError(
            "many texts",
            name,
            lambda columns, drop, _: (
                f"expected at most {limit:,} different texts in {columns}, got {got}, as in a time,"
                f" a name or an id; leave {_it(columns)} out by {drop}"
            ),
        )
    return codes, list(place)
