"""Contract tests of every dataset under configs/data/, on the bundled files."""

import numpy as np
import pytest

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.config.paths import config_folder, data_folder
from adbench.data.adbench47 import TABLES
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.catalogue import dataset_info, files_of
from adbench.data.groups import group_of

NOT_BUNDLED = ("adbench47", "cicids2017", "kddcup99_full", "unsw_raw", "unswnb15_official")


@pytest.fixture(scope="module", params=groups()["data"])
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def info(name: str) -> DatasetInfo:
    return dataset_info(name)


@pytest.fixture(scope="module")
def table(name: str, info: DatasetInfo) -> Table:
    paths = files_of(name, info).values()
    if name == "adbench47" or not paths or not all(path.is_file() for path in paths):
        pytest.skip("nothing of it is bundled")
    loaded: Table = build(compose([f"data={name}"])["data"], "data")
    return loaded


def test_facts_are_stated(name: str, info: DatasetInfo) -> None:
    for fact in (info.title, info.licence, info.citation, info.source):
        assert fact
        assert isinstance(fact, str)
    for facts in (info.notes, info.mirrors):
        assert isinstance(facts, tuple)
        assert all(isinstance(fact, str) for fact in facts)
    assert set(info.files) == set(info.rows)
    assert (config_folder() / "data" / f"{name}.yaml").read_text().startswith("# ")
    if name in NOT_BUNDLED:
        return
    readme = (data_folder() / "README.md").read_text()
    for file, sha256 in info.files.items():
        assert f"`{name}/{file.removesuffix('.gz')}.gz`" in readme
        assert sha256 in readme


def test_its_group_is_one_that_is_its_own(name: str, info: DatasetInfo) -> None:
    for group in (group_of(name), *map(group_of, info.table_groups.values())):
        assert group_of(group) == group
    assert set(info.table_groups) <= set(TABLES if name == "adbench47" else ())


@pytest.mark.parametrize(
    ("data", "group"),
    [
        ("nslkdd", "kddcup99"),
        ("kddcup99_full data.drop=[land]", "kddcup99"),
        ("nslkdd@3f2a9c", "kddcup99"),  # other bytes of the same upstream file
        ("adbench47-http", "kddcup99"),
        ("adbench47-annthyroid", "thyroid"),
        ("adbench47-Cardiotocography", "adbench47-cardio"),
        ("adbench47-satimage-2", "adbench47-satellite"),
        ("adbench47-Pima", "adbench47-Pima"),
        ("unswnb15_official@unknown", "unswnb15"),
        ("table@3f2a9c", "table@3f2a9c"),  # two user tables are two groups
        ("my-own", "my-own"),
        ("../data/nslkdd", "../data/nslkdd"),  # a malicious name reaches no file
    ],
)
def test_related_data_are_one_group(data: str, group: str) -> None:
    assert group_of(data) == group


def test_every_row_is_described(table: Table, info: DatasetInfo) -> None:
    n_rows = sum(info.rows.values())
    assert len(table) == len(table.features) == n_rows
    for per_row in (table.label, table.family, table.attack, table.is_test):
        assert len(per_row) == n_rows
        assert np.asarray(per_row).dtype != object
    np.testing.assert_array_equal(table.label == 0, table.family == NORMAL)
    np.testing.assert_array_equal(table.label == 0, table.attack == NORMAL)
    if table.is_test.any():
        assert set(table.label[table.is_test]) == {0, 1}
    assert (table.label[~table.is_test] == 0).any()


def test_columns_are_contiguous_and_codes_lie_in_their_vocabulary(table: Table) -> None:
    features = table.features
    assert features.numeric.flags.f_contiguous
    assert features.codes.flags.f_contiguous
    assert features.numeric.shape == (len(table), len(features.numeric_names))
    assert features.codes.shape == (len(table), len(features.vocabularies))
    for values, codes in zip(features.vocabularies.values(), features.codes.T, strict=True):
        assert len(set(values)) == len(values)
        assert 0 <= codes.min() <= codes.max() < len(values)
