"""Stages of a run, in order. Imports torch, so `runner.run` imports it only when there is something to run."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from pytorch_lightning import seed_everything

from adbench.arrays.columns import Columns
from adbench.arrays.types import Matrix
from adbench.config.instantiate import build, locate
from adbench.config.keys import OTHER_SEEDS, Config
from adbench.evaluation.batch_invariance import WARMING_ROWS, try_rows
from adbench.evaluation.controls import ORACLE, UNTRAINED, best_column
from adbench.evaluation.evaluate import evaluate
from adbench.evaluation.over_time import IS_DATE, time_slices
from adbench.evaluation.seal import Frozen, Labels, Sealed, freeze, require_scores
from adbench.evaluation.shift import normal_shift
from adbench.models.base import Calibrates, KeepsObjects, as_taken, require_takes_codes
from adbench.preprocess.base import CODES
from adbench.preprocess.usual import without_values
from adbench.results.folder import RunFolder
from adbench.results.formats import without_target
from adbench.results.provenance import describe, now
from adbench.results.record import COLUMNS, ENVIRONMENT, FROZEN, HISTORY, MODEL, PREPROCESS, read_history
from adbench.runner.cross import CrossDetector, detector_for, fpr_bound, n_calibrating, n_folds, require_possible
from adbench.runner.prepare import control_scores, rate_of
from adbench.runner.prepare import prepare as prepare_rows
from adbench.runner.prepared_cache import Matrices, Prepared
from adbench.runner.reporter import Stopwatch
from adbench.runner.run import Attempt
from adbench.training.checkpoint import Checkpoint, identity, random_states
from adbench.training.history import History
from adbench.training.losses import final_losses
from adbench.training.process import deterministic
from adbench.training.trainer import Training


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a training. seconds: its share, if several runs were trained as one."""

    n_rows: int  # processed over all epochs
    seconds: float
    resumed_after: int | None  # epoch; None: not resumed from a checkpoint
    trained_with: tuple[str, ...] = ()  # names of the other runs

    @classmethod
    def after(cls, training: Training, n_rows: int, seconds: float) -> Self:
        """The result of a training, counting the seconds spent before the checkpoint it resumed from."""
        checkpoint = training.checkpoint
        if checkpoint is None:
            return cls(n_rows, seconds, None)
        return cls(n_rows, seconds + checkpoint.seconds_before, checkpoint.resumed_after)

    def described(self) -> dict[str, Any]:
        """Its entries in environment.json."""
        together = {"trained_with": list(self.trained_with)} if self.trained_with else {}
        return {"resumed_after_epoch": self.resumed_after} | together


@dataclass(frozen=True)
class Ready:
    """A run that is ready to be trained."""

    run: str  # its name
    rows: Prepared
    detector: Any
    untrained: Any  # untrained twin of the detector
    controls: dict[str, Any]  # control name -> scores of the test rows
    rule: Any  # threshold rule
    target_fpr: float  # the threshold's target
    training: Training
    history: History
    draw_seed: int  # seed of its random draws
    random_states: dict[str, Any]  # the generators' current states
    environment: dict[str, Any]  # content of environment.json so far
    seconds: Stopwatch

    @property
    def x(self) -> Matrix:
        """The fit rows, without known anomalies."""
        return self.rows.matrices.fit

    @property
    def learns_from_labels(self) -> bool:
        """True if there are known anomalies and the detector takes them."""
        return len(self.rows.matrices.anomalies) > 0 and getattr(self.detector, "takes_labels", False)

    def train_alone(self) -> TrainingResult:
        """Train the detector, not stacked with others."""
        with self.seconds.of("fit"):
            start = time.perf_counter()
            if self.learns_from_labels:
                x, labels = self.rows.with_anomalies()
                n_rows = self.detector.fit(x, self.training, labels)
            else:
                n_rows = self.detector.fit(self.x, self.training)
            return TrainingResult.after(self.training, n_rows, time.perf_counter() - start)


