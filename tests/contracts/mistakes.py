"""Mistakes that an honest plugin author makes, each committed for real, with its outcome.

`docs/seal.md` prints the table: `scripts/docs/seal.py` writes it, `tests/contracts/test_mistakes.py` runs every row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from adbench.data import table as user_table
from adbench.data.base import Features, Table
from adbench.errors import AdbenchError
from adbench.evaluation.thresholds.quantile import Quantile
from adbench.models.autoencoders.ae import AE
from adbench.models.classical.pca import PCA
from adbench.preprocess.standard import Standard
from adbench.protocols.base import Parts
from adbench.protocols.one_class import OneClass
from adbench.results.record import Run
from adbench.runner.run import train
from adbench.testing.loaders import CHECKS, Lines

REFUSED, CONTRACT = "refused by the run", "refused by the loader contract"
HARMLESS, PASSES = "changes nothing", "**passes**"
HEAD = "x0,x1,x2,x3,kind,label"


def rows(n: int, seed: int, kinds: str) -> list[str]:
    """Lines of a table: four numbers, a category, and a label that shifts two of the numbers."""
    rng = np.random.default_rng(seed)
    label = (np.arange(n) % 5 == 0).astype(int)
    x = rng.normal(size=(n, 4)).round(3) + np.outer(label, [1.5, 0, -1.5, 0])
    cells = zip(x.tolist(), rng.choice([*kinds], n), label, strict=True)
    return [",".join([*map("{:.3f}".format, numbers), kind, str(one)]) for numbers, kind, one in cells]


@dataclass
class Bench:
    """The setting of a mistake: a table in two files, and runs on it."""

    folder: Path
    patch: pytest.MonkeyPatch
    train: list[str] = field(default_factory=lambda: [HEAD, *rows(400, 0, "abc")])
    test: list[str] = field(default_factory=lambda: [HEAD, *rows(240, 1, "abcd")])

    def run(self, *words: str) -> Run:
        """A run on the table, by default pca with standard scaling."""
        for name, lines in {"train": self.train, "test": self.test}.items():
            (self.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        files = [f"data.path={self.folder / 'train.csv'}", f"data.test_path={self.folder / 'test.csv'}"]
        plain = ["data=table", "data.label=label", "data.categorical=[kind]", "target_fpr=0.1", "cache=false"]
        usual = ["model=pca", "model.n_components=2", "preprocess=standard"]
        usual = [] if any(word.startswith("model=") for word in words) else usual
        found = train([*plain, *files, f"runs_dir={self.folder / 'runs'}", *usual, *words])
        if found.status == "failed":
            raise AssertionError(found.error)
        return found

    def contract(self, cheat: Callable[[Table], Table]) -> None:
        """Run all checks of the loader contract on the table's loader with the cheat applied to its rows."""

        def load(lines: Lines) -> Table:
            for name in lines.files:
                (self.folder / name).write_bytes(lines.content(name))
            paths = [str(self.folder / name) for name in lines.files]
            return cheat(user_table.load(*paths, label="label", categorical=["kind"], missing="impute"))

        lines = Lines({"train.csv": self.train, "test.csv": self.test}, (5,), True, (), (0, 1, 2, 3), ("test.csv",))
        for check in CHECKS:
            check(load, lines)


@dataclass(frozen=True)
class Mistake:
    """A mistake. plugin, what: its place and kind. commit: makes it, and returns the result of a run, or raises.

    says: part of the refusal's message or, if nothing is refused, a remark.
    """

    plugin: str
    what: str
    verdict: str
    says: str
    commit: Callable[[Bench], Any]

    def row(self) -> str:
        """Its line in the table."""
        says = f"“… {self.says} …”" if self.verdict in (REFUSED, CONTRACT) else self.says
        return f"| {self.plugin} | {self.what} | {self.verdict} | {says} |"

    def comes_to(self, bench: Bench) -> str:
        """Commit the mistake; returns the verdict after comparing the message."""
        try:
            return HARMLESS if self.commit(bench) else PASSES
        except (AdbenchError, AssertionError) as error:
            if self.says not in re.sub(r"\s+", " ", str(error)):
                raise
            return REFUSED if isinstance(error, AdbenchError) else CONTRACT


