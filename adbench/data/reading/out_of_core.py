"""Rows of CSV and Parquet files that do not fit in memory: the same as `read_files` gives, a column at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from adbench.arrays.memmap import require_room
from adbench.data.reading.tabular import (
    GZIP,
    PARQUET,
    SEPARATORS,
    CsvForm,
    csv_layout,
    csv_options,
    kept_columns,
    kind_of,
    no_rows,
    one_after_the_other,
    open_text,
    readable,
    require_closed_quotes,
    require_same_columns,
    well_formed,
    without_headers,
)

_HEAD_BYTES = 1 << 16
_NUMBER_BYTES = 8  # a cell takes in memory, once it is a number
_LEAST_PACKING = 3  # text of numbers is at least so many times as long as its gzip file


@dataclass(frozen=True)
class Part:
    """The rows of one file."""

    path: Path
    column_names: list[str]
    n_rows: int
    column: Callable[[str], pa.ChunkedArray]


@dataclass(frozen=True)
class RowsOnDisk:
    """The rows of all files; a column is read when it is asked for."""

    parts: list[Part]
    n_rows: int

    @property
    def column_names(self) -> list[str]:
        """In the order of the first file."""
        return self.parts[0].column_names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return one_after_the_other([pa.table({name: self._column(part, name)}) for part in self.parts])[name]

    def __len__(self) -> int:
        return self.n_rows

    def _column(self, part: Part, name: str) -> pa.ChunkedArray:
        with readable(part.path):
            return part.column(name)


def table_bytes(paths: list[Path]) -> float:
    """About what the columns of these files take in memory. Raises DataError for a file that cannot be read."""
    total = 0.0
    for path in paths:
        with readable(path):
            total += _parquet_bytes(path) if kind_of(path) == PARQUET else _csv_bytes(path)
    return total


def _parquet_bytes(path: Path) -> float:
    metadata = pyarrow.parquet.read_metadata(path)
    return float(metadata.num_rows * metadata.num_columns * _NUMBER_BYTES)


def _csv_bytes(path: Path) -> float:
    size = float(path.stat().st_size)
    if kind_of(path) == GZIP:
        with path.open("rb") as file:
            file.seek(-4, 2)
            size = max(int.from_bytes(file.read(4), "little"), _LEAST_PACKING * size)  # what it says is modulo 4 GiB
    with open_text(path) as text:
        head = text.read(_HEAD_BYTES)
    n_lines = max(1, head.count(b"\n"))
    n_columns = 1 + max(head.split(b"\n", 1)[0].count(separator.encode()) for separator in SEPARATORS.values())
    return size / max(1.0, len(head) / n_lines) * n_columns * _NUMBER_BYTES


def read_on_disk(
    paths: list[Path], form: CsvForm, drop: list[str], folder: Path, notes: list[str]
) -> tuple[RowsOnDisk, list[int]]:
    """The rows of all files, and how many each has; as `read_files`, whose errors it raises.

    folder: where CSV files are laid down as columns of text; nothing of it is left to remove.
    """
    parts: list[Part] = []
    for path in paths:
        with readable(path):
            is_parquet = kind_of(path) == PARQUET
            part = _parquet_part(path, drop, notes) if is_parquet else _csv_part(path, form, drop, folder, notes)
        if not part.n_rows:
            raise no_rows(path)
        if parts:
            require_same_columns(part.column_names, path, parts[0].column_names, parts[0].path)
        parts.append(part)
    n_rows = [part.n_rows for part in parts]
    return RowsOnDisk(parts, sum(n_rows)), n_rows


def _parquet_part(path: Path, drop: list[str], notes: list[str]) -> Part:
    file = pyarrow.parquet.ParquetFile(path)
    names = file.schema_arrow.names
    kept = kept_columns(names, path, drop, notes)

    def column(name: str) -> pa.ChunkedArray:
        wanted = names[kept[name]]
        found = file.read(columns=[wanted])  # also gives the columns a.b and a.c for an a
        return found.column(found.column_names.index(wanted))

    return Part(path, list(kept), file.metadata.num_rows, column)


def _csv_part(path: Path, form: CsvForm, drop: list[str], folder: Path, notes: list[str]) -> Part:
    delimiter, kept = csv_layout(path, form, drop, notes)
    texts, n_rows, is_header = folder / "texts.arrows", 0, form.header is None
    schema = pa.schema([(name, pa.string()) for name in kept])
    try:
        with open_text(path) as file, require_room(folder), pa.OSFile(str(texts), "wb") as sink:
            writer = pa.ipc.new_stream(sink, schema)
            with well_formed(path, kept):
                options = csv_options(delimiter, kept, form, quotes=True)
                for batch in pyarrow.csv.open_csv(pa.PythonFile(file, "r"), *options):
                    read = batch.slice(1) if is_header else batch
                    is_header = False
                    columns = [read.column(f"f{i}").cast(pa.string()) for i in kept.values()]
                    rows = pa.record_batch(columns, schema=schema)
                    require_closed_quotes(rows, delimiter, len(kept), path, n_rows)
                    rows = without_headers(rows, path, notes)
                    writer.write_batch(rows)
                    n_rows += len(rows)
            writer.close()
        table = pa.ipc.open_stream(pa.memory_map(str(texts))).read_all()
    finally:
        texts.unlink(missing_ok=True)  # what is mapped stays readable
    return Part(path, list(kept), n_rows, lambda name: table[name])
