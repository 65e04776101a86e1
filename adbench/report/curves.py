"""ROC and precision-recall curves: one line a configuration, of its first seed."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adbench.report.canvas import SMALL, canvas, legend, legend_height, line, name_axes
from adbench.report.material import Configuration, Material
from adbench.report.pictures import Panel, Picture, file_name
from adbench.report.style import SOFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 8  # lines in one panel
_HEIGHT = 196.0
_ROC = (
    "How to read it: as a threshold falls, a detector finds more anomalies and reports more normal rows. The higher a"
    " line, the better. The right panel shows the same on a logarithmic axis, because a team that looks at alarms works"
    " at its left edge; the dotted lines mark 1 % and 0.1 %. The dashed line is chance."
)
_PRECISION_RECALL = (
    "How to read it: of what is reported at a threshold, how much is an anomaly, against how many of the anomalies are"
    " found. Steps, not interpolated, so that the area is average precision. A random score stays at the base rate,"
    " the dashed line; where that is high, so is every curve."
)


def pictures(material: Material) -> Iterator[Picture]:
    """For each task: ROC on both axes, and precision-recall."""
    for kind, caption, drawings in (
        ("roc", _ROC, {"roc": draw_roc, "roc-log": draw_roc_log}),
        ("precision-recall", _PRECISION_RECALL, {"precision-recall": draw_precision_recall}),
    ):
        for task, of_task in material.tasks.items():
            yield _picture(kind, task, of_task, caption, drawings)


def _picture(
    kind: str,
    task: str,
    of_task: Sequence[Configuration],
    caption: str,
    drawings: dict[str, Callable[[str, Sequence[Configuration]], "Figure"]],
) -> Picture:
    shown = [c for c in of_task[:MOST] if not c.view.problem]
    notes = [c.view.problem for c in of_task[:MOST] if c.view.problem]
    if len(of_task) > MOST:
        notes.append(f"The {MOST} best ranked of {len(of_task)} configurations are drawn")
    seeds = sorted({c.runs[0].config["seed"] for c in shown})
    seed = f"seed {seeds[0]}" if len(seeds) == 1 else "the first seed of each"
    panels = tuple(Panel(file_name(name, task), task, partial(draw, task, shown)) for name, draw in drawings.items())
    return Picture(kind, task, f"{caption} One run a configuration: {seed}.", panels if shown else (), tuple(notes))


def draw_roc(task: str, shown: Sequence[Configuration]) -> "Figure":
    """Detection rate against false-positive rate."""
    figure, axes = _axes(f"{task}: ROC", shown, "AUROC", "roc_auc", "false-positive rate", "detected")
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=0.9)
    axes.set_xlim(0, 1)
    for c in reversed(shown):
        line(axes, *c.view.roc, c.style)
    return figure


def draw_roc_log(task: str, shown: Sequence[Configuration]) -> "Figure":
    """The same with a logarithmic false-positive rate, from the smallest that the test normals can show."""
    figure, axes = _axes(
        f"{task}: ROC, few alarms", shown, "at 1 %", "tpr_at_1pct_fpr", "false-positive rate, logarithmic", "detected"
    )
    smallest = min((float(x[x > 0].min()) for c in shown if (x := c.view.roc_log[0]).max() > 0), default=1e-3)
    lowest = 10.0 ** max(-5, np.floor(np.log10(smallest)))
    across = np.geomspace(lowest, 1, 60)
    axes.plot(across, across, color=SOFT, linestyle="--", linewidth=0.9)
    for rate, name in ((0.01, "1 %"), (0.001, "0.1 %")):
        if lowest < rate:
            axes.axvline(rate, color=SOFT, linestyle=":", linewidth=1)
            axes.text(rate, 1.035, name, fontsize=SMALL, color=SOFT, ha="center")
    axes.set_xscale("log")
    axes.set_xlim(lowest, 1)
    for c in reversed(shown):
        x, y = c.view.roc_log
        line(axes, np.maximum(x, lowest), y, c.style)
    return figure


def draw_precision_recall(task: str, shown: Sequence[Configuration]) -> "Figure":
    """Precision against recall, in steps."""
    figure, axes = _axes(f"{task}: precision-recall", shown, "AP", "average_precision", "recall", "precision")
    axes.set_xlim(0, 1)
    for c in reversed(shown):
        line(axes, *c.view.precision_recall, c.style, drawstyle="steps-pre")
    base_rate = shown[0].runs[0].metrics.get("base_rate")
    if base_rate is not None:
        axes.axhline(base_rate, color=SOFT, linestyle="--", linewidth=0.9)
        below = base_rate > 0.5
        axes.text(
            0.015, base_rate + (-0.02 if below else 0.02), f"base rate {base_rate:.3f}",
            fontsize=SMALL, color=SOFT, va="top" if below else "bottom",
        )  # fmt: skip
    return figure


def _axes(title: str, shown: Sequence[Configuration], short: str, metric: str, x: str, y: str) -> tuple["Figure", Any]:
    """Axes with a legend that gives each line its number."""
    labels = [_label(c, short, metric) for c in shown]
    figure, axes = canvas(_HEIGHT, title, bottom=36 + legend_height(labels))
    legend(axes, [c.style for c in shown], labels)
    name_axes(axes, x, y)
    axes.set_ylim(0, 1.02)
    return figure, axes


def _label(configuration: Configuration, short: str, metric: str) -> str:
    value = configuration.runs[0].metrics.get(metric)
    if value is None:
        return configuration.solver
    return (
        f"{configuration.solver} {100 * value:.0f} %"
        if short.startswith("at ")
        else f"{configuration.solver} {value:.3f}"
    )
