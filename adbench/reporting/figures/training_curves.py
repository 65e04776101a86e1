"""Training curves: losses per epoch, one line per seed."""

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from adbench.reporting.content import Configuration, Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import canvas, legend, legend_height, name_axes
from adbench.reporting.figures.style import Style, style
from adbench.reporting.score_views import POINTS
from adbench.results.record import HISTORY, read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "training", "Training"
MOST, MOST_SEEDS, MOST_LOSSES = 9, 12, 4
_HEIGHT = 130.0
_CAPTION = (
    "How to read it: the mean loss of each epoch, one line a seed. Lines that still fall at the end say that more"
    " epochs might help; lines far apart, that the seed matters. Losses of different models do not compare. Models"
    " without a network have no curve."
)
Curves = dict[str, list[tuple[list[float], list[float]]]]  # loss -> epochs and values per seed


def pictures(material: Material) -> Iterator[Picture]:
    """One picture per task, with one panel per configuration that recorded a history."""
    for task, of_task in material.tasks.items():
        curves = [(c, found) for c in of_task if (found := _curves(c))]
        notes = [f"The {MOST} best ranked of {len(curves)} are drawn"] if len(curves) > MOST else []
        if not curves:
            notes.append("No run left a history of losses")
        panels = (
            Panel(KIND, (task, c.solver), f"{c.solver} on {task}", partial(draw, c, found))
            for c, found in curves[:MOST]
        )
        yield Picture(KIND, task, _CAPTION, tuple(panels), tuple(notes))


def _curves(configuration: Configuration) -> Curves:
    found: Curves = {}
    for run in configuration.runs[:MOST_SEEDS]:
        history = read_history(run.folder / HISTORY)
        names = [name for name in history[0] if isinstance(name, str) and "loss" in name] if history else []
        for name in names[:MOST_LOSSES]:
            points = [(i, row[name]) for i, row in enumerate(history, 1) if name in row and _is_drawable(row[name])]
            if points:
                every = -(-len(points) // POINTS)
                epochs, values = zip(*points[::every], strict=True)
                found.setdefault(name, []).append((list(epochs), list(values)))
    return dict(list(found.items())[:MOST_LOSSES])


def _is_drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < 1e12


def draw(configuration: Configuration, curves: Curves) -> "Figure":
    """One line style per loss."""
    from matplotlib.ticker import MaxNLocator

    first = configuration.style
    styles = [Style(first.colour, ("-", (0, (5, 1.8)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)))[i], style(i).marker)
              for i in range(len(curves))]  # fmt: skip
    labels = [name.replace("_", " ") for name in curves]
    below = legend_height(labels) if len(curves) > 1 else 0
    figure, axes = canvas(_HEIGHT, f"{configuration.solver} on {configuration.task}", bottom=33 + below, left=54)
    for look, lines in zip(styles, curves.values(), strict=True):
        for x, y in lines:
            dotted = look.marker if len(x) <= 12 else ""
            axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=1.1, marker=dotted, markersize=2.6,
                      markeredgewidth=0)  # fmt: skip
    if below:
        legend(axes, styles, labels)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    name_axes(axes, "epoch", "loss" if len(curves) == 1 and "loss" in curves else "")
    return figure
