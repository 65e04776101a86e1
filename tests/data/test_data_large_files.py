"""Tests of CIC-IDS2017 and the raw files of UNSW-NB15, on tiny files in the layout of public excerpts."""

import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.data import cicids2017, unsw_raw, unswnb15
from adbench.data.base import Table
from adbench.data.reading import large_csv
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.runner.prepared_cache import key_of
from adbench.storage.scratch import Scratch

LABELS = {
    "Monday": [b"BENIGN"] * 20,
    "Tuesday": [b"BENIGN", b"FTP-Patator", b"SSH-Patator"],
    "Wednesday": [b"BENIGN", b"DoS Hulk", b"DoS slowloris", b"Heartbleed"],
    "WebAttacks": [
        b"Web Attack \x96 XSS",
        b"Web Attack \xef\xbf\xbd Brute Force",
        b"Web Attack \xe2\x80\x93 Sql Injection",
    ],
    "Infilteration": [b"Infiltration", b"BENIGN"],
    "Friday-WorkingHours-Morning": [b"Bot"],
    "PortScan": [b"PortScan"],
    "DDos": [b"DDoS", b"BENIGN"],
}
# Like upstream: blanks before most names, and one name twice.
HEADER = ",".join(
    f" {name}".replace(".1", "") if name != "Flow Bytes/s" else name for name in cicids2017.COLUMNS
).encode()
RATES = [cicids2017.COLUMNS.index(name) for name in cicids2017.RATES]
FLOW = [
    *("175.45.176.1 0x000b 149.171.126.11 0x20205321 sctp INT 0.000009 440 0 254 0 0 0 - 195555552 0".split()),
    *("2 0 0 0 0 0 220 0 0 0 0 0 1424250010 1424250010 0.009 0 0 0 0 0 2".split()),
    *("", "", " ", "1", "1", "1", "1", "1", "1", "2"),
]


