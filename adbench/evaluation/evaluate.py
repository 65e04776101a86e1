"""Frozen scores and opened labels -> flat metrics. The one place where the two meet."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Scores
from adbench.errors import DataError
from adbench.evaluation.controls import UNTRAINED
from adbench.evaluation.ranking import (
    Placements,
    auroc_difference,
    auroc_interval,
    rank,
)
from adbench.evaluation.seal import Frozen, Labels
from adbench.stats.proportion import wilson_interval


def evaluate(
    frozen: Frozen,
    target_fpr: float,
    labels: Labels,
    controls: Mapping[str, Scores],
    control_thresholds: Mapping[str, float],
) -> dict[str, float]:
    """All test metrics of one run, under the names that design and tables use.

    controls: name -> scores of the same test rows; "untrained", where there is one, is the twin that
    `training_gain` compares with. control_thresholds: name -> its threshold, for those that have one; the metrics of
    the others are threshold-free.
    Raises DataError when the test rows are all normal or all anomalous.
    """
    label = labels.label
    n_anomalies = int(label.sum())
    if not 0 < n_anomalies < len(label):
        raise DataError(
            f"expected normal and anomalous test rows, got {n_anomalies:,} anomalies in {len(label):,} rows"
        )
    ranking = rank(frozen.scores, label)
    placements = ranking.placements()
    interval = auroc_interval(placements)
    metrics = ranking.metrics()
    metrics |= {"roc_auc_low": interval.low, "roc_auc_high": interval.high, "base_rate": float(label.mean())}
    reported = frozen.scores > frozen.threshold
    metrics |= {"threshold": frozen.threshold, "target_fpr": target_fpr} | _decisions(reported, label)
    metrics |= _families(reported, labels, placements)
    for name, of_subset in labels.subsets.items():
        metrics |= {f"subset/{name}/{metric}": value for metric, value in _subset(frozen, label, of_subset).items()}
    metrics |= _controls(placements, label, controls, control_thresholds)
    return metrics


def _decisions(reported: npt.NDArray[np.bool_], label: npt.NDArray[np.int8]) -> dict[str, float]:
    """Metrics at the frozen threshold; a ratio of nothing to nothing is 0."""
    tp, fp = float((reported & (label == 1)).sum()), float((reported & (label == 0)).sum())
    fn, tn = float((~reported & (label == 1)).sum()), float((~reported & (label == 0)).sum())
    mcc_norm = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    achieved = wilson_interval(fp / (fp + tn), fp + tn)
    return {
        "test_fpr": achieved.value,
        "test_fpr_low": achieved.low,
        "test_fpr_high": achieved.high,
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": float((tp * tn - fp * fn) / mcc_norm) if mcc_norm else 0.0,
    }


def _subset(frozen: Frozen, label: npt.NDArray[np.int8], rows: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The metrics of some of the test rows, at the same threshold."""
    scores, label = frozen.scores[rows], label[rows]
    metrics = rank(scores, label).metrics() | _decisions(scores > frozen.threshold, label)
    return metrics | {"base_rate": float(label.mean()), "n": len(label)}


def _families(reported: npt.NDArray[np.bool_], labels: Labels, placements: Placements) -> dict[str, float]:
    """Recall and AUROC (that family against all test normals) of each family and each attack type."""
    anomalous = labels.label == 1
    found = reported[anomalous]
    of_anomalies = placements.of_anomalies
    metrics: dict[str, float] = {}
    kinds = {"family": labels.family[anomalous].rows(), "attack": labels.attack[anomalous].rows()}
    for kind, rows_by_name in kinds.items():
        for name, rows in rows_by_name.items():
            metrics[f"{kind}/{name}/recall"] = float(found[rows].mean())
            metrics[f"{kind}/{name}/roc_auc"] = float(of_anomalies[rows].mean())
            metrics[f"{kind}/{name}/n"] = len(rows)
    if labels.known_attacks is None:
        return metrics
    known = np.zeros(len(found), dtype=bool)
    for name, rows in kinds["attack"].items():
        known[rows] = name in labels.known_attacks
    for group, of_group in {"known": known, "novel": ~known}.items():
        metrics[f"{group}/n"] = int(of_group.sum())
        if of_group.any():
            metrics[f"{group}/recall"] = float(found[of_group].mean())
            metrics[f"{group}/roc_auc"] = float(of_anomalies[of_group].mean())
    return metrics


def _controls(
    placements: Placements,
    label: npt.NDArray[np.int8],
    controls: Mapping[str, Scores],
    thresholds: Mapping[str, float],
) -> dict[str, float]:
    metrics: dict[str, float] = {}
    of_gain: dict[str, float] = {}
    for name, scores in controls.items():
        ranking = rank(scores, label)
        of_control = ranking.metrics()
        if name in thresholds:
            of_control |= {"threshold": thresholds[name]} | _decisions(scores > thresholds[name], label)
        metrics |= {f"control/{name}/{metric}": value for metric, value in of_control.items()}
        if name == UNTRAINED:
            gain = auroc_difference(placements, ranking.placements())
            of_gain = {"training_gain": gain.value, "training_gain_low": gain.low, "training_gain_high": gain.high}
    return metrics | of_gain
