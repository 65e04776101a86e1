"""Fixtures of the tests of plugins."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbench.config import plugins
from adbench.config.plugins import VARIABLE
from tests.config.plugin import PUMP


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start and end a test without plugins."""
    monkeypatch.setenv(VARIABLE, "")
    plugins._ACTIVE.clear()
    yield
    plugins._ACTIVE.clear()


@pytest.fixture
def pump(tmp_path: Path) -> Path:
    """A copy of the plugin, to be changed."""
    return Path(shutil.copytree(PUMP, tmp_path / "pump", ignore=shutil.ignore_patterns("__pycache__")))
