"""Header of the page: counts, provenance and unfinished runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adbench.reporting.content import Material
from adbench.reporting.words import plural
from adbench.results.provenance import made_with
from adbench.results.record import DONE
from adbench.text import shorten

MOST_LISTED = 200
MOST_NAMES = 12


@dataclass(frozen=True)
class Tile:
    """A count, its noun, and some of the counted names."""

    n: str
    word: str
    some: str = ""
    is_bad: bool = False


@dataclass(frozen=True)
class Unfinished:
    """Runs without a result. more: the number not listed."""

    title: str
    runs: list[dict[str, Any]]  # with status, run and error
    more: int
    is_open: bool


@dataclass(frozen=True)
class Opening:
    """The header: tiles of counts, the page's provenance, and the unfinished runs."""

    tiles: list[Tile]
    made: str
    made_with: str  # code, libraries and processor of the runs; "" if none finished
    command: str
    unfinished: Unfinished | None


def opening(material: Material, command: str, now: datetime) -> Opening:
    """The header of the page made by this command at this time."""
    finished = [run.environment for run in material.runs if run.status == DONE]
    of_runs = made_with(finished) if finished else ""
    return Opening(list(_tiles(material)), _made(material, now), of_runs, command, _unfinished(material))


def _tiles(material: Material) -> Iterator[Tile]:
    rows = material.summary.rows
    done = int((rows["status"] == DONE).sum())
    yield _counted(done, "finished run")
    for key, word in (("data", "dataset"), ("model", "model"), ("seed", "seed")):
        names = sorted(map(str, rows[key].unique()))
        yield _counted(len(names), word, _some(names))
    unfinished = len(rows) - done
    yield Tile(f"{unfinished:,}", "not finished", is_bad=unfinished > 0)


def _counted(n: int, word: str, some: str = "") -> Tile:
    number, _, words = plural(n, word).partition(" ")
    return Tile(number, words, some)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _made(material: Material, now: datetime) -> str:
    versions = sorted({str(run.environment["adbench"]) for run in material.runs if "adbench" in run.environment})
    ends = sorted(str(run.environment["end"])[:16] for run in material.runs if run.environment.get("end"))
    made = f"Made {now:%Y-%m-%d %H:%M} {now:%Z}"
    if ends:
        made += f"; runs finished {ends[0].replace('T', ' ')} to {ends[-1].replace('T', ' ')}"
    if versions:
        made += f", by adbench {shorten(', '.join(versions[:5]), 80)}"
    return made


def _unfinished(material: Material) -> Unfinished | None:
    rows = material.summary.rows
    rows = rows[rows["status"] != DONE]
    if not len(rows):
        return None
    counts = ", ".join(f"{n:,} {status}" for status, n in rows["status"].value_counts().items())
    listed = [{str(name): value for name, value in row.items()} for row in rows.head(MOST_LISTED).to_dict("records")]
    title = f"{plural(len(rows), 'run')} not finished: {counts}"
    return Unfinished(title, listed, more=len(rows) - len(listed), is_open=len(rows) <= 10)
