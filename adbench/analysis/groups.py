"""Table of configurations: tidy rows aggregated to one row per configuration, with intervals, ranks and controls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from adbench.analysis.metric_names import less_is_better
from adbench.analysis.rows import metric_columns, seeds_of
from adbench.evaluation.controls import ORACLE, PREFIX, UNTRAINED
from adbench.evaluation.metric_table import shares
from adbench.results.record import DONE, INCOMPLETE, PRUNED
from adbench.stats.intervals import half_width

GAIN, LEAD = "training_gain", "lead"
UNCLEAR, YES, NO = "unclear", "yes", "no"
_UNIT = ["task", "solver", "_seeds"]  # one run; repetitions of a run count once
# Controls that show leakage, but that nobody could use instead of a model.
_NOT_RIVALS = (ORACLE, UNTRAINED)


def over_seeds(rows: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """One row per value of the columns `by`, sorted by them.

    n: finished runs; a seed that was run in several folders counts once. failed: runs that ended otherwise. missing:
    seeds that other configurations of the same task have, and that neither finished nor failed here.
    Each metric: the mean, and with _low and _high its 95 % interval (NaN for a single run): Student's t over the n runs
    plus, for metrics whose runs record it, the variance over the test rows, which all runs are assumed to share;
    clipped to [0, 1] if the metric is.
    task and solver: if all runs of a row have the same one. rank: by the first metric, within the task or, without a
    task, the data. training_helped: yes, no, or unclear if an interval of the gain touches 0. control: the best control
    that needs no training, picked by the first metric on the same test rows, so in its favour; over_control: the mean
    lead over it, with its interval.
    """
    rows = rows.assign(_seeds=seeds_of(rows))
    done = rows[rows["status"] == DONE].drop_duplicates([*by, *_UNIT])
    grouped = done.groupby(list(by), dropna=False)
    groups = rows.groupby(list(by), dropna=False).size().to_frame("n")
    groups["n"] = grouped.size().reindex(groups.index, fill_value=0)
    groups["failed"], groups["missing"] = _failed_and_missing(rows, by, groups.index)
    present = [metric for metric in metrics if metric in done]
    columns: dict[str, Any] = {}
    for metric in present:
        interval = _interval(grouped[metric], groups.index, metric, _variance_of_rows(done, by, metric))
        columns |= {f"{metric}{end}": part for end, part in zip(("", "_low", "_high"), interval, strict=True)}
    groups = groups.join(pd.DataFrame(columns, index=groups.index))
    if GAIN in present:
        groups["training_helped"] = _helped(groups, done, by)
    for name in (name for name in ("task", "solver") if name not in by):
        values = rows.groupby(list(by), dropna=False)[name]
        if (values.nunique() == 1).all():
            groups[name] = values.first()
    groups = groups.reset_index()
    if present:
        groups["rank"] = _rank(groups, present[0])
        groups = groups.join(_against_controls(done, by, present[0]), on=list(by))
    return groups


def contradictory_seeds(rows: pd.DataFrame, metric: str) -> int:
    """Number of seeds of a configuration whose finished runs disagree about a metric."""
    done = rows[rows["status"] == DONE].assign(_seeds=seeds_of(rows))
    again = done[done.duplicated(_UNIT, keep=False)] if metric in done else done.iloc[:0]
    return int((again.groupby(_UNIT)[metric].nunique() > 1).sum()) if len(again) else 0


def t_bounds(mean: Any, sd: Any, n: Any, metric: str, of_rows: Any = 0.0) -> tuple[Any, Any]:
    """The 95 % interval of means, NaN for a single value. of_rows: the means' variance due to the test rows."""
    n = np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_seeds = sd**2 / n
        variance = of_seeds + of_rows
        df = np.where(of_rows > 0, (n - 1) * (variance / of_seeds) ** 2, n - 1)  # Welch and Satterthwaite
        # Values that agree to the last digit show that nothing was redrawn, which says nothing about the test rows.
        half = half_width(np.sqrt(variance), np.where((n > 1) & (variance > 0), df, 0.0))
    low, high = mean - half, mean + half
    return (np.maximum(low, 0.0), np.minimum(high, 1.0)) if metric.split("/")[-1] in _SHARES else (low, high)


_SHARES = frozenset(shares())


def _interval(values: Any, index: pd.Index, metric: str, of_rows: Any) -> tuple[Any, Any, Any]:
    table = pd.DataFrame({"mean": values.mean(), "sd": values.std(), "n": values.count()}).reindex(index)
    of_rows = of_rows.reindex(index).fillna(0.0).to_numpy() if isinstance(of_rows, pd.Series) else of_rows
    low, high = t_bounds(table["mean"].to_numpy(), table["sd"].to_numpy(), table["n"], metric, of_rows)
    return table["mean"], pd.Series(low, index), pd.Series(high, index)


