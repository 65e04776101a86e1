"""Cost and benefit of trainer.compile: seconds to compile, time per step without and with it, steps to break even.

Fits of two lengths on the same uniform rows, repeated: the second time the compiler finds its cached files, so that the
two lengths differ only in their steps. The seconds to compile are those of the first time.
"""

import os
import tempfile
import time
import warnings
from itertools import product

import numpy as np
import torch
from pytorch_lightning import seed_everything

from adbench.arrays.columns import Columns
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.training.process import deterministic
from adbench.training.trainer import Training

CASES = (["model=ae"], ["model=vae"], ["model=vae", "model.hidden_sizes=[512]"])
N_ROWS, N_COLUMNS, EPOCHS = 20_480, 80, (1, 6)


def main() -> None:
    warnings.filterwarnings("ignore")  # torch's own deprecations
    print("What trainer.compile costs and brings, one thread, batches of 256.")
    x = np.random.default_rng(0).random((N_ROWS, N_COLUMNS), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # an empty cache: it may have compiled this before
        for case in CASES:
            print(" ".join(case), "  ", compared(case, x), flush=True)


def compared(case: list[str], x: np.ndarray) -> str:
    """One line of figures per model."""
    first = seconds(case, x, 1, compiled=True)
    took = {(c, epochs): seconds(case, x, epochs, compiled=c) for c, epochs in product((False, True), EPOCHS)}
    n_steps = (EPOCHS[1] - EPOCHS[0]) * N_ROWS / 256
    plain, compiled = ((took[c, EPOCHS[1]] - took[c, EPOCHS[0]]) / n_steps for c in (False, True))
    cost = first - took[False, 1]
    pays = f"pays after {cost / (plain - compiled):,.0f} steps" if compiled < plain else "never pays"
    return (
        f"compiles in {cost:.0f} s; a step takes {1e3 * plain:.2f} ms without, {1e3 * compiled:.2f} ms with it: {pays}"
    )


def seconds(case: list[str], x: np.ndarray, epochs: int, compiled: bool) -> float:
    """The wall-clock time of a fit from fresh weights, without a compiled loss in memory."""
    torch.compiler.reset()
    config = compose([*case, f"trainer.max_epochs={epochs}", f"trainer.compile={compiled}"])
    seed_everything(0, verbose=False)
    detector = build(config["model"], "model", columns=Columns.numbers(x.shape[1]))
    settings = build(config["trainer"], "trainer", seed=0)
    with deterministic(settings.threads):
        start = time.perf_counter()
        detector.fit(x, Training(settings))
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
