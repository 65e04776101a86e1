"""The detector contract. Needs no torch, so that a detector without a network is up at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from adbench.arrays.columns import CODE, Columns
from adbench.arrays.types import Arrays, Contributions, Matrix, RowLabels, Scores
from adbench.errors import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule


SCORING_ROWS = 8_192  # rows scored at once; bounds the memory, does not change a score


class Training(Protocol):
    """What a detector is handed to be trained with; `adbench.training.trainer.Training` is one."""

    def fit(self, module: "LightningModule", x: Matrix) -> int:
        """Train the module on the rows of x; returns the number of rows gone through, all epochs together."""


class Detector(Protocol):
    """Learns from rows taken for normal, then scores any row: higher = more anomalous.

    The constructor takes plain arguments and `columns`, a `Columns`. A row's score is the same alone, in any batch and
    in any order. Whatever is drawn comes from the global generators of torch or numpy, which the runner seeds before it
    builds a detector.

    What it takes beside plain rows of numbers it says in its class: `takes_windows`, rows of shape (steps, columns),
    which others get laid out as one row; `takes_codes`, columns of whole numbers, which others refuse; `takes_labels`,
    the known anomalies of a protocol among the fit rows, which others never see. What it can do beside scoring it shows
    by having the method: see `Contributes`, `Updates`, `Calibrates` and `KeepsObjects`.
    """

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Learn from the rows of x; returns the number of rows gone through, all epochs together.

        labels: 1 for each known anomaly, shape (rows,); None: all rows are taken for normal.
        """

    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,)."""

    def untrained(self) -> Self | None:
        """A copy that scores as this one does before `fit`; None where an unfitted detector cannot score."""

    def arrays(self) -> Arrays:
        """All that was learned, as named arrays of at least one dimension."""

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""


@runtime_checkable
class Contributes(Protocol):
    """A detector whose score is a sum over columns."""

    def contributions(self, x: Matrix) -> Contributions:
        """What each column adds to a row's score, shaped like x: their sum over all but the rows is `score_rows(x)`."""


@runtime_checkable
class Updates(Protocol):
    """A detector that learns further rows without those it learned before."""

    def update(self, x: Matrix) -> None:
        """Learn from these rows too, taken for normal."""


@runtime_checkable
class Calibrates(Protocol):
    """A detector that makes its scores from parts which need a common scale, such as an ensemble."""

    def calibrate(self, x: Matrix) -> None:
        """Find the scale on normal rows that were not fitted on. Called once, between `fit` and scoring.

        They are half of the calibration rows; the threshold is set by the other half, which this never sees.
        """


@runtime_checkable
class KeepsObjects(Protocol):
    """A detector that learned objects of a library, which are stored by skops: as data that names types.

    trusted: the full names of the types that may be made when they are read, beside those of numpy, scipy and
    scikit-learn. They are the class's own: a file never names what may be made.
    """

    trusted: ClassVar[tuple[str, ...]]

    def objects(self) -> dict[str, Any]:
        """The objects by name; with `arrays`, all that was learned."""

    def restore_objects(self, objects: dict[str, Any]) -> Self:
        """Take back what `objects` gave."""


class ClassicalDetector:
    """What detectors without a network share: one pass over the rows, no twin, and a state of named arrays.

    A subclass gives `learn(x) -> arrays` and `score(x)`, which reads `self.learned`.
    """

    def __init__(self) -> None:
        self.learned: Arrays = {}

    def learn(self, x: Matrix) -> Arrays:
        """All that scoring needs, learned from the rows of x."""
        raise NotImplementedError

    def score(self, x: Matrix) -> Scores:
        """One score per row, shape (rows, columns) -> (rows,)."""
        raise NotImplementedError

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Learn from the rows of x, each once."""
        self.learned = self.learn(x)
        return len(x)

    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,)."""
        return np.concatenate([np.empty(0), *(self.score(block) for block in blocks(x))])

    def untrained(self) -> None:
        """There is none: without `fit` there is nothing to score with."""

    def arrays(self) -> Arrays:
        """All that was learned."""
        return self.learned

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""
        self.learned = arrays
        return self


def blocks(x: Matrix) -> Iterator[Matrix]:
    """The rows of x, some at a time."""
    return (x[start : start + SCORING_ROWS] for start in range(0, len(x), SCORING_ROWS))


def as_taken(detector: Any, columns: Columns) -> Columns:
    """The columns as a detector, or its class, takes them. Raises ConfigError as `require_takes_codes` does.

    The rows are then shaped (rows, *columns.shape).
    """
    if any(column.kind == CODE for column in columns):
        require_takes_codes(detector, "this one")
    return columns if getattr(detector, "takes_windows", False) else columns.flattened()


def require_takes_codes(detector: Any, name: str) -> None:
    """Raise ConfigError for a detector, or a class, that would take codes of categories for numbers."""
    if not getattr(detector, "takes_codes", False):
        raise ConfigError(
            f"expected a model that embeds categories for preprocess.categories=codes, got {name}, which would take"
            " codes for numbers; write preprocess.categories=null"
        )


def draw_seed() -> int:
    """A seed drawn from numpy's global generator, which the runner has seeded."""
    return int(np.random.randint(2**31))  # noqa: NPY002  # the global one is the point
