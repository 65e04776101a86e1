"""A user's own table: payments, sensors, medical records; one record per row, and a column that marks the anomalies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.order import Order
from adbench.config.checks import require_at_least, require_one_of
from adbench.data.base import NORMAL, DatasetInfo, Table, say
from adbench.data.reading.cells import ids_of
from adbench.data.reading.column_store import ColumnStore, ColumnStoreOnDisk
from adbench.data.reading.columns import Columns, Rows, to_features, type_columns
from adbench.data.reading.labels import read_family, read_label, require_normals
from adbench.data.reading.out_of_core import read_on_disk, table_bytes
from adbench.data.reading.questions import Questions
from adbench.data.reading.sources import Joined, Source, classes_of, find_sources
from adbench.data.reading.spellings import DECIMALS, THOUSANDS, NumberForm
from adbench.data.reading.tabular import CsvForm, abbreviated, label_of, read_files
from adbench.data.reading.times import times_of
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.storage.fingerprints import find_files, sha256_of
from adbench.storage.scratch import Scratch
from adbench.storage.spool import is_spooled, name_of
from adbench.text import override

INFO = DatasetInfo(
    title="your own table: data.path=rows.csv data.label=COLUMN",
    licence="that of your data",
    citation="that of your data",
    source="the files that data.path names",
    notes=(),
    # Nothing is bundled, known in advance, or available for download.
    files={},
    rows={},
    mirrors=(),
    folder="table",
)

REFUSE, IMPUTE, DROP_ROWS = "refuse", "impute", "drop_rows"


def load(
    path: str | list[str] | None = None,
    test_path: str | list[str] | None = None,
    normal_path: str | list[str] | None = None,
    anomaly_path: str | list[str] | None = None,
    label: str | None = None,
    normal: Any = None,
    family: str | None = None,
    id: str | None = None,
    time: str | None = None,
    time_format: str | None = None,
    categorical: list[str] | None = None,
    drop: list[str] | None = None,
    missing: str = REFUSE,
    missing_words: list[str] | None = None,
    separator: str | None = None,
    header: list[str] | None = None,
    skip_rows: int | None = None,
    member: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    infinite: str | None = None,
    name: str | None = None,
    scratch: Scratch | None = None,
) -> Table:
    """The rows of one or several files with the same columns; see `reading/formats` for the supported formats.

    path, test_path: a file, a folder, a glob, or a list of them, and "-" for standard input; the rows of test_path are
    the official test part. normal_path, anomaly_path: files with rows of one class each and no label column; test_path
    can name some of them again. label: the column that distinguishes normal rows from anomalies, in the files of path
    and test_path; None uses the y stored with an X, and notes that. normal: the label's value that means normal; None
    infers it from an unambiguous pair (0/1, false/true, normal or benign and another), and notes that. family: the
    column that names the kind of an anomaly; by default the label's values, if it has more than two. id: a column that
    names each row; it is not a feature but copied to scores.parquet. time: a column with each row's time, as numbers,
    dates or epoch times; it is not a feature but the order for protocol=by_time. time_format: its format, such as
    %d/%m/%Y %H:%M, if it is not an ISO date. categorical: the categorical columns; None proposes the text columns, and
    notes that. drop: columns to leave out, such as times. missing: refuse; impute (0 and a 0/1 indicator column, or the
    category <missing>); or drop_rows. Empty cells are missing, and so are NA, N/A, NaN, null, None, ? and -.
    missing_words: further words for missing values in features. separator: of CSV; None detects it. header: the column
    names of files without a header. skip_rows: lines before the header.
    member: the file or sheet to read from an archive or workbook with several.
    decimal, thousands: the decimal and thousands separators in texts, of `spellings.DECIMALS` and `THOUSANDS`;
    decimal=None is a point, or a comma if thousands is point.
    infinite: "missing" treats infinite numbers as missing; None refuses them.
    name: the table's name in folders and tables; None: table.
    scratch: where to store the columns of a table that is too large for memory; None: always in memory.

    Raises ConfigError or DataError, in one sentence, for anything that would have to be guessed.
    """
    require_one_of("data.missing", missing, (REFUSE, IMPUTE, DROP_ROWS))
    dropped = _names(drop, "data.drop")
    number_form = _number_form(decimal, thousands, infinite, _names(missing_words, "data.missing_words"))
    if skip_rows is not None:
        require_at_least("data.skip_rows", skip_rows, 0)
    sources = find_sources(path, test_path, normal_path, anomaly_path)
    with _notes() as notes:
        notes += _what_was_found((path, test_path, normal_path, anomaly_path), sources)
        form = CsvForm(separator, None if header is None else _names(header, "data.header"), skip_rows or 0, member)
        groups = [one for one in (_of_class(sources), _labelled(sources)) if one]
        parts, n_rows, store = _read(groups, form, dropped, scratch, notes)
        labelled = parts[-1] if _labelled(sources) else None
        if label is None and labelled is not None:
            label = label_of([source.path for source in _labelled(sources)], form, notes)
        label = _label_name(label, labelled, parts)
        questions = Questions(dropped)
        is_anomaly, kind = _all_normal(sum(n_rows))
        is_test = np.repeat([source.is_test for source in sources], n_rows)
        with questions.asked():
            is_anomaly, kind = _classes(sources, n_rows, labelled, label, normal, notes)
            if labelled is not None and label is not None and len(parts) == 1:
                require_normals(labelled[label], label, is_anomaly, is_test)
        rows = Joined.of(parts, (label,), [group[0].path for group in groups])
        with questions.asked():
            kind = (
                kind if family is None else read_family(rows[_column(family, "data.family", rows)], family, is_anomaly)
            )
        ids = None if id is None else ids_of(rows[_column(id, "data.id", rows)])
        order: Order | None = None
        with questions.asked():
            order = None if time is None else _order(rows, time, time_format, missing, notes)
        names = [one for one in rows.column_names if one not in (family, id, time)]
        if not names:
            raise DataError(
                f"expected feature columns beside {label or id or time!r}, got none; data.drop can leave out fewer"
            )
        named = None if categorical is None else _names(categorical, "data.categorical")
        tested = [source.is_test for source in sources]
        columns = type_columns(rows, names, named, store, notes, number_form, n_rows, tested, questions=questions)
        kept = np.ones(len(rows), dtype=bool)
        with questions.asked():
            kept = _kept_rows(columns, len(rows), missing, notes, questions)
        questions.ask()
        if order is not None:
            kept &= ~np.isnan(order.time)
        kind = kind[kept]
        features = to_features(columns, kept, fill=missing == IMPUTE)
        return Table(
            name=name or "table",
            features=features,
            label=is_anomaly[kept].astype(np.int8),
            family=kind,
            attack=kind,
            is_test=is_test[kept],
            fingerprints={name_of(source.path): sha256_of(source.path) for source in sources},
            notes=tuple(notes),
            dropped=tuple(dropped),
            names_kinds=True,
            indicators=features.numeric_names[len(columns.numeric) :],
            ids=None if ids is None else ids.filter(pa.array(kept)),
            order=None if order is None else order.take(kept),
        )


def _number_form(
    decimal: str | None, thousands: str | None, infinite: str | None, missing_words: list[str]
) -> NumberForm:
    if decimal is not None:
        require_one_of("data.decimal", decimal, tuple(DECIMALS))
    if thousands is not None:
        require_one_of("data.thousands", thousands, tuple(THOUSANDS))
    if infinite is not None:
        require_one_of("data.infinite", infinite, ("missing",))
    words = tuple(word.strip().lower() for word in missing_words)
    # A point as thousands separator implies a decimal comma.
    form = NumberForm(decimal or ("comma" if thousands == "point" else "point"), thousands, infinite is not None, words)
    if form.decimal == form.thousands:
        raise ConfigError(f"expected data.thousands to differ from data.decimal, got {thousands} for both; name one")
    return form


@contextmanager
def _notes() -> Iterator[list[str]]:
    """Collect notes about a table; if the table is refused, print them at once."""
    notes: list[str] = []
    try:
        yield notes
    except AdbenchError:
        say(notes)
        raise


def _of_class(sources: list[Source]) -> list[Source]:
    return [source for source in sources if source.anomalous is not None]


def _labelled(sources: list[Source]) -> list[Source]:
    return [source for source in sources if source.anomalous is None]


def _read(
    groups: list[list[Source]], form: CsvForm, drop: list[str], scratch: Scratch | None, notes: list[str]
) -> tuple[list[Rows], list[int], ColumnStore]:
    """The rows of each group of files, the number of each file's rows, and the store for their columns."""
    paths = [[source.path for source in group] for group in groups]
    if scratch is None or sum(table_bytes(files, form) for files in paths) <= scratch.limit:
        read: list[Any] = [read_files(files, form, drop, notes) for files in paths]
        store = ColumnStore()
    else:
        read = [read_on_disk(files, form, drop, scratch.path, notes, scratch.limit) for files in paths]
        store = ColumnStoreOnDisk(scratch.path)
    return [rows for rows, _ in read], [n for _, of_files in read for n in of_files], store


