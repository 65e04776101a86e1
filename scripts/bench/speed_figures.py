"""Figures of scripts/bench/scaling.py, in the style of a report, with labels at the ends of the lines."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from adbench.reporting.figures.canvas import canvas, line, name_axes
from adbench.reporting.figures.style import COLOURS, Style

LABELS = {
    "rows": ("Time to fit a row, by rows of the table", "rows of the table, 8 columns each"),
    "columns": ("Time to fit a row, by columns of the table", "columns of the table, 53,874 rows"),
    "seeds": ("Time to fit a row for one seed, by seeds trained at once", "seeds, 53,874 rows of 80 columns each"),
}
COLOUR = {"ae": COLOURS["c0"][0], "vae": COLOURS["c3"][0]}
LINE: dict[str, tuple[str | tuple[float, tuple[float, ...]], str]] = {
    "adbench": ("-", "o"),
    "adbench, fused": ("-", "o"),
    "adbench, one by one": ((0, (5, 1.8)), "s"),
    "hand-written": ((0, (1.2, 1.4)), "^"),
}
WIDTH, HEIGHT, LABEL_WIDTH = 540.0, 250.0, 118.0  # in points
DPI = 160  # twice as wide as a page's column


def draw(measured: pd.DataFrame, axis: str, path: Path) -> None:
    """Draw microseconds per row; columns of the table: size, model, who, us_per_row."""
    title, x_label = LABELS[axis]
    figure, axes = canvas(HEIGHT, title, width=WIDTH, left=48, right=LABEL_WIDTH, bottom=40)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = {}
    for (model, who), of_line in measured.groupby(["model", "who"]):
        of_line = of_line.sort_values("size")
        dashes, marker = LINE[str(who)]
        style = Style(COLOUR[str(model)], dashes, marker)
        line(axes, of_line["size"], of_line["us_per_row"], style)
        ends[f"{model}, {who}"] = (float(of_line["us_per_row"].iloc[-1]), style.colour)
    sizes = sorted(measured["size"].unique())
    label_x(axes, sizes)
    label_y(axes)
    name_axes(axes, x_label, "microseconds a row, one epoch, one thread")
    label_ends(axes, sizes[-1], ends)
    figure.savefig(path, dpi=DPI)


def label_x(axes: Axes, sizes: list[int]) -> None:
    """One tick per measured size."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(LogLocator(subs=()))


def label_y(axes: Axes) -> None:
    """Plain numbers at 1, 2 and 5 of each decade."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def label_ends(axes: Axes, x: float, ends: dict[str, tuple[float, str]]) -> None:
    """Label each line at its last point, moving labels up if they overlap."""
    below = float("-inf")
    for name, (y, colour) in sorted(ends.items(), key=lambda end: end[1][0]):
        place = axes.transData.transform((x, y))[1]
        below = max(place, below + 12 * axes.figure.dpi / 72)
        moved = (below - place) * 72 / axes.figure.dpi
        axes.annotate(name, (x, y), (8, moved), textcoords="offset points", va="center", fontsize=9, color=colour)
