"""Tests of a run's cost beside its training: the table of its stages, and modules that are not imported."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from adbench.arrays.categories import CategoryColumn
from adbench.cli.display import profile
from adbench.cli.main import app
from adbench.evaluation.seal import Labels
from adbench.results.folder import RunFolder
from adbench.results.record import SCORES
from adbench.runner.imports import without_gc
from adbench.runner.reporter import Reporter, Stopwatch


def train(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", "model=ae", "--profile", *arguments])


def table(text: str) -> dict[str, float]:
    """Stage -> seconds, of the table on stderr."""
    rows = [line.split() for line in text.splitlines() if line.endswith(" %")]
    return {words[0]: float(words[1]) for words in rows}


def test_the_table_tells_where_all_of_the_time_went(quick: list[str]) -> None:
    result = train(*quick, "--json")
    document = json.loads(result.stdout)
    found = table(result.stderr)
    assert list(found) == [*profile.STAGES, "other", "total"]
    assert sum(found.values()) - found["total"] == pytest.approx(found["total"], abs=0.1)  # two decimals each
    assert min(found.values()) >= 0
    # The table rounds to a hundredth, and its fit includes waiting.
    for stage, within in {"load": 0.006, "fit": 0.2, "controls": 0.006, "evaluate": 0.006, "save": 0.006}.items():
        assert found[stage] == pytest.approx(document["metrics"][f"{stage}_seconds"], abs=within)
    again = train(*quick)
    assert again.exit_code == 0
    assert "nothing was run, so there is nothing to profile" in again.stderr
    assert not table(again.stderr)


def test_a_run_that_failed_is_profiled_too(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adbench.models.autoencoders.ae.AE.loss", lambda self, x: 1 / 0)
    result = train(*quick)
    assert result.exit_code == 1
    assert table(result.stderr)["total"] > 0


def test_without_the_option_nothing_is_said(quick: list[str]) -> None:
    assert not table(CliRunner().invoke(app, ["train", "model=ae", *quick]).stderr)


def test_several_runs_are_not_profiled(quick: list[str]) -> None:
    result = train("-m", "seed=1,2", *quick)
    assert result.exit_code == 2
    assert "expected --profile for one run, got several by -m" in result.stderr
    assert not Path(quick[1].removeprefix("runs_dir=")).exists()


def test_the_total_counts_from_the_start_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = "import time; time.sleep(0.5); from adbench.cli.display.profile import process_seconds as s; print(s())"
    done = subprocess.run([sys.executable, "-c", waiting], capture_output=True, text=True, check=True)
    assert float(done.stdout) >= (0.49 if sys.platform == "linux" else 0)
    monkeypatch.setattr(sys, "platform", "elsewhere")
    before = profile.process_seconds()
    assert 0 < before <= profile.process_seconds()


def test_a_stage_in_several_parts_takes_their_sum() -> None:
    told: list[tuple[str, float]] = []

    class Listening(Reporter):
        def took(self, name: str, seconds: float) -> None:
            told.append((name, seconds))

    clock = Stopwatch(Listening())
    for _ in range(3):
        with clock.of("save"):
            pass
    assert [name for name, _ in told] == ["save"] * 3
    assert clock.measured["save_seconds"] == pytest.approx(sum(seconds for _, seconds in told))


def test_imports_leave_the_collector_as_it_was() -> None:
    with without_gc():
        assert not gc.isenabled()
    with pytest.raises(ImportError), without_gc():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with without_gc():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_run_on_a_bundled_dataset_does_without_pandas(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import numpy as np
from adbench.data import nslkdd, unswnb15
from adbench.evaluation.seal import Labels
from adbench.results.folder import RunFolder
for dataset in (unswnb15, nslkdd):
    table = dataset.load()
folder = RunFolder(Path({str(tmp_path / "run")!r}))
folder.claim()
labels = Labels(table.label, table.family, table.attack, None)
folder.write_scores(np.arange(len(table)), np.zeros(len(table)), labels)
print("pandas" in sys.modules, len(table))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(sum([125_973, 22_544]))]
    assert (pd.read_parquet(tmp_path / "run" / SCORES)["label"] == 1).sum() == 71_463


def test_scores_are_written_as_they_are_read(tmp_path: Path) -> None:
    names = CategoryColumn.of(["elsewhere", "normal", "", "ddos, «流»", "normal", "a\nb"])[1:]
    labels = Labels(np.array([0, 1, 1, 0, 1], dtype=np.int8), names, names[::-1], None)
    folder = RunFolder(tmp_path)
    scores = np.array([0.1, -0.0, 1e300, 5e-324, 2.0])
    folder.write_scores(np.arange(10)[::2], scores, labels)
    read = pd.read_parquet(tmp_path / SCORES)
    assert read["row"].tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(read["score"].to_numpy().view(np.int64), scores.view(np.int64))
    assert read["label"].dtype == np.int8
    assert read["family"].tolist() == names.tolist()
    assert read["attack"].tolist() == names[::-1].tolist()
    assert read["family"].cat.categories.tolist() == ["normal", "", "ddos, «流»", "a\nb"]
