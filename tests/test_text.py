"""Tests that printed text can be pasted."""

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.config.compose import compose
from adbench.config.overrides import hydra_at_hand, parse
from adbench.errors import ConfigError
from adbench.text import override

# No null character, which command lines cannot hold, and none that YAML refuses.
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
AWKWARD = [
    "null",
    "true",
    "NaN",
    "6",
    "6.0",
    "1e3",
    "Flow (m3)",
    "a,b",
    "[x]",
    "{y}",
    "it's",
    'say "x"',
    "\\",
    'a\\"',
    "${x}",
]


def composed(key: str, value: object) -> object:
    (word,) = shlex.split(override(f"data.{key}", value))  # type: ignore[arg-type]
    return compose(["data=table", word])["data"][key]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_any_names_are_what_they_were_when_they_are_pasted(names: list[str]) -> None:
    assert composed("drop", names) == names


@pytest.mark.parametrize("text", [*AWKWARD, " blanks around ", "Größe", "a=b", "#", "$HOME", "`x`", "*", "~", "!"])
def test_awkward_texts(text: str) -> None:
    assert composed("normal", text) == text
    assert composed("drop", [text, "x"]) == [text, "x"]


@settings(max_examples=60, deadline=None)
@given(TEXTS.map(lambda text: f"x{text}"), st.booleans())
def test_what_a_refused_override_advises_works(text: str, listed: bool) -> None:
    with hydra_at_hand():
        try:
            parse(f"data.drop=[{text}]" if listed else f"data.normal={text}")
        except ConfigError as error:
            if advised := re.search(r"; for this text write (.*)", str(error), re.DOTALL):
                (word,) = shlex.split(advised[1])
                meant = [part.strip() for part in text.split(",")] if listed else text.strip()
                assert parse(word).value() == meant


@pytest.mark.parametrize(
    ("value", "word"), [(None, "null"), (True, "true"), (3, "3"), (["x", "y"], "[x,y]"), ("x", "x")]
)
def test_plain_values_are_plain(value: object, word: str) -> None:
    assert override("data.drop", value) == f"data.drop={word}"  # type: ignore[arg-type]
