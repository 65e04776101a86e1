"""The losses that configurations are compared by: of detectors that minimise one, and need no label for it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning.utilities.seed import isolate_rng

from adbench.arrays.types import Matrix
from adbench.evaluation.metric_table import CALIBRATION_LOSS, FIT_LOSS
from adbench.results.record import LOSS, read_history
from adbench.training.module import TrainableModule


def has_one_loss(detector: Any) -> bool:
    """Whether there is one loss, which means the same for all settings; adversaries have several, which do not."""
    return isinstance(detector, TrainableModule) and len(detector.objectives()) == 1


def loss_names(detector: TrainableModule) -> list[str]:
    """What history.csv calls its losses: LOSS where there is one, else the names of their methods."""
    names = [loss_of.__name__ for loss_of, _ in detector.objectives()]
    return names if len(names) > 1 else [LOSS]


@torch.no_grad()
def mean_loss(detector: TrainableModule, x: Matrix) -> float:
    """The mean loss of the rows of x, shape (rows, columns), in float32 arithmetic.

    What is drawn for it is the same each time, so that epochs compare, and the training draws as if nothing had been.
    """
    was_training = detector.training
    detector.eval()
    ((loss_of, _),) = detector.objectives()
    with _same_draws(detector.device):
        losses = [loss_of(block).double() * len(block) for block in detector.blocks(x)]
    detector.train(was_training)
    return float(torch.stack(losses).sum()) / len(x)


def final_losses(detector: Any, x_calibration: Matrix, history: Path) -> dict[str, float]:
    """The losses of a trained detector as metrics: none where it has not just one, or where it is not a number."""
    if not has_one_loss(detector):
        return {}
    (name,) = loss_names(detector)
    found = {FIT_LOSS: read_history(history)[-1][name]}  # other processes may have trained, and told only this
    if len(x_calibration):
        found[CALIBRATION_LOSS] = mean_loss(detector, x_calibration)
    return {name: value for name, value in found.items() if math.isfinite(value)}


@contextmanager
def _same_draws(device: torch.device) -> Iterator[None]:
    """The global generators start from 0, and go on afterwards as if nothing had been drawn."""
    # A forked training process must not touch CUDA, nor should a run on the processor start it.
    with isolate_rng(include_cuda=device.type == "cuda"):
        before = torch.mps.get_rng_state() if device.type == "mps" else None
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  # a detector draws from the global ones
        yield
        if before is not None:
            torch.mps.set_rng_state(before)