def prepare(attempt: Attempt) -> Ready:
    """Do everything in a run that precedes its training.

    From here to the end of the run, the process's arithmetic follows the run's settings.
    """
    config, folder, log, reporter = attempt.config, attempt.folder, attempt.log, attempt.context.reporter
    seconds = Stopwatch(reporter)
    settings = build(config["trainer"], "trainer", seed=_seeds(config)[1])
    attempt.hold(deterministic(settings.threads))
    rule = build(config["threshold"], "threshold")
    require_possible(config, rule)
    model = locate(config["model"], "model")
    if config["preprocess"].get("categories") == CODES:  # a user's own encoder may lack the key
        require_takes_codes(model, config["choices"]["model"])

    rows = prepare_rows(config, rule, seconds, attempt.context.rows)
    with seconds.of("controls"):  # before the detector sees the rows, which it may modify in place
        controls = dict(control_scores(config, rows))
    for warning in rows.warnings:
        reporter.warn(warning)
    environment = describe(config, rows.fingerprints, attempt.code) | {"warnings": list(rows.warnings)}
    if config["trainer"]["accelerator"] == "gpu":
        environment["gpu"] = torch.cuda.get_device_name()
    if rows.test_order is not None:
        environment[IS_DATE] = rows.test_order.is_date
    folder.write_json(ENVIRONMENT, environment)
    log.begin()

    rows = rows.shaped(as_taken(model, rows.encoder.columns))
    detector, untrained, draw_seed = _detector(config, rows.encoder, model)
    n_calibration = len(rows.matrices.calibration) // (2 if isinstance(detector, Calibrates) else 1)
    target_fpr = rate_of(config, rule, n_calibration, len(rows.matrices.fit))
    n_calibration = n_calibrating(config, n_calibration, len(rows.matrices.fit))
    if target_fpr > config["target_fpr"]:
        reporter.note(
            f"{n_calibration:,} calibration rows cannot promise {100 * config['target_fpr']:.3g} % of false alarms:"
            f" the threshold promises {100 * target_fpr:.3g} %, the least that they can; target_fpr= asks for another"
        )
    if caveat := rule.caveat(n_calibration, len(rows.matrices.test)):
        reporter.note(caveat)
    if (n_known := len(rows.matrices.anomalies)) and not getattr(detector, "takes_labels", False):
        model = config["choices"]["model"]
        reporter.note(f"model={model} does not learn from labels: {n_known:,} known anomalies are left out")
    # Reporter and loggers live in this process; training processes can only write the history file.
    here = settings.in_this_process
    tell, watching = (log.epoch, reporter.callbacks()) if here else (None, [])
    history = History(folder.path / HISTORY, rows.matrices.calibration if settings.calibration_loss else None, tell)
    checkpoint = None
    if here and settings.checkpoint_seconds is not None and n_folds(config) is None:  # a checkpoint covers one training
        made_with = identity(config, environment, folder.path.name)
        checkpoint = Checkpoint(folder.checkpoint(), settings.checkpoint_seconds, made_with, reporter.note)
    training = Training(settings, [history, *watching], checkpoint, reporter.note)
    return Ready(
        run=folder.path.name,
        rows=rows,
        detector=detector,
        untrained=untrained,
        controls=controls,
        rule=rule,
        target_fpr=target_fpr,
        training=training,
        history=history,
        draw_seed=draw_seed,
        random_states=random_states(),
        environment=environment,
        seconds=seconds,
    )


def conclude(attempt: Attempt, ready: Ready, result: TrainingResult) -> None:
    """Do everything after the training. The test labels are opened last, against scores already on disk."""
    config, folder = attempt.config, attempt.folder
    rows, detector, rule, seconds = ready.rows, ready.detector, ready.rule, ready.seconds
    x_fit, x_calibration, x_test, x_anomalies = rows.matrices
    for row in [] if ready.training.settings.in_this_process else read_history(folder.path / HISTORY):
        attempt.log.epoch(row)
    seconds.measured["fit_seconds"] = result.seconds
    environment = ready.environment | result.described()
    with seconds.of("calibrate"):
        # There may be no calibration rows; detectors need not handle zero rows.
        if _calibrate(detector, x_calibration):
            x_calibration = x_calibration[1::2]
    trial = try_rows(
        detector,
        lambda copied, of_test: copied.score_rows(x_test[of_test]),
        len(x_test),
        warm=lambda fitted: fitted.score_rows(x_fit[:WARMING_ROWS]),
    )
    with seconds.of("calibrate"):
        calibration_scores = detector.score_rows(x_calibration) if len(x_calibration) else np.empty(0)
        if isinstance(detector, CrossDetector):
            calibration_scores = detector.calibration_scores
    with seconds.of("score"):
        scores = detector.score_rows(x_test)
    trial.require_same(detector, scores)
    losses = final_losses(detector, x_calibration, folder.path / HISTORY)
    # A rule that promises a rate must not see the test scores.
    threshold = rule(calibration_scores, Sealed(len(scores)) if rule.promises_rate else scores, ready.target_fpr)
    with seconds.of("controls"):
        controls = _with_untrained(ready.controls, ready.untrained, ready.rows.matrices)
    control_thresholds = _control_thresholds(rule, controls, ready.target_fpr)

    with seconds.of("save"):
        _save(folder, config, detector, rows, scores, calibration_scores)
    frozen = freeze(scores, threshold, folder.path / FROZEN)

    with seconds.of("evaluate"):
        labels = rows.labels.open(frozen)
        encoded = rows.plain(x_test), rows.encoder.columns.plain().names
        column, of_column = best_column(encoded, (rows.deviations, rows.own_columns), labels.label)
        controls = controls | {ORACLE: of_column}
        judged = partial(rule.judged, n_calibration=len(calibration_scores), target_fpr=ready.target_fpr)
        # CV+ has its own, weaker promise instead of the rule's.
        of_rule = (judged,) if n_folds(config) is None else ()
        evaluation = evaluate(frozen, ready.target_fpr, labels, controls, control_thresholds, *of_rule)
        changes = _changes(rows, frozen, labels, detector, calibration_scores, x_calibration)
    metrics = evaluation.metrics | changes
    with seconds.of("save"):
        folder.write_influences(evaluation.influences)
        folder.write_scores(rows.test_rows, scores, labels, rows.test_ids, rows.test_order)
    folder.write_json(ENVIRONMENT, environment | {"end": now(), ORACLE: column})
    metrics |= {"promises_fpr": int(rule.promises_rate), "rows_per_second": result.n_rows / result.seconds}
    if ready.learns_from_labels:
        metrics["n_known_anomalies"] = len(x_anomalies)
    n_calibration = n_calibrating(config, len(x_calibration), len(x_fit))
    metrics |= {"n_fit": len(x_fit), "n_calibration": n_calibration, "n_test": len(x_test)}
    if (folds := n_folds(config)) is not None:
        metrics |= {"promises_fpr": 0, "fpr_bound": fpr_bound(ready.target_fpr, n_calibration, folds)}
    folder.finish(metrics | losses | seconds.measured)


