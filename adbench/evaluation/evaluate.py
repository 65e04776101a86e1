"""Evaluation of frozen scores against opened labels: the only place where the two meet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.arrays.types import Scores
from adbench.errors import DataError
from adbench.evaluation.controls import UNTRAINED
from adbench.evaluation.influence import (
    Copies,
    Influences,
    auroc_influences,
    auroc_interval,
    average_precision_influences,
    average_precision_interval,
    difference_interval,
    over_types_interval,
    recall_within_interval,
    share_influences,
    share_interval,
)
from adbench.evaluation.ranking import LIMITS, Placements, Ranking, rank
from adbench.evaluation.seal import Frozen, Labels
from adbench.evaluation.thresholds.base import Alarms


@dataclass(frozen=True)
class Evaluation:
    """The test results of a run. influences: metric -> influences of the test rows summed by blocks, shape (N_BLOCKS,),
    which allow comparing two runs on the same rows without their scores."""

    metrics: dict[str, float]
    influences: dict[str, Scores]


def evaluate(
    frozen: Frozen,
    target_fpr: float,
    labels: Labels,
    controls: Mapping[str, Scores],
    control_thresholds: Mapping[str, float],
    judged: Callable[[Alarms], Mapping[str, float]] = lambda _: {},
) -> Evaluation:
    """All test metrics of one run, under the names used in designs and tables.

    controls: name -> scores of the same test rows; "untrained", if present, is the twin that `training_gain` compares
    with. control_thresholds: name -> threshold, for controls that have one; the others get threshold-free metrics only.
    Bounds such as roc_auc_low and roc_auc_high are those of 95 % intervals over distinct test rows; roc_auc_over_types
    has an interval over the types of anomalies. judged: computes metrics about the rule's promise from the reported
    test rows. Raises DataError if the test rows are all normal or all anomalous.
    """
    label = labels.label
    n_anomalies = int(label.sum())
    if not 0 < n_anomalies < len(label):
        raise DataError(
            f"expected normal and anomalous test rows, got {n_anomalies:,} anomalies in {len(label):,} rows"
        )
    copies = Copies(labels.identity, label)
    ranking = rank(frozen.scores, label)
    placements = ranking.placements()
    metrics = ranking.metrics() | {"base_rate": float(label.mean()), "n_distinct": copies.n_distinct}
    metrics |= {"n_distinct_scores": len(ranking.last_of_ties)}
    metrics |= _bounds(ranking, placements, copies)
    reported = frozen.scores > frozen.threshold
    metrics |= {"threshold": frozen.threshold, "target_fpr": target_fpr} | _decisions(reported, label)
    for name, of in (("test_fpr", 0), ("recall", 1)):
        interval = share_interval(reported, label, of, copies)
        metrics |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    n_right = int(np.count_nonzero(reported & (label == 1)))
    metrics |= judged(Alarms(int(np.count_nonzero(reported)) - n_right, n_right, len(label) - n_anomalies))
    metrics |= _families(reported, labels, placements)
    types = labels.attack[label == 1].rows()
    if (of_types := over_types_interval(placements, types, copies)) is not None:
        metrics |= {"roc_auc_over_types_low": of_types.low, "roc_auc_over_types_high": of_types.high}
    for name, of_subset in labels.subsets.items():
        metrics |= {f"subset/{name}/{metric}": value for metric, value in _subset(frozen, label, of_subset).items()}
    of_run = {
        "roc_auc": auroc_influences(placements),
        "average_precision": average_precision_influences(ranking),
        "recall": share_influences(reported, label, 1),
        "test_fpr": share_influences(reported, label, 0),
    }
    of_controls, influences = _controls(of_run["roc_auc"], label, copies, controls, control_thresholds)
    in_blocks = {name: copies.in_blocks(of) for name, of in (of_run | influences).items()}
    return Evaluation(metrics | of_controls, in_blocks)


def _bounds(ranking: Ranking, placements: Placements, copies: Copies) -> dict[str, float]:
    intervals = {
        "roc_auc": auroc_interval(placements, copies),
        "average_precision": average_precision_interval(ranking, copies),
        **{name: recall_within_interval(ranking, copies, limit) for name, limit in LIMITS.items()},
    }
    bounds = {f"{name}_low": interval.low for name, interval in intervals.items()}
    return bounds | {f"{name}_high": interval.high for name, interval in intervals.items()}


def _decisions(reported: npt.NDArray[np.bool_], label: npt.NDArray[np.int8]) -> dict[str, float]:
    """Metrics at the frozen threshold; 0 / 0 counts as 0."""
    tp, fp = float((reported & (label == 1)).sum()), float((reported & (label == 0)).sum())
    fn, tn = float((~reported & (label == 1)).sum()), float((~reported & (label == 0)).sum())
    mcc_norm = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "test_fpr": fp / (fp + tn),
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": float((tp * tn - fp * fn) / mcc_norm) if mcc_norm else 0.0,
    }


def _subset(frozen: Frozen, label: npt.NDArray[np.int8], rows: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The metrics of a subset of the test rows, at the same threshold."""
    scores, label = frozen.scores[rows], label[rows]
    metrics = rank(scores, label).metrics() | _decisions(scores > frozen.threshold, label)
    return metrics | {"base_rate": float(label.mean()), "n": len(label)}


def _families(reported: npt.NDArray[np.bool_], labels: Labels, placements: Placements) -> dict[str, float]:
    """Recall and AUROC (against all test normals) per family and per attack type."""
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
    of_model: Influences,
    label: npt.NDArray[np.int8],
    copies: Copies,
    controls: Mapping[str, Scores],
    thresholds: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, Influences]]:
    """The metrics of the controls, and the influences on their AUROC. `lead`: the model's AUROC minus the control's,
    with a paired interval over the test rows."""
    metrics: dict[str, float] = {}
    of_gain: dict[str, float] = {}
    influences: dict[str, Influences] = {}
    for name, scores in controls.items():
        ranking = rank(scores, label)
        of_control = ranking.metrics()
        if name in thresholds:
            of_control |= {"threshold": thresholds[name]} | _decisions(scores > thresholds[name], label)
        placements = ranking.placements()
        interval = auroc_interval(placements, copies)
        of_control |= {"roc_auc_low": interval.low, "roc_auc_high": interval.high}
        influences[f"control/{name}/roc_auc"] = of_auroc = auroc_influences(placements)
        lead = difference_interval(of_model - of_auroc, copies)
        bounds = {"": lead.value, "_low": lead.low, "_high": lead.high}
        if name == UNTRAINED:
            of_gain = {f"training_gain{end}": value for end, value in bounds.items()}
        else:
            of_control |= {f"lead{end}": value for end, value in bounds.items()}
        metrics |= {f"control/{name}/{metric}": value for metric, value in of_control.items()}
    return metrics | of_gain, influences
