"""ROC and precision-recall curves: one line per configuration, of its first seed."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adbench.evaluation.metric_table import METRICS, PERCENT
from adbench.reporting.content import Configuration, Material, with_scores
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import SMALL, canvas, legend, legend_height, line, logarithmic, name_axes
from adbench.reporting.figures.style import SOFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "curves", "Curves"
MOST = 8  # lines in one panel
_HEIGHT = 196.0
_CAPTION = (
    "How to read it. Left: as a threshold falls, a detector finds more anomalies and reports more normal rows; the"
    " higher a line, the better, and the dashed line is chance. Middle: the same with a logarithmic axis: whoever looks"
    " at the alarms works at its left edge; the dotted lines mark 0.1 % and 1 %. Right: of what is reported, how much"
    " is an anomaly, against how many of the anomalies are found; in steps, so that the area is average precision. A"
    " random score stays at the base rate, the dashed line, just below which the axis begins. The numbers: AUROC,"
    " detected at 1 % false alarms, average precision. One run a configuration:"
)


def pictures(material: Material) -> Iterator[Picture]:
    """One picture per task: ROC on linear and logarithmic axes, and precision-recall."""
    for task, of_task in material.tasks.items():
        shown, notes = with_scores(of_task, MOST)
        seeds = sorted({c.runs[0].config["seed"] for c in shown})
        seed = f"seed {seeds[0]}" if len(seeds) == 1 else "the first seed of each"
        panels = (
            Panel(kind, (task,), f"{task}: {kind}", partial(draw, task, shown)) for kind, draw in _DRAWINGS.items()
        )
        yield Picture(KIND, task, f"{_CAPTION} {seed}.", tuple(panels) if shown else (), tuple(notes))


def draw_roc(task: str, shown: Sequence[Configuration]) -> "Figure":
    """Detection rate against false-positive rate."""
    figure, axes = _axes(f"{task}: ROC", shown, "roc_auc", "false-positive rate", "detected")
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=0.9)
    axes.set_xlim(0, 1)
    for c in reversed(shown):
        line(axes, *c.view.roc, c.style)
    return figure


def draw_roc_log(task: str, shown: Sequence[Configuration]) -> "Figure":
    """ROC with a logarithmic false-positive rate, from the smallest that the test normals can resolve."""
    figure, axes = _axes(
        f"{task}: ROC, where alarms are few", shown, "tpr_at_1pct_fpr", "false-positive rate, logarithmic", "detected"
    )
    smallest = min((float(x[x > 0].min()) for c in shown if (x := c.view.roc_log[0]).max() > 0), default=1e-3)
    lowest = 10.0 ** max(-5, np.floor(np.log10(smallest)))
    across = np.geomspace(lowest, 1, 60)
    axes.plot(across, across, color=SOFT, linestyle="--", linewidth=0.9)
    for rate in (0.01, 0.001):
        if lowest < rate:
            axes.axvline(rate, color=SOFT, linestyle=":", linewidth=1)
    logarithmic(axes, lowest, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    for c in reversed(shown):
        x, y = c.view.roc_log
        line(axes, np.maximum(x, lowest), y, c.style)
    return figure


def draw_precision_recall(task: str, shown: Sequence[Configuration]) -> "Figure":
    """Precision against recall, in steps."""
    figure, axes = _axes(f"{task}: precision-recall", shown, "average_precision", "recall", "precision")
    axes.set_xlim(0, 1)
    for c in reversed(shown):
        line(axes, *c.view.precision_recall, c.style, drawstyle="steps-pre")
    base_rate = shown[0].runs[0].metrics.get("base_rate")
    if base_rate is not None:
        axes.set_ylim(max(0.0, np.floor(10 * base_rate - 1) / 10), 1.01)
        axes.axhline(base_rate, color=SOFT, linestyle="--", linewidth=0.9)
        axes.annotate(
            f"base rate {base_rate:.3f}", (0.4, base_rate), (0, 3), textcoords="offset points",
            fontsize=SMALL, color=SOFT, ha="center", va="bottom",
        )  # fmt: skip
    return figure


def _axes(title: str, shown: Sequence[Configuration], metric: str, x: str, y: str) -> tuple["Figure", Any]:
    """Axes with a legend that includes each line's metric."""
    labels = [_label(c, metric) for c in shown]
    figure, axes = canvas(_HEIGHT, title, bottom=33 + legend_height(labels))
    legend(axes, [c.style for c in shown], labels)
    name_axes(axes, x, y)
    axes.set_ylim(0, 1.02)
    return figure, axes


def _label(configuration: Configuration, metric: str) -> str:
    value = configuration.runs[0].metrics.get(metric)
    if value is None:
        return configuration.solver
    number = f"{100 * value:.0f} %" if METRICS[metric].form == PERCENT else f"{value:.3f}"
    return f"{configuration.solver} {number}"


_DRAWINGS = {"roc": draw_roc, "roc-log": draw_roc_log, "precision-recall": draw_precision_recall}
