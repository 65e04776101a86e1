"""Tests of memory-mapped arrays: pages are released on request, also behind numpy views."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adbench.arrays.memmap import Array, create, open_copy, release_pages


@pytest.mark.parametrize(
    "part", [lambda x: x, lambda x: x[2:], lambda x: x[2:][:, 1], lambda x: x.T, lambda x: x.reshape(-1)[5:]]
)
def test_the_pages_of_an_array_or_of_a_part_are_let_go(part: Callable[[Array], Array], tmp_path: Path) -> None:
    create(tmp_path / "x", (6, 4), np.float32)[:] = 1
    x = open_copy(tmp_path / "x", (6, 4), np.float32)
    x[:] = 2  # in memory only: releasing the pages restores the file's numbers
    release_pages(part(x))
    assert (x == 1).all()


def test_what_is_no_map_is_left_alone(tmp_path: Path) -> None:
    create(tmp_path / "x", (6, 4), np.float32)[:] = 1
    x = open_copy(tmp_path / "x", (6, 4), np.float32)
    x[:] = 2
    for own in (x + 1, x.copy(), np.array(x), np.empty((0, 4), np.float32)):
        release_pages(own)
    assert (x == 2).all()
