"""What to offer instead of a name that does not exist."""

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the names nearest to a word, or all there are when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there is {', '.join(names)}" if names else ""


def printable(text: str) -> str:
    """A run folder can come from anywhere: no escape sequence of it reaches the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shorten(text: str, longest: int) -> str:
    """The text, without its middle where it is longer."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}…{text[len(text) - half :]}"


_MARKDOWN = {
    **{character: f"\\{character}" for character in r"\`*_[]|~$"},
    **{"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"},
}


def escape_markdown(text: str) -> str:
    """Text that Markdown and HTML leave as it is, and that mentions nobody."""
    return "".join(_MARKDOWN.get(character, character) for character in text)
