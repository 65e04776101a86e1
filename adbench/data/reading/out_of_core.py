"""Out-of-core reading of rows that do not fit in memory, column by column, with the same result as `read_files`.

Supported for CSV, compressed or not, and for uncompressed Parquet and Arrow files; a file of any other format has to
fit in memory.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from adbench.arrays.memmap import require_room
from adbench.data.reading.formats import arff, arrow_files, matrices
from adbench.data.reading.formats.file import TableFile, checked, readable, understood
from adbench.data.reading.formats.packed import WORKBOOK
from adbench.data.reading.formats.signatures import ARFF, ARROW, ARROW_STREAM, CSV, MATRICES, PARQUET
from adbench.data.reading.tabular import (
    SEPARATORS,
    CsvForm,
    csv_layout,
    csv_options,
    kept_columns,
    no_rows,
    one_after_the_other,
    read_file,
    require_closed_quotes,
    require_fitting,
    require_same_columns,
    well_formed,
    without_headers,
)
from adbench.errors import DataError

_HEAD_BYTES = 1 << 16
_NUMBER_BYTES = 8  # a cell takes this much memory as a number
_GROWTH = {ARROW: 3.0, ARROW_STREAM: 3.0, PARQUET: 4.0, WORKBOOK: 20.0}  # memory per file size, at most about
_GIB = 2**30


@dataclass(frozen=True)
class Part:
    """The rows of one file."""

    file: TableFile
    column_names: list[str]
    n_rows: int
    column: Callable[[str], pa.ChunkedArray]


@dataclass(frozen=True)
class RowsOnDisk:
    """The rows of all files; a column is read on access."""

    parts: list[Part]
    n_rows: int

    @property
    def column_names(self) -> list[str]:
        """The columns, in the order of the first file."""
        return self.parts[0].column_names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return one_after_the_other([pa.table({name: self._column(part, name)}) for part in self.parts])[name]

    def __len__(self) -> int:
        return self.n_rows

    def _column(self, part: Part, name: str) -> pa.ChunkedArray:
        with readable(part.file), understood(part.file):
            column = part.column(name)
        if len(column) != part.n_rows:
            raise DataError(
                f"expected {part.n_rows:,} values in column {name!r} of {part.file}, got {len(column):,}; get it again"
            )
        return column


def table_bytes(paths: list[Path], form: CsvForm | None = None) -> float:
    """Approximate memory of these files' columns, in bytes. Raises DataError for a file that cannot be read."""
    return sum(_bytes_of(TableFile(path, form.member if form else None)) for path in paths)


def _bytes_of(file: TableFile) -> float:
    with readable(file):
        kind = file.kind
        if kind.format == CSV:
            return _csv_bytes(file)
        if kind.format == PARQUET and kind.is_plain:
            with understood(file):
                metadata = pyarrow.parquet.read_metadata(file.path)
            return float(metadata.num_rows * metadata.num_columns * _NUMBER_BYTES)
        if kind.format == ARFF:
            return arff.n_bytes(file)
        if kind.format in MATRICES:
            return matrices.n_bytes(file)
        return _GROWTH.get(kind.format, 1.0) * file.n_bytes()


def _csv_bytes(file: TableFile) -> float:
    with file.open() as text:
        head = text.read(_HEAD_BYTES)
    n_lines = max(1, head.count(b"\n"))
    n_columns = 1 + max(head.split(b"\n", 1)[0].count(separator.encode()) for separator in SEPARATORS.values())
    return file.n_bytes() / max(1.0, len(head) / n_lines) * n_columns * _NUMBER_BYTES


