"""Tidy rows: one row per run, one column per varying key and per metric."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from adbench.config.identity import data_name, flat
from adbench.config.keys import NOTHING_WHILE_NULL, SEED_KEYS
from adbench.results.code import SOLVER, TASK, both_labels, labels
from adbench.results.record import Run
from adbench.results.versions import versions, with_one_path

FIRST = ("data", "model", "settings")
_TASK_PARTS = ("data", "protocol")  # these define the task; all other parts define the solver


def tidy_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """The columns: data, model, settings, task, solver, code, the keys that vary, seed, status, error, run, metrics.

    A key varies if its value differs among runs of the same data and model or, for keys of data and protocol, among
    runs of the same data. `settings` lists the varying keys without seeds; `task` is the data plus the varying keys of
    data and protocol, `solver` the model plus all others: results on the same task are comparable. If the contents of
    the same files changed between runs, `data` names each version, as table@3f2a9c; the same contents at several paths
    are one task. If finished runs of one task or solver were made by different code, the code is a setting like any
    other, such as code=3f2a9c, and is listed in `code` as well.
    """
    runs = with_one_path(runs)
    keys, settings, data, tasks, solvers = _varying(runs)
    of_task, of_solver = labels(tasks, runs, TASK), labels(solvers, runs, SOLVER)
    codes = [both_labels(task, solver) for task, solver in zip(of_task, of_solver, strict=True)]
    # The solver gets both labels: results on one task by two versions of the code are not results on two tasks.
    tasks, solvers, settings = _joined(tasks, of_task), _joined(solvers, codes), _joined(settings, codes)
    columns: dict[str, Any] = {
        "data": data,
        "model": [run.config["choices"].get("model", "?") for run in runs],
        "settings": settings,
        "task": tasks,
        "solver": solvers,
        "code": codes,
        **{key: pd.Series(values, dtype=object) for key, values in keys.items()},
        "seed": [run.config.get("seed", -1) for run in runs],
        "status": [run.status for run in runs],
        # A folder's name need not be UTF-8, which pandas' string type requires.
        "error": pd.Series([run.error for run in runs], dtype=object),
        "run": pd.Series([str(run.folder) for run in runs], dtype=object),
    }
    # A metric of an untrusted run may have the name of a key: the key takes precedence.
    metrics = _metrics([run.metrics for run in runs])
    rows = pd.concat([pd.DataFrame(columns), metrics.drop(columns=columns, errors="ignore")], axis=1)
    return rows.sort_values(["data", "model", "settings", "seed"], ignore_index=True)


def _joined(texts: Sequence[str], more: Sequence[str]) -> list[str]:
    return [f"{text} {word}".strip() if word else text for text, word in zip(texts, more, strict=True)]


def metric_columns(rows: pd.DataFrame) -> list[str]:
    """The names of the metric columns."""
    return list(rows.columns[list(rows.columns).index("run") + 1 :])


def seeds_of(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Per row, everything its random draws depended on: the seed, and the seeds of its parts if they vary."""
    seeds = rows[["seed", *(key for key in SEED_KEYS if key in rows and key != "seed")]]
    return pd.Series(list(map(tuple, seeds.astype(object).to_numpy())), index=rows.index, dtype=object)


def _metrics(of_runs: Sequence[dict[str, float]]) -> pd.DataFrame:
    """One column per metric, NaN if a run lacks it. Runs with the same metrics are filled in together."""
    layouts: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, metrics in enumerate(of_runs):
        layouts[tuple(metrics)].append(i)
    names = list(dict.fromkeys(name for layout in layouts for name in layout))
    position = {name: i for i, name in enumerate(names)}
    table = np.full((len(of_runs), len(names)), np.nan)
    counts = set(names)
    for layout, members in layouts.items():
        columns = [position[name] for name in layout]
        table[np.ix_(members, columns)] = [list(of_runs[i].values()) for i in members]
        counts &= {name for name, value in of_runs[members[0]].items() if isinstance(value, int)}
    whole = np.array([name in counts for name in names], dtype=bool) & ((table % 1 == 0) & (abs(table) < 2**53)).all(0)
    parts = [table[:, ~whole], table[:, whole].astype(np.int64)]  # two blocks of memory instead of one per column
    both = [
        pd.DataFrame(part, columns=np.array(names)[of_part])
        for part, of_part in zip(parts, (~whole, whole), strict=True)
    ]
    return pd.concat(both, axis=1)[names]


