"""How the shipped defaults were chosen: by the training files alone. Takes an hour or so on two idle cores; its parts
were run one by one.

Every candidate is a run under protocol=labelled_validation: it is fitted on normals of a training file, and tested
on held-out normals and the attacks of that training file. The test files are loaded by nobody's choice here, and no
run opens their labels.

The criterion is the mean AUROC over attack families, each counting the same: by rows, one kind of flood would decide
alone. It is averaged over the two datasets whose training file has attacks, and over a third condition, NSL-KDD with
a fifth of its normals to fit on: defaults that only do for large files are bad defaults. First the keys that all
models share, then each model's own, one at a time around the shipped value.

A candidate replaces what is shipped when it is better by more than two standard errors of the paired difference over
seeds; ties keep the shipped one. Of the shared keys, a candidate also replaces when it is as good but steadier: it is
not worse by more than one standard error, and its standard deviation over seeds is the smaller one in all but one or
all of the nine pairs of model and condition (a coin would do that once in 51). Of several, the best criterion goes
first. When something was replaced, the script is run again.

One verdict is overruled: the GAN's reconstruction_share stays at one half though 0.9 ranks these attacks a little
better. A GAN whose score its discriminator does not carry is an autoencoder by another name, and we ship one already.

Arguments restrict the script to sections (training, preprocess, ae, vae, gan), conditions (nslkdd, kddcup99,
few-rows) and values that are tried (trainer.schedule=linear); the rule is for all conditions.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from statistics import mean, stdev

from adbench.config.compose import compose
from adbench.results.record import families
from adbench.runner.run import train

MODELS = ("ae", "vae", "gan")
SEEDS = range(5)
RUNS = ["protocol=labelled_validation", "controls.nearest_rows=1", "runs_dir=runs/choose_defaults"]
CONDITIONS = {
    "nslkdd": ("data=nslkdd",),
    "kddcup99": ("data=kddcup99", "protocol.deduplicate=true"),
    "few-rows": ("data=nslkdd", "protocol.calibration_fraction=0.6"),  # 13,468 to fit on
}

SHARED = {
    "training": {
        "trainer.schedule": ["constant", "linear"],
        "trainer.min_steps": ["0", "2000", "4000"],
        "trainer.max_epochs": ["10", "20"],  # fewer are made up for by min_steps
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
    "preprocess": {"preprocess": ["quantile", "log_standard", "minmax"]},
}
OWN = {
    "ae": {
        "model.hidden_sizes": ["[64]", "[64,32]", "[128,64]"],
        "model.latent_size": ["8", "16"],
        "model.error_scale": ["0.03", "0.1", "0.3"],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
        "trainer.batch_size": ["128", "256", "512"],
    },
    "vae": {
        "model.hidden_sizes": ["[64]", "[64,32]", "[128]"],
        "model.latent_size": ["4", "8", "16"],
        "model.beta": ["0.1", "0.3", "1.0"],
        "model.min_scale": ["0.05", "0.1", "0.2"],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
    "gan": {
        "model.hidden_sizes": ["[64]", "[64,32]"],
        "model.latent_size": ["8", "16"],
        "model.feature_size": ["64", "128", "256"],
        "model.contextual_weight": ["10.0", "40.0", "160.0"],
        "model.reconstruction_share": ["0.3", "0.5", "0.9"],
        "model.error_scale": ["0.03", "0.1", "0.3"],
        "model.learning_rate": ["3e-4", "1e-3", "3e-3"],
    },
}

Candidate = tuple[str, ...]  # the overrides that set it apart from what is shipped; () is what is shipped
Cell = tuple[str, str]  # model and condition
Found = dict[Cell, list[float]]  # what a candidate reached there, one number a seed


def quality(job: tuple[Cell, Candidate, int]) -> float:
    """Mean AUROC over the attack families of one run; a finished run is read, not run again."""
    (model, condition), candidate, seed = job
    more = list(candidate)
    if any(text.startswith("trainer.max_epochs=") for text in more) and "trainer.min_steps" not in " ".join(more):
        more.append(f"trainer.min_steps={compose([])['trainer']['min_steps']}")  # which typed epochs alone switch off
    run = train([f"model={model}", *CONDITIONS[condition], *more, f"seed={seed}", *RUNS])
    if run.status != "done":
        sys.exit(f"{run.folder}: {run.error}")
    return mean(run.metrics[f"family/{family}/roc_auc"] for family in families(run.metrics))


def compare(
    pool: ProcessPoolExecutor, title: str, models: tuple[str, ...], conditions: list[str], candidates: list[Candidate]
) -> None:
    """Print what each candidate reached beside what is shipped, and whether it should replace it."""
    print(f"\n{title}; of each condition the mean, and the standard deviation over seeds of one model", flush=True)
    cells = list(product(models, conditions))
    jobs = [(cell, candidate, seed) for candidate in candidates for cell in cells for seed in SEEDS]
    values = dict(zip(jobs, pool.map(quality, jobs), strict=True))
    found = {c: {cell: [values[cell, c, seed] for seed in SEEDS] for cell in cells} for c in candidates}
    for candidate in sorted(candidates, key=lambda candidate: -mean(by_seed(found[candidate]))):
        print(line(candidate, found[candidate], found[()]), flush=True)


def line(candidate: Candidate, ours: Found, shipped: Found) -> str:
    """A candidate's line, with the verdict of the rule above."""
    differences = [our - their for our, their in zip(by_seed(ours), by_seed(shipped), strict=True)]
    difference, error = mean(differences), stdev(differences) / len(differences) ** 0.5
    steadier = sum(stdev(ours[cell]) < stdev(shipped[cell]) for cell in ours)
    all_cells = len(ours) == len(MODELS) * len(CONDITIONS)
    as_good_and_steadier = all_cells and difference > -error and steadier >= len(ours) - 1
    verdict = "REPLACE" if difference > 2 * error or as_good_and_steadier else ""
    parts = ""
    for condition in dict.fromkeys(condition for _, condition in ours):
        here = [qualities for (_, where), qualities in ours.items() if where == condition]
        parts += f"  {condition} {mean(map(mean, here)):.4f} sd {mean(map(stdev, here)):.4f}"
    return (
        f"  {' '.join(candidate) or '-':30} {mean(by_seed(ours)):.4f} {parts}"
        f"  difference {difference:+.4f} ± {error:.4f}  steadier in {steadier}/{len(ours)}"
        f"  {verdict if candidate else 'shipped'}"
    )


def by_seed(found: Found) -> list[float]:
    """The criterion of each seed: every model and condition counts the same."""
    return [mean(qualities) for qualities in zip(*found.values(), strict=True)]


def alternatives(model: str, grid: dict[str, list[str]]) -> list[Candidate]:
    """What is shipped, then every value of the grid that differs from it, one at a time."""
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
        for section in sections:
            models = MODELS if section in SHARED else (section,)
            candidates = alternatives(models[0], SHARED.get(section) or OWN[section])
            candidates = [c for c in candidates if not values or values.issuperset(c)]
            compare(pool, section, models, conditions, candidates)


if __name__ == "__main__":
    main()