def flow(label: bytes, number: int, rates: bytes = b"2.5") -> bytes:
    cells = [str(number + i).encode() for i in range(78)]
    for place in RATES:
        cells[place] = rates
    return b",".join([*cells, label])


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for file in cicids2017.ROWS:
        labels = next(labels for word, labels in LABELS.items() if word in file)
        rows = [
            flow(label, i, b"Infinity" if label == b"DDoS" else b"NaN" if label == b"Bot" else b"2.5")
            for i, label in enumerate(labels)
        ]
        (tmp_path / file).write_bytes(b"\r\n".join([HEADER, *rows]) + b"\r\n")
    return tmp_path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Normal rows, then attacks whose categories have blanks around them."""
    for i, file in enumerate(unsw_raw.FILES):
        rows = [[*FLOW, "", "0"], [*FLOW, " Fuzzers ", "1"], [*FLOW, ("Backdoor", "Backdoors")[i % 2], "1"]]
        if not i:  # zeros where the other files have blanks
            rows = [[cell if cell.strip() else "0" for cell in row[:-2]] + row[-2:] for row in rows]
        text = "\r\n".join(map(",".join, rows)) + "\r\n"
        (tmp_path / file).write_bytes((b"\xef\xbb\xbf" if not i else b"") + text.encode())
    return tmp_path


def column(table: Table, name: str) -> np.ndarray:
    found: np.ndarray = table.features.numeric[:, table.features.numeric_names.index(name)]
    return found


def test_days_are_read_one_after_the_other(days: Path) -> None:
    table = cicids2017.load(str(days))
    assert len(table) == sum(map(len, LABELS.values()))
    assert Counter(np.asarray(table.family)) == {
        **{"normal": 24, "brute force": 2, "dos": 3, "web attack": 3, "infiltration": 1, "botnet": 1, "port scan": 1},
        **{"ddos": 1},
    }
    assert {name for name in table.attack.values if name.startswith("Web")} == set(cicids2017.FAMILIES["web attack"])
    np.testing.assert_array_equal(table.label == 0, table.family == "normal")
    np.testing.assert_array_equal(column(table, "Flow Duration")[:20], np.arange(20) + 1.0)
    assert len(table.fingerprints) == 8
    assert not table.is_test.any()


def test_the_column_that_is_there_twice_is_left_out(days: Path) -> None:
    table = cicids2017.load(str(days))
    assert len(table.features.numeric_names) == 78  # 77, and the indicator of missing rates
    assert not any(name.endswith(".1") for name in table.features.numeric_names)
    monday = days / "Monday-WorkingHours.pcap_ISCX.csv"
    content = monday.read_bytes()
    second = content.rindex(b" Fwd Header Length") + len(b" Fwd Header Length")
    monday.write_bytes(content[:second] + b".1" + content[second:])  # as pandas writes it
    assert cicids2017.load(str(days)).features.numeric_names == table.features.numeric_names


def test_rates_without_a_duration_are_told(days: Path) -> None:
    table = cicids2017.load(str(days))
    is_missing = np.isin(np.asarray(table.attack), ["DDoS", "Bot"])
    np.testing.assert_array_equal(column(table, "rates are missing") == 1, is_missing)
    for name in cicids2017.RATES:
        np.testing.assert_array_equal(column(table, name), np.where(is_missing, 0, 2.5))
    assert "2 rows have no Flow Bytes/s, which is read as 0" in table.notes
    dropped = cicids2017.load(str(days), drop=[*cicids2017.RATES])
    np.testing.assert_array_equal(column(dropped, "rates are missing") == 1, is_missing)
    assert "rates are missing" not in cicids2017.load(str(days), drop=["rates are missing"]).features.numeric_names


def test_some_days_only(days: Path) -> None:
    table = cicids2017.load(str(days), days=["monday", "DDos"])
    assert list(table.fingerprints) == [
        "Monday-WorkingHours.pcap_ISCX.csv",
        "Friday-WorkingHours-Afternoon-DDos.pcap_ISCX.csv",
    ]
    with pytest.raises(ConfigError, match=r"got 'Sunday'; write .* data\.days=\[Monday,DDos\]"):
        cicids2017.load(str(days), days=["Sunday"])


def test_other_numbers_of_rows_than_in_public_copies_are_said(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = cicids2017.load(str(days), days=["Monday"]).notes
    assert any(
        note.endswith("Monday-WorkingHours.pcap_ISCX.csv has 20 rows, public copies have 529,918") for note in notes
    )
    monkeypatch.setitem(cicids2017.ROWS, "Monday-WorkingHours.pcap_ISCX.csv", 20)
    assert len(cicids2017.load(str(days), days=["Monday"]).notes) == 1


@pytest.mark.parametrize("within", ["cicids2017", "MachineLearningCVE", "cicids2017/MachineLearningCVE"])
def test_files_in_other_places_and_compressed(days: Path, within: str) -> None:
    table = cicids2017.load(str(days), days=["Monday"])
    (days / within).mkdir(parents=True)
    file = days / "Monday-WorkingHours.pcap_ISCX.csv"
    (days / within / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    again = cicids2017.load(str(days), days=["Monday"])
    np.testing.assert_array_equal(again.features.numeric, table.features.numeric)
    assert list(again.fingerprints.values()) == list(table.fingerprints.values())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            b" Destination Port",
            b"Flow ID, Destination Port",
            "those of GeneratedLabelledFlows or of a corrected version",
        ),
        (b" Destination Port,", b"", "expected the header Destination Port, .* got 78: Flow Duration"),
        (b",BENIGN", b",BENIGN,", "expected rows of 79 columns .* Expected 79 columns, got 80"),
        (b",2.5,", b",x,", "expected rows of 79 columns .*: invalid value 'x'"),
        (b"\n0,1,", b"\n0,,", "expected a number in column 'Flow Duration' of .*, line 2, got none"),
        (b"\n1,2,", b"\n1,inf,", "expected a number in column 'Flow Duration' of .*, line 3, got none"),
        (b"BENIGN", b"BENING", "expected the labels of CIC-IDS2017, got 'BENING'"),
        (b"\n0,1,", b"\n\n0,1,", ""),  # an empty line is not a row
    ],
)
def test_a_file_of_another_layout(days: Path, before: bytes, after: bytes, said: str) -> None:
    monday = days / "Monday-WorkingHours.pcap_ISCX.csv"
    content = monday.read_bytes()
    assert before in content
    monday.write_bytes(content.replace(before, after, 1))
    if not said:
        assert len(cicids2017.load(str(days), days=["Monday"])) == 20
        return
    with pytest.raises(DataError, match=said):
        cicids2017.load(str(days), days=["Monday"])


def test_a_missing_day_is_named(days: Path) -> None:
    (days / "Monday-WorkingHours.pcap_ISCX.csv").unlink()
    with pytest.raises(DataError, match=r"expected Monday-WorkingHours.pcap_ISCX.csv in .*; unpack MachineLearningCSV"):
        cicids2017.load(str(days))
    with pytest.raises(DataError, match=r"expected UNSW-NB15_1.csv and UNSW-NB15_2.csv and .*download the CSV files"):
        unsw_raw.load(str(days))


def test_raw_flows_have_the_columns_of_the_partition_but_one(raw: Path) -> None:
    table = unsw_raw.load(str(raw))
    named = {*table.features.numeric_names, *table.features.vocabularies}
    assert named == set(unswnb15.COLUMNS) - {"id", "rate", "label", "attack_cat"}
    assert Counter(np.asarray(table.family)) == {"normal": 4, "fuzzers": 4, "backdoor": 4}
    assert int(table.label.sum()) == 8
    assert table.features.vocabularies["proto"] == ("sctp",)


def test_raw_flows_carry_their_start(raw: Path) -> None:
    table = unsw_raw.load(str(raw))
    assert table.order is not None
    assert table.order.is_date
    np.testing.assert_array_equal(table.order.time, [float(FLOW[unsw_raw.COLUMNS.index("Stime")])] * 12)
    path = raw / unsw_raw.FILES[2]
    path.write_text(path.read_text().replace(f",{FLOW[unsw_raw.COLUMNS.index('Stime')]},", ",,", 1))
    with pytest.raises(DataError, match=r"expected a number in column 'Stime' of .*UNSW-NB15_3\.csv, line 1, got none"):
        unsw_raw.load(str(raw))


def test_blanks_of_raw_flows_are_zeros(raw: Path) -> None:
    table = unsw_raw.load(str(raw))
    for name in unsw_raw.BLANKS:
        assert not column(table, name).any()
        assert f"9 blanks in {name} are read as 0" in table.notes
    np.testing.assert_array_equal(table.features.numeric[0], table.features.numeric[-1])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"175.45.176.1", b"srcip", "expected 49 values separated by commas and no header"),
        (b",", b";", "expected 49 values separated by commas and no header .*, got '175.45.176.1;0x000b"),
        (b", Fuzzers ,1", b", Fuzzers ,0", "expected label 0 just where attack_cat is blank, got row 5 where not"),
        (b", Fuzzers ,1", b", Fuzzers ,2", "expected the labels 0 and 1, got '2'"),
    ],
)
def test_raw_flows_of_another_layout(raw: Path, before: bytes, after: bytes, said: str) -> None:
    second = raw / "UNSW-NB15_2.csv"
    second.write_bytes(second.read_bytes().replace(before, after))
    with pytest.raises(DataError, match=said):
        unsw_raw.load(str(raw))


def test_columns_are_dropped_by_name(raw: Path, days: Path) -> None:
    assert "sttl" not in unsw_raw.load(str(raw), drop=["sttl", "proto"]).features.numeric_names
    assert "proto" not in unsw_raw.load(str(raw), drop=["sttl", "proto"]).features.vocabularies
    with pytest.raises(ConfigError, match=r"expected data\.drop to name columns, got srcip; there is dur"):
        unsw_raw.load(str(raw), drop=["srcip"])


@pytest.mark.parametrize("load", [cicids2017.load, unsw_raw.load])
def test_a_table_on_disk_is_the_same(load: Callable[..., Table], days: Path, raw: Path) -> None:
    table = load(str(days))
    with Scratch(limit=-1.0) as scratch:
        on_disk = load(str(days), scratch=scratch)
        assert isinstance(on_disk.features.numeric, np.memmap)
    np.testing.assert_array_equal(on_disk.features.numeric, table.features.numeric)
    np.testing.assert_array_equal(on_disk.features.codes, table.features.codes)
    np.testing.assert_array_equal(np.asarray(on_disk.family), np.asarray(table.family))


def test_blocks_do_not_matter(days: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes follow the order of first occurrence, independent of block boundaries."""
    tables = [cicids2017.load(str(days)), unsw_raw.load(str(raw))]
    monkeypatch.setattr(large_csv, "_BLOCK", 3000)
    for table, again in zip(tables, [cicids2017.load(str(days)), unsw_raw.load(str(raw))], strict=True):
        np.testing.assert_array_equal(again.features.numeric, table.features.numeric)
        assert list(again.attack) == list(table.attack)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), byte=st.binary(min_size=0, max_size=2))
