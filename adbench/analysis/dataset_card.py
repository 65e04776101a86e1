"""Dataset cards: facts and warnings about a dataset before any training. Needs no torch."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.order import Order
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Features, Table, say
from adbench.data.catalogue import dataset_info
from adbench.errors import ConfigError
from adbench.protocols.leaks import leaks_of, row_identity

Rows = npt.NDArray[np.bool_]


def card(name: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The card of a dataset, as plain JSON types.

    overrides: overrides of data keys, such as data.path=rows.csv. Raises AdbenchError if they or the files are wrong.
    """
    info, overrides = dataset_info(name), list(overrides)
    for word in overrides:
        if not word.lstrip("+~").startswith("data."):
            raise ConfigError(f"expected overrides of the dataset, such as data.folder=PATH, got {word}")
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
    """Facts computed from the rows."""
    features, test = table.features, table.is_test
    parts = {"training": ~test, "test": test} if test.any() else {"all rows": ~test}
    identity = row_identity(features)
    leaks = leaks_of(table, np.arange(len(table)), identity)
    return {
        "parts": {part: _part(table, rows, identity) for part, rows in parts.items()},
        "test_rows_also_in_training": leaks.test_rows_also_in_training if test.any() else None,
        "rows_of_both_labels": leaks.rows_of_both_labels,
        "numeric_columns": len(features.numeric_names),
        "categorical_columns": {column: len(values) for column, values in features.vocabularies.items()},
        "constant_columns": constant_columns(features),
        "best_column": leaks.best_column | {"looked_at": leaks.looked_at},
        "warnings": list(leaks.warnings()),
    } | ({} if table.order is None else {"time": _times(table.order)})


def _times(order: Order) -> dict[str, Any]:
    """The range of the times, as numbers and as text, and the number of distinct times."""
    first, last = float(order.time.min()), float(order.time.max())
    return {"first": first, "last": last, "range": order.span, "distinct": len(np.unique(order.time))}


def constant_columns(features: Features) -> list[str]:
    """The columns with the same value in all rows."""
    columns = {**dict(zip(features.numeric_names, features.numeric.T, strict=True))}
    columns |= dict(zip(features.vocabularies, features.codes.T, strict=True))
    return [name for name, column in columns.items() if (column == column[0]).all()]


def _part(table: Table, rows: Rows, identity: npt.NDArray[np.int64]) -> dict[str, Any]:
    n_rows, n_anomalies = int(rows.sum()), int(table.label[rows].sum())
    return {
        "rows": n_rows,
        "anomalies": n_anomalies,
        "base_rate": n_anomalies / n_rows,
        "families": table.family[rows].counts(),
        "duplicate_rows": n_rows - len(np.unique(identity[rows])),
    }
