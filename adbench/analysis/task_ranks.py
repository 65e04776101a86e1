"""Ranks of detectors over datasets, and tests whether they differ at all (Demsar, JMLR 7, 2006).

The tests assume independent observations. Protocols of one dataset are not independent, nor are datasets of one source,
such as KDD Cup 99 and NSL-KDD, a selection of its rows: they count once, see `data.groups.group_of`.
"""

import re
from itertools import combinations
from typing import Any

import pandas as pd

from adbench.analysis.metric_names import less_is_better
from adbench.config.keys import CONTENT
from adbench.data.groups import group_of

ALPHA = 0.05
FEWEST, MOST = 2, 50  # solvers
FEWEST_TASKS = 5  # groups: Friedman's and Nemenyi's approximations need more; with fewer nothing is concluded


def source_of(task: str, data: str) -> str:
    """The group a task counts in: that of its data or, for a user's files without a name, the files themselves."""
    of_data = re.split(r" (?=protocol[.=])", task)[0]
    return of_data if _PATHS.search(of_data) else group_of(data)


_PATHS = re.compile(" data[.](" + "|".join(CONTENT["data"]) + ")=")


def over_tasks(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per solver with a result on every task, the best mean rank first; then one per solver that misses some,
    without a rank.

    The ranked values are means on `n_groups` groups of related data, n_tasks tasks in all: first over the tasks of a
    dataset, then over the datasets of a group.
    friedman_p: p value of equal ranks (Iman and Davenport's sharper form). critical_difference: mean ranks further
    apart than this differ (Nemenyi); not_separated_from_best: not further from the best than that. holm_p: Wilcoxon's
    signed ranks against the best, Holm-corrected over all pairs; with fewer than six groups it cannot fall below 5 %.
    misses: the tasks without a result, separated by commas.
    Empty for fewer than two groups or two solvers.
    """
    if not {"data", "task", "solver", metric} <= set(groups):
        return pd.DataFrame()
    table = groups.pivot_table(index="task", columns="solver", values=metric, dropna=False).dropna(how="all")
    lacking = table.isna()
    complete = table.loc[:, ~lacking.any()]
    data = groups.drop_duplicates("task").set_index("task")["data"].reindex(table.index)
    sources = [source_of(str(task), name) for task, name in data.items()]
    of_data = complete.groupby([sources, data.to_numpy()]).mean()
    ranked_on = of_data.groupby(level=0).mean()
    facts = {"n_groups": len(ranked_on), "n_tasks": len(table)}
    if len(ranked_on) < 2 or table.shape[1] < FEWEST or complete.shape[1] > MOST:
        return pd.DataFrame()
    left_out = [
        {"solver": name, **facts, "misses": ", ".join(table.index[of_solver])}
        for name, of_solver in lacking.items()
        if of_solver.any()
    ]
    return pd.DataFrame([*_ranked(ranked_on, metric, facts), *left_out], columns=_COLUMNS)


_COLUMNS = (
    *("solver", "mean_rank", "n_groups", "n_tasks", "friedman_p", "critical_difference"),
    *("not_separated_from_best", "holm_p", "misses"),
)


def _ranked(table: pd.DataFrame, metric: str, facts: dict[str, int]) -> list[dict[str, Any]]:
    """One record per solver, the best first. table: one row per group of data, one column per solver."""
    n_groups, n_solvers = table.shape
    if n_solvers < FEWEST:
        return []
    # scipy.stats takes a second to import, which a table of one task does not need.
    from adbench.stats.multiplicity import holm
    from adbench.stats.ranks import critical_difference, friedman, wilcoxon

    higher = not less_is_better(metric)
    found, difference = friedman(table.to_numpy(), higher), critical_difference(n_solvers, n_groups, ALPHA)
    pairs = list(combinations(table.columns, 2))
    adjusted = holm(wilcoxon(table[a].tolist(), table[b].tolist()) for a, b in pairs)
    p_value: dict[Any, float] = {frozenset(pair): float(p) for pair, p in zip(pairs, adjusted, strict=True)}
    ranked = pd.Series(found.mean_ranks, index=table.columns).sort_values(kind="stable")
    best = ranked.index[0]
    return [
        {
            "solver": name,
            "mean_rank": rank,
            **facts,
            "friedman_p": found.f_p_value,
            "critical_difference": difference,
            "not_separated_from_best": bool(rank - ranked.iloc[0] <= difference),
            "holm_p": p_value.get(frozenset((name, best)), float("nan")),
            "misses": "",
        }
        for name, rank in ranked.items()
    ]