def test_a_damaged_day_is_the_same_shape_or_one_sentence(days: Path, position: int, byte: bytes) -> None:
    file = days / "Wednesday-workingHours.pcap_ISCX.csv"
    whole = file.read_bytes()
    file.write_bytes(whole[: position % len(whole)] + byte + whole[position % len(whole) + 1 :])
    try:
        found = cicids2017.load(str(days), days=["Wednesday"])
    except AdbenchError as error:
        said = str(error)
    else:
        said = ""
        assert found.features.numeric.shape == (len(found.label), 78)
        assert set(found.attack.values) <= set(cicids2017.FAMILY_OF)
    finally:
        file.write_bytes(whole)
    assert "\n" not in said


def test_the_cache_sees_the_files_that_are_read(days: Path) -> None:
    config = compose(["data=cicids2017", "data.days=[Monday]", f"data.folder={days}"])
    key = key_of(config)
    assert key is not None
    tuesday = days / "Tuesday-WorkingHours.pcap_ISCX.csv"
    tuesday.write_bytes(tuesday.read_bytes() + flow(b"BENIGN", 5))
    assert key_of(config) == key
    monday = days / "Monday-WorkingHours.pcap_ISCX.csv"
    monday.write_bytes(monday.read_bytes() + flow(b"BENIGN", 5))
    assert key_of(config) != key


