"""Sheets of Excel and OpenDocument workbooks, read by python-calamine, an optional package."""

import datetime
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from adbench.config.extras import require_package
from adbench.data.reading.formats.file import TableFile, understood
from adbench.errors import ConfigError, DataError
from adbench.text import override


def read(file: TableFile, header: list[str] | None, skip_rows: int) -> pa.Table:
    """The cells below the names in the first row. header: the names, if the sheet has none. skip_rows: rows above them.

    Raises ConfigError if there are several sheets and none is chosen.
    """
    require_package("python_calamine", "excel", f"the workbook {file}")
    from python_calamine import CalamineWorkbook

    with understood(file):
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.content()))
        rows = book.get_sheet_by_name(_sheet(book, file)).to_python(skip_empty_area=False)[skip_rows:]
        while rows and all(cell == "" for cell in rows[-1]):
            rows.pop()
        if not rows:
            raise DataError(f"expected a header and rows in {file}, got an empty sheet; name another by data.member=")
        names = header if header is not None else [str(_plain(cell)) for cell in rows.pop(0)]
        columns = [list(cells) for cells in zip(*rows, strict=True)] or [[] for _ in names]
        if header is not None and len(header) != len(columns):
            raise ConfigError(
                f"expected data.header to name the {len(columns)} columns of {file}, got {len(header)} names; name each"
            )
        # Columns without a name and without values are not part of the table.
        kept = [i for i, cells in enumerate(columns) if names[i] or any(cell != "" for cell in cells)]
        return pa.Table.from_arrays([_column(columns[i]) for i in kept], [names[i] for i in kept])


def _sheet(book: Any, file: TableFile) -> str:
    from python_calamine import SheetVisibleEnum

    names = [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
    if file.member is not None and not file.kind.layers:
        if file.member not in book.sheet_names:
            raise ConfigError(
                f"expected data.member to name a sheet of {file}, got {file.member!r}; there is {', '.join(names)}"
            )
        return file.member
    full = [name for name in names if book.get_sheet_by_name(name).height]
    if len(full) != 1:
        there = f"{len(full):,}: {', '.join(full[:10])}; name one by {override('data.member', full[0])}" if full else 0
        raise ConfigError(f"expected one sheet in {file}, got {there}")
    return full[0]


def _column(cells: Sequence[Any]) -> pa.Array:
    """Numbers or booleans if all cells are; otherwise texts."""
    values = [None if cell == "" else cell for cell in cells]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int, float} and kinds:
        return pa.array(values, pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else str(_plain(value)) for value in values], pa.string())


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell.isoformat() if isinstance(cell, datetime.date | datetime.time) else cell
