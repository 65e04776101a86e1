"""Time of `adbench report` on 300 runs, and size of its page.

One real training makes a run folder, from which 300 are derived in the same format, for 20 configurations of 3 datasets
with 5 seeds each, each with new scores of 20,000 rows.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from adbench.runner.run import train

N_DATASETS, N_CONFIGURATIONS, N_SEEDS, N_ROWS = 3, 20, 5, 20_000
FAMILIES = ("normal", "dos", "probe", "r2l", "u2r", "worms")


def main() -> None:
    print(__doc__.splitlines()[0])
    adbench = str(Path(sys.executable).with_name("adbench"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = train(["model=ae", "trainer.max_epochs=5", f"runs_dir={folder / 'real'}"]).folder
        write_runs(model, folder / "runs")
        n_runs = len(list((folder / "runs").iterdir()))
        for title, more in (("without data cards", ["--no-cards"]), ("with them", [])):
            start = time.perf_counter()
            page = folder / "report.html"
            subprocess.run([adbench, "report", str(folder / "runs"), "-o", str(page), *more], check=True)
            took = time.perf_counter() - start
            print(
                f"report of {n_runs} runs, {title:20}  {took:5.1f} s  {page.stat().st_size / 1e6:5.2f} MB", flush=True
            )


def write_runs(model: Path, target: Path) -> None:
    """Write run folders like the real one, each with its own numbers."""
    rng = np.random.default_rng(0)
    config = yaml.safe_load((model / "config.yaml").read_text())
    metrics, environment = (json.loads((model / name).read_text()) for name in ("metrics.json", "environment.json"))
    history = (model / "history.csv").read_text()
    for data in ("nslkdd", "kddcup99", "unswnb15")[:N_DATASETS]:
        for i in range(N_CONFIGURATIONS):
            for seed in range(N_SEEDS):
                config["choices"]["data"], config["seed"] = data, seed
                config["choices"]["model"] = ("ae", "vae", "gan", "knn")[i % 4]
                config["model"]["latent_size"] = 2 + i
                folder = target / f"{data}-{config['choices']['model']}-s{seed}-{i:08x}"
                folder.mkdir(parents=True)
                (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
                (folder / "environment.json").write_text(json.dumps(environment))
                (folder / "history.csv").write_text(history)
                write_scores(folder, i, rng)
                (folder / "metrics.json").write_text(json.dumps(varied(metrics, rng)))


def varied(metrics: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """The metrics with shares slightly perturbed, as by another seed."""
    return {name: value * rng.uniform(0.9, 1.0) if 0 < value < 1 else value for name, value in metrics.items()}


def write_scores(folder: Path, shift: int, rng: np.random.Generator) -> None:
    """Write scores with normals around 0, each family further out than the previous one."""
    codes = rng.integers(0, len(FAMILIES), N_ROWS)
    scores = rng.lognormal(size=N_ROWS) + codes * (0.3 + shift / 20)
    family = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(FAMILIES))
    columns = {"row": np.arange(N_ROWS), "score": scores, "label": (codes > 0).astype(np.int8), "family": family}
    pq.write_table(pa.table(columns | {"attack": family}), folder / "scores.parquet")


if __name__ == "__main__":
    main()