def test_the_card_and_the_files_that_are_not_known(days: Path) -> None:
    shown = CliRunner().invoke(app, ["data", "show", "cicids2017", f"data.folder={days}"])
    assert shown.exit_code == 0, shown.output
    assert "Troubleshooting an Intrusion Detection Dataset" in shown.stdout
    fetched = CliRunner().invoke(app, ["data", "fetch", "cicids2017"])
    assert fetched.exit_code == 2
    assert "no checksums" in fetched.stderr
    assert "https://www.unb.ca/cic/datasets/ids-2017.html" in fetched.stderr


MEASURE = """
import sys
from adbench.data import cicids2017
from adbench.storage.scratch import Scratch
peak = lambda: 1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
before = peak()
with Scratch(float(sys.argv[2])) as scratch:
    table = cicids2017.load(sys.argv[1], days=["Monday"], scratch=scratch)
print(table.features.numeric.nbytes, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "resident"), [("inf", 1), ("0", 0)])
def test_peak_memory_is_that_of_the_features_or_of_none(days: Path, limit: str, resident: int) -> None:
    monday = days / "Monday-WorkingHours.pcap_ISCX.csv"
    rows = b"\n".join(flow(b"BENIGN", i) for i in range(1000)) + b"\n"
    with monday.open("wb") as file:
        file.write(HEADER + b"\n")
        for _ in range(500):
            file.write(rows)
    done = subprocess.run([sys.executable, "-c", MEASURE, str(days), limit], capture_output=True, text=True, check=True)
    features, peak = map(int, done.stdout.split())
    assert features > 300e6
    assert peak - resident * features < 200e6
