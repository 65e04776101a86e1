"""CV+ calibration: all normal rows fit, and each calibrates with the model that did not learn it.

Barber, Candès, Ramdas, Tibshirani: Predictive inference with the jackknife+. Annals of Statistics 49, 2021 (section 3).
Vovk: Cross-conformal predictors. Annals of Mathematics and Artificial Intelligence 74, 2015.

The n normal rows are divided into K folds of equal size; the remainder, fewer than K, fits all models and calibrates
none. For each fold k, preprocessing and detector are fitted on the rows outside it, with score s_k, and score its own
rows i as s_k(i). With

    below(x) = #{(k, i): i in fold k, s_k(i) < s_k(x)}

(n - below(x) + 1) / (n + 1) is the cross-conformal p-value of x, and CV+ reports x if it is at most `target_fpr`. No
model is fitted on all rows, and the models share no threshold. The score of a row is below(x) plus a number in [0, 1)
that increases with the mean of its scores, each in units of its fold's: it orders rows with equal counts, such as those
beyond every normal row, and cannot change which rows are reported.

A later normal row is reported with probability at most `fpr_bound`, whatever the distribution: about twice the target
plus a term that vanishes with n. Mostly the rate is near the target. With as many folds as rows, CV+ is the jackknife+.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from adbench.arrays.columns import Columns
from adbench.arrays.types import Arrays, Matrix, RowLabels, Scores
from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.data.base import Features
from adbench.errors import ConfigError
from adbench.evaluation.thresholds.conformal import Conformal
from adbench.models.base import Calibrates, KeepsObjects
from adbench.protocols.one_class import CROSS, FOLDS, require_folds
from adbench.text import override

SAME = 1e-5  # relative difference of scores that counts as a tie: float32 sums depend on the batch size

Folds = npt.NDArray[np.intp]  # (rows,): the fold of each fit row, or -1


def n_folds(config: Config) -> int | None:
    """The number of folds of a run's fit rows; None if calibration rows are held out instead."""
    protocol = config["protocol"]
    if protocol.get("calibration") != CROSS:
        return None
    folds: int = protocol.get("folds") or FOLDS
    require_folds(folds)  # a stored configuration is not trusted
    return folds


def n_calibrating(config: Config, n_calibration: int, n_fit: int) -> int:
    """The number of rows that calibrate: those held out or, across folds, those that fit."""
    folds = n_folds(config)
    return n_calibration if folds is None else n_fit - n_fit % folds


def fpr_bound(target_fpr: float, n: int, folds: int) -> float:
    """The false-positive rate that CV+ guarantees for n rows: Theorem 4 of Barber et al. 2021."""
    finite = min(2 * (1 - 1 / folds) / (n / folds + 1), (1 - folds / n) / (folds + 1))
    return min(1.0, 2 * target_fpr + finite)


def require_possible(config: Config, rule: Any) -> None:
    """Raise ConfigError if a run calibrates across folds, but its threshold rule needs held-out scores."""
    if n_folds(config) is not None and not isinstance(rule, Conformal):
        raise ConfigError(
            f"expected threshold=conformal for protocol.calibration={CROSS}, which compares each row with each fold,"
            f" got threshold={config['choices']['threshold']}; write {override('threshold', 'conformal')} or"
            f" {override('protocol.calibration', None)}"
        )
    if n_folds(config) is not None and rule.confidence is not None:
        raise ConfigError(
            f"expected no threshold.confidence for protocol.calibration={CROSS}, whose bound holds on average over the"
            f" normal rows and for no share of their draws, got {rule.confidence}; write"
            f" {override('threshold.confidence', None)} or {override('protocol.calibration', None)}"
        )


def encoder_for(config: Config, make: Callable[[], Any] | None = None) -> Any:
    """The unfitted preprocessing of a run. make: builds an encoder other than the configured one."""
    make = make or (lambda: build(config["preprocess"], "preprocess"))
    folds = n_folds(config)
    if folds is None:
        return make()
    seed = config["protocol"].get("split_seed")
    return CrossEncoder([make() for _ in range(folds)], config["seed"] if seed is None else seed)


def detector_for(config: Config, encoder: Any, make: Callable[[Columns], Any]) -> Any:
    """The unfitted detector of a run. make: builds a detector for some columns."""
    if n_folds(config) is None:
        return make(encoder.columns)
    members = [make(fitted.columns.flattened()) for fitted in encoder.encoders]
    if isinstance(members[0], Calibrates):
        raise ConfigError(
            f"expected a model that takes no calibration rows for its scale for protocol.calibration={CROSS}, got"
            f" model={config['choices']['model']}; write {override('protocol.calibration', None)}"
        )
    of_objects = isinstance(members[0], KeepsObjects)
    return (CrossDetectorOfObjects if of_objects else CrossDetector)(members, encoder.widths, encoder.seed)


def dealt(n_rows: int, folds: int, seed: int) -> Folds:
    """The fold of each of the fit rows, in the order of the table."""
    size = n_rows // folds
    fold = np.repeat([*range(folds), -1], [*[size] * folds, n_rows - size * folds])
    return np.random.default_rng((seed, folds)).permutation(fold)