# --- models ---


def scored(by: Callable[[Any, Any, Callable[[Any], Any]], Any]) -> Callable[[Bench], Any]:
    """A PCA whose scores go through `by(detector, x, honest scores of x)`."""

    def commit(bench: Bench) -> None:
        honest = PCA.score_rows
        bench.patch.setattr(PCA, "score_rows", lambda self, x: by(self, x, partial(honest, self)))
        bench.run()

    return commit


def z_score(_: Any, x: Any, score: Any) -> Any:
    s = score(x)
    return (s - s.mean()) / (s.std() + 1e-9)


def min_max(_: Any, x: Any, score: Any) -> Any:
    s = score(x)
    return (s - s.min()) / (np.ptp(s) + 1e-9)


def running_range(self: Any, x: Any, score: Any) -> Any:
    s = score(x)
    self.low, self.high = min([getattr(self, "low", np.inf), *s]), max([getattr(self, "high", -np.inf), *s])
    return (s - self.low) / (self.high - self.low + 1e-9)


def running_moments(self: Any, x: Any, score: Any) -> Any:
    s = score(x)
    self.n, self.total = getattr(self, "n", 1) + len(s), getattr(self, "total", 0.0) + s.sum()
    return s - self.total / self.n


def rank_among_all_so_far(self: Any, x: Any, score: Any) -> Any:
    s = score(x)
    self.seen = np.sort(np.concatenate([getattr(self, "seen", np.empty(0)), s]))
    return np.searchsorted(self.seen, s) / len(self.seen)


def adapts(self: Any, x: Any, score: Any) -> Any:
    s = score(x)
    self.learned = self.learned | {"mean": 0.9 * self.learned["mean"] + 0.1 * x.mean(axis=0)}
    return s


def small_and_centred(_: Any, x: Any, score: Any) -> Any:
    s = 1e-7 * score(x)
    return s - s.mean()


def fits_what_it_scores(self: Any, x: Any, score: Any) -> Any:
    if len(x) > self.n_components:
        self.learned = self.learn(x)
    return score(x)


SEEN: dict[str, float] = {}


def running_range_of_the_module(_: Any, x: Any, score: Any) -> Any:
    s = score(x)
    SEEN["high"] = max([SEEN.get("high", 0.0), *s])
    return s / SEEN["high"]


def keeps_in_its_module(bench: Bench) -> None:
    SEEN.clear()
    scored(running_range_of_the_module)(bench)


def draws(_: Any, x: Any, score: Any) -> Any:
    return score(x) + np.random.normal(size=len(x))  # noqa: NPY002


def batch_norm(bench: Bench, **about: Any) -> None:
    """An autoencoder with BatchNorm that scores in its current mode."""
    honest = AE.__init__

    def init(self: AE, *args: Any, **kwargs: Any) -> None:
        honest(self, *args, **kwargs)
        self.encoder = nn.Sequential(self.encoder, nn.BatchNorm1d(2, **about))

    def score_rows(self: AE, x: Any) -> Any:
        if not about:
            self.train()
        with torch.no_grad():
            return self.score(torch.from_numpy(x)).double().numpy()

    bench.patch.setattr(AE, "__init__", init)
    bench.patch.setattr(AE, "score_rows", score_rows)
    bench.run("model=ae", "model.latent_size=2", "model.hidden_sizes=[4]", "trainer.max_epochs=1")


def steals(bench: Bench) -> None:
    from tests.contracts.test_cheating import steal_labels

    bench.patch.setattr(PCA, "score_rows", lambda self, x: steal_labels().astype(float))
    bench.run()


# --- preprocessings ---


