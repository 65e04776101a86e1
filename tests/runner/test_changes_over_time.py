"""Tests of a run on rows with times: drift is visible by time, and hidden in a random split."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from rich.console import Console

from adbench.analysis.dataset_card import card
from adbench.cli.display.run_panel import result_panel
from adbench.cli.display.tables import print_card
from adbench.evaluation import over_time
from adbench.reporting.build import report
from adbench.results.record import Run
from adbench.runner.run import train


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 rows of a month with one drifting column of the normals, in shuffled lines."""
    rng = np.random.default_rng(0)
    n = 1500
    seconds = np.sort(rng.choice(30 * 86_400, n, replace=False))
    label = (rng.random(n) < 0.15).astype(int)
    x = rng.normal(size=(n, 3))
    x[:, 0] += np.linspace(0, 8, n)
    x[:, 1:] += 3 * label[:, None]
    columns: dict[str, Any] = {f"x{i}": x[:, i] for i in range(3)} | {"fault": label}
    columns["when"] = (pd.Timestamp("2024-03-01") + pd.to_timedelta(seconds, unit="s")).strftime("%Y-%m-%d %H:%M:%S")
    path = tmp_path_factory.mktemp("drifting") / "rows.csv"
    pd.DataFrame(columns).sample(frac=1, random_state=0).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def runs(drifting: Path) -> dict[str, Run]:
    common = [f"data.path={drifting}", "data.label=fault", "data=table", "model=knn", "target_fpr=0.05", "seed=1"]
    common += [f"runs_dir={drifting.parent / 'runs'}", f"cache={drifting.parent / 'cache'}", "data.time=when"]
    return {name: train([*common, f"protocol={name}"]) for name in ("by_time", "random_split")}


def test_a_random_split_hides_what_by_time_shows(runs: dict[str, Run]) -> None:
    by_time, at_random = (over_time.slices_in(runs[name].metrics) for name in ("by_time", "random_split"))
    assert by_time[-1].roc_auc < by_time[0].roc_auc - 0.1
    assert by_time[-1].test_fpr > 0.5
    assert abs(at_random[-1].roc_auc - at_random[0].roc_auc) < 0.05
    assert np.mean([one.test_fpr for one in at_random]) < 0.12
    assert runs["by_time"].metrics["shift_p"] < 1e-9
    assert runs["by_time"].metrics["shift_auroc"] > 0.8
    assert runs["random_split"].metrics["shift_p"] > 0.05


def test_the_panel_and_the_folder_say_so(runs: dict[str, Run]) -> None:
    def shown(run: Run) -> str:
        console = Console(width=200, record=True)
        console.print(result_panel(run))
        return console.export_text()

    by_time, at_random = shown(runs["by_time"]), shown(runs["random_split"])
    assert "p < 1e-9): they have moved" in by_time
    assert "no sign that the normals moved" in at_random
    assert "over time, 10 slices, 2024-03-1" in by_time
    assert "protocol=by_time tests on later ones alone" in at_random
    assert "protocol=by_time" not in by_time
    scores = pyarrow.parquet.read_table(runs["by_time"].folder / "scores.parquet").to_pydict()
    slices = over_time.slices_in(runs["by_time"].metrics)
    assert min(scores["time"]) == slices[0].start
    assert max(scores["time"]) == slices[-1].end
    assert json.loads((runs["by_time"].folder / "environment.json").read_text())["times_are_dates"] is True


@pytest.mark.parametrize("name", ["by_time", "unsupervised"])
def test_rows_out_of_the_cache_give_the_same_metrics(name: str, drifting: Path, tmp_path: Path) -> None:
    common = [f"data.path={drifting}", "data.label=fault", "data=table", "model=pca", "model.n_components=1"]
    common += ["target_fpr=0.05", f"cache={tmp_path / 'cache'}", "data.time=when", f"protocol={name}"]
    made, found = (train([*common, f"runs_dir={tmp_path / one}"]).metrics for one in ("made", "found"))
    timeless = {key for key in made if not key.endswith(("_seconds", "rows_per_second"))}
    assert {key: made[key] for key in timeless} == {key: found[key] for key in timeless}
    assert "time/9/n" in made
    assert ("shift_p" in made) == (name == "by_time")  # other protocols' calibration rows contain anomalies


def test_across_folds_nothing_is_said_of_a_move(drifting: Path, tmp_path: Path) -> None:
    common = [f"data.path={drifting}", "data.label=fault", "data=table", "model=pca", "model.n_components=1"]
    run = train([*common, "data.drop=[when]", "protocol.calibration=cross", f"runs_dir={tmp_path}"])
    assert not any(name.startswith(("shift_", "time/")) for name in run.metrics)
    console = Console(width=200, record=True)
    console.print(result_panel(run))
    assert "moved" not in console.export_text()


def test_the_report_draws_it(runs: dict[str, Run], tmp_path: Path) -> None:
    folder = runs["by_time"].folder.parent
    report([folder], tmp_path / "report.html", figures=tmp_path / "figures", only="over_time", with_cards=False)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the test normals score higher than the calibration normals" in page
    assert "2024-03-2" in page  # a date on the axis
    assert len(list((tmp_path / "figures").glob("over_time-*-test_fpr.svg"))) == 2
    assert len(list((tmp_path / "figures").glob("over_time-*-roc_auc.svg"))) == 2


def test_the_card_shows_the_range_of_the_times(drifting: Path) -> None:
    words = [f"data.path={drifting}", "data.label=fault"]
    found = card("table", [*words, "data.time=when"])
    assert found["time"]["range"].startswith("2024-03-01")
    assert found["time"]["distinct"] == 1500
    console = Console(width=160, record=True)
    print_card(found, console)
    assert f"{found['time']['range']}, 1,500 distinct" in console.export_text()
    assert "time" not in card("table", [*words, "data.drop=[when]"])
