"""Table of all named metrics: heading, direction, range, and where each is shown.

A new metric is computed in `adbench.evaluation.evaluate` or `ranking` and gets a line here; tables, the panel, the
report, the gate and sweeps read from this table.
"""

from dataclasses import dataclass

SUMMARY, REPRODUCE, GATE, SPEED, OBJECTIVE, ALWAYS = "summary", "reproduce", "gate", "speed", "objective", "always"
PANEL, AGAINST_CONTROLS, REPORT = "panel", "against controls", "report"
PERCENT = "%"
FIT_LOSS, CALIBRATION_LOSS = "fit_loss", "calibration_loss"


@dataclass(frozen=True)
class Metric:
    """A metric, identified by the last part of its name: `family/dos/recall` is `recall`.

    more_is_better: None if neither direction is better. is_share: whether it lies in [0, 1]. shown: where it is shown
    by default; ALWAYS: every finished run has it. plain, short: a full and a short name for readers who may not know
    the heading. meaning: explains a column of the report. by_chance: the value of random scores, or the metric that
    gives it. form: the format of a number; PERCENT: as a percentage.
    """

    name: str
    heading: str
    more_is_better: bool | None
    is_share: bool
    shown: tuple[str, ...] = ()
    plain: str = ""
    short: str = ""
    meaning: str = ""
    by_chance: float | str = ""
    form: str = ".4f"

    @property
    def in_full(self) -> str:
        """The name for newcomers."""
        return self.plain or self.heading

    @property
    def in_short(self) -> str:
        """The name for newcomers in a narrow column."""
        return self.short or self.in_full


_QUALITY = (SUMMARY, REPRODUCE, GATE, OBJECTIVE, ALWAYS, PANEL, AGAINST_CONTROLS, REPORT)
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "roc_auc", "AUROC", True, True, _QUALITY,
            meaning="Mean over seeds, with its 95 % interval over seeds and test rows",
            by_chance=0.5,
        ),
        Metric(
            "average_precision", "average precision", True, True, _QUALITY,
            meaning="Mean over seeds; a random score reaches the base rate",
            by_chance="base_rate",
        ),
        Metric(
            "tpr_at_1pct_fpr", "detected at 1% FPR", True, True, _QUALITY,
            plain="detected at 1 % false alarms",
            short="detected at 1 %",
            meaning="The best detection rate at a false-positive rate of at most 1 % on the test rows",
            by_chance=0.01,
            form=PERCENT,
        ),
        Metric(
            "tpr_at_0p1pct_fpr", "detected at 0.1% FPR", True, True, (OBJECTIVE, ALWAYS, PANEL),
            plain="detected at 0.1 % false alarms",
            short="detected at 0.1 %",
            by_chance=0.001,
            form=PERCENT,
        ),
        Metric("roc_auc_low", "roc auc low", None, False, (ALWAYS,)),
        Metric("roc_auc_high", "roc auc high", None, False, (ALWAYS,)),
        Metric("base_rate", "base rate", None, True, (ALWAYS,)),
        Metric("n_distinct", "distinct test rows", None, False),
        Metric("n_distinct_scores", "distinct test scores", None, False),
        Metric("lead", "lead", True, False, form="+.4f"),
        Metric("threshold", "threshold", None, False, (REPRODUCE, ALWAYS)),
        Metric("target_fpr", "target fpr", None, True, (ALWAYS,)),
        Metric("precision", "precision", True, False, (REPRODUCE, ALWAYS)),
        Metric("recall", "recall", True, True, (SUMMARY, REPRODUCE, ALWAYS)),
        Metric("f1", "F1", True, False, (REPRODUCE, ALWAYS)),
        Metric("mcc", "MCC", True, False, (ALWAYS,)),
        Metric(
            "test_fpr", "test FPR", False, True, (SUMMARY, REPRODUCE, ALWAYS, REPORT),
            plain="false alarms",
            meaning="Share of normal test rows reported, of the share that was promised",
            form=PERCENT,
        ),
        Metric("promise_p", "promise p", None, True),
        Metric("promise_confidence", "promise confidence", None, True),
        Metric("promise_exact", "promise exact", None, False),
        Metric("expected_fpr", "expected FPR", None, True),
        Metric("fdr_level", "FDR level", None, True),
        Metric("test_fdp", "false discoveries", False, True, form=PERCENT),
        Metric("n_reported", "n reported", None, False),
        Metric("oracle_best_f1", "oracle best f1", True, False, (ALWAYS,)),
        Metric("oracle_f1_at_count", "oracle f1 at count", True, False),
        Metric(
            "training_gain", "training gain", True, False, (SUMMARY, REPRODUCE, REPORT),
            meaning="AUROC less that of the same network untrained, with its 95 % interval",
            form="+.4f",
        ),
        Metric("shift_auroc", "normals moved, AUROC", None, True),
        Metric("shift_p", "normals moved, p", None, True),
        Metric(FIT_LOSS, "fit loss", False, False),
        Metric(CALIBRATION_LOSS, "calibration loss", False, False),
        Metric("n_fit", "n fit", None, False, (REPRODUCE, ALWAYS)),
        Metric("n_calibration", "n calibration", None, False, (ALWAYS,)),
        Metric("n_test", "n test", None, False, (REPRODUCE, ALWAYS)),
        Metric(
            "fit_seconds", "fit s", False, False, (SUMMARY, REPRODUCE, SPEED, ALWAYS, REPORT),
            meaning="Seconds of fitting",
            form=",.1f",
        ),
        Metric("score_seconds", "score seconds", False, False, (SPEED, ALWAYS)),
        Metric("rows_per_second", "rows per second", True, False, (ALWAYS,)),
    )
}  # fmt: skip


def shown_in(where: str) -> tuple[str, ...]:
    """The names of the metrics shown there, in the order of the table."""
    return tuple(name for name, metric in METRICS.items() if where in metric.shown)


def shares() -> tuple[str, ...]:
    """The names of the metrics in [0, 1]."""
    return tuple(name for name, metric in METRICS.items() if metric.is_share)


def more_is_better(metric: str) -> bool | None:
    """True if higher is better, by the last part of the name; None if unknown. Of seconds, fewer are better."""
    name = metric.split("/")[-1]
    if name in METRICS:
        return METRICS[name].more_is_better
    return False if name.endswith("_seconds") else None
