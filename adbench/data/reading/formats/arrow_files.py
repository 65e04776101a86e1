"""Arrow files (the same as Feather) and streams."""

from typing import Any

import pyarrow as pa
import pyarrow.ipc

from adbench.data.reading.formats.file import TableFile, checked
from adbench.data.reading.formats.signatures import ARROW


def read(file: TableFile) -> pa.Table:
    """All rows."""
    with file.random_access() as source:
        return checked(_reader(file, source).read_all())


def names_and_rows(file: TableFile) -> tuple[list[str], int]:
    """The names of the columns and the number of rows of an uncompressed file."""
    with file.random_access() as source:
        reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=[0]))
        names = pa.ipc.open_file(source).schema.names
        return names, sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))


def read_column(file: TableFile, position: int) -> pa.ChunkedArray:
    """One column of an uncompressed file."""
    with file.random_access() as source:
        options = pa.ipc.IpcReadOptions(included_fields=[position])
        return checked(pa.ipc.open_file(source, options=options).read_all()).column(0)


def _reader(file: TableFile, source: Any) -> Any:
    return pa.ipc.open_file(source) if file.kind.format == ARROW else pa.ipc.open_stream(source)
