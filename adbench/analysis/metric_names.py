"""What a metric's name tells: its heading, whether more is better, and which names a pattern means."""

import fnmatch
from collections.abc import Iterable, Sequence

from adbench.errors import ConfigError
from adbench.text import printable, suggest

# What a table shows when nobody says what it should.
SHOWN = (
    "roc_auc",
    "average_precision",
    "tpr_at_1pct_fpr",
    "recall",
    "test_fpr",
    "training_gain",
    "fit_seconds",
)
HEADINGS = {
    "tpr_at_1pct_fpr": "detected at 1% FPR",
    "tpr_at_0p1pct_fpr": "detected at 0.1% FPR",
    "test_fpr": "test FPR",
    "roc_auc": "AUROC",
    "fit_seconds": "fit s",
    "mcc": "MCC",
    "f1": "F1",
}
# By the last part of the name; what is in neither is better neither way.
_MORE_IS_BETTER = (
    *("roc_auc", "average_precision", "tpr_at_1pct_fpr", "tpr_at_0p1pct_fpr", "precision", "recall", "f1", "mcc"),
    *("oracle_best_f1", "oracle_f1_at_count", "training_gain", "rows_per_second"),
)
_LESS_IS_BETTER = ("test_fpr", "fit_loss", "calibration_loss")


def heading(metric: str) -> str:
    """The name as a table's heading, printable as it is: families have names from a stranger's rows."""
    *prefix, name = printable(metric).split("/")
    return " ".join([*prefix, HEADINGS.get(name, name.replace("_", " "))])


def less_is_better(metric: str) -> bool:
    """Whether a lower value is the better one: false alarms, seconds and losses."""
    name = metric.split("/")[-1]
    return name in _LESS_IS_BETTER or name.endswith("_seconds")


def is_directed(metric: str) -> bool:
    """Whether it is known which way it is better."""
    return metric.split("/")[-1] in _MORE_IS_BETTER or less_is_better(metric)


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
