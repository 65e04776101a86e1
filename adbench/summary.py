"""Finished runs -> tables: one row a run, and the runs that differ in nothing but the seed together."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from adbench.config import WHERE_NOT_WHAT
from adbench.errors import RunFolderError
from adbench.results import DONE, Run, find_runs, read_run

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

    `settings` names what differs between configurations of the same data and model. Failed and incomplete runs
    are rows too, without metrics; `failed` counts them in the groups. Raises RunFolderError when there is no run.
    """
    folders = list(folders)
    runs = [read_run(path) for folder in folders for path in find_runs(folder)]
    if not runs:
        named = ", ".join(map(str, folders))
        raise RunFolderError(f"expected at least one run in {named}, got none; start one with adbench train")
    rows = pd.DataFrame([_identity(run) | {"run": str(run.folder)} | run.metrics for run in runs])
    rows.insert(2, "settings", _settings(rows, [_flat(run.config) for run in runs]))
    rows = rows.sort_values(["data", "model", "settings", "seed"], ignore_index=True)
    return Summary(rows, _over_seeds(rows))


def _identity(run: Run) -> dict[str, Any]:
    choices = run.config["choices"]
    return {
        "data": choices.get("data"),
        "model": choices.get("model"),
        "seed": run.config.get("seed"),
        "status": run.status,
        "error": run.error,
    }


def _flat(config: dict[str, Any]) -> dict[str, str]:
    """What can change a result, as `key=value` would be typed; the seed aside."""
    flat = {"protocol": config["choices"].get("protocol"), "preprocess": config["choices"].get("preprocess")}
    for key, value in config.items():
        dropped = WHERE_NOT_WHAT.get(key, ())
        if key == "seed" or dropped is None:
            continue
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        flat |= {f"{key}.{k}" if k else key: v for k, v in inner if k not in dropped and k != "_target_"}
    return {key: json.dumps(value).replace('"', "") for key, value in flat.items()}


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
    by_configuration = rows.groupby(["data", "model", "settings"], dropna=False)
    done = rows["status"] == DONE
    counts = pd.DataFrame(
        {
            "n": done.groupby([rows["data"], rows["model"], rows["settings"]], dropna=False).sum(),
            "failed": (~done).groupby([rows["data"], rows["model"], rows["settings"]], dropna=False).sum(),
        }
    )
    present = [metric for metric in METRICS if metric in rows]
    mean, sd = by_configuration[present].mean(), by_configuration[present].std()
    columns = {f"{metric}_{name}": table[metric] for metric in present for name, table in (("mean", mean), ("sd", sd))}
    return counts.assign(**columns).reset_index()
