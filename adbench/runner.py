"""One run, from the command line's words to a folder of results."""

import contextlib
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adbench.checks import require_at_least, require_fraction
from adbench.config import Config, compose, run_name
from adbench.errors import AdbenchError, ConfigError
from adbench.results import (
    ENVIRONMENT,
    ERROR,
    FROZEN,
    HISTORY,
    MODEL,
    PREPROCESS,
    Run,
    finished_run,
    read_run,
)
from adbench.run_folder import RunFolder

if TYPE_CHECKING:
    from adbench.prepared import Kept, Prepared

MAX_SEED = 2**32 - 1  # what numpy and torch both take


class Reporter:
    """Hears how a run gets on. This one is silent; `adbench.progress` has one that draws."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def note(self, sentence: str) -> None:
        """Something that the user should know, though nothing is wrong."""

    def callbacks(self) -> list[Any]:
        """Lightning callbacks that watch the training."""
        return []


class PlainReporter(Reporter):
    """For a stderr that is a file or a pipe: no drawing, but what is worth a line."""

    def note(self, sentence: str) -> None:
        """One line."""
        print(f"adbench: {sentence}", file=sys.stderr, flush=True)


def train(overrides: Iterable[str] = (), *, force: bool = False, reporter: Reporter | None = None) -> Run:
    """Compose a configuration and run it, or hand back the finished run of the same configuration.

    force: run again what is finished. Raises AdbenchError when the request is wrong, with nothing left behind.
    Any other failure in the run is a Run with status "failed", its traceback in error.txt.
    """
    return run(compose(overrides), force=force, reporter=reporter or Reporter())


def run(config: Config, *, force: bool, reporter: Reporter, kept: "Kept | None" = None) -> Run:
    """`train` for a configuration that is composed already. kept: rows that runs of this process share."""
    require_at_least("seed", config["seed"], 0)
    if config["seed"] > MAX_SEED:
        raise ConfigError(f"expected seed to be at most {MAX_SEED}, got {config['seed']}")
    require_fraction("target_fpr", config["target_fpr"])
    folder = RunFolder(run_path(config))
    finished = None if force else finished_run(folder.path)
    if finished is not None:
        folder.forget_checkpoint()  # which a kill right after the metrics leaves
        return finished
    try:
        folder.start(config, resume=not force)
        _run_in(folder, config, reporter, kept)
    except AdbenchError:
        folder.discard()
        raise
    except Exception:
        # Whatever a detector or a library raised: the run failed, and stays visible as a failed one.
        folder.fail(ERROR, traceback.format_exc())
    finally:
        folder.unlock()
    return read_run(folder.path)


def run_path(config: Config) -> Path:
    """Where the run of a composed configuration lies, or will lie."""
    return Path(config["runs_dir"]) / run_name(config)


def _run_in(folder: RunFolder, config: Config, reporter: Reporter, kept: "Kept | None") -> None:
    """The story of a run. Test labels are opened in its last act, against scores that are on disk."""
    # Imported here, so that a request with a typo is refused before seconds of imports.
    from pytorch_lightning import seed_everything

    from adbench.checkpoint import identity
    from adbench.environment import describe, now
    from adbench.evaluation.alone import require_same_alone
    from adbench.evaluation.controls import ORACLE, best_column
    from adbench.evaluation.evaluate import evaluate
    from adbench.evaluation.sealed import Sealed, freeze
    from adbench.instantiate import build
    from adbench.prepared import prepare
    from adbench.training import History

    seed, seconds = config["seed"], Stopwatch(reporter)
    training = build(config["trainer"], "trainer", seed=seed)
    rule = build(config["threshold"], "threshold")
    # A reporter draws in this process; training processes of their own could not reach it.
    watching = reporter.callbacks() if training.in_this_process else []
    training.callbacks = [History(folder.path / HISTORY), *watching]

    rows = prepare(config, rule, seconds, kept)
    x_fit, x_calibration, x_test = rows.matrices
    environment = describe(config, rows.fingerprints)
    folder.write_json(ENVIRONMENT, environment)

    seed_everything(seed, workers=True, verbose=False)
    detector = build(config["model"], "model", n_features=x_fit.shape[1])
    untrained = detector.untrained()

    training.keep_checkpoint(folder.checkpoint(), identity(config, environment, folder.path.name), reporter.note)
    with seconds.of("fit"):
        n_rows_trained = detector.fit(x_fit, training)
    if training.checkpoint is not None:
        seconds.measured["fit_seconds"] += training.checkpoint.seconds_before
        environment["resumed_after_epoch"] = training.checkpoint.resumed_after
    with seconds.of("calibrate"):
        # A protocol may have no calibration rows; a detector is not asked to score none.
        calibration_scores = detector.score_rows(x_calibration) if len(x_calibration) else x_calibration[:, 0]
    with seconds.of("score"):
        scores = detector.score_rows(x_test)
    require_same_alone(detector.score_rows, x_test, scores, "score")
    # A rule that promises a rate gets nothing of the test scores to look at.
    threshold = rule(calibration_scores, Sealed(len(scores)) if rule.promises_rate else scores, config["target_fpr"])
    with seconds.of("controls"):
        controls = _score_controls(config, untrained, rows)
    control_thresholds = _control_thresholds(rule, controls, config["target_fpr"])

    folder.write_part(MODEL, config["model"] | {"n_features": x_fit.shape[1]}, detector.arrays())
    folder.write_part(PREPROCESS, config["preprocess"] | {"fitted": rows.encoder.description()}, rows.encoder.arrays)
    folder.write_scores(rows.test_rows, scores, labels=None)
    frozen = freeze(scores, threshold, folder.path / FROZEN)

    with seconds.of("evaluate"):
        labels = rows.labels.open(frozen)
        column, of_column = best_column(x_test, labels.label)
        controls |= {ORACLE: of_column}
        metrics = evaluate(frozen, config["target_fpr"], labels, controls, control_thresholds)
    folder.write_scores(rows.test_rows, scores, labels)
    folder.write_json(ENVIRONMENT, environment | {"end": now(), ORACLE: rows.encoder.column_names[column]})
    metrics |= {
        "promises_fpr": int(rule.promises_rate),
        "n_fit": len(x_fit),
        "n_calibration": len(x_calibration),
        "n_test": len(x_test),
        "rows_per_second": n_rows_trained / seconds.measured["fit_seconds"],
    }
    folder.finish(metrics | seconds.measured)


def _score_controls(config: Config, untrained: Any, rows: "Prepared") -> dict[str, Any]:
    """Control name -> scores of the test rows, each checked as the model's own scores are."""
    from adbench.evaluation.evaluate import UNTRAINED
    from adbench.evaluation.sealed import require_scores
    from adbench.prepared import control_scores

    controls = dict(control_scores(config, rows))
    if untrained is not None:
        controls = {UNTRAINED: untrained.score_rows(rows.x_test)} | controls
    for name, scores in controls.items():
        require_scores(scores, len(rows.x_test), f"test rows by the control {name}")
    return controls


def _control_thresholds(rule: Any, controls: dict[str, Any], target_fpr: float) -> dict[str, float]:
    """Control name -> its threshold, where the rule asks for test scores alone: a control has no calibration scores."""
    import numpy as np

    if rule.promises_rate or rule.rows_needed(target_fpr):
        return {}
    return {name: rule(np.empty(0), scores, target_fpr) for name, scores in controls.items()}


class Stopwatch:
    """Wall-clock seconds of each stage of a run, under its metric name."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.measured = dict.fromkeys(("load_seconds", "preprocess_seconds", "transform_seconds"), 0.0)  # if shared

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        self.reporter.stage(stage)
        start = time.perf_counter()
        yield
        self.measured[f"{stage}_seconds"] = time.perf_counter() - start
