"""The data cards: what a dataset is and what to beware of."""

from collections.abc import Iterable
from typing import Any

from adbench.analysis.dataset_card import card
from adbench.errors import AdbenchError
from adbench.reporting.html import items, percent, text


def cards(names: Iterable[str]) -> str:
    """One a dataset; a sentence where it cannot be read here."""
    return "".join(map(_card, names))


def _card(name: str) -> str:
    # Not with the overrides of a run: one from a stranger could name any file of this machine.
    try:
        found = card(name)
    except AdbenchError as error:
        advice = f"<code>adbench data show {text(name)}</code>, with the overrides that it needs, prints it."
        return f'<article class="card"><h3>{text(name)}</h3><p>No card here: {text(error)}. {advice}</p></article>'
    warnings = found["warnings"]
    warned = f'<ul class="warnings">{items(text("⚠ " + w) for w in warnings)}</ul>' if warnings else ""
    facts = "".join(f"<dt>{text(term)}</dt><dd>{text(value, 600)}</dd>" for term, value in _facts(found).items())
    notes = f"<details><summary>Known defects and notes ({len(found['notes'])})</summary><ul>"
    notes += items(text(note, 1000) for note in found["notes"]) + "</ul></details>"
    columns = f'<div class="columns"><div>{_parts(found)}</div><dl>{facts}</dl></div>'
    heading = f"<h3>{text(name)} <span>{text(found['title'])}</span></h3>"
    return f'<article class="card">{heading}{warned}{columns}{notes if found["notes"] else ""}</article>'


def _facts(found: dict[str, Any]) -> dict[str, str]:
    best = found["best_column"]
    categorical = ", ".join(f"{name} ({n} values)" for name, n in found["categorical_columns"].items())
    return {
        "columns": f"{found['numeric_columns']} numeric; categorical: {categorical or 'none'}",
        "constant": ", ".join(found["constant_columns"]) or "none",
        "best column": f"{best['column']}, AUROC {best['roc_auc']:.3f}: anomalies have {best['anomalies_have']}",
        "licence": found["licence"],
        "source": found["source"],
        "citation": found["citation"],
    }


def _parts(found: dict[str, Any]) -> str:
    """Rows, and how many of each family, by part."""
    parts = found["parts"]
    families = sorted({family for part in parts.values() for family in part["families"]})
    families.sort(
        key=lambda family: (family != "normal", -sum(part["families"].get(family, 0) for part in parts.values()))
    )
    head = "".join(f'<th class="n">{text(part)}</th>' for part in parts)
    lines = {
        "rows": [f"{part['rows']:,}" for part in parts.values()],
        "base rate": [percent(part["base_rate"]) for part in parts.values()],
        "duplicate rows": [f"{part['duplicate_rows']:,}" for part in parts.values()],
    }
    lines |= {family: [f"{part['families'].get(family, 0):,}" for part in parts.values()] for family in families}
    cells = {name: "".join(f'<td class="n">{value}</td>' for value in values) for name, values in lines.items()}
    rows = "".join(f"<tr><td>{text(name, 60)}</td>{values}</tr>" for name, values in cells.items())
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
