"""Objectives that hyper-parameters may be chosen by, never a test metric.

fit/loss            the training loss of the last epoch; needs no labels
calibration/loss    the loss on the calibration rows, which are normal and not fitted on; needs no labels
validation/METRIC   a metric on the training file's own anomalies, under protocol=labelled_validation

Choosing by calibration/loss uses the calibration rows twice: for the choice and for the threshold. The threshold's
promise then holds for a run of the chosen configuration with another seed, hence other calibration rows, but only
approximately for the runs behind the choice: their calibration rows look slightly too normal.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from adbench.config.instantiate import locate
from adbench.config.keys import CONTENT, Config
from adbench.errors import ConfigError
from adbench.evaluation.metric_table import CALIBRATION_LOSS, FIT_LOSS, OBJECTIVE, shown_in
from adbench.results.record import DONE, LOSS, Run, families
from adbench.text import override, suggest

# Label-free objective -> its final metric, and its per-epoch column in history.csv.
LABEL_FREE = {"fit/loss": (FIT_LOSS, LOSS), "calibration/loss": (CALIBRATION_LOSS, CALIBRATION_LOSS)}
VALIDATION = "validation/"
VALIDATION_METRICS = shown_in(OBJECTIVE)
FAMILIES = "family_roc_auc"  # mean over families of anomalies, so that the largest does not dominate
LEGAL = (*LABEL_FREE, *(VALIDATION + name for name in (*VALIDATION_METRICS, FAMILIES)))


@dataclass(frozen=True)
class Objective:
    """A number that a sweep may choose by. Raises ConfigError for an illegal one."""

    name: str

    def __post_init__(self) -> None:
        if self.name in LEGAL:
            return
        metric = self.name.removeprefix("test/")
        if metric != self.name or metric in (*VALIDATION_METRICS, FAMILIES):
            raise ConfigError(
                f"expected an objective that owes nothing to the test rows, got {self.name}: what is chosen by a test "
                f"metric makes that metric too good to be true; take objective=calibration/loss, or "
                f"objective={VALIDATION}{metric} protocol=labelled_validation, which finds the anomalies in training"
            )
        raise ConfigError(f"expected an objective that exists, got {self.name}{suggest(self.name, LEGAL)}")

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """The direction of better values."""
        return "minimize" if self.name in LABEL_FREE else "maximize"

    @property
    def history_column(self) -> str | None:
        """Its per-epoch column in history.csv; None if it is only known at the end."""
        return LABEL_FREE[self.name][1] if self.name in LABEL_FREE else None

    def prepare(self, config: Config) -> None:
        """Make a run record it after each epoch, at little cost and without changing any result."""
        if self.history_column == CALIBRATION_LOSS:
            config["trainer"]["calibration_loss"] = True

    def require_legal(self, configs: Sequence[Config]) -> None:
        """Raise ConfigError if a run lacks this number, if it depends on test rows, or if the runs' numbers are not
        comparable.
        """
        for config in configs:
            self._require_no_test_labels(config)
        if self.name in LABEL_FREE:
            for config in {config["choices"]["model"]: config for config in configs}.values():
                self._require_one_loss(config)
            for config in configs:
                self._require_calibration(config)
        for key in self._same(configs[0]):
            if len({json.dumps(self._same(config)[key], default=str) for config in configs}) > 1:
                raise ConfigError(
                    f"expected one {key} to choose by {self.name}, got several: a number under one says nothing about "
                    f"a number under another; sweep over each {key} by itself"
                )

    def _same(self, config: Config) -> Config:
        """The keys that must be equal in compared runs: a loss also depends on its rows and their units."""
        data = config["data"]
        if self.name not in LABEL_FREE:
            files = {key: data.get(key) for key in CONTENT["data"]}
            return {"data": [config["choices"]["data"], files], "protocol": config["protocol"]}
        same = {key: config[key] for key in ("data", "protocol", "preprocess")}
        return same | {"model": config["choices"]["model"]}

    def _require_no_test_labels(self, config: Config) -> None:
        if self.name.startswith(VALIDATION) and not locate(config["protocol"], "protocol").validates:
            raise ConfigError(
                f"expected protocol=labelled_validation for objective={self.name}, got protocol="
                f"{config['choices']['protocol']}: its labels are those of the test rows, and what is chosen by them "
                "makes every test metric too good to be true; take protocol=labelled_validation"
            )

    def _require_one_loss(self, config: Config) -> None:
        if config["protocol"].get("calibration") is not None:
            raise ConfigError(
                f"expected one model a run for objective={self.name}, got those of several folds; write"
                f" {override('protocol.calibration', None)}"
            )
        target = locate(config["model"], "model")
        if hasattr(target, "objectives"):
            from adbench.models.neural import NeuralDetector

            if target.objectives is NeuralDetector.objectives:
                return
        raise ConfigError(
            f"expected a model that minimises one loss for objective={self.name}, got model="
            f"{config['choices']['model']}; take objective={VALIDATION}roc_auc protocol=labelled_validation"
        )

    def _require_calibration(self, config: Config) -> None:
        if self.name == "calibration/loss" and not locate(config["protocol"], "protocol").calibrates:
            raise ConfigError(
                f"expected a protocol with calibration rows for objective={self.name}, got protocol="
                f"{config['choices']['protocol']}; take objective=fit/loss"
            )

    def value(self, run: Run) -> float | None:
        """Its value for a run; None if the run is not done or lacks it, such as a loss that is not finite."""
        if run.status != DONE:
            return None
        if self.name == VALIDATION + FAMILIES:
            return fmean(run.metrics[f"family/{family}/roc_auc"] for family in families(run.metrics))
        return run.metrics.get(
            LABEL_FREE[self.name][0] if self.name in LABEL_FREE else self.name.removeprefix(VALIDATION)
        )

    def best(self, values: Iterable[float]) -> float:
        """The best of several values."""
        return min(values) if self.direction == "minimize" else max(values)
