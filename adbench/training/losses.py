"""Losses for comparing configurations, of detectors that minimise a single label-free loss."""

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
    """True if a single loss exists, comparable across settings; adversarial losses are not."""
    return isinstance(detector, TrainableModule) and len(detector.objectives()) == 1


def loss_names(detector: TrainableModule) -> list[str]:
    """The losses' names in history.csv: LOSS for a single one, else their methods' names."""
    names = [loss_of.__name__ for loss_of, _ in detector.objectives()]
    return names if len(names) > 1 else [LOSS]


@torch.no_grad()
def mean_loss(detector: TrainableModule, x: Matrix) -> float:
    """Mean loss of the rows of x, shape (rows, columns), in float32 arithmetic.

    Its random draws are the same each time, so that epochs are comparable, and do not affect those of the training.
    """
    was_training = detector.training
    detector.eval()
    ((loss_of, _),) = detector.objectives()
    with _same_draws(detector.device):
        losses = [loss_of(block).double() * len(block) for block in detector.blocks(x)]
    detector.train(was_training)
    return float(torch.stack(losses).sum()) / len(x)


def final_losses(detector: Any, x_calibration: Matrix, history: Path) -> dict[str, float]:
    """The final losses as metrics, without infinite or NaN values; empty unless the detector has a single loss."""
    if not has_one_loss(detector):
        return {}
    (name,) = loss_names(detector)
    found = {FIT_LOSS: read_history(history)[-1][name]}  # the only report from training in other processes
    if len(x_calibration):
        found[CALIBRATION_LOSS] = mean_loss(detector, x_calibration)
    return {name: value for name, value in found.items() if math.isfinite(value)}


@contextmanager
def _same_draws(device: torch.device) -> Iterator[None]:
    """Context that seeds the global generators with 0 and restores them afterwards."""
    # A forked training process must not touch CUDA, and a CPU run should not initialise it.
    with isolate_rng(include_cuda=device.type == "cuda"):
        before = torch.mps.get_rng_state() if device.type == "mps" else None
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  # detectors draw from the global generators
        yield
        if before is not None:
            torch.mps.set_rng_state(before)
