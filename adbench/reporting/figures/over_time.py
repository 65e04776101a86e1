"""AUROC and false alarms over time slices of the test rows, one line per configuration."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adbench.evaluation import over_time, shift
from adbench.evaluation.over_time import Slice, slices_in
from adbench.reporting.content import Configuration, Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import canvas, legend, legend_height, line, name_axes
from adbench.reporting.figures.style import ALARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND, TITLE = "over_time", "Over time"
MOST = 8
_HEIGHT = 130.0
_CAPTION = (
    "How to read it: the test rows in order of their time, in up to ten slices of about equally many; the threshold is"
    " the same in all of them. Lines that fall, or false alarms that rise, say that what was learned gets old. A slice"
    " of a few anomalies makes a rough AUROC. The red line is the promised share of false alarms."
)
_MOVED = (
    "How to read it: whether the normals moved since those that set the threshold, by the test of Mann and Whitney on"
    " their scores. P is the probability that a test normal scores above a calibration normal, .5 where nothing moved."
)
_PANELS = {"roc_auc": "AUROC over time", "test_fpr": "false alarms over time"}
Lines = list[tuple[Configuration, list[Slice]]]


def pictures(material: Material) -> Iterator[Picture]:
    """One picture per task: the result of the two-sample test and, if its rows have times, two panels."""
    for task, of_task in material.tasks.items():
        timed = [(c, found) for c in of_task[:MOST] if (found := _slices(c))]
        notes = [f"{c.solver}: {said}" for c in of_task[:MOST] if (said := shift.in_words(c.runs[0].metrics))]
        if not timed and not notes:
            continue
        if len(of_task) > MOST:
            notes.append(f"The {MOST} best ranked of {len(of_task)} configurations are shown")
        panels = (
            Panel(KIND, (task, metric), f"{task}: {title}", partial(draw, f"{task}: {title}", timed, metric))
            for metric, title in _PANELS.items()
            if any(not math.isnan(getattr(one, metric)) for _, found in timed for one in found)
        )
        yield Picture(KIND, task, _CAPTION if timed else _MOVED, tuple(panels), tuple(notes))


def _slices(configuration: Configuration) -> list[Slice]:
    """The slices of its first seed: another seed can have other test rows, and so other slices."""
    return [one for one in slices_in(configuration.runs[0].metrics) if abs(one.start) < 1e12 and abs(one.end) < 1e12]


def draw(title: str, timed: Lines, metric: str) -> "Figure":
    """Each slice at the midpoint of its time."""
    labels = [c.solver for c, _ in timed]
    figure, axes = canvas(_HEIGHT, title, bottom=33 + legend_height(labels), left=50)
    for configuration, slices in timed:
        points = [((one.start + one.end) / 2, getattr(one, metric)) for one in slices]
        x, y = zip(*[point for point in points if not math.isnan(point[1])] or [(math.nan, math.nan)], strict=True)
        line(axes, np.array(x), np.array(y), configuration.style)
    if metric == "test_fpr":
        for promised in {c.runs[0].metrics["target_fpr"] for c, _ in timed if c.runs[0].metrics.get("promises_fpr", 1)}:
            axes.axhline(promised, color=ALARM, linewidth=1.2, zorder=1)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    legend(axes, [c.style for c, _ in timed], labels)
    _times(axes, timed)
    name_axes(axes, "time", _PANELS[metric].removesuffix(" over time"))
    return figure


def _times(axes: "Axes", timed: Lines) -> None:
    """Format the time axis, as dates if all these runs' times are dates."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(4))
    if not all(c.runs[0].environment.get(over_time.IS_DATE) for c, _ in timed):
        return
    ends = [end for _, slices in timed for one in slices for end in (one.start, one.end)]
    days = (max(ends) - min(ends)) / 86_400
    form = "%H:%M:%S" if days < 0.05 else "%m-%d %H:%M" if days < 4 else "%Y-%m-%d"
    axes.xaxis.set_major_formatter(lambda value, _: _date(value, form))


def _date(value: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return f"{value:g}"
