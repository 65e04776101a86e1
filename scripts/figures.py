"""The README's table: every shipped model with its defaults, seeds 0-4, on KDDTest+. Finished runs are read."""

from pathlib import Path
from statistics import mean, stdev

from adbench.config import groups
from adbench.results import Run
from adbench.runner import train

SEEDS = range(5)
RUNS = Path("runs/figures")
CONTROLS = ("untrained", "pca_residual", "mean_abs_z", "random")


def main() -> None:
    print(
        "| model | AUROC | average precision | detected at 1 % FPR | FPR, 1 % promised | training gain, lowest bound |"
    )
    print("|---|---|---|---|---|---|")
    for model in groups()["model"]:
        runs = [train([f"model={model}", f"seed={seed}", f"runs_dir={RUNS}"]) for seed in SEEDS]
        cells = [over_seeds(runs, name) for name in ("roc_auc", "average_precision", "tpr_at_1pct_fpr", "test_fpr")]
        gain = f"{over_seeds(runs, 'training_gain')}, {min(run.metrics['training_gain_low'] for run in runs):+.4f}"
        print(f"| {model} | {' | '.join(cells)} | {gain} |", flush=True)
    for control in CONTROLS[1:]:
        names = (f"control/{control}/{metric}" for metric in ("roc_auc", "average_precision", "tpr_at_1pct_fpr"))
        print(f"| control: {control} | {' | '.join(over_seeds(runs, name) for name in names)} | | |")
    print(f"\nbase rate {runs[0].metrics['base_rate']:.3f}; mean ± standard deviation over seeds 0-4")


def over_seeds(runs: list[Run], metric: str) -> str:
    values = [run.metrics[metric] for run in runs]
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


if __name__ == "__main__":
    main()
