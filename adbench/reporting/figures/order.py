"""The figure modules in the order of the page."""

from adbench.reporting.figures import (
    critical_difference,
    curves,
    false_alarms,
    family_heatmap,
    over_time,
    score_histograms,
    time_vs_quality,
    training_curves,
)
from adbench.reporting.figures.base import FigureModule

FIGURES: tuple[FigureModule, ...] = (
    curves,
    score_histograms,
    family_heatmap,
    false_alarms,
    over_time,
    training_curves,
    time_vs_quality,
    critical_difference,
)
