"""Rows per second on one CUDA device: ae, vae and gan by batch size, precision, compilation and number of fused seeds.

Absolute figures of `trainer=gpu`, over all seeds together: medians of three fits of 1,024 batches to uniform rows,
after a warm-up. Compiled: the losses, by torch.compile.
"""

import sys
import time
from collections.abc import Iterator
from itertools import product
from statistics import median

import numpy as np
import torch

from adbench.arrays.columns import Columns
from adbench.arrays.types import Matrix
from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.models.neural import NeuralDetector
from adbench.training.trainer import Training
from scripts.bench.fused import fit_fused
from scripts.bench.peers import setting

MODELS, BATCH_SIZES, PRECISIONS = ("ae", "vae", "gan"), (256, 1024, 8192), ("32-true", "bf16-mixed")
SEEDS = (1, 8, 64)
N_ROWS, N_COLUMNS, REPETITIONS = 2**18, 80, 3


def main() -> None:
    if not torch.cuda.is_available():
        print("expected a CUDA device, got none; run make bench-gpu on a machine with one", file=sys.stderr)
        sys.exit(2)
    print(__doc__.splitlines()[0])
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print("model  batch  precision   compiled  seeds      rows/s")
    x = np.random.default_rng(0).random((N_ROWS, N_COLUMNS), dtype=np.float32)
    for model, compiled, seeds, config in cases("trainer=gpu"):
        trainer = config["trainer"]
        rate = rows_a_second(config, x, compiled, seeds)
        print(
            f"{model:5}  {trainer['batch_size']:5}  {trainer['precision']:10}  {'yes' if compiled else 'no':8}  "
            f"{seeds:5}  {rate:10,.0f}",
            flush=True,
        )


def cases(*overrides: str) -> Iterator[tuple[str, bool, int, Config]]:
    """Every model, batch size and precision: one seed without and with compilation, then fused seeds."""
    for model, batch_size, precision in product(MODELS, BATCH_SIZES, PRECISIONS):
        epochs = batch_size // 256  # the same number of batches for each size
        config = setting(
            model, epochs, *overrides, f"trainer.batch_size={batch_size}", f"trainer.precision={precision}"
        )
        yield model, True, 1, config
        for seeds in SEEDS:
            yield model, False, seeds, config


def rows_a_second(config: Config, x: Matrix, compiled: bool, seeds: int) -> float:
    """Rows per second of training over all seeds, including the transfer to the device."""
    detectors = [build(config["model"], "model", columns=Columns.numbers(x.shape[1])) for _ in range(seeds)]
    if compiled:
        compile_losses(detectors[0])
    seconds = []
    for _ in range(1 + REPETITIONS):
        training = Training(build(config["trainer"], "trainer", seed=0))
        start = time.perf_counter()
        n_rows = fit_fused(detectors, [x] * seeds, training)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seeds * n_rows / median(seconds[1:])


def compile_losses(detector: NeuralDetector) -> None:
    """Replace the detector's losses by compiled functions."""
    for loss_of, _ in detector.objectives():
        setattr(detector, loss_of.__name__, torch.compile(loss_of))


if __name__ == "__main__":
    main()
