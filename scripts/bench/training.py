"""Training speed on NSL-KDD's fit rows: adbench against a hand-written loop, a loop like DeepOD's, and PyOD.

All train the same layers with the same batch size, learning rate and Adam on one thread, interleaved in this process.
The medians of the time per row are compared; slow ways train for fewer epochs. Building the network counts. PyOD runs
with the defaults of its other arguments, bare PyOD with all of those features off (see scripts/bench/peers.py). Its vae
has no standard deviation per column, hence a smaller decoder; it has no counterpart of gan.
"""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
import torch
from pytorch_lightning import seed_everything
from threadpoolctl import threadpool_limits

from adbench.arrays.types import Matrix
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.keys import Config
from scripts.bench.peers import Way, adbench, bare_pyod, deepod_style, hand_written, pyod, setting

MODELS = ("ae", "vae", "gan")
PEERS: dict[str, tuple[Way, int]] = {  # -> way of training, and number of epochs
    "adbench": (adbench, 10),
    "hand-written": (hand_written, 10),
    "DeepOD-style": (deepod_style, 2),
    "PyOD": (pyod, 1),
    "bare PyOD": (bare_pyod, 2),
}
REPETITIONS = 7


def main() -> None:
    print(__doc__.splitlines()[0])
    x = fit_matrix()
    print(f"{len(x):,} rows, {x.shape[1]} columns, batches of 256, medians of {REPETITIONS} interleaved repetitions")
    print("model  who            s/epoch     rows/s  adbench/who  who/adbench")
    for model in MODELS:
        peers = {who: peer for who, peer in PEERS.items() if model != "gan" or "PyOD" not in who}
        taken = in_turn({who: (way, setting(model, epochs)) for who, (way, epochs) in peers.items()}, x, REPETITIONS)
        for who, seconds in taken.items():
            ratio = taken["adbench"] / seconds
            print(
                f"{model:5}  {who:12}  {seconds * len(x):8.3f}  {1 / seconds:9,.0f}  {ratio:11.3f}  {1 / ratio:11.2f}",
                flush=True,
            )


def in_turn(ways: Mapping[str, tuple[Way, Config]], x: Matrix, repetitions: int) -> dict[str, float]:
    """The median seconds per row of each way of training, with interleaved repetitions."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, (way, config) in ways.items():
            taken[name].append(seconds_a_row(way, config, x))
    return {name: median(seconds) for name, seconds in taken.items()}


def seconds_a_row(way: Way, config: Config, x: Matrix) -> float:
    """Wall-clock seconds per row processed."""
    seed_everything(0, verbose=False)
    threads = config["trainer"]["threads"]
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        start = time.perf_counter()
        n_rows = way(config, x)
        return (time.perf_counter() - start) / n_rows


def fit_matrix() -> Matrix:
    """The fit rows of a run with the default configuration."""
    config = compose(["data=nslkdd"])
    split = build(config["protocol"], "protocol")(build(config["data"], "data"), 0)
    x: Matrix = build(config["preprocess"], "preprocess").fit(split.fit).transform(split.fit)
    return np.ascontiguousarray(x)


if __name__ == "__main__":
    main()
