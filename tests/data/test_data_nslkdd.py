import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adbench.config.paths import data_folder
from adbench.data import kdd_columns as kdd
from adbench.data import nslkdd
from adbench.data.base import Table
from adbench.data.reading.upstream import read_gzip
from adbench.errors import DataError

TRAIN, TEST = nslkdd.INFO.files


@pytest.fixture(scope="module")
def table() -> Table:
    return nslkdd.load()


def test_counts_are_the_published_ones(table: Table) -> None:
    train, test = ~table.is_test, table.is_test
    assert (int((table.label[train] == 0).sum()), int(table.label[train].sum())) == (67_343, 58_630)
    assert (int((table.label[test] == 0).sum()), int(table.label[test].sum())) == (9_711, 12_833)
    in_train = set(table.attack[train]) - {"normal"}
    in_test = set(table.attack[test]) - {"normal"}
    assert (len(in_train), len(in_test), len(in_test - in_train)) == (22, 37, 17)
    assert int((~np.isin(table.attack[test], sorted(in_train | {"normal"}))).sum()) == 3_750


def test_label_family_and_attack_agree(table: Table) -> None:
    assert set(table.family) == {"normal", "dos", "probe", "r2l", "u2r"}
    np.testing.assert_array_equal(table.label == 1, table.attack != "normal")
    np.testing.assert_array_equal(table.label == 1, table.family != "normal")


def test_columns_are_typed_and_difficulty_is_gone(table: Table) -> None:
    features = table.features
    assert features.numeric.shape == (148_517, 38)
    assert features.codes.shape == (148_517, 3)
    assert features.numeric.dtype == np.float64
    assert features.codes.dtype == np.int32
    assert "difficulty" not in features.numeric_names
    assert {name: len(values) for name, values in features.vocabularies.items()} == {
        "protocol_type": 3,
        "service": 70,
        "flag": 11,
    }


def test_values_are_those_of_the_file(table: Table) -> None:
    with gzip.open(data_folder() / "nslkdd" / f"{TEST}.gz", "rt") as file:
        line = file.readlines()[1000].strip().split(",")
    row = 125_973 + 1000
    expected = dict(zip(kdd.COLUMNS, line, strict=False))
    features = table.features
    for name, value in zip(features.numeric_names, features.numeric[row], strict=True):
        assert value == float(expected[name]), name
    for (name, values), code in zip(features.vocabularies.items(), features.codes[row], strict=True):
        assert values[code] == expected[name]
    assert table.attack[row] == line[41]


def test_missing_folder_and_missing_file(tmp_path: Path, tiny_data: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere/nslkdd.*data\.folder="):
        nslkdd.load(str(tmp_path / "nowhere"))
    (tiny_data / "nslkdd" / f"{TEST}.gz").unlink()
    with pytest.raises(DataError, match="does not exist"):
        nslkdd.load(str(tiny_data))


def test_an_unpacked_file_is_read_and_another_name_beside_it_is_told(tiny_data: Path) -> None:
    folder = tiny_data / "nslkdd"
    table = nslkdd.load(str(tiny_data))
    packed = folder / f"{TRAIN}.gz"
    (folder / TRAIN).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert nslkdd.load(str(tiny_data)).fingerprints == table.fingerprints
    (folder / TRAIN).rename(folder / "KDDTrain.txt")
    with pytest.raises(DataError, match=r"does not exist, though KDDT\w+\+?\.txt.* lies beside it; adbench data fetch"):
        nslkdd.load(str(tiny_data))
    with pytest.raises(DataError, match=r"holds nslkdd/: here data\.folder="):
        nslkdd.load(str(folder))


def test_truncated_altered_and_foreign_files(tiny_data: Path) -> None:
    path = tiny_data / "nslkdd" / f"{TRAIN}.gz"
    whole = path.read_bytes()
    for broken, sentence in {
        whole[: len(whole) // 2]: "whole gzip file",
        b"<html>not found</html>": "whole gzip file",
        gzip.compress(gzip.decompress(whole).replace(b"neptune", b"normal", 1)): "altered",
    }.items():
        path.write_bytes(broken)
        with pytest.raises(DataError, match=sentence):
            nslkdd.load(str(tiny_data))


def test_gzip_files_of_one_or_several_parts_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path, packed = tmp_path / "a.gz", gzip.compress(b"1,2\n" * 99)
    for n_parts, padding in [(0, b""), (1, b""), (2, b""), *((1, bytes(n)) for n in range(1, 9))]:
        path.write_bytes(packed * n_parts + padding)
        assert read_gzip(path) == b"1,2\n" * 99 * n_parts
    for length in range(1, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(DataError, match="whole gzip file"):
            read_gzip(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lines: [line.rsplit(b",", 1)[0] for line in lines], "expected 43 columns.*got 42"),
        (lambda lines: [*lines[:5], lines[5].rsplit(b",", 1)[0], *lines[6:]], "Expected 43 columns, got 42"),
        (lambda lines: [lines[0].replace(b"491", b"many"), *lines[1:]], "src_bytes|conversion"),
        (
            lambda lines: [lines[0].replace(b"0.00", b"nan", 1), *lines[1:]],
            "finite number in column 'serror_rate' of .*KDDTrain.*, line 1, got nan",
        ),
        (
            lambda lines: [lines[0].replace(b"0.00", b"inf", 1), *lines[1:]],
            "finite number in column 'serror_rate' of .*KDDTrain.*, line 1, got inf",
        ),
        (
            lambda lines: [lines[0].replace(b"491", b"nan"), *lines[1:]],
            "invalid value 'nan'",
        ),
        (
            lambda lines: [*lines[:4], lines[4].replace(b",", b",,", 1).rsplit(b",", 1)[0], *lines[5:]],
            "conversion|line 5",
        ),
        (lambda lines: [lines[0].replace(b"491", b""), *lines[1:]], "line 1, got nothing"),
        (lambda lines: [lines[0].replace(b"normal", b"martian"), *lines[1:]], "martian"),
    ],
)
def test_malformed_content(
    change: Callable[[list[bytes]], list[bytes]],
    sentence: str,
    write_nslkdd: Callable[..., Path],
    first_lines: dict[str, bytes],
) -> None:
    lines = first_lines[TRAIN].splitlines()
    folder = write_nslkdd(first_lines | {TRAIN: b"\n".join(change(lines)) + b"\n"})
    with pytest.raises(DataError, match=sentence):
        nslkdd.load(str(folder))


def test_wrong_number_of_rows(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nslkdd.INFO.rows, TRAIN, 3001)
    with pytest.raises(DataError, match="expected 3,001 rows.*got 3,000"):
        nslkdd.load(str(tiny_data))
