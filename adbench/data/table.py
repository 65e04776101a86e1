"""A table of your own: payments, sensors, medical records; one record a row, and a column that tells the anomalies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.checks import require_at_least, require_one_of
from adbench.data.base import DatasetInfo, Table, say
from adbench.data.reading.cells import DECIMALS, THOUSANDS, NumberForm
from adbench.data.reading.column_store import ColumnStore, ColumnStoreOnDisk
from adbench.data.reading.columns import Columns, Rows, to_features, type_columns
from adbench.data.reading.labels import read_family, read_label
from adbench.data.reading.out_of_core import read_on_disk, table_bytes
from adbench.data.reading.tabular import CsvForm, abbreviated, label_of, read_files
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
    # Nothing of it is bundled, known in advance, or to be fetched.
    files={},
    rows={},
    mirrors=(),
    folder="table",
)

REFUSE, IMPUTE, DROP_ROWS = "refuse", "impute", "drop_rows"


def load(
    path: str | list[str] | None = None,
    test_path: str | list[str] | None = None,
    label: str | None = None,
    normal: Any = None,
    family: str | None = None,
    categorical: list[str] | None = None,
    drop: list[str] | None = None,
    missing: str = REFUSE,
    separator: str | None = None,
    header: list[str] | None = None,
    skip_rows: int | None = None,
    member: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    infinite: str | None = None,
    scratch: Scratch | None = None,
) -> Table:
    """The rows of one or several files that share their columns: see `reading/formats` for what is read.

    path, test_path: a file, a folder, a glob, or a list of them, and "-" for standard input; the rows of test_path are
    the official test part. label: the column that tells normal rows from anomalies; None takes the y that is beside an
    X, and says so. normal: its value that means normal; None takes it from a pair that
    can be meant in only one way (0/1, false/true, normal or benign and another), and says so. family: the column that
    names the kind of an anomaly; else the label's values, when it has more than two. categorical: the categorical
    columns; None proposes those of text, and says so. drop: columns to leave out, such as times and ids. missing:
    refuse; impute (0 and a 0/1 column that says so, or the category <missing>); or drop_rows. An empty cell is
    missing, and so are NA, N/A, NaN, null, None, ? and -. separator: of CSV; None finds it out. header: the names of
    the columns of CSV files without a header. skip_rows: lines before the header.
    member: of an archive or a workbook with several tables, the file or the sheet to read.
    decimal, thousands: what stands before fractions and between thousands in texts: see `cells.DECIMALS`, `THOUSANDS`.
    infinite: "missing" takes infinite numbers for missing ones; None refuses them.
    scratch: where the columns of a table lie that is too large for memory; None: in memory, whatever its size.

    Raises ConfigError or DataError, in one sentence, for whatever would have to be guessed.
    """
    require_one_of("data.missing", missing, (REFUSE, IMPUTE, DROP_ROWS))
    dropped = _names(drop, "data.drop")
    number_form = _number_form(decimal, thousands, infinite)
    if skip_rows is not None:
        require_at_least("data.skip_rows", skip_rows, 0)
    files, test_files = _files(path, test_path)
    with _notes() as notes:
        notes += _what_was_found(path, files, test_files)
        form = CsvForm(separator, None if header is None else _names(header, "data.header"), skip_rows or 0, member)
        rows, n_rows, store = _read(files + test_files, form, dropped, scratch, notes)
        label = _label_name(label or label_of(files + test_files, form, notes), rows)
        is_anomaly, kind = read_label(rows[label], label, normal, notes)
        if family is not None:
            kind = read_family(rows[_column(family, "data.family", rows)], family, is_anomaly)
        names = [name for name in rows.column_names if name not in (label, family)]
        if not names:
            raise DataError(f"expected feature columns beside {label!r}, got none; data.drop can leave out fewer")
        named = None if categorical is None else _names(categorical, "data.categorical")
        columns = type_columns(rows, names, named, store, notes, number_form)
        kept = _kept_rows(columns, len(rows), missing, notes)
        kind = kind[kept]
        return Table(
            name="table",
            features=to_features(columns, kept, fill=missing == IMPUTE),
            label=is_anomaly[kept].astype(np.int8),
            family=kind,
            attack=kind,
            is_test=np.repeat([False] * len(files) + [True] * len(test_files), n_rows)[kept],
            fingerprints={name_of(file): sha256_of(file) for file in files + test_files},
            notes=tuple(notes),
        )


def _number_form(decimal: str | None, thousands: str | None, infinite: str | None) -> NumberForm:
    if decimal is not None:
        require_one_of("data.decimal", decimal, tuple(DECIMALS))
    if thousands is not None:
        require_one_of("data.thousands", thousands, tuple(THOUSANDS))
    if infinite is not None:
        require_one_of("data.infinite", infinite, ("missing",))
    form = NumberForm(decimal or "point", thousands, infinite is not None)
    if form.decimal == form.thousands:
        raise ConfigError(f"expected data.thousands to differ from data.decimal, got {thousands} for both; name one")
    return form


@contextmanager
def _notes() -> Iterator[list[str]]:
    """What is to be said of a table. Where there will be no table, since it is refused, that is said at once."""
    notes: list[str] = []
    try:
        yield notes
    except AdbenchError:
        say(notes)
        raise


def _read(
    files: list[Path], form: CsvForm, drop: list[str], scratch: Scratch | None, notes: list[str]
) -> tuple[Rows, list[int], ColumnStore]:
    """The rows, how many each file has, and where their columns are to lie."""
    if scratch is None or table_bytes(files, form) <= scratch.limit:
        return *read_files(files, form, drop, notes), ColumnStore()
    return *read_on_disk(files, form, drop, scratch.path, notes, scratch.limit), ColumnStoreOnDisk(scratch.path)


def _what_was_found(path: Any, files: list[Path], test_files: list[Path]) -> Iterator[str]:
    if isinstance(path, str) and Path(path).expanduser().is_dir():
        yield f"{len(files):,} files of {path} are read, from {min(files).name} to {max(files).name}"
    if any(map(is_spooled, files + test_files)):
        yield "what came through a pipe is not kept: name a file by data.path= for a run that can be reproduced"


def _files(path: str | list[str] | None, test_path: str | list[str] | None) -> tuple[list[Path], list[Path]]:
    if path is None:
        raise ConfigError("expected data.path, the file or files with the rows, got none; write data.path=rows.csv")
    files = find_files(path, "data.path")
    test_files = find_files(test_path, "data.test_path") if test_path is not None else []
    both = {file.resolve() for file in files} & {file.resolve() for file in test_files}
    if both:
        raise ConfigError(f"expected other files in data.test_path than in data.path, got {min(both)} in both")
    return files, test_files


def _names(names: Any, key: str) -> list[str]:
    """Column names; a number is the name of a column, too."""
    if names is not None and not isinstance(names, list):
        raise ConfigError(f"expected {key} to be a list of column names such as [time,id], got {names!r}")
    return [str(name) for name in names or []]


def _label_name(name: str | None, rows: Rows) -> str:
    if name is None:
        raise ConfigError(
            "expected data.label, the column that says which rows are anomalies, got none: a run needs one to be"
            f" tested, and scoring unlabelled tables comes later; there is {abbreviated(rows.column_names)}"
        )
    return _column(name, "data.label", rows)


def _column(name: str, key: str, rows: Rows) -> str:
    if name not in rows.column_names:
        raise ConfigError(
            f"expected {key} to name a column that data.drop leaves, got {name!r};"
            f" there is {abbreviated(rows.column_names)}"
        )
    return name


def _kept_rows(columns: Columns, n_rows: int, policy: str, notes: list[str]) -> npt.NDArray[np.bool_]:
    """Which rows stay, by the policy for missing values."""
    kept, missing = np.ones(n_rows, dtype=bool), columns.n_missing
    if not missing or policy == IMPUTE:
        return kept
    name, n_of_name = max(missing.items(), key=lambda item: item[1])
    if policy == REFUSE:
        others = f", and some in {len(missing) - 1:,} other columns" if len(missing) > 1 else ""
        raise DataError(
            f"expected a value in each cell, got {n_of_name:,} missing ones in column {name!r}{others};"
            f" choose data.missing={IMPUTE} or data.missing={DROP_ROWS}, or leave it out by"
            f" {override('data.drop', [name])}"
        )
    for name_of_gaps in missing:
        kept &= ~columns.missing(name_of_gaps)
    if not kept.any():
        raise DataError(
            f"expected a row without missing values, got none; {override('data.drop', [name])} leaves out the emptiest"
        )
    notes.append(f"{n_rows - kept.sum():,} of {n_rows:,} rows lack a value and are left out")
    return kept