def _variance_of_rows(done: pd.DataFrame, by: Sequence[str], metric: str) -> Any:
    """Variance of each group due to the test rows, from the width of its runs' intervals."""
    bounds = [f"{metric}{end}" for end in ("_low", "_high")]
    if not set(bounds) <= set(done):
        return 0.0
    variance = variance_of_rows(done[bounds[0]], done[bounds[1]])
    return variance.groupby([done[key] for key in by], dropna=False).mean()


def variance_of_rows(low: Any, high: Any) -> Any:
    """Variance due to the test rows, from the width of 95 % intervals."""
    return ((high - low) / (2 * 1.959963984540054)) ** 2


def _failed_and_missing(rows: pd.DataFrame, by: Sequence[str], index: pd.Index) -> tuple[Any, Any]:
    """Failed and missing seeds per group; a seed that failed and finished later does not count as failed."""
    ended = ~rows["status"].isin([DONE, INCOMPLETE, PRUNED])
    flags = rows[[*dict.fromkeys([*by, *_UNIT])]].assign(_done=rows["status"] == DONE, _ended=ended)
    units = flags.groupby([*dict.fromkeys([*by, *_UNIT])], dropna=False)[["_done", "_ended"]].any().reset_index()
    units["_failed"] = units["_ended"] & ~units["_done"]
    n_seeds = units.groupby("task")["_seeds"].nunique()
    wanted = units[[*dict.fromkeys([*by, "task", "solver"])]].drop_duplicates()
    expected = wanted.assign(_n=wanted["task"].map(n_seeds)).groupby(list(by), dropna=False)["_n"].sum()
    of_group = units.groupby(list(by), dropna=False)
    done, failed = (of_group[name].sum().reindex(index) for name in ("_done", "_failed"))
    return failed, expected.reindex(index) - done - failed


def _rank(groups: pd.DataFrame, metric: str) -> Any:
    same = next((name for name in ("task", "data") if name in groups), None)
    values: Any = groups.groupby(same)[metric] if same else groups[metric]
    return values.rank(ascending=less_is_better(metric), method="min").astype("Int64")


def _helped(groups: pd.DataFrame, done: pd.DataFrame, by: Sequence[str]) -> npt.NDArray[Any]:
    """Verdict on training: by the interval over seeds and by each run's own, which reflects small test sets."""
    bounds = done.reindex(columns=[f"{GAIN}_low", f"{GAIN}_high"])  # runs of other versions may lack them
    per_run = bounds.groupby([done[key] for key in by], dropna=False).agg(["min", "max"]).reindex(groups.index)
    low = np.fmin(groups[f"{GAIN}_low"].to_numpy(float), per_run[f"{GAIN}_low", "min"].to_numpy(float))
    high = np.fmax(groups[f"{GAIN}_high"].to_numpy(float), per_run[f"{GAIN}_high", "max"].to_numpy(float))
    return np.where(np.isnan(low), "", np.where(low > 0, YES, np.where(high < 0, NO, UNCLEAR)))


def _against_controls(done: pd.DataFrame, by: Sequence[str], metric: str) -> pd.DataFrame:
    names = {
        column: column.split("/")[1]
        for column in metric_columns(done)
        if column.startswith(PREFIX) and column.endswith(f"/{metric}") and column.split("/")[1] not in _NOT_RIVALS
    }
    if not names:
        return pd.DataFrame(index=done.set_index(list(by)).index.unique())
    sign = -1.0 if less_is_better(metric) else 1.0
    means = done.groupby(list(by), dropna=False)[list(names)].mean().dropna(how="all") * sign
    best = means.idxmax(axis=1)
    rival = done[list(by)].merge(best.rename("_best").reset_index(), how="left")["_best"]
    own, column_of = done[metric].to_numpy(dtype=float), {name: i for i, name in enumerate(names)}
    positions = rival.map(column_of)
    picked = np.full(len(done), np.nan)
    known = positions.notna().to_numpy()
    table = done[list(names)].to_numpy(dtype=float)
    picked[known] = table[known, positions[known].to_numpy(dtype=int)]
    difference = pd.Series(own - picked, index=done.index).groupby([done[key] for key in by], dropna=False)
    of_rows = 0.0
    if metric == "roc_auc":
        of_rows = _variance_of_rows(_with_lead(done, rival.map(names)), by, LEAD)
    mean, low, high = _interval(difference, best.index, LEAD, of_rows)
    found = pd.DataFrame({"control": best.map(names), "over_control": mean})
    return found.assign(over_control_low=low, over_control_high=high)


def _with_lead(done: pd.DataFrame, control: Any) -> pd.DataFrame:
    """The runs with the bounds of their lead over the control that was picked for each."""
    chosen = done.copy(deep=False)
    for end in ("_low", "_high"):
        column = pd.Series(np.nan, index=done.index)
        for name in control.dropna().unique():
            if (source := f"{PREFIX}{name}/{LEAD}{end}") in done:
                of_control = (control == name).to_numpy()
                column[of_control] = done.loc[of_control, source]
        chosen[f"{LEAD}{end}"] = column
    return chosen
