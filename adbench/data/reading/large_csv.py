"""Streaming reader for large CSV files of a known layout but without known checksums.

Bytes that are not valid text, as in the labels of CIC-IDS2017, are tolerated.
"""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.memmap import create, release_pages, require_room
from adbench.arrays.order import Order
from adbench.data.base import Features
from adbench.errors import ConfigError, DataError
from adbench.storage.scratch import Scratch

_CHUNK = _BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_MOST_VALUES = 10_000  # of a category; a column with more is not categorical
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Layout:
    """The columns of the files, and which of them are read.

    may_lack: numbers that can be empty, NaN or infinite; they are read as 0. indicator: a column that is 1 in such
    rows; None: no such column. time: a column of seconds since 1970, which is not a feature; None: no such column.
    """

    names: tuple[str, ...]  # in file order
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    labels: tuple[str, ...]  # categories that are not features
    may_lack: tuple[str, ...] = ()
    indicator: str | None = None
    header: bool = False
    time: str | None = None


@dataclass(frozen=True)
class LargeTable:
    """All rows, file after file."""

    features: Features
    labels: dict[str, CategoryColumn]
    lacking: dict[str, int]  # number -> rows in which it was missing
    n_rows: list[int]  # per file
    fingerprints: dict[str, str]
    order: Order | None = None

    def __len__(self) -> int:
        return len(self.features)


def find(root: Path, folders: Sequence[str], file: str) -> Path | None:
    """A file, compressed or not, in one of these subfolders of root, or in root itself."""
    paths = [root / folder / name for folder in (*folders, "") for name in (file, f"{file}.gz")]
    return next((path for path in paths if path.is_file()), None)


def first_line(path: Path) -> str:
    """The first line of a file, without a byte-order mark."""
    with _opened(path) as file:
        return _text(file.readline(1 << 16).removeprefix(b"\xef\xbb\xbf")).rstrip("\r\n")


def read_large(paths: Sequence[Path], layout: Layout, drop: Sequence[str], scratch: Scratch | None) -> LargeTable:
    """The rows of all files. drop: columns to leave out. scratch: where to store numbers that do not fit in memory.

    Raises DataError for a line that does not match the layout.
    """
    found = [*layout.numbers, *([layout.indicator] if layout.indicator else []), *layout.categories]
    for name in drop:
        if name not in found:
            raise ConfigError(f"expected data.drop to name columns, got {name}; there is {', '.join(found)}")
    numbers = [name for name in found[: len(found) - len(layout.categories)] if name not in drop]
    digests = [_digest(path) for path in paths]
    room = sum(lines for _, lines in digests)
    reading = _Reading(layout, numbers, _matrix((room, len(numbers)), scratch), drop)
    n_rows = [reading.read(path) for path in paths]
    return LargeTable(
        features=reading.features(),
        labels={name: reading.column(name) for name in layout.labels},
        lacking=reading.lacking,
        n_rows=n_rows,
        fingerprints={path.name: digest for path, (digest, _) in zip(paths, digests, strict=True)},
        order=reading.order(),
    )


def _matrix(shape: tuple[int, int], scratch: Scratch | None) -> npt.NDArray[np.float64]:
    if scratch is None or shape[0] * shape[1] * 8 <= scratch.limit:
        return np.empty(shape, order="F")
    with require_room(scratch.path):
        return create(scratch.path / "numbers", shape, np.float64, "F")