def read_on_disk(
    paths: list[Path], form: CsvForm, drop: list[str], folder: Path, notes: list[str], limit: float = math.inf
) -> tuple[RowsOnDisk, list[int]]:
    """The rows of all files, and the number of each file's rows; raises the same errors as `read_files`.

    folder: where CSV files are converted to columns of text; nothing is left there to remove. limit: bytes that fit in
    memory. Raises DataError for a larger file whose format cannot be read column by column.
    """
    parts: list[Part] = []
    for path in paths:
        file = TableFile(path, form.member)
        require_fitting(form, file)
        with readable(file):
            part = _part(file, form, drop, folder, notes, limit)
        if not part.n_rows:
            raise no_rows(file)
        if parts:
            require_same_columns(part.column_names, file, parts[0].column_names, parts[0].file)
        parts.append(part)
    n_rows = [part.n_rows for part in parts]
    return RowsOnDisk(parts, sum(n_rows)), n_rows


def _part(file: TableFile, form: CsvForm, drop: list[str], folder: Path, notes: list[str], limit: float) -> Part:
    kind = file.kind
    if kind.format == CSV:
        return _csv_part(file, form, drop, folder, notes)
    if kind.format == PARQUET and kind.is_plain:
        return _parquet_part(file, drop, notes)
    if kind.format == ARROW and kind.is_plain:
        return _arrow_part(file, drop, notes)
    if (n_bytes := _bytes_of(file)) > limit:
        remedy = "unpack it" if kind.format in (PARQUET, ARROW) else "convert it to Parquet or CSV"
        raise DataError(
            f"expected a table that fits in memory_gb in {file}, got about {n_bytes / _GIB:,.2g} GiB of"
            f" {' in '.join((kind.format, *reversed(kind.layers)))}, which is not read a column at a time; {remedy}, or"
            " raise memory_gb"
        )
    table = read_file(file, form, drop, notes)
    return Part(file, table.column_names, len(table), lambda name: table[name])


def _arrow_part(file: TableFile, drop: list[str], notes: list[str]) -> Part:
    with understood(file):
        names, n_rows = arrow_files.names_and_rows(file)
    kept = kept_columns(names, file, drop, notes)
    return Part(file, list(kept), n_rows, lambda name: arrow_files.read_column(file, kept[name]))


def _parquet_part(file: TableFile, drop: list[str], notes: list[str]) -> Part:
    with understood(file):
        parquet = pyarrow.parquet.ParquetFile(file.path)
        names = parquet.schema_arrow.names
    kept = kept_columns(names, file, drop, notes)

    def column(name: str) -> pa.ChunkedArray:
        wanted = names[kept[name]]
        found = checked(parquet.read(columns=[wanted]))  # a.b also matches a column a with fields
        return found.column(found.column_names.index(wanted))

    return Part(file, list(kept), parquet.metadata.num_rows, column)


def _csv_part(path: TableFile, form: CsvForm, drop: list[str], folder: Path, notes: list[str]) -> Part:
    layout = csv_layout(path, form, drop, notes)
    texts, n_rows, is_header = folder / "texts.arrows", 0, form.header is None
    kept = layout.kept
    schema = pa.schema([(name, pa.string()) for name in kept])
    try:
        with path.open() as file, require_room(folder), pa.OSFile(str(texts), "wb") as sink:
            writer = pa.ipc.new_stream(sink, schema)
            with well_formed(path, form, layout):
                options = csv_options(layout, form, quotes=True)
                for batch in pyarrow.csv.open_csv(pa.PythonFile(file, "r"), *options):
                    read = batch.slice(1) if is_header else batch
                    is_header = False
                    columns = [read.column(f"f{i}").cast(pa.string()) for i in kept.values()]
                    rows = pa.record_batch(columns, schema=schema)
                    require_closed_quotes(rows, layout, path, n_rows)
                    rows = without_headers(rows, path, notes)
                    writer.write_batch(rows)
                    n_rows += len(rows)
            writer.close()
        table = pa.ipc.open_stream(pa.memory_map(str(texts))).read_all()
    finally:
        texts.unlink(missing_ok=True)  # the memory-mapped file stays readable
    return Part(path, list(kept), n_rows, lambda name: table[name])
