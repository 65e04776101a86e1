"""Tests of row times: every notation gives the same order, and anything else is refused in one sentence."""

import datetime
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.arrays.order import Order
from adbench.data.reading.times import times_of
from adbench.data.table import load
from adbench.errors import AdbenchError, DataError
from adbench.storage.scratch import Scratch
from adbench.text import time_text

START = datetime.datetime(2024, 1, 31, 8, 30, tzinfo=datetime.UTC).timestamp()
WRITTEN: dict[str, tuple[list[Any], str | None]] = {  # two times in each notation
    "iso": (["2024-01-31 08:30:00", "2024-02-01 09:00:00"], None),
    "iso, minutes": (["2024-01-31T08:30", "2024-02-01T09:00"], None),
    "iso, zones": (["2024-01-31T08:30:00Z", "2024-02-01 10:00:00+01:00"], None),
    "iso, nanoseconds": (["2024-01-31 08:30:00.000000000", "2024-02-01 09:00:00"], None),
    "seconds": ([f"{START:.0f}", f"{START + 88_200:.1f}"], None),
    "milliseconds": ([1000 * int(START), 1000 * int(START + 88_200)], None),
    "microseconds": ([10**6 * int(START), 10**6 * int(START + 88_200)], None),
    "nanoseconds": ([str(10**9 * int(START)), str(10**9 * int(START + 88_200))], None),
    "day first": (["31/01/2024 08:30", "01/02/2024 09:00"], "%d/%m/%Y %H:%M"),
    "datetimes": ([datetime.datetime(2024, 1, 31, 8, 30), datetime.datetime(2024, 2, 1, 9)], None),
    "blanks": ([" 2024-01-31 08:30:00", "2024-02-01 09:00:00 "], None),
}


def order_of(values: Any, form: str | None = None) -> Order:
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values[:1], values[1:]])
    return times_of(column, "t", form, [])


@pytest.mark.parametrize("how", WRITTEN)
def test_times_are_seconds_since_1970_however_they_are_written(how: str) -> None:
    values, form = WRITTEN[how]
    order = order_of(values, form)
    assert order.is_date
    np.testing.assert_allclose(order.time, [START, START + 88_200], rtol=0, atol=1e-6)


def test_what_a_file_itself_says_is_a_time_is_one() -> None:
    moment = pa.array([datetime.datetime(2024, 1, 31, 8, 30), None])
    for kind in (pa.timestamp("s"), pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("ns"), pa.date32(), pa.date64()):
        order = order_of(pa.chunked_array([moment.cast(kind, safe=False)]))
        wanted = START - (8.5 * 3600 if "date" in str(kind) else 0)
        np.testing.assert_array_equal(order.time, [wanted, np.nan])


def test_numbers_that_are_no_epoch_stay_as_they_are() -> None:
    for values in ([3, 1], ["3", "1.0"], [20240131, 20240201]):
        order = order_of(values)
        assert not order.is_date
        np.testing.assert_array_equal(order.time, np.asarray(values, dtype=float))


@pytest.mark.parametrize(
    ("values", "form", "said"),
    [
        (["2024-01-31", "3/7/2017"], None, r"got '3/7/2017' in row 2; tell how .* data\.time_format=, as in '%d/%m"),
        (["2024-01-31 08:00", "2024-01-31 08:00Z"], None, "all of them with a zone or none, got '2024-01-31 08:00Z'"),
        (["2024-02-30"], None, "got '2024-02-30' in row 1"),
        (["08:30", "08:31"], None, "got '08:30' in row 1"),
        (["1", "soon"], None, "got 'soon' in row 2|got '1' in row 1"),
        (["1/2/2024", "x"], "%d/%m/%Y", r"written as %d/%m/%Y in column 't', got 'x' in row 2; name another"),
        ([1.0, np.inf], None, "expected finite times in column 't', got inf in row 2"),
        ([[1], [2]], None, "expected numbers, dates or times in column 't', got list"),
        (["1"], 5, "expected data.time_format to be a text"),
    ],
)
def test_what_is_no_time_is_refused_in_one_sentence(values: list[Any], form: Any, said: str) -> None:
    with pytest.raises(AdbenchError, match=said) as caught:
        order_of(values, form)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 200), wrong=st.integers(0, 199), size=st.integers(1, 50))
