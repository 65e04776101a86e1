"""Training speed on NSL-KDD's fit rows: adbench against a hand-written loop, a loop like DeepOD's, and PyOD.

All train the same layers with the same batch size, learning rate and Adam on one thread, in turn, in this process.
Compared are the medians of the time a row; the slow ones go through the rows less often. Building the network counts.
PyOD's vae has no standard deviation of its own a column, so a smaller decoder; it has nothing comparable to gan.
"""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
import torch
from pytorch_lightning import seed_everything
from threadpoolctl import threadpool_limits

from adbench.config import Config, compose
from adbench.instantiate import build
from adbench.models.detector import Matrix
from scripts.peers import Way, adbench, deepod_style, hand_written, pyod, setting

MODELS = ("ae", "vae", "gan")
EPOCHS: dict[Way, int] = {adbench: 10, hand_written: 10, deepod_style: 2, pyod: 2}
REPETITIONS = 7


def main() -> None:
    print(__doc__.splitlines()[0])
    x = fit_matrix()
    print(f"{len(x):,} rows, {x.shape[1]} columns, batches of 256, medians of {REPETITIONS} interleaved repetitions")
    print("model  who            s/epoch     rows/s  adbench/who  who/adbench")
    for model in MODELS:
        ways = {way: setting(model, epochs) for way, epochs in EPOCHS.items() if (model, way) != ("gan", pyod)}
        taken = in_turn(ways, x, REPETITIONS)
        for way, a_row in taken.items():
            ratio = taken[adbench] / a_row
            print(
                f"{model:5}  {way.__name__:12}  {a_row * len(x):8.3f}  {1 / a_row:9,.0f}  "
                f"{ratio:11.3f}  {1 / ratio:11.2f}",
                flush=True,
            )


def in_turn(ways: Mapping[Way, Config], x: Matrix, repetitions: int) -> dict[Way, float]:
    """The median seconds a row of each way of training, all with one repetition after the other."""
    taken: dict[Way, list[float]] = {way: [] for way in ways}
    for _ in range(repetitions):
        for way, config in ways.items():
            taken[way].append(seconds_a_row(way, config, x))
    return {way: median(seconds) for way, seconds in taken.items()}


def seconds_a_row(way: Way, config: Config, x: Matrix) -> float:
    """Wall-clock seconds a row gone through."""
    seed_everything(0, verbose=False)
    threads = config["trainer"]["threads"]
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        start = time.perf_counter()
        n_rows = way(config, x)
        return (time.perf_counter() - start) / n_rows


def fit_matrix() -> Matrix:
    """The rows that a run of the shipped configuration fits on."""
    config = compose(["data=nslkdd"])
    split = build(config["protocol"], "protocol")(build(config["data"], "data"), 0)
    x: Matrix = build(config["preprocess"], "preprocess").fit(split.fit).transform(split.fit)
    return np.ascontiguousarray(x)


if __name__ == "__main__":
    main()
