"""What hyper-parameters may be chosen by: never by a test metric.

fit/loss            the training loss of the last epoch; it needs no labels
calibration/loss    the loss on the calibration rows, which are normal and not fitted on; it needs no labels
validation/METRIC   a metric on the training file's own anomalies, under protocol=labelled_validation
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from adbench.config import Config, suggest
from adbench.errors import ConfigError
from adbench.instantiate import locate
from adbench.results import DONE, Run, families

MINIMIZE, MAXIMIZE = "minimize", "maximize"
# Label-free objective -> the metric that holds it. During training it is the column of the same name in history.csv.
LABEL_FREE = {"fit/loss": "fit_loss", "calibration/loss": "calibration_loss"}
VALIDATION = "validation/"
VALIDATION_METRICS = ("roc_auc", "average_precision", "tpr_at_1pct_fpr", "tpr_at_0p1pct_fpr")
FAMILIES = "family_roc_auc"  # mean over the families of anomalies, so that the largest does not decide alone
LEGAL = (*LABEL_FREE, *(VALIDATION + name for name in (*VALIDATION_METRICS, FAMILIES)))


@dataclass(frozen=True)
class Objective:
    """A number that a sweep may choose by. Raises ConfigError for one that it may not."""

    name: str

    def __post_init__(self) -> None:
        if self.name in LEGAL:
            return
        metric = self.name.removeprefix("test/")
        if metric != self.name or metric in (*VALIDATION_METRICS, FAMILIES):
            raise ConfigError(
                f"expected an objective that owes nothing to the test rows, got {self.name}: what is chosen by a test "
                f"metric makes that metric too good to be true; take calibration/loss, or validation/{metric} with "
                "protocol=labelled_validation, which finds the training file's own anomalies"
            )
        raise ConfigError(f"expected an objective that exists, got {self.name}{suggest(self.name, LEGAL)}")

    @property
    def direction(self) -> str:
        """Whether less or more of it is better."""
        return MINIMIZE if self.name in LABEL_FREE else MAXIMIZE

    @property
    def history_column(self) -> str | None:
        """The column of history.csv that tells it after each epoch; None where it is only known at the end."""
        return LABEL_FREE.get(self.name)

    def require_legal(self, config: Config) -> None:
        """Raise ConfigError where the run's labels are those of the test rows."""
        if self.name.startswith(VALIDATION) and not locate(config["protocol"], "protocol").validates:
            raise ConfigError(
                f"expected protocol=labelled_validation for objective={self.name}, got protocol="
                f"{config['choices']['protocol']}: its labels are those of the test rows, and what is chosen by them "
                "makes every test metric too good to be true"
            )

    def value(self, run: Run) -> float | None:
        """Its value for a run; None where the run is not done. Raises ConfigError where the model has none."""
        if run.status != DONE:
            return None
        if self.name == VALIDATION + FAMILIES:
            return fmean(run.metrics[f"family/{family}/roc_auc"] for family in families(run.metrics))
        metric = LABEL_FREE.get(self.name, self.name.removeprefix(VALIDATION))
        if metric not in run.metrics:
            model = run.config["choices"]["model"]
            raise ConfigError(
                f"expected a run that measures {self.name}, got model={model}, which has no such loss; take "
                f"objective={VALIDATION}roc_auc with protocol=labelled_validation"
            )
        return run.metrics[metric]

    def best(self, values: Iterable[float]) -> float:
        """The best of several values."""
        return min(values) if self.direction == MINIMIZE else max(values)
