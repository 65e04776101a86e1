"""Promised against achieved false alarms: one point per run, with the interval of its threshold's own rate, and
ringed if the promise is exceeded.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adbench.evaluation.promise import exceeded, promises
from adbench.reporting.content import Configuration, Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import NORMAL, SMALL, canvas, logarithmic, name_axes
from adbench.reporting.figures.style import ALARM, SOFT, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "alarms", "False alarms"
MOST = 24
_ROW = 24.0
_CAPTION = (
    "How to read it: each point is one run: the share of normal test rows that its threshold reported, with Wilson's"
    " 95 % interval of this one threshold's rate. The red line is the share that was promised from normals set aside in"
    " training: an average over draws of those, around which thresholds spread, so that an interval may well lie right"
    " of it. A ringed point is right of it by more than both draws explain in 95 of 100 cases: there the promise is"
    " exceeded, and the test normals are not like those set aside. Points left of the line keep it. The axis is"
    " logarithmic; a run without any false alarm stands at its left edge, as an arrow."
)


def pictures(material: Material) -> Iterator[Picture]:
    """One panel per task."""
    panels, notes = [], []
    for task, of_task in material.tasks.items():
        shown = [c for c in of_task if any(_promises(run.metrics) for run in c.runs)]
        if not shown:
            notes.append(f"{task}: no run promises a false-positive rate")
            continue
        if len(shown) > MOST:
            notes.append(f"{task}: the {MOST} best ranked of {len(shown)} configurations are shown")
        panels.append(Panel(KIND, (task,), f"{task}: false alarms", partial(draw, task, shown[:MOST])))
    yield Picture(KIND, "", _CAPTION, tuple(panels), tuple(notes))


def _promises(metrics: dict[str, float]) -> bool:
    return promises(metrics) and {"test_fpr", "target_fpr"} <= metrics.keys()


def draw(task: str, of_task: Sequence[Configuration]) -> "Figure":
    """One row per configuration, with its runs next to each other."""
    names = [plain(c.solver, 24) for c in of_task]
    figure, axes = canvas(
        _ROW * len(names) + 6, f"{task}: false alarms", left=12 + 4.8 * max(4, *map(len, names)), bottom=33
    )
    points = [
        (i, c, run.metrics) for i, c in enumerate(of_task) for run in c.runs if _promises(run.metrics)
    ]  # fmt: skip
    seen = [m[key] for _, _, m in points for key in ("test_fpr", "test_fpr_low", "target_fpr") if m.get(key, 0) > 1e-7]
    low, high = (
        min(seen, default=1e-3) / 1.6,
        max((m.get("test_fpr_high", m["test_fpr"]) for *_, m in points), default=1),
    )
    high = min(1.0, max(high, max(seen, default=1.0)) * 1.6)
    logarithmic(axes, low, max(high, low * 8))
    for i, configuration in enumerate(of_task):
        runs = [m for j, _, m in points if j == i]
        for k, m in enumerate(runs):
            _run(axes, i + 0.5 + (k - (len(runs) - 1) / 2) * min(0.16, 0.8 / len(runs)), m, configuration, low)
        promised = runs[0]["target_fpr"]
        axes.plot([promised, promised], [i + 0.04, i + 0.96], color=ALARM, linewidth=1.6, zorder=1)
    axes.set_ylim(len(names), 0)
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=NORMAL)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    _percent_ticks(axes)
    name_axes(axes, "normal test rows reported")
    return figure


def _run(axes: "object", y: float, m: dict[str, float], configuration: Configuration, low: float) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    style = configuration.style
    bounds = max(m.get("test_fpr_low", m["test_fpr"]), low), max(m.get("test_fpr_high", m["test_fpr"]), low)
    axes.plot(bounds, [y, y], color=style.colour, linewidth=1.0, solid_capstyle="butt")
    place, marker = (m["test_fpr"], style.marker) if m["test_fpr"] > low else (low * 1.04, "<")
    axes.plot([place], [y], color=style.colour, marker=marker, markersize=3.6, markeredgewidth=0, linestyle="none")
    if exceeded([m]):
        axes.plot([place], [y], color=ALARM, marker="o", markersize=7, fillstyle="none", linestyle="none")


def _percent_ticks(axes: "object") -> None:
    from matplotlib.axes import Axes
    from matplotlib.ticker import FuncFormatter, LogLocator

    assert isinstance(axes, Axes)
    low, high = axes.get_xlim()
    wide = high / low > 150
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.tick_params(axis="x", labelsize=SMALL, labelcolor=SOFT)