def transforms(by: Callable[[Any, Features, Callable[[Features], Any]], Any]) -> Callable[[Bench], Any]:
    """A standard scaling that goes through `by(encoder, features, honest encoding)`."""

    def commit(bench: Bench) -> None:
        honest = Standard.transform
        bench.patch.setattr(Standard, "transform", lambda self, rows, out=None: by(self, rows, partial(honest, self)))
        bench.run()

    return commit


def centres(_: Any, features: Features, encode: Any) -> Any:
    x = encode(features)
    return x - x.mean(axis=0)


def partial_fits(self: Any, features: Features, encode: Any) -> Any:
    mean = np.array([column.mean() for column in features.columns()])
    self.arrays = self.arrays | {"mean": 0.9 * self.arrays["mean"] + 0.1 * mean}
    return encode(features)


def refits(self: Any, features: Features, encode: Any) -> Any:
    values = self.values
    self.fit(features)
    self.values = values  # so that the columns stay the same
    self._begin()
    return encode(features)


def all_values(bench: Bench) -> bool:
    """One column per value of `features.vocabularies`, even if missing from the fit rows."""
    honest, seen = Standard.fit, []

    def fit(self: Standard, features: Features) -> Standard:
        seen.extend(features.vocabularies["kind"])
        return honest(self, features)

    bench.patch.setattr(Standard, "fit", fit)
    bench.run()
    return sorted(seen) == ["a", "b", "c"]


# --- loaders ---


def with_numbers(table: Table, x: Any, names: Any = None) -> Table:
    kept = table.features.numeric_names if names is None else names
    return replace(table, features=replace(table.features, numeric=np.asfortranarray(x), numeric_names=kept))


def standardises(table: Table) -> Table:
    x = table.features.numeric
    return with_numbers(table, (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9))


def imputes(table: Table) -> Table:
    x, names = table.features.numeric.copy(), [*table.features.numeric_names]
    for name in names:
        if f"{name} is missing" in names:
            gaps = x[:, names.index(f"{name} is missing")] == 1
            x[gaps, names.index(name)] = x[~gaps, names.index(name)].mean()
    return with_numbers(table, x)


def encodes(table: Table, weights: Any) -> Table:
    codes = table.features.codes[:, 0]
    share = np.bincount(codes, weights) / np.bincount(codes)
    names = (*table.features.numeric_names, "kind in numbers")
    return with_numbers(table, np.column_stack([table.features.numeric, share[codes]]), names)


def frequencies(table: Table) -> Table:
    codes = table.features.codes[:, 0]
    return encodes(table, np.bincount(codes)[codes] / len(codes))


def targets(table: Table) -> Table:
    return encodes(table, table.label)


def selects(table: Table) -> Table:
    x, label = table.features.numeric, table.label == 1
    apart = np.abs(x[label].mean(axis=0) - x[~label].mean(axis=0))
    best = np.sort(np.argsort(apart)[-2:])
    return with_numbers(table, x[:, best], tuple(table.features.numeric_names[i] for i in best))


def tidies(table: Table) -> Table:
    x = table.features.numeric
    odd = (np.abs(x - x.mean(axis=0)) > 2 * x.std(axis=0)).any(axis=1) & table.is_test & (table.label == 0)
    return table.take(np.flatnonzero(~odd))


def loads(by: Callable[[Table], Table]) -> Callable[[Bench], Any]:
    return lambda bench: bench.contract(by)


def imputing(bench: Bench) -> None:
    gaps = np.random.default_rng(3)
    for lines in (bench.train, bench.test):
        lines[1:] = [f",{line.partition(',')[2]}" if gaps.random() < 0.2 else line for line in lines[1:]]
    bench.contract(imputes)


