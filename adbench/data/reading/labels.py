"""A user's label column -> which rows are anomalies, and of which kind. What is ambiguous is asked, not guessed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.arrays.categories import CategoryColumn
from adbench.data.base import NORMAL
from adbench.data.reading.cells import texts
from adbench.data.reading.tabular import abbreviated
from adbench.errors import ConfigError, DataError
from adbench.text import override

# Labels that can be meant in only one way. -1 and 1 are not among them: half of the world has them the other way round.
NORMAL_OF_PAIR = {frozenset(("0", "1")): "0", frozenset(("false", "true")): "false"}
NORMAL_WORDS = ("normal", "benign")  # beside any one other word
ANOMALY = "anomaly"  # the kind of all anomalies, where nothing tells them apart
UNKNOWN = "unknown"  # the kind of an anomaly whose cell in the family column is empty
MAX_KINDS = 200  # each gets metrics of its own


def read_label(column: Any, name: str, normal: Any, notes: list[str]) -> tuple[npt.NDArray[np.bool_], CategoryColumn]:
    """Which rows are anomalies, and their kind: the label's own value when it has more than two, else "anomaly".

    normal: the value that means normal; None takes it from a pair that can be meant in only one way, and says so.
    Raises DataError when there is one value only, when it is missing somewhere, or when its meaning is not certain.
    """
    text = texts(column)
    if text.null_count:
        row = pc.index(text.is_null(), True).as_py()
        raise DataError(
            f"expected a label in each row, got {text.null_count:,} empty cells in column {name!r}, the first in row"
            f" {row + 1:,}; fill them in or take these rows out"
        )
    # Pandas writes a column of whole numbers that once had a gap as 0.0 and 1.0.
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^(-?\d+)\.0+$", r"\1")
    values = sorted(pc.unique(text).to_pylist())
    if len(values) == 1:
        raise DataError(
            f"expected normal rows and anomalies, got only {values[0]!r} in column {name!r}; name another data.label"
        )
    meaning = _guess(values, name, notes) if normal is None else _find(values, name, normal)
    label = pc.not_equal(text, meaning).to_numpy(zero_copy_only=False)
    if len(values) == 2:
        return label, CategoryColumn((NORMAL, ANOMALY), label.astype(np.uint8))
    return label, _kinds(text, name, label)


def read_family(column: Any, name: str, label: npt.NDArray[np.bool_]) -> CategoryColumn:
    """The kind of each anomaly as the family column names it."""
    return _kinds(pc.fill_null(texts(column), UNKNOWN), name, label)


def _guess(values: list[str], name: str, notes: list[str]) -> str:
    lower = {value.lower(): value for value in values}
    pair = NORMAL_OF_PAIR.get(frozenset(lower))
    words = [word for word in NORMAL_WORDS if word in lower]
    if len(values) != 2 or len(lower) != 2 or (pair is None and len(words) != 1):
        raise ConfigError(
            f"expected data.normal, the value of column {name!r} that means normal, got none and {len(values):,} values"
            f" ({abbreviated(values)}); write {override('data.normal', values[0])} if that is it"
        )
    normal = lower[pair or words[0]]
    other = next(value for value in values if value != normal)
    notes.append(f"{name}={normal} is taken as normal and {other} as the anomaly; data.normal= says otherwise")
    return normal


def _find(values: list[str], name: str, normal: Any) -> str:
    if isinstance(normal, dict | list):
        raise ConfigError(f"expected data.normal to be one value of column {name!r}, got {normal!r}")
    word = str(normal).removesuffix(".0") if isinstance(normal, float) else str(normal).strip()
    if word in values:
        return word
    # true and false reach us as booleans, however the file spells them.
    alike = [value for value in values if value.lower() == word.lower()]
    if len(alike) != 1:
        raise ConfigError(
            f"expected data.normal to be a value of column {name!r}, got {word}; there is {abbreviated(values)}"
        )
    return alike[0]


def _kinds(text: pa.Array, name: str, label: npt.NDArray[np.bool_]) -> CategoryColumn:
    encoded = text.dictionary_encode()
    kinds = CategoryColumn.renamed(
        [*encoded.dictionary.to_pylist(), NORMAL], np.where(label, encoded.indices.to_numpy(), len(encoded.dictionary))
    )
    found = kinds[label].counts()
    if len(found) > MAX_KINDS:
        raise DataError(
            f"expected at most {MAX_KINDS} kinds of anomalies in column {name!r}, got {len(found):,}; "
            "name a coarser column by data.family="
        )
    if alike := [kind for kind in found if kind.lower() == NORMAL]:
        raise DataError(
            f"expected no anomaly of the kind {alike[0]!r} in column {name!r}, got {found[alike[0]]:,}"
            " rows; label and family contradict each other"
        )
    return kinds
