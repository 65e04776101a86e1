"""A table's file: its format, recognised by its first bytes, and its uncompressed contents."""

import codecs
import contextlib
import io
import itertools
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from adbench.data.reading.formats.packed import HEAD_BYTES, WORKBOOK, ZIP, as_file, unpacked, unpacked_bytes
from adbench.data.reading.formats.signatures import recognise
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.storage.spool import name_of

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Kind:
    """A file's kind. format: see `signatures`. encoding: of a text other than UTF-8. layers: its compressions."""

    format: str
    encoding: str | None
    layers: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """True if the file is neither compressed nor re-encoded, so that any position can be read."""
        return not self.layers and self.encoding is None


@dataclass(frozen=True)
class TableFile:
    """A file that contains a table. member: the file or sheet to read from an archive or workbook with several."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return name_of(self.path)

    @cached_property
    def kind(self) -> Kind:
        """The file's kind. Raises DataError for an unsupported format, saying how to convert it."""
        with readable(self), unpacked(self.path, self.member, str(self)) as found:
            if found.archive is not None:
                kind = Kind(found.archive, None, found.layers)
            else:
                kind = Kind(*recognise(found.stream.peek(HEAD_BYTES)[:HEAD_BYTES], str(self)), found.layers)
        if self.member is not None and ZIP not in kind.layers and kind.format != WORKBOOK:
            raise ConfigError(f"expected an archive or a workbook for data.member, got {self}, which has one table")
        return kind

    @contextlib.contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """A stream of its uncompressed bytes; texts are converted to UTF-8."""
        encoding = self.kind.encoding
        with unpacked(self.path, self.member, str(self)) as found:
            yield found.stream if encoding is None else as_file(self._as_utf8(found.stream, encoding))

    def content(self) -> bytes:
        """All bytes of `open`."""
        with self.open() as stream:
            return stream.read()

    def n_bytes(self) -> float:
        """Approximate length of `content`."""
        return unpacked_bytes(self.path, self.member, str(self))

    def random_access(self) -> Any:
        """Its uncompressed bytes as an Arrow source, in memory if the file is compressed."""
        return pa.OSFile(str(self.path)) if self.kind.is_plain else pa.BufferReader(self.content())

    def _as_utf8(self, stream: io.BufferedReader, encoding: str) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)()
        while True:
            block = stream.read(_BLOCK_BYTES)
            try:
                yield decoder.decode(block, final=not block).encode()
            except UnicodeError as error:
                raise DataError(
                    f"expected {encoding.upper()} in {self}, as its byte-order mark says, got other bytes ({error});"
                    " save it as UTF-8"
                ) from None
            if not block:
                return


@contextlib.contextmanager
def readable(file: Any) -> Iterator[None]:
    """Raise errors of reading as DataError about this file."""
    try:
        yield
    except pa.ArrowException as error:
        raise DataError(f"expected a readable table in {file}, got {one_line(error)}; correct the file") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise DataError(f"expected a file that can be read at {file}, got {reason}; get it again") from None


@contextlib.contextmanager
def understood(file: TableFile) -> Iterator[None]:
    """Raise any error of a third-party reader as DataError about this file."""
    try:
        yield
    except AdbenchError:
        raise
    except Exception as error:  # a damaged file can make such readers raise anything
        raise DataError(
            f"expected a readable {file.kind.format} file at {file}, got {one_line(error)}; get it again"
        ) from None


def checked(table: pa.Table) -> pa.Table:
    """The validated table; using a damaged one without this can crash the process."""
    table.validate(full=True)
    return table


def require_utf8(file: TableFile) -> None:
    """Raise DataError for the first byte that is not UTF-8."""
    with file.open() as stream:
        require_utf8_blocks(iter(lambda: stream.read(_BLOCK_BYTES), b""), file)


def require_utf8_blocks(blocks: Iterator[bytes], file: TableFile) -> None:
    """The same for blocks of bytes from its beginning."""
    decoder, position, line = codecs.getincrementaldecoder("utf-8")(), 0, 1
    for block in itertools.chain(blocks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise DataError(
                f"expected UTF-8 text in {file}, got the byte 0x{error.object[error.start]:02x} at position"
                f" {position - pending + error.start:,} in line {line + error.object.count(10, 0, error.start):,};"
                " convert it, as iconv -f windows-1252 -t utf-8 does where it comes from Windows"
            ) from None
        position += len(block)
        line += block.count(b"\n")


def one_line(error: Exception) -> str:
    """A library's error message as part of a sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 300 else f"{text[:300]}…"
