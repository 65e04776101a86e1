"""One run, from the command line's words to a folder of results."""

import contextlib
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from adbench.checks import require_at_least, require_fraction
from adbench.config import Config, compose, run_name
from adbench.errors import AdbenchError, ConfigError, PrunedError
from adbench.results import (
    ENVIRONMENT,
    ERROR,
    FROZEN,
    HISTORY,
    MODEL,
    PREPROCESS,
    PRUNED,
    Run,
    finished_run,
    read_run,
)
from adbench.run_folder import RunFolder

MAX_SEED = 2**32 - 1  # what numpy and torch both take


class Reporter:
    """Hears how a run gets on. This one is silent; `adbench.progress` has one that draws."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def callbacks(self) -> list[Any]:
        """Lightning callbacks that watch the training."""
        return []


def train(overrides: Iterable[str] = (), *, force: bool = False, reporter: Reporter | None = None) -> Run:
    """Compose a configuration and run it, or hand back the finished run of the same configuration.

    force: run again what is finished. Raises AdbenchError when the request is wrong, with nothing left behind.
    Any other failure in the run is a Run with status "failed", its traceback in error.txt.
    """
    return run(compose(overrides), force=force, reporter=reporter or Reporter())


def run(config: Config, *, force: bool, reporter: Reporter) -> Run:
    """`train` for a configuration that is composed already."""
    require_at_least("seed", config["seed"], 0)
    if config["seed"] > MAX_SEED:
        raise ConfigError(f"expected seed to be at most {MAX_SEED}, got {config['seed']}")
    require_fraction("target_fpr", config["target_fpr"])
    folder = RunFolder(run_path(config))
    finished = None if force else finished_run(folder.path)
    if finished is not None:
        return finished
    try:
        folder.start(config)
        _run_in(folder, config, reporter)
    except AdbenchError:
        folder.discard()
        raise
    except PrunedError as pruned:
        folder.fail(ERROR, f"{PRUNED}: {pruned}\n")
    except Exception:
        # Whatever a detector or a library raised: the run failed, and stays visible as a failed one.
        folder.fail(ERROR, traceback.format_exc())
    finally:
        folder.unlock()
    return read_run(folder.path)


def run_path(config: Config) -> Path:
    """Where the run of a composed configuration lies, or will lie."""
    return Path(config["runs_dir"]) / run_name(config)


def _run_in(folder: RunFolder, config: Config, reporter: Reporter) -> None:
    """The story of a run. Test labels are opened in its last act, against scores that are on disk."""
    # Imported here, so that a request with a typo is refused before seconds of imports.
    from pytorch_lightning import seed_everything

    from adbench.environment import describe, now
    from adbench.evaluation.alone import require_same_alone
    from adbench.evaluation.controls import ORACLE, best_column
    from adbench.evaluation.evaluate import evaluate
    from adbench.evaluation.sealed import Sealed, freeze
    from adbench.instantiate import build
    from adbench.losses import final_losses
    from adbench.training import History

    seed, seconds = config["seed"], Stopwatch(reporter)
    training = build(config["trainer"], "trainer", seed=seed)
    rule = build(config["threshold"], "threshold")
    # A reporter draws in this process; training processes of their own could not reach it.
    watching = reporter.callbacks() if training.in_this_process else []

    fingerprints, split, encoder = _load_and_split(config, rule, seconds)
    environment = describe(config, fingerprints)
    folder.write_json(ENVIRONMENT, environment)
    with seconds.of("transform"):
        x_fit, x_calibration, x_test = map(encoder.transform, (split.fit, split.calibration, split.test))
        require_same_alone(lambda rows: encoder.transform(split.test.take(rows)), None, x_test, "encoding")

    seed_everything(seed, workers=True, verbose=False)
    detector = build(config["model"], "model", n_features=x_fit.shape[1])
    untrained = detector.untrained()

    history = History(folder.path / HISTORY, x_calibration if training.calibration_loss else None)
    training.callbacks = [history, *watching]
    with seconds.of("fit"):
        n_rows_trained = detector.fit(x_fit, training)
    with seconds.of("calibrate"):
        # A protocol may have no calibration rows; a detector is not asked to score none.
        calibration_scores = detector.score_rows(x_calibration) if len(x_calibration) else x_calibration[:, 0]
    with seconds.of("score"):
        scores = detector.score_rows(x_test)
    require_same_alone(detector.score_rows, x_test, scores, "score")
    losses = final_losses(detector, x_calibration, folder.path / HISTORY)
    # A rule that promises a rate gets nothing of the test scores to look at.
    threshold = rule(calibration_scores, Sealed(len(scores)) if rule.promises_rate else scores, config["target_fpr"])
    with seconds.of("controls"):
        controls = _score_controls(config, untrained, x_fit, x_test)

    folder.write_part(MODEL, config["model"] | {"n_features": x_fit.shape[1]}, detector.arrays())
    folder.write_part(PREPROCESS, config["preprocess"] | {"fitted": encoder.description()}, encoder.arrays)
    folder.write_scores(split.test_rows, scores, labels=None)
    frozen = freeze(scores, threshold, folder.path / FROZEN)

    with seconds.of("evaluate"):
        labels = split.labels.open(frozen)
        column, of_column = best_column(x_test, labels.label)
        metrics = evaluate(frozen, config["target_fpr"], labels, controls | {ORACLE: of_column})
    folder.write_scores(split.test_rows, scores, labels)
    folder.write_json(ENVIRONMENT, environment | {"end": now(), ORACLE: encoder.column_names[column]})
    metrics |= {
        "promises_fpr": int(rule.promises_rate),
        "n_fit": len(split.fit),
        "n_calibration": len(split.calibration),
        "n_test": len(split.test),
        "rows_per_second": n_rows_trained / seconds.measured["fit_seconds"],
    }
    folder.finish(metrics | losses | seconds.measured)


def _load_and_split(config: Config, rule: Any, seconds: "Stopwatch") -> tuple[dict[str, str], Any, Any]:
    """The fingerprints of the data, the split, and the encoder fitted on its fit rows."""
    from adbench.evaluation.thresholds.base import require_rows
    from adbench.instantiate import build

    with seconds.of("load"):
        table = build(config["data"], "data")
    fingerprints = table.fingerprints
    with seconds.of("preprocess"):
        split = build(config["protocol"], "protocol")(table, config["seed"])
        del table  # and with it the labels: nothing that is called from here on finds them
        require_rows(rule, len(split.calibration), config["target_fpr"])  # before hours of training, not after
        encoder = build(config["preprocess"], "preprocess").fit(split.fit)
    return fingerprints, split, encoder


def _score_controls(config: Config, untrained: Any, x_fit: Any, x_test: Any) -> dict[str, Any]:
    """Control name -> scores of the test rows, each checked as the model's own scores are."""
    from adbench.evaluation.evaluate import UNTRAINED
    from adbench.evaluation.sealed import require_scores
    from adbench.instantiate import build

    controls: dict[str, Any] = build(config["controls"], "controls")(x_fit, x_test, config["seed"])
    if untrained is not None:
        controls = {UNTRAINED: untrained.score_rows(x_test)} | controls
    for name, scores in controls.items():
        require_scores(scores, len(x_test), f"test rows by the control {name}")
    return controls


class Stopwatch:
    """Wall-clock seconds of each stage of a run, under its metric name."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.measured: dict[str, float] = {}

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        self.reporter.stage(stage)
        start = time.perf_counter()
        yield
        self.measured[f"{stage}_seconds"] = time.perf_counter() - start