def _what_was_found(paths: tuple[Any, ...], sources: list[Source]) -> Iterator[str]:
    for path in paths:
        if isinstance(path, str) and Path(path).expanduser().is_dir():
            files = find_files(path, "data.path")
            yield f"{len(files):,} files of {path} are read, from {min(files).name} to {max(files).name}"
    if any(is_spooled(source.path) for source in sources):
        yield "what came through a pipe is not kept: name a file by data.path= for a run that can be reproduced"


def _classes(
    sources: list[Source], n_rows: list[int], labelled: Rows | None, label: str | None, normal: Any, notes: list[str]
) -> tuple[npt.NDArray[np.bool_], CategoryColumn]:
    """The anomalies as booleans, and their kinds, from the single-class files and from the label of the others."""
    of_class = _of_class(sources)
    found = [classes_of(of_class, n_rows[: len(of_class)], notes)] if of_class else []
    if labelled is not None and label is not None:
        found.append(read_label(labelled[label], label, normal, notes))
    return np.concatenate([is_anomaly for is_anomaly, _ in found]), CategoryColumn.joined([kind for _, kind in found])


def _all_normal(n_rows: int) -> tuple[npt.NDArray[np.bool_], CategoryColumn]:
    """Placeholder labels until the real ones are known."""
    return np.zeros(n_rows, dtype=bool), CategoryColumn((NORMAL,), np.zeros(n_rows, dtype=np.uint8))