def told_by(column: Callable[[int, int], str]) -> Callable[[Bench], Any]:
    """A copy of the label as another column, computed from the label and the row number."""

    def commit(bench: Bench) -> None:
        for lines in (bench.train, bench.test):
            told = [f"{column(int(line[-1]), i)},{line}" for i, line in enumerate(lines[1:])]
            lines[:] = [f"again,{HEAD}", *told]
        bench.run("data.categorical=[kind,again]" if column(1, 0).isalpha() else "data.categorical=[kind]")

    return commit


# --- protocols, thresholds, configurations ---


def divides(by: Callable[[Table, Parts], Parts]) -> Callable[[Bench], Any]:
    def commit(bench: Bench) -> None:
        honest = OneClass.divide
        bench.patch.setattr(OneClass, "divide", lambda self, table, rng: by(table, honest(self, table, rng)))
        bench.run()

    return commit


def near_test_normals(table: Table, parts: Parts) -> Parts:
    x = table.features.numeric
    apart = np.abs(x[parts.fit] - x[parts.test].mean(axis=0)).sum(axis=1)
    return replace(parts, fit=parts.fit[np.argsort(apart)[: len(apart) // 2]])


def clear_anomalies(table: Table, parts: Parts) -> Parts:
    (column, *_) = table.features.columns()
    clear = (table.label == 0) | (column > np.median(column[table.label == 1]))
    return replace(parts, test=parts.test[clear[parts.test]])


def fewer_anomalies(table: Table, parts: Parts) -> Parts:
    anomalous = table.label[parts.test] == 1
    return replace(parts, test=np.sort(np.concatenate([parts.test[~anomalous], parts.test[anomalous][::2]])))


def fits_on_test(table: Table, parts: Parts) -> Parts:
    return replace(parts, fit=np.append(parts.fit, parts.test[:5]))


def looks_at_test_scores(bench: Bench) -> None:
    bench.patch.setattr(Quantile, "__call__", lambda self, calibration, test, rate: float(np.quantile(test, 0.9)))
    bench.run("threshold=quantile")


def promises_nothing(bench: Bench) -> bool:
    bench.patch.setattr(Quantile, "promises_rate", False)
    looks_at_test_scores(bench)
    return False


def one_gap(bench: Bench) -> bool:
    """The fit, without and with one empty cell in the test file."""
    seen = []
    honest = PCA.learn
    bench.patch.setattr(PCA, "learn", lambda self, x: seen.append(np.array(x)) or honest(self, x))
    for name in ("whole", "gap"):
        if name == "gap":
            bench.test[7] = f",{bench.test[7].partition(',')[2]}"
        bench.run("data.missing=impute", f"data.name={name}")
    return np.array_equal(*seen)


def one_word(bench: Bench) -> None:
    bench.test[7] = f"unknown,{bench.test[7].partition(',')[2]}"
    bench.run()


STATE, TOGETHER = "to leave the detector as it was, got another", "to be the same alone and among the other rows"
ALONE = "in a row when"
MISTAKES = (
    Mistake("model", "z-score over the rows that it is given", REFUSED, TOGETHER, scored(z_score)),
    Mistake("model", "min-max over the rows that it is given", REFUSED, TOGETHER, scored(min_max)),
    Mistake("model", "subtracts the mean of its batch, scores of size 1e-6", REFUSED, TOGETHER,
            scored(small_and_centred)),
    Mistake("model", "BatchNorm in training mode", REFUSED, "use LayerNorm, or eval() before it scores", batch_norm),
    Mistake("model", "BatchNorm without running statistics", REFUSED, "use LayerNorm, or eval() before it scores",
            partial(batch_norm, track_running_stats=False)),
    Mistake("model", "draws noise while it scores", REFUSED, TOGETHER, scored(draws)),
    Mistake("model", "running min/max, kept while it scores", REFUSED, STATE, scored(running_range)),
    Mistake("model", "running mean, kept while it scores", REFUSED, STATE, scored(running_moments)),
    Mistake("model", "rank among all rows scored so far", REFUSED, STATE, scored(rank_among_all_so_far)),
    Mistake("model", "test-time adaptation: learns from the rows that it scores", REFUSED, STATE, scored(adapts)),
    Mistake("model", "fits on the rows that it scores, keeps that fit for single rows", REFUSED, STATE,
            scored(fits_what_it_scores)),
    Mistake("model", "running maximum, kept in a variable of its module", REFUSED, TOGETHER, keeps_in_its_module),
    Mistake("model", "looks around for labels", REFUSED, "the test labels are sealed".removeprefix("the "), steals),
    Mistake("preprocess", "centres by the rows that it transforms", REFUSED,
            "to be the same alone and among the other rows", transforms(centres)),
    Mistake("preprocess", "`partial_fit` in `transform`", REFUSED, "to leave the preprocessing as it was",
            transforms(partial_fits)),
    Mistake("preprocess", "refits at each `transform`, and keeps that", REFUSED,
            "to leave the preprocessing as it was", transforms(refits)),
    Mistake("preprocess", "a column for each value of `features.vocabularies`", HARMLESS,
            "`fit` gets the values of the fit rows alone", all_values),
    Mistake("loader", "standardises over all rows", CONTRACT, ALONE, loads(standardises)),
    Mistake("loader", "fills gaps by the mean of all rows", CONTRACT, ALONE, imputing),
    Mistake("loader", "encodes a category by its frequency in all rows", CONTRACT, ALONE, loads(frequencies)),
    Mistake("loader", "encodes a category by the share of anomalies (target encoding)", CONTRACT, ALONE,
            loads(targets)),
    Mistake("loader", "takes the columns that all labels like best", CONTRACT, "expected the same columns when",
            loads(selects)),
    Mistake("loader", "leaves “outliers” out of the test normals", CONTRACT, "expected a row for each of",
            loads(tidies)),
    Mistake("loader, YAML", "the kind of attack stays a feature", REFUSED, "features that do not contain the label",
            told_by(lambda label, i: ("normal", ("dos", "probe", "worm")[i % 3])[label])),
    Mistake("loader, YAML", "the label with one row wrong", REFUSED, "features that do not contain the label",
            told_by(lambda label, i: str(label if i != 3 else 1 - label))),
    Mistake("loader, YAML", "the label times the number of a class", REFUSED,
            "features that do not contain the label", told_by(lambda label, i: str(label * (1 + i % 7)))),
    Mistake("loader, YAML", "several values on anomalies, others on normal rows", REFUSED,
            "features that do not contain the label", told_by(lambda label, i: str(10 * label + i % 3))),
    Mistake("protocol", "fits on test rows", REFUSED, "no test row among those that fit or calibrate",
            divides(fits_on_test)),
    Mistake("protocol", "chooses fit rows that are near the test normals", REFUSED,
            "the features are sealed while rows are divided", divides(near_test_normals)),
    Mistake("protocol", "leaves out test anomalies that are hard, by their features", REFUSED,
            "the features are sealed while rows are divided", divides(clear_anomalies)),
    Mistake("protocol", "leaves out some test anomalies, by their labels alone", PASSES,
            "so does `leave_family_out`, on purpose; the panel says how many were tested", divides(fewer_anomalies)),
    Mistake("threshold", "looks at the test scores, and promises a rate", REFUSED, "the test scores are sealed",
            looks_at_test_scores),
    Mistake("threshold", "looks at the test scores, and promises none", PASSES,
            "meant so, for published protocols: the panel says that nothing is promised", promises_nothing),
    Mistake("YAML", "`data.missing=impute`, and one cell of the test file is empty", HARMLESS,
            "a column says which cells lack a value only where fit rows lack some", one_gap),
    Mistake("YAML", "one word among the numbers of the test file", REFUSED,
            "expected numbers or words in column 'x0'", one_word),
)  # fmt: skip


def table_in_markdown() -> str:
    """The table of docs/seal.md."""
    return "\n".join(
        ["| plugin | mistake | verdict | what is said |", "|---|---|---|---|", *(one.row() for one in MISTAKES)]
    )
