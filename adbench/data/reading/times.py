"""Conversion of a column of times to seconds since 1970, or to plain numbers; ambiguous times are refused."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adbench.arrays.order import Order
from adbench.data.reading.cells import MISSING_WORDS, Numbers, texts
from adbench.errors import ConfigError, DataError
from adbench.text import shorten

# Integers within these years are almost certainly epoch times; units by parts per second.
_EPOCHS = {1: "seconds", 10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}
_EARLIEST, _LATEST = 10**9, 4.2e9  # September 2001 to February 2103
_TICKS = {"us": 10**6, "ns": 10**9}  # per second: nanoseconds if microseconds lack digits
_LONGEST = 40  # characters of a displayed cell

Way = Callable[[pa.Array], pa.Array]  # texts -> numbers or timestamps; raises ArrowInvalid


def times_of(column: pa.ChunkedArray, name: str, form: str | None, notes: list[str]) -> Order:
    """The time of each row, NaN if its cell is empty.

    form: the strptime format of a cell; None accepts numbers, ISO 8601 dates, with or without a time and a zone, and
    types that the file declares as times. Times without a zone are assumed to be UTC. Raises DataError for an invalid
    cell.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if form is not None and not isinstance(form, str):
        raise ConfigError(f"expected data.time_format to be a text such as '%d/%m/%Y %H:%M', got {form!r}")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = np.concatenate([np.empty(0), *(_seconds(chunk) for chunk in _chunks(column))])
        return _said(Order(seconds, is_date=True), name, "dates", notes)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        given = [_given(chunk) for chunk in column.chunks]
        return _said(*_parsed(given, name, form), notes) if form else _of_texts(given, name, notes)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if form is not None:  # such as 20240131 for %Y%m%d
            return _said(*_parsed([_given(chunk) for chunk in column.chunks], name, form), notes)
        chunks = [np.asarray(chunk.cast(pa.float64(), safe=False)) for chunk in _chunks(column)]
        return _of_numbers(np.concatenate([np.empty(0), *chunks]), name, notes)
    raise DataError(f"expected numbers, dates or times in column {name!r}, got {kind}; name another data.time")


def _of_texts(given: list[pa.Array], name: str, notes: list[str]) -> Order:
    try:
        numbers = [np.asarray(text.cast(pa.float64())) for text in given]
    except pa.ArrowInvalid:
        return _said(*_parsed(given, name, None), notes)
    return _of_numbers(np.concatenate([np.empty(0), *numbers]), name, notes)


def _of_numbers(numbers: Numbers, name: str, notes: list[str]) -> Order:
    if np.isinf(numbers).any():
        row = int(np.argmax(np.isinf(numbers)))
        raise DataError(f"expected finite times in column {name!r}, got {numbers[row]} in row {row + 1:,}; empty them")
    for per_second, unit in _EPOCHS.items():
        seconds = numbers / per_second
        if np.isfinite(seconds).any() and np.nanmin(seconds) >= _EARLIEST and np.nanmax(seconds) <= _LATEST:
            return _said(Order(seconds, is_date=True), name, f"{unit} since 1970", notes)
    return _said(Order(numbers, is_date=False), name, "numbers", notes)


def _parsed(given: list[pa.Array], name: str, form: str | None) -> tuple[Order, str, str]:
    """The times of texts, by the first method that reads all of them."""
    ways = list(_ways(form))
    for way in ways:
        try:
            seconds = np.concatenate([np.empty(0), *(_seconds(way(text)) for text in given)])
        except pa.ArrowInvalid:
            continue
        return Order(seconds, is_date=True), name, "dates"
    row, cell = max((_first_unread(way, given) for way in ways), key=lambda found: found[0])
    got = f"got {shorten(cell, _LONGEST)!r} in row {row + 1:,}"
    if form is not None:
        raise DataError(f"expected times written as {form} in column {name!r}, {got}; name another data.time_format")
    raise DataError(
        f"expected numbers or dates such as 2024-01-31 08:30:00 in column {name!r}, all of them with a zone or none,"
        f" {got}; tell how they are written by data.time_format=, as in '%d/%m/%Y %H:%M:%S', or write them so"
    )


def _ways(form: str | None) -> Iterator[Way]:
    if form is not None:
        yield lambda text: pc.strptime(text, format=form, unit="us", error_is_null=False)
        return
    for kind in (pa.timestamp(unit, zone) for unit in _TICKS for zone in (None, "UTC")):
        yield partial(pc.cast, target_type=kind)


def _first_unread(way: Way, given: list[pa.Array]) -> tuple[int, str]:
    """The first cell that a method cannot read, and its row, found by bisection."""

    def reads(text: pa.Array) -> bool:
        try:
            way(text)
        except pa.ArrowInvalid:
            return False
        return True

    start = 0
    for text in given:
        if not reads(text):
            low, high = 0, len(text)  # the first `low` are readable, the first `high` are not
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if reads(text[:middle]) else (low, middle)
            return start + low, str(text[low].as_py())
        start += len(text)
    return start, ""


def _chunks(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        yield chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk


def _given(chunk: pa.Array) -> pa.Array:
    """The texts without surrounding spaces, null for words that mean missing."""
    trimmed = pc.utf8_trim_whitespace(texts(chunk))
    return pc.if_else(pc.is_in(pc.utf8_lower(trimmed), pa.array(["", *MISSING_WORDS])), None, trimmed)


def _seconds(times: pa.Array) -> Numbers:
    unit = times.type.unit if pa.types.is_timestamp(times.type) and times.type.unit in _TICKS else "us"
    ticks: Any = times.cast(pa.timestamp(unit, getattr(times.type, "tz", None))).cast(pa.int64())
    whole = pc.fill_null(ticks, 0).to_numpy(zero_copy_only=False)
    seconds: Numbers = np.where(pc.is_null(ticks).to_numpy(zero_copy_only=False), np.nan, whole / _TICKS[unit])
    return seconds


def _said(order: Order, name: str, read_as: str, notes: list[str]) -> Order:
    known = order.take(~np.isnan(order.time))
    notes.append(f"{name} is the time of the rows, read as {read_as}: {known.span}")
    return order
