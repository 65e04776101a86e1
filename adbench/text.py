"""Text for people: what to offer instead of a wrong name, overrides to paste, what a terminal or a page can bear."""

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

# A text that Hydra's grammar reads as itself; others are quoted. It reads words such as null, true and nan as values.
_BARE = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_MEANT = ("null", "true", "false", "nan", "inf")

Value = str | bool | int | float | None


def override(key: str, value: Value | Sequence[Value]) -> str:
    """An override as it can be pasted into a shell, whatever is in a name or a value."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    text = f"[{','.join(map(_hydra, value))}]" if is_list else _hydra(value)  # type: ignore[arg-type]
    # The brackets of a list of plain names are left alone by every shell that finds no file of such a name.
    plain = re.fullmatch(r"[\w.=\[\],/-]+", text, re.ASCII)
    # The name stays outside the quotes: whoever looks for it, or copies from it on, finds a whole word.
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
    # Within quotes a backslash counts before a quote alone, and ${ begins an interpolation.
    escaped = re.sub(r'(\\*)"', lambda found: f'{2 * found[1]}\\"', value)
    escaped = re.sub(r"(\\+)$", lambda found: 2 * found[1], escaped)
    return '"' + re.sub(r"(\\*)\$\{", lambda found: f"{2 * found[1]}\\${{", escaped) + '"'


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


def time_text(time: float, is_date: bool) -> str:
    """A time as people write it. is_date: it is seconds since 1970; else a number of a unit of its own."""
    if not is_date:
        return f"{time:.12g}"
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(time, 3))
    except OverflowError:  # beyond the year 9999
        return f"{time:.12g} s"
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return re.sub(r"( 00:00:00)?\.0+$|(?<=\.\d{3})0+$", "", text)


def three_digits(value: float) -> str:
    """A number of at least 0 to three digits, or all of its whole ones: 0.0235, 1.02, 236, 10,000."""
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
    """Text that Markdown and HTML leave as it is, and that mentions nobody."""
    return "".join(_MARKDOWN.get(character, character) for character in text)
