"""Kinds of columns that are not features: times, ids, free text, row counters."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MAX_PROPOSED_VALUES = 1_000  # columns with more distinct texts are not proposed as categorical
MIN_COUNTED_ROWS = 50  # a sequence this long is not a measurement
_MIN_NAMED_ROWS = 20  # all with different texts
_LOOKED_AT = 1_000  # texts
_MOSTLY = 0.9  # of them
_WORDS = 4  # per text, from which on it counts as free text

DATES, IDS, FREE, MANY, TEXTS = "dates", "ids", "free text", "many", "texts"

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[-/]\d{1,2}[-/]\d{2}|\d{2}\.\d{2}\.\d{2}"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ,]+\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}"
)
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?( ?(z|utc|gmt|[+-]\d{2}:?\d{2}))?"
_DATE = re.compile(rf"(({_DAY})([t ,:]+{_TIME})?|{_TIME})", re.IGNORECASE)

# Names of columns that count or identify the rows.
_INDEX = re.compile(r"unnamed: ?\d+|index|idx|id|#|no\.?|nr\.?|s\.?no\.?|(row|record)[ _]?(id|number|num|no|nr|index)?")
_ID = re.compile(r"(.*[ _.-])?(id|uuid|guid)|.*[a-z]I[dD]")

Numbers = npt.NDArray[np.float64]  # (rows,)


def is_time(kind: pa.DataType) -> bool:
    """True if the file declares the column's type as a date or time."""
    return bool(pa.types.is_temporal(kind))


def kind_of_texts(values: Sequence[str], n_given: int) -> str | None:
    """The kind of distinct texts that are not categories; None if they can be. n_given: the number of non-empty
    cells."""
    some = values[:: len(values) // _LOOKED_AT + 1]
    if some and sum(_DATE.fullmatch(text) is not None for text in some) >= _MOSTLY * len(some):
        return DATES
    many = len(values) > min(MAX_PROPOSED_VALUES, max(50, n_given // 2))
    own = len(values) == n_given > _MIN_NAMED_ROWS
    if not many and not own:
        return None
    if sum(len(text.split()) >= _WORDS for text in some) >= len(some) / 2:
        return FREE
    return IDS if len(values) >= _MOSTLY * n_given else MANY


def counts_the_rows(name: str, numbers: Numbers, n_rows: Sequence[int]) -> bool:
    """True if a column numbers the rows: from 0 or 1 in any order, or ascending under the name of an index.

    n_rows: per file; the numbering may restart in each.
    """
    if len(numbers) <= MIN_COUNTED_ROWS:
        return False
    files = np.split(numbers, np.cumsum(n_rows)[:-1])
    if _is_permutation(numbers) or all(map(_is_permutation, files)):
        return True
    return _INDEX.fullmatch(name.strip().lower()) is not None and all(map(_rises_by_whole_numbers, files))


def names_the_rows(name: str, numbers: Numbers) -> bool:
    """True if a column is named like an id and has a different integer in each row."""
    if len(numbers) <= MIN_COUNTED_ROWS or not _ID.fullmatch(name.strip()):
        return False
    return bool((numbers == np.floor(numbers)).all()) and len(np.unique(numbers)) == len(numbers)


def _is_permutation(x: Numbers) -> bool:
    """True for a permutation of 0 to n - 1, or of 1 to n."""
    low = x.min() if len(x) else np.nan
    if low not in (0, 1) or x.max() - low != len(x) - 1:
        return False
    return bool((np.sort(x) == np.arange(low, low + len(x))).all())


def _rises_by_whole_numbers(x: Numbers) -> bool:
    return bool((np.diff(x) > 0).all()) and bool((x == np.floor(x)).all())
