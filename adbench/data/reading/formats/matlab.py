"""Reader for the numeric matrices of MATLAB files, versions 5 to 7.

In pure Python, because SciPy's reader crashes the process on damaged files.
https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER_BYTES = 128
_TAG_BYTES = 8
_HEAD_BYTES = 1 << 12  # of a matrix: its class, shape and name
_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_SPARSE = 5
_CLASSES = {_SPARSE: "f8"} | dict(enumerate("f8 f4 i1 u1 i2 u2 i4 u4 i8 u8".split(), start=6))
_COMPLEX, _LOGICAL = 0x0800, 0x0200

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Variable:
    """A matrix in a file, before its numbers are read. dtype: of its MATLAB class."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_sparse: bool
    content: memoryview  # of its element
    is_packed: bool
    order: str


def variables(content: bytes) -> list[Variable]:
    """The matrices of real numbers. Raises ValueError for a damaged file."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER_BYTES])
    if order is None:
        raise ValueError("no byte order in its header")
    found = []
    for kind, data in _elements(memoryview(content)[_HEADER_BYTES:], order):
        is_packed = kind == _COMPRESSED
        head = memoryview(zlib.decompressobj().decompress(data, _HEAD_BYTES)) if is_packed else data
        if is_packed:
            if _tag(head, order)[0] != _MATRIX:
                continue
            head = head[_TAG_BYTES:]
        elif kind != _MATRIX:
            continue
        variable = _variable(head, data, is_packed, order)
        found += [variable] if variable is not None else []
    return found


def read(variable: Variable) -> Array:
    """The numbers of a matrix. Raises ValueError if they do not match its shape."""
    content, order = variable.content, variable.order
    if variable.is_packed:
        content = memoryview(zlib.decompress(content))[_TAG_BYTES:]
    parts = _elements(content, order)
    _, _, _ = next(parts), next(parts), next(parts)  # flags, shape, name
    if not variable.is_sparse:
        values = _numbers(next(parts), order)
        if values.size != math.prod(variable.shape):
            raise ValueError(f"{values.size:,} numbers for {variable.name} of {variable.shape}")
        return values.astype(variable.dtype).reshape(variable.shape, order="F")
    rows, starts, values = (_numbers(next(parts), order) for _ in range(3))
    n_rows, n_columns = variable.shape
    counts: Array = np.diff(starts.astype(np.int64))
    n = int(counts.sum())
    if len(starts) != n_columns + 1 or (counts < 0).any() or n > min(len(rows), len(values)) or (rows[:n] < 0).any():
        raise ValueError(f"columns of the sparse matrix {variable.name} that do not follow each other")
    dense = np.zeros((n_rows, n_columns), variable.dtype, order="F")
    dense[rows[:n], np.repeat(np.arange(n_columns), counts)] = values[:n]
    return dense


def _tag(data: memoryview, order: str) -> tuple[int, int, int]:
    """The type of an element, the length of its data in bytes, and where they begin."""
    if len(data) < _TAG_BYTES:
        raise ValueError("the end of the file within an element")
    kind, n_bytes = (int(x) for x in np.frombuffer(data[:_TAG_BYTES], f"{order}u4"))
    return (kind & 0xFFFF, kind >> 16, 4) if kind >> 16 else (kind, n_bytes, _TAG_BYTES)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    while len(data):
        kind, n_bytes, start = _tag(data, order)
        if start + n_bytes > len(data):
            raise ValueError("the end of the file within an element")
        yield kind, data[start : start + n_bytes]
        padding = 0 if kind == _COMPRESSED else -(start + n_bytes) % 8
        data = data[start + n_bytes + padding :]


def _variable(head: memoryview, data: memoryview, is_packed: bool, order: str) -> Variable | None:
    parts = []
    for _ in range(3):  # flags, shape, name
        kind, n_bytes, start = _tag(head, order)
        if start + n_bytes > len(head):
            raise ValueError("the end of the file within an element")
        parts.append((kind, head[start : start + n_bytes]))
        head = head[start + n_bytes + -(start + n_bytes) % 8 :]
    flags, shape = _numbers(parts[0], order), tuple(int(n) for n in _numbers(parts[1], order))
    kind = int(flags[0]) & 0xFF
    if kind not in _CLASSES or int(flags[0]) & _COMPLEX:
        return None
    if min(shape, default=0) < 0 or (kind == _SPARSE and len(shape) != 2):
        raise ValueError(f"the shape {shape}")
    dtype = np.dtype(bool) if int(flags[0]) & _LOGICAL else np.dtype(_CLASSES[kind])
    name = bytes(parts[2][1]).decode("ascii", "replace")
    return Variable(name, shape, dtype, kind == _SPARSE, data, is_packed, order)


def _numbers(part: tuple[int, memoryview], order: str) -> Array:
    kind, data = part
    if kind not in _STORED:
        raise ValueError(f"numbers of the unknown type {kind}")
    return np.frombuffer(data, order + _STORED[kind])
