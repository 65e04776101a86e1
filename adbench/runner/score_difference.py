"""Comparison of the scores of two runs on the same test rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from adbench.arrays.row_hash import mix_in, start_hashes
from adbench.errors import RunFolderError
from adbench.evaluation.influence import (
    Copies,
    Influences,
    auroc_influences,
    average_precision_influences,
    difference_interval,
)
from adbench.evaluation.ranking import rank
from adbench.results.record import FROZEN, SCORES, Run
from adbench.stats.interval import Interval


@dataclass(frozen=True)
class Scores:
    """The scores of a finished run's test rows, and its threshold."""

    rows: pd.DataFrame  # row, score, label
    frozen: str  # the digest written before the labels were opened
    threshold: float

    @property
    def reported(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows above the threshold."""
        return self.rows["score"].to_numpy() > self.threshold

    def same_rows(self, other: "Scores") -> bool:
        """True if both are of the same test rows, with the same labels."""
        return self.rows[["row", "label"]].equals(other.rows[["row", "label"]])

    def same_bits(self, other: "Scores") -> bool:
        """True if both are the same scores of the same rows, bit for bit."""
        mine, theirs = (scores.rows["score"].to_numpy().tobytes() for scores in (self, other))
        return self.same_rows(other) and mine == theirs


@dataclass(frozen=True)
class Difference:
    """The difference between two runs on the same rows. flipped: share of rows that changed sides of the threshold."""

    auroc: Interval
    flipped: float
    precision: Interval  # average precision

    @classmethod
    def between(cls, now: Scores, then: Scores) -> "Difference":
        """Compare two sets of scores; rows with equal scores both then and now are copies, and count as one."""
        label = then.rows["label"].to_numpy()
        identity, rankings = start_hashes(len(label)), []
        for scores in (of.rows["score"].to_numpy() for of in (now, then)):
            mix_in(identity, (scores + 0.0).view(np.uint64))
            rankings.append(rank(scores, label))
        copies = Copies(identity, label)
        placed = [auroc_influences(ranking.placements()) for ranking in rankings]
        precise = [average_precision_influences(ranking) for ranking in rankings]
        auroc, precision = (_interval(of_now - of_then, copies) for of_now, of_then in (placed, precise))
        return cls(auroc, float((now.reported != then.reported).mean()), precision)

    def within(self, margin: float) -> bool:
        """True if a larger difference is excluded."""
        return -margin <= self.auroc.low and self.auroc.high <= margin and self.flipped <= margin


def _interval(of: Influences, copies: Copies) -> Interval:
    """The interval of a difference; exactly zero if no row changes rank."""
    moved = of.of_anomalies.any() or of.of_normals.any()
    return difference_interval(of, copies) if moved else _NOTHING


_NOTHING = Interval(0.0, 0.0, 0.0)
NONE = Difference(_NOTHING, 0.0, _NOTHING)


def read_scores(run: Run) -> Scores:
    """Read a finished run's scores. Raises RunFolderError if missing or malformed."""
    path = run.folder / SCORES
    try:
        rows = pd.read_parquet(path, columns=["row", "score", "label"])
        rows = rows.astype({"row": np.int64, "score": np.float64, "label": np.int8})
        frozen = (run.folder / FROZEN).read_text(encoding="ascii").strip()
    except Exception as error:  # malformed bytes can make the reader raise anything
        reason = "no such file" if isinstance(error, FileNotFoundError) else _one_line(error)
        raise RunFolderError(
            f"expected the scores of a finished run in {path}, got {reason}; name a run that has its scores"
        ) from None
    if not len(rows) or not np.isfinite(rows["score"]).all() or set(rows["label"]) != {0, 1}:
        raise RunFolderError(f"expected finite scores and both labels in {path}, got others")
    return Scores(rows, frozen, run.metrics["threshold"])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
