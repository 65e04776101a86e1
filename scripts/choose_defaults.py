"""Selection of the shipped defaults, without a test file. Takes an hour or so on two idle cores.

Every candidate is run on permitted data:

- nslkdd, kddcup99, few-rows: protocol=labelled_validation fits on normals of a training file, and tests on held-out
  normals and the attacks of that training file; few-rows fits on a fifth of NSL-KDD's normals. The metric is the
  unweighted mean AUROC over attack families: weighted by rows, one kind of flood would dominate.
- tables: the 22 development tables of the ADBench collection, under protocol=one_class, at most 10,000 rows of each,
  drawn with seed 0. The metric is the mean AUROC over tables.

The test files of the other datasets take no part, and no run opens their labels. The criterion is the unweighted mean
over these conditions and the models ae, vae and gan.

Candidates are reduced by successive halving. First all run with one seed on the tables and on few-rows; then the better
half and the shipped defaults run with three seeds on all conditions. A candidate replaces the default if it is better
there by more than two standard errors of the paired difference over seeds; of several, the best. Ties keep the default.
After a replacement, the script is run again; a value that
was adopted at the edge of its grid first gets a neighbour beyond it.

Ineligible candidates are printed for comparison: preprocess.tail=null merges all values beyond the range of the fit
rows, which hides exactly what a detector should show.

The models' own keys are searched model by model, including the classical detectors', each by its own runs.

Arguments restrict the script to sections (preprocess, training, or a model), conditions (nslkdd, kddcup99, few-rows,
tables) and candidate values (trainer.schedule=linear); the rule applies to all conditions.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby, islice, product
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd

from adbench.config.compose import compose
from adbench.config.paths import data_folder
from adbench.executors.worker import run_jobs
from adbench.results.record import families
from adbench.runner.reporter import Reporter
from adbench.runner.run import Context, train
from adbench.text import override

MODELS = ("ae", "vae", "gan")
SEEDS = range(3)
RUNS = Path("runs/choose_defaults")
COMMON = ["controls.nearest_rows=1", f"runs_dir={RUNS}"]
ATTACKS = "protocol=labelled_validation"
CONDITIONS = {
    "nslkdd": ("data=nslkdd", ATTACKS),
    "kddcup99": ("data=kddcup99", "protocol.deduplicate=true", ATTACKS),
    "few-rows": ("data=nslkdd", "protocol.calibration_fraction=0.6", ATTACKS),  # 13,468 fit rows
    "tables": (),
}
FIRST = ("tables", "few-rows")
MAX_ROWS = 10_000
FUSED = 8

SQUARES = "null"  # an error_scale: squared errors instead of logarithms
NOT_ELIGIBLE = ("preprocess.tail=null",)
SHARED = {
    "preprocess": {
        "preprocess": ["quantile", "log_standard", "minmax", "standard"],
        "preprocess.tail": ["log", "linear", "null"],
    },
    "training": {
        "trainer.schedule": ["constant", "linear"],
        "trainer.min_steps": ["1000", "2000", "4000"],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
}
OWN = {
    "ae": {
        "model.hidden_sizes": ["[64]", "[64,32]", "[128,64]", "[256,128]", "[512,256]"],
        "model.latent_size": ["8", "16", "32"],
        "model.error_scale": ["0.03", "0.1", "0.3", "1.0", SQUARES],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
        "trainer.batch_size": ["128", "256", "512"],
    },
    "vae": {
        "model.hidden_sizes": ["[64]", "[64,32]", "[128]", "[256]"],
        "model.latent_size": ["4", "8", "16"],
        "model.beta": ["0.1", "0.3", "1.0"],
        "model.min_scale": ["0.05", "0.1", "0.2", "0.5"],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
    "gan": {
        "model.hidden_sizes": ["[64]", "[64,32]"],
        "model.latent_size": ["8", "16"],
        "model.feature_size": ["64", "128", "256"],
        "model.contextual_weight": ["10.0", "40.0", "160.0"],
        "model.reconstruction_share": ["0.3", "0.5", "0.9"],
        "model.error_scale": ["0.03", "0.1", "0.3", "1.0", SQUARES],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
    "ocsvm": {"model.nu": ["0.02", "0.1", "0.2", "0.5"], "model.bandwidth": ["0.125", "0.25", "0.5", "1.0", "2.0"]},
    "pca": {"model.n_components": ["1", "2", "5", "10", "20", "40"]},
    "knn": {"model.k": ["1", "5", "20"]},
    "iforest": {"model.n_trees": ["100", "300"], "model.sample_size": ["128", "256", "1024", "4096", "16384"]},
}

Candidate = tuple[str, ...]  # overrides that differ from the shipped defaults; (): the defaults
Cell = tuple[str, str]  # model and condition
Job = tuple[str, str, Candidate, int]  # model, dataset, candidate, seed
Found = dict[Cell, list[float]]  # results of a candidate, one number per seed


def tables() -> dict[str, tuple[str, ...]]:
    """Table -> the overrides that load it; its rows are written beside the runs."""
    folder, written = data_folder() / "adbench47", RUNS / "tables"
    sources = sorted(folder.glob("*.npz"))
    if not sources:
        sys.exit(f"expected the development tables in {folder}, got none; get them with adbench data fetch adbench47")
    found: dict[str, tuple[str, ...]] = {}
    written.mkdir(parents=True, exist_ok=True)
    for source in sources:
        path = written / f"{source.stem}.parquet"
        if not path.exists():
            content = np.load(source, allow_pickle=False)
            rows = pd.DataFrame(content["X"]).add_prefix("x").assign(y=content["y"].astype(int))
            if len(rows) > MAX_ROWS:
                rows = rows.iloc[np.sort(np.random.default_rng(0).permutation(len(rows))[:MAX_ROWS])]
            rows.to_parquet(path, index=False)
        found[source.stem] = (
            "data=table", override("data.path", str(path)), "data.label=y", "data.normal=0", "data.categorical=[]",
        )  # fmt: skip
    return found


def qualities(jobs: list[tuple[tuple[str, ...], Job]]) -> list[float]:
    """The qualities of runs, trained as one network if possible."""
    run_jobs([compose(overrides(data, job)) for data, job in jobs], Context(Reporter()))
    return [quality(data, job) for data, job in jobs]


def overrides(data: tuple[str, ...], job: Job) -> list[str]:
    """The overrides of one run."""
    model, _, candidate, seed = job
    more = list(candidate)
    if any(text.startswith("trainer.max_epochs=") for text in more) and "trainer.min_steps" not in " ".join(more):
        more.append(f"trainer.min_steps={compose([])['trainer']['min_steps']}")  # typing epochs alone switches it off
    return [f"model={model}", *data, *more, f"seed={seed}", *COMMON]


def quality(data: tuple[str, ...], job: Job) -> float:
    """AUROC of one run, or its mean over attack families; a finished run is read, not repeated."""
    run = train(overrides(data, job))
    if run.status != "done":
        sys.exit(f"{run.folder}: {run.error}")
    if ATTACKS not in data:
        return run.metrics["roc_auc"]
    return mean(run.metrics[f"family/{family}/roc_auc"] for family in families(run.metrics))


def together(jobs: list[tuple[tuple[str, ...], Job]]) -> Iterator[list[tuple[tuple[str, ...], Job]]]:
    """The jobs in batches that can be trained as one network: same model, dataset and trainer."""

    def alike(entry: tuple[tuple[str, ...], Job]) -> tuple[str, ...]:
        model, dataset, candidate, _ = entry[1]
        return (model, dataset, *(text for text in candidate if text.startswith("trainer.")))

    for _, group in groupby(sorted(jobs, key=alike), alike):
        yield from batched(group)


def batched(jobs: Iterable[tuple[tuple[str, ...], Job]]) -> Iterator[list[tuple[tuple[str, ...], Job]]]:
    """The jobs in batches of at most the size that a sweep fuses."""
    remaining = iter(jobs)
    while batch := list(islice(remaining, FUSED)):
        yield batch


class Runs:
    """The runs of all conditions, each made once."""

    def __init__(self, pool: ProcessPoolExecutor, conditions: list[str]) -> None:
        self.pool = pool
        self.conditions = conditions
        self.datasets = {name: {name: CONDITIONS[name]} for name in conditions if name != "tables"}
        if "tables" in conditions:
            self.datasets["tables"] = tables()
        self.known: dict[Job, float] = {}

    def found(
        self, models: tuple[str, ...], conditions: list[str], candidates: list[Candidate], seeds: range
    ) -> dict[Candidate, Found]:
        """Each candidate's results by model and condition: the mean over datasets, per seed."""
        wanted = {
            (model, dataset, candidate, seed): data
            for candidate, seed, condition in product(candidates, seeds, conditions)
            for dataset, data in self.datasets[condition].items()
            for model in models
        }
        missing = [(data, job) for job, data in wanted.items() if job not in self.known]
        batches = list(together(missing))
        for batch, found in zip(batches, self.pool.map(qualities, batches), strict=True):
            self.known |= zip([job for _, job in batch], found, strict=True)
        return {
            candidate: {
                (model, condition): [
                    mean(self.known[model, dataset, candidate, seed] for dataset in self.datasets[condition])
                    for seed in seeds
                ]
                for model, condition in product(models, conditions)
            }
            for candidate in candidates
        }


