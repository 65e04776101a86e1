"""Decompression while reading: gzip, bzip2, xz, Zstandard and zip, also nested."""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from adbench.errors import DataError
from adbench.text import override

GZIP, BZIP2, XZ, ZSTANDARD, ZIP = "gzip", "bzip2", "xz", "Zstandard", "zip"
NPZ, WORKBOOK = "NumPy archive", "Excel workbook"  # zip archives that are formats of their own

HEAD_BYTES = 1 << 16  # maximal length of a peek
MAX_LAYERS = 3
# A small file that unpacks to more than this is a decompression bomb or extremely repetitive: users can unpack it
# themselves.
MAX_BYTES = 1 << 30
MAX_RATIO = 200

_MAGIC = (
    (rb"\x1f\x8b\x08", GZIP),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", BZIP2),
    (rb"\xfd7zXZ\x00", XZ),
    (rb"\x28\xb5\x2f\xfd", ZSTANDARD),
    (rb"PK(\x03\x04|\x05\x06)", ZIP),
)
_SHEETS = ("xl/workbook.xml", "xl/workbook.bin")
# Name in an archive -> what the archive is, and how to get a table out of it.
_REFUSED = (
    (r"(.*/)?data\.pkl", "a PyTorch file, which is pickled and could run code; write the table as Parquet or CSV"),
    (r"word/.*|ppt/.*", "a document of Office; save its table as CSV"),
)
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """The innermost bytes of a file. archive: NPZ or WORKBOOK if they are one, otherwise None."""

    stream: io.BufferedReader
    layers: tuple[str, ...]
    archive: str | None


class Blocks(io.RawIOBase):
    """Blocks of bytes as a raw file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n

    def readall(self) -> bytes:
        rest, self._rest = self._rest, memoryview(b"")
        return b"".join([rest, *self._blocks])


def as_file(blocks: Iterator[bytes]) -> io.BufferedReader:
    """Blocks of bytes as a buffered file, which allows peeking."""
    return io.BufferedReader(Blocks(blocks), HEAD_BYTES)


@contextlib.contextmanager
def unpacked(path: Path, member: str | None, name: str) -> Iterator[Unpacked]:
    """The uncompressed contents of a file. member: the file to read from an archive of several. name: for errors.

    Raises DataError if the contents are far larger than the file, and for an archive of several files without a member.
    """
    limit = max(MAX_BYTES, MAX_RATIO * path.stat().st_size)
    layers: list[str] = []
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(path.open("rb", buffering=0))
        stream: io.BufferedReader = stack.enter_context(io.BufferedReader(raw, HEAD_BYTES))
        while (packing := _packing(stream.peek(HEAD_BYTES))) is not None:
            if packing == ZIP:
                if layers:
                    stream = io.BufferedReader(io.BytesIO(stream.read()), HEAD_BYTES)
                archive = stack.enter_context(zipfile.ZipFile(stream))
                if kind := _archive(archive, limit, name):
                    stream.seek(0)
                    yield Unpacked(stream, tuple(layers), kind)
                    return
                inner: Any = stack.enter_context(archive.open(_member(archive, member, name)))
            else:
                inner = stack.enter_context(_opened(stream, packing))
            layers.append(packing)
            if len(layers) > MAX_LAYERS:
                raise DataError(f"expected a packed table in {name}, got packings in packings; unpack it")
            stream = as_file(_bounded(inner, limit, name))
        yield Unpacked(stream, tuple(layers), None)


def unpacked_bytes(path: Path, member: str | None, name: str) -> float:
    """Approximate number of uncompressed bytes, extrapolated from the beginning of the file."""
    with unpacked(path, member, name) as found:
        if not found.layers:
            return float(path.stat().st_size)
        if found.layers == (ZIP,):
            with zipfile.ZipFile(path) as archive:
                return float(_member(archive, member, name).file_size)
    with path.open("rb") as file, contextlib.ExitStack() as stack:
        if (packing := _packing(file.read(HEAD_BYTES))) in (None, ZIP):
            return 3.0 * path.stat().st_size
        file.seek(0)
        outer = stack.enter_context(_opened(cast("BinaryIO", file), str(packing)))
        n_bytes = len(outer.read(16 * _BLOCK_BYTES))
        ratio = n_bytes / max(1, file.tell())
        return float(n_bytes if not outer.read(1) else ratio * path.stat().st_size)


def _packing(head: bytes) -> str | None:
    return next((packing for magic, packing in _MAGIC if re.match(magic, head, re.DOTALL)), None)


def _opened(stream: BinaryIO, packing: str) -> Any:
    if packing == GZIP:
        return gzip.GzipFile(fileobj=stream)
    if packing == BZIP2:
        return bz2.BZ2File(stream)
    if packing == XZ:
        return lzma.LZMAFile(stream)
    return pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")


def _bounded(stream: Any, limit: int, name: str) -> Iterator[bytes]:
    n_bytes = 0
    while block := stream.read(_BLOCK_BYTES):
        n_bytes += len(block)
        if n_bytes > limit:
            raise _bomb(limit, name)
        yield bytes(block)


def _bomb(limit: int, name: str) -> DataError:
    return DataError(
        f"expected at most {limit / 2**30:.0f} GiB in {name}, got more, which is {MAX_RATIO} times its own size or a"
        " bomb; unpack it if you trust it, and name what was in it"
    )


def _archive(archive: zipfile.ZipFile, limit: int, name: str) -> str | None:
    """NPZ or WORKBOOK; None for any other archive."""
    names = archive.namelist()
    for pattern, what in _REFUSED:
        if any(re.fullmatch(pattern, one) for one in names):
            raise DataError(f"expected a table in {name}, got {what}")
    is_workbook = any(one in names for one in _SHEETS) or _is_open_document(archive, names)
    kind = WORKBOOK if is_workbook else NPZ if names and all(one.endswith(".npy") for one in names) else None
    if kind and sum(info.file_size for info in archive.infolist()) > limit:
        raise _bomb(limit, name)
    return kind


def _is_open_document(archive: zipfile.ZipFile, names: list[str]) -> bool:
    return "mimetype" in names and archive.read("mimetype") == b"application/vnd.oasis.opendocument.spreadsheet"


def _member(archive: zipfile.ZipFile, member: str | None, name: str) -> zipfile.ZipInfo:
    """The only file of an archive, or the requested one, ignoring folders and hidden files."""
    files = {info.filename: info for info in archive.infolist() if not _is_hidden(info.filename)}
    if member is not None and member not in files:
        raise DataError(f"expected data.member to name a file in {name}, got {member!r}; there is {_some(list(files))}")
    if member is None and len(files) != 1:
        got = f"{len(files):,} files: {_some(list(files))}" if files else "none"
        remedy = f"name one by {override('data.member', min(files))}, or unpack it" if files else "pack one"
        raise DataError(f"expected one table in {name}, got {got}; {remedy}")
    info = files[member if member is not None else next(iter(files))]
    if info.flag_bits & 1:
        raise DataError(f"expected an archive without a password in {name}, got an encrypted one; unpack it")
    return info


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.endswith("/") or Path(name).name[:1] in ("", ".")


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
