"""What a metric's name tells: its heading, whether more is better, and which names a pattern means."""

import fnmatch
from collections.abc import Iterable, Sequence

from adbench.errors import ConfigError
from adbench.evaluation.metric_table import METRICS, SUMMARY, more_is_better, shown_in
from adbench.text import printable, suggest

SHOWN = shown_in(SUMMARY)  # what a table shows when nobody says what it should


def heading(metric: str) -> str:
    """The name as a table's heading, printable as it is: families have names from a stranger's rows."""
    *prefix, name = printable(metric).split("/")
    return " ".join([*prefix, METRICS[name].heading if name in METRICS else name.replace("_", " ")])


def less_is_better(metric: str) -> bool:
    """Whether a lower value is the better one: false alarms, seconds and losses."""
    return more_is_better(metric) is False


def is_directed(metric: str) -> bool:
    """Whether it is known which way it is better."""
    return more_is_better(metric) is not None


def choose_metrics(patterns: Iterable[str], known: Sequence[str]) -> list[str]:
    """The metrics that names, or patterns such as family/*/recall, mean; commas separate several.

    Raises ConfigError, with the nearest names, where one means none.
    """
    chosen: dict[str, None] = {}
    for pattern in (part.strip() for text in patterns for part in text.split(",")):
        meant = [name for name in known if name == pattern] or fnmatch.filter(known, pattern)
        if not meant:
            raise ConfigError(f"expected a metric of these runs, got {pattern!r}{suggest_name(pattern, known)}")
        chosen |= dict.fromkeys(meant)
    return list(chosen)


def without_bounds(names: Iterable[str]) -> list[str]:
    """The names that are no bound of another one of them: a table shows that one with its interval over seeds."""
    stems = {name: name.removesuffix("_low").removesuffix("_high") for name in names}
    return [name for name, stem in stems.items() if stem == name or stem not in stems]


def suggest_name(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest names, or the short ones, since families make hundreds of others."""
    names = list(known)
    near = suggest(word, names)
    return near if near.startswith("; did") else suggest(word, [name for name in names if "/" not in name])
