"""Entry point of `adbench report`: read the runs, draw the figures, write one file."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adbench.config.alarm_rate import Use
from adbench.config.extras import require_package
from adbench.errors import ReportError
from adbench.reporting.commands import made_by
from adbench.reporting.content import Material, gather
from adbench.reporting.dataset_cards import cards
from adbench.reporting.figures.base import FigureModule, Picture, choose
from adbench.reporting.header import opening
from adbench.reporting.leaderboard import leaderboard
from adbench.results.record import DONE
from adbench.storage.atomic import replacing

TITLE = "Anomaly detection: what the runs show"


@dataclass(frozen=True)
class Report:
    """The written files: the page, if requested, and the figures."""

    page: Path | None
    figures: tuple[Path, ...]
    n_runs: int
    n_finished: int
    n_configurations: int


def report(
    folders: Iterable[Path] = (Path("runs"),),
    output: Path | None = Path("report.html"),
    *,
    figures: Path | None = None,
    only: str | None = None,
    with_cards: bool = True,
    use: Use | None = None,
) -> Report:
    """Write a report on these runs to `output`, and its figures as SVG, PNG and PDF to the folder `figures`.

    only: the name or the kind of the figures to draw. use: the conditions of use, for columns with the consequences of
    the thresholds there. Raises RunFolderError as `summarize` does, ConfigError for an unknown figure or without
    matplotlib, and ReportError if a file cannot be written.
    """
    folders = list(map(Path, folders))
    _check_target(output)
    drawing = _drawing()
    material = gather(folders)
    pictures = choose(_pictures(material, drawing), only)
    written = list(_write_figures(pictures, figures)) if figures else []
    if output:
        _write(output, _page(material, pictures, output, with_cards, use))
    finished = sum(run.status == DONE for run in material.runs)
    return Report(output, tuple(written), len(material.runs), finished, len(material.configurations))


def _drawing() -> Sequence[FigureModule]:
    """The figure modules, in the order of the page. Raises ConfigError without matplotlib."""
    require_package("matplotlib", "report", "the figures of a report")
    from adbench.reporting.figures.order import FIGURES

    return FIGURES


def _pictures(material: Material, drawing: Sequence[FigureModule]) -> Iterator[Picture]:
    if material.tasks:
        for module in drawing:
            yield from module.pictures(material)


def _page(material: Material, pictures: Sequence[Picture], output: Path, with_cards: bool, use: Use | None) -> str:
    from adbench.reporting.page import Part, figures, page

    words = [str(folder) for folder in material.folders]
    command = shlex.join(["adbench", "report", *words, "-o", str(output), *_typed(use)])
    # A user's own table is not read again: a stranger's configuration could name any file.
    names = sorted({c.runs[0].config["choices"]["data"] for c in material.configurations if c.runs and with_cards})
    # Loading a dataset mostly waits for the disk or releases the GIL, so that drawing continues meanwhile.
    with ThreadPoolExecutor(1) as beside:
        read = beside.submit(cards, names)
        parts = [
            Part("leaderboard-of-all", "Leaderboard", "leaderboard", leaderboard(material, use)),
            *figures(pictures, words),
        ]
        parts += [Part("cards", "Data cards", "cards", read.result())] if names else []
    parts.append(Part("commands", "Commands", "commands", made_by(material.configurations)))
    return page(TITLE, opening(material, command, datetime.now(UTC)), parts)


def _typed(use: Use | None) -> list[str]:
    if use is None:
        return []
    rows = [] if use.rows_per_day is None else ["--rows-per-day", f"{use.rows_per_day:.12g}"]
    return ["--base-rate", f"{use.base_rate:.12g}", *rows]


def _check_target(output: Path | None) -> None:
    """Check that `output` can be written, before minutes of work. Raises ReportError."""
    if output is None:
        return
    if output.is_dir():
        raise ReportError(f"expected a file for the report, got the folder {output}; name one in it, as report.html")
    if not output.absolute().parent.is_dir():
        raise ReportError(f"expected a folder for the report, got none at {output.parent}; make it, or name another")


def _write(output: Path, text: str) -> None:
    """Write the page atomically."""
    try:
        with replacing(output) as partial:
            partial.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise _not_written(output, error) from None


def _write_figures(pictures: Sequence[Picture], folder: Path) -> Iterator[Path]:
    from adbench.reporting.figures.svg import write_files

    names: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for panel in (panel for picture in pictures for panel in picture.panels):
            name, i = panel.name, 2
            while name in names:
                name, i = f"{panel.name}-{i}", i + 1
            names.add(name)
            yield from write_files(panel.draw(), folder, name)
    except OSError as error:
        raise _not_written(folder, error) from None


def _not_written(path: Path, error: OSError) -> ReportError:
    return ReportError(f"expected a place that can be written at {path}, got {error.strerror or error}; name another")
