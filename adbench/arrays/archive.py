"""Archives of named arrays and a JSON document as checksummed bytes. Reading one executes nothing."""

import json
import zlib
from typing import Any

import numpy as np
import safetensors.numpy

from adbench.arrays.types import Arrays

MAGIC = b"adbench arrays 1 "
_CHECKSUM_BYTES = 8
_DOCUMENT = "document.json"


def pack(arrays: Arrays, document: Any) -> bytes:
    """The bytes of an archive. arrays: of numbers. document: plain JSON types."""
    text = np.frombuffer(json.dumps(document).encode(), np.uint8)
    named = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = safetensors.numpy.save({f"array/{name}": array for name, array in named.items()} | {_DOCUMENT: text})
    return MAGIC + _checksum(content) + content


def unpack(packed: bytes) -> tuple[Arrays, Any]:
    """The arrays and the document of an archive. Raises ValueError if the bytes are incomplete or damaged."""
    start = len(MAGIC) + _CHECKSUM_BYTES
    content = packed[start:]
    if packed[:start] != MAGIC + _checksum(content):
        raise ValueError("expected the whole of packed arrays, got other bytes")
    try:
        found = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"expected packed arrays, got {error}") from None
    arrays = {name.removeprefix("array/"): np.array(array) for name, array in found.items() if name != _DOCUMENT}
    return arrays, json.loads(found[_DOCUMENT].tobytes())


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
