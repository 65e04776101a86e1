"""Data into the templates beside it: whatever they write is only text, unless it is our own markup."""

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from adbench.text import printable, shorten

LONGEST = 300  # characters of a name or an error; the run's folder has the rest


def text(value: object, longest: int = LONGEST) -> Markup:
    """Escaped for HTML and for an attribute in quotes; without control characters, and not endless."""
    return escape(shorten(printable(str(value)), longest))


def render(template: str, **data: object) -> str:
    """The template of this name, filled in."""
    return _environment().get_template(f"{template}.html.jinja").render(data)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_only_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["text"] = text
    return environment


def _only_text(value: object) -> Markup:
    """What every `{{ }}` goes through; the filter `text` is for another length."""
    return value if isinstance(value, Markup) else text(value)
