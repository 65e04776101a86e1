"""Reproduction of a finished run: identical, equivalent, within rounding noise, or different, and the changes since.

The same seed and code on the same processor and threads give the same bits. Elsewhere rounding differs, by an amount
measured by repeating today's run with another number of threads. The variation between seeds is no measure of it.
"""

import copy
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from adbench.config.checks import require_not_negative
from adbench.config.keys import Config
from adbench.config.recompose import Recomposed, recompose
from adbench.errors import ConfigError, RunFolderError
from adbench.evaluation.controls import PREFIX
from adbench.evaluation.seal import digest
from adbench.results.code import CODE, SOLVER, TASK, require_plugins, sha256_of
from adbench.results.record import DONE, FROZEN, METRICS, Run, read_run
from adbench.results.versions import same_data
from adbench.runner import run as runner
from adbench.runner.reporter import Reporter
from adbench.runner.score_difference import NONE, Difference, Scores, read_scores
from adbench.stats.interval import Interval

IDENTICAL, EQUIVALENT, WITHIN_NOISE, DIFFERENT = "identical", "equivalent", "within rounding noise", "different"
MARGIN = 0.001  # of AUROC and of the share of flipped verdicts: a tenth of the gate's tolerance
NOISES = 3  # times the observed rounding still counts as rounding, since it is observed only once
_TIMES = ("_seconds", "rows_per_second")  # suffixes of metrics that always differ between runs


@dataclass(frozen=True)
class Reproduction:
    """Both runs and their comparison; `reason` is the sentence behind the verdict."""

    verdict: str
    reason: str
    original: Run
    again: Run
    largest_difference: float | None  # between the scores of a row; None if the rows differ
    auroc_difference: Interval | None  # today's minus the original's, with the paired interval over test rows
    precision_difference: Interval | None  # likewise for average precision
    flipped: float | None  # share of the test rows that changed sides of the threshold
    rounding: float | None  # change of today's AUROC by other threads alone; None if not needed
    changed: dict[str, tuple[Any, Any]]  # data, packages, device, code: (then, now)
    recomposed: Recomposed
    kept: bool  # whether today's run is still on disk

    def document(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
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
            "flipped": self.flipped,
            "rounding": self.rounding,
            "average_precision_difference": self.precision_difference and asdict(self.precision_difference),
            "metrics": {name: [then.get(name), now.get(name)] for name in then | now},
        }
        plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
        return plain


def reproduce(
    folder: Path,
    overrides: Sequence[str] = (),
    keep: Path | None = None,
    reporter: Reporter | None = None,
    margin: float = MARGIN,
) -> Reproduction:
    """Repeat a finished run from its config.yaml, and compare.

    overrides: single keys, for data that have moved, such as data.path=NEW. keep: a folder of runs in which to keep
    today's run; None: it is deleted. margin: the negligible difference in AUROC and share of flipped verdicts. Raises
    AdbenchError if there is nothing to compare with, or the run cannot be started today.
    """
    require_not_negative("--margin", margin)
    original = read_run(folder)
    if original.status != DONE:
        raise RunFolderError(f"expected a finished run to compare with, got {folder}, which is {original.status}")
    before = read_scores(original)
    require_plugins(original)
    made = recompose(original.config, overrides)
    if before.frozen != digest(before.rows["score"].to_numpy(), original.metrics["threshold"]):
        made.notes.append(f"the original's scores and threshold are not those of which its {FROZEN} is the digest")
    with tempfile.TemporaryDirectory(prefix="adbench-") if keep is None else nullcontext(keep) as place_:
        made.config["runs_dir"] = str(place_)
        path = runner.run_path(made.config)
        if (path / METRICS).exists():
            raise ConfigError(f"expected a folder without this run, got {path}; name another with --keep")
        context = runner.Context(reporter or Reporter())
        again = runner.run(made.config, context)
        rounding = partial(_rounding, made.config, context)
        return _compare(original, before, again, made, keep is not None, margin, rounding)


def _rounding(config: Config, context: runner.Context, after: Scores) -> Difference | None:
    """The effect of another summation order on today's run, by other threads; None if that run fails."""
    other = copy.deepcopy(config)
    other["trainer"]["threads"] = _other_threads(config)
    with tempfile.TemporaryDirectory(prefix="adbench-") as place:
        other["runs_dir"] = place
        run = runner.run(other, context)
        scores = read_scores(run) if run.status == DONE else None
        return Difference.between(scores, after) if scores is not None and scores.same_rows(after) else None


def _other_threads(config: Config) -> int:
    return 2 if config["trainer"]["threads"] == 1 else 1


Rounding = Callable[[Scores], Difference | None]