def choose(runs: Runs, section: str, models: tuple[str, ...], candidates: list[Candidate]) -> None:
    """Print each candidate's results beside the default's, and whether it should replace it."""
    first = [condition for condition in runs.conditions if condition in FIRST]
    if first and len(candidates) > 2:
        show(f"{section}, seed 0", found := runs.found(models, first, candidates, SEEDS[:1]))
        ranked = sorted(candidates, key=lambda candidate: -mean(by_seed(found[candidate])))
        better = [c for c in ranked if c not in [(), *[(name,) for name in NOT_ELIGIBLE]]]
        kept = better[: ceil(len(better) / 2)]
        candidates = [c for c in candidates if c in kept or c not in better]
    show(f"{section}, seeds 0-{SEEDS[-1]}", runs.found(models, runs.conditions, candidates, SEEDS))


def show(title: str, found: dict[Candidate, Found]) -> None:
    """Print one line per candidate, the best first."""
    print(
        f"\n{title}; of each condition the mean over models, and the standard deviation over seeds of one", flush=True
    )
    for candidate in sorted(found, key=lambda candidate: -mean(by_seed(found[candidate]))):
        print(line(candidate, found[candidate], found[()]), flush=True)


def line(candidate: Candidate, ours: Found, shipped: Found) -> str:
    """A candidate's line, with the verdict of the rule above."""
    differences = [our - their for our, their in zip(by_seed(ours), by_seed(shipped), strict=True)]
    difference, several = mean(differences), len(differences) > 1
    error = stdev(differences) / len(differences) ** 0.5 if several else float("nan")
    verdict = "REPLACE" if difference > 2 * error else ""
    if not set(candidate).isdisjoint(NOT_ELIGIBLE):
        verdict = "not eligible"
    parts = ""
    for condition in dict.fromkeys(condition for _, condition in ours):
        here = [qualities for (_, where), qualities in ours.items() if where == condition]
        spread = f" sd {mean(map(stdev, here)):.4f}" if several else ""
        parts += f"  {condition} {mean(map(mean, here)):.4f}{spread}"
    return (
        f"  {' '.join(candidate) or '-':30} {mean(by_seed(ours)):.4f} {parts}"
        f"  difference {difference:+.4f} ± {error:.4f}  {verdict if candidate else 'shipped'}"
    )


