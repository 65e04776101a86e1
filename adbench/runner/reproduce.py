"""A finished run, run again: the same, the same within noise, or different, and what has changed since."""

import json
import math
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pandas as pd

from adbench.config.identity import data_name, flat_config
from adbench.config.recompose import Recomposed, recompose
from adbench.errors import ConfigError, RunFolderError
from adbench.evaluation.controls import PREFIX
from adbench.evaluation.ranking import auroc_difference, placement_values
from adbench.evaluation.seal import digest
from adbench.results.record import DONE, FROZEN, METRICS, SCORES, Run, find_runs, read_run
from adbench.results.versions import same_data
from adbench.runner import run as runner
from adbench.runner.reporter import Reporter
from adbench.stats.bootstrap import average_precision_difference
from adbench.stats.interval import Interval

IDENTICAL, WITHIN_NOISE, DIFFERENT = "identical", "within noise", "different"
SIBLINGS = 3  # so many other seeds tell what a seed does
RESAMPLES = 500  # two seconds for the 311,029 test rows of KDD Cup 99
_TIMES = ("_seconds", "rows_per_second")  # the ends of names of metrics that no two runs share


@dataclass(frozen=True)
class Reproduction:
    """Both runs, and how they compare; `reason` is the sentence behind the verdict."""

    verdict: str
    reason: str
    original: Run
    again: Run
    largest_difference: float | None  # of the two scores of a row; None where they are not of the same rows
    auroc_difference: Interval | None  # today's AUROC minus the original's, with DeLong's paired interval
    precision_difference: Interval | None  # the same of average precision, with a paired bootstrap's
    changed: dict[str, tuple[Any, Any]]  # data, packages, device, code: then and now
    recomposed: Recomposed
    kept: bool  # whether today's run is still on disk

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        then, now = self.original.metrics, self.again.metrics
        keys = {name: getattr(self.recomposed, name) for name in ("unknown", "defaulted", "overridden", "notes")}
        document = {
            "verdict": self.verdict,
            "reason": self.reason,
            "run": str(self.original.folder),
            "again": str(self.again.folder) if self.kept else None,
            "changed": {key: list(values) for key, values in self.changed.items()},
            "configuration": keys,
            "largest_score_difference": self.largest_difference,
            "auroc_difference": self.auroc_difference and asdict(self.auroc_difference),
            "average_precision_difference": self.precision_difference and asdict(self.precision_difference),
            "metrics": {name: [then.get(name), now.get(name)] for name in then | now},
        }
        plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
        return plain


@dataclass(frozen=True)
class _Scores:
    rows: pd.DataFrame  # row, score, label
    frozen: str  # the digest that was written before the labels were opened

    def same_rows(self, other: "_Scores") -> bool:
        return self.rows[["row", "label"]].equals(other.rows[["row", "label"]])

    def same_bits(self, other: "_Scores") -> bool:
        mine, theirs = (scores.rows["score"].to_numpy().tobytes() for scores in (self, other))
        return self.same_rows(other) and mine == theirs


def reproduce(
    folder: Path, overrides: Sequence[str] = (), keep: Path | None = None, reporter: Reporter | None = None
) -> Reproduction:
    """Run a finished run again from its config.yaml, and compare.

    overrides: of single keys, for data that have moved, such as data.path=NEW. keep: a folder of runs in which
    today's run stays; without it nothing does. Raises AdbenchError where there is nothing to compare with, or the run
    cannot be started today.
    """
    original = read_run(folder)
    if original.status != DONE:
        raise RunFolderError(f"expected a finished run to compare with, got {folder}, which is {original.status}")
    before = _read_scores(original)
    made = recompose(original.config, overrides)
    if before.frozen != digest(before.rows["score"].to_numpy(), original.metrics["threshold"]):
        made.notes.append(f"the original's scores and threshold are not those of which its {FROZEN} is the digest")
    with tempfile.TemporaryDirectory(prefix="adbench-") if keep is None else nullcontext(keep) as place_:
        made.config["runs_dir"] = str(place_)
        path = runner.run_path(made.config)
        if (path / METRICS).exists():
            raise ConfigError(f"expected a folder without this run, got {path}; name another with --keep")
        again = runner.run(made.config, runner.Context(reporter or Reporter()))
        return _compare(original, before, again, made, kept=keep is not None)


def _compare(original: Run, before: _Scores, again: Run, made: Recomposed, kept: bool) -> Reproduction:
    changed = _changes(original.environment, again.environment)
    if again.status != DONE:
        reason = f"today it {again.status}: {again.error}"
        return Reproduction(DIFFERENT, reason, original, again, None, None, None, changed, made, kept)
    after = _read_scores(again)
    largest = difference = of_precision = None
    if before.same_rows(after):
        label = before.rows["label"].to_numpy()
        then, now = (scores.rows["score"].to_numpy() for scores in (before, after))
        largest = float(np.abs(now - then).max())
        difference = auroc_difference(placement_values(now, label), placement_values(then, label))
        if largest:  # else it is 0, and resampling would take seconds to say so
            of_precision = average_precision_difference(now, then, label, n_resamples=RESAMPLES)
    verdict, reason = _verdict(original, before, again, after, difference)
    return Reproduction(verdict, reason, original, again, largest, difference, of_precision, changed, made, kept)


