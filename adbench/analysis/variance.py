"""Sources of the variance of a configuration whose runs vary several kinds of seed."""

from typing import Any

import pandas as pd

from adbench.config.keys import SEED_KEYS
from adbench.errors import DataError
from adbench.results.record import DONE

SOURCES = {
    "protocol.split_seed": "split",
    "init_seed": "initial weights",
    "order_seed": "order of rows",
    "seed": "seed",
    "residual": "their interplay",
}
COLUMNS = ("task", "solver", "metric", "n", "source", "sd", "share", "share_low", "share_high")


def variance_sources(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per configuration with several varying seeds, and per seed: the standard deviation due to it, and its
    share of the variance with a 95 % interval. Empty if no configuration has two seeds that vary independently."""
    records: list[tuple[Any, ...]] = []
    seeds = [key for key in SEED_KEYS if key in rows]
    if metric in rows and len(seeds) > 1:
        done = rows[rows["status"] == DONE].dropna(subset=[metric]).drop_duplicates(["task", "solver", *seeds])
        for (task, solver), runs in done.groupby(["task", "solver"]):
            records += [(task, solver, metric, len(runs), *part) for part in _parts(runs, seeds, metric)]
    return pd.DataFrame(records, columns=COLUMNS)


def _parts(runs: pd.DataFrame, seeds: list[str], metric: str) -> list[tuple[str, float, float, float, float]]:
    from adbench.stats.variance import components, share_intervals

    factors = {key: runs[key].tolist() for key in seeds if runs[key].nunique() > 1}
    if len(factors) < 2:
        return []
    try:
        found = components(runs[metric].tolist(), factors)
        shares = share_intervals(runs[metric].tolist(), factors)
    except DataError:  # the seeds do not vary independently
        return []
    return [
        (SOURCES[name], part**0.5, share.value, share.low, share.high)
        for (name, part), share in zip(found.items(), shares.values(), strict=True)
    ]
