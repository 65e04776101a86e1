"""What a column is that is no feature as it stands: times, ids, free text, a count of the rows."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MAX_PROPOSED_VALUES = 1_000  # more different texts are proposed as categories of no column
MIN_COUNTED_ROWS = 50  # so many whole numbers in a row are no measurement
_MIN_NAMED_ROWS = 20  # each with another text
_LOOKED_AT = 1_000  # texts
_MOSTLY = 0.9  # of them
_WORDS = 4  # a text, from which on it was written by a person

DATES, IDS, FREE, MANY, TEXTS = "dates", "ids", "free text", "many", "texts"

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[-/]\d{1,2}[-/]\d{2}|\d{2}\.\d{2}\.\d{2}"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ,]+\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}"
)
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?( ?(z|utc|gmt|[+-]\d{2}:?\d{2}))?"
_DATE = re.compile(rf"(({_DAY})([t ,:]+{_TIME})?|{_TIME})", re.IGNORECASE)

# What a column that counts or names the rows is called.
_INDEX = re.compile(r"unnamed: ?\d+|index|idx|id|#|no\.?|nr\.?|s\.?no\.?|(row|record)[ _]?(id|number|num|no|nr|index)?")
_ID = re.compile(r"(.*[ _.-])?(id|uuid|guid)|.*[a-z]I[dD]")

Numbers = npt.NDArray[np.float64]  # (rows,)


def is_time(kind: pa.DataType) -> bool:
    """Whether a file says itself that a column holds dates or times."""
    return bool(pa.types.is_temporal(kind))


def kind_of_texts(values: Sequence[str], n_given: int) -> str | None:
    """What different texts are that are no categories; None where they can be some. n_given: cells that have one."""
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
    """Whether a column numbers the rows, from 0 or 1 in any order, or rises as an index does and is called one.

    n_rows: of each file; they may be counted one by one.
    """
    if len(numbers) <= MIN_COUNTED_ROWS:
        return False
    files = np.split(numbers, np.cumsum(n_rows)[:-1])
    if _is_permutation(numbers) or all(map(_is_permutation, files)):
        return True
    return _INDEX.fullmatch(name.strip().lower()) is not None and all(map(_rises_by_whole_numbers, files))


def names_the_rows(name: str, numbers: Numbers) -> bool:
    """Whether a column is called an id and has another whole number in each row."""
    if len(numbers) <= MIN_COUNTED_ROWS or not _ID.fullmatch(name.strip()):
        return False
    return bool((numbers == np.floor(numbers)).all()) and len(np.unique(numbers)) == len(numbers)


def _is_permutation(x: Numbers) -> bool:
    """Of 0 to n - 1, or of 1 to n."""
    low = x.min() if len(x) else np.nan
    if low not in (0, 1) or x.max() - low != len(x) - 1:
        return False
    return bool((np.sort(x) == np.arange(low, low + len(x))).all())


def _rises_by_whole_numbers(x: Numbers) -> bool:
    return bool((np.diff(x) > 0).all()) and bool((x == np.floor(x)).all())
