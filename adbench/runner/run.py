"""Life of one run, from overrides to a folder of results."""

import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from adbench.config.alarm_rate import RELAX
from adbench.config.checks import require_at_least, require_fraction
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.keys import OTHER_SEEDS, Config
from adbench.errors import AdbenchError, ConfigError, PrunedError
from adbench.results.code import Code, code_at_hand, difference
from adbench.results.folder import RunFolder
from adbench.results.record import ERROR, PRUNED, Run, finished_run, read_run
from adbench.runner.imports import without_gc
from adbench.runner.loggers.log import Log
from adbench.runner.reporter import Reporter, Stopwatch

if TYPE_CHECKING:
    from adbench.runner.prepared_cache import RowCache

MAX_SEED = 2**32 - 1  # the common range of numpy and torch


class ApartError(Exception):
    """The run cannot be fused with the first one (the message says why). Nothing was run or written."""


@dataclass(frozen=True)
class Context:
    """The caller's part of an attempt at a run."""

    reporter: Reporter
    force: bool = False  # repeat finished runs
    rows: "RowCache | None" = None  # shared by the runs of this process
    keep_old: bool = False  # return finished runs made by other code


def train(
    overrides: Iterable[str] = (), *, force: bool = False, keep_old: bool = False, reporter: Reporter | None = None
) -> Run:
    """Compose a configuration and run it, or return the finished run of the same configuration and code.

    force: repeat a finished run. keep_old: return it even if other code made it. Raises AdbenchError for an invalid
    request, leaving nothing behind. Any other failure gives a Run with status "failed" and its traceback in error.txt.
    """
    return run(compose(overrides), Context(reporter or Reporter(), force, keep_old=keep_old))


def run(config: Config, context: Context) -> Run:
    """`train` for an already composed configuration."""
    require_one_wish(context.force, context.keep_old)
    with Attempt(config, context) as attempt:
        if attempt.finished is None:
            # Imported late, so that a request with a typo is refused before seconds of imports.
            with Stopwatch(context.reporter).of("import"), without_gc():
                from adbench.runner import stages

            ready = stages.prepare(attempt)
            result = ready.train_alone()
            stages.conclude(attempt, ready, result)
    return attempt.run


class Attempt:
    """Context of one attempt at a run, which locks its folder and leaves the result in `run`.

    finished: the run, if there is nothing left to do. AdbenchError and ApartError leave nothing behind. Any other
    Exception is swallowed, and the run is recorded as failed. An interrupt leaves the folder as it is.
    """

    folder: RunFolder
    log: Log
    finished: Run | None
    run: Run

    def __init__(self, config: Config, context: Context) -> None:
        for key in ("seed", *(key for key in OTHER_SEEDS if config.get(key) is not None)):
            _require_seed(key, config[key])
        require_fraction("target_fpr", config["target_fpr"])
        self.config, self.context = config, context
        self.code = code_at_hand(config)  # before any of it is imported
        self.folder = RunFolder(run_path(config))
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self.finished = self._found()
        if self.finished is not None:
            self.folder.tidy()
            return self
        if not self.context.force and (old := finished(self.config, keep_old=True)):
            self.context.reporter.note(
                f"{old.folder} was {difference(old, self.code)}: it is run again; --keep-old shows it as it is"
            )
        self.log = Log(self.config, self.folder.path, self.context.reporter.note)
        with ExitStack() as closing:
            closing.callback(self.log.leave)
            closing.callback(self.folder.unlock)
            self._claim()
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        with self._closing:
            return self._end(error)

    def hold(self, resource: AbstractContextManager[Any]) -> None:
        """Enter a context that is exited when the attempt ends."""
        self._closing.enter_context(resource)

    def _found(self) -> Run | None:
        return None if self.context.force else finished(self.config, self.context.keep_old, self.code)

    def _claim(self) -> None:
        try:
            self.folder.claim()
            self.finished = self._found()  # another process may have just finished it
            if self.finished is None:
                self.folder.start(self.config, resume=not self.context.force)
        except AdbenchError:
            self.folder.discard()
            raise

    def _end(self, error: BaseException | None) -> bool:
        """Record the outcome in the folder; returns whether to swallow the error."""
        if isinstance(error, AdbenchError | ApartError):
            self.folder.discard()
            return False
        if error is not None and not isinstance(error, Exception):
            return False
        if self.finished is not None:
            self.run = self.finished
            return False
        try:
            if isinstance(error, PrunedError):
                self.folder.fail(ERROR, f"{PRUNED}: {error}\n")
            elif error is not None:
                # Any exception of a detector or library.
                self.folder.fail(ERROR, "".join(traceback.format_exception(error)))
            self.run = read_run(self.folder.path)
            self.log.end(self.run.status, self.run.metrics)
        except AdbenchError:
            self.folder.discard()
            raise
        return True


def finished(config: Config, keep_old: bool = False, code: Code | None = None) -> Run | None:
    """The finished run of a configuration, if one answers it and was made by the code at hand; else None.

    keep_old: accept any code. code: the code at hand, if already computed.
    """
    run = finished_run(run_path(config))
    if run is None or not answers(run, config):
        return None
    return run if keep_old or not difference(run, code or code_at_hand(config)) else None


def require_one_wish(force: bool, keep_old: bool) -> None:
    """Raise ConfigError if both mutually exclusive options are set."""
    if force and keep_old:
        raise ConfigError("expected --force or --keep-old, got both; --force runs again what --keep-old leaves")


def answers(run: Run, config: Config) -> bool:
    """True if a run promises no larger rate than requested: see `relax_fpr` in configs/train.yaml."""
    return config[RELAX] or run.metrics["target_fpr"] <= config["target_fpr"] * (1 + 1e-9)


def _require_seed(key: str, value: int) -> None:
    require_at_least(key, value, 0)
    if value > MAX_SEED:
        raise ConfigError(f"expected {key} to be at most {MAX_SEED}, got {value}")


def run_path(config: Config) -> Path:
    """The run folder of a composed configuration."""
    return Path(config["runs_dir"]) / run_name(config)
