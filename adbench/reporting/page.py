"""The report page: one self-contained file, without network access, whose only script is allowed by its hash."""

import base64
import hashlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from adbench.reporting.figures.base import Picture
from adbench.reporting.figures.order import FIGURES
from adbench.reporting.figures.style import COLOURS, HEAT
from adbench.reporting.figures.svg import inline
from adbench.reporting.header import Opening
from adbench.reporting.rendering import render

_SURFACES = {
    "page": ("#f6f7f8", "#0f1418"),
    "paper": ("#ffffff", "#161d23"),
    "edge": ("#e2e6ea", "#28323b"),
    "wash": ("#f0f3f6", "#1d262e"),
    "link": ("#0b5a94", "#7cc0f4"),
    "warn": ("#fff4d6", "#3a2f10"),
    "warn-ink": ("#6b4e00", "#f4d58a"),
}
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Part:
    """A section in the navigation, with its template and content."""

    name: str
    title: str
    template: str
    content: object


@dataclass(frozen=True)
class Drawn:
    """A picture rendered for the page. is_first: whether it is the first of its kind."""

    picture: Picture
    panels: list[Markup]
    command: str
    is_first: bool


def page(title: str, opening: Opening, parts: Sequence[Part]) -> str:
    """The HTML of the whole page."""
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    return render(
        "page",
        title=title,
        opening=opening,
        parts=parts,
        colours=COLOURS | HEAT | _SURFACES,
        sheet=Markup((_HERE / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def figures(pictures: Sequence[Picture], folders: Sequence[str]) -> Iterator[Part]:
    """One part per kind of figure."""
    number = 0
    for figure in FIGURES:
        drawn: list[Drawn] = []
        for picture in pictures:
            if picture.kind == figure.KIND:
                drawn.append(_drawn(picture, folders, number, is_first=not drawn))
                number += 1
        if drawn:
            yield Part(figure.KIND, figure.TITLE, "figures", drawn)


def _drawn(picture: Picture, folders: Sequence[str], number: int, is_first: bool) -> Drawn:
    panels = [inline(panel.draw(), f"f{number}p{i}", panel.title) for i, panel in enumerate(picture.panels)]
    command = shlex.join(["adbench", "report", *folders, "--figures", "figures", "--only", picture.name])
    return Drawn(picture, panels, command, is_first)
