"""Runs that are trained as one network. Imports torch."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from adbench.config.keys import Config
from adbench.errors import AdbenchError
from adbench.models.neural import NeuralDetector
from adbench.runner.prepare import Kept
from adbench.runner.reporter import Reporter
from adbench.runner.run import Steps, finish, steps_of
from adbench.runner.stages import Fit, Fitted
from adbench.training.checkpoint import restore_random_states
from adbench.training.history import StackedHistory
from adbench.training.stacking import CannotStackError, require_same_alone, stack, unstack

MAX_BYTES = 2**31  # of the rows that are trained on, all together

End = Callable[[], Any]

_log = logging.getLogger(__name__)


class ApartError(Exception):
    """This run cannot be trained with the first one; says why. It was not run, and nothing of it is left."""


def run_together(configs: Sequence[Config], force: bool, kept: Kept) -> list[End]:
    """Run several configurations, those whose shapes allow it as one network.

    Returns for each a function that returns its Run, or raises what `adbench.runner.run.run` would, or ApartError.
    """
    ends: dict[int, End] = {}
    waiting: list[tuple[int, Steps, Fit]] = []
    with threadpool_limits(configs[0]["trainer"].get("threads", 1)):
        for i, config in enumerate(configs):
            if waiting and (reason := _why_alone(waiting[0][2])) is not None:
                ends[i] = _raises(ApartError(reason))
                continue
            steps = steps_of(config, force=force, reporter=Reporter(), kept=kept)
            try:
                fit = next(steps)
            except StopIteration as over:
                ends[i] = partial(_same, over.value)
            except AdbenchError as error:
                ends[i] = _raises(error)
            else:
                if (reason := _why_apart([earlier for _, _, earlier in waiting], fit)) is not None:
                    steps.close()
                    ends[i] = _raises(ApartError(reason))
                else:
                    waiting.append((i, steps, fit))
        try:
            ends |= _train(waiting)
        finally:
            for _, steps, _ in waiting:  # of an interrupt; what ended is closed already
                steps.close()
    return [ends[i] for i in range(len(configs))]


def _train(waiting: Sequence[tuple[int, Steps, Fit]]) -> dict[int, End]:
    """Train them, and go on to the end of each."""
    fits = [fit for _, _, fit in waiting]
    ends: dict[int, End] = {}
    try:
        fitted: list[End] = [partial(_same, one) for one in _fit_together(fits)]
    except CannotStackError as error:
        for i, steps, _ in waiting[1:]:
            steps.close()
            ends[i] = _raises(ApartError(str(error)))
        waiting, fitted = waiting[:1], [partial(_alone, fits[0])]
    except BaseException as error:
        # Whatever a detector or a library raised: each run fails by it, and stays visible, as it would alone. An
        # interrupt ends the first, which keeps their checkpoint, and goes on from there.
        fitted = [_raises(error)] * len(waiting)
    for (i, steps, _), of_run in zip(waiting, fitted, strict=True):
        try:
            ends[i] = partial(_same, finish(steps, of_run))
        except AdbenchError as error:
            ends[i] = _raises(error)
    return ends


def _same(value: Any) -> Any:
    return value


def _raises(error: BaseException) -> End:
    def end() -> Any:
        raise error

    return end


def _why_alone(fit: Fit) -> str | None:
    """Why a run cannot be trained with any other, if so."""
    if not isinstance(fit.detector, NeuralDetector) or type(fit.detector).fit is not NeuralDetector.fit:
        return ""  # nothing that needs to be said
    if not fit.training.in_this_process:
        return "its training has processes of its own"
    if fit.training.precision == "16-mixed":
        return "trainer.precision=16-mixed scales the losses of all by what one of them can bear"
    if fit.training.calibration_loss:
        return "trainer.calibration_loss is told after each epoch"
    if isinstance(fit.x, np.memmap):
        return "its rows lie on disk"
    return None


def _why_apart(others: Sequence[Fit], fit: Fit) -> str | None:
    """Why a run cannot be trained with these, if so."""
    if not others:
        return None
    if (reason := _why_alone(fit)) is not None:
        return reason
    if len(fit.x) != len(others[0].x):
        return f"it has {len(fit.x):,} fit rows, the one before it {len(others[0].x):,}"
    widest = max(one.x.shape[1] for one in (*others, fit))
    if 4 * widest * len(fit.x) * (len(others) + 1) > MAX_BYTES:
        return f"the rows of {len(others) + 1} runs would take more than {MAX_BYTES / 2**30:g} GiB"
    return None


def _alone(fit: Fit) -> Fitted:
    restore_random_states(fit.random_states)
    return fit.alone()


def _fit_together(fits: Sequence[Fit]) -> list[Fitted]:
    """Train them as one network; where the device's memory does not hold it, half of them after the other."""
    if len(fits) <= 1:
        return [_alone(fit) for fit in fits]
    with suppress(torch.OutOfMemoryError):  # whose traceback would hold the memory that the halves need
        return _fit_stacked(fits)
    half = len(fits) // 2
    _log.warning("adbench: out of memory: %d runs are trained as one, not %d", len(fits) - half, len(fits))
    return [*_fit_together(fits[:half]), *_fit_together(fits[half:])]


def _fit_stacked(fits: Sequence[Fit]) -> list[Fitted]:
    start = time.perf_counter()
    detectors = [fit.detector for fit in fits]
    columns = [fit.x.shape[1] for fit in fits]
    xs = [np.pad(fit.x, ((0, 0), (0, max(columns) - fit.x.shape[1]))) for fit in fits]
    stacked = stack(detectors, columns, [(fit.random_states["torch"], fit.draw_seed) for fit in fits])
    require_same_alone(stacked, detectors, xs)
    training, names = fits[0].training, [fit.run for fit in fits]
    callbacks, checkpoint = training.callbacks, training.checkpoint
    training.callbacks = [StackedHistory([fit.history for fit in fits])]
    if checkpoint is not None:
        checkpoint.identity |= {"trained_with": names[1:]}
    try:
        n_rows = training.fit_stacked(stacked, xs, [fit.training.seed for fit in fits])
    except torch.OutOfMemoryError:
        training.callbacks = callbacks
        if checkpoint is not None:
            checkpoint.forget(trained_with=[])
        raise
    unstack(stacked, detectors)
    whole = fits[0].ended(n_rows, time.perf_counter() - start)
    share = replace(whole, seconds=whole.seconds / len(fits))
    return [replace(share, trained_with=tuple(name for name in names if name != fit.run)) for fit in fits]
