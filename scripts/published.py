"""The protocols of DAGMM and GOAD on KDD Cup 99, five random splits each: do our controls give the published figures?

Finished runs are read, not run again. In the DAGMM rows the top 20 % of the test scores are reported, which forces
recall / precision to 0.2 / (share of anomalies), 1.0157 on average over splits, wherever scores do not tie. The GOAD
rows are F1 at the true number of anomalies. The look-up reports every row that does not occur in training.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import mean, stdev

from adbench.results import Run
from adbench.runner import train

SPLITS = range(5)
EXPERIMENTS = {
    "DAGMM, KDD Cup 99": ["experiment=dagmm_kdd99"],
    "GOAD, KDD Cup 99": ["experiment=goad_kdd99"],
    "GOAD, KDDRev": ["experiment=goad_kdd99", "protocol.reverse=true"],
}
MODELS = ("iforest", "ae")
CONTROLS = {
    "1-nearest neighbour": "control/nearest_neighbour/oracle_f1_at_count",
    "look-up": "control/seen_in_training/oracle_best_f1",
    "PCA, 10 components": "control/pca_residual/oracle_f1_at_count",
    "mean |z|": "control/mean_abs_z/oracle_f1_at_count",
}


def main() -> None:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for title, overrides in EXPERIMENTS.items():
            jobs = [[f"model={m}", *overrides, f"seed={s}", "runs_dir=runs/published"] for m in MODELS for s in SPLITS]
            runs = list(pool.map(train, jobs))
            print(f"\n{title}: share of anomalies {over_splits(runs, 'base_rate')}")
            for i, model in enumerate(MODELS):
                print_model(model, runs[i * len(SPLITS) : (i + 1) * len(SPLITS)])
            for name, metric in CONTROLS.items():
                print(f"  {name:22} F1 {over_splits(runs[: len(SPLITS)], metric)}", flush=True)


def print_model(model: str, runs: list[Run]) -> None:
    for run in runs:
        if run.status != "done":
            sys.exit(f"{run.folder}: {run.error}")
    ratio = mean(run.metrics["recall"] / run.metrics["precision"] for run in runs)
    print(
        f"  {model:22} F1 {over_splits(runs, 'oracle_f1_at_count')} at the true number;"
        f" at the threshold P {over_splits(runs, 'precision')} R {over_splits(runs, 'recall')}"
        f" F1 {over_splits(runs, 'f1')}, R / P {ratio:.4f}"
    )


def over_splits(runs: list[Run], metric: str) -> str:
    values = [run.metrics[metric] for run in runs]
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


if __name__ == "__main__":
    main()
