"""The README's table: every shipped model with its defaults, seeds 0-4, on KDDTest+. Finished runs are read."""

from pathlib import Path
from statistics import mean, stdev

from adbench.config import groups
from adbench.evaluation.controls import ORACLE
from adbench.results import Run
from adbench.runner import train

SEEDS = range(5)
RUNS = Path("runs/figures")
CONTROLS = ("nearest_neighbour", "pca_residual", "mean_abs_z", "seen_in_training", "random", ORACLE)


def main() -> None:
    print(
        "| model | AUROC | average precision | detected at 1 % FPR | FPR, 1 % promised | training gain, lowest bound |"
    )
    print("|---|---|---|---|---|---|")
    for model in groups()["model"]:
        runs = [train([f"model={model}", f"seed={seed}", f"runs_dir={RUNS}"]) for seed in SEEDS]
        cells = [over_seeds(runs, name) for name in ("roc_auc", "average_precision", "tpr_at_1pct_fpr", "test_fpr")]
        print(f"| {model} | {' | '.join(cells)} | {training_gain(runs)} |", flush=True)
    for control in CONTROLS:
        names = (f"control/{control}/{metric}" for metric in ("roc_auc", "average_precision", "tpr_at_1pct_fpr"))
        print(f"| control: {control} | {' | '.join(over_seeds(runs, name) for name in names)} | | |")
    print(f"\nbase rate {runs[0].metrics['base_rate']:.3f}; mean ± standard deviation over seeds 0-4")


def training_gain(runs: list[Run]) -> str:
    """Nothing for a model without an untrained twin."""
    if "training_gain" not in runs[0].metrics:
        return ""
    lowest = min(run.metrics["training_gain_low"] for run in runs)
    return f"{over_seeds(runs, 'training_gain')}, {lowest:+.4f}"


def over_seeds(runs: list[Run], metric: str) -> str:
    values = [run.metrics[metric] for run in runs]
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


if __name__ == "__main__":
    main()
