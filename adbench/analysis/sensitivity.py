"""How much a model's settings decide: who has no labels to choose by gets one of them, and not the best."""

import pandas as pd

from adbench.analysis.metric_names import less_is_better

FEWEST = 3  # settings: of two there is no median to speak of


def over_settings(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row for each task and model with results of `FEWEST` settings or more.

    n_settings: of these; best, median, worst: of their means over seeds, the metric's good end first. best_settings,
    worst_settings: which; the first of several equals. Empty without any.
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
