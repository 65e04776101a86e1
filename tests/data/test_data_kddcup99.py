import numpy as np
import pytest

from adbench.data import kddcup99, nslkdd
from adbench.data.base import Table, row_hashes


@pytest.fixture(scope="module")
def table() -> Table:
    return kddcup99.load()


def test_counts_are_the_published_ones(table: Table) -> None:
    train, test = ~table.is_test, table.is_test
    assert (int((table.label[train] == 0).sum()), int(table.label[train].sum())) == (97_278, 396_743)
    assert (int((table.label[test] == 0).sum()), int(table.label[test].sum())) == (60_593, 250_436)
    assert [int((table.attack[train] == name).sum()) for name in ("smurf", "neptune")] == [280_790, 107_201]
    assert len(np.unique(row_hashes(table.features.take(np.flatnonzero(train))))) == 145_584
    # The two rows with the service of another protocol, counted from 1.
    services = table.features.vocabularies["service"]
    of_test = table.features.codes[test, 1]
    assert (np.flatnonzero(of_test == services.index("icmp")) + 1).tolist() == [136_489, 136_497]


def test_binary_columns_can_be_categories_as_in_dagmm() -> None:
    features = kddcup99.load(binary_as_categorical=True).features
    assert len(features.vocabularies) == 7
    assert len(features.numeric_names) == 34


def test_the_harder_rows_of_nslkdd() -> None:
    whole, hard, both = (nslkdd.load(test=test) for test in ("test+", "test-21", "both"))
    assert int(hard.is_test.sum()) == 11_850
    assert [int((hard.label[hard.is_test] == label).sum()) for label in (0, 1)] == [2_152, 9_698]
    assert len(both) == len(whole)
    np.testing.assert_array_equal(both.attack[both.subsets["test-21"]], hard.attack[hard.is_test])
