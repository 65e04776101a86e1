"""Fixtures of tiny files in the real format, read by the real code."""

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from adbench.config.paths import data_folder
from adbench.data import nslkdd

TRAIN, TEST = nslkdd.INFO.files

# The same examples each time, so that only code changes decide whether tests pass; `make test-search` draws new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def head(name: str, n_rows: int) -> bytes:
    """The first lines of a bundled file."""
    with gzip.open(data_folder() / "nslkdd" / f"{name}.gz") as file:
        return b"".join(file.readline() for _ in range(n_rows))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate cache per test, since some tests change the code that fills it."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ADBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def first_lines() -> dict[str, bytes]:
    return {TRAIN: head(TRAIN, 3000), TEST: head(TEST, 1500)}


@pytest.fixture
def write_nslkdd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes files in place of the upstream ones, and makes the loader expect their bytes and rows."""

    def write(contents: dict[str, bytes], accept: bool = True) -> Path:
        folder = tmp_path / "data"
        (folder / "nslkdd").mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / "nslkdd" / f"{name}.gz").write_bytes(gzip.compress(content))
            if accept:
                monkeypatch.setitem(nslkdd.INFO.files, name, hashlib.sha256(content).hexdigest())
                monkeypatch.setitem(nslkdd.INFO.rows, name, content.count(b"\n"))
        return folder

    return write


@pytest.fixture
def tiny_data(write_nslkdd: Callable[..., Path], first_lines: dict[str, bytes]) -> Path:
    """A data folder with the first 3,000 and 1,500 rows of NSL-KDD."""
    return write_nslkdd(first_lines)


@pytest.fixture
def quick(tiny_data: Path, tmp_path: Path) -> list[str]:
    """Overrides for a run of a few seconds on the tiny files, in a runs folder of its own."""
    return [
        f"data.folder={tiny_data}",
        f"runs_dir={tmp_path / 'runs'}",
        "trainer.max_epochs=2",
        "trainer.min_steps=0",
        "target_fpr=0.05",
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of 500 rows, a tenth shifted and labelled 1, as a real file, which worker processes can read."""
    rng = np.random.default_rng(0)
    label = (np.arange(500) % 10 == 0).astype(int)
    columns = {f"x{i}": rng.normal(size=500) + 2 * label for i in range(12)}
    path = tmp_path / "rows.csv"
    pd.DataFrame(columns | {"label": label}).to_csv(path, index=False)
    return path


@pytest.fixture
def tiny(table: Path, tmp_path: Path) -> list[str]:
    """Overrides for jobs of a fraction of a second."""
    return [
        *("data=table", f"data.path={table}", "data.label=label", "target_fpr=0.1", "trainer.max_epochs=2"),
        f"runs_dir={tmp_path / 'runs'}",
    ]
