"""Fused runs, trained as one stacked network. Imports torch."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from adbench.arrays.types import Matrix
from adbench.config.keys import Config
from adbench.errors import AdbenchError
from adbench.models.neural import NeuralDetector
from adbench.results.record import Run
from adbench.runner.prepared_cache import RowCache
from adbench.runner.run import ApartError, Attempt, Context
from adbench.runner.stages import Ready, TrainingResult, conclude, prepare
from adbench.training.checkpoint import restore_random_states
from adbench.training.history import StackedHistory
from adbench.training.process import deterministic
from adbench.training.stacking import CannotStackError, require_equal_gradients, stack, unstack

MAX_BYTES = 2**31  # of all runs' fit rows together

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Member:
    """A run waiting for its training, with a future for its Run or error."""

    attempt: Attempt
    ready: Ready
    open: ExitStack  # holds the attempt's context
    outcome: "Future[Run]"

    def end(self, train: Callable[[], TrainingResult]) -> None:
        """Train the run and conclude it. An exception of the training fails the run."""
        with _told(self.outcome):
            with self.open:
                conclude(self.attempt, self.ready, train())
            self.outcome.set_result(self.attempt.run)

    def leave(self, reason: str) -> None:
        """Withdraw the run: it must be run separately."""
        with _told(self.outcome), self.open:
            raise ApartError(reason)


def run_together(configs: Sequence[Config], context: Context) -> "list[Future[Run]]":
    """Run several configurations, stacking those with compatible shapes into one network.

    Each future yields the Run, or raises what `adbench.runner.run.run` would, or ApartError.
    """
    context = replace(context, rows=context.rows or RowCache())
    outcomes: list[Future[Run]] = [Future() for _ in configs]
    members: list[_Member] = []
    with deterministic(max(1, configs[0]["trainer"]["threads"])):  # the run itself refuses fewer
        try:
            for config, outcome in zip(configs, outcomes, strict=True):
                with _told(outcome):
                    _join(members, config, context, outcome)
            _train(members)
        finally:
            for member in members:  # left by an interrupt
                member.leave("it was interrupted")
    return outcomes


@contextmanager
def _told(outcome: "Future[Run]") -> Iterator[None]:
    """Context that stores errors meant for the run's caller in its future."""
    try:
        yield
    except (AdbenchError, ApartError) as error:
        outcome.set_exception(error)


def _join(members: list[_Member], config: Config, context: Context, outcome: "Future[Run]") -> None:
    """Prepare a run and add it to the waiting members, unless it is already finished."""
    others = [member.ready for member in members]
    if others and (reason := _why_alone(others[0])) is not None:
        raise ApartError(reason)
    with ExitStack() as stack:
        attempt = stack.enter_context(Attempt(config, context))
        if attempt.finished is None:
            ready = prepare(attempt)
            if (reason := _why_apart(others, ready)) is not None:
                raise ApartError(reason)
            members.append(_Member(attempt, ready, stack.pop_all(), outcome))
            return
    outcome.set_result(attempt.run)


def _train(members: list[_Member]) -> None:
    """Train all members, then remove and conclude each."""
    trained: list[Future[TrainingResult]] = [Future() for _ in members]
    apart: str | None = None
    try:
        for future, result in zip(trained, train_together([member.ready for member in members]), strict=True):
            future.set_result(result)
    except CannotStackError as error:
        apart = str(error)
    except BaseException as error:
        # An exception of a detector or library fails each run visibly, as if run alone. An interrupt ends the first,
        # which keeps the shared checkpoint, and propagates.
        for future in trained:
            future.set_exception(error)
    if apart is not None:
        while len(members) > 1:
            members.pop(1).leave(apart)
        first = members.pop()
        first.end(lambda: _alone(first.ready))
        return
    for future in trained:
        members.pop(0).end(future.result)


def _why_alone(ready: Ready) -> str | None:
    """The reason why a run cannot be stacked with any other, or None."""
    if not _stackable(ready.detector) or ready.learns_from_labels:
        return ""  # needs no explanation
    settings = ready.training.settings
    if not settings.in_this_process:
        return "its training has processes of its own"
    if settings.precision == "16-mixed":
        return "trainer.precision=16-mixed scales the losses of all by what one of them can bear"
    if settings.calibration_loss:
        return "trainer.calibration_loss is told after each epoch"
    if isinstance(ready.x, np.memmap):
        return "its rows lie on disk"
    return None


def _stackable(detector: Any) -> bool:
    own_fit = type(detector).fit is not NeuralDetector.fit
    return isinstance(detector, NeuralDetector) and detector.stackable and not own_fit


def _why_apart(others: Sequence[Ready], ready: Ready) -> str | None:
    """The reason why a run cannot be stacked with these, or None."""
    if not others:
        return None
    if (reason := _why_alone(ready)) is not None:
        return reason
    if len(ready.x) != len(others[0].x):
        return f"it has {len(ready.x):,} fit rows, the one before it {len(others[0].x):,}"
    widest = max(one.x.nbytes for one in (*others, ready))
    if widest * (len(others) + 1) > MAX_BYTES:
        return f"the rows of {len(others) + 1} runs would take more than {MAX_BYTES / 2**30:g} GiB"
    return None


def _alone(ready: Ready) -> TrainingResult:
    restore_random_states(ready.random_states)
    return ready.train_alone()


def train_together(runs: Sequence[Ready]) -> list[TrainingResult]:
    """Train runs as one stacked network, split into halves if the device runs out of memory."""
    if len(runs) <= 1:
        return [_alone(ready) for ready in runs]
    with suppress(torch.OutOfMemoryError):  # suppressed, since its traceback would keep the memory allocated
        return _fit_stacked(runs)
    half = len(runs) // 2
    _log.warning("adbench: out of memory: %d runs are trained as one, not %d", len(runs) - half, len(runs))
    return [*train_together(runs[:half]), *train_together(runs[half:])]


def _widened(x: Matrix, n_columns: int) -> Matrix:
    """The rows padded with columns of zeros."""
    return np.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, n_columns - x.shape[-1])])


def _fit_stacked(runs: Sequence[Ready]) -> list[TrainingResult]:
    start = time.perf_counter()
    detectors = [ready.detector for ready in runs]
    columns = [ready.x.shape[-1] for ready in runs]
    xs = [_widened(ready.x, max(columns)) for ready in runs]
    stacked = stack(detectors, columns, [(ready.random_states["torch"], ready.draw_seed) for ready in runs])
    require_equal_gradients(stacked, detectors, xs)
    first, names = runs[0].training, [ready.run for ready in runs]
    checkpoint = first.checkpoint and first.checkpoint.of(trained_with=names[1:])
    training = replace(first, callbacks=[StackedHistory([ready.history for ready in runs])], checkpoint=checkpoint)
    try:
        n_rows = training.fit_stacked(stacked, xs, [ready.training.settings.seed for ready in runs])
    except torch.OutOfMemoryError:
        if checkpoint is not None:
            checkpoint.forget()
        raise
    unstack(stacked, detectors)
    for ready in runs:
        ready.detector.learn_range(ready.x)
    whole = TrainingResult.after(training, n_rows, time.perf_counter() - start)
    share = replace(whole, seconds=whole.seconds / len(runs))
    return [replace(share, trained_with=tuple(name for name in names if name != ready.run)) for ready in runs]
