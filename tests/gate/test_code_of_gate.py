"""Tests of gates about this code: an edited detector is rerun and judged; runs of other code are refused."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import adbench.models
from adbench.analysis.summary import summarize
from adbench.cli.main import app
from adbench.config import compose as compose_module
from adbench.config import options as options_module
from adbench.config import overrides as overrides_module
from adbench.config.paths import config_folder
from adbench.models.classical import pca
from adbench.runner.run import train


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Edits the file of a user's model, `model=own`, initially a copy of `pca`."""
    shutil.copytree(config_folder(), tmp_path / "configs")
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "own_of_gate.py"
    monkeypatch.setattr(adbench.models, "__path__", [*adbench.models.__path__, str(tmp_path / "models")])
    for module in (compose_module, options_module, overrides_module):
        monkeypatch.setattr(module, "config_folder", lambda: tmp_path / "configs")
    words = (tmp_path / "configs/model/pca.yaml").read_text().replace("classical.pca", file.stem)
    (tmp_path / "configs/model/own.yaml").write_text(words)

    def change(was: str, now: str) -> None:
        text = Path(pca.__file__).read_text()
        assert was in text
        file.write_text(text.replace(was, now))
        importlib.invalidate_caches()
        importlib.reload(importlib.import_module(f"adbench.models.{file.stem}"))

    return change


def test_a_negated_score_does_not_pass(edit: Callable[[str, str], None], tiny: list[str], tmp_path: Path) -> None:
    runs, baseline = tmp_path / "runs", tmp_path / "baseline.json"
    overrides = ["model=own", "controls.nearest_rows=100", *tiny]

    def again(seeds: range = range(3)) -> list[float]:
        return [train([*overrides, f"seed={seed}"]).metrics["roc_auc"] for seed in seeds]

    def check(*more: str) -> Result:
        return invoke("check", "--baseline", baseline, runs, *more)

    edit("residual**2", "(residual * residual)")
    good = again()
    assert check("--update").exit_code == 0
    (told,) = json.loads(baseline.read_text())["configurations"]
    assert {"code.task", "code.solver"} <= told["environment"].keys()
    assert check().exit_code == 0

    edit("residual**2", "-(residual * residual)")
    refused = check()
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "by other code of preprocessing, model or threshold, and 2 more; sweep again" in refused.stderr
    again(range(1))
    mixed = check("--update")
    assert (mixed.exit_code, "expected runs of own on table by one code for a baseline" in mixed.stderr) == (2, True)
    groups = summarize([runs]).groups
    assert sorted(groups["n"]) == [1, 2]
    assert groups["settings"].str.startswith("code=").all()
    bad = again()
    assert [a + b for a, b in zip(good, bad, strict=True)] == pytest.approx([1.0] * 3)
    judged = check()
    assert (judged.exit_code, "code.task" in judged.stdout) == (1, False), judged.stdout
    assert "regression" in judged.stdout

    edit("  # missing in older runs", "  # as it was")
    assert check().exit_code == 2
    assert again() == good
    assert check().exit_code == 0
