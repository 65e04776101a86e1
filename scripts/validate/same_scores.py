"""Bitwise comparison of this checkout with another one: every model on every bundled dataset, one run in each.

    python scripts/validate/same_scores.py ../other-checkout trainer.max_epochs=2 trainer.min_steps=0

The arguments after the other checkout are overrides of every run. Each run is trained twice, in separate processes that
import one of the checkouts, without a cache; then the bytes of the scores in both scores.parquet and of the thresholds
are compared. Exit code 1 if any differ.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet

HERE = Path(__file__).resolve().parents[2]
DATA = ("nslkdd", "kddcup99", "unswnb15")


def main() -> int:
    other, overrides = Path(sys.argv[1]).resolve(), sys.argv[2:]
    models = sorted(path.stem for path in (HERE / "configs" / "model").glob("*.yaml"))
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for data in DATA:
            for model in models:
                words = [f"model={model}", f"data={data}", "cache=false", *overrides]
                before, after = (train(c, Path(folder) / c.name / str(i), words) for i, c in enumerate((other, HERE)))
                (ours, limit), (theirs, their_limit) = read(after), read(before)
                same = ours.tobytes() == theirs.tobytes() and limit == their_limit
                different += not same
                said = "identical" if same else f"DIFFERENT by up to {np.abs(ours - theirs).max():g}"
                print(f"{data:10} {model:8} {len(ours):8,} scores  {said}", flush=True)
    print(f"{different} of {len(DATA) * len(models)} differ")
    return int(different > 0)


def train(checkout: Path, runs: Path, words: list[str]) -> Path:
    """Train with a checkout; returns the run's folder."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    # `adbench.cli` was a module before it became a package.
    main = "import adbench.cli as cli, importlib as i; "
    main += "(i.import_module('adbench.cli.main') if hasattr(cli, '__path__') else cli).main()"
    command = [sys.executable, "-c", main, "train", *words, f"runs_dir={runs}", "--json"]
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Path(json.loads(done.stdout)["run"])


def read(run: Path) -> tuple[npt.NDArray[np.float64], float]:
    """The scores and the threshold of a run."""
    scores = pyarrow.parquet.read_table(run / "scores.parquet", columns=["score"])["score"].to_numpy()
    return scores, json.loads((run / "metrics.json").read_text())["threshold"]


if __name__ == "__main__":
    sys.exit(main())
