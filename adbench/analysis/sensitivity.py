"""Sensitivity to settings: best, median and worst setting of a model. Without labels, the best one cannot be chosen."""

import pandas as pd

from adbench.analysis.metric_names import less_is_better

FEWEST = 3  # settings: a median of two says nothing


def over_settings(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per task and model with results of at least `FEWEST` settings.

    n_settings: their number. best, median, worst: of the settings' means over seeds, in the metric's direction.
    best_settings, worst_settings: the settings themselves, the first one in case of ties. Empty if no model has enough.
    """
    if not {"task", "model", "solver", metric} <= set(groups):
        return pd.DataFrame()
    records = []
    known = groups.dropna(subset=[metric])
    for (task, model), of_model in known.groupby(["task", "model"], sort=True):
        if of_model["solver"].nunique() < FEWEST:
            continue
        means = of_model.groupby("solver")[metric].mean()
        low, high = str(means.idxmin()), str(means.idxmax())
        best, worst = (low, high) if less_is_better(metric) else (high, low)
        settings = [name.removeprefix(str(model)).strip() for name in (best, worst)]
        found = (float(means[best]), float(means.median()), float(means[worst]))
        records.append((task, model, len(means), *found, *settings))
    return pd.DataFrame(records, columns=_COLUMNS if records else None)


_COLUMNS = ("task", "model", "n_settings", "best", "median", "worst", "best_settings", "worst_settings")
