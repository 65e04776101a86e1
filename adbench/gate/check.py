"""The gate: finished runs compared with a baseline, giving verdicts, notes and an exit code."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adbench.analysis.metric_names import is_directed, less_is_better, suggest_name
from adbench.errors import ConfigError
from adbench.evaluation.metric_table import GATE, SPEED, shown_in
from adbench.gate.baseline import Baseline, read_baseline, write_baseline
from adbench.gate.code import require_code_at_hand, require_one_code
from adbench.gate.configurations import Configuration, configurations_of
from adbench.gate.matching import Match, match
from adbench.gate.verdict import (
    FAILED,
    INCONCLUSIVE,
    MISSING,
    REGRESSION,
    Case,
    Rules,
    Verdict,
    judge,
)
from adbench.results.code import CODE
from adbench.results.record import read_runs
from adbench.text import suggest

# Seeds of a benchmark that a gate watches: a paired test of ten seeds finds a drop of four standard errors in 97 of 100
# cases, one of five seeds in 93 (docs/results/gate.txt).
DEFAULT_SEEDS = 10
QUALITY, TIMES = shown_in(GATE), shown_in(SPEED)
MOST_SEEDS = 10  # named in a verdict
RUNS = "runs"  # replaces a metric's name in verdicts on the runs themselves


@dataclass(frozen=True)
class Limits:
    """Drops that a pass must exclude: `tolerance` for quality, absolute; `speed_tolerance` for speed, relative. alpha:
    the probability of any false alarm."""

    alpha: float = 0.05
    tolerance: float = 0.01
    speed_tolerance: float = 0.2
    gate_speed: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"expected an alpha between 0 and 0.5, such as 0.05, got {self.alpha:g}")
        for name, value in (("tolerance", self.tolerance), ("speed-tolerance", self.speed_tolerance)):
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"expected a {name} of 0 or more, got {value:g}")


@dataclass(frozen=True)
class Report:
    """All verdicts, quality first; further notes; and the limits, which determine the exit code."""

    verdicts: list[Verdict]
    notes: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def counts(self, verdict: Verdict) -> bool:
        """True if a verdict affects the exit code."""
        return verdict.rules.kind == "quality" or self.limits.gate_speed

    @property
    def exit_code(self) -> int:
        """0 for pass or improvement, 1 for regression or failed, 3 for inconclusive or missing."""
        words = {v.verdict for v in self.verdicts if self.counts(v)}
        if words & {REGRESSION, FAILED}:
            return 1
        return 3 if words & {INCONCLUSIVE, MISSING} or not words else 0

    @property
    def verdict(self) -> str:
        return {0: "pass", 1: "regression", 3: "inconclusive"}[self.exit_code]


def check(baseline: Path, folders: Iterable[Path], metrics: Sequence[str] = (), limits: Limits | None = None) -> Report:
    """Judge finished runs, given as run folders or folders of them, against a baseline file.

    metrics: instead of QUALITY and TIMES. Raises an AdbenchError for a wrong request: an invalid baseline, data with
    other contents, a metric missing from it, folders without runs, or runs made by other code than the current one.
    """
    limits = limits or Limits()
    before = read_baseline(baseline)
    chosen = _choose(metrics, before)
    runs = read_runs(folders)
    require_code_at_hand(runs)
    return compare(before.configurations, configurations_of(runs), chosen, limits)


def compare(
    before: Sequence[Configuration], after: Sequence[Configuration], chosen: Sequence[str], limits: Limits
) -> Report:
    """Compare these metrics of configurations with a baseline's. Raises DataError for data with other contents."""
    matches, new = match(before, after)
    verdicts = [verdict for m in matches for verdict in _on_runs(m)]
    verdicts += [_unreadable(c) for c in after if c.failures and (c.data, c.model) == ("?", "?")]
    quality = [m for m in chosen if not _is_speed(m)]
    verdicts += _judged(matches, quality, Rules("quality", limits.alpha, limits.tolerance))
    speed = [m for m in chosen if _is_speed(m)]
    verdicts += _judged(matches, speed, Rules("speed", limits.alpha, limits.speed_tolerance))
    return Report(verdicts, [*_notes(matches), *_new(new)], limits)


def update(
    baseline: Path, folders: Iterable[Path], metrics: Sequence[str] = ()
) -> tuple[list[Configuration], list[str]]:
    """Write a baseline from finished runs; returns its configurations and warnings.

    metrics: metrics to store besides those of all test rows. Raises BaselineError for fewer than three seeds per
    configuration, and for runs made by different code.
    """
    runs = read_runs(folders)
    require_one_code(runs)
    found = configurations_of(runs)
    known = {name for c in found for name in c.metrics}
    for name in metrics:
        if name not in known:
            raise ConfigError(f"expected a metric of these runs, got {name!r}{suggest_name(name, known)}")
    return found, write_baseline(baseline, found, metrics)


