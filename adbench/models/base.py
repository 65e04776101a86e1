"""The detector contract. Needs no torch, so that a detector without a network is up at once."""

from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from adbench.arrays.types import Arrays, Matrix, Scores

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule


SCORING_ROWS = 8_192  # rows scored at once; bounds the memory, does not change a score


class Training(Protocol):
    """What a detector is handed to be trained with; `adbench.training.trainer.Training` is one."""

    def fit(self, module: "LightningModule", x: Matrix) -> int:
        """Train the module on the rows of x; returns the number of rows gone through, all epochs together."""


class Detector(Protocol):
    """Learns from rows taken for normal, then scores any row: higher = more anomalous.

    The constructor takes plain arguments and `n_features`, the number of columns. A row's score is the same
    alone, in any batch and in any order. Whatever is drawn comes from the global generators of torch or numpy,
    which the runner seeds before it builds a detector.
    """

    def fit(self, x: Matrix, training: Training) -> int:
        """Learn from the rows of x; returns the number of rows gone through, all epochs together."""

    def score_rows(self, x: Matrix) -> Scores:
        """One score a row, shape (rows,)."""

    def untrained(self) -> Self | None:
        """A copy that scores as this one does before `fit`; None where an unfitted detector cannot score."""

    def arrays(self) -> Arrays:
        """All that was learned, as named arrays of at least one dimension."""

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""


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
        """One score a row, shape (rows, features) -> (rows,)."""
        raise NotImplementedError

    def fit(self, x: Matrix, training: Training) -> int:
        """Learn from the rows of x, each once."""
        self.learned = self.learn(x)
        return len(x)

    def score_rows(self, x: Matrix) -> Scores:
        """One score a row, shape (rows,)."""
        blocks = [self.score(x[start : start + SCORING_ROWS]) for start in range(0, len(x), SCORING_ROWS)]
        return np.concatenate([np.empty(0), *blocks])

    def untrained(self) -> None:
        """There is none: without `fit` there is nothing to score with."""

    def arrays(self) -> Arrays:
        """All that was learned."""
        return self.learned

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""
        self.learned = arrays
        return self


def draw_seed() -> int:
    """A seed drawn from numpy's global generator, which the runner has seeded."""
    return int(np.random.randint(2**31))  # noqa: NPY002  # the global one is the point
