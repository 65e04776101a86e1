"""Finished runs -> tables: one row a run, and the runs that differ in nothing but the seed together."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from adbench.config import WHERE_NOT_WHAT
from adbench.errors import RunFolderError
from adbench.results import DONE, UNREADABLE, Run, find_runs, read_run

METRICS = (
    "roc_auc",
    "average_precision",
    "tpr_at_1pct_fpr",
    "recall",
    "test_fpr",
    "training_gain",
    "fit_seconds",
)


@dataclass(frozen=True)
class Summary:
    """`rows`: one a run, all its metrics. `groups`: one a configuration, with mean and sd over its seeds."""

    rows: pd.DataFrame
    groups: pd.DataFrame


def summarize(folders: Iterable[Path] = (Path("runs"),)) -> Summary:
    """Read runs, given as run folders or as folders of them.

    `settings` names what differs between configurations of the same data and model. Failed, incomplete and
    unreadable runs are rows too, without metrics; `unfinished` counts them in the groups. Raises RunFolderError
    for a folder without runs, and for a damaged run that was named itself.
    """
    runs = list(_read_all([Path(folder) for folder in folders]))
    if not runs:
        raise RunFolderError("expected at least one folder of runs, got none; name one")
    return summarize_runs(runs)


def summarize_runs(runs: Sequence[Run]) -> Summary:
    """`summarize` for runs that were read already; at least one."""
    rows = pd.DataFrame([run.metrics | _identity(run) for run in runs])
    rows = rows[[*_identity(runs[0]), *(name for name in rows if name not in _identity(runs[0]))]]
    rows.insert(2, "settings", _settings(rows, [_flat(run.config) for run in runs]))
    rows = rows.sort_values(["data", "model", "settings", "seed"], ignore_index=True)
    return Summary(rows, _over_seeds(rows))


def _read_all(folders: list[Path]) -> Iterator[Run]:
    seen = set()
    for folder in folders:
        paths = find_runs(folder)
        if not paths:
            raise RunFolderError(f"expected at least one run in {folder}, got none; start one with adbench train")
        for path in paths:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                yield read_run(path)
            except RunFolderError as error:
                if path == folder:
                    raise
                # One damaged folder among many must not hide the others, nor itself.
                yield Run(path, UNREADABLE, {"choices": {}}, {}, {}, str(error))


def _identity(run: Run) -> dict[str, Any]:
    choices = run.config["choices"]
    return {
        "data": choices.get("data", "?"),
        "model": choices.get("model", "?"),
        "seed": run.config.get("seed", -1),
        "status": run.status,
        "error": run.error,
        "run": str(run.folder),
    }


def _flat(config: dict[str, Any]) -> dict[str, str]:
    """What can change a result, as `key=value` would be typed; the seed aside."""
    flat = {group: config["choices"].get(group) for group in ("protocol", "preprocess", "threshold")}
    for key, value in config.items():
        dropped = WHERE_NOT_WHAT.get(key, ())
        if key == "seed" or dropped is None:
            continue
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        flat |= {f"{key}.{k}" if k else key: v for k, v in inner if k not in dropped and k != "_target_"}
    return {key: json.dumps(value, default=str).replace('"', "") for key, value in flat.items()}


def _settings(rows: pd.DataFrame, configs: list[dict[str, str]]) -> list[str]:
    """Of each run, the keys whose value is not the same in all runs of its data and model."""
    settings = [""] * len(rows)
    for _, same in rows.groupby(["data", "model"], dropna=False):
        of_group = [configs[i] for i in same.index]
        keys = sorted({key for config in of_group for key in config})
        varying = [key for key in keys if len({config.get(key) for config in of_group}) > 1]
        for i in same.index:
            settings[i] = " ".join(f"{key}={configs[i][key]}" for key in varying if key in configs[i])
    return settings


def _over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """A seed that was run in several folders counts once."""
    configuration = ["data", "model", "settings"]
    done = rows[rows["status"] == DONE].drop_duplicates([*configuration, "seed"])
    present = [metric for metric in METRICS if metric in rows]
    groups = rows.groupby(configuration)["status"].agg(unfinished=lambda status: int((status != DONE).sum()))
    by_configuration = done.groupby(configuration)
    groups.insert(0, "n", by_configuration.size().reindex(groups.index, fill_value=0))
    mean, sd = by_configuration[present].mean(), by_configuration[present].std()
    for metric in present:
        groups[f"{metric}_mean"], groups[f"{metric}_sd"] = mean[metric], sd[metric]
    return groups.reset_index()
