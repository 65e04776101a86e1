"""Usual values per column of the fit rows, the reference for explanations of scores and for drift."""

from typing import Any

import numpy as np

from adbench.data.base import Features

NUMBER, CATEGORY = "number", "category"
LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
SAMPLED_ROWS = 20_000  # evenly spaced, for the inner quantiles; minimum and maximum are of all rows
N_VALUES = 100  # the most frequent values kept per categorical column


def usual_values(fitted: Features) -> list[dict[str, Any]]:
    """One entry per column of the table, in plain JSON types.

    A number has its quantiles by level; a category its most frequent values with counts, and the number of others.
    """
    n_rows, step = len(fitted), len(fitted) // SAMPLED_ROWS + 1
    entries: list[dict[str, Any]] = []
    for name, column in zip(fitted.numeric_names, fitted.columns(), strict=True):
        levels = np.quantile(column[::step], LEVELS, method="lower")  # no interpolation, which could overflow
        levels[0], levels[-1] = column.min(), column.max()
        quantiles = {f"{level:g}": float(value) for level, value in zip(LEVELS, levels, strict=True)}
        entries.append({"name": name, "kind": NUMBER, "n": n_rows, "quantiles": quantiles})
    for (name, vocabulary), codes in zip(fitted.vocabularies.items(), fitted.code_columns(), strict=True):
        counts = np.bincount(codes, minlength=len(vocabulary))
        common = [code for code in np.argsort(-counts, kind="stable")[:N_VALUES] if counts[code]]
        values = {vocabulary[code]: int(counts[code]) for code in common}
        others = int(np.count_nonzero(counts)) - len(values)
        entries.append({"name": name, "kind": CATEGORY, "n": n_rows, "values": values, "other_values": others})
    return entries


def without_values(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries stripped of all values of rows: names and kinds of columns alone."""
    return [{key: entry[key] for key in ("name", "kind")} for entry in entries]
