"""Leakage checks of a table: label copies among its columns, single-column AUROC, test rows also in training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.data.base import Features, Table, row_hashes
from adbench.text import override

NEARLY_SOLVED = 0.85  # a single column's AUROC that leaves a detector little to show
SOLVED = 0.999  # one that leaves it nothing
COPY_VALUES = 50  # maximum number of values of a copy of the label
COPY_ROWS = 0.01  # maximum share of rows of either label with a value of the other
# Minimum rows per value and per label: in a small table a measurement can separate the labels by chance.
_ROWS_OF_A_VALUE, _ROWS_OF_A_LABEL = 10, 5
_SAMPLED = 1024  # rows per label, to select the columns that are examined on all rows
_MARGIN = 0.03  # error margin of an AUROC on that sample

Label = npt.NDArray[np.int8]  # (rows,)
Positions = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Leaks:
    """Findings of `leaks_of`. best_column: see `best_column`; looked_at: the rows whose labels were used to find it."""

    best_column: dict[str, Any]
    looked_at: str
    dropped: tuple[str, ...]  # columns already left out
    n_test: int
    test_rows_also_in_training: int
    rows_of_both_labels: int

    def warnings(self) -> Iterator[str]:
        """One sentence per finding that inflates the results."""
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
    """Look for leakage in these rows. identity: `row_identity` of all rows, if already computed.

    The best single column is chosen by the labels of the training part, or of all these rows if that part has no
    anomaly or there is no test part.
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
    """One number per row, equal exactly for rows with equal features."""
    identity: npt.NDArray[np.intp] = np.unique(row_hashes(features), return_inverse=True)[1]
    return identity


def best_column(features: Features, label: Label, rows: Positions) -> dict[str, Any]:
    """The single column with the best AUROC on these rows; an empty name if only one label occurs.

    Numbers rank in ascending or descending order, whichever is better; a category by its share of anomalies in the
    other half of the rows, so that a value which occurs once carries no information.
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
    """The columns that duplicate the label of these rows under other names or values, with their numbers of values.

    Such a column has few values, and nearly all rows of either label have a value that prevails in that label.
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
    """The column's number of values if they tell the label of all but this share of either label's rows; else 0."""
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
    """A fixed sample of rows of either label."""
    rng = np.random.default_rng(0)
    of_labels = [rows[label[rows] == one] for one in (0, 1)]
    drawn = [rng.choice(of, _SAMPLED, replace=False) if len(of) > _SAMPLED else of for of in of_labels]
    return np.sort(np.concatenate(drawn))


def _by_height(values: Numbers, label: Label) -> float:
    return _auroc(values, label, 1 - label)


def _either_way(auroc: float) -> float:
    return max(auroc, 1 - auroc)


def _by_share(codes: npt.NDArray[np.int32], label: Label, half: Positions) -> float:
    """AUROC of scoring a row by the share of anomalies among the other half's rows of its category."""
    place = 2 * codes + half
    n_rows = np.bincount(place, minlength=2 * (codes.max() + 1))
    n_anomalies = np.bincount(place, weights=label, minlength=len(n_rows))
    # One pseudo-row per category with the overall share, so that unseen categories are uninformative.
    share = (n_anomalies + label.mean()) / (n_rows + 1)
    return _auroc(share.reshape(-1, 2)[:, ::-1].ravel(), n_anomalies, n_rows - n_anomalies)


def _auroc(scores: Numbers, n_anomalies: Numbers, n_normals: Numbers) -> float:
    """AUROC over groups of rows with one score each; ties count one half."""
    place = np.unique(scores, return_inverse=True)[1]
    of_anomalies, of_normals = np.bincount(place, weights=n_anomalies), np.bincount(place, weights=n_normals)
    wins = of_anomalies @ (np.cumsum(of_normals) - of_normals / 2)
    return float(wins / (of_anomalies.sum() * of_normals.sum()))