def _compare(
    original: Run, before: Scores, again: Run, made: Recomposed, kept: bool, margin: float, rounding: Rounding
) -> Reproduction:
    """Compare the two runs. rounding: called only if needed, since it takes another run."""
    changed = _changes(original.environment, again.environment)
    told = f"{again.metrics.get('roc_auc', math.nan) - original.metrics['roc_auc']:+.3g} AUROC"
    numbers: dict[str, Any] = dict.fromkeys(_NUMBERS)
    after = read_scores(again) if again.status == DONE else None
    if after is None:
        verdict, reason = DIFFERENT, f"today it {again.status}: {again.error}"
    elif not before.same_rows(after):
        verdict, reason = DIFFERENT, f"{told}, on other test rows or labels"
    else:
        then, now = (scores.rows["score"].to_numpy() for scores in (before, after))
        same = before.same_bits(after)
        found = NONE if same else Difference.between(after, before)
        numbers |= {"largest_difference": float(np.abs(now - then).max())}
        numbers |= {"auroc_difference": found.auroc, "flipped": found.flipped}
        if same:
            verdict, reason = _of_same_scores(original, again, len(now))
        else:
            numbers["precision_difference"] = found.precision
            told += f", 95 % interval {found.auroc.low:+.3g} to {found.auroc.high:+.3g}"
            judged = _of_other_scores(found, _as_then(original, again, made), margin, lambda: rounding(after))
            verdict, reason, numbers["rounding"] = judged
            reason = f"{told}: {reason}"
    return Reproduction(verdict, reason, original, again, **numbers, changed=changed, recomposed=made, kept=kept)


_NUMBERS = ("largest_difference", "auroc_difference", "precision_difference", "flipped", "rounding")


def _of_other_scores(
    found: Difference, as_then: bool, margin: float, rounding: Callable[[], Difference | None]
) -> tuple[str, str, float | None]:
    """The verdict, its reason, and the change of AUROC by rounding if measured. as_then: nothing that affects rounding
    has changed."""
    if as_then:
        what = "code, data, libraries, processor and threads, as far as they are recorded"
        return DIFFERENT, f"the same {what}, have to give the same bits", None
    if found.within(margin):
        return EQUIVALENT, f"the test rows exclude a change of more than {margin:g}", None
    if not found.auroc.low <= 0 <= found.auroc.high:
        return DIFFERENT, "the test rows tell the two apart", None
    noise = rounding()
    if noise is None:
        return DIFFERENT, "what rounding changes cannot be seen, since it does not run with other threads", None
    size = abs(noise.auroc.value)
    seen = f"{size:.3g} of AUROC and {100 * noise.flipped:.3g} % of the verdicts with other threads"
    if abs(found.auroc.value) <= NOISES * size and found.flipped <= NOISES * noise.flipped:
        return WITHIN_NOISE, f"the test rows do not tell the two apart, and rounding alone changes {seen}", size
    return DIFFERENT, f"a change of more than {margin:g} is not excluded, and rounding alone changes {seen}", size


def _as_then(original: Run, again: Run, made: Recomposed) -> bool:
    """True if everything recorded that the bits depend on is unchanged."""
    then, now = original.environment, again.environment
    if any(key not in then or then[key] != now.get(key) for key in _DECIDING):
        return False
    if then.get("gpu") != now.get("gpu") or then.get("trained_with") or not same_data(original, again):
        return False
    typed = [key for key in made.overridden if not key.startswith("data.")]
    was, today = (_arithmetic(run.config.get("trainer", {})) for run in (original, again))
    return not (made.unknown or made.defaulted or typed) and was == today


_DECIDING = (CODE, "packages", "python", "cpu", "device", "threads")


def _arithmetic(trainer: dict[str, Any]) -> dict[str, Any]:
    """The trainer's keys that can change a bit."""
    return {k: v for k, v in trainer.items() if k not in ("checkpoint_seconds", "calibration_loss")}


def _of_same_scores(original: Run, again: Run, n_rows: int) -> tuple[str, str]:
    other = [name for name in _compared(original, again) if original.metrics[name] != again.metrics[name]]
    controls = [name for name in other if name.startswith(PREFIX)]
    if len(other) > len(controls):
        return DIFFERENT, f"the same scores, but other metrics of them: {', '.join(other[:5])}"
    # A later version may compute controls differently without changing the run's own result.
    beside = f"; its controls differ: {', '.join(controls[:5])}" if controls else ""
    return IDENTICAL, f"all {n_rows:,} scores and the threshold, bit for bit{beside}"


def _compared(original: Run, again: Run) -> list[str]:
    """The metrics in both runs that follow from scores and rows."""
    ends = (*_TIMES, "_low", "_high")  # bounds may be computed differently for the same result
    return [name for name in original.metrics if name in again.metrics and not name.endswith(ends)]


def _changes(then: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Changed circumstances that a result can depend on; the data first."""
    changed: dict[str, tuple[Any, Any]] = {}
    old, new = (_by_name(environment.get("data_sha256")) for environment in (then, now))
    changed |= {f"data {file}": (old.get(file), new.get(file)) for file in dict.fromkeys((*old, *new))}
    old, new = (_by_name(environment.get("packages")) for environment in (then, now))
    changed |= {f"package {name}": (old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))}
    for key in ("adbench", "git_commit", "python", "platform", "cpu", "threads", "device", "gpu"):
        if key in then:  # not recorded by older versions
            changed[key] = then[key], now.get(key)
    for part, what in _PARTS.items():
        digests = [sha256_of(environment, part) for environment in (then, now)]
        if digests[0] is not None:
            changed[f"code of {what}"] = str(digests[0])[:12], str(digests[1])[:12]
    if then.get("trained_with"):
        changed["trained as one with"] = f"{len(then['trained_with'])} other runs", "none"
    return {key: values for key, values in changed.items() if values[0] != values[1]}


_PARTS = {TASK: "data, protocol, training or evaluation", SOLVER: "preprocessing, model or threshold"}


def _by_name(facts: Any) -> dict[str, Any]:
    """Facts by file name without folder: a user's file may have moved, and only its bytes count."""
    return {Path(str(name)).name: fact for name, fact in facts.items()} if isinstance(facts, dict) else {}
