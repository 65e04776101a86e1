"""Reduced scores of one run for figures: curves of a few hundred points and histograms of the largest families."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.evaluation.ranking import rank
from adbench.results.record import SCORES, Run

POINTS = 300  # maximum per curve
BINS = 64
FAMILIES = 12  # maximum per histogram, the largest first
NORMAL = "normal"
_MOST_ROWS = 50_000_000
_STEEPNESS = 3.0  # of the score axis, linear below the threshold and logarithmic far above

Numbers = npt.NDArray[np.float64]
Curve = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Ridge:
    """The scores of one family: the share of its rows per bin, and the share above the threshold."""

    family: str
    n: int
    shares: Numbers  # (BINS,)
    reported: float


def _nothing() -> Curve:
    return np.empty(0), np.empty(0)


@dataclass(frozen=True)
class View:
    """A summary of the scores for figures; `problem` says why there is none."""

    problem: str = ""
    roc: Curve = field(default_factory=_nothing)  # false-positive rate, detection rate
    roc_log: Curve = field(default_factory=_nothing)
    precision_recall: Curve = field(default_factory=_nothing)  # recall, precision
    edges: Numbers = field(default_factory=lambda: np.empty(0))  # (BINS + 1,) on the axis of `on_axis`
    threshold: float = float("nan")  # on the same axis
    ridges: tuple[Ridge, ...] = ()  # normals first


def view(run: Run) -> View:
    """Summarise the scores of a finished run; an unreadable file gives a `problem`, not an error."""
    try:
        scores, label, families, codes = _read(run.folder / SCORES)
    except FileNotFoundError:
        return View(f"{run.folder.name} has no {SCORES}")
    except (OSError, ValueError, TypeError, KeyError, MemoryError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return View(f"{SCORES} of {run.folder.name} cannot be shown: {reason}")
    ranking = rank(scores, label)
    true_positives, false_positives = ranking.true_positives, ranking.false_positives
    recall = np.append(0.0, true_positives / true_positives[-1])
    fpr = np.append(0.0, false_positives / false_positives[-1])
    with np.errstate(invalid="ignore"):
        precision = true_positives / (true_positives + false_positives)
    precision = np.append(precision[0], precision)
    roc_log = np.log10(np.maximum(fpr, 0.5 / false_positives[-1]))
    edges, threshold, ridges = _ridges(run.metrics["threshold"], scores, label, families, codes)
    return View(
        roc=thin(fpr, recall, (fpr, recall)),
        roc_log=thin(fpr, recall, (roc_log / -roc_log[0] if roc_log[0] else fpr, recall)),
        precision_recall=thin(recall, precision, (recall, precision)),
        edges=edges,
        threshold=threshold,
        ridges=ridges,
    )


def thin(x: Numbers, y: Numbers, way: tuple[Numbers, Numbers], points: int = POINTS) -> tuple[Numbers, Numbers]:
    """At most `points` points of a curve, both ends included, evenly spaced along the drawn line `way`."""
    if len(x) <= points:
        return x, y
    walked = np.append(0.0, np.cumsum(np.abs(np.diff(way[0])) + np.abs(np.diff(way[1]))))
    chosen = np.searchsorted(walked, np.linspace(0.0, walked[-1], points))
    chosen = np.unique(np.append(np.minimum(chosen, len(x) - 1), [0, len(x) - 1]))
    if len(chosen) > points:
        chosen = np.delete(chosen, 1)
    return x[chosen], y[chosen]


def on_axis(position: Any) -> Any:
    """Axis position of a score given in units above the median normal; the threshold is one unit above it."""
    return np.arcsinh(_STEEPNESS * np.asarray(position, dtype=float)) / np.arcsinh(_STEEPNESS)


def _read(path: Path) -> tuple[Numbers, npt.NDArray[np.int8], list[str], npt.NDArray[np.int64]]:
    """Scores, labels, family names and each row's family index. Raises whatever reading a bad file raises."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if not 0 < file.metadata.num_rows <= _MOST_ROWS:
            raise ValueError(f"{file.metadata.num_rows:,} rows")
        columns = [name for name in ("score", "label", "family") if name in file.schema_arrow.names]
        if columns[:2] != ["score", "label"]:
            raise ValueError("no columns score and label: its test labels were never opened")
        table = file.read(columns=columns)
    kinds = table.schema.field("score").type, table.schema.field("label").type
    if not pa.types.is_floating(kinds[0]) or not (pa.types.is_integer(kinds[1]) or pa.types.is_boolean(kinds[1])):
        raise ValueError(f"score and label are {kinds[0]} and {kinds[1]}")
    scores = table["score"].to_numpy().astype(np.float64)
    found = table["label"].to_numpy()
    if not np.isfinite(scores).all():
        raise ValueError("scores that are not finite")
    if set(np.unique(found).tolist()) != {0, 1}:
        raise ValueError("labels that are not 0 and 1, both")
    label = found.astype(np.int8)
    if "family" not in columns:
        return scores, label, ["anomalies"], np.zeros(len(scores), dtype=np.int64)
    encoded = table["family"].combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    names = [str(name) for name in encoded.dictionary.to_pylist()] or ["?"]
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if codes.min() < 0 or codes.max() >= len(names):
        raise ValueError("families that it does not name")
    return scores, label, names, codes


def _ridges(
    threshold: float, scores: Numbers, label: npt.NDArray[np.int8], names: list[str], codes: npt.NDArray[np.int64]
) -> tuple[Numbers, float, tuple[Ridge, ...]]:
    normal = label == 0
    median = float(np.median(scores[normal]))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        unit = threshold - median
        if not 0 < unit < np.inf:  # a threshold below the median is no scale
            unit = float(np.subtract(*np.percentile(scores[normal], [75, 25]))) or float(np.std(scores)) or 1.0
        places = on_axis(np.clip(scores / unit - median / unit, -1e12, 1e12))
        threshold_place = float(on_axis(np.clip(threshold / unit - median / unit, -1e12, 1e12)))
    low, high = np.quantile(places, [0.0005, 0.9995])
    low, high = min(low, -0.3, threshold_place - 0.3), max(high, 1.3, threshold_place + 0.3)
    width = (high - low) / (BINS - 1)
    # The threshold is a bin edge, so that no bin straddles it.
    edges = threshold_place + width * (np.arange(BINS + 1) - np.ceil((threshold_place - low) / width))
    bins = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, BINS - 1)
    reported = scores > threshold
    sizes = np.bincount(codes[~normal], minlength=len(names))
    chosen = [i for i in np.argsort(-sizes, kind="stable")[:FAMILIES] if sizes[i]]
    parts = [(NORMAL, normal), *((names[i], ~normal & (codes == i)) for i in chosen)]
    if (rest := int((sizes > 0).sum()) - len(chosen)) > 0:
        parts.append((f"{rest} more", ~normal & ~np.isin(codes, chosen)))
    ridges = (
        Ridge(name, int(rows.sum()), np.bincount(bins[rows], minlength=BINS) / rows.sum(), float(reported[rows].mean()))
        for name, rows in parts
    )
    return edges, threshold_place, tuple(ridges)
