"""Download of upstream files from the network or a folder, and verification of files on disk.

A file is downloaded next to its destination, recognised by the sha256 of its uncompressed bytes, and only then renamed:
an interrupted download leaves a clean folder for the next one.
"""

import contextlib
import errno
import glob
import gzip
import hashlib
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, url2pathname, urlopen

from adbench.data.reading.upstream import BINARY, PACKED, stored_name
from adbench.errors import ConfigError, DataError

TIMEOUT_SECONDS = 30  # without a byte from a mirror, before trying the next one
_STALE_SECONDS = 3600
_CHUNK = 1 << 20
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_GZIP = b"\x1f\x8b"
_NOTHING = "nothing"


class _NotThereError(Exception):
    """The reason why an address does not provide the file; the next one may."""


def fetch_file(file: str, target: Path, sha256: str, mirrors: list[str], report: Callable[[str], None]) -> str:
    """Download an upstream file to `target`, gzip-compressing texts, and return the address used.

    mirrors: folders and http(s) or file addresses of folders that contain the file, compressed or not, directly or in a
    subfolder named like target's. Raises DataError, leaving nothing behind, if no mirror has it or the disk is full.
    """
    reasons = []
    with _folder_of(target):
        for mirror in mirrors:
            try:
                return _from_mirror(mirror, file, target, sha256, report)
            except _NotThereError as error:
                reasons.append(f"{mirror} gave {error}")
                report(reasons[-1])
        raise DataError(
            f"expected {file} with the sha256 {sha256.removeprefix(PACKED)[:12]}…, got none: {'; '.join(reasons)}; "
            "name a folder or an address that has it with --from"
        )


def problem_of(path: Path, sha256: str, rows: int | None = None) -> str:
    """The problem with the file at `path`, gzip-compressed or not; "" if it is the complete upstream file."""
    try:
        wanted = sha256.removeprefix(PACKED)
        found, lines = _digest(path, packed=wanted != sha256)
    except FileNotFoundError:
        return _NOTHING
    except (OSError, EOFError, zlib.error) as error:
        return f"a file that is truncated or cannot be read ({getattr(error, 'strerror', None) or error})"
    if found != wanted:
        with path.open("rb") as file:
            is_page = file.read(512).lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<")
        return "a web page" if is_page else f"an altered or another file (sha256 {found[:12]}…)"
    if rows is not None and path.suffix not in BINARY and lines not in (rows, rows + 1):  # some have a header
        return f"{lines:,} lines instead of {rows:,}"
    return ""


def _from_mirror(mirror: str, file: str, target: Path, sha256: str, report: Callable[[str], None]) -> str:
    reason = _NOTHING
    for address in _addresses(mirror, file, target.parent.name):
        with _partial(target) as partial:
            try:
                found = _download(address, partial, report) or problem_of(partial, sha256)
                if not found:
                    _settle(partial, target)
                    return address
            except OSError as error:
                if error.errno in _DISK_FULL:
                    raise
                found = str(error)
        reason = found if reason == _NOTHING else reason
    raise _NotThereError(reason)


def _addresses(mirror: str, file: str, folder: str) -> list[str]:
    """The addresses where a mirror may have a file: compressed or not, directly or in the dataset's folder."""
    names = list(dict.fromkeys([stored_name(file), file]))
    try:
        parts = urlsplit(mirror)
    except ValueError as error:
        raise ConfigError(f"expected a folder or an address, got {mirror} ({error}); name one with --from") from None
    scheme = parts.scheme
    if scheme in ("http", "https"):
        base = f"{scheme}{mirror[len(scheme) :]}".rstrip("/")  # the scheme in lower case
        return [f"{base}/{quote(part)}" for name in names for part in (name, f"{folder}/{name}")]
    if "://" in mirror and scheme != "file":
        raise ConfigError(f"expected a folder or an address of http, https or file, got {mirror}; name one with --from")
    if scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ConfigError(
            f"expected file:///PATH, got {mirror}, which names another machine; name a folder with --from"
        )
    root = Path(url2pathname(parts.path)) if scheme == "file" else Path(mirror).expanduser()
    if not root.is_dir():
        raise _NotThereError("no folder")
    return [str(root / part) for name in names for part in (name, f"{folder}/{name}")]


def _download(address: str, partial: Path, report: Callable[[str], None]) -> str:
    """Download an address to `partial`; returns an error or "". Raises _NotThereError if the mirror is unreachable."""
    if not address.startswith(("http://", "https://")):
        if not Path(address).is_file():
            return _NOTHING
        report(f"copying {address}")
        shutil.copyfile(address, partial)
        return ""
    report(f"downloading {address}")
    try:
        asked = Request(address, headers={"User-Agent": "adbench"})
        with urlopen(asked, timeout=TIMEOUT_SECONDS) as answer, partial.open("wb") as file:
            shutil.copyfileobj(answer, file, _CHUNK)
            if file.tell() < int(answer.headers.get("Content-Length", 0)):
                return "no whole file"
    except HTTPError as error:
        return _NOTHING if error.code == HTTPStatus.NOT_FOUND else f"status {error.code}"
    except (URLError, ConnectionError, TimeoutError) as error:
        raise _NotThereError(f"no answer ({getattr(error, 'reason', error)})") from None
    except (HTTPException, ValueError) as error:
        return f"no whole file ({type(error).__name__})"
    return ""


def _settle(partial: Path, target: Path) -> None:
    with partial.open("rb") as file:
        is_gzip = file.read(2) == _GZIP
    if is_gzip or target.suffix in BINARY:
        partial.replace(target)
        return
    with _partial(target) as compressed:
        # No name and no time inside, so that equal files have equal bytes.
        with (
            partial.open("rb") as plain,
            compressed.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        ):
            shutil.copyfileobj(plain, packed, _CHUNK)
        compressed.replace(target)


def _digest(path: Path, packed: bool) -> tuple[str, int]:
    """The sha256 of the uncompressed bytes (of the file as is if `packed`), and the number of uncompressed lines."""
    sha256, lines, last = hashlib.sha256(), 0, b"\n"
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP
    with cast("BinaryIO", gzip.open(path)) if is_gzip else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    if packed:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256")
    return sha256.hexdigest(), lines + (last != b"\n")


@contextlib.contextmanager
def _folder_of(target: Path) -> Iterator[None]:
    """A context in which the target's folder exists; it is removed afterwards if empty."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(target)
        yield
    except OSError as error:
        reason = "a full disk" if error.errno in _DISK_FULL else error.strerror
        raise DataError(
            f"expected a folder with room for {target.name} at {target.parent}, got {reason}; "
            "make room, or name another folder by ADBENCH_DATA"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            target.parent.rmdir()


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A context with a new file next to the target, deleted afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(".partial", f".{target.name}.", target.parent)
    os.close(descriptor)
    path = Path(name)
    try:
        path.chmod(0o644)  # temporary files are private by default; datasets are not
        yield path
    finally:
        path.unlink(missing_ok=True)


def _remove_stale(target: Path) -> None:
    """Remove files left by killed downloads; running ones, even another user's, keep updating their file."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
