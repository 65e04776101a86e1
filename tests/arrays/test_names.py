"""Tests of category columns as replacements for arrays of text."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adbench.arrays.categories import CategoryColumn

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3))  # numpy strips trailing NULs


@given(TEXTS, st.data())
def test_names_do_what_an_array_of_texts_does(texts: list[str], data: st.DataObject) -> None:
    names, array = CategoryColumn.of(texts), np.array(texts, dtype=np.str_)
    assert names.tolist() == list(names) == texts
    assert len(names) == len(texts)
    np.testing.assert_array_equal(np.asarray(names), array)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    rows = np.array(chosen, dtype=bool)
    np.testing.assert_array_equal(np.asarray(names[rows]), array[rows])
    for name in {*texts, "elsewhere"}:
        np.testing.assert_array_equal(names == name, array == name)
        np.testing.assert_array_equal(names != name, array != name)
    assert (names == array).all()
    values, counts = np.unique(array[rows], return_counts=True)
    assert names[rows].counts() == dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert list(names[rows].counts()) == values.tolist()
    assert {name: of.tolist() for name, of in names[rows].rows().items()} == {
        name: np.flatnonzero(array[rows] == name).tolist() for name in values.tolist()
    }


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1), st.data())
def test_codes_that_stand_for_the_same_name_become_one(values: list[str], data: st.DataObject) -> None:
    codes = np.array(data.draw(st.lists(st.integers(0, len(values) - 1))), dtype=np.int32)
    names = CategoryColumn.renamed(values, codes)
    assert names.tolist() == [values[code] for code in codes]
    assert len(set(names.values)) == len(names.values)


@pytest.mark.parametrize("n_names", [1, 256, 257, 70_000])
def test_a_row_takes_as_few_bytes_as_the_names_need(n_names: int) -> None:
    names = CategoryColumn.of([f"name {i}" for i in range(n_names)])
    assert names.codes.itemsize == (1 if n_names <= 256 else 2 if n_names <= 65_536 else 4)
    assert names[n_names - 1] == f"name {n_names - 1}"
    assert len(names.rows()) == n_names


def test_names_have_to_be_distinct() -> None:
    with pytest.raises(ValueError, match="expected distinct names"):
        CategoryColumn(("a", "a"), np.array([0]))


@pytest.mark.parametrize("codes", [[2], [-1]])
def test_codes_without_a_name_are_refused(codes: Any) -> None:
    with pytest.raises(ValueError, match="expected codes of 2 names"):
        CategoryColumn(("a", "b"), np.array(codes))
