"""What a dataset is and what to beware of, before a detector sees it. Needs no torch."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Features, Table, say
from adbench.data.catalogue import dataset_info
from adbench.errors import ConfigError
from adbench.evaluation.ranking import placement_values

NEARLY_SOLVED = 0.85  # the AUROC of one column from which on a detector has little left to show

Rows = npt.NDArray[np.bool_]


def card(name: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The card of a dataset, as plain JSON types.

    overrides: of the keys of data, such as data.path=rows.csv. Raises AdbenchError when they, or the files, are wrong.
    """
    info, overrides = dataset_info(name), list(overrides)
    for override in overrides:
        if not override.lstrip("+~").startswith("data."):
            raise ConfigError(f"expected overrides of the dataset, such as data.folder=PATH, got {override}")
    table: Table = build(compose([f"data={name}", *overrides])["data"], "data")
    say(table.notes)
    facts = {
        "name": name,
        "title": info.title,
        "source": info.source,
        "licence": info.licence,
        "citation": info.citation,
    }
    return facts | describe(table) | {"notes": list(info.notes)}


def describe(table: Table) -> dict[str, Any]:
    """What the rows themselves tell.

    The best single column is looked for with the training part's labels; only a table without anomalies there, or
    without a test part, is looked at as a whole.
    """
    features, test = table.features, table.is_test
    parts = {"training": ~test, "test": test} if test.any() else {"all rows": ~test}
    identity = row_identity(features)
    n_labels = pd.Series(table.label).groupby(identity).transform("nunique").to_numpy()
    training, looked_at = ~test, "training part" if test.any() else "whole table, which has no test part"
    if len(np.unique(table.label[training])) < 2:
        training, looked_at = np.ones(len(table), dtype=bool), "whole table, whose training part has no anomaly"
    best = best_column(features.take(np.flatnonzero(training)), table.label[training])
    found = {
        "parts": {part: _part(table, rows, identity) for part, rows in parts.items()},
        "test_rows_also_in_training": int(np.isin(identity[test], identity[~test]).sum()) if test.any() else None,
        "rows_of_both_labels": int((n_labels > 1).sum()),
        "numeric_columns": len(features.numeric_names),
        "categorical_columns": {column: len(values) for column, values in features.vocabularies.items()},
        "constant_columns": constant_columns(features),
        "best_column": best | {"looked_at": looked_at},
    }
    return found | {"warnings": list(_warnings(found))}


def row_identity(features: Features) -> npt.NDArray[np.int64]:
    """A number for each row, the same for rows whose features are all equal, and only for those."""
    identity = np.zeros(len(features), dtype=np.int64)
    for column in (*features.numeric.T, *features.codes.T):
        codes, values = pd.factorize(column)
        # Both factors are below the number of rows, so that the product is an exact 64-bit number.
        identity = pd.factorize(identity * len(values) + codes)[0]
    return identity


def constant_columns(features: Features) -> list[str]:
    """The columns with one value in all rows."""
    columns = {**dict(zip(features.numeric_names, features.numeric.T, strict=True))}
    columns |= dict(zip(features.vocabularies, features.codes.T, strict=True))
    return [name for name, column in columns.items() if (column == column[0]).all()]


def best_column(features: Features, label: npt.NDArray[np.int8]) -> dict[str, Any]:
    """The one column that ranks anomalies best, and its AUROC; both labels must occur.

    A number ranks by its height or its depth, whichever is better; a category by the share of anomalies that it has
    in the other half of the rows, so that a value which occurs once tells nothing.
    """
    best: dict[str, Any] = {"column": "", "roc_auc": 0.0, "anomalies_have": ""}
    for name, values in zip(features.numeric_names, features.numeric.T, strict=True):
        high = placement_values(values, label).roc_auc
        if max(high, 1 - high) > best["roc_auc"]:
            side = "high values" if high >= 0.5 else "low values"
            best = {"column": name, "roc_auc": max(high, 1 - high), "anomalies_have": side}
    for name, codes in zip(features.vocabularies, features.codes.T, strict=True):
        auroc = placement_values(_anomaly_share(codes, label), label).roc_auc
        if auroc > best["roc_auc"]:
            best = {"column": name, "roc_auc": auroc, "anomalies_have": "values of their own"}
    return best


def _anomaly_share(codes: npt.NDArray[np.int32], label: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """Of each row: how many of the rows with its category, in the half that it is not in, are anomalies."""
    half = np.random.default_rng(0).permutation(len(codes)) % 2
    share = np.empty(len(codes))
    for own in (0, 1):
        codes_there, label_there = codes[half != own], label[half != own]
        n_rows = np.bincount(codes_there, minlength=codes.max() + 1)
        n_anomalies = np.bincount(codes_there, weights=label_there, minlength=codes.max() + 1)
        # One row more, as anomalous as all are: what was never seen there says nothing.
        share[half == own] = ((n_anomalies + label.mean()) / (n_rows + 1))[codes[half == own]]
    return share


def _part(table: Table, rows: Rows, identity: npt.NDArray[np.int64]) -> dict[str, Any]:
    n_rows, n_anomalies = int(rows.sum()), int(table.label[rows].sum())
    return {
        "rows": n_rows,
        "anomalies": n_anomalies,
        "base_rate": n_anomalies / n_rows,
        "families": table.family[rows].counts(),
        "duplicate_rows": n_rows - len(np.unique(identity[rows])),
    }


def _warnings(found: dict[str, Any]) -> Iterator[str]:
    best = found["best_column"]
    if best["roc_auc"] >= NEARLY_SOLVED:
        yield (
            f"{best['column']} alone nearly solves it, AUROC {best['roc_auc']:.3f}: see whether it leaks the label, and"
            f" what is left without it, by data.drop=[{best['column']}]"
        )
    if found["test_rows_also_in_training"]:
        yield f"{found['test_rows_also_in_training']:,} test rows occur in the training part: a look-up finds those"
    if found["rows_of_both_labels"]:
        yield f"{found['rows_of_both_labels']:,} rows share their features with a row of the other label"
