"""Reading of a user's files without interpretation: nothing is typed, filled or left out by guess.

CSV columns are returned as text, all others in their format's type. A file's format is recognised by its first bytes,
not by its name; `formats/` holds the readers.
"""

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from adbench.data.reading.formats import arff, arrow_files, matrices, records, workbook
from adbench.data.reading.formats.file import (
    TableFile,
    checked,
    one_line,
    readable,
    require_utf8,
    require_utf8_blocks,
    understood,
)
from adbench.data.reading.formats.packed import NPZ, WORKBOOK
from adbench.data.reading.formats.signatures import (
    ARFF,
    ARROW,
    ARROW_STREAM,
    CSV,
    JSON,
    MATLAB,
    MATRICES,
    NUMPY,
    PARQUET,
)
from adbench.errors import ConfigError, DataError
from adbench.text import override, shorten

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
MAX_COLUMNS = 10_000
BLOCK_BYTES = 1 << 24  # of CSV, parsed at a time
_HEAD_BYTES = 1 << 22  # inspected before a file is read: the header must end in it
_SNIFFED_ROWS = 20


MIN_COUNTED = 3  # integers that make a numbering of columns
MAX_SHOWN = 50  # column names listed in a sentence
MAX_CHARACTERS = 60  # of a name or a text, in a sentence


@dataclass(frozen=True)
class CsvForm:
    """The format of the files, as far as the user specified it."""

    separator: str | None = None  # None: detected
    header: list[str] | None = None  # column names for files without a header; None: the first line
    skip_rows: int = 0  # lines before the header
    member: str | None = None  # the file or sheet to read from an archive or workbook with several


@dataclass(frozen=True)
class CsvLayout:
    """The layout of one CSV file. kept: name -> position of the columns to read. width: the number of all columns."""

    delimiter: str
    kept: dict[str, int]
    width: int


def read_files(paths: list[Path], form: CsvForm, drop: list[str], notes: list[str]) -> tuple[pa.Table, list[int]]:
    """The rows of all files, in order, and the number of each file's rows; columns in the order of the first file.

    notes: collects what was inferred, such as the separator. drop: columns to skip when parsing. Raises DataError if a
    file cannot be read, has no rows, or has other columns than the first.
    """
    parts: list[pa.Table] = []
    files = [TableFile(path, form.member) for path in paths]
    for file in files:
        part = read_file(file, form, drop, notes)
        if not len(part):
            raise no_rows(file)
        if parts:
            require_same_columns(part.column_names, file, parts[0].column_names, files[0])
            part = part.select(parts[0].column_names)
        parts.append(part)
    return one_after_the_other(parts), [len(part) for part in parts]


def read_file(file: TableFile, form: CsvForm, drop: list[str], notes: list[str]) -> pa.Table:
    """The rows of one file."""
    require_fitting(form, file)
    with readable(file):
        if file.kind.format == CSV:
            return _read_csv(file, form, drop, notes)
        # All columns are read, then chosen by position, so that duplicate names can be dropped.
        with understood(file):
            table = _READERS[file.kind.format](file, form)
            names = table.column_names
        kept = kept_columns(names, file, drop, notes)
        return pa.table([table.column(i) for i in kept.values()], names=list(kept))


def _read_parquet(file: TableFile, _: CsvForm) -> pa.Table:
    # By position: the reader would interpret a dot in a name as a nested column.
    with file.random_access() as source:
        return checked(pyarrow.parquet.ParquetFile(source).read())


_READERS: dict[str, Callable[[TableFile, CsvForm], pa.Table]] = {
    PARQUET: _read_parquet,
    ARROW: lambda file, _: arrow_files.read(file),
    ARROW_STREAM: lambda file, _: arrow_files.read(file),
    ARFF: lambda file, _: arff.read(file),
    JSON: lambda file, _: records.read(file),
    MATLAB: lambda file, form: matrices.read(file, form.header),
    NUMPY: lambda file, form: matrices.read(file, form.header),
    NPZ: lambda file, form: matrices.read(file, form.header),
    WORKBOOK: lambda file, form: workbook.read(file, form.header, form.skip_rows),
}
_FITTING = {"separator": (CSV,), "header": (CSV, WORKBOOK, *MATRICES), "skip_rows": (CSV, WORKBOOK)}


