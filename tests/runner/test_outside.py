"""Tests of anomalies outside the fitted range: found with every preprocessing, or the run warns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adbench.config.options import groups
from adbench.results.record import Run
from adbench.runner.run import train


@pytest.fixture
def pump(tmp_path: Path) -> list[str]:
    """A sensor that anomalies push 50 scales out on either side, and a valve that was always open before."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(20, 2, (500, 4)), columns=["s1", "s2", "s3", "s4"]).assign(valve=1, label=0)
    rows.loc[400:449, "s2"] += np.where(rng.random(50) < 0.5, -100, 100)
    rows.loc[450:, "valve"] = 0
    rows.loc[400:, "label"] = 1
    rows.to_csv(tmp_path / "pump.csv", index=False)
    path = tmp_path / "pump.csv"
    return [
        *("data=table", f"data.path={path}", "data.label=label", "data.categorical=[]"),
        *("target_fpr=0.1", f"runs_dir={tmp_path / 'runs'}"),
    ]


def said(run: Run, caplog: pytest.LogCaptureFixture) -> str:
    assert run.status == "done", run.error
    text = caplog.text
    caplog.clear()
    return text


@pytest.mark.parametrize("option", groups()["preprocess"])
def test_a_fall_is_as_visible_as_a_rise_and_far_is_far(
    option: str, pump: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = train(["model=knn", f"preprocess={option}", *pump])
    assert run.metrics["roc_auc"] > 0.98
    assert "outside the fitted range" not in said(run, caplog)


def test_what_an_encoding_hides_is_said_and_its_remedy_works(pump: list[str], caplog: pytest.LogCaptureFixture) -> None:
    blind = train(["model=knn", "preprocess=quantile", "preprocess.tail=null", *pump])
    text = said(blind, caplog)
    assert "test values of column 's2' lie outside the fitted range" in text
    assert "preprocess=quantile does not keep how far; preprocess=standard does" in text
    assert blind.metrics["control/mean_deviation/roc_auc"] > 0.95 > blind.metrics["roc_auc"]
    assert "outside the fitted range" not in said(train(["model=knn", "preprocess=standard", *pump]), caplog)
