"""ARFF, the format of Weka: a name and a type per column, and rows that are dense or sparse.

https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from adbench.data.reading.formats.file import TableFile, require_utf8
from adbench.errors import DataError

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(.+)", re.IGNORECASE | re.DOTALL)
_WORD = r"(?:[^\s,'\"][^,]*?)?"
_VALUE = re.compile(rf"\s*({_QUOTED}|{_WORD})\s*(,|$)")
_SPARSE = re.compile(rf"\s*(\d+)\s+({_QUOTED}|{_WORD})\s*(,|$)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_NUMERIC = ("numeric", "real", "integer")
_TEXT = ("string", "date")
_CELL_BYTES = 8
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True)
class _Attribute:
    """A column. values: those of a nominal column."""

    name: str
    type: str
    values: list[str] | None = None


def read(file: TableFile) -> pa.Table:
    """The table. Numbers become numbers; nominal values a dictionary column, which is a category whatever its values.

    Raises DataError for a row that does not match the header.
    """
    try:
        with file.open() as stream:
            lines = io.TextIOWrapper(stream, "utf-8-sig", newline=None)
            try:
                attributes = _header(lines, file)
                columns = _columns(_rows(lines), attributes, file)
            finally:
                lines.detach()
    except UnicodeDecodeError:
        require_utf8(file)
        raise
    return pa.Table.from_arrays(columns, [attribute.name for attribute in attributes])


def n_bytes(file: TableFile) -> float:
    """Approximate memory of its columns, in bytes."""
    with file.open() as stream:
        lines = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline=None)
        n_columns, sample = len(_header(lines, file)), lines.read(_SAMPLE_BYTES)
        lines.detach()
    length = len(sample) / max(1, sample.count("\n"))
    return file.n_bytes() / max(1.0, length) * n_columns * _CELL_BYTES


def _header(lines: TextIO, file: TableFile) -> list[_Attribute]:
    attributes: list[_Attribute] = []
    for line in lines:
        text = line.strip()
        word = text[:10].lower()
        if not text or text.startswith("%") or word.startswith("@relation"):
            continue
        if word.startswith("@data"):
            break
        found = _ATTRIBUTE.fullmatch(text)
        if found is None:
            raise DataError(f"expected @attribute NAME TYPE in the header of {file}, got {text[:60]!r}; correct it")
        attributes.append(_attribute(_unquoted(found[1]), found[2].strip(), file))
    else:
        raise DataError(f"expected @data and rows in {file}, got the end of the file; get it again")
    return attributes


def _attribute(name: str, declared: str, file: TableFile) -> _Attribute:
    if declared.startswith("{"):
        body = declared.partition("%")[0].strip() if not re.search(r"['\"]", declared) else declared
        if not body.endswith("}"):
            raise DataError(f"expected }} after the values of {name!r} in {file}, got {declared[-20:]!r}; correct it")
        try:
            return _Attribute(name, "nominal", [_unquoted(value) for value in _values(body[1:-1])])
        except ValueError as error:
            raise DataError(
                f"expected values between commas for {name!r} in {file}, got a quote that ends within a value, at"
                f" {error}; correct it"
            ) from None
    kind = declared.split()[0].lower()
    if kind not in (*_NUMERIC, *_TEXT):
        raise DataError(
            f"expected numeric, nominal, string or date columns in {file}, got {declared[:40]!r} for {name!r}; leave it"
            " out of the file"
        )
    return _Attribute(name, "numeric" if kind in _NUMERIC else "text")


def _rows(lines: TextIO) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        if text and not text.startswith("%"):
            yield text


def _values(text: str) -> list[str]:
    """The comma-separated values, still quoted."""
    values, position = [], 0
    while True:
        found = _VALUE.match(text, position)
        if found is None:  # a quote that ends within a value
            raise ValueError(repr(text[position : position + 40]))
        values.append(found[1])
        position = found.end()
        if not found[2]:
            return values


def _unquoted(value: str) -> str:
    if value[:1] not in ("'", '"') or len(value) < 2:
        return value
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), value[1:-1])


def _columns(rows: Iterator[str], attributes: list[_Attribute], file: TableFile) -> list[pa.Array]:
    first = next(rows, None)
    if first is None:
        return [pa.nulls(0, pa.string()) for _ in attributes]
    return (_sparse if first.startswith("{") else _dense)(first, rows, attributes, file)


def _dense(first: str, rows: Iterator[str], attributes: list[_Attribute], file: TableFile) -> list[pa.Array]:
    text, width = io.StringIO(), len(attributes)
    row = 0
    for row, line in enumerate(_and(first, rows), start=1):
        if "'" in line or '"' in line:
            try:
                values = [_unquoted(value) for value in _values(line)]
            except ValueError as error:
                raise _malformed(file, row, f"a quote that ends within a value, at {error}") from None
            n_values = len(values)
            line = ",".join('"' + value.replace('"', '""') + '"' for value in values)
        else:
            n_values = line.count(",") + 1
        if n_values != width:
            raise _malformed(file, row, f"{n_values:,} values for {width:,} columns")
        text.write(line)
        text.write("\n")
    names = [f"f{i}" for i in range(width)]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(text.getvalue().encode()),
        pyarrow.csv.ReadOptions(column_names=names, block_size=1 << 24),
        pyarrow.csv.ParseOptions(ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False),
    )
    if len(table) != row:
        raise DataError(f"expected a row per line in {file}, got {len(table):,} rows in {row:,} lines; correct it")
    return [_typed(column, one, file) for column, one in zip(table.columns, attributes, strict=True)]


def _sparse(first: str, rows: Iterator[str], attributes: list[_Attribute], file: TableFile) -> list[pa.Array]:
    """Sparse rows of positions and values; an omitted value is 0, or the first declared value."""
    given: list[dict[int, str]] = [{} for _ in attributes]  # per column: row -> value
    row = -1
    for row, line in enumerate(_and(first, rows)):
        for position, value in _pairs(line, file, row + 1):
            if position >= len(attributes) or row in given[position]:
                raise _malformed(file, row + 1, f"the position {position} of {len(attributes):,} columns")
            given[position][row] = value
    columns = []
    for attribute, of_column in zip(attributes, given, strict=True):
        default = attribute.values[0] if attribute.values else "0" if attribute.type == "numeric" else ""
        cells = np.full(row + 1, default, dtype=object)
        cells[list(of_column)] = list(of_column.values())
        columns.append(_typed(pa.chunked_array([pa.array(cells, pa.large_string())]), attribute, file))
    return columns


def _pairs(line: str, file: TableFile, row: int) -> Iterator[tuple[int, str]]:
    if not (line.startswith("{") and line.endswith("}")):
        raise _malformed(file, row, f"{line[:40]!r} among sparse rows")
    body, position = line[1:-1].strip(), 0
    while position < len(body):
        found = _SPARSE.match(body, position)
        if found is None:
            raise _malformed(file, row, f"{body[position : position + 40]!r} instead of POSITION VALUE")
        yield int(found[1]), _unquoted(found[2])
        position = found.end()


def _typed(column: pa.ChunkedArray, attribute: _Attribute, file: TableFile) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.is_in(text, pa.array(["?", ""], pa.large_string())), None, text)
    if attribute.type == "numeric":
        try:
            return pc.replace_substring_regex(text, r"^\+", "").cast(pa.float64())
        except pa.ArrowInvalid:
            is_bad = pc.invert(pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"))
            row = max(0, pc.index(pc.fill_null(is_bad, False), True).as_py())
            raise _malformed(file, row + 1, f"{text[row].as_py()!r} for the number {attribute.name!r}") from None
    if attribute.values is None:
        return text
    values = pa.array([value.strip() for value in attribute.values], pa.large_string())
    codes = pc.index_in(text, values)
    unknown = pc.and_(pc.is_null(codes), pc.is_valid(text))
    if pc.any(unknown).as_py():
        row = pc.index(unknown, True).as_py()
        raise _malformed(file, row + 1, f"{text[row].as_py()!r} for {attribute.name!r}, which does not declare it")
    chunks = [pa.DictionaryArray.from_arrays(chunk, values.cast(pa.string())) for chunk in codes.chunks]
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def _malformed(file: TableFile, row: int, got: str) -> DataError:
    return DataError(
        f"expected rows of ARFF as the header declares them in {file}, got {got} in row {row:,}; correct it"
    )


def _and(first: str, rows: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rows
