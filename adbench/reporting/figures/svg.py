"""Figures as inline SVG in the colours of the page, and as files."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup

from adbench.reporting.figures.style import COLOURS, HEAT
from adbench.reporting.rendering import text
from adbench.storage.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
_DPI = 200  # of a PNG
_VARIABLES = {light: f"var(--{name})" for name, (light, _) in (COLOURS | HEAT).items()}
_TAG = re.compile(r"<[^<>]+>")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_NOT_DATED = {"Date": None, "Creator": None, "Format": None, "Type": None}


def inline(figure: "Figure", prefix: str, label: str) -> Markup:
    """`<svg>` for a page. prefix: makes its ids unique there. label: for screen readers."""
    drawn = StringIO()
    with _drawing():
        figure.savefig(drawn, format="svg", facecolor="none", metadata=_NOT_DATED)
    width, height = (72 * inches for inches in figure.get_size_inches())
    svg = drawn.getvalue()
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    # Its style sheet would apply to the whole page. Text contains no "<", so that every match is a tag.
    body = re.sub(r"<style.*?</style>|<!--.*?-->|<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([\w.-]+)', body))
    body = _TAG.sub(lambda tag: _page_tag(tag[0], prefix, used), body)
    body = re.sub(r">\s+<", "><", body)
    return Markup(
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="width:{width * 4 / 3:.0f}px" role="img"'
        f' aria-label="{text(label)}">{body}'
    )


def _page_tag(tag: str, prefix: str, used: set[str]) -> str:
    if tag.startswith("</"):
        return tag
    tag = re.sub(r' id="([\w.-]+)"', lambda found: f' id="{prefix}{found[1]}"' if found[1] in used else "", tag)
    tag = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\g<1>{prefix}", tag).replace("xlink:href", "href")
    tag = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = _COLOUR.sub(lambda colour: _VARIABLES.get(colour[0], colour[0]), tag)
    tag = re.sub(r"(font: [^;\"]*?)'[^;\"]*", r"\1var(--font)", tag)
    return re.sub(r"\s+", " ", tag)


def write_files(figure: "Figure", folder: Path, name: str) -> list[Path]:
    """Write SVG, PNG and PDF files for papers, each atomically. Raises OSError."""
    written = []
    for kind in FORMATS:
        target = folder / f"{name}.{kind}"
        with _drawing(), replacing(target) as partial:
            figure.savefig(partial, format=kind, dpi=_DPI if kind == "png" else 72, metadata=_undated(kind))
        written.append(target)
    return written


def _undated(kind: str) -> dict[str, None]:
    """Metadata without dates, so that equal figures have equal bytes."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})


@contextmanager
def _drawing() -> Iterator[None]:
    """Context in which text stays text, and a missing glyph is a box in a PNG, not a warning."""
    with (
        warnings.catch_warnings(),
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "adbench", "pdf.fonttype": 42}),
    ):
        warnings.filterwarnings("ignore", message="Glyph")
        yield