def require_fitting(form: CsvForm, file: TableFile) -> None:
    """Raise ConfigError for a format option that does not apply to the file's format."""
    for key, formats in _FITTING.items():
        if getattr(form, key) and file.kind.format not in formats:
            raise ConfigError(
                f"expected data.{key} for files of {', '.join(formats)}, got {file}, which is {file.kind.format}; leave"
                f" data.{key} out"
            )


def label_of(paths: list[Path], form: CsvForm, notes: list[str]) -> str | None:
    """The label column of files that store labels in a separate array; None for all others."""
    if not all(TableFile(path, form.member).kind.format in MATRICES for path in paths) or form.header is not None:
        return None
    notes.append(f"{matrices.LABEL}, which is beside X, is taken as the label; data.label= names another column")
    return matrices.LABEL


def one_after_the_other(parts: list[pa.Table]) -> pa.Table:
    """The rows of several tables with the same columns. Raises DataError if their types are incompatible."""
    try:
        # Permissive: integers in one Parquet file and fractions in the next are one numeric column.
        return pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"expected columns of the same type in all files, got {one_line(error)}; write them in one format"
        ) from None


def no_rows(path: TableFile) -> DataError:
    """The error for a file without rows."""
    return DataError(f"expected rows in {path}, got none below its header; name a file that has some")


def _read_csv(path: TableFile, form: CsvForm, drop: list[str], notes: list[str]) -> pa.Table:
    layout = csv_layout(path, form, drop, notes)
    content = path.content()
    quotes = b'"' in content
    with well_formed(path, form, layout):
        options = csv_options(layout, form, quotes)
        table = pyarrow.csv.read_csv(pa.BufferReader(content), *options)
    table = table.slice(0 if form.header else 1).rename_columns(list(layout.kept))
    if quotes:
        require_closed_quotes(table, layout, path, 0)
    return without_headers(table, path, notes)


def without_headers(rows: Any, path: TableFile, notes: list[str]) -> Any:
    """The rows of a table or batch without repetitions of the header, as in concatenated files."""
    repeats = None
    for name in rows.schema.names:
        is_name = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(rows.column(name)), name), False)
        repeats = is_name if repeats is None else pc.and_(repeats, is_name)
        if not pc.any(repeats).as_py():
            return rows
    row = pc.index(repeats, True).as_py() + 1
    notes.append(f"{pc.sum(repeats).as_py():,} rows of {path} repeat the header, the first is row {row:,}; left out")
    return rows.filter(pc.invert(repeats))


def require_closed_quotes(rows: Any, layout: CsvLayout, path: TableFile, start: int) -> None:
    """Raise DataError for an unclosed quote that swallows lines: a cell with the rest of its line, whole lines, and the
    beginning of another line up to its own column. start: the number of rows before these."""
    for name, position in layout.kept.items():
        column = rows.column(name)
        ends = pc.fill_null(pc.match_substring(column, "\n"), False)
        if not pc.any(ends).as_py():
            continue
        places = np.flatnonzero(ends.to_numpy(zero_copy_only=False))
        for row, text in zip(places, column.take(pa.array(places)).to_pylist(), strict=True):
            n_separators = [line.count(layout.delimiter) for line in text.split("\n")]
            swallowed = [layout.width - 1] * len(n_separators)
            swallowed[0], swallowed[-1] = layout.width - 1 - position, position
            if n_separators == swallowed and layout.width > 1:
                raise DataError(
                    f"expected each quote to end in its own cell in {path}, got one in column {name!r} of row"
                    f" {start + row + 1:,} that goes on for {len(n_separators) - 1:,} more lines; correct the quote"
                    " there"
                )