class CrossEncoder:
    """One encoder per fold, fitted on the rows outside it, with concatenated columns."""

    def __init__(self, encoders: list[Any], seed: int) -> None:
        self.encoders, self.seed = encoders, seed

    @property
    def columns(self) -> Columns:
        """The columns of all encoders."""
        return Columns(tuple(column for encoder in self.encoders for column in encoder.columns.flattened()))

    @property
    def widths(self) -> list[int]:
        """The number of columns of each encoder."""
        return [len(encoder.columns.flattened()) for encoder in self.encoders]

    @property
    def arrays(self) -> Arrays:
        """The arrays of all encoders."""
        return _joined(encoder.arrays for encoder in self.encoders)

    def fit(self, features: Features) -> Self:
        """Fit each encoder on the rows outside its fold."""
        fold = dealt(len(features), len(self.encoders), self.seed)
        for k, encoder in enumerate(self.encoders):
            encoder.fit(features.take(np.flatnonzero(fold != k)).with_own_values())
        return self

    def transform(self, features: Features, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """Encode the rows with each encoder."""
        parts = [encoder.transform(features).reshape(len(features), -1) for encoder in self.encoders]
        return np.concatenate(parts, axis=1, out=out)

    def description(self) -> dict[str, Any]:
        """The state of the fitted encoders beside `arrays`."""
        return {"folds": [encoder.description() for encoder in self.encoders]}

    def restore(self, description: dict[str, Any], arrays: Arrays) -> Self:
        """Restore the encoders from `description` and `arrays`."""
        for encoder, of_fold, its in zip(self.encoders, description["folds"], _parted(arrays), strict=True):
            encoder.restore(of_fold, its)
        return self


class CrossDetector:
    """One detector per fold, fitted on the rows outside it. The module docstring defines the score."""

    takes_windows = takes_labels = False

    def __init__(self, members: list[Any], widths: list[int], seed: int) -> None:
        self.members, self.seed = members, seed
        ends = np.cumsum([0, *widths])
        self._columns = [slice(start, end) for start, end in pairwise(ends)]
        self.of_fold: list[Scores] = []  # scores of each fold's rows by its own model, sorted

    def fit(self, x: Matrix, training: Any, labels: RowLabels | None = None) -> int:
        """Fit each detector outside its fold, and score the rows of the fold."""
        fold = dealt(len(x), len(self.members), self.seed)
        self.of_fold, n_rows = [], 0
        for k, member in enumerate(self.members):
            n_rows += member.fit(self._rows(x[fold != k], k), training)
            self.of_fold.append(np.sort(member.score_rows(self._rows(x[fold == k], k))))
        return n_rows

    def score_rows(self, x: Matrix) -> Scores:
        """below(x) plus the fraction that orders equal counts; before `fit`, the mean of the members' scores."""
        scores = [member.score_rows(self._rows(x, k)) for k, member in enumerate(self.members)]
        if not self.of_fold:
            return np.mean(scores, axis=0)
        below, distance = np.zeros(len(x)), np.zeros(len(x))
        for of_row, of_fold in zip(scores, self.of_fold, strict=True):
            below += np.searchsorted(of_fold, of_row - SAME * np.abs(of_row), side="left")
            low, middle, high = np.quantile(of_fold, [0.25, 0.5, 0.75])
            unit = (high - low) or abs(middle) or 1.0
            distance += np.arcsinh((of_row - middle) / unit)  # keeps far values distinct
        return below + (0.5 + np.arctan(distance / len(scores)) / np.pi) * (1 - 1e-9)

    @property
    def calibration_scores(self) -> Scores:
        """Stand-ins for `Conformal` and `p_values`: the numbers just below 1 to n, to compare below(x) with."""
        return np.nextafter(np.arange(1.0, sum(map(len, self.of_fold)) + 1), 0.0)

    def untrained(self) -> Self | None:
        """The detector made of the members' untrained twins; None if one has none."""
        twins = [member.untrained() for member in self.members]
        return None if None in twins else type(self)(twins, [c.stop - c.start for c in self._columns], self.seed)

    def arrays(self) -> Arrays:
        """The arrays of all members, and the scores of their folds."""
        scores = zip(self.members, self.of_fold, strict=True)
        return _joined(member.arrays() | {"of_fold": of_fold} for member, of_fold in scores)

    def restore(self, arrays: Arrays) -> Self:
        """Load the state returned by `arrays`."""
        self.of_fold = []
        for member, its in zip(self.members, _parted(arrays), strict=True):
            self.of_fold.append(its.pop("of_fold"))
            member.restore(its)
        return self

    def _rows(self, x: Matrix, k: int) -> Matrix:
        return np.ascontiguousarray(x[:, self._columns[k]])


class CrossDetectorOfObjects(CrossDetector):
    """A `CrossDetector` whose members learn library objects."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """The types trusted by the members."""
        trusted: tuple[str, ...] = self.members[0].trusted
        return trusted

    def objects(self) -> dict[str, Any]:
        """The objects of all members."""
        return _joined(member.objects() for member in self.members)

    def restore_objects(self, objects: dict[str, Any]) -> Self:
        """Load the objects returned by `objects`."""
        for member, its in zip(self.members, _parted(objects), strict=True):
            member.restore_objects(its)
        return self


def _joined(parts: Any) -> dict[str, Any]:
    """Merge dictionaries under prefixed keys: "0/name" for the first."""
    return {f"{k}/{name}": value for k, part in enumerate(parts) for name, value in part.items()}


def _parted(joined: dict[str, Any]) -> list[dict[str, Any]]:
    """The inverse of `_joined` for non-empty dictionaries."""
    parts: dict[int, dict[str, Any]] = {}
    for key, value in joined.items():
        k, _, name = key.partition("/")
        parts.setdefault(int(k), {})[name] = value
    return [parts[k] for k in sorted(parts)]
