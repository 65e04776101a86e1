"""Check of the threshold rules' promised rates, and of how rarely a kept promise is called exceeded.

On normals of the NSL-KDD training file alone, in 100 splits. Each split fits the preprocessing and two cheap scores on
60 % of the training normals, sets each rule's threshold by 20 %, and counts false alarms on the last 20 %: rows of one
file in random order, hence exchangeable, as the rules assume. The test file's rows are not scored. The 100 splits share
their rows, so their counts are not independent.

Four checks. Three of them ask if the promised rate lies inside this 95 % interval of the achieved one:

"whole": Wilson's, for 1 / (1/m + 1/n) rows instead of m, where n rows set the threshold and m were counted. The
achieved rate varies for two reasons: m rows were drawn to count, and n to set the threshold. With the threshold at a
rank of n continuous scores, the count follows a beta-binomial law, whose rate has the variance
p (1 - p) (1/m + (1 - 1/m) / (n + 2)): except for terms of 1/n^2, that of this number of rows. This is the right one of
the two.

"test rows": Wilson's for m rows, like `test_fpr_low` and `test_fpr_high` of a run: right for the rate of one given
threshold, but a promise also covers the draw of the threshold. A rule that keeps its promise perfectly is inside in
about 83 of 100 splits for n = m, as here: 2 Phi(1.96 / sqrt(2)) - 1.

"law": for `conformal` the beta-binomial law itself, whose central 95 % must contain the count; its only approximation
is that ties are treated as continuous scores.

"exceeded", the fourth, as in the panel of a run: more alarms than promised, and a one-sided p-value under .05 by the
rule's law, exact for `conformal`, approximate for `evt`, and one row wide for `quantile`.

"evt, fitted": not the default; `evt` fits the tail (min_excesses=200) also for 1 %, where it would otherwise count.

Then on simulated scores with known truth:

(a) The rate of promises called exceeded although test normals and calibration normals are alike, at the sizes of the
    bundled datasets' parts, of equal parts, and of a table of 2,000 normals. At most 5 % are allowed; "Wilson outside"
    is the former criterion, that the test rows' own interval excludes the promise.
(b) `threshold.confidence`: the share of draws of n calibration rows for which the true rate exceeds the promise, and
    the average rate, which is the price. Both by the beta law and as drawn.
(c) `threshold=fdr`: the mean share of normals among the reported rows, against the level, and the share of anomalies
    found. Normals are standard normal, anomalies shifted by 3.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy.stats import beta, betabinom

from adbench.arrays.types import Scores
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.data import nslkdd
from adbench.data.base import Table
from adbench.evaluation.controls import Controls
from adbench.evaluation.promise import SURE, exceeded
from adbench.evaluation.thresholds.base import Alarms, ThresholdRule
from adbench.evaluation.thresholds.conformal import Conformal, conformal_rank
from adbench.evaluation.thresholds.evt import PeaksOverThreshold
from adbench.evaluation.thresholds.fdr import BenjaminiHochberg
from adbench.evaluation.thresholds.quantile import Quantile
from adbench.preprocess.deviations import Deviations
from adbench.protocols.base import shuffled
from adbench.stats.proportion import wilson_interval

N_SPLITS, WANTED = 100, 90
RATES = (0.01, 0.001)
SCORES = ("mean_abs_z", "pca_residual")
INTERVALS = ("whole", "test rows", "law")

NONE = np.empty(0)
N_DRAWS, N_FILES, N_FITS = 10_000, 2_000, 1_000  # repetitions of (a) and (b), of (c), of evt
RANKS: dict[str, ThresholdRule] = {
    "conformal": Conformal(),
    "conformal, 0.9": Conformal(0.9),
    "quantile": Quantile(),
}
# (calibration rows, test normals) of the datasets under the default protocol.
SIZES = {
    "nslkdd": (13_469, 9_711),
    "kddcup99": (19_456, 60_593),
    "unswnb15": (3_700, 18_500),
    "equal parts": (1_000, 1_000),
    "2,000 normals": (200, 1_000),
}


def main() -> None:
    of_splits()
    called_exceeded()
    with_confidence()
    false_discoveries()


def of_splits() -> None:
    table = nslkdd.load()
    achieved: defaultdict[tuple[float, str, str], list[float]] = defaultdict(list)
    inside: defaultdict[tuple[float, str, str], list[list[bool]]] = defaultdict(list)
    called: defaultdict[tuple[float, str, str], int] = defaultdict(int)
    rules = list(promising_rules())
    for seed in range(N_SPLITS):
        for score, (calibration, held_out) in scored_parts(table, seed).items():
            for name, rule in rules:
                for target in RATES:
                    n_alarms = int((held_out > rule(calibration, held_out, target)).sum())
                    called[target, name, score] += is_called(rule, n_alarms, len(calibration), len(held_out), target)
                    achieved[target, name, score].append(n_alarms / len(held_out))
                    inside[target, name, score].append(keeps(n_alarms, len(calibration), len(held_out), target))
    print(f"{N_SPLITS} splits: {len(calibration):,} rows set the threshold, {len(held_out):,} are counted")
    columns = f"{'promised':9} {'rule':12} {'score':13} {'mean':>7} {'sd':>7}   inside: {'   '.join(INTERVALS)}"
    print(f"{columns}{'exceeded':>21}")
    for (target, name, score), rates in sorted(achieved.items(), reverse=True):
        whole, test_rows, law = np.sum(inside[target, name, score], axis=0)
        print(
            f"{target:<9.2%} {name:12} {score:13} {np.mean(rates):7.3%} {np.std(rates, ddof=1):7.3%} {whole:15}"
            f" {test_rows:11} {law if name == 'conformal' else '-':>5}   {'kept' if whole >= WANTED else 'BROKEN':10}"
            f" {called[target, name, score]:8}"
        )


def promising_rules() -> Iterator[tuple[str, ThresholdRule]]:
    """The rules that promise a rate, and evt with non-default settings."""
    for name in groups()["threshold"]:
        rule = build(compose([f"threshold={name}"])["threshold"], "threshold")
        if rule.promises_rate:
            yield name, rule
    fitted = compose(["threshold=evt", "threshold.min_excesses=200"])
    yield "evt, fitted", build(fitted["threshold"], "threshold")


def is_called(rule: ThresholdRule, n_alarms: int, n: int, m: int, target: float) -> bool:
    """True if a run would call the promise exceeded."""
    found = rule.judged(Alarms(n_alarms, 0, m), n, target)
    return bool(exceeded([found | {"test_fpr": n_alarms / m, "target_fpr": target}]))


def called_exceeded() -> None:
    print(f"\n(a) promises that are kept and called exceeded, at most {SURE:.0%} wanted")
    print(f"{'parts':14} {'calibrate':>9} {'tested':>7} {'promised':>9} {'rule':15} {'exceeded':>16}   Wilson outside")
    rules: list[tuple[str, ThresholdRule, float, int]] = [
        *((name, rule, target, N_DRAWS) for name, rule in RANKS.items() for target in (0.05, 0.01)),
        ("evt", PeaksOverThreshold(0.02, 50), 0.001, N_FITS),
    ]
    for parts, (n, m) in SIZES.items():
        possible = [(*rule, np.zeros(2, dtype=int)) for rule in rules if n >= rule[1].rows_needed(rule[2])]
        rng = np.random.default_rng(0)
        for i in range(N_DRAWS):
            calibration, normals = rng.standard_normal(n), rng.standard_normal(m)
            for _, rule, target, n_draws, counts in possible:
                if i < n_draws:
                    n_alarms = int(np.count_nonzero(normals > rule(calibration, NONE, target)))
                    interval = wilson_interval(n_alarms / m, m)
                    outside = not interval.low <= target <= interval.high
                    counts += is_called(rule, n_alarms, n, m, target), outside
        for name, _, target, n_draws, (called, outside) in possible:
            verdict = "kept" if called / n_draws <= SURE + error(SURE, n_draws) else "MISSED"
            print(
                f"{parts:14} {n:9,} {m:7,} {target:9.2%} {name:15} {share_of(called, n_draws):>16}"
                f" {outside / n_draws:16.1%}   {verdict}",
                flush=True,
            )


def with_confidence() -> None:
    print("\n(b) rates held with a confidence: the share of draws above the promise, and the mean rate")
    print(
        f"{'promised':>8} {'confidence':>10} {'rows needed':>11} {'rows':>7} {'above: law':>11} {'drawn':>16}"
        f" {'mean: law':>10} {'drawn':>8}"
    )
    for target, confidence in ((0.01, None), (0.01, 0.9), (0.01, 0.99), (0.001, 0.9)):
        rule = Conformal(confidence)
        for n in sorted({rule.rows_needed(target), 500, 1_000, 3_700, 13_469, 19_456}):
            if n < rule.rows_needed(target):
                continue
            law, rng = rule.rate_law(n, target), np.random.default_rng(0)
            # For a uniform score, the rate above a threshold is 1 minus it.
            rates = np.array([1 - rule(rng.random(n), NONE, target) for _ in range(N_DRAWS)])
            n_above = int((rates > target).sum())
            wanted = "" if confidence is None else "MISSED"
            if confidence is not None and n_above / N_DRAWS <= 1 - confidence + error(1 - confidence, N_DRAWS):
                wanted = "kept"
            print(
                f"{target:8.2%} {confidence or 'none':>10} {rule.rows_needed(target):11,} {n:7,}"
                f" {beta(law.above, law.below).sf(target):11.1%} {share_of(n_above, N_DRAWS):>16}"
                f" {law.mean:10.3%} {rates.mean():8.3%}   {wanted}",
                flush=True,
            )


def false_discoveries() -> None:
    n, m = 5_000, 5_000
    print(f"\n(c) false discoveries among the reported of {m:,} test rows, {n:,} rows calibrate; {N_FILES:,} files")
    print(f"{'level':>6} {'anomalies':>9} {'false discoveries':>20} {'found':>7} {'no report':>9}")
    for level in (0.05, 0.1, 0.2):
        for base_rate in (0.5, 0.1, 0.01):
            rule, rng, n_normals = BenjaminiHochberg(level), np.random.default_rng(0), round((1 - base_rate) * m)
            false, found = np.zeros(N_FILES), np.zeros(N_FILES)
            nothing = 0
            for i in range(N_FILES):
                scores = rng.standard_normal(m)
                scores[n_normals:] += 3
                reported = scores > rule(rng.standard_normal(n), scores, 0.01)
                n_reported = int(np.count_nonzero(reported))
                n_false = int(np.count_nonzero(reported[:n_normals]))
                false[i], found[i] = n_false / max(1, n_reported), reported[n_normals:].mean()
                nothing += not n_reported
            margin = 2 * false.std(ddof=1) / np.sqrt(N_FILES)
            print(
                f"{level:6.0%} {base_rate:9.0%} {false.mean():11.2%} ± {margin:.2%} {found.mean():7.1%}"
                f" {nothing / N_FILES:9.1%}   {'kept' if false.mean() <= level + margin else 'MISSED'}",
                flush=True,
            )


def share_of(count: int, n: int) -> str:
    """A share with two standard errors, as text."""
    return f"{count / n:.2%} ± {error(count / n, n):.2%}"


def error(share: float, n: int) -> float:
    """Two standard errors of a share of n."""
    return float(2 * np.sqrt(share * (1 - share) / n))


def keeps(n_alarms: int, n: int, m: int, target: float) -> list[bool]:
    """Flags of INTERVALS: True if the target lies inside."""
    found = [wilson_interval(n_alarms / m, n_rows) for n_rows in (1 / (1 / m + 1 / n), m)]
    rank = conformal_rank(n, target)
    low, high = betabinom(m, n + 1 - rank, rank).interval(0.95)
    return [*(interval.low <= target <= interval.high for interval in found), bool(low <= n_alarms <= high)]


def scored_parts(table: Table, seed: int) -> dict[str, tuple[Scores, Scores]]:
    """Score name -> scores of the calibration rows and of the held-out rows of one split."""
    rows = shuffled(np.flatnonzero(~table.is_test & (table.label == 0)), np.random.default_rng(seed))
    n_part = len(rows) // 5
    take = table.features.take
    fit, calibration, held_out = take(rows[2 * n_part :]), take(rows[:n_part]), take(rows[n_part : 2 * n_part])
    encoder = build(compose([])["preprocess"], "preprocess").fit(fit)
    both = np.concatenate([encoder.transform(calibration), encoder.transform(held_out)])
    deviations = Deviations().fit(fit)
    of_both = np.concatenate([deviations.transform(calibration), deviations.transform(held_out)])
    scores = Controls(nearest_rows=100)(encoder.transform(fit), both, of_both, seed)
    return {name: (scores[name][:n_part], scores[name][n_part:]) for name in SCORES}


if __name__ == "__main__":
    main()