class _Reading:
    """Collects rows into columns as they are read."""

    def __init__(self, layout: Layout, numbers: list[str], x: npt.NDArray[np.float64], drop: Sequence[str]) -> None:
        self.layout, self.numbers, self.x, self.n_rows = layout, numbers, x, 0
        self.categories = [name for name in layout.categories if name not in drop]
        self.codes = {name: np.empty(len(x), np.int32) for name in (*self.categories, *layout.labels)}
        self.values: dict[str, dict[str, int]] = {name: {} for name in self.codes}
        self.lacking = dict.fromkeys(layout.may_lack, 0)
        self.time = np.empty(len(x) if layout.time else 0)

    def read(self, path: Path) -> int:
        """Read the rows of a file; returns their number."""
        start = self.n_rows
        read = [name for name in self.numbers if name != self.layout.indicator]
        # Columns that are left out are checked for missing values too, because the indicator depends on them.
        asked = [name for name in self.layout.may_lack if self.layout.indicator in self.numbers or name in read]
        timed = [self.layout.time] if self.layout.time else []
        types = dict.fromkeys([*read, *asked, *timed], pa.float64()) | dict.fromkeys(self.codes, pa.binary())
        try:
            with pa.input_stream(str(path), compression="gzip" if _is_gzip(path) else None) as stream:
                batches = pyarrow.csv.open_csv(
                    stream,
                    pyarrow.csv.ReadOptions(
                        column_names=list(self.layout.names), skip_rows=int(self.layout.header), block_size=_BLOCK
                    ),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=types,
                        include_columns=list(types),
                        null_values=["", " ", "NaN", "nan"],
                        strings_can_be_null=False,
                        check_utf8=False,
                    ),
                )
                for batch in batches:
                    self._lay_down(batch, path, start)
        except (pa.ArrowInvalid, OSError, EOFError) as error:
            raise DataError(
                f"expected rows of {len(self.layout.names)} columns in {path}, got others"
                f" ({' '.join(str(error).split())[:300]}); get the file again"
            ) from None
        if self.n_rows == start:
            raise DataError(f"expected rows in {path}, got none; get the file again")
        return self.n_rows - start

    def _lay_down(self, batch: pa.RecordBatch, path: Path, start: int) -> None:
        rows = slice(self.n_rows, self.n_rows + len(batch))
        lacking = np.zeros(len(batch), bool)
        for name in self.layout.may_lack:
            if name in batch.schema.names:
                _, is_missing = _numbers(batch[name])
                self.lacking[name] += int(is_missing.sum())
                lacking |= is_missing
        for i, name in enumerate(self.numbers):
            if name == self.layout.indicator:
                self.x[rows, i] = lacking
                continue
            self.x[rows, i] = self._laid(batch, name, path, start)
        if self.layout.time:
            self.time[rows] = self._laid(batch, self.layout.time, path, start)
        for name, codes in self.codes.items():
            codes[rows] = _codes(batch[name], self.values[name], name, path)
        self.n_rows = rows.stop
        release_pages(self.x)

    def _laid(self, batch: pa.RecordBatch, name: str, path: Path, start: int) -> npt.NDArray[np.float64]:
        """The numbers of a column, 0 for missing values if these are allowed."""
        numbers, is_missing = _numbers(batch[name])
        if is_missing.any() and name not in self.layout.may_lack:
            line = self.n_rows - start + int(np.argmax(is_missing)) + 1 + int(self.layout.header)
            raise DataError(
                f"expected a number in column {name!r} of {path}, line {line:,}, got none or an infinite one; get"
                " the file again"
            )
        return np.where(is_missing, 0.0, numbers) if is_missing.any() else numbers

    def order(self) -> Order | None:
        """The times of the rows, if the files have them."""
        return Order(self.time[: self.n_rows], is_date=True) if self.layout.time else None

    def column(self, name: str) -> CategoryColumn:
        """One category of all rows."""
        return CategoryColumn.renamed(list(self.values[name]), self.codes[name][: self.n_rows])

    def features(self) -> Features:
        """All columns except the labels."""
        codes = np.empty((self.n_rows, len(self.categories)), np.int32, order="F")
        for i, name in enumerate(self.categories):
            codes[:, i] = self.codes[name][: self.n_rows]
        vocabularies = {name: tuple(self.values[name]) for name in self.categories}
        return Features(self.x[: self.n_rows], tuple(self.numbers), codes, vocabularies)


def _numbers(column: pa.Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The numbers, and which of them are missing or infinite."""
    numbers: npt.NDArray[np.float64] = np.from_dlpack(pc.fill_null(column, float("nan")))  # type: ignore[assignment]
    return numbers, ~np.isfinite(numbers)


def _codes(column: pa.Array, values: dict[str, int], name: str, path: Path) -> Codes:
    """Codes into `values`, which is extended by new ones."""
    encoded = column.dictionary_encode()
    texts = [_text(value).strip() for value in encoded.dictionary.to_pylist()]
    places = np.array([values.setdefault(text, len(values)) for text in texts], np.int32)
    if len(values) > _MOST_VALUES:
        raise DataError(
            f"expected at most {_MOST_VALUES:,} values in column {name!r} of {path}, got more; is it another file?"
        )
    found: Codes = places[np.from_dlpack(encoded.indices)]
    return found


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if _is_gzip(path) else path.open("rb")


def _digest(path: Path) -> tuple[str, int]:
    """The sha256 of the uncompressed bytes, and an upper bound on the number of lines."""
    sha256, lines = hashlib.sha256(), 1
    try:
        with _opened(path) as file:
            while chunk := file.read(_CHUNK):
                sha256.update(chunk)
                lines += chunk.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"expected a whole file at {path}, got one that cannot be read ({error}); get it again"
        ) from None
    return sha256.hexdigest(), lines
