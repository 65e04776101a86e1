"""Tests of process-wide settings: undone after training, and untouched by imports."""

import json
import logging
import os
import subprocess
import sys
import warnings

import pytest
import torch

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.errors import AdbenchError
from adbench.runner.run import train
from adbench.training.process import deterministic, quiet

STATE = """
import json, logging, warnings
import torch
import pytorch_lightning, lightning_fabric
def state():
    levels = [logging.getLogger(name).level for name in ("pytorch_lightning", "lightning_fabric", "alembic", "adbench")]
    fill = torch.utils.deterministic.fill_uninitialized_memory
    return [levels, len(warnings.filters), torch.get_num_threads(), fill, torch.are_deterministic_algorithms_enabled()]
before = state()
import adbench.training.trainer
import adbench.runner.stages
from adbench.config.compose import compose
from adbench.config.instantiate import build
build(compose(["trainer.threads=3"])["trainer"], "trainer", seed=0)
print(json.dumps([before, state()]))
"""


def test_neither_an_import_nor_settings_change_the_process() -> None:
    found = subprocess.run([sys.executable, "-c", STATE], capture_output=True, text=True, check=True).stdout
    before, after = json.loads(found)
    # Libraries imported with the stages add their own filters; ours would be among the messages.
    assert [before[0], *before[2:]] == [after[0], *after[2:]]


def test_settings_cannot_be_changed() -> None:
    settings = build(compose([])["trainer"], "trainer", seed=0)
    with pytest.raises(AttributeError):
        settings.threads = 2


def state() -> tuple[object, ...]:
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    level = logging.getLogger("pytorch_lightning").level
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), fill, level, list(warnings.filters)


def test_a_run_leaves_the_process_as_it_was(tiny: list[str]) -> None:
    before = state()
    assert train(["model=ae", *tiny, "trainer.threads=1"]).status == "done"
    assert state() == before


def test_a_caller_s_own_determinism_comes_back_from_a_finished_run_and_from_a_refused_one(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        assert train(["model=ae", *tiny]).status == "done"
        with pytest.raises(AdbenchError):
            train(["model=ae", *tiny, "target_fpr=0.0000001"])
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.backends.cudnn.benchmark
        assert not {name for name in os.environ if name.startswith(("PL_", "CUBLAS"))}
    finally:
        torch.use_deterministic_algorithms(False)


def test_within_they_are_what_was_asked_for() -> None:
    with deterministic(1), quiet():
        assert state()[:4] == (1, True, False, logging.WARNING)
