"""What a metric's name tells: its heading, whether more is better, and which names a pattern means."""

import fnmatch
from collections.abc import Iterable, Sequence

from adbench.errors import ConfigError
from adbench.suggest import suggest
from adbench.terminal import printable

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
_LESS_IS_BETTER = ("test_fpr", "fit_loss", "calibration_loss")


def heading(metric: str) -> str:
    """The name as a table's heading, printable as it is: families have names from a stranger's rows."""
    *prefix, name = printable(metric).split("/")
    return " ".join([*prefix, HEADINGS.get(name, name.replace("_", " "))])


def less_is_better(metric: str) -> bool:
    """Whether a lower value is the better one: false alarms, seconds and losses."""
    name = metric.split("/")[-1]
    return name in _LESS_IS_BETTER or name.endswith("_seconds")


def choose_metrics(patterns: Iterable[str], known: Sequence[str]) -> list[str]:
    """The metrics that names, or patterns such as family/*/recall, mean; commas separate several.

    A run's own bounds, as roc_auc_low, are left out beside what they bound: the table has those of its mean there.
    Raises ConfigError, with the nearest names, where one means none.
    """
    chosen: dict[str, None] = {}
    for pattern in (part.strip() for text in patterns for part in text.split(",")):
        meant = [name for name in known if name == pattern] or fnmatch.filter(known, pattern)
        if not meant:
            raise ConfigError(f"expected a metric of these runs, got {pattern!r}{suggest_name(pattern, known)}")
        chosen |= dict.fromkeys(meant)
    return [name for name in chosen if chosen.keys().isdisjoint(_bounded_by(name))]


def _bounded_by(name: str) -> list[str]:
    return [name.removesuffix(end) for end in ("_low", "_high") if name.endswith(end)]


def suggest_name(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest names, or the short ones, since families make hundreds of others."""
    names = list(known)
    near = suggest(word, names)
    return near if near.startswith("; did") else suggest(word, [name for name in names if "/" not in name])
