"""Text for people: suggestions for misspelt names, overrides to paste, escaping for terminals and pages."""

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

# Texts that Hydra's grammar reads as plain strings; others are quoted. Words such as null, true and nan it reads as
# values.
_BARE = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_MEANT = ("null", "true", "false", "nan", "inf")

Value = str | bool | int | float | None


def override(key: str, value: Value | Sequence[Value]) -> str:
    """An override that can be pasted into a shell, whatever characters its name or value contains."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    text = f"[{','.join(map(_hydra, value))}]" if is_list else _hydra(value)  # type: ignore[arg-type]
    # Every shell leaves the brackets of a list of plain names alone, unless a file has such a name.
    plain = re.fullmatch(r"[\w.=\[\],/-]+", text, re.ASCII)
    # The name stays outside the quotes, so that searching for it or copying it finds a whole word.
    if re.fullmatch(r'"\w+"', text, re.ASCII):
        return rf"{_shell(key)}=\"{text[1:-1]}\""
    return f"{_shell(key)}={text if plain else shlex.quote(text)}"


def _shell(key: str) -> str:
    return key if re.fullmatch(r"[\w.@/+~-]+", key, re.ASCII) else shlex.quote(key)


def _hydra(value: Value) -> str:
    """A value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return str(value)
    if _BARE.fullmatch(value) and value.lower() not in _MEANT:
        return value
    # Within quotes a backslash escapes only a quote, and ${ begins an interpolation.
    escaped = re.sub(r'(\\*)"', lambda found: f'{2 * found[1]}\\"', value)
    escaped = re.sub(r"(\\+)$", lambda found: 2 * found[1], escaped)
    return '"' + re.sub(r"(\\*)\$\{", lambda found: f"{2 * found[1]}\\${{", escaped) + '"'


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the names nearest to a word, or all names if no name is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there is {', '.join(names)}" if names else ""


def printable(text: str) -> str:
    """The text with unprintable characters replaced, so that no escape sequence of an untrusted file reaches the
    terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shorten(text: str, longest: int) -> str:
    """The text, with its middle cut out if it is longer than `longest`."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}…{text[len(text) - half :]}"


def time_text(time: float, is_date: bool) -> str:
    """A time for people. is_date: the time is in seconds since 1970; otherwise it is a plain number."""
    if not is_date:
        return f"{time:.12g}"
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(time, 3))
    except OverflowError:  # beyond the year 9999
        return f"{time:.12g} s"
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return re.sub(r"( 00:00:00)?\.0+$|(?<=\.\d{3})0+$", "", text)


def three_digits(value: float) -> str:
    """A non-negative number to three significant digits, or to its last integer digit: 0.0235, 1.02, 236, 10,000."""
    if not value < 1e15:
        return f"{value:.3g}"
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_MARKDOWN = {
    **{character: f"\\{character}" for character in r"\`*_[]|~$"},
    **{"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"},
}


def escape_markdown(text: str) -> str:
    """The text escaped so that Markdown and HTML show it literally, and no @ mentions anybody."""
    return "".join(_MARKDOWN.get(character, character) for character in text)
