"""Training speed: each model's fit through adbench against a hand-written loop of the same networks.

Both run in this process, in turn, on the same rows of NSL-KDD with the same batch size, epochs, optimiser (fused Adam)
and number of threads. The ratio of the two medians is the figure; absolute times depend on the machine.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from pytorch_lightning import seed_everything

from adbench.config import compose
from adbench.instantiate import build
from adbench.models.base import NeuralDetector
from adbench.models.detector import Matrix

MODELS = ("ae", "vae", "gan")
REPETITIONS = 7


def main() -> None:
    x = fit_matrix()
    threads = compose([])["trainer"]["threads"]
    print(f"{len(x):,} rows, {x.shape[1]} columns, {threads} thread(s), {REPETITIONS} repetitions")
    print("model  batch  epochs  adbench s  loop s  ratio  rows/s")
    for model in MODELS:
        config = compose([f"model={model}"])
        trainer = config["trainer"]
        epochs = build(trainer, "trainer", seed=0).epochs(-(-len(x) // trainer["batch_size"]))
        ours, theirs = [], []
        for _ in range(REPETITIONS):
            training = build(trainer, "trainer", seed=0)
            ours.append(seconds(training.fit, config, x))
            theirs.append(seconds(partial(plain_loop, epochs=epochs, batch_size=trainer["batch_size"]), config, x))
        rate = len(x) * epochs / median(ours)
        print(
            f"{model:5}  {trainer['batch_size']:5}  {epochs:6}  {median(ours):9.2f}  "
            f"{median(theirs):6.2f}  {median(ours) / median(theirs):5.2f}  {rate:,.0f}",
            flush=True,
        )


def plain_loop(detector: NeuralDetector, x: Matrix, epochs: int, batch_size: int) -> None:
    """What one writes without a framework: shuffled slices of one tensor, no logging."""
    rows = torch.from_numpy(x)
    players = [
        (loss, torch.optim.Adam(parameters, lr=detector.learning_rate, fused=True))
        for loss, parameters in detector.objectives()
    ]
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(batch_size):
            for loss_of, optimizer in players:
                loss = loss_of(rows[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def seconds(fit: Callable[[NeuralDetector, Matrix], object], config: dict[str, Any], x: Matrix) -> float:
    """The wall-clock time of a fit, from fresh weights."""
    seed_everything(0, verbose=False)
    detector: NeuralDetector = build(config["model"], "model", n_features=x.shape[1])
    start = time.perf_counter()
    fit(detector, x)
    return time.perf_counter() - start


def fit_matrix() -> Matrix:
    """The rows that a run of the shipped configuration fits on."""
    config = compose(["data=nslkdd"])
    split = build(config["protocol"], "protocol")(build(config["data"], "data"), 0)
    x: Matrix = build(config["preprocess"], "preprocess").fit(split.fit).transform(split.fit)
    return x


if __name__ == "__main__":
    main()
