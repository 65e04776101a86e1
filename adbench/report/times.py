"""Time against quality: what a better ranking costs."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from adbench.report.canvas import NORMAL, canvas, name_axes, spread
from adbench.report.material import Configuration, Material
from adbench.report.pictures import Panel, Picture, file_name
from adbench.report.style import FAINT, INK, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24
_HEIGHT = 200.0
_CAPTION = (
    "How to read it: seconds of fitting, on a logarithmic axis, against AUROC; the mean over seeds, with the 95 %"
    " interval of AUROC over them where there are several. Best is the upper left corner. Times depend on the machine:"
    " compare those of one report only."
)


def pictures(material: Material) -> Iterator[Picture]:
    """One a task."""
    for task, of_task in material.tasks.items():
        shown = [c for c in of_task if 1e-6 < c.mean("fit_seconds") < 1e9 and not math.isnan(c.mean("roc_auc"))]
        notes = [f"The {MOST} best ranked of {len(shown)} configurations are drawn"] if len(shown) > MOST else []
        if not shown:
            notes.append("No run has both a time and an AUROC")
        panel = Panel(file_name("time", task), task, partial(draw, task, shown[:MOST]))
        yield Picture("time", task, _CAPTION, (panel,) if shown else (), tuple(notes))


def draw(task: str, of_task: Sequence[Configuration]) -> "Figure":
    """One point a configuration, named beside it."""
    figure, axes = canvas(_HEIGHT, f"{task}: time and AUROC")
    seconds, aurocs = [c.mean("fit_seconds") for c in of_task], [c.mean("roc_auc") for c in of_task]
    lows, highs = zip(*(_interval(c) for c in of_task), strict=True)
    axes.set_xscale("log")
    reach = max(max(seconds) / min(seconds), 2.0)
    axes.set_xlim(min(seconds) / reach**0.08 / 1.1, max(seconds) * reach**0.35 * 1.3)
    margin = max((max(highs) - min(lows)) * 0.08, 0.002)
    axes.set_ylim(min(lows) - margin, min(max(highs) + margin, 1 + margin))
    for c, x, y, low, high in zip(of_task, seconds, aurocs, lows, highs, strict=True):
        axes.plot([x, x], [low, high], color=c.style.colour, linewidth=1.1)
        axes.plot([x], [y], color=c.style.colour, marker=c.style.marker, markersize=6.5, markeredgewidth=0)
    _names(axes, of_task, seconds, aurocs)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    name_axes(axes, "seconds to fit, logarithmic", "AUROC")
    return figure


def _interval(configuration: Configuration) -> tuple[float, float]:
    """Over seeds; a single run has none."""
    value, group = configuration.mean("roc_auc"), configuration.group
    low, high = group.get("roc_auc_low", math.nan), group.get("roc_auc_high", math.nan)
    return (value, value) if math.isnan(low) or math.isnan(high) else (max(float(low), 0.0), min(float(high), 1.0))


def _names(axes: "object", of_task: Sequence[Configuration], seconds: Sequence[float], aurocs: Sequence[float]) -> None:
    """Right of each point; those that would lie over one another are moved apart, with a line to their point."""
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    bottom, top = axes.get_ylim()
    unit = (top - bottom) / _HEIGHT  # of a point
    places = spread(aurocs, 11.5 * unit, bottom + 6 * unit, top - 6 * unit)
    for c, x, y, place in zip(of_task, seconds, aurocs, places, strict=True):
        moved = abs(place - y) > 3 * unit
        axes.annotate(
            plain(c.solver, 22), (x, y), (9 if not moved else 14, (place - y) / unit), textcoords="offset points",
            fontsize=NORMAL, color=INK, va="center_baseline",
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3.5},
        )  # fmt: skip
