"""Reading upstream files: nothing is parsed before its bytes were recognised."""

import gzip
import hashlib
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from adbench.errors import DataError


def read_verified(path: Path, sha256: str) -> bytes:
    """The uncompressed bytes of a gzip file, whose sha256 must be the given one.

    Raises DataError when the file is missing, not readable, truncated, or not the upstream file.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"expected the data file {path}, which does not exist; "
            "name the folder that holds the datasets with data.folder= or ADBENCH_DATA"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"expected a whole gzip file at {path}, got one that cannot be read ({error}); fetch it again"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"expected the upstream file with sha256 {sha256[:12]}… at {path}, got {found[:12]}…; "
            "the file was altered or is another one: fetch it again"
        )
    return content


def parse_csv(content: bytes, path: Path, column_types: dict[str, pa.DataType], rows: int) -> pa.Table:
    """Columns of a header-less CSV file, parsed in parallel straight into typed columns.

    Raises DataError when the number of columns, of rows, or a value is not what the dataset declares.
    """
    names = list(column_types)
    first_line = content.split(b"\n", 1)[0]
    n_columns = first_line.count(b",") + 1
    if n_columns != len(names):
        raise DataError(f"expected {len(names)} columns in {path}, got {n_columns}; is it another file?")
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(column_names=names),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=column_types, strings_can_be_null=False, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"expected the columns of the upstream file in {path}: {error}") from None
    if table.num_rows != rows:
        raise DataError(f"expected {rows:,} rows in {path}, got {table.num_rows:,}; fetch the file again")
    _require_finite(table, path)
    return table


def _require_finite(table: pa.Table, path: Path) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not pa.types.is_floating(column.type):
            continue
        finite = pc.fill_null(pc.is_finite(column), False)
        if not pc.all(finite).as_py():
            row = pc.index(finite, False).as_py()
            value = column[row].as_py()
            raise DataError(
                f"expected a finite number in column {name!r} of {path}, line {row + 1}, got"
                f" {'nothing' if value is None else value}; fill or drop such rows"
            )
