"""Data cards: facts and warnings per dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from adbench.analysis.dataset_card import card
from adbench.errors import AdbenchError
from adbench.reporting.words import percent


@dataclass(frozen=True)
class Card:
    """The facts of a dataset, or the problem that kept it from being read.

    counts: rows, base rate, duplicates and families, with one value per part.
    """

    name: str
    problem: str = ""
    title: str = ""
    warnings: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    counts: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def cards(names: Iterable[str]) -> list[Card]:
    """One card per dataset; without facts if it cannot be read here."""
    return [_card(name) for name in names]


def _card(name: str) -> Card:
    # The run's overrides are ignored: a stranger's could name any file on this machine.
    try:
        found = card(name)
    except AdbenchError as error:
        return Card(name, problem=str(error))
    return Card(
        name,
        title=found["title"],
        warnings=found["warnings"],
        parts=list(found["parts"]),
        counts=_counts(list(found["parts"].values())),
        facts=_facts(found),
        notes=found["notes"],
    )


def _facts(found: dict[str, Any]) -> dict[str, str]:
    best = found["best_column"]
    categorical = ", ".join(f"{name} ({n} values)" for name, n in found["categorical_columns"].items())
    times = {"time": f"{found['time']['range']}, {found['time']['distinct']:,} distinct"} if "time" in found else {}
    return times | {
        "columns": f"{found['numeric_columns']} numeric; categorical: {categorical or 'none'}",
        "constant": ", ".join(found["constant_columns"]) or "none",
        "best column": f"{best['column']}, AUROC {best['roc_auc']:.3f}: anomalies have {best['anomalies_have']}",
        "licence": found["licence"],
        "source": found["source"],
        "citation": found["citation"],
    }


def _counts(parts: list[dict[str, Any]]) -> dict[str, list[str]]:
    families = sorted({family for part in parts for family in part["families"]})
    families.sort(key=lambda family: (family != "normal", -sum(part["families"].get(family, 0) for part in parts)))
    return {
        "rows": [f"{part['rows']:,}" for part in parts],
        "base rate": [percent(part["base_rate"]) for part in parts],
        "duplicate rows": [f"{part['duplicate_rows']:,}" for part in parts],
    } | {family: [f"{part['families'].get(family, 0):,}" for part in parts] for family in families}
