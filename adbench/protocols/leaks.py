"""What a table gives away before a detector sees it: its label in one column, its test rows in the training part."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.data.base import Features, Table, row_hashes
from adbench.text import override

NEARLY_SOLVED = 0.85  # the AUROC of one column from which on a detector has little left to show
SOLVED = 0.999  # and from which on it has nothing
COPY_VALUES = 50  # a copy of the label has no more values,
COPY_ROWS = 0.01  # and of either label no larger share of rows with values of the other
# Fewer rows of a value, or of a label, prove nothing: in a small table a measurement separates by luck.
_ROWS_OF_A_VALUE, _ROWS_OF_A_LABEL = 10, 5
_SAMPLED = 1024  # rows of either label that tell which columns are worth a look at all rows
_MARGIN = 0.03  # by which the AUROC of so many can be wrong

Label = npt.NDArray[np.int8]  # (rows,)
Positions = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Leaks:
    """best_column: see `best_column`; looked_at: the rows by whose labels it was found."""

    best_column: dict[str, Any]
    looked_at: str
    dropped: tuple[str, ...]  # columns that are left out already
    n_test: int
    test_rows_also_in_training: int
    rows_of_both_labels: int

    def warnings(self) -> Iterator[str]:
        """A sentence for each thing that makes results look better than a detector is."""
        name, auroc = self.best_column["column"], self.best_column["roc_auc"]
        without = f"{override('data.drop', [*self.dropped, name])} shows what is left without it"
        if auroc >= SOLVED:
            yield f"{name} ALONE tells anomalies from normal rows, AUROC {auroc:.3f}: is it the label again? {without}"
        elif auroc >= NEARLY_SOLVED:
            yield f"{name} alone nearly solves it, AUROC {auroc:.3f}: see whether it leaks the label; {without}"
        if self.test_rows_also_in_training:
            yield (
                f"{self.test_rows_also_in_training:,} of {self.n_test:,} test rows occur in the training part:"
                " a look-up finds those"
            )
        if self.rows_of_both_labels:
            yield f"{self.rows_of_both_labels:,} rows share their features with a row of the other label"


def leaks_of(table: Table, rows: Positions, identity: Positions | None = None) -> Leaks:
    """What these rows give away, by their labels. identity: that of all rows, where it is known.

    The best single column is looked for with the training part's labels; only where that has no anomaly, or there is
    no test part, all of these rows are looked at.
    """
    label, is_test = table.label[rows], table.is_test[rows]
    identity = (row_identity(table.features) if identity is None else identity)[rows]
    n_rows = np.bincount(identity)
    n_test, n_anomalies = np.bincount(identity, weights=is_test), np.bincount(identity, weights=label)
    training, looked_at = rows[~is_test], "training part" if is_test.any() else "whole table, which has no test part"
    if len(np.unique(table.label[training])) < 2:
        training, looked_at = rows, "whole table, whose training part has no anomaly"
    return Leaks(
        best_column=best_column(table.features, table.label, training),
        looked_at=looked_at,
        dropped=table.dropped,
        n_test=int(is_test.sum()),
        test_rows_also_in_training=int(n_test[n_test < n_rows].sum()),
        rows_of_both_labels=int(n_rows[(n_anomalies > 0) & (n_anomalies < n_rows)].sum()),
    )


def row_identity(features: Features) -> npt.NDArray[np.intp]:
    """A number for each row, the same for rows whose features are all equal, and only for those."""
    identity: npt.NDArray[np.intp] = np.unique(row_hashes(features), return_inverse=True)[1]
    return identity


def best_column(features: Features, label: Label, rows: Positions) -> dict[str, Any]:
    """The one column that ranks the anomalies of these rows best, and its AUROC; none where one label alone occurs.

    A number ranks by its height or its depth, whichever is better; a category by the share of anomalies that it has
    in the other half of the rows, so that a value which occurs once tells nothing.
    """
    best: dict[str, Any] = {"column": "", "roc_auc": 0.0, "anomalies_have": ""}
    if not np.bincount(label[rows], minlength=2).all():
        return best
    half = np.random.default_rng(0).permutation(len(rows)) % 2
    for name, codes in zip(features.vocabularies, features.code_columns(), strict=True):
        auroc = _by_share(codes[rows], label[rows], half)
        if auroc > best["roc_auc"]:
            best = {"column": name, "roc_auc": auroc, "anomalies_have": "values of their own"}
    sample = _sample(label, rows)
    promises = [_either_way(_by_height(x, label[sample])) for x in features.take(sample).columns()]
    promising = max(best["roc_auc"], *promises, 0.0) - _MARGIN
    for name, values, promise in zip(features.numeric_names, features.columns(), promises, strict=True):
        if promise < promising:
            continue
        high = _by_height(values[rows], label[rows])
        if _either_way(high) > best["roc_auc"]:
            side = "high values" if high >= 0.5 else "low values"
            best = {"column": name, "roc_auc": _either_way(high), "anomalies_have": side}
    return best


def label_copies(features: Features, label: Label, rows: Positions) -> dict[str, int]:
    """The columns that are the label of these rows in other words, and how many values each has.

    Such a column has few values, and of either label hardly a row has one that as many rows of the other label have.
    """
    if np.bincount(label[rows], minlength=2).min() < _ROWS_OF_A_LABEL:
        return {}
    sample = _sample(label, rows)
    suspects = [_tells(column, label[sample], 2 * COPY_ROWS) for column in _columns(features.take(sample))]
    names = (*features.numeric_names, *features.vocabularies)
    copies: dict[str, int] = {}
    for name, column, suspect in zip(names, _columns(features), suspects, strict=True):
        n_values = _tells(column[rows], label[rows], COPY_ROWS) if suspect else 0
        if n_values and len(rows) >= _ROWS_OF_A_VALUE * n_values:
            copies[name] = n_values
    return copies


def _columns(features: Features) -> Iterator[Numbers]:
    yield from features.columns()
    yield from features.code_columns()


def _tells(column: Numbers, label: Label, share: float) -> int:
    """How many values a column has that tell the label of all but this share of the rows of either label; else 0."""
    if len(np.unique(column[: 4 * COPY_VALUES])) > COPY_VALUES:
        return 0
    values, value = np.unique(column, return_inverse=True)
    if len(values) > COPY_VALUES:
        return 0
    n_anomalies = np.bincount(value, weights=label)
    n_normals = np.bincount(value) - n_anomalies
    mixed = (n_anomalies[n_anomalies <= n_normals].sum(), n_normals[n_normals <= n_anomalies].sum())
    return len(values) if mixed[0] <= share * n_anomalies.sum() and mixed[1] <= share * n_normals.sum() else 0


def _sample(label: Label, rows: Positions) -> Positions:
    """Some rows of either label, the same ones each time."""
    rng = np.random.default_rng(0)
    of_labels = [rows[label[rows] == one] for one in (0, 1)]
    drawn = [rng.choice(of, _SAMPLED, replace=False) if len(of) > _SAMPLED else of for of in of_labels]
    return np.sort(np.concatenate(drawn))


def _by_height(values: Numbers, label: Label) -> float:
    return _auroc(values, label, 1 - label)


def _either_way(auroc: float) -> float:
    return max(auroc, 1 - auroc)


def _by_share(codes: npt.NDArray[np.int32], label: Label, half: Positions) -> float:
    """The score of a row is the share of anomalies among the rows with its category in the half that it is not in."""
    place = 2 * codes + half
    n_rows = np.bincount(place, minlength=2 * (codes.max() + 1))
    n_anomalies = np.bincount(place, weights=label, minlength=len(n_rows))
    # One row more, as anomalous as all are: what was never seen there says nothing.
    share = (n_anomalies + label.mean()) / (n_rows + 1)
    return _auroc(share.reshape(-1, 2)[:, ::-1].ravel(), n_anomalies, n_rows - n_anomalies)


def _auroc(scores: Numbers, n_anomalies: Numbers, n_normals: Numbers) -> float:
    """Of groups of rows, each with one score; ties count one half."""
    place = np.unique(scores, return_inverse=True)[1]
    of_anomalies, of_normals = np.bincount(place, weights=n_anomalies), np.bincount(place, weights=n_normals)
    wins = of_anomalies @ (np.cumsum(of_normals) - of_normals / 2)
    return float(wins / (of_anomalies.sum() * of_normals.sum()))