def by_seed(found: Found) -> list[float]:
    """The criterion per seed, an unweighted mean over models and conditions."""
    return [mean(qualities) for qualities in zip(*found.values(), strict=True)]


def alternatives(model: str, grid: dict[str, list[str]]) -> list[Candidate]:
    """The default, then every value of the grid that differs from it, one at a time."""
    shipped = compose([f"model={model}"])
    others = [(f"{key}={value}",) for key, values in grid.items() for value in values]
    return [(), *(other for other in others if compose([f"model={model}", *other]) != shipped)]


def main() -> None:
    wanted = sys.argv[1:]
    conditions = [condition for condition in CONDITIONS if condition in wanted] or list(CONDITIONS)
    sections = [section for section in (*SHARED, *OWN) if section in wanted] or [*SHARED, *OWN]
    values = {word for word in wanted if "=" in word}
    for word in set(wanted) - values - {*CONDITIONS, *SHARED, *OWN}:
        sys.exit(f"expected a section, a condition or key=value, got {word}")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        runs = Runs(pool, conditions)
        for section in sections:
            models = MODELS if section in SHARED else (section,)
            candidates = alternatives(models[0], SHARED.get(section) or OWN[section])
            candidates = [c for c in candidates if not values or values.issuperset(c)]
            choose(runs, section, models, candidates)


if __name__ == "__main__":
    main()
