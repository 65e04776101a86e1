"""JSON records: one object per line, or one list of objects."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.json

from adbench.data.reading.formats.file import TableFile, one_line, require_utf8
from adbench.errors import DataError

_BLOCK_BYTES = 1 << 24
_REMEDY = "write an object per line, as by pandas' DataFrame.to_json(FILE, orient='records', lines=True)"


def read(file: TableFile) -> pa.Table:
    """One column per name; a name that a record lacks is missing. Texts that look like times remain texts."""
    content = file.content()
    try:
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            return _read_list(content, file)
        table = _read_lines(content)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        require_utf8(file)
        # Arrow counts rows from 0, within each block.
        reason = re.sub(r" in row (\d+)", lambda found: _row(int(found[1]), len(content)), one_line(error))
        raise DataError(f"expected JSON records in {file}, got {reason}; {_REMEDY}") from None
    if len(table) == 1 and all(pa.types.is_nested(field.type) for field in table.schema):
        raise DataError(f"expected JSON records in {file}, got one object of columns; {_REMEDY}")
    return table


def _read_lines(content: bytes) -> pa.Table:
    def parse(schema: pa.Schema | None) -> pa.Table:
        return pa.json.read_json(
            pa.BufferReader(content),
            read_options=pa.json.ReadOptions(block_size=min(max(len(content), 1), _BLOCK_BYTES)),
            parse_options=pa.json.ParseOptions(explicit_schema=schema),
        )

    table = parse(None)
    times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    return parse(pa.schema([(name, pa.string()) for name in times])) if times else table


def _read_list(content: bytes, file: TableFile) -> pa.Table:
    import json

    try:
        records: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        require_utf8(file)
        raise DataError(f"expected JSON records in {file}, got {one_line(error)}; {_REMEDY}") from None
    other = next((i for i, record in enumerate(records) if not isinstance(record, dict)), None)
    if other is not None:
        raise DataError(
            f"expected a list of JSON objects in {file}, got {type(records[other]).__name__} in row {other + 1:,};"
            f" {_REMEDY}"
        )
    # A name that the first record lacks is a column as well.
    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: _column([record.get(name) for record in records], name, file) for name in names})


def _column(values: list[Any], name: str, file: TableFile) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"expected values of one type in column {name!r} of {file}, got {one_line(error)}; correct the records"
        ) from None


def _row(from_0: int, n_bytes: int) -> str:
    return f" in row {from_0 + 1:,}" if n_bytes < _BLOCK_BYTES else ""
