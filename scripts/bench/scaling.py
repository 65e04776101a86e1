"""Cost of a fit against rows, columns and seeds, for ae and vae: adbench beside the hand-written loop.

    python scripts/bench/scaling.py [--quick] [--axes rows columns seeds] [--out docs/results]

Uniform random rows, one epoch in batches of 256 on one thread, medians of interleaved repetitions in this process.
Writes speed.csv, keeping axes that were not measured, and draws it as speed-rows.png, speed-columns.png and
speed-seeds.png. Building the network counts, so the cost per row is higher for few rows.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from adbench.arrays.types import Matrix
from adbench.config.keys import Config
from scripts.bench.fused import train_fused
from scripts.bench.peers import Way, adbench, hand_written, setting
from scripts.bench.speed_figures import draw
from scripts.bench.training import seconds_a_row

MODELS = ("ae", "vae")
REPETITIONS = 5
FEW_COLUMNS, NSLKDD_ROWS, NSLKDD_COLUMNS = 8, 53_874, 80  # fixed sizes: the minimum, or NSL-KDD's
# axis -> its sizes, and those of a smoke test
SIZES = {
    "rows": ([10**3, 10**4, 10**5, 10**6, 10**7], [1_000, 2_000]),
    "columns": ([8, 16, 32, 64, 128, 256, 512, 1024], [8, 16]),
    "seeds": ([1, 2, 4, 8, 16], [1, 2]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: tiny tables, one repetition")
    parser.add_argument("--axes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="folder of the table and the pictures")
    asked = parser.parse_args()
    print(__doc__.splitlines()[0])
    measured = pd.DataFrame(row for axis in asked.axes for row in measure(axis, asked.quick))
    path = asked.out / "speed.csv"
    if path.exists():
        before = pd.read_csv(path)
        measured = pd.concat([before[~before["axis"].isin(asked.axes)], measured])
    measured.to_csv(path, index=False, float_format="%.4g")
    for axis, of_axis in measured.groupby("axis"):
        draw(of_axis, str(axis), asked.out / f"speed-{axis}.png")


def measure(axis: str, quick: bool) -> Iterator[dict[str, object]]:
    """One row per size, model and way of training. Sizes are interleaved too: a machine's speed drifts."""
    taken: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    for _ in range(1 if quick else REPETITIONS):
        for size in SIZES[axis][quick]:
            x = table(axis, size, quick)
            for model in MODELS:
                for who, (way, config) in ways(axis, size, setting(model, 1)).items():
                    taken[size, model, who].append(seconds_a_row(way, config, x))
    for (size, model, who), seconds in taken.items():
        us_per_row = 1e6 * median(seconds)
        print(f"{axis:8} {size:10,}  {model:4} {who:20} {us_per_row:9.3f} us a row", flush=True)
        yield {"axis": axis, "size": size, "model": model, "who": who, "us_per_row": us_per_row}


def ways(axis: str, size: int, config: Config) -> dict[str, tuple[Way, Config]]:
    """The compared ways of training; K separate seeds cost K times as much as one."""
    theirs: dict[str, tuple[Way, Config]] = {"hand-written": (hand_written, config)}
    if axis == "seeds":
        return theirs | {"adbench, fused": (partial(per_seed, size), config), "adbench, one by one": (adbench, config)}
    return theirs | {"adbench": (adbench, config)}


def per_seed(k: int, config: Config, x: Matrix) -> int:
    """Rows processed by all seeds, so that the time per row is that of one seed."""
    return k * train_fused(k, config, x)


def table(axis: str, size: int, quick: bool) -> Matrix:
    """Uniform rows, drawn in single precision: 10^7 of 8 columns take 320 MB."""
    n_rows = 1_000 if quick else NSLKDD_ROWS
    shapes = {"rows": (size, FEW_COLUMNS), "columns": (n_rows, size), "seeds": (n_rows, NSLKDD_COLUMNS)}
    return np.random.default_rng(0).random(shapes[axis], dtype=np.float32)


if __name__ == "__main__":
    main()
