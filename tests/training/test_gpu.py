"""Tests on a CUDA device: a run equals one on the CPU, up to rounding."""

import pytest

from adbench.runner.run import train
from adbench.testing.capabilities import NEURAL, models_that


@pytest.mark.gpu
@pytest.mark.parametrize("model", models_that(NEURAL))
def test_a_gpu_run_finds_what_a_cpu_run_finds(model: str, tiny: list[str]) -> None:
    ours = train([f"model={model}", *tiny, "trainer=gpu", "seed=1"])
    theirs = train([f"model={model}", *tiny, "trainer=cpu", "seed=1"], force=True)
    assert ours.status == theirs.status == "done", ours.error
    assert ours.metrics["roc_auc"] == pytest.approx(theirs.metrics["roc_auc"], abs=0.02)
