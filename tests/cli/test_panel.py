from dataclasses import replace

import pytest
from rich.console import Console

from adbench.cli.display.run_panel import result_panel
from adbench.results.record import Run
from adbench.runner.run import train


@pytest.fixture
def run(quick: list[str]) -> Run:
    return train(["model=ae", *quick])


@pytest.mark.parametrize("width", [80, 100])
def test_no_number_is_cut_in_a_narrow_terminal(run: Run, width: int) -> None:
    console = Console(width=width, record=True)
    console.print(result_panel(run))
    text = console.export_text()
    assert "…" not in text
    for metric in ("control/untrained/roc_auc", "roc_auc", "roc_auc_high", "base_rate"):
        assert f"{run.metrics[metric]:.4f}" in text, metric
    assert f"F1 {run.metrics['f1']:.3f}" in " ".join(text.replace("│", " ").split())


def test_a_debug_run_says_that_it_is_one(run: Run) -> None:
    text = shown(replace(run, config=run.config | {"trainer": {"limit_batches": 1}}))
    assert "a debug run" in text
    assert "training helped" not in text


def test_escape_sequences_do_not_reach_the_terminal(run: Run) -> None:
    assert "\x1b" not in shown(replace(run, environment={"git_commit": "\x1b[31mX\x1b]0;t\x07"}))


def shown(run: Run, **changes: float) -> str:
    console = Console(width=200, record=True)
    console.print(result_panel(replace(run, metrics=run.metrics | changes)))
    return console.export_text()


def test_the_verdict_on_training_follows_the_interval(run: Run) -> None:
    assert "training helped" in shown(run, training_gain_low=0.01, training_gain_high=0.03)
    assert "training hurt" in shown(run, training_gain_low=-0.03, training_gain_high=-0.01)
    assert "no proof that training helped" in shown(run, training_gain_low=-0.01, training_gain_high=0.01)


def test_a_control_that_does_as_well_is_named(run: Run) -> None:
    ahead = {"control/mean_abs_z/roc_auc": 1.0, "control/mean_abs_z/lead": -0.02}
    lead = "control/mean_abs_z/lead"
    better = shown(run, **ahead, **{f"{lead}_low": -0.03, f"{lead}_high": -0.01})
    assert "the control mean |z| ranks better (-0.0200 AUROC, 95 % interval -0.0300 to -0.0100)" in better
    assert "is not needed for the ranking" in better
    open_ = shown(run, **ahead | {lead: 0.001, f"{lead}_low": -0.001, f"{lead}_high": 0.003})
    assert "the control mean |z| may rank as well (+0.0010 AUROC" in open_
    behind = shown(run, **ahead | {lead: 0.02, f"{lead}_low": 0.01, f"{lead}_high": 0.03})
    assert "the control" not in behind


def test_the_protocol_and_a_weakened_control_are_named(run: Run) -> None:
    assert "protocol one_class" in shown(run)
    weak = replace(run, config=run.config | {"controls": {"nearest_rows": 1}})
    assert "nearest neighbour, among 1 rows (weakened)" in shown(weak)
    assert "(weakened)" not in shown(replace(run, config=run.config | {"controls": {"nearest_rows": None}}))


def test_what_other_rows_and_types_would_give_is_told_apart(run: Run) -> None:
    text = shown(run, roc_auc_over_types_low=0.71, roc_auc_over_types_high=0.99, n_test=1000, n_distinct=400)
    assert "if other types of anomalies had come: 0.7100 to 0.9900" in text
    assert "(intervals over the 400 distinct of 1,000 test rows)" in text


def test_a_model_without_an_untrained_twin_has_a_panel_too(run: Run) -> None:
    kept = {
        name: value for name, value in run.metrics.items() if "training_gain" not in name and "untrained" not in name
    }
    text = shown(replace(run, metrics=kept))
    assert "untrained" not in text
    assert "PCA residual" in text


def test_the_panel_says_whether_the_promise_was_kept(run: Run) -> None:
    rates = {"target_fpr": 0.01, "test_fpr": 0.0216, "test_fpr_low": 0.0189, "test_fpr_high": 0.0247}
    text = shown(run, **rates)
    assert "promised 1.00 %, achieved 2.16 % of normal rows" in text
    assert "(95 % interval 1.89 to 2.47 %, the promise outside)" in text
    assert "the promise inside" in shown(run, **rates | {"target_fpr": 0.02})
    assert "promised 0.002 %" in shown(run, target_fpr=2e-5)
    none = shown(run, **rates, promises_fpr=0)
    assert "nothing promised, achieved 2.16 %" in none
    assert "threshold set by the test scores themselves" in none
    assert "the promise" not in none
