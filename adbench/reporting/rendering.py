"""Rendering of the templates, with every value escaped as text unless it is our own markup."""

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from adbench.text import printable, shorten

LONGEST = 300  # characters of a name or an error; the full text is in the run's folder


def text(value: object, longest: int = LONGEST) -> Markup:
    """Escape for HTML and quoted attributes, without control characters, shortened to `longest`."""
    return escape(shorten(printable(str(value)), longest))


def render(template: str, **data: object) -> str:
    """Render the template of this name."""
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
    """Escape every `{{ }}`; the filter `text` sets another maximum length."""
    return value if isinstance(value, Markup) else text(value)
