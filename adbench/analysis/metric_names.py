"""Metric names: headings, direction (whether more is better), and patterns."""

import fnmatch
from collections.abc import Iterable, Sequence

from adbench.errors import ConfigError
from adbench.evaluation.metric_table import METRICS, SUMMARY, more_is_better, shown_in
from adbench.text import printable, suggest

SHOWN = shown_in(SUMMARY)  # shown by default


def heading(metric: str) -> str:
    """The metric's name as a printable table heading; family names come from untrusted rows."""
    *prefix, name = printable(metric).split("/")
    return " ".join([*prefix, METRICS[name].heading if name in METRICS else name.replace("_", " ")])


def less_is_better(metric: str) -> bool:
    """True for metrics where lower is better: false alarms, seconds and losses."""
    return more_is_better(metric) is False


def is_directed(metric: str) -> bool:
    """True if it is known whether higher or lower is better."""
    return more_is_better(metric) is not None


def choose_metrics(patterns: Iterable[str], known: Sequence[str]) -> list[str]:
    """The metrics that match names or patterns such as family/*/recall; commas separate several.

    Raises ConfigError with the nearest names if a pattern matches nothing.
    """
    chosen: dict[str, None] = {}
    for pattern in (part.strip() for text in patterns for part in text.split(",")):
        meant = [name for name in known if name == pattern] or fnmatch.filter(known, pattern)
        if not meant:
            raise ConfigError(f"expected a metric of these runs, got {pattern!r}{suggest_name(pattern, known)}")
        chosen |= dict.fromkeys(meant)
    return list(chosen)


def without_bounds(names: Iterable[str]) -> list[str]:
    """The names that are not a listed metric's bounds: tables show that metric with its interval over seeds instead."""
    stems = {name: name.removesuffix("_low").removesuffix("_high") for name in names}
    return [name for name, stem in stems.items() if stem == name or stem not in stems]


def suggest_name(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest names or, since families add hundreds of names, all short ones."""
    names = list(known)
    near = suggest(word, names)
    return near if near.startswith("; did") else suggest(word, [name for name in names if "/" not in name])
