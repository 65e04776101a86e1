"""Critical-difference diagram (Demsar 2006): mean ranks over datasets, with bars joining indistinguishable ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from adbench.analysis.task_ranks import FEWEST_TASKS
from adbench.reporting.content import Material
from adbench.reporting.figures.base import Panel, Picture
from adbench.reporting.figures.canvas import NORMAL, SMALL, canvas
from adbench.reporting.figures.style import ALARM, INK, SOFT, Style, plain
from adbench.stats.ranks import not_separated
from adbench.text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND, TITLE = "ranks", "Ranks"
MOST = 16
_CAPTION = (
    "How to read it: the mean rank by AUROC over the datasets that all of these have, 1 the best; datasets of one"
    " source count as one group. Two detectors whose ranks differ by less than the critical difference (Nemenyi, at"
    " 5 %) are not told apart; a bar joins them."
)


@dataclass(frozen=True)
class Ranked:
    """A solver with its mean rank."""

    name: str
    rank: float
    style: Style


def pictures(material: Material) -> Iterator[Picture]:
    """One picture over all groups of data; without panels if there are too few to rank."""
    ranked, table = _ranked(material), material.summary.over_tasks
    left_out = [f"{row['solver']} ({row['misses']})" for row in table.to_dict("records") if row["misses"]]
    notes = [f"Not ranked, for want of a result: {shorten(', '.join(left_out), 300)}"] if left_out else []
    if not ranked:
        notes.insert(0, "Inconclusive: ranks need two detectors with results on the same two datasets, unrelated ones")
        yield Picture(KIND, "", _CAPTION, (), tuple(notes))
        return
    difference, n_groups = float(table["critical_difference"].iloc[0]), int(table["n_groups"].iloc[0])
    if n_groups < FEWEST_TASKS or ranked[-1].rank - ranked[0].rank < difference:
        apart = ranked[-1].rank - ranked[0].rank
        notes.append(
            f"Inconclusive: over {n_groups} groups of data two mean ranks must differ by {difference:.2f} to be told"
            f" apart, and those of the best and the last of {len(ranked)} differ by {apart:.2f}"
            + (f"; fewer than {FEWEST_TASKS} groups decide nothing" if n_groups < FEWEST_TASKS else "")
        )
    yield Picture(KIND, "", _CAPTION, (Panel(KIND, (), "mean ranks", partial(draw, ranked, difference)),), tuple(notes))


def _ranked(material: Material) -> list[Ranked]:
    """The solvers that `summarize` ranks over all tasks, best first."""
    styles = {c.solver: c.style for c in material.configurations}
    rows = [row for row in material.summary.over_tasks.to_dict("records") if not row["misses"]]
    return [Ranked(row["solver"], row["mean_rank"], styles[row["solver"]]) for row in rows[:MOST]]


def draw(ranked: Sequence[Ranked], difference: float) -> "Figure":
    """The better half labelled at the left, from above; the others at the right."""
    half = -(-len(ranked) // 2)
    groups = not_separated([one.rank for one in ranked], difference)
    bars = [(ranked[group[0]].rank, ranked[group[-1]].rank) for group in groups]
    height = 46 + 9 * len(bars) + 17 * half
    figure, axes = canvas(height, "mean rank by AUROC", width=500, left=110, right=110, bottom=8)
    last = float(max(len(ranked), 2))
    axes.set_xlim(1, last)
    axes.set_ylim(height, 0)
    axes.axis("off")
    axes.plot([1, last], [30, 30], color=SOFT, linewidth=1)
    for rank in range(1, int(last) + 1):
        axes.plot([rank, rank], [26, 30], color=SOFT, linewidth=1)
        axes.text(rank, 23, str(rank), ha="center", va="bottom", fontsize=SMALL, color=SOFT)
    shown = min(difference, last - 1)
    axes.plot([1, 1 + shown], [6, 6], color=ALARM, linewidth=1.6, marker="|", markersize=6)
    axes.text(1 + shown, 6, f"  critical difference {difference:.2f}", va="center", fontsize=SMALL, color=SOFT)
    for i, (low, high) in enumerate(bars):
        axes.plot([low - 0.04, high + 0.04], [38 + 9 * i] * 2, color=INK, linewidth=3.5, solid_capstyle="round")
    for i, one in enumerate(ranked):
        left = i < half
        y = 42 + 9 * len(bars) + 17 * (i if left else len(ranked) - 1 - i) + 6
        side = 1 - (last - 1) * 0.02 if left else last + (last - 1) * 0.02
        axes.plot([one.rank, one.rank, side], [30, y, y], color=SOFT, linewidth=0.8, clip_on=False)
        axes.plot([one.rank], [30], color=one.style.colour, marker=one.style.marker, markersize=6, markeredgewidth=0)
        axes.annotate(
            f"{plain(one.name, 16)}  {one.rank:.2f}", (side, y), (-4 if left else 4, 0), textcoords="offset points",
            fontsize=NORMAL, ha="right" if left else "left", va="center_baseline", color=INK, annotation_clip=False,
        )  # fmt: skip
    return figure
