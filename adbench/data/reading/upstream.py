"""Upstream files to columns: nothing is parsed before its bytes are verified."""

import difflib
import gzip
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from adbench.data.base import Features
from adbench.errors import ConfigError, DataError
from adbench.text import override

NUMBER, WHOLE_NUMBER = pa.float64(), pa.int32()
CATEGORY = pa.dictionary(pa.int32(), pa.string())

# Prefix of a sha256 that is of the compressed file, if nobody published that of its uncompressed bytes.
PACKED = "gz:"
# File name endings of binary upstream files.
BINARY = (".npz",)

# A column's chunks, each from one file; chunks of a categorical column share their dictionary.
Columns = dict[str, pa.ChunkedArray]


def read_columns(folder: Path, sha256: dict[str, str], rows: dict[str, int], types: dict[str, pa.DataType],
                 header: bool = False) -> tuple[Columns, list[int]]:  # fmt: skip
    """The columns of one or several upstream files, concatenated, and the number of each file's rows.

    folder: contains `<name>.gz` for each name in `sha256`. header: whether the first line names the columns. Raises
    DataError if a file is missing, altered or malformed.
    """
    try:
        is_folder = folder.is_dir()
    except OSError:  # an inaccessible folder, or a name too long
        is_folder = False
    if not is_folder:
        # The user named the folder with the files instead of its parent.
        named = folder.parent.parent if folder.parent.name == folder.name and folder.parent.is_dir() else None
        way = f": here {override('data.folder', str(named))}" if named else ""
        raise DataError(
            f"expected the folder {folder} with {' and '.join(stored_name(name) for name in sha256)}, which does not "
            f"exist; data.folder= names the folder that holds {folder.name}/{way}"
        )

    def read(name: str) -> pa.Table:
        path = folder / stored_name(name)
        return parse_csv(read_verified(path, sha256[name]), path, types, rows[name], header)

    with ThreadPoolExecutor() as pool:  # decompressing, hashing and parsing release the GIL
        parts = list(pool.map(read, sha256))
    return join(parts), [len(part) for part in parts]


def join(parts: list[pa.Table]) -> Columns:
    """The columns of several files with the same columns, concatenated."""
    table = pa.concat_tables(parts).unify_dictionaries()
    return {name: table[name] for name in table.column_names}


def stored_name(name: str) -> str:
    """The name of an upstream file in the data folder, where texts are stored gzip-compressed."""
    return name if name.endswith((".gz", *BINARY)) else f"{name}.gz"


def as_it_lies(path: Path) -> Path:
    """The path of a dataset's file: `name.gz` or, if only that exists, the uncompressed `name`."""
    unpacked = path.with_suffix("") if path.suffix == ".gz" else path
    try:
        return unpacked if not path.exists() and unpacked.is_file() else path
    except OSError:  # an inaccessible folder, or a name too long
        return path


def read_verified(path: Path, sha256: str) -> bytes:
    """The uncompressed bytes of a file after checking their sha256, or that of the compressed file; see PACKED.

    Raises DataError if the file is missing, unreadable, truncated, or not the upstream file.
    """
    path = as_it_lies(path)
    content = read_gzip(path)
    wanted = sha256.removeprefix(PACKED)
    found = hashlib.sha256(content if wanted == sha256 else path.read_bytes()).hexdigest()
    if found != wanted:
        raise DataError(
            f"expected the upstream file with sha256 {wanted[:12]}… at {path}, got {found[:12]}…; "
            "the file was altered or is another one: fetch it again, or read it as a table of your own with"
            f" data=table {override('data.path', str(path))}"
        )
    return content


