"""Rows of a user's CSV and Parquet files, as they stand there: nothing is typed, filled or left out by guess.

A CSV column comes back as text, a Parquet column in its own type. What a file is, its first bytes say, not its name.
"""

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from adbench.data.base import say
from adbench.errors import ConfigError, DataError
from adbench.text import override

PARQUET, GZIP, TEXT = "parquet", "gzip", "text"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
MAX_COLUMNS = 10_000
BLOCK_BYTES = 1 << 24  # of CSV, parsed at once
_HEAD_BYTES = 1 << 22  # what is looked at before a file is read: the header must end in it
_SNIFFED_ROWS = 20


FEWEST_SWALLOWED = 2  # whole lines in a cell that no text of several lines has by chance
MIN_COUNTED = 3  # numbers that make a count of columns
MAX_SHOWN = 50  # columns whose names a sentence lists


@dataclass(frozen=True)
class CsvForm:
    """How CSV files are written, as far as the user says it."""

    separator: str | None = None  # None: found out
    header: list[str] | None = None  # the names of the columns, where the files have none; None: their first line
    skip_rows: int = 0  # lines before the header


def read_files(paths: list[Path], form: CsvForm, drop: list[str], notes: list[str]) -> tuple[pa.Table, list[int]]:
    """The rows of all files, one file after the other, and how many each has; columns in the order of the first.

    notes: gets what was taken for certain, such as the separator. drop: columns that are not even parsed.
    Raises DataError when a file cannot be read, has no rows, or has other columns than the first.
    """
    parts: list[pa.Table] = []
    for path in paths:
        with readable(path):
            is_parquet = kind_of(path) == PARQUET
            part = _read_parquet(path, drop, notes) if is_parquet else _read_csv(path, form, drop, notes)
        if not len(part):
            raise no_rows(path)
        if parts:
            require_same_columns(part.column_names, path, parts[0].column_names, paths[0])
            part = part.select(parts[0].column_names)
        parts.append(part)
    return one_after_the_other(parts), [len(part) for part in parts]


def one_after_the_other(parts: list[pa.Table]) -> pa.Table:
    """The rows of several tables with the same columns. Raises DataError where their types do not fit together."""
    try:
        # Permissive: whole numbers in one Parquet file and fractions in the next are one column of numbers.
        return pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"expected columns of the same type in all files, got {_one_line(error)}; write them in one format"
        ) from None


def no_rows(path: Path) -> DataError:
    """What is to be said of a file without rows."""
    return DataError(f"expected rows in {path}, got none below its header; name a file that has some")


def kind_of(path: Path) -> str:
    """PARQUET, GZIP or TEXT. Raises DataError for what is known to be none of them."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PK\x03\x04":
        raise DataError(f"expected CSV or Parquet in {path}, got a zip archive or a workbook; save it as CSV")
    return PARQUET if magic == b"PAR1" else GZIP if magic[:2] == b"\x1f\x8b" else TEXT


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever cannot be read is a DataError about this file."""
    try:
        yield
    except pa.ArrowException as error:
        raise DataError(f"expected a readable table in {path}, got {_one_line(error)}; correct the file") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"expected a file that can be read at {path}, got {reason}; get it again") from None


def _read_parquet(path: Path, drop: list[str], notes: list[str]) -> pa.Table:
    file = pyarrow.parquet.ParquetFile(path)
    kept = kept_columns(file.schema_arrow.names, path, drop, notes)
    # All are read and then chosen by position: a name with a dot in it would mean a nested column to the reader.
    table = file.read()
    return pa.table([table.column(i) for i in kept.values()], names=list(kept))


def _read_csv(path: Path, form: CsvForm, drop: list[str], notes: list[str]) -> pa.Table:
    delimiter, kept = csv_layout(path, form, drop, notes)
    with open_text(path) as file:
        content = file.read()
    quotes = b'"' in content
    with well_formed(path, kept):
        options = csv_options(delimiter, kept, form, quotes)
        table = pyarrow.csv.read_csv(pa.BufferReader(content), *options)
    table = table.slice(0 if form.header else 1).rename_columns(list(kept))
    if quotes:
        require_closed_quotes(table, delimiter, len(kept), path, 0)
    return without_headers(table, path, notes)


def without_headers(rows: Any, path: Path, notes: list[str]) -> Any:
    """The rows of a table, or of a batch of one, that do not repeat the header, as in files that were joined."""
    repeats = None
    for name in rows.schema.names:
        is_name = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(rows.column(name)), name), False)
        repeats = is_name if repeats is None else pc.and_(repeats, is_name)
        if not pc.any(repeats).as_py():
            return rows
    row = pc.index(repeats, True).as_py() + 1
    notes.append(f"{pc.sum(repeats).as_py():,} rows of {path} repeat the header, the first is row {row:,}; left out")
    return rows.filter(pc.invert(repeats))


