"""Heat map of detection per family and configuration, with the numbers in the cells."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adbench.reporting.content import Configuration, Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import NORMAL, SMALL, canvas
from adbench.reporting.figures.style import HEAT, INK_HIGH, INK_LOW, LEVELS, SOFT, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "families", "Families"
MOST, MOST_FAMILIES = 24, 14
_ROW, _COLUMN = 21.0, 44.0
_CAPTION = (
    "How to read it: percent of each family's test rows that lie above the threshold, the mean over seeds; the stronger"
    " a cell, the more. Below each family stands how many test rows it has: a few rows make a rough number. The last"
    " two columns are all anomalies, and the normal rows that were reported, which is the price."
)


def pictures(material: Material) -> Iterator[Picture]:
    """One panel per task."""
    panels, notes = [], []
    for task, of_task in material.tasks.items():
        families = _families(of_task)
        if len(of_task) > MOST:
            notes.append(f"{task}: the {MOST} best ranked of {len(of_task)} configurations are shown")
        if len(families) > MOST_FAMILIES:
            notes.append(f"{task}: the {MOST_FAMILIES} largest of {len(families)} families are shown")
        shown = partial(draw, task, of_task[:MOST], dict(list(families.items())[:MOST_FAMILIES]))
        panels.append(Panel(KIND, (task,), f"{task}: detection per family", shown))
    yield Picture(KIND, "", _CAPTION, tuple(panels), tuple(notes))


def _families(of_task: Sequence[Configuration]) -> dict[str, float]:
    """Family -> number of test rows, largest first."""
    sizes: dict[str, float] = {}
    for configuration in of_task:
        for name, value in configuration.runs[0].metrics.items():
            if name.startswith("family/") and name.endswith("/n"):
                sizes.setdefault(name.removeprefix("family/").removesuffix("/n"), value)
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def draw(task: str, of_task: Sequence[Configuration], families: dict[str, float]) -> "Figure":
    """One row per configuration."""
    columns = {name: f"family/{name}/recall" for name in families} | {"all": "recall", "normal": "test_fpr"}
    names = [plain(c.solver, 28) for c in of_task]
    left = 12 + 4.8 * max(map(len, names))
    figure, axes = canvas(
        _ROW * len(names), f"{task}: detected at the threshold, percent",
        width=left + _COLUMN * len(columns) + 14, left=left, right=14, bottom=40,
    )  # fmt: skip
    for i, configuration in enumerate(of_task):
        for j, metric in enumerate(columns.values()):
            _cell(axes, j + (j >= len(families)) * 0.18, i, configuration.mean(metric))
    axes.set_xlim(0, len(columns) + 0.18)
    axes.set_ylim(len(names), 0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    sizes = [f"{families[name]:,.0f}" if name in families else "" for name in columns]
    labels = [f"{plain(name, 9)}\n{size}" for name, size in zip(columns, sizes, strict=True)]
    places = [j + (j >= len(families)) * 0.18 + 0.5 for j in range(len(columns))]
    axes.set_xticks(places, labels, fontsize=SMALL, color=SOFT)
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=NORMAL)
    axes.tick_params(length=0)
    return figure


def _cell(axes: "object", x: float, y: float, share: float) -> None:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

    assert isinstance(axes, Axes)
    if np.isnan(share):
        axes.text(x + 0.5, y + 0.5, "-", ha="center", va="center", fontsize=NORMAL, color=SOFT)
        return
    level = round(share * (LEVELS - 1))
    axes.add_patch(Rectangle((x + 0.02, y + 0.04), 0.96, 0.92, facecolor=HEAT[f"h{level}"][0], linewidth=0))
    text = f"{100 * share:.1f}" if 0 < share < 0.0995 else f"{100 * share:.0f}"
    ink = INK_HIGH if level > LEVELS // 2 else INK_LOW
    axes.text(x + 0.5, y + 0.5, text, ha="center", va="center_baseline", fontsize=NORMAL, color=ink)
