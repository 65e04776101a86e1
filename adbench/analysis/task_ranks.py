"""Do detectors differ over datasets at all? Their ranks, task by task (Demsar, JMLR 7, 2006)."""

from itertools import combinations

import pandas as pd

from adbench.analysis.metric_names import less_is_better

ALPHA = 0.05
FEWEST, MOST = 2, 50  # solvers
FEWEST_TASKS = 5  # Friedman's and Nemenyi's approximations want more; below that nothing is concluded


def over_tasks(groups: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row for each solver with a result on every task that any of them shares, the best mean rank first.

    friedman_p: whether all rank the same, by Iman and Davenport's sharper form. critical_difference: mean ranks further
    apart than this differ (Nemenyi); not_separated_from_best says which do not. holm_p: of Wilcoxon's signed ranks
    against the best, corrected by Holm over all pairs; with fewer than six tasks it cannot fall below 5 %.
    Empty for fewer than two tasks or two solvers.
    """
    if not {"task", "solver", metric} <= set(groups):
        return pd.DataFrame()
    table = groups.pivot_table(index="task", columns="solver", values=metric)
    table = table.loc[:, table.notna().all()] if len(table) > 1 else table
    n_tasks, n_solvers = table.shape
    if n_tasks < 2 or not FEWEST <= n_solvers <= MOST:
        return pd.DataFrame()
    # scipy.stats takes a second to import, which a table of one task need not wait for.
    from adbench.stats.multiplicity import holm
    from adbench.stats.ranks import critical_difference, friedman, wilcoxon

    higher = not less_is_better(metric)
    found, difference = friedman(table.to_numpy(), higher), critical_difference(n_solvers, n_tasks, ALPHA)
    pairs = list(combinations(table.columns, 2))
    adjusted = holm(wilcoxon(table[a].tolist(), table[b].tolist()) for a, b in pairs)
    p_value = {frozenset(pair): float(p) for pair, p in zip(pairs, adjusted, strict=True)}
    ranked = pd.Series(found.mean_ranks, index=table.columns).sort_values(kind="stable")
    best = ranked.index[0]
    return pd.DataFrame(
        {
            "solver": ranked.index,
            "mean_rank": ranked.to_numpy(),
            "n_tasks": n_tasks,
            "friedman_p": found.f_p_value,
            "critical_difference": difference,
            "not_separated_from_best": (ranked - ranked.iloc[0] <= difference).to_numpy(),
            "holm_p": [p_value.get(frozenset({name, best}), float("nan")) for name in ranked.index],
        }
    )
