"""Reading of run folders, as data that is never executed. Free of torch."""

import csv
import functools
import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from adbench.config.keys import NAME, SEED_KEYS
from adbench.errors import RunFolderError
from adbench.evaluation.metric_table import ALWAYS, shown_in
from adbench.results.formats import as_today

CONFIG, ENVIRONMENT, METRICS, ERROR = "config.yaml", "environment.json", "metrics.json", "error.txt"
SCORES, FROZEN, HISTORY = "scores.parquet", "frozen.sha256", "history.csv"
CALIBRATION = "calibration.parquet"  # the scores of the calibration rows
INFLUENCES = "influences.safetensors"  # of blocks of test rows on metrics; see `adbench.evaluation.influence`
COLUMNS = "columns.json"  # usual values per column of the fit rows
CHECKPOINT = "checkpoint.ckpt"  # of an unfinished run; the next attempt resumes from it
MODEL, PREPROCESS = "model", "preprocess"  # each a .json description and a .safetensors file of arrays
OBJECTS = "model.skops"  # library objects that a model learned, if any
SWEEPS = ".sweeps"  # beside the runs: the records of the sweeps that made them
LOCK = ".lock"  # exists while a process writes the run
REMOVED = ".removed"  # suffix of the hidden name of a run folder that is being removed
STOP = "stop"  # created by a sweep to end a run after the current epoch
FILES = (
    CONFIG,
    ENVIRONMENT,
    ERROR,
    SCORES,
    FROZEN,
    HISTORY,
    CALIBRATION,
    COLUMNS,
    INFLUENCES,
    STOP,
    *(f"{part}.{kind}" for part in (MODEL, PREPROCESS) for kind in ("json", "safetensors")),
    OBJECTS,
    METRICS,  # written last and removed first: it marks a run as complete
)
DONE, FAILED, INCOMPLETE = "done", "failed", "incomplete"
# A sweep writes these words to error.txt for runs that can no longer write a traceback.
TIMEOUT, KILLED, PRUNED = "timeout", "killed", "pruned"
UNREADABLE = "unreadable"  # of a damaged folder
OUTDATED = "outdated"  # in a sweep: of a run made by other code

LOSS = "loss"  # the mean loss per epoch in history.csv, if there is only one

# Columns of tables beside the metrics.
IDENTITY = (
    *("data", "model", "settings", "task", "solver", "code", "seed", "status", "error", "run"),
    *("n", "failed", "missing", "rank", "above_next", "training_helped", "control"),
    *("over_control", "over_control_low", "over_control_high"),
)
ALWAYS_MEASURED = shown_in(ALWAYS)

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, if PyYAML was built with it
# Options are names of files under configs/; nothing else gets into a table or a path.
_OPTION = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True)
class Run:
    """A run as read from its folder; `metrics` and `environment` are empty until written."""

    folder: Path
    status: str  # done, failed, timeout, killed, pruned or incomplete
    config: dict[str, Any]
    metrics: dict[str, float]
    environment: dict[str, Any]
    error: str = ""  # of an unfinished run: the last line of its traceback, or its fate

    def document(self) -> dict[str, Any]:
        """The run as `--json` prints it."""
        document: dict[str, Any] = {"run": str(self.folder), "status": self.status, "metrics": self.metrics}
        return document | ({"error": self.error} if self.error else {})


def read_run(folder: Path, config: dict[str, Any] | None = None) -> Run:
    """Read the run in this folder. config: its configuration, if already known.

    Raises RunFolderError if the folder holds no run, or one of its files is unreadable or malformed.
    """
    try:
        if config is None:
            config = _config(load_yaml(_content(folder, CONFIG).decode()), folder / CONFIG)
        elif not (folder / CONFIG).is_file():
            raise FileNotFoundError(CONFIG)
        metrics, environment = _metrics(_json(folder, METRICS)), _json(folder, ENVIRONMENT) or {}
        status, error = (DONE, "") if metrics else state_of(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise RunFolderError(
            f"expected a run folder with a {CONFIG}, got {folder}; name a folder under runs/"
        ) from None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, yaml.YAMLError) as error_:
        reason = (str(error_).splitlines() or [type(error_).__name__])[0][:200]
        raise RunFolderError(
            f"expected readable run files in {folder}, got {reason}; delete the folder and run it again"
        ) from None
    return Run(folder, status, config, metrics, environment, error)


def state_of(folder: Path) -> tuple[str, str]:
    """The status of an unfinished run and the reason. Raises OSError and ValueError."""
    traceback = (folder / ERROR).read_text(encoding="utf-8") if (folder / ERROR).is_file() else ""
    word, _, reason = traceback.partition(": ")
    if word in (TIMEOUT, KILLED, PRUNED):
        return word, " ".join(reason.split())[:500]
    return (FAILED, _error_of(traceback)) if traceback else (INCOMPLETE, "")