def read_gzip(path: Path) -> bytes:
    """The uncompressed bytes of a file, which is gzip-compressed if its name says so.

    Raises DataError if it is missing, unreadable or truncated.
    """
    try:
        return _gunzip(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        beside = difflib.get_close_matches(path.name, _names_in(path.parent), n=2)
        there = f", though {' and '.join(beside)} lies beside it" if beside else ""
        raise DataError(
            f"expected the data file {path}, which does not exist{there}; adbench data fetch {path.parent.name} brings"
            " it, or name the folder that holds the datasets with data.folder= or ADBENCH_DATA"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"expected a whole gzip file at {path}, got one that cannot be read ({error}); fetch it again"
        ) from None


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _gunzip(packed: bytes) -> bytes:
    # Arrow takes 0.4 of the time of Python's gzip but has to know the size. The last four bytes of the file hold it,
    # unless it has several parts, padding, more than 4 GiB or is damaged: then Arrow refuses it.
    size = int.from_bytes(packed[-4:], "little")
    if 0 < size <= 1032 * len(packed):  # the maximal compression ratio
        try:
            return pa.Codec("gzip").decompress(packed, size, asbytes=True)
        except OSError:
            pass
    return gzip.decompress(packed)


def parse_csv(
    content: bytes, path: Path, column_types: dict[str, pa.DataType], rows: int, header: bool = False
) -> pa.Table:
    """The columns of a CSV file, parsed in parallel straight into typed columns.

    Raises DataError if the columns, the number of rows, or a value is not as the dataset declares.
    """
    names = list(column_types)
    first_line = content[: content.find(b"\n")] if b"\n" in content else content
    n_columns = first_line.count(b",") + 1
    if n_columns != len(names):
        raise DataError(f"expected {len(names)} columns in {path}, got {n_columns}; is it another file?")
    if header and first_line.removeprefix(b"\xef\xbb\xbf").strip().decode("utf-8", "replace").split(",") != names:
        raise DataError(f"expected the header {','.join(names[:3])},… in {path}, got another; is it another file?")
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=int(header)),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=column_types, strings_can_be_null=False, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise DataError(f"expected the columns of the upstream file in {path}: {reason}") from None
    if table.num_rows != rows:
        raise DataError(f"expected {rows:,} rows in {path}, got {table.num_rows:,}; fetch the file again")
    _require_finite(table, path, first_line=1 + int(header))
    return table


def _require_finite(table: pa.Table, path: Path, first_line: int) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type) or (pa.types.is_integer(column.type) and not column.null_count):
            continue
        finite = pc.is_finite(column)
        if not column.null_count and pc.all(finite).as_py():
            continue
        row = pc.index(pc.fill_null(finite, False), False).as_py()
        value = column[row].as_py()
        raise DataError(
            f"expected a finite number in column {name!r} of {path}, line {row + first_line}, got"
            f" {'nothing' if value is None else value}; fill or drop such rows"
        )


def take_features(columns: Columns, drop: list[str] | None = None) -> Features:
    """The numeric and categorical columns as features; `columns` is emptied on the way, to save memory.

    drop: columns to leave out. Raises ConfigError for a column that does not exist.
    """
    for name in drop or []:
        if name not in columns:
            raise ConfigError(f"expected data.drop to name columns, got {name}; there is {', '.join(columns)}")
        del columns[name]
    categorical = [name for name, column in columns.items() if pa.types.is_dictionary(column.type)]
    numeric = [name for name in columns if name not in categorical]
    n_rows = len(next(iter(columns.values()))) if columns else 0
    # Column-major in memory: scaling works on whole columns.
    x = np.empty((n_rows, len(numeric)), order="F")
    codes = np.empty((n_rows, len(categorical)), dtype=np.int32, order="F")
    vocabularies = {}
    for i, name in enumerate(numeric):
        _fill(x[:, i], columns.pop(name))
    for i, name in enumerate(categorical):
        vocabularies[name] = _take_codes(columns, name, codes[:, i])
    pa.default_memory_pool().release_unused()  # otherwise Arrow keeps some of it until the process ends
    return Features(x, tuple(numeric), codes, vocabularies)


def take_whole_numbers(columns: Columns, name: str) -> npt.NDArray[np.int32]:
    """One integer column, removed from `columns`."""
    column = columns.pop(name)
    numbers = np.empty(len(column), dtype=np.int32)
    _fill(numbers, column)
    return numbers


def take_codes(columns: Columns, name: str) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int32]]:
    """The values of one categorical column and each row's index into them; removes it from `columns`."""
    codes = np.empty(len(columns[name]), dtype=np.int32)
    return np.array(_take_codes(columns, name, codes)), codes


def _take_codes(columns: Columns, name: str, codes: npt.NDArray[np.int32]) -> tuple[str, ...]:
    column = columns.pop(name)
    _fill(codes, pa.chunked_array([chunk.indices for chunk in column.chunks]))
    return tuple(column.chunk(0).dictionary.to_pylist())


def _fill(target: npt.NDArray[np.generic], column: pa.ChunkedArray) -> None:
    start = 0
    for chunk in column.chunks:
        target[start : start + len(chunk)] = np.from_dlpack(chunk)  # to_numpy would import pandas if it is installed
        start += len(chunk)
