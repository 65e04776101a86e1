"""Guard against transductive leakage: a row's encoding and score must depend on that row alone.

A test row's neighbours are test rows too and reveal information about each other. Two checks detect a preprocessing or
a detector that has learned from them: its state before and after scoring (`adbench.evaluation.state`), and the results
of a copy that gets some of the test rows in other company and order: a few alone, then two halves. The copy runs first,
so that nothing the plugin keeps outside of itself can have seen the other rows.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.errors import ScoresError
from adbench.evaluation.state import State

CHECKED_ROWS = 2_048
ALONE = 2  # rows tested alone
WARMING_ROWS = 8
# Allowed difference between two results of a row: a share of the results' spread and of this one's distance from their
# middle, plus float32 rounding of its size, since the size of a batch changes the order of sums.
RELATIVE, ROUNDING = 1e-3, 1e-5
NOTHING = 1e-12  # smaller differences are rounding: squares of what float32 or float64 leaves of 0
STRAYS = 0.01  # share of rows: rounding can flip a score that counts, for few rows and never for one alone

Results = npt.NDArray[Any]  # (rows,) or (rows, ...)
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Trial:
    """The results of a copy of a plugin on some test rows, and the plugin's state before it saw any test row.

    what: a score or an encoding. doing, name: the plugin's action and kind, in words.
    """

    rows: Positions
    parts: tuple[Results, ...]  # of `_parts(rows)`
    before: State
    what: str
    doing: str
    name: str

    def require_same(self, plugin: Any, together: Results) -> None:
        """Raise ScoresError unless the plugin's state and the results of the tried rows are unchanged.

        together: the results of all test rows.
        """
        after = State(plugin)
        if (changed := self.before.changed(after)) is not None:
            raise ScoresError(
                self._batch_norm(after)
                or f"expected {self.doing} to leave the {self.name} as it was, got another {changed!r} afterwards: what"
                " a row gets could depend on the rows before it; learn in fit alone, and keep counters and buffers"
                " elsewhere"
            )
        found = np.concatenate(self.parts)
        expected = together[np.concatenate(_parts(self.rows))]
        if found.shape != expected.shape:
            raise ScoresError(
                f"expected one {self.what} for each row, however many come at once, got the shape {found.shape} for"
                f" {len(expected)} rows"
            )
        differs = _differs(found.reshape(len(found), -1), expected.reshape(len(found), -1))
        rows: npt.NDArray[np.bool_] = np.any(differs, axis=1)
        if rows[:ALONE].any() or rows.sum() > STRAYS * len(self.rows):
            row, column = np.argwhere(differs)[0]
            one, other = (x.reshape(len(found), -1)[row, column] for x in (expected, found))
            raise ScoresError(
                self._batch_norm(after)
                or f"expected the {self.what} of test row {np.concatenate(_parts(self.rows))[row] + 1} to be the same"
                f" alone and among the other rows, got {one:.6g} among all and {other:.6g} among some of them; nothing"
                " may be computed from the test rows together, and where it is rounding, as of distances by products of"
                " matrices, float64 has less of it"
            )

    def _batch_norm(self, state: State) -> str | None:
        return _BATCH_NORM.format(self.what) if state.batch_norm else None


_BATCH_NORM = (
    "expected the {} of a row to depend on that row alone, got a network whose BatchNorm is in training mode or without"
    " running statistics, so that it takes those of the rows beside it: use LayerNorm, or eval() before it scores"
)


def try_rows(
    plugin: Any,
    results_of: Callable[[Any, Positions], Results],
    n_rows: int,
    warm: Callable[[Any], Any],
    scores: bool = True,
) -> Trial:
    """Give a copy of a plugin some of n_rows test rows. results_of: called with it and the positions of rows.

    warm: called with the plugin to process a few fit rows, so that lazily built parts exist.
    """
    what, doing, name = ("score", "scoring", "detector") if scores else ("encoding", "encoding", "preprocessing")
    warm(plugin)
    before = State(plugin)
    try:
        copied = copy.deepcopy(plugin)
    except Exception:  # libraries raise anything for objects that they cannot copy; the state is checked all the same
        copied = plugin
    rng = np.random.default_rng(0)
    rows = rng.permutation(n_rows) if n_rows <= CHECKED_ROWS else rng.choice(n_rows, CHECKED_ROWS, replace=False)
    try:
        parts = tuple(np.asarray(results_of(copied, part)) for part in _parts(rows))
    except Exception:
        if State(copied).batch_norm:
            raise ScoresError(_BATCH_NORM.format(what)) from None
        raise
    return Trial(rows, parts, before, what, doing, name)


def _parts(rows: Positions) -> list[Positions]:
    """The positions of a few rows alone, then of two halves."""
    return [part for part in (*rows[:ALONE, None], *np.array_split(rows, 2)) if len(part)]


def _differs(found: Results, expected: Results) -> npt.NDArray[np.bool_]:
    """True where two results differ by more than rounding, shape (rows, columns)."""
    x, y = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # other checks refuse non-finite values
        finite = np.where(np.isfinite(y), y, 0.0)
        least, low, middle, high, most = np.quantile(finite, [0.02, 0.25, 0.5, 0.75, 0.98], axis=0)
        # If most rows are copies of fitted ones, with scores near rounding error, the others determine the spread.
        spread = np.maximum(high - low, 0.1 * (most - least))
        allowed = RELATIVE * (spread + np.abs(y - middle)) + ROUNDING * np.abs(y) + NOTHING
        same = (np.abs(x - y) <= allowed) | (x == y) | (np.isnan(x) & np.isnan(y))
    return ~same
