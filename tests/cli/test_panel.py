from dataclasses import replace

import pytest
from rich.console import Console

from adbench.cli.display.run_panel import result_panel
from adbench.config.alarm_rate import Use
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


def shown(run: Run, use: Use | None = None, **changes: float) -> str:
    console = Console(width=200, record=True)
    console.print(result_panel(replace(run, metrics=run.metrics | changes), use))
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


def test_a_detector_that_ranks_nothing_is_named(run: Run) -> None:
    assert "all test scores are equal: " in shown(run, n_distinct_scores=1)
    assert "all test scores are equal" not in shown(run)


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
    text = shown(run, **rates, promise_p=0.003)
    assert "promised 1.00 %, achieved 2.16 % of normal rows" in text
    assert "(95 % interval of this threshold's rate 1.89 to 2.47 %)" in text
    assert "the promise is exceeded, p = 0.003:" in text
    assert "the test normals are not like the calibration normals" in text
    assert "p < 0.0001" in shown(run, **rates, promise_p=1e-9)
    assert "or their fitted tail does not hold" in shown(run, **rates, promise_p=1e-9, promise_exact=0)
    text = shown(run, **rates, promise_p=0.07)
    assert "the promise is kept: chance brings so many or more in 7.0 % of draws" in text
    few = rates | {"test_fpr": 0.005, "test_fpr_low": 0.004, "test_fpr_high": 0.006}
    for p in (0.9999, 0.01):  # fewer than promised are fine, however unlikely
        text = shown(run, **few, promise_p=p)
        assert "the promise is kept " in text
        assert not {"exceeded", "outside", "chance brings"} & set(text.split())
    assert "promised 0.002 %" in shown(run, target_fpr=2e-5)
    old = replace(run, metrics={name: value for name, value in run.metrics.items() if name != "promise_p"})
    assert "the promise" not in shown(old, **rates)
    none = shown(old, **rates, promises_fpr=0)
    assert "nothing promised, achieved 2.16 %" in none
    assert "threshold set by the test scores themselves" in none
    assert "the promise" not in none


def test_what_a_confidence_costs_is_said(run: Run) -> None:
    text = shown(run, target_fpr=0.01, promise_confidence=0.9, expected_fpr=0.0083)
    assert "promised 1.00 % at most, with 90 % confidence, achieved" in text
    assert "(for that confidence it is set for 0.83 % on average)" in text


def test_what_was_promised_of_the_reported_rows_is_shown(run: Run) -> None:
    of_fdr = {"promises_fpr": 0, "fdr_level": 0.1, "test_fdp": 0.042, "n_reported": 7012, "n_calibration": 320}
    text = shown(run, **of_fdr)
    assert "promised 10.0 % of the reported rows on average, achieved 4.2 % of 7,012" in text
    assert "threshold set by the test scores beside those of 320 others" in text
    assert "no row is reported" in shown(run, **of_fdr | {"n_reported": 0, "test_fdp": 0.0})


def test_what_it_comes_to_at_a_base_rate(run: Run) -> None:
    rates = {"test_fpr": 0.01, "test_fpr_low": 0.008, "test_fpr_high": 0.0125, "recall": 0.5, "base_rate": 0.5}
    rates |= {"recall_low": 0.469, "recall_high": 0.531}
    text = shown(run, use=Use(1e-4, 1e6), **rates, n_test=2000)
    assert "at 1 anomaly in 10,000 rows" in text
    assert "of 201 alarms one is right (95 % interval 152 to 267)" in text
    assert "a day of 1,000,000 normal rows" in text
    assert "10,000 false alarms (8,000 to 12,500)" in text
    assert "50 of 100 anomalies found (46.9 to 53.1)" in text
    assert "precision holds where 50.0 % are anomalies" in text
    assert "depends on how many anomalies are tested" in shown(run, use=Use(1e-4), promises_fpr=0)
    assert "a day" not in shown(run, use=Use(1e-4))
