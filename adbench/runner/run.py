"""One run, from the command line's words to a folder of results."""

import traceback
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adbench.config.checks import require_at_least, require_fraction
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.config.keys import OTHER_SEEDS, Config
from adbench.errors import AdbenchError, ConfigError, PrunedError
from adbench.results.folder import RunFolder
from adbench.results.record import ERROR, PRUNED, Run, finished_run, read_run
from adbench.runner.imports import uncollected
from adbench.runner.loggers.log import Log
from adbench.runner.reporter import Reporter, Stopwatch

if TYPE_CHECKING:
    from adbench.runner.prepare import Kept

Steps = Generator[Any, Any, Any]

MAX_SEED = 2**32 - 1  # what numpy and torch both take


def train(overrides: Iterable[str] = (), *, force: bool = False, reporter: Reporter | None = None) -> Run:
    """Compose a configuration and run it, or hand back the finished run of the same configuration.

    force: run again what is finished. Raises AdbenchError when the request is wrong, with nothing left behind.
    Any other failure in the run is a Run with status "failed", its traceback in error.txt.
    """
    return run(compose(overrides), force=force, reporter=reporter or Reporter())


def run(config: Config, *, force: bool, reporter: Reporter, kept: "Kept | None" = None) -> Run:
    """`train` for a configuration that is composed already. kept: rows that runs of this process share."""
    steps = steps_of(config, force=force, reporter=reporter, kept=kept)
    try:
        fit = next(steps)
    except StopIteration as over:
        return over.value
    return finish(steps, fit.alone)


def finish(steps: Steps, fit: Callable[[], Any]) -> Run:
    """Train by `fit` a run that waits for it, and go on to its end. What the training raises, it raises in the run."""
    try:
        try:
            fitted = fit()
        except BaseException as error:
            steps.throw(error)
        else:
            steps.send(fitted)
    except StopIteration as over:
        return over.value
    raise AssertionError("a run trains once")


def steps_of(config: Config, *, force: bool, reporter: Reporter, kept: "Kept | None" = None) -> Steps:
    """A run in two steps: yields its `adbench.runner.stages.Fit`, waits for what came of it, and returns the Run.

    So several runs can be trained as one. Closed before its training, it leaves nothing behind.
    """
    for key in ("seed", *(key for key in OTHER_SEEDS if config.get(key) is not None)):
        _require_seed(key, config[key])
    require_fraction("target_fpr", config["target_fpr"])
    folder = RunFolder(run_path(config))
    finished = None if force else finished_run(folder.path)
    if finished is not None:
        folder.forget_checkpoint()  # which a kill right after the metrics leaves
        return finished
    log = Log(config, folder.path, reporter.note)
    try:
        folder.claim()
        finished = None if force else finished_run(folder.path)  # by another process, until a moment ago
        if finished is not None:
            return finished
        folder.start(config, resume=not force)
        yield from _attempt(folder, config, reporter, kept, log)
        ended = read_run(folder.path)
        log.end(ended.status, ended.metrics)
        return ended
    except (AdbenchError, GeneratorExit):
        folder.discard()
        raise
    finally:
        folder.unlock()
        log.leave()


def _attempt(folder: RunFolder, config: Config, reporter: Reporter, kept: "Kept | None", log: Log) -> Steps:
    try:
        # Imported here, so that a request with a typo is refused before seconds of imports.
        with Stopwatch(reporter).of("import"), uncollected():
            from adbench.runner.stages import run_in

        yield from run_in(folder, config, reporter, kept, log)
    except AdbenchError:
        raise
    except PrunedError as pruned:
        folder.fail(ERROR, f"{PRUNED}: {pruned}\n")
    except Exception:
        # Whatever a detector or a library raised: the run failed, and stays visible as a failed one.
        folder.fail(ERROR, traceback.format_exc())


def _require_seed(key: str, value: int) -> None:
    require_at_least(key, value, 0)
    if value > MAX_SEED:
        raise ConfigError(f"expected {key} to be at most {MAX_SEED}, got {value}")


def run_path(config: Config) -> Path:
    """Where the run of a composed configuration lies, or will lie."""
    return Path(config["runs_dir"]) / run_name(config)
