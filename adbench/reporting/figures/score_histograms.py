"""Score histograms of the normals and each family, stacked vertically, with the threshold through all of them."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adbench.reporting.content import Configuration, Material, with_scores
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import SMALL, canvas, name_axes
from adbench.reporting.figures.style import ALARM, FAINT, INK, SOFT, plain
from adbench.reporting.score_views import Numbers, on_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "scores", "Scores"
MOST = 9  # panels per task
_ROW = 19.0  # points
_CAPTION = (
    "How to read it: each row is a histogram of scores, the first one of the normal test rows. What lies right of the"
    " red line is reported; the number at the right is its share: false alarms in the first row, detections in the"
    " others. A detector is good where the first row stays left and the others stay right. The axis puts the median"
    " normal row at 0 and the threshold at 1, and is logarithmic far from them; a height is the square root of a share,"
    " so that rare scores show. One run a configuration: its first seed."
)
_TICKS = (-1000, -100, -10, -3, -1, 0, 0.5, 1, 2, 5, 10, 30, 100, 1000, 10_000)


def pictures(material: Material) -> Iterator[Picture]:
    """One picture per task, with one panel per configuration."""
    for task, of_task in material.tasks.items():
        shown, notes = with_scores(of_task, MOST)
        panels = (Panel(KIND, (task, c.solver), f"{c.solver} on {task}", partial(draw, c)) for c in shown)
        yield Picture(KIND, task, _CAPTION, tuple(panels), tuple(notes))


def draw(configuration: Configuration) -> "Figure":
    """The histograms of a configuration's first run."""
    from matplotlib.collections import PolyCollection

    seen, run = configuration.view, configuration.runs[0]
    names = [plain(ridge.family, 16) for ridge in seen.ridges]
    figure, axes = canvas(
        _ROW * len(names) + 8, f"{configuration.solver} on {configuration.task}",
        left=10 + 4.6 * max(5, *map(len, names)), right=46,
    )  # fmt: skip
    cut = int(np.searchsorted(seen.edges, seen.threshold - 1e-9))
    strong = [ALARM, *[configuration.style.colour] * (len(names) - 1)]
    bases = np.arange(len(names))[::-1].astype(float)
    tops = [base + np.sqrt(r.shares / r.shares.max()) * 0.82 for base, r in zip(bases, seen.ridges, strict=True)]
    for part, colours in ((slice(0, cut), FAINT), (slice(cut, None), strong)):
        edges = seen.edges[part.start : part.stop + 1 if part.stop is not None else None]
        shapes = [_steps(edges, top[part], base) for top, base in zip(tops, bases, strict=True)]
        axes.add_collection(PolyCollection(shapes, facecolors=colours, linewidths=0), autolim=False)
    axes.hlines(bases, seen.edges[0], seen.edges[-1], color=FAINT, linewidth=0.6)
    for base, ridge, colour in zip(bases, seen.ridges, [ALARM, *[INK] * (len(names) - 1)], strict=True):
        axes.text(1.02, base + 0.12, _share(ridge.reported), transform=axes.get_yaxis_transform(), fontsize=SMALL,
                  color=colour)  # fmt: skip
    axes.axvline(seen.threshold, color=ALARM, linewidth=1.1)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(seen.edges[0], seen.edges[-1])
    axes.set_ylim(-0.05, len(names) + 0.05)
    axes.set_yticks([len(names) - 1 - i + 0.28 for i in range(len(names))], names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    ticks = [t for t in _TICKS if seen.edges[0] <= on_axis(t) <= seen.edges[-1]]
    axes.set_xticks(on_axis(ticks), [f"{t:,}" for t in ticks])
    name_axes(axes, f"score; threshold {run.metrics['threshold']:.4g}")
    figure.text(1 - 6 / (figure.bbox.width or 1), axes.get_position().y1 + 4 / figure.bbox.height, "reported",
                fontsize=7, color=SOFT, ha="right")  # fmt: skip
    return figure


def _steps(edges: Numbers, tops: Numbers, base: float) -> Numbers:
    """The outline of a histogram, shape (points, 2)."""
    x = np.repeat(edges, 2)
    y = np.concatenate([[base], np.repeat(tops, 2), [base]])
    return np.column_stack([x, y])


def _share(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %" if percent >= 0.1 else "<0.1 %"