def require_closed_quotes(rows: Any, delimiter: str, n_columns: int, path: Path, start: int) -> None:
    """Raise DataError for a quote that swallows lines: a cell in which whole lines have a row's separators.

    With a single such line it can as well be a text of several lines, as people write them: that is only said.
    start: the number of rows before these.
    """
    for name in rows.schema.names:
        column = rows.column(name)
        ends = pc.fill_null(pc.match_substring(column, "\n"), False)
        if not pc.any(ends).as_py():
            continue
        enough = pc.fill_null(pc.greater_equal(pc.count_substring(column, delimiter), max(1, n_columns - 1)), False)
        for row in pc.indices_nonzero(pc.and_(ends, enough)).to_pylist():
            whole = column[row].as_py().split("\n")[1:-1]
            where = f"in column {name!r} of row {start + row + 1:,} that goes on for {len(whole) + 1:,} more lines"
            if any(line.count(delimiter) < n_columns - 1 for line in whole):
                continue
            if len(whole) >= FEWEST_SWALLOWED:
                raise DataError(
                    f"expected each quote to end in its own cell in {path}, got one {where}; correct the quote there"
                )
            say([f"there is a quote {where} of {path}; correct it there if it should have ended before"])
            break


def csv_layout(path: Path, form: CsvForm, drop: list[str], notes: list[str]) -> tuple[str, dict[str, int]]:
    """The character between the columns of a CSV file, and name -> position of those that are not dropped."""
    with open_text(path) as file:
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
        return delimiter, kept_columns(first, path, drop, notes)
    if len(form.header) != len(first):
        raise ConfigError(
            f"expected data.header to name the {len(first)} columns of {path}, got {len(form.header)} names; name each"
        )
    return delimiter, kept_columns(form.header, path, drop, notes)


def _require_names(header: list[str], path: Path) -> None:
    """Raise DataError for a first line that looks like a record: half of its cells or more are numbers.

    A count such as 0, 1, 2 is none: pandas names columns so that have no names.
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


def csv_options(delimiter: str, kept: dict[str, int], form: CsvForm, quotes: bool) -> tuple[Any, Any, Any]:
    """How Arrow is to read a CSV file: a header as the first row, so that columns are told apart by position."""
    columns = [f"f{i}" for i in kept.values()]
    return (
        pyarrow.csv.ReadOptions(autogenerate_column_names=True, block_size=BLOCK_BYTES, skip_rows=form.skip_rows),
        pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=quotes),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.large_string()),
            include_columns=columns,
            strings_can_be_null=False,
        ),
    )


@contextlib.contextmanager
def well_formed(path: Path, kept: dict[str, int]) -> Iterator[None]:
    """Whatever Arrow does not take for CSV is a DataError about this file."""
    try:
        yield
    except pa.ArrowInvalid as error:
        with open_text(path) as file:
            _require_utf8(iter(lambda: file.read(_HEAD_BYTES), b""), path)
        raise DataError(f"expected {len(kept)} columns in each line of {path}: {_one_line(error)}") from None


def open_text(path: Path) -> BinaryIO:
    """The uncompressed bytes of a file."""
    return cast("BinaryIO", gzip.open(path)) if kind_of(path) == GZIP else path.open("rb")


def _text_head(head: bytes, path: Path) -> str:
    if not head.strip(b"\xef\xbb\xbf\r\n\t "):
        raise DataError(f"expected a header and rows in {path}, got an empty file; name a file that has some")
    # A whole number of lines, so that no character and no row is cut; a classic Mac file ends lines in CR alone.
    if len(head) == _HEAD_BYTES:
        end = max(head.rfind(b"\n"), head.rfind(b"\r"))
        if end < 0:
            raise DataError(
                f"expected at most {MAX_COLUMNS:,} columns in {path}, got a first line of more than "
                f"{_HEAD_BYTES:,} bytes; keep the columns that matter"
            )
        head = head[: end + 1]
    _require_utf8(iter([head]), path)
    return head.decode("utf-8-sig")


def _require_utf8(blocks: Iterator[bytes], path: Path) -> None:
    decoder, position = codecs.getincrementaldecoder("utf-8")(), 0
    for block in itertools.chain(blocks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise DataError(
                f"expected UTF-8 text in {path}, got the byte 0x{error.object[error.start]:02x} at position"
                f" {position - pending + error.start:,}; convert it, as iconv -f latin1 -t utf-8 does"
            ) from None
        position += len(block)


def _rows(head: str, delimiter: str) -> Any:
    return (row for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if row)


def _delimiter(head: str, path: Path, separator: str | None, notes: list[str]) -> str:
    """The separator asked for; else the one that gives the first rows the same number of columns, and most of them."""
    if separator is not None:
        delimiter = SEPARATORS.get(separator, separator)
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
            raise ConfigError(
                f"expected data.separator to be one character or {', '.join(SEPARATORS)}, got {separator!r}"
            )
        return delimiter
    widths = {name: _widths(head, delimiter) for name, delimiter in SEPARATORS.items()}
    even = {name: found[0] for name, found in widths.items() if found[0] > 1 and len(set(found)) == 1}
    # Where no separator gives even rows, the one of the header does: the rows that differ are then named.
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


def kept_columns(header: list[str], path: Path, drop: list[str], notes: list[str]) -> dict[str, int]:
    """Name -> position of the columns that are not dropped. Spaces around a name do not belong to it.

    An index that pandas wrote along is left out, and that is noted.
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


def require_same_columns(names: list[str], path: Path, first: list[str], first_path: Path) -> None:
    """Raise DataError unless a file has the columns of the first, in whichever order."""
    for name in first:
        if name not in set(names):
            raise DataError(f"expected the columns of {first_path} in {path}, got no {name!r}; give all files the same")
    for name in names:
        if name not in set(first):
            raise DataError(
                f"expected the columns of {first_path} in {path}, got {name!r} besides; leave it out of the file"
            )


def abbreviated(names: list[str]) -> str:
    """The first names of what can be a long list."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) < 300 else f"{text[:300]}…"