def _verdict(
    original: Run, before: _Scores, again: Run, after: _Scores, difference: Interval | None
) -> tuple[str, str]:
    if before.same_bits(after):
        other = [name for name in _compared(original, again) if original.metrics[name] != again.metrics[name]]
        controls = [name for name in other if name.startswith(PREFIX)]
        if len(other) > len(controls):
            return DIFFERENT, f"the same scores, but other metrics of them: {', '.join(other[:5])}"
        # What a run is compared with can be computed otherwise by a later version, and its own result be the same.
        beside = f"; its controls differ: {', '.join(controls[:5])}" if controls else ""
        return IDENTICAL, f"all {len(after.rows):,} scores and the threshold, bit for bit{beside}"
    told = f"{again.metrics['roc_auc'] - original.metrics['roc_auc']:+.3g} AUROC"
    if difference is None:
        told += ", on other test rows or labels"
    else:
        told += f", 95 % interval {difference.low:+.3g} to {difference.high:+.3g}"
        if difference.low <= 0 <= difference.high:
            return WITHIN_NOISE, f"{told}: the test rows do not tell the two apart"
    return _by_seeds(original, again, told)


def _by_seeds(original: Run, again: Run, told: str) -> tuple[str, str]:
    aurocs = [run.metrics["roc_auc"] for run in _siblings(original)]
    if len(aurocs) < SIBLINGS:
        return DIFFERENT, f"{told}, and no {SIBLINGS} other seeds beside it to say what a seed does"
    limit = 2 * math.sqrt(2) * stdev(aurocs)
    seeds = f"{len(aurocs)} other seeds in the same folder explain up to {limit:.3g} (2 sd of a difference)"
    within = abs(again.metrics["roc_auc"] - original.metrics["roc_auc"]) <= limit
    return (WITHIN_NOISE, f"{told}, and {seeds}") if within else (DIFFERENT, f"{told}, though {seeds}")


def _compared(original: Run, again: Run) -> list[str]:
    """The metrics of both that follow from the scores and the rows."""
    ends = (*_TIMES, "_low", "_high")  # bounds are what is thought of a result, and no result
    return [name for name in original.metrics if name in again.metrics and not name.endswith(ends)]


def _siblings(original: Run) -> list[Run]:
    """The finished runs beside it with the same configuration and data, one for each other seed."""
    what = flat_config(original.config, paths=True)
    found: dict[int, Run] = {original.config["seed"]: original}
    for path in find_runs(original.folder.resolve().parent):
        if not path.name.startswith(f"{data_name(original.config)}-{original.config['choices']['model']}-s"):
            continue
        try:
            run = read_run(path)
        except RunFolderError:
            continue
        if run.status == DONE and flat_config(run.config, paths=True) == what and same_data(run, original):
            found.setdefault(run.config["seed"], run)
    return [run for run in found.values() if run is not original]


def _read_scores(run: Run) -> _Scores:
    path = run.folder / SCORES
    try:
        rows = pd.read_parquet(path, columns=["row", "score", "label"])
        rows = rows.astype({"row": np.int64, "score": np.float64, "label": np.int8})
        frozen = (run.folder / FROZEN).read_text(encoding="ascii").strip()
    except Exception as error:  # a stranger's bytes make its reader raise anything
        reason = "no such file" if isinstance(error, FileNotFoundError) else _one_line(error)
        raise RunFolderError(
            f"expected the scores of a finished run in {path}, got {reason}; name a run that has its scores"
        ) from None
    if not len(rows) or not np.isfinite(rows["score"]).all() or set(rows["label"]) != {0, 1}:
        raise RunFolderError(f"expected finite scores and both labels in {path}, got others")
    return _Scores(rows, frozen)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _changes(then: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What a result can depend on, and is not what it was; the data first."""
    changed: dict[str, tuple[Any, Any]] = {}
    old, new = (_by_name(environment.get("data_sha256")) for environment in (then, now))
    changed |= {f"data {file}": (old.get(file), new.get(file)) for file in dict.fromkeys((*old, *new))}
    old, new = (_by_name(environment.get("packages")) for environment in (then, now))
    changed |= {f"package {name}": (old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))}
    for key in ("adbench", "git_commit", "python", "platform", "cpu", "device"):
        if key in then:  # else it was not recorded yet
            changed[key] = then[key], now.get(key)
    return {key: values for key, values in changed.items() if values[0] != values[1]}


def _by_name(facts: Any) -> dict[str, Any]:
    """The last part of each name: a user's file may have moved, and its bytes are what counts."""
    return {Path(str(name)).name: fact for name, fact in facts.items()} if isinstance(facts, dict) else {}