def _choose(metrics: Sequence[str], baseline: Baseline) -> list[str]:
    known = {name for c in baseline.configurations for name in c.metrics}
    for name in metrics:
        if name not in known:
            raise ConfigError(
                f"expected a metric of the baseline, got {name!r}{suggest_name(name, known)}; another one of"
                " finished runs gets into it with --update --metric"
            )
        if not is_directed(name):
            raise ConfigError(
                f"expected a metric that is better one way, got {name}{suggest('', filter(is_directed, known))}"
            )
    return list(dict.fromkeys(metrics)) or [name for name in (*QUALITY, *TIMES) if name in known]


def _is_speed(metric: str) -> bool:
    return metric.endswith(("_seconds", "rows_per_second"))


def _on_runs(found: Match) -> Iterator[Verdict]:
    """Verdicts on the runs themselves, independent of their metrics."""
    before, after = found.before, found.after
    case = Case(before.data, before.model, found.settings, RUNS, {}, {})
    if after is not None and after.failures:
        more = f" and {len(after.failures) - 1} more" if len(after.failures) > 1 else ""
        yield Verdict(case, Rules(), FAILED, f"{after.failures[0]}{more}")
    if after is None or not (after.seeds or after.failures):
        unfinished = f"{after.unfinished} runs that are not finished" if after else "no such run"
        yield Verdict(case, Rules(), MISSING, found.note or unfinished)
    elif lost := sorted(set(before.seeds) - set(after.seeds) - after.failed_seeds):
        yield Verdict(case, Rules(), MISSING, f"no finished run of seed {_some(lost)}, of which the baseline has one")


def _some(seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - MOST_SEEDS} more" if len(seeds) > MOST_SEEDS else ""
    return ", ".join(map(str, seeds[:MOST_SEEDS])) + more


def _unreadable(configuration: Configuration) -> Verdict:
    case = Case(configuration.data, configuration.model, "", RUNS, {}, {})
    return Verdict(case, Rules(), FAILED, "; ".join(configuration.failures))


def _judged(matches: Sequence[Match], metrics: Sequence[str], rules: Rules) -> list[Verdict]:
    """The verdicts of one family of comparisons, corrected together: each metric over the common seeds."""
    cases, refused = [], []
    for found in matches:
        if found.after is None or not found.after.seeds:
            continue
        for metric in metrics:
            before, after = (c.metrics.get(metric, {}) for c in (found.before, found.after))
            if not before:
                continue
            both = before.keys() & after.keys()
            absent = sorted(before.keys() & set(found.after.seeds) - both)
            before, after = ({seed: v for seed, v in values.items() if seed in both} for values in (before, after))
            data, model = found.before.data, found.before.model
            case = Case(data, model, found.settings, metric, before, after, less_is_better(metric))
            if absent:
                lacking = replace(case, baseline={}, current={})
                whose = f"run of seed {absent[0]} does" if len(absent) == 1 else f"runs of seed {_some(absent)} do"
                refused.append(Verdict(lacking, rules, MISSING, f"the {whose} not have it"))
            if not both:
                continue  # a missing metric is reported above, or with the runs
            if rules.kind == "speed" and (reason := _other_machine(found.before, found.after)):
                refused.append(Verdict(case, rules, INCONCLUSIVE, reason))
            else:
                cases.append(case)
    return judge(cases, rules) + refused


def _other_machine(before: Configuration, after: Configuration) -> str:
    """A reason why times are not comparable: another machine, or an unknown one; "" if they are."""
    for key in ("device", "cpu"):
        was, now = (c.environment.get(key) for c in (before, after))
        if was is None or now is None:
            return f"another machine, maybe: no {key} is known of {'the baseline' if was is None else 'the runs'}"
        if was != now:
            return f"another machine: {key} was {was}, is {now}"
    return ""


def _notes(matches: Sequence[Match]) -> list[str]:
    notes: dict[str, None] = {}
    for found in matches:
        before, after = found.before, found.after
        if after is None or not after.seeds:
            continue
        name = " ".join(filter(None, (f"{before.model} on {before.data}", found.settings)))
        if found.note:
            notes[f"{name}: the configuration changed: {found.note}"] = None
        if not before.digests or not after.digests:
            notes[f"{name}: no fingerprint of the data is known on one side, so it may be other data"] = None
    told = {key for m in matches for key in m.before.environment if key.partition(".")[0] != CODE}  # code differs
    for key in sorted(told):
        pairs = {(m.before.environment[key], m.after.environment[key]) for m in matches if m.after and _both(m, key)}
        for was, now in sorted(pair for pair in pairs if pair[0] != pair[1]):
            notes[f"{key.removeprefix('packages.')} was {was}, is {now}"] = None
    return list(notes)


def _both(found: Match, key: str) -> bool:
    return found.after is not None and key in found.before.environment and key in found.after.environment


def _new(configurations: Sequence[Configuration]) -> Iterator[str]:
    counts = Counter(f"{c.model} on {c.data}" for c in configurations)
    for name, n in counts.items():
        several = f" in {n} configurations" if n > 1 else ""
        yield f"{name} is not in the baseline{several}; --update takes in what is in the folders"
