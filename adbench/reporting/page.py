"""The page around the parts: one file, that asks the network for nothing and runs one script, known by its hash."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from adbench.reporting.figures.base import Picture
from adbench.reporting.figures.style import COLOURS, HEAT
from adbench.reporting.figures.svg import inline
from adbench.reporting.html import section, text

TITLES = {
    "curves": "Curves",
    "scores": "Scores",
    "families": "Families",
    "alarms": "False alarms",
    "training": "Training",
    "time": "Time",
    "ranks": "Ranks",
}
_HERE = Path(__file__).parent


def page(parts: Sequence[tuple[str, str, str]]) -> str:
    """parts: name, title and HTML of each; the first is the opening."""
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
    policy += "base-uri 'none'; form-action 'none'"
    (_, title, opening), *others = parts
    links = "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in others)
    sections = "".join(section(name, heading, body) for name, heading, body in others)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
        f"<style>{_sheet()}</style></head><body>"
        f'<header><div class="top"><h1>{title}</h1>'
        '<button type="button" id="theme" aria-label="Light or dark">◐</button>'
        f'</div>{opening}</header><nav aria-label="Sections">{links}</nav><main>{sections}</main>'
        f"<script>{script}</script></body></html>\n"
    )


def _sheet() -> str:
    light = "".join(f"--{name}:{pair[0]};" for name, pair in (COLOURS | HEAT | _SURFACES).items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in (COLOURS | HEAT | _SURFACES).items())
    themes = (
        f":root{{{light}color-scheme:light}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}}}"
    )
    return themes + (_HERE / "report.css").read_text(encoding="utf-8")


_SURFACES = {
    "page": ("#f6f7f8", "#0f1418"),
    "paper": ("#ffffff", "#161d23"),
    "edge": ("#e2e6ea", "#28323b"),
    "wash": ("#f0f3f6", "#1d262e"),
    "link": ("#0b5a94", "#7cc0f4"),
    "warn": ("#fff4d6", "#3a2f10"),
    "warn-ink": ("#6b4e00", "#f4d58a"),
}


def figures(pictures: Sequence[Picture], folders: Sequence[str]) -> list[tuple[str, str, str]]:
    """A part for each kind of figure."""
    parts, number = [], 0
    for kind, title in TITLES.items():
        drawn: list[str] = []
        for picture in pictures:
            if picture.kind == kind:
                drawn.append(_figure(picture, folders, number, alone=len(drawn) == 0))
                number += 1
        if drawn:
            parts.append((kind, title, "".join(drawn)))
    return parts


def _figure(picture: Picture, folders: Sequence[str], number: int, alone: bool) -> str:
    panels = "".join(
        f"<div class=panel>{inline(panel.draw(), f'f{number}p{i}', text(panel.title))}</div>"
        for i, panel in enumerate(picture.panels)
    )
    notes = "".join(f'<p class="note">{text(note)}.</p>' for note in picture.notes)
    command = shlex.join(["adbench", "report", *folders, "--figures", "figures", "--only", picture.name])
    heading = f"<h3>{text(picture.of, 80)}</h3>" if len(picture.panels) > 3 and picture.of else ""
    # The words are the same for every dataset: they stand below the first, and fold away below the others.
    caption = text(picture.caption, 2000)
    words = caption if alone else f"<details><summary>How to read it</summary>{caption}</details>"
    return (
        f'<figure id="figure-{text(picture.name)}" class="{picture.kind}">{heading}'
        f'<div class="panels">{panels}</div>{notes}'
        f"<figcaption>{words} <code class=made-by>{text(command, 600)}</code></figcaption></figure>"
    )