def csv_layout(path: TableFile, form: CsvForm, drop: list[str], notes: list[str]) -> CsvLayout:
    """The layout of a CSV file, detected from its first lines."""
    with path.open() as file:
        for _ in range(form.skip_rows):
            file.readline()
        head = _text_head(file.read(_HEAD_BYTES), path)
    line = head.lstrip("\ufeff\r\n").partition("\n")[0].strip()
    if line.startswith("#") or line.lower().startswith("sep="):
        raise DataError(
            f"expected {'rows' if form.header else 'a header'} in line {form.skip_rows + 1} of {path}, got"
            f" {line[:40]!r}, which is none; leave it out by {override('data.skip_rows', form.skip_rows + 1)}"
        )
    delimiter = _delimiter(head, path, form.separator, notes)
    first = next(_rows(head, delimiter))
    if form.header is None:
        _require_names(first, path)
        return CsvLayout(delimiter, kept_columns(first, path, drop, notes), len(first))
    if len(form.header) != len(first):
        raise ConfigError(
            f"expected data.header to name the {len(first)} columns of {path}, got {len(form.header)} names; name each"
        )
    return CsvLayout(delimiter, kept_columns(form.header, path, drop, notes), len(first))


def _require_names(header: list[str], path: TableFile) -> None:
    """Raise DataError for a first line that looks like a record: at least half of its cells are numbers.

    A sequence such as 0, 1, 2 is accepted: pandas writes it for unnamed columns.
    """
    cells = [cell.strip() for cell in header]
    numbers = [cell for cell in cells if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell)]
    if not numbers or 2 * len(numbers) < len(cells):
        return
    counted = [int(cell) for cell in numbers if cell.isdigit()]
    is_count = len(counted) == len(numbers) and counted == list(range(counted[0], counted[0] + len(counted)))
    if is_count and counted[0] in (0, 1) and (len(counted) >= MIN_COUNTED or len(counted) == len(cells) > 1):
        return
    names = [f"c{i}" for i in range(len(cells))]
    by = override("data.header", names) if len(names) <= MAX_SHOWN else "data.header"
    raise DataError(
        f"expected names in the first line of {path}, got what looks like a record: {abbreviated(cells)}; if the file"
        f" has no header, name its {len(cells)} columns, as in {by}"
    )


def csv_options(layout: CsvLayout, form: CsvForm, quotes: bool) -> tuple[Any, Any, Any]:
    """Arrow's options for a CSV file; the header is the first row, so that columns are identified by position."""
    columns = [f"f{i}" for i in layout.kept.values()]
    return (
        pyarrow.csv.ReadOptions(autogenerate_column_names=True, block_size=BLOCK_BYTES, skip_rows=form.skip_rows),
        pyarrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=quotes),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.large_string()),
            include_columns=columns,
            strings_can_be_null=False,
        ),
    )


@contextlib.contextmanager
def well_formed(path: TableFile, form: CsvForm, layout: CsvLayout) -> Iterator[None]:
    """Raise errors of Arrow's CSV parser as DataError about this file."""
    try:
        yield
    except pa.ArrowInvalid as error:
        require_utf8(path)
        got = _uneven_row(path, form, layout) or one_line(error)
        raise DataError(f"expected {layout.width} columns in each line of {path}, got {got}; correct it") from None


def _uneven_row(path: TableFile, form: CsvForm, layout: CsvLayout) -> str | None:
    """The first row with another number of cells; Arrow parses in parallel and does not know it."""
    with path.open() as file:
        for _ in range(form.skip_rows):
            file.readline()
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            records = (cells for cells in csv.reader(text, delimiter=layout.delimiter) if cells)
            for row, cells in enumerate(records, start=int(form.header is not None)):
                if len(cells) != layout.width:
                    return f"{len(cells)} in row {row:,}, {shorten(layout.delimiter.join(cells), MAX_CHARACTERS)!r}"
        except csv.Error:
            pass
        finally:
            text.detach()
    return None


def _text_head(head: bytes, path: TableFile) -> str:
    if not head.strip(b"\xef\xbb\xbf\r\n\t "):
        raise DataError(f"expected a header and rows in {path}, got an empty file; name a file that has some")
    # Whole lines, so that no character and no row is cut; classic Mac files end lines in CR alone.
    if len(head) == _HEAD_BYTES:
        end = max(head.rfind(b"\n"), head.rfind(b"\r"))
        if end < 0:
            raise DataError(
                f"expected at most {MAX_COLUMNS:,} columns in {path}, got a first line of more than "
                f"{_HEAD_BYTES:,} bytes; keep the columns that matter"
            )
        head = head[: end + 1]
    require_utf8_blocks(iter([head]), path)
    return head.decode("utf-8-sig")