def _seeds(config: Config) -> list[int]:
    """The seeds of the initial weights, and of row order and all other draws."""
    return [config["seed"] if config.get(key) is None else config[key] for key in OTHER_SEEDS]


def _detector(config: Config, encoder: Any, model: Any) -> tuple[Any, Any, int]:
    """A detector with its initial weights, its untrained twin, and the seed of its further draws."""
    init_seed, order_seed = _seeds(config)
    seed_everything(init_seed, workers=True, verbose=False)

    def make(columns: Columns) -> Any:
        return build(config["model"], "model", columns=as_taken(model, columns))

    detector = detector_for(config, encoder, make)
    untrained = detector.untrained()
    if all(config.get(key) is None for key in OTHER_SEEDS):
        return detector, untrained, init_seed  # draws continue after those of the weights
    seed_everything(order_seed, workers=True, verbose=False)
    return detector, untrained, order_seed


def _save(folder: RunFolder, config: Config, detector: Any, rows: Prepared, scores: Any, calibration: Any) -> None:
    folder.write_part(MODEL, _named(config, MODEL) | {"n_features": rows.matrices.fit.shape[-1]}, detector.arrays())
    if isinstance(detector, KeepsObjects):
        folder.write_objects(detector.objects())
    fitted = {"fitted": rows.encoder.description()}
    folder.write_part(PREPROCESS, _named(config, PREPROCESS) | fitted, rows.encoder.arrays)
    folder.write_json(COLUMNS, {"columns": rows.usual if config["keep_values"] else without_values(rows.usual)})
    folder.write_calibration(calibration)
    folder.write_scores(rows.test_rows, scores, None, rows.test_ids, rows.test_order)


def _named(config: Config, group: str) -> dict[str, Any]:
    """The option of a group and its arguments as stored: by name, not by Python path."""
    return {group: config["choices"][group], "arguments": without_target(config[group])}


def _calibrate(detector: Any, x_calibration: Matrix) -> bool:
    """Let a detector that calibrates see every other calibration row, which the threshold then must not use."""
    if not isinstance(detector, Calibrates) or not len(x_calibration):
        return False
    detector.calibrate(x_calibration[::2])
    return True


def _changes(
    rows: Prepared, frozen: Frozen, labels: Labels, detector: Any, calibration_scores: Any, x_calibration: Matrix
) -> dict[str, float]:
    """Metrics of the normals' shift since calibration, and of performance over time, where available."""
    metrics: dict[str, float] = {}
    # Across folds, calibration and test rows are scored by different models.
    if len(x_calibration) and rows.calibration_is_normal and not isinstance(detector, CrossDetector):
        metrics |= normal_shift(frozen, labels, rows.matrices.test, calibration_scores, x_calibration)
    if rows.test_order is not None:
        metrics |= time_slices(frozen, labels, rows.test_order)
    return metrics


def _with_untrained(controls: dict[str, Any], untrained: Any, rows: Matrices) -> dict[str, Any]:
    """Control name -> scores of the test rows, including the untrained twin, checked like the model's own."""
    x_test = rows.test
    if untrained is not None:
        _calibrate(untrained, rows.calibration)
        controls = {UNTRAINED: untrained.score_rows(x_test)} | controls
    for name, scores in controls.items():
        require_scores(scores, len(x_test), f"test rows by the control {name}")
    return controls


def _control_thresholds(rule: Any, controls: dict[str, Any], target_fpr: float) -> dict[str, float]:
    """Control name -> threshold, if the rule needs only test scores: controls have no calibration scores."""
    if rule.promises_rate or rule.rows_needed(target_fpr):
        return {}
    return {name: rule(np.empty(0), scores, target_fpr) for name, scores in controls.items()}
