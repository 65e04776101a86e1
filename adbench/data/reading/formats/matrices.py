"""Matrices named X and y in files of NumPy and MATLAB; their columns are called x1, x2, … and y."""

import math
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.data.reading.formats import matlab
from adbench.data.reading.formats.file import TableFile, understood
from adbench.data.reading.formats.packed import NPZ
from adbench.data.reading.formats.signatures import MATLAB
from adbench.errors import ConfigError, DataError

LABEL = "y"  # the name of the label column of such a file
_CELL_BYTES = 8

Array = npt.NDArray[Any]


class _Entry(NamedTuple):
    """An array of a file, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None  # None: plain numbers


def read(file: TableFile, header: list[str] | None) -> pa.Table:
    """The columns of X and, if present, of y. header: other names for all of them.

    Nothing is unpickled. Raises DataError for matrices of other names and shapes.
    """
    with understood(file):
        x_name, y_name = _chosen(_entries(file), file)
        arrays = _arrays(file, [name for name in (x_name, y_name) if name is not None])
        x = arrays[x_name]
        columns = {name: x[name] for name in x.dtype.names} if x.dtype.names else _numbered(x)
        if y_name is not None:
            columns[LABEL] = arrays[y_name].reshape(-1)
        if header is not None and len(header) != len(columns):
            raise ConfigError(
                f"expected data.header to name the {len(columns):,} columns of {file}, got {len(header)} names; name"
                " each"
            )
        return pa.Table.from_arrays([_column(of, name, file) for name, of in columns.items()], header or list(columns))


def n_bytes(file: TableFile) -> float:
    """Memory of its numbers, in bytes."""
    with understood(file):
        return float(sum(math.prod(entry.shape) for entry in _entries(file).values()) * _CELL_BYTES)


def _numbered(x: Array) -> dict[str, Array]:
    return {f"x{i + 1}": x[:, i] for i in range(x.shape[1])}


def _chosen(entries: dict[str, _Entry], file: TableFile) -> tuple[str, str | None]:
    """The names of the matrix and of its labels; a single matrix may have any name."""
    x, y = (next((name for name in names if name in entries), None) for names in (["X", "x"], ["y", "Y"]))
    if x is None and len(entries) == 1:
        x, y = next(iter(entries)), None
    if x is None:
        there = ", ".join(f"{name} {entry.shape}" for name, entry in list(entries.items())[:10]) or "none"
        raise DataError(
            f"expected the matrices X (rows, columns) and y (a label per row) in {file}, got {there}; save them under"
            " these names"
        )
    for name in (x, y):
        if name is not None and (dtype := entries[name].dtype) is not None and dtype.hasobject:
            raise DataError(
                f"expected numbers in {name} of {file}, got an array of objects, which is pickled and could run code;"
                f" save {name}.astype(float)"
            )
    shape, dtype = entries[x]
    if len(shape) != 1 + (dtype is None or not dtype.names):
        raise DataError(f"expected X of (rows, columns) in {file}, got {x} of {shape}; give each row its columns")
    if y is not None and (len(entries[y].shape) > 2 or math.prod(entries[y].shape) != shape[0]):
        raise DataError(f"expected a label per row of X {shape} in {file}, got y {entries[y].shape}; give each row one")
    return x, y


def _column(values: Array, name: str, file: TableFile) -> pa.Array:
    if values.dtype.kind not in "biufUSM":
        raise DataError(f"expected numbers in {name} of {file}, got {values.dtype}; save it as plain numbers")
    if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):  # half and extended precision
        values = values.astype(np.float64)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    return pa.array(np.ascontiguousarray(values, values.dtype.newbyteorder("=")))


def _entries(file: TableFile) -> dict[str, _Entry]:
    if file.kind.format == MATLAB:
        return {one.name: _Entry(one.shape, None) for one in matlab.variables(file.content())}
    return {name: _numpy_entry(stream) for name, stream in _numpy_streams(file)}


def _arrays(file: TableFile, names: list[str]) -> dict[str, Array]:
    if file.kind.format == MATLAB:
        return {one.name: matlab.read(one) for one in matlab.variables(file.content()) if one.name in names}
    return {
        name: np.lib.format.read_array(stream, allow_pickle=False)
        for name, stream in _numpy_streams(file)
        if name in names
    }


def _numpy_streams(file: TableFile) -> Iterator[tuple[str, Any]]:
    with file.open() as stream:
        if file.kind.format != NPZ:
            yield file.path.name, stream
            return
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    yield name.removesuffix(".npy"), member


def _numpy_entry(stream: Any) -> _Entry:
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    return _Entry(shape, dtype)
