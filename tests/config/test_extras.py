"""Tests of packages that only some options need."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from adbench.config.extras import require_package
from adbench.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_a_package_that_is_there_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adbench_needs_this.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    require_package("adbench_needs_this", "ray", "executor=ray")
    assert "adbench_needs_this" not in sys.modules


def test_a_missing_package_is_one_sentence_with_the_command_that_brings_it() -> None:
    with pytest.raises(ConfigError) as caught:
        require_package("adbench_needs_that", "report", "the figures")
    assert str(caught.value) == (
        "expected the package adbench_needs_that for the figures, got none; pip install 'adbench-runner[report]'"
    )


def test_each_extra_that_is_named_exists_and_brings_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    calls = [
        found
        for path in (ROOT / "adbench").rglob("*.py")
        for found in re.findall(r'require_package\("(\w+)", "(\w+)"', path.read_text())
    ]
    assert len(calls) >= 8
    for package, extra in calls:
        name = package.replace("_", "[-_]")
        assert any(re.match(rf"{name}\b", requirement) for requirement in extras[extra]), (package, extra)


def test_a_folder_of_that_name_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adbench_needs_that" / "offline-run-1").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="expected the package adbench_needs_that"):
        require_package("adbench_needs_that", "report", "the figures")
