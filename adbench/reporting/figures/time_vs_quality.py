"""Fitting time against AUROC."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from adbench.reporting.content import Configuration, Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import NORMAL, canvas, logarithmic, name_axes
from adbench.reporting.figures.style import INK, SOFT, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND, TITLE = "time", "Time"
MOST = 24
_HEIGHT = 200.0
_CAPTION = (
    "How to read it: seconds of fitting, on a logarithmic axis, against AUROC; the mean over seeds, with the 95 %"
    " interval of AUROC over them where there are several. Best is the upper left corner. Times depend on the machine:"
    " compare those of one report only."
)


def pictures(material: Material) -> Iterator[Picture]:
    """One panel per task."""
    panels, notes = [], []
    for task, of_task in material.tasks.items():
        shown = [c for c in of_task if 1e-6 < c.mean("fit_seconds") < 1e9 and not math.isnan(c.mean("roc_auc"))]
        if not shown:
            notes.append(f"{task}: no run has both a time and an AUROC")
            continue
        if len(shown) > MOST:
            notes.append(f"{task}: the {MOST} best ranked of {len(shown)} configurations are drawn")
        panels.append(Panel(KIND, (task,), f"{task}: time and AUROC", partial(draw, task, shown[:MOST])))
    yield Picture(KIND, "", _CAPTION, tuple(panels), tuple(notes))


def draw(task: str, of_task: Sequence[Configuration]) -> "Figure":
    """One labelled point per configuration."""
    figure, axes = canvas(_HEIGHT, f"{task}: time and AUROC", left=54)
    seconds, aurocs = [c.mean("fit_seconds") for c in of_task], [c.mean("roc_auc") for c in of_task]
    lows, highs = zip(*(_interval(c) for c in of_task), strict=True)
    reach = max(max(seconds) / min(seconds), 2.0)
    logarithmic(axes, min(seconds) / reach**0.08 / 1.1, max(seconds) * reach**0.08 * 1.1)
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
    """The AUROC interval over seeds; of zero width for a single run."""
    value, group = configuration.mean("roc_auc"), configuration.group
    low, high = group.get("roc_auc_low", math.nan), group.get("roc_auc_high", math.nan)
    return (value, value) if math.isnan(low) or math.isnan(high) else (max(float(low), 0.0), min(float(high), 1.0))


def _names(axes: "Axes", of_task: Sequence[Configuration], seconds: Sequence[float], aurocs: Sequence[float]) -> None:
    """Label each point where the label hides the least of points, intervals and other labels."""
    unit = axes.transData
    points = [tuple(unit.transform(place)) for place in zip(seconds, aurocs, strict=True)]
    ends = [[float(unit.transform((x, end))[1]) for end in _interval(c)] for c, x in zip(of_task, seconds, strict=True)]
    taken = [
        (x - 4, min(low, y - 4), x + 4, max(high, y + 4)) for (x, y), (low, high) in zip(points, ends, strict=True)
    ]
    frame = axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1
    for c, (x, y) in zip(of_task, points, strict=True):
        name = plain(c.solver, 22)
        width = 5.2 * len(name)
        boxes = [_box(x, y, width, dx, dy) for dx, dy in _PLACES]
        best = min(
            range(len(boxes)), key=lambda i: (sum(_common(boxes[i], t) for t in taken) + _outside(boxes[i], frame), i)
        )
        taken.append(boxes[best])
        dx, dy = _PLACES[best]
        axes.annotate(
            name, (c.mean("fit_seconds"), c.mean("roc_auc")), (dx, dy), textcoords="offset points", fontsize=NORMAL,
            color=INK, ha="left" if dx > 0 else "right", va="center_baseline",
            arrowprops=_LEADER if abs(dy) > 8 else None,
        )  # fmt: skip


# Candidate label offsets, in points; nearest first.
_PLACES = ((7, 0), (-7, 0), (7, 9), (7, -9), (-7, 9), (-7, -9), (10, 20), (-10, 20), (10, -20), (-10, -20),
           (12, 34), (-12, 34), (12, -34), (-12, -34))  # fmt: skip
_LEADER = {"arrowstyle": "-", "color": SOFT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
_Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, dx: float, dy: float) -> _Box:
    left = x + dx if dx > 0 else x + dx - width
    return left, y + dy - 5, left + width, y + dy + 5


def _common(a: _Box, b: _Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: _Box, frame: _Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _common(box, frame)