def test_the_first_wrong_cell_is_named(n: int, wrong: int, size: int) -> None:
    cells = [f"2024-01-{1 + i % 28:02}" for i in range(n)]
    cells[wrong % n] = "then"
    column = pa.chunked_array([cells[i : i + size] for i in range(0, n, size)])
    with pytest.raises(DataError, match=f"got 'then' in row {wrong % n + 1:,};"):
        order_of(column)


def write(folder: Path, times: list[Any], name: str = "rows.csv") -> str:
    n = len(times)
    columns = {"t": times, "x": [i % 7 for i in range(n)], "y": [int(i % 5 == 0) for i in range(n)]}
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(pa.table(columns), folder / name)
    else:
        pd.DataFrame(columns).to_csv(folder / name, index=False)
    return str(folder / name)


@settings(deadline=None, max_examples=15)
@given(
    seconds=st.lists(st.integers(0, 10**9), min_size=3, max_size=30),
    gaps=st.booleans(),
    kind=st.sampled_from(["rows.csv", "rows.parquet"]),
)
def test_a_table_carries_its_times_in_memory_and_on_disk(seconds: list[int], gaps: bool, kind: str) -> None:
    times: list[Any] = [time_text(float(one), is_date=True) for one in seconds]
    if gaps:
        times[1] = None
    with tempfile.TemporaryDirectory() as home, Scratch(-1.0, Path(home)) as scratch:
        path = write(Path(home), times, kind)
        if gaps:
            with pytest.raises(DataError, match=r"got 1 empty cells in column 't', the first in row 2; .*=drop_rows"):
                load(path, label="y", time="t")
        arguments: dict[str, Any] = {"label": "y", "time": "t", "missing": "drop_rows"}
        tables = load(path, **arguments), load(path, scratch=scratch, **arguments)
        kept = [i for i in range(len(times)) if times[i] is not None]
        for table in tables:
            assert table.order is not None
            np.testing.assert_array_equal(table.order.time, np.array(seconds, dtype=float)[kept])
            np.testing.assert_array_equal(table.features.numeric[:, 0], [i % 7 for i in kept])
            assert table.features.numeric_names == ("x",)
            turned = table.take(np.arange(len(table))[::-1])
            assert turned.order is not None
            np.testing.assert_array_equal(turned.order.time, table.order.time[::-1])
            assert any(note.startswith("t is the time of the rows, read as dates: ") for note in table.notes)


def test_a_time_that_is_not_there_or_is_all_there_is(tmp_path: Path) -> None:
    path = write(tmp_path, [f"2024-01-0{1 + i}" for i in range(9)])
    with pytest.raises(AdbenchError, match=r"expected data\.time to name a column that data\.drop leaves, got 'when'"):
        load(path, label="y", time="when")
    with pytest.raises(AdbenchError, match=r"got 't'; there is x"):
        load(path, label="y", time="t", drop=["t"])
    with pytest.raises(
        DataError, match=r"expected numbers or categories, got dates .*data\.time=t takes t as the time"
    ):
        load(path, label="y")
    with pytest.raises(DataError, match="expected feature columns beside 'y', got none"):
        load(path, label="y", time="t", drop=["x"])
    table = load(path, label="y", time="t", id="t")
    assert table.ids is not None
    assert table.ids.to_pylist()[0] == "2024-01-01"


def test_times_for_people() -> None:
    assert time_text(0.0, is_date=True) == "1970-01-01"
    assert time_text(90.5, is_date=True) == "1970-01-01 00:01:30.500"
    assert time_text(90.0, is_date=True) == "1970-01-01 00:01:30"
    assert time_text(90.0, is_date=False) == "90"
    assert time_text(1e15, is_date=True).endswith(" s")
