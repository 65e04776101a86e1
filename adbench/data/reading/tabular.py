"""Rows of a user's CSV and Parquet files, as they stand there: nothing is typed, filled or left out by guess.

A CSV column comes back as text, a Parquet column in its own type. What a file is, its first bytes say, not its name.
"""

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from adbench.errors import ConfigError, DataError
from adbench.text import override

PARQUET, GZIP, TEXT = "parquet", "gzip", "text"
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
MAX_COLUMNS = 10_000
BLOCK_BYTES = 1 << 24  # of CSV, parsed at once
_HEAD_BYTES = 1 << 22  # what is looked at before a file is read: the header must end in it
_SNIFFED_ROWS = 20


def read_files(
    paths: list[Path], separator: str | None, drop: list[str], notes: list[str]
) -> tuple[pa.Table, list[int]]:
    """The rows of all files, one file after the other, and how many each has; columns in the order of the first.

    separator: of CSV files; None finds it out, and adds to notes which it is. drop: columns that are not even parsed.
    Raises DataError when a file cannot be read, has no rows, or has other columns than the first.
    """
    parts: list[pa.Table] = []
    for path in paths:
        with readable(path):
            is_parquet = kind_of(path) == PARQUET
            part = _read_parquet(path, drop) if is_parquet else _read_csv(path, separator, drop, notes)
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


def _read_parquet(path: Path, drop: list[str]) -> pa.Table:
    file = pyarrow.parquet.ParquetFile(path)
    kept = kept_columns(file.schema_arrow.names, path, drop)
    # All are read and then chosen by position: a name with a dot in it would mean a nested column to the reader.
    table = file.read()
    return pa.table([table.column(i) for i in kept.values()], names=list(kept))


def _read_csv(path: Path, separator: str | None, drop: list[str], notes: list[str]) -> pa.Table:
    delimiter, kept = csv_layout(path, separator, drop, notes)
    with open_text(path) as file:
        content = file.read()
    with well_formed(path, kept):
        options = csv_options(delimiter, kept, quotes=b'"' in content)
        return pyarrow.csv.read_csv(pa.BufferReader(content), *options).slice(1).rename_columns(list(kept))


def csv_layout(path: Path, separator: str | None, drop: list[str], notes: list[str]) -> tuple[str, dict[str, int]]:
    """The character between the columns of a CSV file, and name -> position of those that are not dropped."""
    with open_text(path) as file:
        head = _text_head(file.read(_HEAD_BYTES), path)
    delimiter = _delimiter(head, path, separator, notes)
    return delimiter, kept_columns(next(_rows(head, delimiter)), path, drop)


def csv_options(delimiter: str, kept: dict[str, int], quotes: bool) -> tuple[Any, Any, Any]:
    """How Arrow is to read a CSV file: its header as the first row, so that columns are told apart by position."""
    columns = [f"f{i}" for i in kept.values()]
    return (
        pyarrow.csv.ReadOptions(autogenerate_column_names=True, block_size=BLOCK_BYTES),
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


def kept_columns(header: list[str], path: Path, drop: list[str]) -> dict[str, int]:
    """Name -> position of the columns that are not dropped. Spaces around a name do not belong to it."""
    if len(header) > MAX_COLUMNS:
        raise DataError(
            f"expected at most {MAX_COLUMNS:,} columns in {path}, got {len(header):,}; keep the columns that matter"
        )
    kept: dict[str, int] = {}
    names = [name.strip() for name in header]
    for i, name in enumerate(names):
        if name in drop:
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
