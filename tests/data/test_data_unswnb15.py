import gzip
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adbench.config.paths import data_folder
from adbench.data import unswnb15, unswnb15_official
from adbench.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """The header, 60 normal and 40 attack rows, with CRLF and byte-order mark as upstream."""
    (name,) = unswnb15.INFO.files
    with gzip.open(data_folder() / "unswnb15" / f"{name}.gz") as file:
        header, *rows = file.read().splitlines(keepends=True)
    normal = [row for row in rows if row.endswith(b",Normal,0\r\n")]
    attack = [row for row in rows if row.endswith(b",1\r\n")]
    return [header, *normal[:60], *attack[:: len(attack) // 40][:40]]


def kind_of(line: bytes) -> str:
    return line.split(b",")[-2].decode().lower()


@pytest.fixture
def write(tmp_path: Path, lines: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes partitions of 60 + 40 and of 30 + 20 rows under the given names, and makes the loader expect them."""

    def write_partitions(larger: str, smaller: str) -> Path:
        folder = tmp_path / "unswnb15"
        folder.mkdir(exist_ok=True)
        (folder / f"{larger}.csv.gz").write_bytes(gzip.compress(b"".join(lines)))
        (folder / f"{smaller}.csv.gz").write_bytes(gzip.compress(b"".join(lines[:1] + lines[1:31] + lines[61:81])))
        kinds = {100: Counter(map(kind_of, lines[1:])), 50: Counter(map(kind_of, [*lines[1:31], *lines[61:81]]))}
        for name, value in {"TRAIN_ROWS": 100, "TEST_ROWS": 50, "KINDS": kinds}.items():
            monkeypatch.setattr(unswnb15_official, name, value)
        return tmp_path

    return write_partitions


def test_counts_are_the_published_ones() -> None:
    table = unswnb15.load()
    assert (int((table.label == 0).sum()), int(table.label.sum())) == (37_000, 45_332)
    assert len(set(table.family)) == 10
    assert not table.is_test.any()
    assert table.features.numeric.shape[1] + table.features.codes.shape[1] == 42
    assert not {"id", "label", "attack_cat"} & {*table.features.numeric_names, *table.features.vocabularies}
    assert "-" in table.features.vocabularies["service"]


def test_columns_are_dropped_by_name() -> None:
    features = unswnb15.load(drop=["sttl", "dttl", "proto"]).features
    assert not {"sttl", "dttl", "proto"} & {*features.numeric_names, *features.vocabularies}
    with pytest.raises(ConfigError, match=r"data\.drop to name columns, got ttl; there is dur, proto"):
        unswnb15.load(drop=["ttl"])


def test_partitions_are_recognised_whatever_they_are_called(write: Callable[..., Path]) -> None:
    for larger, smaller in (("a-training-set", "b-testing-set"), ("b-testing-set", "a-training-set")):
        table = unswnb15_official.load(str(write(larger, smaller)))
        np.testing.assert_array_equal(table.is_test, np.repeat([False, True], [100, 50]))
        assert [int(table.label[part].sum()) for part in (~table.is_test, table.is_test)] == [40, 20]


def test_a_missing_partition_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the 175,341 and the 82,332-row file .*unswnb15, got no file"):
        unswnb15_official.load(str(tmp_path))


def test_a_partition_with_other_labels(write: Callable[..., Path], lines: list[bytes]) -> None:
    root = write("a", "b")
    changed = [lines[0], lines[-1], *lines[2:]]
    (root / "unswnb15" / "a.csv.gz").write_bytes(gzip.compress(b"".join(changed)))
    with pytest.raises(DataError, match="expected 60 normal rows in the 100-row file of .*, got 59"):
        unswnb15_official.load(str(root))


def test_a_partition_with_other_kinds_and_one_with_other_numbers(
    write: Callable[..., Path], lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write("a", "b")
    assert "the 100-row and the 50-row file" in unswnb15_official.load(str(root)).notes[0]
    for ends in (b"\n", b"\r\n"):  # other line ends are accepted
        for name, rows in {"a": lines, "b": [*lines[:31], *lines[61:81]]}.items():
            sha256 = hashlib.sha256(b"".join(rows).replace(b"\r\n", ends)).hexdigest()
            monkeypatch.setitem(unswnb15_official.INFO.files, name, sha256)
        assert unswnb15_official.load(str(root)).notes == ()
    changed = [lines[0], lines[1].replace(b",", b",1", 2), *lines[2:]]
    (root / "unswnb15" / "a.csv.gz").write_bytes(gzip.compress(b"".join(changed)))
    (note,) = unswnb15_official.load(str(root)).notes
    assert note.startswith("the bytes of the 100-row file in ")
    kind = next(name for name in Counter(map(kind_of, lines[61:])) if name != "worms").encode()
    other = b"".join(lines).lower().replace(b"," + kind + b",1", b",worms,1", 1).replace(lines[0].lower(), lines[0])
    (root / "unswnb15" / "a.csv.gz").write_bytes(gzip.compress(other))
    with pytest.raises(
        DataError, match=r"expected \d+ \w+ rows in the 100-row file of .*, got \d+; the file was altered"
    ):
        unswnb15_official.load(str(root))


def test_a_label_that_contradicts_the_category(write: Callable[..., Path], lines: list[bytes]) -> None:
    root = write("a", "b")
    changed = [lines[0], lines[1].replace(b",Normal,0", b",Normal,1"), *lines[2:]]
    (root / "unswnb15" / "a.csv.gz").write_bytes(gzip.compress(b"".join(changed)))
    with pytest.raises(DataError, match="expected label 0 just where attack_cat is Normal"):
        unswnb15_official.load(str(root))


def test_another_header(write: Callable[..., Path], lines: list[bytes]) -> None:
    root = write("a", "b")
    changed = [lines[0].replace(b"sttl,dttl", b"dttl,sttl"), *lines[1:]]
    (root / "unswnb15" / "a.csv.gz").write_bytes(gzip.compress(b"".join(changed)))
    with pytest.raises(DataError, match="expected the header id,dur,proto"):
        unswnb15_official.load(str(root))
