"""Tests of the sensitivity page: its grids contain the defaults, and a section states the settings' effect."""

import pytest

from adbench.config.compose import compose
from adbench.config.options import groups
from adbench.config.overrides import expand
from adbench.runner.run import train
from scripts.docs import sensitivity


def test_every_model_has_a_grid_with_what_is_shipped() -> None:
    assert sorted(sensitivity.GRIDS) == groups()["model"]
    for model, grid in sensitivity.GRIDS.items():
        shipped = compose([f"model={model}"])["model"]
        composed = [compose([f"model={model}", *words])["model"] for words in expand(grid)]
        assert composed.count(shipped) == 1, model
        assert len(composed) >= 4


def test_a_section_has_the_best_the_median_the_worst_and_what_is_shipped(quick: list[str]) -> None:
    words = [*quick, "model=pca", "controls.nearest_rows=20"]
    runs = [train([*words, *of_run]) for of_run in expand(sensitivity.GRIDS["pca"])]
    found = sorted(run.metrics["roc_auc"] for run in runs)
    (shipped,) = (run.metrics["roc_auc"] for run in runs if run.config["model"]["n_components"] == 2)
    section = sensitivity.section("pca", runs)
    best, median, worst = found[3], (found[1] + found[2]) / 2, found[0]
    assert section.below == [pytest.approx((best - median, best - worst, best - shipped))]
    assert f"| nslkdd | 4 | {best:.4f} | {median:.4f} | {worst:.4f} | {shipped:.4f} |" in section.text
    assert f"| pca | {best - median:.4f} |" in sensitivity.overview([section])
