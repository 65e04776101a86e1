"""Conversion of one column to numbers or to the codes of its texts; ambiguous columns are refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.data.reading.questions import CellsError
from adbench.data.reading.spellings import PLAIN, POINT_FRACTION, NumberForm, Spellings, count, require_plain_numbers
from adbench.errors import DataError

# Words for a missing value besides an empty cell, in lower case.
MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "none", "?", "-")
MAX_VALUES = 10_000  # each becomes a column of the detector's input

FURTHEST = 1e150  # the square of a number beyond it overflows
EXACT = 2.0**53  # integers beyond it are rounded

Numbers = npt.NDArray[np.float64]  # (rows,)
Codes = npt.NDArray[np.int32]  # (rows,)


def texts(column: Any) -> pa.Array:
    """A column as texts, integers without a fraction; an empty text is missing."""
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
    """The names of the rows in a column: integers if all are, otherwise the texts unchanged."""
    text = texts(column)
    try:
        numbers = text.cast(pa.int64())
    except pa.ArrowInvalid:
        return text
    return numbers if numbers.cast(pa.string()).equals(text) else text


def words(column: Any) -> pa.Array:
    """A column as texts in normalised spelling, shared by labels, kinds and categories.

    Surrounding blanks are stripped; 6.0 becomes 6, and True becomes true; words for a missing value become null.
    """
    encoded = texts(column).dictionary_encode()
    return pa.array([word(text) for text in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def word(text: str, missing: tuple[str, ...] = ()) -> str | None:
    """The normalised spelling of a text; None if it means missing. missing: further such words, in lower case."""
    text = text.strip()
    small = text.lower()
    if small in ("", *MISSING_WORDS, *missing):
        return None
    if small in ("true", "false"):
        return small
    return re.sub(r"^([+-]?[0-9]+)\.0+$", r"\1", text)


def plain(column: pa.ChunkedArray, name: str, remedy: str | None = None) -> pa.ChunkedArray:
    """Refuse columns of neither numbers nor texts, however they are stored. remedy: instead of dropping the column."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if is_number or pa.types.is_null(kind) or _is_text(column):
        return column
    if remedy is not None:
        raise DataError(f"expected numbers, texts or booleans in column {name!r}, got {kind}; {remedy}")
    raise CellsError(
        "nested",
        name,
        lambda asked: (
            f"expected numbers, texts or booleans in {asked.columns}, got {kind}; leave {asked.it}"
            f" out by {asked.drop}, or write {asked.it} as numbers"
        ),
    )


def _is_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def numbers_of_column(
    column: pa.ChunkedArray, name: str, form: NumberForm = PLAIN, judged_by: pa.ChunkedArray | None = None
) -> Numbers | None:
    """The column as finite numbers, NaN if missing; None if it holds texts and not a single number.

    judged_by: other rows of the column, which alone decide how its points are interpreted.
    """
    judge = column if judged_by is None else judged_by
    values = _parsed(column, name, form, judge) if _is_text(column) else _filled(column, _as_numbers)
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
            lambda asked: (
                f"expected finite numbers in {asked.columns}, {got}{n if asked.it == 'it' else ''};"
                f" data.infinite=missing takes them for missing, {asked.drop} leaves {asked.it} out"
            ),
        )
    far = np.abs(values) > FURTHEST
    if far.any():
        row = int(np.argmax(far))
        got = f"got {values[row]:g} in row {row + 1:,} ({int(far.sum()):,} such values)"
        raise CellsError(
            "far",
            name,
            lambda asked: (
                f"expected numbers whose squares can be computed in {asked.columns}, {got}, as what"
                f" stands for infinite; empty them, or {asked.drop}"
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
    """The texts without surrounding spaces, null for words that mean missing."""
    trimmed = pc.utf8_trim_whitespace(texts(chunk))
    absent = pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_WORDS, *form.missing]))
    return pc.if_else(absent, None, trimmed)


def _parsed(column: pa.ChunkedArray, name: str, form: NumberForm, judge: pa.ChunkedArray) -> Numbers | None:
    # The interpretation applies to the whole column: one unambiguous part decides for all.
    says_how = form.decimal != PLAIN.decimal or form.thousands is not None
    # A column that contains 0.2973 has decimal points, so 0.297 has one too.
    if form.thousands == "point" and _has_fractions(judge, form):
        says_how = False
    elif judge is not column and form.thousands == "point" and _has_fractions(column, form):
        raise DataError(
            f"expected points between thousands in column {name!r} of the test file, as in the files to learn from, got"
            " points before fractions; write it in one way"
        )
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
    found = Spellings.of((_given(chunk, form) for chunk in column.chunks), form)
    if found.n_numbers == found.n_given:  # the cast only fails for a leading plus sign

        def without_plus(chunk: pa.Array) -> pa.Array:
            return pc.replace_substring_regex(form.plain(_given(chunk, form)), r"^\+", "").cast(pa.float64())

        return _filled(column, without_plus)
    require_plain_numbers(name, found, form)
    return None


def _has_fractions(column: pa.ChunkedArray, form: NumberForm) -> bool:
    return any(count(_given(chunk, form), POINT_FRACTION) for chunk in column.chunks)


def rounded(column: pa.ChunkedArray, numbers: Numbers) -> tuple[int, str, int] | None:
    """The number of integers in a column beyond 2^53, the first of them, and its row; None without any."""
    far = np.flatnonzero(np.abs(numbers) > EXACT)
    if not len(far) or pa.types.is_floating(column.type):
        return None
    spelled = [text and text.strip() for text in texts(column.take(pa.array(far))).to_pylist()]
    whole = [i for i, text in enumerate(spelled) if text and re.fullmatch(r"[+-]?\d+", text)]
    return (len(whole), spelled[whole[0]], int(far[whole[0]]) + 1) if whole else None


def categories_of(
    column: pa.ChunkedArray, name: str, form: NumberForm = PLAIN, limit: int | None = None
) -> tuple[Codes, list[str]]:
    """The code of each row, -1 if missing, and the texts of the codes in order of first occurrence."""
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
            lambda asked: (
                f"expected at most {limit:,} different texts in {asked.columns}, got {got}, as in a time,"
                f" a name or an id; leave {asked.it} out by {asked.drop}"
            ),
        )
    return codes, list(place)