def _names(names: Any, key: str) -> list[str]:
    """Column names as texts; a number is a valid name."""
    if names is not None and not isinstance(names, list):
        raise ConfigError(f"expected {key} to be a list of column names such as [time,id], got {names!r}")
    return [str(name) for name in names or []]


def _label_name(name: str | None, labelled: Rows | None, parts: list[Rows]) -> str | None:
    """The label column of the files that have one; None if each file is of one class."""
    if labelled is None:
        if name is not None:
            column = f", and the column by {override('data.drop', [name])}" if name in parts[0].column_names else ""
            raise ConfigError(
                "expected data.label for files of data.path or data.test_path, got files of one class each alone, whose"
                f" rows need none; leave data.label out{column}"
            )
        return None
    if name is None:
        raise ConfigError(
            "expected data.label, the column that says which rows are anomalies, got none: a run needs one to be"
            " tested, and scoring unlabelled tables comes later; there is"
            f" {abbreviated(labelled.column_names)}; where each file has rows of one class, name the files of normal"
            " rows by data.normal_path= and the files of anomalies by data.anomaly_path="
        )
    return _column(name, "data.label", labelled)


def _column(name: str, key: str, rows: Rows) -> str:
    if name not in rows.column_names:
        raise ConfigError(
            f"expected {key} to name a column that data.drop leaves, got {name!r};"
            f" there is {abbreviated(rows.column_names)}"
        )
    return name


def _order(rows: Rows, name: str, form: str | None, missing: str, notes: list[str]) -> Order:
    """The times of the rows; NaN for a row without one, which is then left out."""
    order = times_of(rows[_column(name, "data.time", rows)], name, form, notes)
    absent = np.isnan(order.time)
    if absent.all():
        raise DataError(f"expected times in column {name!r}, got {len(rows):,} empty cells; name another data.time")
    if absent.any() and missing != DROP_ROWS:
        raise DataError(
            f"expected a time in each row, got {int(absent.sum()):,} empty cells in column {name!r}, the first in row"
            f" {int(np.argmax(absent)) + 1:,}; fill them in, or leave such rows out by"
            f" {override('data.missing', DROP_ROWS)}"
        )
    if absent.any():
        notes.append(f"{int(absent.sum()):,} rows have no {name} and are left out")
    return order


def _kept_rows(
    columns: Columns, n_rows: int, policy: str, notes: list[str], questions: Questions
) -> npt.NDArray[np.bool_]:
    """The rows to keep under the policy for missing values, as booleans."""
    kept, missing = np.ones(n_rows, dtype=bool), columns.n_missing
    if not missing or policy == IMPUTE:
        return kept
    name, n_of_name = max(missing.items(), key=lambda item: item[1])
    if policy == REFUSE:
        others = f", and some in {len(missing) - 1:,} other columns" if len(missing) > 1 else ""
        raise DataError(
            f"expected a value in each cell, got {n_of_name:,} missing ones in column {name!r}{others};"
            f" choose data.missing={IMPUTE} or data.missing={DROP_ROWS}, or leave it out by"
            f" {questions.drop([name])}"
        )
    for name_of_gaps in missing:
        kept &= ~columns.missing(name_of_gaps)
    if not kept.any():
        raise DataError(
            f"expected a row without missing values, got none; {questions.drop([name])} leaves out the emptiest"
        )
    if not questions.errors:
        notes.append(f"{n_rows - kept.sum():,} of {n_rows:,} rows lack a value and are left out")
    return kept
