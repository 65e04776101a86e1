"""Interpretation of a user's label column: anomalies and their kinds. Ambiguous labels are asked about, not guessed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adbench.arrays.categories import CategoryColumn
from adbench.data.base import NORMAL
from adbench.data.reading.cells import plain, texts, word, words
from adbench.data.reading.tabular import abbreviated
from adbench.errors import ConfigError, DataError
from adbench.text import override

# Labels with only one possible meaning. -1 and 1 are not among them: both conventions are common.
NORMAL_OF_PAIR = {frozenset(("0", "1")): "0", frozenset(("false", "true")): "false"}
NORMAL_WORDS = ("normal", "benign")  # together with any single other word
ANOMALY = "anomaly"  # the kind of all anomalies if nothing distinguishes them
UNKNOWN = "unknown"  # the kind of an anomaly whose cell in the family column is empty
MAX_KINDS = 200  # each gets its own metrics


def read_label(column: Any, name: str, normal: Any, notes: list[str]) -> tuple[npt.NDArray[np.bool_], CategoryColumn]:
    """The anomalies as booleans, and their kinds: the label's own value if it has more than two, otherwise "anomaly".

    normal: the value that means normal, or a list of such values; None infers it from an unambiguous pair, and notes
    that. Raises DataError if the label has a single value, is missing somewhere, or is ambiguous.
    """
    column = plain(column, name, "write each label as one word or number, in a column of its own")
    text = _labels(column, normal)
    if text.null_count:
        row = pc.index(text.is_null(), True).as_py()
        written = pc.unique(texts(column).filter(text.is_null()).drop_null()).to_pylist()
        meant = f"; where {written[0]!r} is the word for normal, write {_named(written[:1])}" if written else ""
        raise DataError(
            f"expected a label in each row, got {text.null_count:,} empty cells in column {name!r}, the first in row"
            f" {row + 1:,}; fill them in or take these rows out{meant}"
        )
    counts = {found["values"]: found["counts"] for found in pc.value_counts(text).to_pylist()}
    values = sorted(counts)
    if len(values) == 1:
        raise DataError(
            f"expected normal rows and anomalies, got only {values[0]!r} in column {name!r}; name another data.label"
        )
    meanings = [_guess(counts, name, notes)] if normal is None else _find(values, name, normal)
    _require_one_spelling(values, meanings, name)
    label = pc.invert(pc.is_in(text, pa.array(meanings))).to_numpy(zero_copy_only=False)
    if not label.any():
        raise DataError(
            f"expected anomalies beside the normal rows, got only {abbreviated(meanings)} in column {name!r}; name"
            " fewer values by data.normal="
        )
    if len(values) == 2:
        return label, CategoryColumn((NORMAL, ANOMALY), label.astype(np.uint8))
    return label, _kinds(text, name, label)


def _labels(column: Any, normal: Any) -> pa.Array:
    """The labels in normalised spelling; a word for missing values counts as a label if it is named as normal."""
    text = words(column)
    named = normal if isinstance(normal, list) else [normal]
    meant = [one.strip() for one in named if isinstance(one, str) and word(one) is None]
    if not meant:
        return text
    written = pc.utf8_trim_whitespace(texts(column))
    return pc.if_else(pc.is_in(written, pa.array(meant)), written, text)


def require_normals(column: Any, name: str, anomalous: npt.NDArray[np.bool_], is_test: npt.NDArray[np.bool_]) -> None:
    """Raise DataError if only the test files have normal rows, so that there is nothing to learn from."""
    if not is_test.any() or not anomalous[~is_test].all():
        return
    values = words(column)
    normal, others = (
        pc.unique(values.filter(pa.array(rows))).drop_null().to_pylist() for rows in (~anomalous, anomalous & ~is_test)
    )
    raise DataError(
        f"expected normal rows to learn from in the files of data.path, got {int((~is_test).sum()):,} rows with"
        f" {name}={abbreviated(others)} and none with {abbreviated(normal)}, which is taken as normal; name other"
        " files, or other labels as normal"
    )


def read_family(column: Any, name: str, label: npt.NDArray[np.bool_]) -> CategoryColumn:
    """The kind of each anomaly according to the family column."""
    remedy = "name another column by data.family="
    return _kinds(pc.fill_null(words(plain(column, name, remedy)), UNKNOWN), name, label)


def _guess(counts: dict[str, int], name: str, notes: list[str]) -> str:
    values = sorted(counts)
    lower = {value.lower(): value for value in values}
    pair = NORMAL_OF_PAIR.get(frozenset(lower))
    known = [one for one in NORMAL_WORDS if one in lower]
    if len(values) != 2 or len(lower) != 2 or (pair is None and len(known) != 1):
        likely = [value for value in values if _bare(value) in NORMAL_WORDS] or [max(values, key=counts.__getitem__)]
        raise ConfigError(
            f"expected data.normal, the value of column {name!r} that means normal, got none and {len(values):,} values"
            f" ({abbreviated(values)}); write {_named(likely)} if that is it"
        )
    normal = lower[pair or known[0]]
    other = next(value for value in values if value != normal)
    if pair is not None and counts[other] > counts[normal]:
        # A guess that makes most rows anomalies is likely to be inverted.
        raise ConfigError(
            f"expected data.normal, the value of column {name!r} that means normal, got none, and {normal} would make"
            f" {counts[other] / sum(counts.values()):.0%} of the rows anomalies; write"
            f" {_named([normal])} or {_named([other])}"
        )
    notes.append(f"{name}={normal} is taken as normal and {other} as the anomaly; data.normal= says otherwise")
    return normal


def _find(values: list[str], name: str, normal: Any) -> list[str]:
    """The values that mean normal, as the column spells them."""
    named = normal if isinstance(normal, list) else [normal]
    if not named or any(isinstance(one, dict | list) for one in named):
        raise ConfigError(f"expected data.normal to be a value of column {name!r}, or a list of them, got {normal!r}")
    found = []
    for one in named:
        spelled = word(str(one)) or str(one).strip()
        # true and false arrive as booleans, however the file spells them.
        alike = [v for v in values if v == spelled] or [v for v in values if v.lower() == spelled.lower()]
        if len(alike) != 1:
            raise ConfigError(
                f"expected data.normal to be a value of column {name!r}, got {one}; there is {abbreviated(values)}"
            )
        found += alike
    return found


def _require_one_spelling(values: list[str], meanings: list[str], name: str) -> None:
    """Raise ConfigError for an anomaly whose name is another spelling of normal."""
    normal = {_bare(one) for one in meanings}
    alike = [value for value in values if value not in meanings and _bare(value) in (*normal, *NORMAL_WORDS)]
    if alike:
        raise ConfigError(
            f"expected every spelling of normal in column {name!r} to be named, got {abbreviated(alike)} beside"
            f" {abbreviated(meanings)}; write {_named([*meanings, *alike])}"
        )


def _named(values: list[str]) -> str:
    """The override that names these values as normal, integers unquoted."""
    plain_values = [int(one) if one.lstrip("-").isdigit() and str(int(one)) == one else one for one in values]
    return override("data.normal", plain_values if len(plain_values) > 1 else plain_values[0])


def _bare(text: str) -> str:
    return text.lower().strip(" .")


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