def _varying(runs: Sequence[Run]) -> tuple[dict[str, list[Any]], list[str], list[str], list[str], list[str]]:
    """Varying key -> its value per run; and the settings, data, task and solver of each run."""
    of_data: defaultdict[Any, list[int]] = defaultdict(list)
    of_model: defaultdict[Any, list[int]] = defaultdict(list)
    for i, run in enumerate(runs):
        name = data_name(run.config)
        of_data[name].append(i)
        of_model[name, run.config["choices"].get("model")].append(i)
    columns: dict[str, list[Any]] = {}
    words: list[dict[str, str]] = [{} for _ in runs]
    parts = _Parts()
    for groups, is_task in ((of_data, True), (of_model, False)):
        for members in groups.values():
            for key, values in parts.varying([runs[i].config for i in members], is_task).items():
                column = columns.setdefault(key, [None] * len(runs))
                is_seed = key in SEED_KEYS and _is_seed(values)
                for i, text in zip(members, values, strict=True):
                    column[i] = _cell(text)
                    if text is not None and not is_seed:
                        words[i][key] = f"{key}={text.replace(chr(34), '')}"
    words = [dict(sorted(of_run.items())) for of_run in words]
    names = [data_name(run.config) for run in runs]
    sources = [_said(name, of, ("data.",)) for name, of in zip(names, words, strict=True)]
    data = [f"{name}{version}" for name, version in zip(names, versions(sources, runs), strict=True)]
    tasks = [_said(name, of, _TASK_PARTS) for name, of in zip(data, words, strict=True)]
    models = [run.config["choices"].get("model", "?") for run in runs]
    solvers = [_said(model, of, _TASK_PARTS, False) for model, of in zip(models, words, strict=True)]
    settings = [" ".join(of.values()) for of in words]
    return dict(sorted(columns.items())), settings, data, tasks, solvers


def _said(name: str, words: dict[str, str], parts: tuple[str, ...], of_parts: bool = True) -> str:
    """A name followed by the settings of these parts, or of all other parts."""
    return " ".join([name, *(text for key, text in words.items() if key.startswith(parts) is of_parts)])


def _as_before(values: list[str | None]) -> list[str | None]:
    """The values with absent ones replaced by the key's neutral value if some run has that: a run from before the key
    existed behaved like it."""
    if None not in values:
        return values
    nothing = next((text for text in ("null", "[]", "false") if text in values), None)
    return [nothing if text is None else text for text in values]


def _is_seed(values: list[str | None]) -> bool:
    """True if every run draws the part's own seed; whether it is drawn or fixed is a setting, not a seed."""
    return "null" not in values and None not in values


def _cell(text: str | None) -> Any:
    value = None if text is None else json.loads(text)
    return text if isinstance(value, list | dict) else value


class _Parts:
    """Keys that can change a result, with their values as JSON; shared parts are serialized only once."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int], dict[str, str]] = {}

    def varying(self, configs: list[dict[str, Any]], of_task: bool) -> dict[str, list[str | None]]:
        """Key -> its value in each configuration, for keys whose values differ.

        of_task: the keys that define the fitted and tested rows, or all others.
        """
        found: dict[str, list[str | None]] = {}
        for part in sorted(set().union(*configs) - {"seed"}):
            if part != "choices" and (part in _TASK_PARTS) is not of_task:
                continue
            # Shared parts are the same object: comparing identities is fast, and equal distinct objects are rare.
            if len({id(config.get(part)) for config in configs}) == 1 and part in configs[0]:
                continue
            unsaid = {part: "null"} if part in NOTHING_WHILE_NULL else {}
            texts = [self._texts(part, config[part]) if part in config else unsaid for config in configs]
            for key in sorted({key for of_config in texts for key in of_config}):
                values = _as_before([of_config.get(key) for of_config in texts])
                if len(set(values)) > 1 and key.startswith(_TASK_PARTS) is of_task:
                    found[key] = values
        return dict(sorted(found.items()))

    def _texts(self, part: str, value: Any) -> dict[str, str]:
        if (part, id(value)) not in self._parts:
            self._parts[part, id(value)] = {key: json.dumps(v, default=str) for key, v in flat(part, value).items()}
        return self._parts[part, id(value)]
