"""Tests of rendering: all tags come from the templates, and all words reach the reader as text."""

import dataclasses
import shutil
import string
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from adbench.reporting.commands import made_by
from adbench.reporting.content import gather
from adbench.reporting.dataset_cards import Card
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import canvas
from adbench.reporting.figures.svg import inline
from adbench.reporting.header import Opening, opening
from adbench.reporting.leaderboard import Column, leaderboard
from adbench.reporting.page import Drawn, Part, page
from adbench.reporting.rendering import LONGEST, render, text
from adbench.text import printable

HARMLESS = "harmless"
SCRIPT = "</script><script>alert(1)</script>"
SHORT = 40  # characters: never shortened
words = st.text(st.sampled_from("<>&\"'`={}%#-!/\\\x00\x1b\r\n\t\u202e\ud800;" + string.ascii_letters), min_size=1)
words = (words | st.text(min_size=1)).map(lambda drawn: drawn[:SHORT])


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "figure":  # its id is restricted to shell-safe letters
            attrs = [(name, value) for name, value in attrs if name != "id"]
        if tag != "wbr":  # follows each equals sign
            self.seen.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", [("", data)]))

    def handle_data(self, data: str) -> None:
        if self.seen and isinstance(self.seen[-1], list):
            self.seen[-1][0] += data
        else:
            self.seen.append([data])


def replaced(value: Any, new: str) -> Any:
    """The value with every string inside replaced, except our own markup and headings."""
    if isinstance(value, Markup | Column):
        return value
    if isinstance(value, str):
        return new if value else ""
    if isinstance(value, list | tuple):
        return type(value)(replaced(part, new) for part in value)
    if isinstance(value, dict):
        return {key: replaced(part, new) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: replaced(getattr(value, field.name), new) for field in dataclasses.fields(value)}
        return type(value)(**fields)
    return value


@pytest.fixture(scope="module")
def shown(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Opening, list[Part]]:
    """The content of a page with a failed run, a card, and quickly drawn figures."""
    runs = tmp_path_factory.mktemp("shown") / "runs"
    shutil.copytree(made, runs)
    failed = sorted(runs.iterdir())[0]
    (failed / "metrics.json").unlink()
    (failed / "error.txt").write_text("ValueError: no luck")
    material = gather([runs])
    panel = Panel("roc", ("data",), "data: roc", lambda: canvas(40, "nothing")[0])
    picture = Picture("curves", "data", "How to read it", (panel,) * 4, ("One is missing",))
    drawn = [Drawn(picture, [Markup("<svg></svg>")], "adbench report", is_first) for is_first in (True, False)]
    known = Card("a", "", "A", ["beware"], ["all"], {"rows": ["1"], "flood": ["1"]}, {"licence": "MIT"}, ["note"])
    parts = [
        Part("leaderboard-of-all", "Leaderboard", "leaderboard", leaderboard(material)),
        Part("curves", "Curves", "figures", drawn),
        Part("cards", "Data cards", "cards", [known, Card("b", "no file")]),
        Part("commands", "Commands", "commands", made_by(material.configurations)),
    ]
    return opening(material, "adbench report runs", datetime.now(UTC)), parts


def page_saying(shown: tuple[Opening, list[Part]], new: str) -> list[Any]:
    top, parts = shown
    changed = [dataclasses.replace(part, content=replaced(part.content, new)) for part in parts]
    return Page(page("title", replaced(top, new), changed)).seen


def with_words(seen: list[Any], new: str) -> list[Any]:
    """The page with its harmless words replaced."""
    said = []
    for part in seen:
        if isinstance(part, tuple):
            said.append((part[0], [(name, value and value.replace(HARMLESS, new)) for name, value in part[1]]))
        else:
            said.append([part[0].replace(HARMLESS, new)] if isinstance(part, list) else part)
    return said


@settings(max_examples=60, deadline=None)
@given(words)
@example(SCRIPT)
@example('" onmouseover="alert(1)')
@example("' onmouseover='alert(1)")
@example("<!--")
@example("&lt;b&amp;")
@example("{{ 7 * 7 }}{% raw %}")
@example("\x1b[31m\x00\u202e\r\n")
def test_a_strangers_words_change_no_tag_and_are_shown(shown: tuple[Opening, list[Part]], new: str) -> None:
    assert page_saying(shown, new) == with_words(page_saying(shown, HARMLESS), printable(new))


def test_every_part_of_the_page_has_such_words(shown: tuple[Opening, list[Part]]) -> None:
    """Guards the test above, which a page without these words would pass."""
    top, parts = shown
    for part in parts:
        assert HARMLESS in page("title", top, [dataclasses.replace(part, content=replaced(part.content, HARMLESS))])
    assert HARMLESS in page("title", replaced(top, HARMLESS), [])


@settings(max_examples=25, deadline=None)
@given(words)
@example(SCRIPT)
def test_a_figures_words_change_no_tag(new: str) -> None:
    def tags(title: str) -> list[str]:
        return [one.tag for one in ElementTree.fromstring(inline(canvas(40, title)[0], "f0", title)).iter()]

    assert tags(new.strip() or "a") == tags("a")


def test_a_long_word_is_shortened_and_a_missing_one_is_an_error(shown: tuple[Opening, list[Part]]) -> None:
    top, _ = shown
    assert "a" * (LONGEST + 1) not in page("title", replaced(top, "a" * 5000), [])
    assert len(text("a" * 5000)) == LONGEST
    with pytest.raises(UndefinedError):
        render("commands", content=[{"task": "a"}])