def _rows(head: str, delimiter: str) -> Any:
    return (row for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if row)


def _delimiter(head: str, path: TableFile, separator: str | None, notes: list[str]) -> str:
    """The requested separator, or the one that splits the first rows into the same number of columns, and the most."""
    if separator is not None:
        delimiter = SEPARATORS.get(separator, separator)
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
            raise ConfigError(
                f"expected data.separator to be one character or {', '.join(SEPARATORS)}, got {separator!r}"
            )
        return delimiter
    widths = {name: _widths(head, delimiter) for name, delimiter in SEPARATORS.items()}
    even = {name: found[0] for name, found in widths.items() if found[0] > 1 and len(set(found)) == 1}
    # If no separator gives equal widths, the header's is used, so that the differing rows are reported.
    candidates = even or {name: found[0] for name, found in widths.items() if found[0] > 1}
    best = [name for name, width in candidates.items() if width == max(candidates.values())]
    if len(best) != 1:
        found = " and ".join(best) if best else "none of them in its first line"
        raise DataError(
            f"expected columns separated by {', '.join(SEPARATORS)} in {path}, got {found}; name it by data.separator="
        )
    if best != ["comma"]:
        notes.append(f"{path} is read as separated by {best[0]}; data.separator= names another")
    return SEPARATORS[best[0]]


def _widths(head: str, delimiter: str) -> list[int]:
    try:
        return [len(row) for row in itertools.islice(_rows(head, delimiter), _SNIFFED_ROWS)] or [0]
    except csv.Error:  # a field of more than 128 KiB: not the separator
        return [0]


def kept_columns(header: list[str], path: TableFile, drop: list[str], notes: list[str]) -> dict[str, int]:
    """Name -> position of the columns that are not dropped. Surrounding spaces of names are stripped.

    An index written by pandas is left out, with a note.
    """
    if len(header) > MAX_COLUMNS:
        raise DataError(
            f"expected at most {MAX_COLUMNS:,} columns in {path}, got {len(header):,}; keep the columns that matter"
        )
    kept: dict[str, int] = {}
    names = [name.strip() for name in header]
    for i, name in enumerate(names):
        if name in drop:
            continue
        if re.fullmatch(r"__index_level_\d+__", name) or (i == 0 and name in ("", "Unnamed: 0") and len(names) > 1):
            note = f"the first column of {path}, which has no name," if not name else f"{name} of {path}"
            notes.append(f"{note} is taken for an index that pandas wrote, and left out")
            continue
        if not name:
            raise DataError(f"expected a name for each column of {path}, got none for column {i + 1}; give it one")
        if name in kept:
            raise DataError(
                f"expected distinct column names in {path}, got {name!r} for columns {kept[name] + 1} and {i + 1};"
                f" rename one, or leave both out by {override('data.drop', [name])}"
            )
        kept[name] = i
    if missing := [name for name in drop if name not in names]:
        raise DataError(
            f"expected data.drop to name columns of {path}, got {missing[0]!r}; there is {abbreviated(names)}"
        )
    if not kept:
        raise DataError(f"expected columns in {path} that data.drop leaves, got none; drop fewer")
    return kept


def require_same_columns(names: list[str], path: Any, first: list[str], first_path: Any) -> None:
    """Raise DataError unless a file has the columns of the first, in any order."""
    for name in first:
        if name not in set(names):
            raise DataError(f"expected the columns of {first_path} in {path}, got no {name!r}; give all files the same")
    for name in names:
        if name not in set(first):
            raise DataError(
                f"expected the columns of {first_path} in {path}, got {name!r} besides; leave it out of the file"
            )


def abbreviated(names: list[str]) -> str:
    """The first names of a list that can be long."""
    return ", ".join(shorten(name, 60) for name in names[:10]) + (
        f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    )