def read_history(path: Path) -> list[dict[str, float]]:
    """The complete lines of a history.csv, one per epoch; empty if missing or malformed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        rows = csv.DictReader(line for line in lines if line.endswith("\n"))  # the last may be half written
        return [{name: float(value) for name, value in row.items()} for row in rows]
    except (OSError, ValueError, TypeError, csv.Error):
        return []


def _error_of(traceback: str) -> str:
    """The line of a traceback that names the exception, which a long message can follow."""
    lines = traceback.strip().splitlines()
    naming = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Warning)\b", line)]
    return (naming or lines)[-1][:500] if lines else ""


def finished_run(folder: Path) -> Run | None:
    """The run in this folder if complete, else None. Raises RunFolderError as `read_run` does."""
    try:
        complete = (folder / METRICS).is_file()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFolderError(
            f"expected a folder for runs, got {folder} ({reason}); name another with runs_dir="
        ) from None
    return read_run(folder) if complete else None


def find_runs(folder: Path) -> list[Path]:
    """The run folders directly below a folder, or the folder itself if it is one."""
    if (folder / CONFIG).is_file():
        return [folder]
    try:
        inside = os.listdir(folder)  # noqa: PTH208 - thousands of names, of which most become a path only once
    except OSError:
        return []
    names = [name for name in sorted(inside) if not (name[0] == "." and name.endswith(REMOVED))]
    return [folder / name for name in names if os.path.isfile(f"{folder}/{name}/{CONFIG}")]  # noqa: PTH113


def read_runs(folders: Iterable[Path]) -> list[Run]:
    """The runs in these folders, each once; an unreadable one among others gets that status.

    Raises RunFolderError for a folder without runs, for no folder at all, and for a damaged run named directly.
    """
    seen: set[tuple[int, int]] = set()
    found = []
    for folder in map(Path, folders):
        paths = find_runs(folder)
        if not paths:
            raise RunFolderError(f"expected at least one run in {folder}, got none; start one with adbench train")
        for path in paths:
            try:
                file = os.stat(f"{path}/{CONFIG}")  # noqa: PTH116 - the same file under another path is the same run
                if (file.st_dev, file.st_ino) in seen:
                    continue
                seen.add((file.st_dev, file.st_ino))
                found.append(read_run(path))
            except FileNotFoundError:
                continue  # removed in the meantime
            except RunFolderError as error:
                if path == folder:
                    raise
                # One damaged folder must hide neither the others nor itself.
                found.append(Run(path, UNREADABLE, {"choices": {}}, {}, {}, str(error)))
    if not found:
        raise RunFolderError("expected at least one folder of runs, got none; name one")
    return found


def families(metrics: dict[str, float]) -> list[str]:
    """The families of anomalies in a finished run's test rows."""
    prefix, suffix = "family/", "/n"
    names = (name for name in metrics if name.startswith(prefix) and name.endswith(suffix))
    return sorted(name.removeprefix(prefix).removesuffix(suffix) for name in names)


def load_yaml(text: str) -> Any:
    """Load a YAML document of plain types. Raises ValueError for an alias, with which a small file can expand without
    bounds; no run writes any.

    Nested values are shared between documents with equal lines and must not be modified.
    """
    blocks = _BLOCK_START.split(text)
    if not blocks[0]:
        parsed = [_load_block(block) for block in blocks[1:]]
        if all(isinstance(block, dict) and len(block) == 1 for block in parsed):
            return {key: value for block in parsed for key, value in block.items()}
    return _load_block(text)


# Start of a top-level key in the output of `yaml.safe_dump`. Runs share most of these blocks, so that each is parsed
# once. If the text begins otherwise, it is parsed as a whole.
_BLOCK_START = re.compile(r"(?m)^(?=[a-z_]+:(?:\s|$))")


@functools.lru_cache(maxsize=4096)
def _load_block(text: str) -> Any:
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, _Loader)):
        raise ValueError("a YAML alias")
    document = yaml.load(text, _Loader)
    json.dumps(document, default=str)  # tables can only hold JSON types
    return document


def _config(document: Any, where: Path) -> dict[str, Any]:
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(choices, dict) or not {"data", "model"} <= choices.keys():
        raise ValueError(f"no composed configuration in {CONFIG}")
    for option in choices.values():
        if not isinstance(option, str) or not _OPTION.fullmatch(option):
            raise ValueError(f"an option in {CONFIG} that is not a name: {option!r}")
    data = document.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(f"a name of the data in {CONFIG} that is none: {name!r}")
    seed = document.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"a seed in {CONFIG} that is not a whole number: {seed!r}")
    for key in IDENTITY:
        if key != "seed" and key in document and not isinstance(document[key], dict):
            raise ValueError(f"a {key} in {CONFIG} that is no group of keys")
    return as_today({str(key): value for key, value in document.items()}, where)


def _metrics(document: dict[str, Any] | None) -> dict[str, float]:
    if document is None:
        return {}
    if not document.keys() >= _ALWAYS_MEASURED:
        raise ValueError(f"no {min(_ALWAYS_MEASURED - document.keys())} in {METRICS}")
    if not _IDENTITY.isdisjoint(document):
        raise ValueError(f"a metric in {METRICS} called {min(_IDENTITY & document.keys())}")
    # Checked by type, since bool is a number too, and in bulk: a thousand folders may hold a hundred metrics each.
    if not set(map(type, document.values())) <= {int, float} or not all(map(math.isfinite, document.values())):
        wrong = next(name for name, v in document.items() if type(v) not in (int, float) or not math.isfinite(v))
        raise ValueError(f"a metric in {METRICS} that is not a finite number: {wrong}={document[wrong]!r}")
    return document


_ALWAYS_MEASURED, _IDENTITY = frozenset(ALWAYS_MEASURED), frozenset((*IDENTITY, *SEED_KEYS))


def _json(folder: Path, name: str) -> dict[str, Any] | None:
    try:
        content = _content(folder, name)
    except FileNotFoundError:
        return None
    document = orjson.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"no JSON object in {name}")
    return document


def _content(folder: Path, name: str) -> bytes:
    with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123 - a path object costs as much as the reading
        return file.read()
