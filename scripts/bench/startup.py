"""Waiting time of a user beside the training.

`adbench --help` against importing typer and rich; and the main job as a whole process, minus its fit_seconds, against
importing its training libraries: the difference is the fixed cost of a run. Medians of interleaved repetitions.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HELPS, RUNS = 11, 5
ADBENCH = str(Path(sys.executable).with_name("adbench"))
MODELS = ("ae", "vae")


def main() -> None:
    print(__doc__.splitlines()[0])
    help_command = [ADBENCH, "--help"]
    imports = [sys.executable, "-c", "import typer, rich"]
    seconds(help_command), seconds(imports)  # warms the file cache
    ours, theirs = [], []
    for _ in range(HELPS):
        ours.append(seconds(help_command))
        theirs.append(seconds(imports))
    print(f"adbench --help                    {median(ours):6.2f} s")
    print(f'python -c "import typer, rich"    {median(theirs):6.2f} s')
    print(f"ratio                             {median(ours) / median(theirs):6.2f}")
    fixed_cost()


def fixed_cost() -> None:
    """Print the fixed cost of a run with all controls and intervals."""
    trains_with = [sys.executable, "-c", "import torch, pytorch_lightning"]
    seconds(trains_with)
    imports: list[float] = []
    whole: dict[str, list[float]] = {model: [] for model in MODELS}
    beside_fit: dict[str, list[float]] = {model: [] for model in MODELS}
    for _ in range(RUNS):
        imports.append(seconds(trains_with))
        for model in MODELS:
            took, fit_seconds = train(model)
            whole[model].append(took)
            beside_fit[model].append(took - fit_seconds)
    print(f'python -c "import torch, pytorch_lightning"           {median(imports):6.2f} s')
    for model in MODELS:
        without_fit = median(beside_fit[model])
        print(f"adbench train model={model:3} data=nslkdd, whole process    {median(whole[model]):6.2f} s")
        print(f"  without its fit                                     {without_fit:6.2f} s")
        print(f"  and without those imports: the fixed cost           {without_fit - median(imports):6.2f} s")


def train(model: str) -> tuple[float, float]:
    """Seconds of the whole process, and of its fit."""
    with tempfile.TemporaryDirectory() as runs:
        took = seconds([ADBENCH, "train", f"model={model}", "data=nslkdd", "cache=false", f"runs_dir={runs}"])
        (metrics,) = Path(runs).glob("*/metrics.json")
        return took, json.loads(metrics.read_text(encoding="utf-8"))["fit_seconds"]


def seconds(command: list[str]) -> float:
    """The wall-clock time of a command, ignoring its output."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
