"""Time of `summarize` on 10,000 run folders, against merely reading and parsing the same JSON files.

One real run is copied under 667 learning rates of three models with five seeds each, with slightly perturbed metrics.
Both sides run as whole processes, interleaved, so that imports count; medians of five rounds.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.results.record import CONFIG, ENVIRONMENT, METRICS, Run
from adbench.runner.run import train

MODELS, N_RATES, N_SEEDS, ROUNDS = ("ae", "vae", "gan"), 667, 5, 5
READING = """
import json, os, sys
for name in os.listdir(sys.argv[1]):
    for file in ("metrics.json", "environment.json"):
        with open(f"{sys.argv[1]}/{name}/{file}", encoding="utf-8") as opened:
            json.loads(opened.read())
"""
ADBENCH = [sys.executable, "-c", "from adbench.cli.main import main; main()"]
TORCH = """import sys; from adbench.analysis.summary import summarize
summarize([sys.argv[1]]); print('torch' in sys.modules)"""


def main() -> None:
    print(__doc__.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        n_runs = write_runs(runs, train(["model=ae", "debug=one_batch", f"runs_dir={folder}/real"]))
        commands = {
            "reading": [sys.executable, "-c", READING, str(runs)],
            "summarize": [*ADBENCH, "summarize", str(runs)],
            "summarize --format csv": [*ADBENCH, "summarize", str(runs), "--format", "csv"],
        }
        seconds = {name: statistics.median(of_name) for name, of_name in timed(commands).items()}
        for name, value in seconds.items():
            print(f"{name:22} of {n_runs:,} runs: {value:6.2f} s, {value / seconds['reading']:.2f} times reading")
        print("torch imported:", subprocess.check_output([sys.executable, "-c", TORCH, str(runs)], text=True).strip())


def timed(commands: dict[str, list[str]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def write_runs(runs: Path, real: Run) -> int:
    """Write the folders; returns their number."""
    draw, n_runs = random.Random(0), 0
    for model in MODELS:
        config = compose([f"model={model}", f"runs_dir={runs}"])
        for rate in range(N_RATES):
            for seed in range(N_SEEDS):
                config["seed"], config["model"]["learning_rate"] = seed, (rate + 1) * 1e-5
                folder = runs / run_name(config)
                folder.mkdir(parents=True)
                metrics = {name: value * draw.uniform(0.9, 1.1) for name, value in real.metrics.items()}
                (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="ascii")
                (folder / ENVIRONMENT).write_text(json.dumps(real.environment, indent=2), encoding="ascii")
                (folder / METRICS).write_text(json.dumps(metrics, indent=2), encoding="ascii")
                n_runs += 1
    return n_runs


if __name__ == "__main__":
    main()
