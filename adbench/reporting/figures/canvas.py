"""Axes sized in points, with legends below them. Uses no pyplot, hence no global state and no display."""

from collections.abc import Sequence
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from adbench.reporting.figures.style import FAINT, GRID, INK, SOFT, Style, plain

WIDTH = 312.0  # of a panel, in points: three fit side by side on a page of 1,300 pixels
SMALL, NORMAL = 8.0, 9.0
_LEGEND_LINE = 11.5


def canvas(
    height: float, title: str, *, width: float = WIDTH, left: float = 42, right: float = 12, bottom: float = 34
) -> tuple[Figure, Axes]:
    """A figure with one axes; its height and margins in points."""
    top = 24.0
    total = height + top + bottom
    figure = Figure(figsize=(width / 72, total / 72), dpi=72, facecolor="white")
    axes = figure.add_axes((left / width, bottom / total, (width - left - right) / width, height / total))
    size = 10.0 if 6.6 * len(title) <= width - 12 else 8.5  # a bold letter takes about 0.66 of its size
    words = plain(title, int((width - 12) / (0.66 * size)))
    figure.text(6 / width, 1 - 13 / total, words, fontsize=size, weight="bold", color=INK)
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Style the axes: thin lines, small numbers, no top and right spines."""
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
        spine.set_linewidth(0.8)
    axes.tick_params(which="both", labelsize=SMALL, labelcolor=SOFT, color=FAINT, width=0.8, length=3, pad=3)
    axes.tick_params(which="minor", length=1.5)
    axes.grid(True, which="major", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """Make the x axis logarithmic, without minor ticks, which would take much of the time and bytes."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())


def name_axes(axes: Axes, x: str, y: str = "") -> None:
    """Label the axes."""
    axes.set_xlabel(x, fontsize=NORMAL, color=SOFT, labelpad=4)
    axes.set_ylabel(y, fontsize=NORMAL, color=SOFT, labelpad=4)


def legend_height(labels: Sequence[str]) -> float:
    """Height in points of a legend with these labels."""
    return 4 + _LEGEND_LINE * -(-len(labels) // _columns(labels))


def legend(axes: Axes, styles: Sequence[Style], labels: Sequence[str]) -> None:
    """Draw a legend below the axes; the bottom margin must include its `legend_height`."""
    handles = [
        Line2D([], [], color=s.colour, linestyle=cast(Any, s.line), marker=s.marker, markersize=4, linewidth=1.6)
        for s in styles
    ]
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(
        handles,
        [plain(text, 46) for text in labels],
        loc="lower left",
        bbox_to_anchor=(4 / (figure.bbox.width or 1), 0),
        ncols=_columns(labels),
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=2.6,
        columnspacing=1.4,
        handletextpad=0.5,
        labelspacing=0.45,
        borderpad=0.2,
        borderaxespad=0.2,
    )


def _columns(labels: Sequence[str]) -> int:
    longest = max((len(label) for label in labels), default=0)
    return 3 if longest <= 13 else 2 if longest <= 24 else 1


def line(axes: Axes, x: Any, y: Any, style: Style, **more: Any) -> None:
    """Plot a curve with a few markers along it."""
    every = max(1, len(x) // 6)
    start = _offset(style) % every
    axes.plot(
        x, y, color=style.colour, linestyle=style.line, linewidth=1.5, marker=style.marker, markersize=3.6,
        markevery=(start, every), markeredgewidth=0, clip_on=True, **more,
    )  # fmt: skip


def _offset(style: Style) -> int:
    """Marker offset of a curve: different between curves, the same in every report."""
    return 7 * ord(style.marker[0])
