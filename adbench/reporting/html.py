"""HTML whose text is only text: everything that comes from a run goes through `text`."""

import html
import math
from collections.abc import Iterable

from adbench.text import printable, shorten

LONGEST = 300  # characters of a name or an error; the run's folder has the rest


def text(value: object, longest: int = LONGEST) -> str:
    """Escaped for HTML and for an attribute in double quotes; without control characters, and not endless."""
    return html.escape(shorten(printable(str(value)), longest), quote=True)


def plural(n: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def number(value: object, digits: int = 4) -> str:
    """Blank where there is none."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return f"{value:.{digits}f}" if known else ""


def percent(value: object) -> str:
    """As short as it can be read; blank where there is none."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    share = 100 * value
    return f"{share:.1f} %" if share >= 9.95 or share == 0 else f"{share:.2f} %" if share >= 0.095 else f"{share:.2g} %"


def cell(
    content: str, value: object = None, small: str = "", badge: tuple[str, str] | None = None, kind: str = "n"
) -> str:
    """A cell of a table that sorts by `value`, or by its text. content and small: escaped already.

    badge: what kind of mark, and its word.
    """
    sortable = f' data-v="{value:.10g}"' if isinstance(value, int | float) and math.isfinite(value) else ""
    mark = f'<span class="badge {badge[0]}">{badge[1]}</span>' if badge else ""
    below = f"<small>{small} {mark}</small>" if small or mark else ""
    style = f' class="{kind}"' if value is not None else ""
    return f"<td{style}{sortable}>{content}{below}</td>"


def section(name: str, title: str, body: str, intro: str = "") -> str:
    """A part of the page that the navigation can jump to."""
    lead = f'<p class="intro">{intro}</p>' if intro else ""
    return f'<section id="{name}"><h2>{title}</h2>{lead}{body}</section>'


def items(lines: Iterable[str]) -> str:
    """A list of escaped lines."""
    return "".join(f"<li>{line}</li>" for line in lines)
