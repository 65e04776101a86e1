"""Test labels behind a seal that opens only against frozen scores.

The order is the guarantee: scores and threshold are fixed and their digest is on disk, then the labels are opened.
Until then, a `SealedLabels` reveals the number of its rows and nothing else.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from adbench.arrays.categories import CategoryColumn
from adbench.errors import ScoresError, SealedLabelsError


@dataclass(frozen=True)
class Labels:
    """The labels and other facts about the test rows; all arrays have one entry per row."""

    label: npt.NDArray[np.int8]  # 1 = anomaly
    family: CategoryColumn
    attack: CategoryColumn
    known_attacks: frozenset[str] | None  # attack types that occur in the training file, if any
    subsets: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)  # parts that are reported as well
    identity: npt.NDArray[np.uint64] | None = None  # equal for rows with equal features; None: unknown


@dataclass(frozen=True)
class Frozen:
    """Scores and a threshold that can no longer change, and the proof: a digest written to `record`."""

    scores: npt.NDArray[np.float64]  # (rows,), read-only, finite; higher = more anomalous
    threshold: float  # a row is reported as an anomaly when its score is above it
    sha256: str
    record: Path


def digest(scores: npt.NDArray[np.float64], threshold: float) -> str:
    """The sha256 of the little-endian float64 bytes of the scores, followed by the threshold."""
    content = np.append(scores, threshold).astype("<f8").tobytes()
    return hashlib.sha256(content).hexdigest()


def freeze(scores: npt.NDArray[np.float64], threshold: float, record: Path) -> Frozen:
    """Fix the scores and the threshold, and write their digest to the file `record`.

    Raises ScoresError if a score or the threshold is not finite: NaN would silently rank lowest.
    """
    require_scores(scores, len(scores), "test rows")
    if not np.isfinite(threshold):
        raise ScoresError(f"expected a finite threshold, got {threshold}; look at the calibration scores")
    fixed = np.array(scores, dtype=np.float64)
    fixed.flags.writeable = False
    sha256 = digest(fixed, threshold)
    record.write_text(sha256 + "\n", encoding="ascii")
    return Frozen(fixed, float(threshold), sha256, record)


def require_scores(scores: npt.NDArray[np.floating[Any]], n_rows: int, rows: str) -> None:
    """Raise ScoresError unless there is one finite score for each of these `rows` (such as "test rows")."""
    if scores.shape != (n_rows,):
        raise ScoresError(
            f"expected one score for each of the {n_rows:,} {rows}, shape ({n_rows},), got shape {scores.shape};"
            " look at the model's score method"
        )
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ScoresError(
            f"expected finite scores, got {scores[bad[0]]} for number {bad[0] + 1} of the {rows} ({len(bad):,} of"
            f" {len(scores):,} are not finite); where the training diverged, lower model.learning_rate"
            " or choose another preprocess="
        )


class Sealed:
    """An object that can be passed around but not read; an attempt raises an explanation."""

    __slots__ = ("_n_rows",)

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows

    def __len__(self) -> int:
        return self._n_rows

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise SealedLabelsError(self._why())

    def _why(self) -> str:
        return (
            "the test scores are sealed: a threshold that promises a false-positive rate must not depend on who is "
            "tested; set it by the calibration scores"
        )

    def __getattr__(self, name: str) -> NoReturn:
        # Lookups by protocols, such as copy's __deepcopy__, must get the AttributeError they expect.
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    __array__ = __iter__ = __getitem__ = __contains__ = __eq__ = __reduce__ = __copy__ = _refuse
    __deepcopy__ = __getstate__ = _refuse
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._n_rows:,} test rows>"


class SealedLabels(Sealed):
    """Test labels that only `open` hands out: once, and only against frozen scores of the same rows."""

    __slots__ = ("_again", "_vault")

    def __init__(self, labels: Labels) -> None:
        self._seal(lambda: labels, len(labels.label))

    @classmethod
    def elsewhere(cls, load: Callable[[], Labels], n_rows: int, of_one_run: bool = False) -> "SealedLabels":
        """Sealed labels that are not in memory before `open` calls load."""
        sealed = cls.__new__(cls)
        sealed._seal(load, n_rows, of_one_run)
        return sealed

    def _seal(self, load: Callable[[], Labels], n_rows: int, of_one_run: bool = False) -> None:
        self._n_rows = n_rows
        self._vault: Callable[[Frozen], Labels] = _vault(load, n_rows)
        self._again = None if of_one_run else lambda: SealedLabels.elsewhere(load, n_rows, of_one_run=True)

    def reseal(self) -> "SealedLabels":
        """The same labels under a new seal, for one of several runs on the same rows.

        Raises SealedLabelsError for the labels of a single run: a run has one seal to break.
        """
        if self._again is None:
            raise SealedLabelsError("expected labels that several runs share to be sealed anew, got those of one run")
        return self._again()

    def open(self, frozen: Frozen) -> Labels:
        """The labels, if the digest of exactly these scores and threshold is on disk.

        Raises SealedLabelsError for anything else, and if the labels were opened before: code that has seen them could
        freeze better scores.
        """
        return self._vault(frozen)

    def _why(self) -> str:
        return (
            "test labels are sealed: a detector, a preprocessing or a threshold must not see them; "
            "they are opened once, by the evaluation, against frozen scores"
        )


def _vault(load: Callable[[], Labels], n_rows: int) -> Callable[[Frozen], Labels]:
    """The only access to the labels, inside a closure that checks the conditions."""
    opened = False

    def unlock(frozen: Frozen) -> Labels:
        nonlocal opened
        if opened:
            raise SealedLabelsError("expected to open the test labels once, got a second time; start another run")
        if not isinstance(frozen, Frozen):
            raise SealedLabelsError(
                f"expected frozen scores to open the test labels, got {type(frozen).__name__}; "
                "freeze the scores and the threshold first"
            )
        if len(frozen.scores) != n_rows:
            raise SealedLabelsError(
                f"expected one frozen score for each of {n_rows:,} test rows, got {len(frozen.scores):,}"
            )
        on_disk = frozen.record.read_text(encoding="ascii").strip() if frozen.record.is_file() else "nothing"
        if not on_disk == frozen.sha256 == digest(frozen.scores, frozen.threshold):
            raise SealedLabelsError(
                f"expected the digest of the frozen scores in {frozen.record}, got {on_disk[:12]}; "
                "scores or threshold changed after they were frozen"
            )
        labels = load()
        opened = True
        return labels

    return unlock
