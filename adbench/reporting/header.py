"""The top of the page: what was read, when, and what did not finish."""

from datetime import datetime

from adbench.reporting.content import Material
from adbench.reporting.html import items, plural, text
from adbench.results.record import DONE

MOST_LISTED = 200
MOST_NAMES = 12


def opening(material: Material, command: str, now: datetime) -> str:
    """Facts in a row, the command, and the runs that did not finish."""
    rows = material.summary.rows
    done = int((rows["status"] == DONE).sum())
    names = {key: sorted(map(str, rows[key].unique())) for key in ("data", "model", "seed")}
    facts = [
        (f"{done:,}", "finished run" if done == 1 else "finished runs", ""),
        *(
            (f"{len(values):,}", word if len(values) == 1 else f"{word}s", _some(values))
            for values, word in ((names["data"], "dataset"), (names["model"], "model"), (names["seed"], "seed"))
        ),
    ]
    unfinished = len(rows) - done
    tiles = "".join(f"<div><b>{n}</b> {word}<small>{text(some)}</small></div>" for n, word, some in facts)
    tiles += f"<div{' class=bad' if unfinished else ''}><b>{unfinished:,}</b> not finished</div>"
    versions = sorted({str(run.environment["adbench"]) for run in material.runs if "adbench" in run.environment})
    ends = sorted(str(run.environment["end"]) for run in material.runs if run.environment.get("end"))
    when = f"Made {now:%Y-%m-%d %H:%M} {now:%Z}"
    if ends:
        when += (
            f"; runs finished {text(ends[0][:16].replace('T', ' '), 20)} to {text(ends[-1][:16].replace('T', ' '), 20)}"
        )
    if versions:
        when += f", by adbench {text(', '.join(versions[:5]), 80)}"
    return (
        f'<div class="tiles">{tiles}</div><p class="made">{when}. <code>{text(command, 600)}</code></p>'
        + _unfinished(material)
    )


def _some(values: list[str]) -> str:
    return ", ".join(values[:MOST_NAMES]) + (
        f" and {len(values) - MOST_NAMES} more" if len(values) > MOST_NAMES else ""
    )


def _unfinished(material: Material) -> str:
    rows = material.summary.rows
    rows = rows[rows["status"] != DONE]
    if not len(rows):
        return ""
    counts = ", ".join(f"{n:,} {text(status)}" for status, n in rows["status"].value_counts().items())
    lines = [
        f'<span class="badge bad">{text(row["status"])}</span> <code>{text(row["run"])}</code> {text(row["error"])}'
        for row in rows.head(MOST_LISTED).to_dict("records")
    ]
    if len(rows) > MOST_LISTED:
        lines.append(f"and {len(rows) - MOST_LISTED:,} more")
    opened = " open" if len(rows) <= 10 else ""
    return (
        f'<details class="unfinished"{opened}><summary>{plural(len(rows), "run")} not finished: {counts}</summary>'
        f"<ul>{items(lines)}</ul></details>"
    )
