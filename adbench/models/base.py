"""The detector contract, free of torch so that detectors without a network start fast."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from adbench.arrays.columns import CODE, Columns
from adbench.arrays.types import Arrays, Contributions, Matrix, RowLabels, Scores
from adbench.errors import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule


SCORING_ROWS = 8_192  # rows scored at once: bounds memory, never changes a score


class Training(Protocol):
    """The trainer a detector receives; implemented by `adbench.training.trainer.Training`."""

    def fit(self, module: "LightningModule", x: Matrix) -> int:
        """Train the module on the rows of x; returns the number of rows processed over all epochs."""


class Detector(Protocol):
    """A model that learns from rows assumed normal and scores any row: higher = more anomalous.

    The constructor takes plain arguments and `columns`, a `Columns`. A row's score does not depend on its batch or on
    the order of rows. Random numbers come from the global generators of torch or numpy, which the runner seeds before
    it builds a detector.

    Class attributes declare inputs beyond plain numeric rows: `takes_windows`, rows of shape (steps, columns), which
    are flattened for other detectors; `takes_codes`, integer-coded columns, which other detectors refuse;
    `takes_labels`, a protocol's known anomalies among the fit rows, which other detectors never see. Further
    capabilities are declared by having the method: see `Contributes`, `Updates`, `Calibrates` and `KeepsObjects`.
    """

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Learn from the rows of x; returns the number of rows processed over all epochs.

        labels: 1 for each known anomaly, shape (rows,); None: all rows are assumed normal.
        """

    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,)."""

    def untrained(self) -> Self | None:
        """A copy that scores as this detector does before `fit`; None if an unfitted detector cannot score."""

    def arrays(self) -> Arrays:
        """The learned state, as named arrays of at least one dimension."""

    def restore(self, arrays: Arrays) -> Self:
        """Load the state returned by `arrays`."""


@runtime_checkable
class Contributes(Protocol):
    """A detector whose score is a sum over columns."""

    def contributions(self, x: Matrix) -> Contributions:
        """Each column's part of a row's score, shaped like x; summed over all axes but rows it is `score_rows(x)`."""


@runtime_checkable
class Updates(Protocol):
    """A detector that learns from further rows without seeing the earlier ones again."""

    def update(self, x: Matrix) -> None:
        """Also learn from these rows, assumed normal."""


@runtime_checkable
class Calibrates(Protocol):
    """A detector, such as an ensemble, that combines parts which need a common scale."""

    def calibrate(self, x: Matrix) -> None:
        """Set the scale on normal rows held out from `fit`. Called once, between `fit` and scoring.

        These are half of the calibration rows; the threshold is set on the other half, which this method never sees.
        """


@runtime_checkable
class KeepsObjects(Protocol):
    """A detector whose learned state includes library objects, stored by skops as data that names types.

    trusted: full names of the types that loading may instantiate, beside those of numpy, scipy and scikit-learn.
    They are fixed by the class: a file can never extend them.
    """

    trusted: ClassVar[tuple[str, ...]]

    def objects(self) -> dict[str, Any]:
        """The objects by name; with `arrays`, the whole learned state."""

    def restore_objects(self, objects: dict[str, Any]) -> Self:
        """Load the objects returned by `objects`."""


class ClassicalDetector:
    """Base class of detectors without a network: one pass over the rows, no untrained twin, named arrays as state.

    A subclass implements `learn(x) -> arrays` and `score(x)`, which reads `self.learned`.
    """

    def __init__(self) -> None:
        self.learned: Arrays = {}

    def learn(self, x: Matrix) -> Arrays:
        """Learn from the rows of x; returns the arrays that scoring needs."""
        raise NotImplementedError

    def score(self, x: Matrix) -> Scores:
        """One score per row, shape (rows, columns) -> (rows,)."""
        raise NotImplementedError

    def fit(self, x: Matrix, training: Training, labels: RowLabels | None = None) -> int:
        """Learn from the rows of x in one pass."""
        self.learned = self.learn(x)
        return len(x)

    def score_rows(self, x: Matrix) -> Scores:
        """One score per row, shape (rows,)."""
        return np.concatenate([np.empty(0), *(self.score(block) for block in blocks(x))])

    def untrained(self) -> None:
        """None: the detector cannot score before `fit`."""

    def arrays(self) -> Arrays:
        """The learned state."""
        return self.learned

    def restore(self, arrays: Arrays) -> Self:
        """Load the state returned by `arrays`."""
        self.learned = arrays
        return self


def blocks(x: Matrix) -> Iterator[Matrix]:
    """Consecutive blocks of the rows of x."""
    return (x[start : start + SCORING_ROWS] for start in range(0, len(x), SCORING_ROWS))


def as_taken(detector: Any, columns: Columns) -> Columns:
    """The columns in the shape a detector (or its class) takes. Raises ConfigError as `require_takes_codes` does.

    The rows then have shape (rows, *columns.shape).
    """
    if any(column.kind == CODE for column in columns):
        require_takes_codes(detector, "this one")
    return columns if getattr(detector, "takes_windows", False) else columns.flattened()


def require_takes_codes(detector: Any, name: str) -> None:
    """Raise ConfigError if a detector (or its class) would treat category codes as numbers."""
    if not getattr(detector, "takes_codes", False):
        raise ConfigError(
            f"expected a model that embeds categories for preprocess.categories=codes, got {name}, which would take"
            " codes for numbers; write preprocess.categories=null"
        )


def draw_seed() -> int:
    """Draw a seed from numpy's global generator, which the runner has seeded."""
    return int(np.random.randint(2**31))  # noqa: NPY002  # the global generator, on purpose
