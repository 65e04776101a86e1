"""The README's tables: every shipped model with its defaults, seeds 0-4, on the test part of each dataset.

Finished runs are read, not run again. Names of datasets as arguments restrict the tables to them. About 20 minutes for
all on two cores.
"""

import sys
from statistics import mean, stdev

from adbench.evaluation.controls import ORACLE
from adbench.results import Run
from adbench.sweep import sweep
from adbench.sweep_plan import Rules, plan
from adbench.sweep_progress import Lines

SEEDS = range(5)
RUNS = "runs_dir=runs/figures"
DATASETS = {
    "nslkdd": ["data=nslkdd"],
    "kddcup99": ["data=kddcup99"],
    "unswnb15": ["data=unswnb15"],
    "unswnb15 without TTL": ["data=unswnb15", "data.drop=[sttl,dttl,ct_state_ttl]"],
}
CONTROLS = ("nearest_neighbour", "mean_abs_z", "pca_residual", "seen_in_training", ORACLE)
RANKING = ("roc_auc", "average_precision", "tpr_at_1pct_fpr")


def main() -> None:
    wanted = sys.argv[1:] or list(DATASETS)
    for name in wanted:
        jobs = ["model=glob(*)", *DATASETS[name], f"seed=range({len(SEEDS)})", RUNS]
        runs = sweep(plan(jobs), Rules(), Lines(sys.stderr))
        print(f"\n{name}\n")
        print_table([runs[i : i + len(SEEDS)] for i in range(0, len(runs), len(SEEDS))])


def print_table(by_model: list[list[Run]]) -> None:
    print(
        "| model | AUROC | average precision | detected at 1 % FPR | FPR, 1 % promised | training gain, lowest bound |"
    )
    print("|---|---|---|---|---|---|")
    for runs in by_model:
        for run in runs:
            if run.status != "done":
                sys.exit(f"{run.folder}: {run.error}")
        cells = [over_seeds(runs, metric) for metric in (*RANKING, "test_fpr")]
        print(f"| {runs[0].config['choices']['model']} | {' | '.join(cells)} | {training_gain(runs)} |", flush=True)
    for control in CONTROLS:
        cells = [over_seeds(runs, f"control/{control}/{metric}") for metric in RANKING]
        print(f"| control: {control} | {' | '.join(cells)} | | |")
    print(f"\nbase rate {runs[0].metrics['base_rate']:.3f}; mean ± standard deviation over seeds 0-4")


def training_gain(runs: list[Run]) -> str:
    """Nothing for a model that has no untrained twin."""
    bounds = [run.metrics["training_gain_low"] for run in runs if "training_gain_low" in run.metrics]
    return f"{over_seeds(runs, 'training_gain')}, {min(bounds):+.4f}" if bounds else "-"


def over_seeds(runs: list[Run], metric: str) -> str:
    values = [run.metrics[metric] for run in runs]
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


if __name__ == "__main__":
    main()
