"""Process-wide settings of a training, as contexts: threads, determinism and quiet libraries."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401 - its own linear algebra library must be loaded for its threads to be limited
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from threadpoolctl import threadpool_limits

# Environment variables that Lightning sets for a seed and for determinism.
_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")
# Loggers of Lightning's notices about devices and its own products.
_LOGGERS = ("pytorch_lightning", "lightning_fabric")
_WARNINGS = (
    ".*does not have many workers.*",  # a loader without workers is intended
    ".*LeafSpec.*",  # Lightning's own deprecation
    ".*gradient layout contract.*",  # parameters of stacked networks with several learning rates are rows
)


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Context of bitwise reproducible arithmetic with this many threads, whose number can change the last bits."""
    threads_before, enabled = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only, benchmark = torch.is_deterministic_algorithms_warn_only_enabled(), torch.backends.cudnn.benchmark
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        # Otherwise each new tensor is filled first, one more kernel launch each on a GPU.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
            torch.backends.cudnn.benchmark = benchmark
            torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
            for name, value in environment.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextmanager
def quiet() -> Iterator[None]:
    """Context without library notices and warnings that are irrelevant to users."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        _silence()
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


class QuietProcess(Callback):
    """Makes a spawned training process as quiet as its parent."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Silence the libraries; called in every process."""
        _silence()


def _silence() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _WARNINGS:
        warnings.filterwarnings("ignore", message)
